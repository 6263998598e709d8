"""What a search for parameters tried, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import Any, Literal

import msgspec

from mlcli.evaluation.leaderboard import Candidate, Leaderboard


class Trial(msgspec.Struct, frozen=True):
    """One set of parameters, judged on the folds.

    Parameters
    ----------
    number : int
        From 0, which is the model as the config says it.
    params : dict
        All of ``model.params`` for it.
    state : {"done", "stopped", "failed"}
        Judged on every fold, given up after some because others did better, or
        refused by the model.
    fold_values : tuple of float
        The metric on each fold that it was judged on, in order.
    seconds : float
        Time of its fits and predictions together.
    note : str, optional
        Why it failed, or what the model's library said of a fit.
    """

    number: int
    params: dict[str, Any]
    state: Literal["done", "stopped", "failed"]
    fold_values: tuple[float, ...]
    seconds: float
    note: str | None = None

    @property
    def value(self) -> float | None:
        """Mean of the metric over the folds; None where it was not judged on all."""
        return fmean(self.fold_values) if self.state == "done" else None

    @property
    def spread(self) -> float | None:
        """Standard deviation over the folds, with n - 1."""
        return stdev(self.fold_values) if self.state == "done" and len(self.fold_values) > 1 else None


class Tuning(msgspec.Struct, frozen=True):
    """A finished search.

    Parameters
    ----------
    method : str
        ``random`` or ``tpe``.
    metric : str
        Name in ``mlcli.registry.METRICS``.
    greater_is_better : bool
        Whether it is a score or an error.
    judged_on : str
        The rows behind the values, for people.
    space : dict
        What was searched, in the form of a config.
    best : int
        Number of the trial whose parameters were taken.
    trials : tuple of Trial
        In the order of their numbers.
    note : str, optional
        What a reader must know of the whole search.
    """

    method: str
    metric: str
    greater_is_better: bool
    judged_on: str
    space: dict[str, Any]
    best: int
    trials: tuple[Trial, ...]
    note: str | None = None

    @property
    def winner(self) -> Trial:
        """The trial whose parameters were taken."""
        return self.trials[self.best]

    @property
    def ranked(self) -> list[Trial]:
        """The trials, the best first; those without a value last, in the order of their numbers."""
        done = ranking(self.trials, greater_is_better=self.greater_is_better)
        return [*done, *(trial for trial in self.trials if trial.state != "done")]

    def to_json(self) -> bytes:
        """Return it as an indented JSON document."""
        return msgspec.json.format(msgspec.json.encode(self))

    def leaderboard(self, model: str) -> Leaderboard:
        """Return the trials as every search for a model is told."""
        n_folds = max(len(trial.fold_values) for trial in self.trials)
        candidates = tuple(_candidate(trial, model, self.best, n_folds) for trial in self.ranked)
        return Leaderboard(self.metric, self.greater_is_better, self.judged_on, candidates, self.note)


def ranking(trials: Iterable[Trial], *, greater_is_better: bool) -> list[Trial]:
    """Return the trials that were judged on every fold, the best first; of equals the earlier."""
    sign = -1.0 if greater_is_better else 1.0
    done = [(sign * trial.value, trial.number, trial) for trial in trials if trial.value is not None]
    return [trial for _, _, trial in sorted(done, key=lambda ranked: ranked[:2])]


def best_of(trials: Sequence[Trial], *, greater_is_better: bool) -> Trial | None:
    """Return the best trial; None where none was judged on every fold."""
    return next(iter(ranking(trials, greater_is_better=greater_is_better)), None)


def _candidate(trial: Trial, model: str, best: int, n_folds: int) -> Candidate:
    stopped = f"stopped after {len(trial.fold_values)} of {n_folds} folds: others did better on them"
    return Candidate(
        name=f"trial {trial.number}" if trial.number else "trial 0 (as configured)",
        model=model,
        params=trial.params,
        value=trial.value,
        fit_seconds=trial.seconds,
        weight=float(trial.number == best),
        note=stopped if trial.state == "stopped" else trial.note,
    )
