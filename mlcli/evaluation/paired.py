"""Two models on the same rows: their metrics, and how both spread over the same resamples."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.bootstrap import Plan, bootstrap
from mlcli.evaluation.metrics import Rows, natural_order, scorer_for
from mlcli.evaluation.regression import RegressionRows
from mlcli.registry import metric_names

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """The same rows with a model's predictions, and with those of a rival.

    Parameters
    ----------
    model, rival : ClassificationRows or RegressionRows
        In one order and of one task.
    """

    model: Rows
    rival: Rows

    @property
    def task(self) -> str:
        """What both predict."""
        return "regression" if isinstance(self.model, RegressionRows) else "classification"

    def take(self, indices: NDArray[np.intp]) -> Pair:
        """Return the rows at `indices`."""
        return Pair(self.model.take(indices), self.rival.take(indices))


@dataclass(frozen=True)
class Spread:
    """Values of two models on all rows, and on each resample.

    Parameters
    ----------
    values, rival_values : dict of str to ndarray of shape (1, ...)
        Each metric on all rows; NaN where undefined.
    replicates, rival_replicates : dict of str to ndarray of shape (resamples, ...)
        Line i of each belongs to the same resample.
    drawn : Pair
        The rows that the resamples were drawn from.
    """

    values: dict[str, Floats]
    rival_values: dict[str, Floats]
    replicates: dict[str, Floats]
    rival_replicates: dict[str, Floats]
    drawn: Pair

    def value(self, name: str) -> float | None:
        """Return a metric of the model, None where undefined."""
        return number_or_none(self.values[name][0])

    def rival(self, name: str) -> float | None:
        """Return a metric of the rival, None where undefined."""
        return number_or_none(self.rival_values[name][0])


def number_or_none(value: float) -> float | None:
    """Return a finite number as it is, and None for any other."""
    return float(value) if np.isfinite(value) else None


def passes(rows: Rows) -> int:
    """Return the passes over the rows that one resample takes: each ranking is one more."""
    if isinstance(rows, RegressionRows) or rows.y_proba is None:
        return 2
    return 2 if rows.positive is not None else 1 + int(np.count_nonzero(np.bincount(rows.y_true)))


def spread_of(pair: Pair, plan: Plan, *, random_state: int, rival_names: Collection[str] | None = None) -> Spread:
    """Score all rows, and every resample, with both models.

    Parameters
    ----------
    pair : Pair
        The rows.
    plan : Plan
        How many resamples of how many rows.
    random_state : int
        Seed of the draws.
    rival_names : collection of str, optional
        Metrics of the rival to resample; all, when left out. On all rows every metric is scored.
    """
    rng = np.random.default_rng(random_state)
    names = metric_names(pair.task)
    values, rival_values = scorer_for(pair.model).scores(), scorer_for(pair.rival, names=names).scores()
    drawn = pair.take(plan.choose_rows(rng))
    drawn = drawn.take(natural_order(drawn.model))
    scorers = (scorer_for(drawn.model), scorer_for(drawn.rival, names=names if rival_names is None else rival_names))
    replicates, rival_replicates = bootstrap(scorers, n_rows=plan.rows, resamples=plan.resamples, rng=rng)
    if plan.rows < plan.n_rows:
        replicates = _to_all_rows(replicates, around=scorers[0].scores(), values=values, shrink=plan.shrink)
        rival_replicates = _to_all_rows(
            rival_replicates, around=scorers[1].scores(), values=rival_values, shrink=plan.shrink
        )
    return Spread(values, rival_values, replicates, rival_replicates, drawn)


def _to_all_rows(
    replicates: dict[str, Floats], *, around: dict[str, Floats], values: dict[str, Floats], shrink: float
) -> dict[str, Floats]:
    """Move the spread found on some rows to the values of all rows, at their scale."""
    return {name: values[name] + (drawn - around[name]) * shrink for name, drawn in replicates.items()}
