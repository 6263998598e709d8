"""Tensor data in JSON: flat or nested lists to elements."""

from __future__ import annotations

from itertools import chain
from typing import Any

import msgspec
import numpy as np

from mlcli.serving.call import Problem
from mlcli.serving.dialects.addressed import shown_name
from mlcli.serving.dialects.json_text import decode_json
from mlcli.serving.dialects.v2_types import NUMBERS, Cells, RequestInput, Tensor, check_size, checked_shape

_ELEMENTS: dict[str, Any] = {
    # Typed clients write 1.0 for true and for 1, and a number for a text that looks like one.
    "BOOL": list[bool | float | None],
    "BYTES": list[str | bool | int | float | None],
    "FP": list[float | None],
    "INT": list[int | float | None],
}
"""What the flat data of each family of datatypes hold."""

_WORDS = {
    "BOOL": "true or false",
    "BYTES": "texts or other plain values",
    "FP": "finite numbers",
    "INT": "whole numbers of its datatype",
}


def read_json_tensor(tensor: RequestInput) -> Tensor:
    """Read an input whose data stand in the JSON.

    A null is a missing cell, whatever the datatype. Numbers are taken as they
    are written, not rounded to the declared precision, so that FP32 and FP64
    agree with every other way to send the same digits.

    Raises
    ------
    Problem
        400, if the data are not of the datatype or do not fill the shape.
    """
    shape = checked_shape(tensor)
    place = f"input {shown_name(tensor.name)}"
    if not len(tensor.data):  # Raw has a length and no truth value of its own
        raise Problem(400, f"{place} must hold data.", hint="Shared memory is not supported.")
    family = _family(tensor.datatype)
    try:
        flat = decode_json(tensor.data, _ELEMENTS[family])
    except Problem:
        flat = _flattened(decode_json(tensor.data, list[Any], place=f"{place}: data"), shape, place=place)
        try:
            flat = msgspec.convert(flat, _ELEMENTS[family])
        except msgspec.ValidationError:
            raise _wrong(place, family) from None
    check_size(tensor.name, shape, len(flat))
    return Tensor(tensor.name, tensor.datatype, shape, _cells(flat, family, tensor.datatype, place=place))


def _family(datatype: str) -> str:
    if datatype in _ELEMENTS:
        return datatype
    return "FP" if datatype.startswith("FP") else "INT"


def _flattened(nested: list[Any], shape: tuple[int, ...], *, place: str) -> list[Any]:
    """Return the elements of nested lists whose lengths are those of the shape; of a flat one as they are."""
    lengths = [len(nested)]
    level = nested
    while level and isinstance(level[0], list):
        length = len(level[0])
        if any(not isinstance(item, list) or len(item) != length for item in level):
            raise Problem(400, f"{place}: nested data must be lists of equal lengths.")
        lengths.append(length)
        level = list(chain.from_iterable(level))
    if len(lengths) > 1 and _squeezed(lengths) != _squeezed(shape):
        raise Problem(400, f"{place}: nested data must have the shape that the input states, or be flat.")
    return level


def _squeezed(shape: tuple[int, ...] | list[int]) -> list[int]:
    """Return a shape without ones at its end: a column may be nested or not."""
    kept = list(shape)
    while len(kept) > 1 and kept[-1] == 1:
        kept.pop()
    return kept


def _cells(flat: list[Any], family: str, datatype: str, *, place: str) -> Cells:
    """Return checked elements in the form in which columns are read."""
    match family:
        case "BYTES":
            return flat
        case "FP":
            # A null becomes NaN, which is missing too.
            return np.array(flat, dtype=np.float64)
        case "BOOL":
            if not set(flat) <= {False, True, None}:
                raise _wrong(place, family)
            return [None if cell is None else bool(cell) for cell in flat]
    if any(isinstance(cell, float) for cell in flat):
        if not all(cell.is_integer() for cell in flat if isinstance(cell, float)):
            raise _wrong(place, family)
        flat = [int(cell) if isinstance(cell, float) else cell for cell in flat]
    try:
        whole = np.array([0 if cell is None else cell for cell in flat], dtype=NUMBERS[datatype])
    except OverflowError:
        raise _wrong(place, family) from None
    return flat if None in flat else whole


def _wrong(place: str, family: str) -> Problem:
    return Problem(400, f"{place}: data must hold {_WORDS[family]}, or null where a cell is missing.")
