"""Fits in one thread each."""

from __future__ import annotations

from typing import Any


def one_thread() -> Any:
    """Return a context in which libraries compute in one thread: fits run beside each other, and sums keep their order."""
    import sklearn.ensemble  # noqa: F401  # what is loaded later is not limited, and boosting writes its threads down
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)
