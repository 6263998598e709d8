"""Rows that come, counted in the bins of the training rows: a bounded sample, in bounded memory.

An answer is kept waiting for an addition to a list and no more; what is in it
is counted from time to time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcli.data.drift_tests import index_beyond_chance
from mlcli.data.predictions import Predictions
from mlcli.data.typed import TypedColumns, columns_from_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlcli.data.observed import Counted, Observed
    from mlcli.data.row_reader import ReadRows
    from mlcli.data.typed import Cell
    from mlcli.serving.served import Served

AT_ONCE = 256
"""Most rows that are kept between two counts, which come about twice a second."""

LEAST_ROWS = 200
"""Rows from which an index is shown: of fewer, chance alone may give a large one."""

LATEST = 2**16
"""Rows of which half are forgotten when twice as many were counted: old rows must not outvote those of today."""


class DriftWatch:
    """Counts rows that a model in service has predicted.

    Parameters
    ----------
    served : Served
        The model.

    Attributes
    ----------
    digest : str
        Digest of the model.
    observed : Observed or None
        What was counted; None for a model that does not know how its training rows are spread.
    """

    def __init__(self, served: Served) -> None:
        self._served = served
        self.digest = served.manifest.digest
        self.observed = _observed(served)
        self._most = AT_ONCE if self.observed is not None else 0
        self._room = self._most
        self._seen: list[tuple[ReadRows, list[Any], list[list[float]] | None]] = []

    def see(self, read: ReadRows, y_pred: list[Any], y_proba: list[list[float]] | None) -> None:
        """Keep rows with their predictions until they are counted, as long as there is room."""
        if self._room > 0 and read.n_rows:
            self._room -= read.n_rows
            self._seen.append((read, y_pred, y_proba))

    def count(self) -> None:
        """Count what was kept, and make room."""
        observed = self.observed
        if observed is None or not self._seen:
            return
        seen, self._seen, self._room = self._seen, [], self._most
        rows: list[list[Cell]] = []
        labels: list[Any] = []
        outputs: list[list[float]] = []
        left = self._most
        for read, y_pred, y_proba in seen:
            # Evenly over the rows of a long request, for they may be sorted.
            step = max(1, -(-read.n_rows // max(1, left)))
            left -= -(-read.n_rows // step)
            labels += y_pred[::step]
            outputs += () if y_proba is None else y_proba[::step]
            if read.rows is not None:
                rows += read.rows[::step]
            elif read.columns is not None:
                observed.add(_every(read.columns, step))
        if rows:
            observed.add(columns_from_rows(rows, self._served.schema.columns))
        observed.add_predictions(self._predictions(labels, outputs))
        if observed.n_rows >= 2 * LATEST:
            observed.halve()

    def _predictions(self, labels: list[Any], outputs: list[list[float]]) -> Predictions:
        import numpy as np

        classes = self._served.schema.target.classes
        if classes is None:
            return Predictions(np.array(labels, dtype=np.float64), None)
        y_pred: NDArray[Any] = np.empty(len(labels), dtype=object)
        y_pred[:] = labels
        y_proba: NDArray[np.float64] = np.array(outputs, dtype=np.float64)
        return Predictions(y_pred, y_proba, classes)


def watched(observed: Observed) -> tuple[Counted, ...]:
    """Return what is shown of the rows: columns and predictions; no dates, which move on by nature."""
    return tuple(counted for counted in (*observed.columns, *observed.said) if counted.kind != "date")


def shown_index(counted: Counted, new: NDArray[np.float64]) -> float | None:
    """Return the stability index of rows in the groups of a column; None where they are too few."""
    return index_beyond_chance(counted.grouped()[0], new) if new.sum() >= LEAST_ROWS else None


def _observed(served: Served) -> Observed | None:
    if served.distributions is None:
        return None
    from mlcli.data.observed import Observed

    return Observed(served.schema, served.distributions)


def _every(columns: TypedColumns, step: int) -> TypedColumns:
    """Return every `step`-th row."""
    return TypedColumns(tuple(cells[::step] for cells in columns.columns), len(range(0, columns.n_rows, step)))
