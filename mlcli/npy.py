"""Arrays in NumPy's file format, read without believing their headers.

NumPy allocates what a header claims, and may unpickle what stands behind it.
Here the claim is held against the bytes that are there, before anything is built.
"""

from __future__ import annotations

import io
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

from mlcli.errors import ArtifactError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COUNT = rb"(?:0|[1-9][0-9]{0,18})"
_SHAPE = rb"\((?:" + _COUNT + rb",|" + _COUNT + rb"(?:, " + _COUNT + rb"){1,31})?\)"
_DTYPE = rb"'[<>|=][A-Za-z]" + _COUNT + rb"(?:\[[0-9A-Za-z]{1,9}\])?'"
_FIELD = rb"\('[A-Za-z0-9_]*', " + _DTYPE + rb"(?:, " + _SHAPE + rb")?\)"
_NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)"
    rb"\{'descr': (?:" + _DTYPE + rb"|\[" + _FIELD + rb"(?:, " + _FIELD + rb")*\])"
    rb", 'fortran_order': (?:True|False), 'shape': " + _SHAPE + rb", \} *\n",
    re.DOTALL,
)
"""What NumPy writes before an array. Any other header it would try to parse as Python of old."""


def view_npy(content: memoryview, *, place: str) -> NDArray[Any]:
    """Return the array in an npy file, as a view that cannot be written to.

    Raises
    ------
    ArtifactError
        If it holds objects, or fewer bytes than its header claims: NumPy
        itself would allocate what the header claims.
    """
    import numpy as np
    from numpy.lib import format as npy

    header = _NPY_HEADER.match(content[: 1 << 16])
    if header is None or int.from_bytes(header["length"], "little") != len(header[0]) - 10:
        _refuse(place, "must be an array in NumPy's format", "another header")
    file = io.BytesIO(header[0])
    try:
        npy.read_magic(file)
        shape, is_fortran, dtype = npy.read_array_header_1_0(file)
    except (ValueError, TypeError):
        _refuse(place, "must be an array in NumPy's format", "another header")
    values = content[len(header[0]) :]
    count = math.prod(shape)
    is_plain = not dtype.hasobject and (dtype.itemsize > 0 or count == 0)
    if not is_plain or min(shape, default=0) < 0 or count * dtype.itemsize != len(values):
        _refuse(place, "must hold an array of plain values, as long as its header says", f"{dtype} {shape}")
    try:
        # An empty buffer is refused by NumPy, though an empty array is not.
        flat = np.frombuffer(values, dtype) if count else np.empty(0, dtype)
        return flat.reshape(shape, order="F" if is_fortran else "C")
    except (ValueError, OverflowError):
        _refuse(place, "must hold an array of a possible shape", str(shape))


def _refuse(place: str, rule: str, got: str) -> NoReturn:
    raise ArtifactError(f"{place} {rule}. Got {got}.", hint="Train again; do not use a model from an unknown source.")
