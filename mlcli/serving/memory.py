"""Memory that loading a model took and no longer needs."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Give freed memory back to the system, where the C library keeps it and can be asked (glibc).

    Loading a forest of 200 trees leaves some 20 MB of it between what stays.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
