"""Every candidate on every fold: what each predicts of rows that it has not learned from."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlcli.config.sections import Config
from mlcli.data.dataset import Dataset
from mlcli.data.schema import Schema
from mlcli.errors import MlcliError
from mlcli.features.preprocessed import KEPT_BYTES, Preprocessed
from mlcli.inference.latency import Latency, measure_latency
from mlcli.models.portfolio import Recipe
from mlcli.training.greedy import Judge
from mlcli.training.one_thread import one_thread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlcli.training.prepare import Fold

logger = logging.getLogger(__name__)

_FAILURES = (MlcliError, ValueError, TypeError, KeyError, IndexError, ArithmeticError, MemoryError, RuntimeError)
"""What a candidate that cannot learn from these rows may raise; it must not end the run."""

_Key = tuple[int, tuple[object, ...]]
"""Number of a fold, and what its rows went through."""

METRIC_OF = {"classification": "log_loss", "regression": "rmse"}
"""What candidates are compared by, by task."""


@dataclass(frozen=True)
class Attempt:
    """One candidate on one fold.

    Parameters
    ----------
    predicted : ndarray of shape (n_test,), optional
        Of each row held out: the value, or the probability of its true class. None where the fit failed.
    seconds : float
        Processor time of the fit: what it takes in one thread of a machine that does nothing else.
    rounds : int, optional
        Rounds of boosting where rows held out decided.
    latency : Latency, optional
        Measured on one fold only.
    error : str, optional
        Why it failed.
    """

    predicted: NDArray[np.float64] | None
    seconds: float
    rounds: int | None = None
    latency: Latency | None = None
    error: str | None = None


@dataclass
class Tried:
    """What became of one candidate.

    Parameters
    ----------
    recipe : Recipe
        The candidate.
    attempts : dict of int to Attempt
        By number of the fold.
    cut : bool
        Whether the clock left out some of its fits.
    """

    recipe: Recipe
    attempts: dict[int, Attempt] = field(default_factory=dict)
    cut: bool = False

    @property
    def error(self) -> str | None:
        """Why it cannot be chosen; None where it can."""
        if self.cut:
            return "not tried: the time was up"
        return next((a.error for _, a in sorted(self.attempts.items()) if a.error is not None), None)

    @property
    def seconds(self) -> float:
        """Processor time of all its fits together."""
        return sum(attempt.seconds for attempt in self.attempts.values())

    @property
    def latency(self) -> Latency | None:
        """How long it takes to answer."""
        return next((a.latency for a in self.attempts.values() if a.latency is not None), None)

    @property
    def rounds(self) -> list[int]:
        """Rounds of boosting that each fold found best."""
        return [a.rounds for _, a in sorted(self.attempts.items()) if a.rounds is not None]

    def predicted(self) -> NDArray[np.float64]:
        """Return what it predicted of the rows held out, fold after fold."""
        import numpy as np

        parts = [attempt.predicted for _, attempt in sorted(self.attempts.items())]
        return np.concatenate([part for part in parts if part is not None])


@dataclass(frozen=True)
class Ready:
    """A fold's rows, preprocessed for all candidates that read them alike.

    Parameters
    ----------
    rows : Preprocessed
        The rows.
    seconds : float
        Processor time that they took.
    """

    rows: Preprocessed
    seconds: float


def try_on_fold(
    recipe: Recipe,
    config: Config,
    schema: Schema,
    train: Dataset,
    held_out: Dataset,
    *,
    timed: bool,
    ready: Ready | None = None,
) -> tuple[Attempt, Ready | None]:
    """Fit a candidate on one part of a fold and ask it about the other.

    Parameters
    ----------
    recipe : Recipe
        The candidate.
    config, schema
        Everything else that the pipeline hangs on.
    train, held_out : Dataset
        The two parts of the fold.
    timed : bool
        Whether to measure how long it takes to answer.
    ready : Ready, optional
        The fold's rows, where a candidate before has left them.

    Returns
    -------
    Attempt
        What came of it; the time of the preprocessing is part of its own, whoever took it.
    Ready, optional
        The fold's rows; None where they could not be preprocessed.
    """
    from mlcli.models.members import build_recipe, fit_on, joined, preprocess_for

    started = time.process_time()
    try:
        build_recipe(recipe, config, schema)  # a fresh process imports the libraries now, outside what is timed
        with one_thread():
            if ready is None:
                started = time.process_time()
                rows = preprocess_for(recipe, config, schema, train, held_out=held_out)
                ready = Ready(rows, time.process_time() - started)
            started = time.process_time() - ready.seconds
            estimator = fit_on(ready.rows, recipe, config, schema, train, held_out=held_out)
            seconds = time.process_time() - started
            attempt = Attempt(
                _told(estimator, ready.rows.judged, schema, held_out),
                seconds,
                estimator.n_iter_ if recipe.early_stopping else None,
                measure_latency(joined(ready.rows, estimator), schema, held_out.X) if timed else None,
            )
            return attempt, ready
    except _FAILURES as error:
        line = (str(error) or type(error).__name__).strip().split("\n", maxsplit=1)[0]
        return Attempt(None, time.process_time() - started, error=line), ready


@dataclass(frozen=True)
class Trial:
    """What every fit of a choice shares.

    Parameters
    ----------
    config, schema
        Everything that the pipelines hang on beside the recipe.
    dataset : Dataset
        The training rows.
    folds : tuple of Fold
        Positions in them.
    """

    config: Config
    schema: Schema
    dataset: Dataset
    folds: tuple[Fold, ...]


def try_all(
    recipes: Sequence[Recipe], trial: Trial, *, judge: Judge, n_jobs: int, deadline: float | None = None
) -> tuple[Tried, ...]:
    """Try every candidate on every fold.

    Parameters
    ----------
    recipes : sequence of Recipe
        The candidates, those that bring most first.
    trial : Trial
        The rows, their folds, and what else the pipelines hang on.
    judge : Judge
        The truth about the rows held out, fold after fold; for messages.
    n_jobs : int
        Fits that run beside each other.
    deadline : float, optional
        By the clock of ``time.monotonic``, when no further fit is begun. The
        first candidate is tried in any case.

    Returns
    -------
    tuple of Tried
        In the order of `recipes`, whatever was done first.
    """
    from joblib import Parallel, parallel_config

    tried = tuple(Tried(recipe) for recipe in recipes)
    kept = _Kept()
    # Processes, not threads: growing a small tree is mostly Python. Few in flight: each holds a copy of the rows, its
    # own to write to, which not every library can do without.
    backend = (
        {"backend": "loky", "inner_max_num_threads": 1, "max_nbytes": None} if n_jobs > 1 else {"backend": "sequential"}
    )
    with parallel_config(**backend):
        jobs = Parallel(n_jobs=n_jobs, return_as="generator_unordered", pre_dispatch=n_jobs)
        for number, fold, attempt, ready in jobs(_jobs(tried, trial, deadline, kept)):
            tried[number].attempts[fold] = attempt
            if ready is not None:
                kept.put((fold, recipes[number].preprocessing), ready)
            if len(tried[number].attempts) == len(trial.folds) and not tried[number].cut:
                _say_how_it_went(tried[number], judge)
    return tried


class _Kept:
    """Rows that later candidates read too, as many as memory allows."""

    def __init__(self) -> None:
        self._ready: dict[_Key, Ready] = {}

    def put(self, key: _Key, ready: Ready) -> None:
        if sum(other.rows.nbytes for other in self._ready.values()) + ready.rows.nbytes <= KEPT_BYTES:
            self._ready[key] = ready

    def get(self, key: _Key, *, last: bool) -> Ready | None:
        """Return the rows, where they are here; `last` where nobody will ask again."""
        return self._ready.pop(key, None) if last else self._ready.get(key)


def _jobs(tried: Sequence[Tried], trial: Trial, deadline: float | None, kept: _Kept) -> Iterator[Any]:
    """Yield the fits, one candidate after the other, until the time is up."""
    import numpy as np
    from joblib import delayed

    for number, candidate in enumerate(tried):
        preprocessing = candidate.recipe.preprocessing
        last = all(other.recipe.preprocessing != preprocessing for other in tried[number + 1 :])
        if number == 0 or deadline is None or time.monotonic() <= deadline:
            logger.info("trying %s (%d of %d)", candidate.recipe.name, number + 1, len(tried))
        for k, fold in enumerate(trial.folds):
            if number > 0 and deadline is not None and time.monotonic() > deadline:
                candidate.cut = True
                break
            if any(attempt.error for attempt in candidate.attempts.values()):
                break  # it is out already
            train, held_out = (trial.dataset.take(np.asarray(part, dtype=np.intp)) for part in (fold.train, fold.test))
            ready = kept.get((k, preprocessing), last=last)
            yield delayed(_numbered)(
                (number, k),
                candidate.recipe,
                trial.config,
                trial.schema,
                (train, held_out),
                ready=ready,
                leave=not last and ready is None,
            )


def _numbered(
    number: tuple[int, int],
    recipe: Recipe,
    config: Config,
    schema: Schema,
    parts: tuple[Dataset, Dataset],
    *,
    ready: Ready | None,
    leave: bool,
) -> tuple[int, int, Attempt, Ready | None]:
    """Try a candidate, and leave the preprocessed rows to others where they are wanted."""
    train, held_out = parts
    timed = number[1] == 0
    attempt, ready = try_on_fold(recipe, config, schema, train, held_out, timed=timed, ready=ready)
    if ready is None or not leave or ready.rows.nbytes > KEPT_BYTES:
        return *number, attempt, None
    # The preprocessor itself, which may be larger than the rows, is asked on the timed fold only.
    return *number, attempt, ready if timed else replace(ready, rows=replace(ready.rows, preprocess=None))


def _say_how_it_went(candidate: Tried, judge: Judge) -> None:
    if candidate.error is not None:
        return
    metric = "log loss" if judge.y is None else "RMSE"
    score = judge.score(candidate.predicted())
    logger.info("tried %s: %s %.4g in %.1f s", candidate.recipe.name, metric, score, candidate.seconds)


def _told(estimator: Any, features: Any, schema: Schema, rows: Dataset) -> NDArray[np.float64]:
    """Return what an estimator says of the truth about each row: its value, or the probability of its class."""
    import numpy as np

    if schema.target.task == "regression":
        return np.asarray(estimator.predict(features), dtype=np.float64).ravel()
    proba = np.asarray(estimator.predict_proba(features), dtype=np.float64)
    classes = estimator.classes_
    codes = np.clip(np.searchsorted(classes, rows.y_true), 0, len(classes) - 1)
    # Of a class that the fold never saw, it says that it does not exist.
    return np.where(classes[codes] == rows.y_true, proba[np.arange(len(codes)), codes], 0.0)
