"""New rows, counted in the bins of the training rows: memory does not grow with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlcli.config.kinds import Kind
from mlcli.data.distributions import Bins, Distributions, class_counts, numbers_of, output_of, positive_position
from mlcli.data.predictions import Predictions
from mlcli.data.schema import Schema
from mlcli.data.typed import TypedColumns

Role = Literal["column", "target", "prediction"]
"""What is compared: a column that the model reads, the truth, or what the model says."""

GROUPS = 10
"""Groups of bins in which the stability index compares numbers: the customary deciles."""

LEAST_SHARE = 0.01
"""Share of the training rows from which a level is a group of its own in the stability index."""


@dataclass
class Counted:
    """One column of training and of new rows.

    Parameters
    ----------
    name, role, kind
        What is counted. A kind of "category" has levels, any other has numbers.
    reference : ndarray of shape (n_bins + 2,)
        Reference rows in each bin or level; behind them those of no known
        level, of which the reference has none, and those missing.
    levels : tuple of str
        Names of the levels; empty for numbers.
    bins : Bins, optional
        Edges, mean and deviation of numbers.
    counts : ndarray of shape (n_bins + 2,)
        New rows, likewise.
    total : float
        Sum of the new numbers.
    """

    name: str
    role: Role
    kind: Kind
    reference: NDArray[np.int64]
    levels: tuple[str, ...] = ()
    bins: Bins | None = None
    counts: NDArray[np.int64] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = np.zeros_like(self.reference)
        self._edges = np.array(self.bins.edges if self.bins else (), dtype=np.float64)

    @property
    def n_present(self) -> int:
        """New rows with a value."""
        return int(self.counts[:-1].sum())

    @property
    def mean(self) -> float | None:
        """Mean of the new numbers, None where there are none."""
        return self.total / self.n_present if self.bins is not None and self.n_present else None

    def add_numbers(self, values: NDArray[np.float64]) -> None:
        """Count numbers, missing ones NaN."""
        absent = np.isnan(values)
        n_absent = int(np.count_nonzero(absent))
        self.counts[:-2] += np.bincount(np.searchsorted(self._edges, values), minlength=len(self._edges) + 1)
        if n_absent:
            # NaN is sorted behind every number, so into the last bin.
            self.counts[-3] -= n_absent
            self.counts[-1] += n_absent
            values = values[~absent]
        with np.errstate(over="ignore"):  # a sum of very large numbers may be infinite; the mean says so
            self.total += float(values.sum())

    def add_codes(self, codes: NDArray[np.intp]) -> None:
        """Count levels by their codes, see `mlcli.data.typed.level_codes`."""
        self.counts += np.bincount(codes, minlength=len(self.counts))

    def halve(self) -> None:
        """Forget half of what was counted."""
        self.counts //= 2
        self.total /= 2

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """The group of each bin in the stability index: deciles, or frequent levels, then rare and new ones; missing."""
        known = self.reference[:-2]
        if self.bins is None:
            frequent = known >= LEAST_SHARE * self.reference.sum()
            group = np.where(frequent, np.cumsum(frequent) - 1, frequent.sum())
            rare = int(frequent.sum())
        else:
            middle = np.cumsum(known) - known / 2
            group = np.minimum(GROUPS * middle // max(1, known.sum()), GROUPS - 1).astype(np.intp)
            # Beyond the training range there is no decile: 5 % of the rows that leave it must not hide in the last.
            group[0] = group[0] if known[0] else -1
            group[-1] = group[-1] if known[-1] else GROUPS
            group = np.unique(group, return_inverse=True)[1]
            rare = int(group.max())
        return np.append(group, [rare, rare + 1]).astype(np.intp)

    def grouped(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return reference and new rows of each group."""
        groups = self.groups
        n = int(groups[-1]) + 1
        return _summed(groups, self.reference, n), _summed(groups, self.counts, n)


def _summed(groups: NDArray[np.intp], counts: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    return np.bincount(groups, weights=counts, minlength=n).astype(np.float64)


class Observed:
    """What was seen of new rows.

    Parameters
    ----------
    schema : Schema
        The data contract that they keep.
    distributions : Distributions
        How the training rows are spread.

    Attributes
    ----------
    n_rows : int
        Rows counted.
    columns : tuple of Counted
        The model's columns, in schema order.
    target : Counted
        The truth, where the rows carry it.
    said : tuple of Counted
        What the model says: classes, then a number; against the held-out rows.
    """

    def __init__(self, schema: Schema, distributions: Distributions) -> None:
        self._schema = schema
        self.n_rows = 0
        self.n_reference = distributions.n_rows
        self.columns = tuple(
            _levels(column.name, "column", column.categories or {}, column.n_missing)
            if column.kind == "category"
            else _numbers(column.name, "column", column.kind, distributions.columns[column.name])
            for column in schema.columns
        )
        self.target = _target(schema, distributions)
        self._classes, self._output = _said(schema, distributions)
        self.said = tuple(counted for counted in (self._classes, self._output) if counted is not None)

    @property
    def all(self) -> tuple[Counted, ...]:
        """Everything that was counted of at least one row."""
        target = () if self.target is None else (self.target,)
        return tuple(c for c in (*self.columns, *target, *self.said) if c.counts.any())

    def add(self, columns: TypedColumns) -> None:
        """Count typed rows."""
        self.n_rows += columns.n_rows
        for counted, cells, column in zip(self.columns, columns.columns, self._schema.columns, strict=True):
            if column.kind == "category":
                counted.add_codes(cells)
            else:
                counted.add_numbers(numbers_of(cells, column))

    def add_target(self, y: NDArray[Any]) -> None:
        """Count the truth of rows."""
        _add(self.target, y, self._schema)

    def add_predictions(self, predictions: Predictions) -> None:
        """Count what the model says of rows."""
        if self._classes is not None:
            _add(self._classes, predictions.y_pred, self._schema)
        output = output_of(predictions, self._schema)
        if self._output is not None and output is not None:
            self._output.add_numbers(output)

    def halve(self) -> None:
        """Forget half of what was counted."""
        self.n_rows //= 2
        for counted in self.all:
            counted.halve()


def _add(counted: Counted | None, values: NDArray[Any], schema: Schema) -> None:
    if counted is None:
        return
    if counted.bins is not None:
        counted.add_numbers(np.asarray(values, dtype=np.float64))
    else:
        counted.counts[:-2] += class_counts(values, schema)


def _levels(name: str, role: Role, levels: Mapping[str, int], n_missing: int = 0) -> Counted:
    counts = np.array([*levels.values(), 0, n_missing], dtype=np.int64)
    return Counted(name, role, "category", counts, levels=tuple(levels))


def _numbers(name: str, role: Role, kind: Kind, bins: Bins) -> Counted:
    return Counted(name, role, kind, np.array([*bins.counts, 0, bins.n_missing], dtype=np.int64), bins=bins)


def _class_names(schema: Schema) -> tuple[str, ...]:
    labels = schema.target.classes or ()
    return tuple(str(label).lower() if isinstance(label, bool) else str(label) for label in labels)


def _target(schema: Schema, distributions: Distributions) -> Counted | None:
    target = schema.target
    if target.classes is not None and target.counts is not None:
        return _levels(target.name, "target", dict(zip(_class_names(schema), target.counts, strict=True)))
    return None if distributions.target is None else _numbers(target.name, "target", "number", distributions.target)


def _said(schema: Schema, distributions: Distributions) -> tuple[Counted | None, Counted | None]:
    names = _class_names(schema)
    classes, output = None, None
    if distributions.predicted is not None:
        classes = _levels("prediction", "prediction", dict(zip(names, distributions.predicted, strict=True)))
    if distributions.output is not None:
        name = f"probability of {names[positive_position(schema)]}" if names else "prediction"
        output = _numbers(name, "prediction", "number", distributions.output)
    return classes, output
