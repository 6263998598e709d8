"""A model in service with the time that its predictions take, and so the best way to make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlcli.data.row_reader import ReadRows
from mlcli.data.schema import Column
from mlcli.data.typed import TypedColumns
from mlcli.serving.drift import DriftWatch
from mlcli.serving.pace import Pace, measure_pace
from mlcli.serving.served import Served

Outcome = tuple[list[Any], list[list[float]] | None]
"""Prediction of each row, and the probability of each class."""

IN_LOOP = 0.0015
"""Longest prediction that is made between two turns of the event loop, in seconds; a longer one has a thread."""

_SHARED_ROWS = 64
_WORTH = 0.8
"""Share of a row's own time that it may take in a batch of as many rows for requests to wait for each other.

Measured with logistic regression at 64 connections: requests that are read, predicted and answered in turns of all
take a tenth less than one after the other. One alone waits 12 microseconds longer.
"""


class Runner:
    """Predicts with a served model: row by row or as a batch, whichever is quicker.

    Both ways give the same numbers, so that which one is taken never shows in
    an answer.

    Parameters
    ----------
    served : Served
        The model.

    Attributes
    ----------
    shares : bool
        Whether requests of one row gain by waiting for each other.
    pace : Pace or None
        The time that its predictions take, for a compiled model.
    at_once : bool
        Whether a row alone is predicted where it is read.
    quick : bool
        Whether a row alone is predicted in the loop, at once or with others.
    most_rows : int
        Most rows of different requests that are predicted together in a thread.
    watch : DriftWatch
        Told of rows that were predicted.
    """

    def __init__(self, served: Served) -> None:
        self.served = served
        self._predict_row, self._label = served.predictor.predict_row, served.predictor.label
        self.compiled = served.predictor.compiled
        self.classes = served.schema.target.classes or ()
        self._classify = served.schema.target.classes is not None
        self.most_rows = 4096 if self.compiled else 1024
        self.pace = _pace(served) if self.compiled else None
        self.shares = self.at_once = self.quick = False
        self.loop_rows = 0
        self.watch = DriftWatch(served)
        if self.pace is not None:
            self.shares = self.pace.batch(_SHARED_ROWS) / _SHARED_ROWS < _WORTH * self.pace.row
            self.at_once = self.pace.row <= IN_LOOP and not self.shares
            self.quick = self.pace.row <= IN_LOOP
            self.loop_rows = max(1, int((IN_LOOP - self.pace.base) / self.pace.each))

    def fits_loop(self, read: ReadRows) -> bool:
        """Return whether the rows are predicted soon enough to be worth no thread."""
        if self.pace is None:
            return False
        return (self._row_by_row(read) or self.pace.batch(read.n_rows)) <= IN_LOOP

    def predict(self, read: ReadRows) -> Outcome:
        """Predict typed rows."""
        if read.rows is not None and ((self.at_once and read.n_rows == 1) or self._row_by_row(read)):
            outputs = [self._predict_row(row) for row in read.rows]
            return [self._label(values) for values in outputs], outputs if self._classify else None
        predictions = self.served.predictor.predict_columns(read.as_columns())
        y_proba = predictions.y_proba
        return predictions.y_pred.tolist(), None if y_proba is None else y_proba.tolist()

    def _row_by_row(self, read: ReadRows) -> float:
        """Return the seconds that the rows take one by one, or 0 where a batch is quicker."""
        if self.pace is None or read.rows is None:
            return 0.0
        seconds = read.n_rows * self.pace.row
        return seconds if seconds <= self.pace.batch(read.n_rows) else 0.0


def _pace(served: Served) -> Pace:
    """Return the pace that was measured when the model was loaded, if it is this predictor's."""
    if served.pace is not None and served.pace.predictor is served.predictor:
        return served.pace
    return measure_pace(served.predictor, served.examples)


def joined(reads: Sequence[ReadRows], schema_columns: tuple[Column, ...]) -> ReadRows:
    """Return the rows of several requests as those of one."""
    n_rows = sum(read.n_rows for read in reads)
    if all(read.rows is not None for read in reads):
        rows = [row for read in reads for row in read.rows or ()]
        return ReadRows(n_rows, rows, None, {}, {}, schema_columns)
    parts = [read.as_columns().columns for read in reads]
    columns = tuple(
        [cell for cells in same for cell in cells] if isinstance(same[0], list) else np.concatenate(same)
        for same in zip(*parts, strict=True)
    )
    return ReadRows(n_rows, None, TypedColumns(columns, n_rows), {}, {}, schema_columns)
