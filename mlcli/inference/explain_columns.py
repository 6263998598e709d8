"""Which column each feature of a model comes from: contributions are told for columns."""

from __future__ import annotations

from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.program import Dates, Feature, Gaps, Lookup, Model, Numbers, OneHot, Text


def column_of_features(model: Model) -> NDArray[np.intp]:
    """Return for each feature the position of its column among the program's, of shape (n_features,).

    Whatever was made of a column belongs to it: levels one by one, marks of
    gaps, means of the target, parts of a date, n-grams.
    """
    columns = np.zeros(model.n_features, dtype=np.intp)
    for op in model.features:
        found = _columns(op)
        columns[op.start : op.start + len(found)] = found
    return columns


def _columns(op: Feature) -> list[int]:
    """Return the column of each feature of an operation."""
    match op:
        case Numbers() | Gaps():
            return list(op.columns)
        case OneHot() | Text():
            return [op.column] * op.width
        case Lookup():
            return [op.column] * op.table.shape[1]
        case Dates():
            widths = [len(p) + e + g for p, e, g in zip(op.parts, op.elapsed, op.gaps, strict=True)]
            return list(chain.from_iterable(map(repeat, op.columns, widths)))
