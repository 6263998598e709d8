"""Tensor data after the JSON: raw little-endian bytes, texts with their lengths before them.

References
----------
.. [1] Triton Inference Server, "Binary Tensor Data Extension".
"""

from __future__ import annotations

import struct
from itertools import chain
from typing import Any

import numpy as np

from mlcli.serving.call import Call, Problem
from mlcli.serving.dialects.addressed import shown_name
from mlcli.serving.dialects.v2_types import NUMBERS, RequestInput, Tensor, check_size, checked_shape

HEADER = "Inference-Header-Content-Length"
"""Length of the JSON in bytes, where data follow it."""

_LENGTH = struct.Struct("<I")


def divide_body(call: Call) -> tuple[bytes, memoryview]:
    """Return the JSON of a body, and the bytes that follow it.

    Raises
    ------
    Problem
        400, if the header names no length within the body.
    """
    stated = call.headers.get(HEADER.lower())
    if stated is None:
        return call.body, memoryview(b"")
    # Twelve digits are more than any body's length, and int() reads them in no time.
    if not (stated.isascii() and stated.isdigit() and len(stated) <= 12 and int(stated) <= len(call.body)):
        raise Problem(400, f"{HEADER} must be the length of the JSON in bytes, at most that of the body.")
    return call.body[: int(stated)], memoryview(call.body)[int(stated) :]


def binary_size(tensor: RequestInput) -> int | None:
    """Return the length of an input's data after the JSON; None where they stand in it.

    Raises
    ------
    Problem
        400, if it is no length, or data stand in the JSON as well.
    """
    size = (tensor.parameters or {}).get("binary_data_size")
    if size is None:
        return None
    place = f"input {shown_name(tensor.name)}"
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Problem(400, f"{place}: binary_data_size must be a number of bytes, 0 or more.")
    if len(tensor.data):
        raise Problem(400, f"{place} must hold its data in the JSON or after it, not both.")
    return size


def read_binary_tensor(tensor: RequestInput, content: memoryview) -> Tensor:
    """Read an input whose data are bytes.

    Raises
    ------
    Problem
        400, if the bytes are not elements of the datatype or do not fill the shape.
    """
    shape = checked_shape(tensor)
    if tensor.datatype == "BYTES":
        texts = _read_texts(content, place=f"input {shown_name(tensor.name)}")
        check_size(tensor.name, shape, len(texts))
        return Tensor(tensor.name, tensor.datatype, shape, texts)
    dtype = np.dtype(NUMBERS[tensor.datatype])
    if len(content) % dtype.itemsize:
        raise Problem(400, f"input {shown_name(tensor.name)}: data must be whole elements of {dtype.itemsize} bytes.")
    if tensor.datatype == "BOOL":
        # Any byte but 0 is true; numpy's own view of another byte than 1 compares as neither.
        cells: Any = np.frombuffer(content, dtype=np.uint8) != 0
    else:
        cells = np.frombuffer(content, dtype=dtype)
    check_size(tensor.name, shape, len(cells))
    return Tensor(tensor.name, tensor.datatype, shape, cells.astype(np.float64) if dtype.kind == "f" else cells)


def write_binary(tensor: Tensor) -> bytes:
    """Return the data of an output as bytes."""
    if tensor.datatype == "BYTES":
        texts = [str(cell).encode() for cell in tensor.cells]
        return b"".join(chain.from_iterable((_LENGTH.pack(len(text)), text) for text in texts))
    return np.asarray(tensor.cells, dtype=NUMBERS[tensor.datatype]).tobytes()


def _read_texts(content: memoryview, *, place: str) -> list[str]:
    texts: list[str] = []
    start, end = 0, len(content)
    while start < end:
        if start + _LENGTH.size > end:
            raise Problem(400, f"{place}: each text must follow its length, 4 bytes.")
        (length,) = _LENGTH.unpack_from(content, start)
        start += _LENGTH.size
        if start + length > end:
            raise Problem(400, f"{place}: text {len(texts) + 1} must be as long as the 4 bytes before it say.")
        try:
            texts.append(str(content[start : start + length], "utf-8"))
        except UnicodeDecodeError:
            raise Problem(400, f"{place}: text {len(texts) + 1} must be UTF-8.") from None
        start += length
    return texts
