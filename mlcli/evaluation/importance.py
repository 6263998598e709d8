"""How much a model leans on each column: its loss when the column is shuffled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.predictions import Predictions
from mlcli.data.schema import Schema
from mlcli.data.typed import TypedColumns
from mlcli.evaluation.altered import choose_rows, take_cells, take_rows, with_column
from mlcli.evaluation.intervals import percentile_interval
from mlcli.evaluation.losses import effective, metric_from, number, resample_means, row_losses, weights_of
from mlcli.evaluation.metrics import rows_judged
from mlcli.registry import METRICS

Floats = NDArray[np.float64]
Predict = Callable[[TypedColumns], Predictions]

REPEATS = 5
"""Shuffles of each column."""

_BUDGET = 200_000
"""Rows predicted for all columns together; a clock would make the numbers depend on the machine."""

_FEWEST_ROWS = 100


class ColumnImportance(msgspec.Struct, frozen=True):
    """What the model loses without the order of one column.

    Parameters
    ----------
    name : str
        The column, as the file calls it.
    value : float, optional
        By how much the metric gets worse, in its unit; near 0 the model does
        not need the column, below 0 it does better without.
    low, high : float, optional
        Ends of its interval.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None


class Importance(msgspec.Struct, frozen=True):
    """Permutation importance of every column, the greatest first.

    Parameters
    ----------
    metric : str
        The metric that gets worse.
    columns : tuple of ColumnImportance
        Every column that the model sees.
    n_rows : int
        Rows shuffled, of those held out.
    repeats : int
        Shuffles of each column.
    """

    metric: str
    columns: tuple[ColumnImportance, ...]
    n_rows: int
    repeats: int


def permutation_importance(
    predict: Predict,
    columns: TypedColumns,
    y_true: NDArray[Any],
    *,
    schema: Schema,
    metric: str,
    sample_weight: Floats | None,
    confidence: float,
    random_state: int,
    cost: int = 1,
) -> Importance:
    """Shuffle each column among the rows and measure what that costs.

    Parameters
    ----------
    predict : callable
        Predictions for typed rows.
    columns : TypedColumns
        Rows that the model has not learned from.
    y_true : ndarray of shape (n_samples,)
        Their truth.
    schema : Schema
        The data contract of the columns.
    metric : str
        ``log_loss``, ``accuracy`` or ``rmse``.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the rows.
    confidence : float
        Probability that an interval is meant to hold.
    random_state : int
        Seed of the shuffles and of the resamples.
    cost : int, default=1
        What predicting a row costs, see `row_cost`: fewer rows are shuffled where it is dear.

    Returns
    -------
    Importance
        The same for the same arguments.

    References
    ----------
    .. [1] Fisher, Rudin and Dominici (2019), "All Models are Wrong, but Many
       are Useful", JMLR 20: model reliance.
    """
    rng = np.random.default_rng(random_state)
    affordable = _BUDGET // (REPEATS * max(len(schema.columns), 1) * cost)
    chosen = choose_rows(len(columns), max(affordable, _FEWEST_ROWS), rng)
    columns, y_true = take_rows(columns, chosen), y_true[chosen]
    weight = None if sample_weight is None else sample_weight[chosen]

    rows = rows_judged(y_true, predict(columns), target=schema.target, sample_weight=weight)

    base = row_losses(rows, metric)

    def added_without(position: int) -> Floats:
        predictions = predict(_shuffled(columns, position, rng))
        judged = rows_judged(np.tile(y_true, REPEATS), predictions, target=schema.target)
        added: Floats = (row_losses(judged, metric).reshape(REPEATS, -1) - base).mean(axis=0)
        return added

    # What is added, not what is reached: a column that the model does not read then adds exactly nothing.
    table = np.column_stack([base, *map(added_without, range(len(schema.columns)))])
    means = resample_means(table, weights_of(rows)[:, None], rng)
    sign = -1.0 if METRICS[metric].greater_is_better else 1.0
    values, replicates = _differences(means.values[None, :], metric)[0], _differences(means.replicates, metric)
    found = []
    for position, column in enumerate(schema.columns):
        estimate = percentile_interval(
            number(sign * values[position] + 0.0),  # + 0.0: never minus nothing
            sign * replicates[:, position],
            confidence=confidence,
            support=effective(weights_of(rows)),
        )
        found.append(ColumnImportance(column.name, estimate.value, estimate.low, estimate.high))
    found.sort(key=lambda one: -(one.value if one.value is not None else -np.inf))
    return Importance(metric, tuple(found), len(chosen), REPEATS)


def _differences(means: Floats, metric: str) -> Floats:
    """Return how far the metric moves with each column, from the mean loss and what is added to it."""
    base = means[:, :1]
    moved: Floats = metric_from(base + means[:, 1:], metric) - metric_from(base, metric)
    return moved


def _shuffled(columns: TypedColumns, position: int, rng: np.random.Generator) -> TypedColumns:
    """Return the rows `REPEATS` times below each other, one column shuffled within each time."""
    n_rows = len(columns)
    repeated = take_rows(columns, np.tile(np.arange(n_rows), REPEATS))
    order = np.concatenate([rng.permutation(n_rows) for _ in range(REPEATS)])
    return with_column(repeated, position, take_cells(columns.columns[position], order))
