"""How the training values of each column are spread: counts in bins, and no row.

Stored as JSON in the artifact (``profile.json``) beside the schema, which
holds the levels of categories and the classes with their counts already.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from mlcli.data.schema import Column, Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlcli.data.predictions import Predictions
    from mlcli.data.typed import TypedColumns

MOST_BINS = 50
"""Bins of a column with many distinct values."""

ROWS_A_BIN = 20
"""Training rows that a bin should hold: fewer would be noise, and would tell of single rows."""

LEAST_BINS = 4

FEW_BINS = 10
"""Bins up to which values beyond the training range have bins of their own: few distinct values may get new ones."""

_MARGIN = 1e-6
"""How far beyond the training range a value must lie, as a share of the greatest: rounding leads nowhere near."""

_SAMPLE = 100_000
"""Values that are sorted to find the edges; every value is counted."""


class Bins(msgspec.Struct, frozen=True):
    """Counts of the numbers of one column.

    Parameters
    ----------
    edges : tuple of float
        Upper ends of all bins but the last, ascending. Each lies between two
        training values, so that rounding moves no value to another bin.
    counts : tuple of int
        Rows in each bin.
    n_missing : int
        Rows without a value.
    mean, deviation : float, optional
        Of the values; None where there are none.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    n_missing: int
    mean: float | None = None
    deviation: float | None = None

    def __post_init__(self) -> None:
        """Refuse bins that no values can be counted in."""
        if len(self.counts) != len(self.edges) + 1 or min(self.counts) < 0 or self.n_missing < 0:
            raise ValueError("bins must have one count more than edges, none below 0")
        if not all(low < high for low, high in pairwise(self.edges)):
            raise ValueError("edges must ascend")


class Distributions(msgspec.Struct, frozen=True):
    """How training rows, and the predictions for held-out rows, are spread.

    Parameters
    ----------
    n_rows : int
        Training rows.
    columns : dict of str to Bins
        Columns of numbers, truth values, dates (microseconds since 1970) and
        texts (their lengths in characters). Categories stand in the schema.
    target : Bins, optional
        A regression target. Classes stand in the schema.
    predicted : tuple of int, optional
        Held-out rows for which each class was predicted, in class order.
    output : Bins, optional
        Predicted numbers of the held-out rows or, of two classes, the
        probability of the positive one.
    """

    n_rows: int
    columns: dict[str, Bins]
    target: Bins | None = None
    predicted: tuple[int, ...] | None = None
    output: Bins | None = None

    def to_json(self) -> bytes:
        """Return the distributions as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, text: bytes, schema: Schema) -> Distributions:
        """Read distributions that `to_json` wrote for `schema`.

        Raises
        ------
        msgspec.ValidationError
            If `text` holds none, or lacks a column of the schema.
        """
        found = msgspec.json.decode(text, type=cls)
        lacking = [c.name for c in schema.columns if c.kind != "category" and c.name not in found.columns]
        n_classes = len(schema.target.classes or ())
        if lacking or (found.predicted is not None and len(found.predicted) != n_classes):
            raise msgspec.ValidationError(f"distributions must cover the schema. Missing: {lacking or 'classes'}")
        return found


def measure_distributions(
    columns: TypedColumns, y: NDArray[Any], schema: Schema, *, judged: Predictions
) -> Distributions:
    """Count training rows, and predictions for rows that were held out.

    Parameters
    ----------
    columns : TypedColumns
        The training rows.
    y : ndarray of shape (n_samples,)
        Their target.
    schema : Schema
        The data contract inferred on them.
    judged : Predictions
        What the model says of held-out rows.
    """
    import numpy as np

    is_number = schema.target.task == "regression"
    output = output_of(judged, schema)
    predicted = None
    if not is_number:
        predicted = tuple(int(n) for n in class_counts(judged.y_pred, schema))
    return Distributions(
        n_rows=columns.n_rows,
        columns={
            column.name: measure_bins(numbers_of(cells, column), halves=column.kind == "boolean")
            for column, cells in zip(schema.columns, columns.columns, strict=True)
            if column.kind != "category"
        },
        target=measure_bins(np.asarray(y, dtype=np.float64)) if is_number else None,
        predicted=predicted,
        output=None if output is None else measure_bins(output),
    )


def numbers_of(cells: Any, column: Column) -> NDArray[np.float64]:
    """Return the numbers by which the cells of a column that is no category are counted; missing ones NaN."""
    import numpy as np

    from mlcli.data.typed import NAT

    match column.kind:
        case "date":
            return np.where(cells == NAT, np.nan, cells)
        case "text":
            return np.array([len(text) or np.nan for text in cells], dtype=np.float64)
    numbers: NDArray[np.float64] = cells
    return numbers


def output_of(predictions: Predictions, schema: Schema) -> NDArray[np.float64] | None:
    """Return the one number that a model says of each row: the value or, of two classes, a probability."""
    target = schema.target
    if target.task == "regression":
        numbers: NDArray[np.float64] = predictions.y_pred
        return numbers
    classes = target.classes or ()
    if predictions.y_proba is None or len(classes) != 2:
        return None
    return predictions.y_proba[:, positive_position(schema)]


def positive_position(schema: Schema) -> int:
    """Return the position of the positive class of two; the second where none is named."""
    classes, positive = schema.target.classes or (), schema.target.positive
    return classes.index(positive) if positive is not None else len(classes) - 1


def class_counts(labels: NDArray[Any], schema: Schema) -> NDArray[np.int64]:
    """Return how many of `labels` are each class, in class order; others are not counted."""
    import numpy as np

    return np.array([np.count_nonzero(labels == label) for label in schema.target.classes or ()], dtype=np.int64)


def measure_bins(values: NDArray[np.float64], *, halves: bool = False) -> Bins:
    """Count numbers in bins that are about as full as each other.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Missing ones NaN.
    halves : bool, default=False
        Two bins, for truth values.
    """
    import numpy as np

    present = values[~np.isnan(values)]
    edges = np.array([0.5]) if halves else _edges(present)
    counts = np.bincount(np.searchsorted(edges, present), minlength=len(edges) + 1)
    # Scaled: the squares of very large numbers are none.
    scale = float(np.abs(present).max(initial=0.0)) or 1.0
    scaled = present / scale
    return Bins(
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        n_missing=len(values) - len(present),
        mean=scale * float(scaled.mean()) if len(present) else None,
        deviation=scale * float(scaled.std()) if len(present) else None,
    )


def _edges(present: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return edges at the quantiles, each midway between the two neighbouring values."""
    import numpy as np

    if not len(present):
        return np.zeros(0)
    ordered = np.sort(present[:: -(-len(present) // _SAMPLE)])
    n_bins = min(max(len(ordered) // ROWS_A_BIN, LEAST_BINS), MOST_BINS)
    below = ordered[np.arange(1, n_bins) * len(ordered) // n_bins]
    above = np.searchsorted(ordered, below, side="right")
    inside = above < len(ordered)
    # Halved first: the sum of two large numbers may be none.
    edges = np.unique(below[inside] / 2 + ordered[above[inside]] / 2)
    if len(edges) >= FEW_BINS:
        return edges
    least, greatest = float(present.min()), float(present.max())
    margin = _MARGIN * (max(abs(least), abs(greatest)) or 1.0)
    # The least numbers that there are have no margin of a share of them.
    low = min(least - margin, float(np.nextafter(least, -np.inf)))
    high = max(greatest + margin, float(np.nextafter(greatest, np.inf)))
    return np.unique([low, *edges, high])
