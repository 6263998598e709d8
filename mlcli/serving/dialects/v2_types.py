"""The tensors of the Open Inference Protocol, and the forms of its request.

References
----------
.. [1] Open Inference Protocol, "Inference Protocol V2", https://github.com/open-inference/open-inference-protocol
.. [2] Triton Inference Server, "Binary Tensor Data Extension".
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import Column
from mlcli.serving.call import Problem
from mlcli.serving.dialects.addressed import shown_name

NUMBERS: dict[str, str] = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""Datatypes of a fixed size, as numpy writes them; little endian on the wire."""

DATATYPES = (*NUMBERS, "BYTES")
"""Every datatype that a tensor may have."""

Cells = NDArray[Any] | list[Any]
"""The elements of a tensor, flat, row after row: an array, or a list where some are missing or are texts."""


class RequestInput(msgspec.Struct):
    """One tensor of a request, its data not yet read."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: dict[str, Any] | None = None


class RequestOutput(msgspec.Struct):
    """One output that a request asks for."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct):
    """An inference request."""

    inputs: list[RequestInput]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestOutput] | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array.

    Parameters
    ----------
    name, datatype : str
        Its name, and one of `DATATYPES`.
    shape : tuple of int
        Its shape.
    cells : ndarray or list
        Its elements, flat, row after row.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    cells: Cells


def checked_shape(tensor: RequestInput) -> tuple[int, ...]:
    """Return the shape of an input whose head is sound.

    Raises
    ------
    Problem
        400, if the datatype is unknown, or the shape has no or a negative dimension.
    """
    if tensor.datatype not in DATATYPES:
        raise Problem(400, f"input {shown_name(tensor.name)}: datatype must be one of {', '.join(DATATYPES)}.")
    if not tensor.shape or min(tensor.shape) < 0:
        raise Problem(400, f"input {shown_name(tensor.name)}: shape must be [rows] or [rows, columns], each 0 or more.")
    return tuple(tensor.shape)


def check_size(name: str, shape: tuple[int, ...], n_cells: int) -> None:
    """Refuse data that do not fill their shape.

    Raises
    ------
    Problem
        400, with both numbers.
    """
    if prod(shape) != n_cells:
        raise Problem(
            400,
            f"input {shown_name(name)}: data must hold as many values as the shape says, {_shown(prod(shape))}. "
            f"It holds {n_cells}.",
        )


def _shown(count: int) -> str:
    # A shape may multiply to thousands of digits, which Python refuses to write.
    return str(count) if count < 2**63 else "more than 2^63"


def input_datatype(column: Column) -> str:
    """Return the datatype that a column's tensor has in the metadata; every other that fits is read too."""
    return {"number": "FP64", "boolean": "BOOL"}.get(column.kind, "BYTES")


def datatype_of(labels: tuple[Any, ...]) -> str:
    """Return the datatype that holds every class."""
    if all(isinstance(label, bool) for label in labels):
        return "BOOL"
    if all(isinstance(label, int) and not isinstance(label, bool) for label in labels):
        limits = np.iinfo(np.int64)
        return "INT64" if all(limits.min <= label <= limits.max for label in labels) else "BYTES"
    return "FP64" if all(isinstance(label, float) for label in labels) else "BYTES"
