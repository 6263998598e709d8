"""What is special of each kind of cell: where an operation does something else than usual."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import numpy as np

from mlcli.data.schema import Column
from mlcli.data.typed import NAT, missing_code, unseen_code
from mlcli.inference.program import Feature, Model, Program, Text
from mlcli.inference.sound import nodes_of

CUT = 16
"""Characters of a training text in most rows."""

Pick = Literal["missing", "unseen", "least", "greatest", "zero"]
"""What a row may be in all its columns at once."""

Cells = Any
"""Cells of one column as `mlcli.data.typed.TypedColumns` holds them: an array, or a list of texts."""

_DAY = 86_400_000_000
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Years 1 to 9999: no date outside passes the data contract."""

_LEAP = 951_782_400_000_000
"""29 February 2000."""

_HUGE = (1e300, -1e300, 1e30, -1e30, float(np.nextafter(1e30, np.inf)), 3.5e38, -3.5e38, 1e15, float(2**53 + 2))
_TINY = (5e-324, -5e-324, 1e-300, -1e-300, 1e-45, 1.0, -1.0, 0.5)

_TEXTS = (
    "",
    " ",
    "qzxj wvkq",
    "a",
    "İSTANBUL ẞ ſ ﬁ",
    "日本語 中文很好",
    "😀 👩‍👩‍👧",
    "a\tb\nc\u00a0d",
    "\x00",
    "x" * 300,
    "1,000.50 $ %",
)

_TERMS_TOGETHER = 3
"""N-grams put into one text: alone, each would have the same weight, which is that of the whole."""

_TERM_TEXTS = 2_000
"""Most texts made of n-grams, for each vectorizer."""


def special_cells(column: Column, cells: Cells, points: list[float]) -> Cells:
    """Return special cells of a column, the most telling first.

    Parameters
    ----------
    column : Column
        The column.
    cells : array or list
        Training cells.
    points : list of float
        Numbers at which the program does something else.
    """
    match column.kind:
        case "number":
            return _special_numbers(cells, points)
        case "boolean":
            return np.array([np.nan, 0.0, 1.0])
        case "category":
            return np.array([missing_code(column), unseen_code(column)], dtype=np.intp)
        case "date":
            return _special_dates(cells)
        case "text":
            return list(_TEXTS)


def modest_cells(column: Column, cells: Cells, special: Cells) -> Cells:
    """Return the special cells that may stand together in one row."""
    if column.kind != "number":
        return special
    known = np.abs(cells[np.isfinite(cells)])
    limit = 100 * max(1.0, float(known.max()) if known.size else 1.0)
    return special[~(np.abs(special) > limit)]


def alike_cell(column: Column, cells: Cells, pick: Pick) -> Cells:
    """Return the one cell of a column in a row whose columns are alike."""
    match column.kind:
        case "category":
            codes = {"missing": missing_code(column), "unseen": unseen_code(column)}
            return np.array([codes.get(pick, 0)], dtype=np.intp)
        case "text":
            return [{"missing": "", "unseen": _TEXTS[2]}.get(pick, cells[0])]
        case "date":
            known = cells[cells != NAT]
        case _:
            known = cells[~np.isnan(cells)]
    if pick == "missing" or not known.size:
        return np.array([NAT if column.kind == "date" else np.nan])
    chosen = {"least": known.min(), "greatest": known.max(), "zero": known.dtype.type(0)}
    return np.array([chosen.get(pick, known[0])])


def term_texts(program: Program) -> Iterator[tuple[int, list[str]]]:
    """Yield text columns with texts made of the n-grams that the program knows."""
    for op in features_of(program):
        if isinstance(op, Text):
            for vectorizer in op.vectorizers:
                terms = msgspec.json.decode(vectorizer.terms.tobytes(), type=list[str])
                # Strangers beside each other: neighbours in the alphabet may be equally frequent, and so weigh the same.
                n_texts = min(-(-len(terms) // _TERMS_TOGETHER), _TERM_TEXTS)
                yield op.column, [" ".join(terms[i::n_texts][:_TERMS_TOGETHER]) for i in range(n_texts)]


def features_of(program: Program) -> Iterator[Feature]:
    """Yield every feature operation of every model of a program."""
    for node in nodes_of(program.node):
        if isinstance(node, Model):
            yield from node.features


def next_to(numbers: Any) -> list[float]:
    """Return numbers with the float64 right below and right above each."""
    exact = np.asarray(numbers, dtype=np.float64)
    beside: list[float] = np.concatenate([exact, np.nextafter(exact, -np.inf), np.nextafter(exact, np.inf)]).tolist()
    return beside


def _special_numbers(cells: Cells, points: list[float]) -> Cells:
    known = cells[~np.isnan(cells)]
    least, greatest = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    span = min(max(greatest - least, 1.0), 1e300)
    ends = [least, greatest, least - span, greatest + span]
    middle = float(np.median(known)) if known.size else 0.5
    first = [np.nan, 0.0, -0.0, *ends, 1e300, -1e300, middle]
    return np.array([*first, *points, *_TINY, *next_to([least, greatest])[2:], *_HUGE])


def _special_dates(cells: Cells) -> Cells:
    known = cells[cells != NAT]
    least, greatest = (int(known.min()), int(known.max())) if known.size else (0, _DAY)
    near = [least, greatest, least - 1, greatest + 1, least - 400 * _DAY, greatest + 400 * _DAY]
    round_ones = [0, -1, 1, _LEAP, _LEAP - 1, _LEAP + _DAY, _LEAP + 3_600_000_000 * 13 + 60_000_000 * 59]
    within = [min(max(date, _FIRST), _LAST) for date in near]
    # Every month and weekday, around the last training date.
    walk = [min(max(greatest - 17 * i * _DAY - i * 3_601_000_000, _FIRST), _LAST) for i in range(48)]
    return np.array([NAT, *within, *round_ones, _FIRST, _LAST, *walk], dtype=np.int64)
