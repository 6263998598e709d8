"""The trials of a search, run one after another or on several cores; the scores are the same."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mlcli.config.model_sections import ModelConfig
from mlcli.data.schema import Schema
from mlcli.evaluation.numerals import format_number
from mlcli.training.fold_scores import FoldScore, FoldsOfRows, score_fold
from mlcli.training.one_thread import one_thread
from mlcli.training.search import Plan, Search, point_text
from mlcli.training.trials import Trial, best_of

logger = logging.getLogger(__name__)

WORTH_WORKERS = 20.0
"""Seconds of work from which on other processes are started: each takes seconds to import its libraries."""

MAX_WORKERS = 8
"""Most processes: each holds the libraries, and a model, in memory of its own."""

_WORKER_BYTES = 512 * 2**20
"""Memory of a process, the rows aside, which all share."""

_IDLE_SECONDS = 60
"""Time after which a process without work ends."""


def _free_bytes() -> int:
    """Return the memory that processes may take: what is free, and what the system holds of files only."""
    with suppress(OSError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _end_with(parent: int) -> None:
    """Let this process end soon after its parent, which may be killed without a word."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Judge:
    """Scores parameters on folds; used as a context, which ends its processes.

    Parameters
    ----------
    rows : FoldsOfRows
        The folds.
    model : ModelConfig
        The model; its parameters are those of each trial instead.
    schema : Schema
        The data contract.
    metric : str
        Name of the metric.
    """

    def __init__(self, rows: FoldsOfRows, model: ModelConfig, schema: Schema, metric: str) -> None:
        self.metric = metric
        self.width = 1
        self._rows = rows
        self._model = model
        self._schema = schema
        self._stack = ExitStack()
        self._parallel: Any = None

    def __enter__(self) -> Self:
        if self._rows.kept:
            self._stack.enter_context(one_thread())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def scores(self, jobs: Sequence[tuple[dict[str, Any], int]]) -> list[FoldScore]:
        """Score parameters on a fold each, in the order given."""
        models = [self._model.model_copy(update={"params": params}) for params, _ in jobs]
        if self._parallel is None:
            return [
                score_fold(self._rows[fold], model, schema=self._schema, metric=self.metric)
                for model, (_, fold) in zip(models, jobs, strict=True)
            ]
        from joblib import delayed

        scores: list[FoldScore] = self._parallel(
            delayed(score_fold)(self._rows[fold], model, schema=self._schema, metric=self.metric)
            for model, (_, fold) in zip(models, jobs, strict=True)
        )
        return scores

    def consider_workers(self, seconds: float) -> None:
        """Start processes where the work left, in seconds of this one, is worth them."""
        if self._parallel is not None or not self._rows.kept or seconds < WORTH_WORKERS:
            return
        from joblib import Parallel, cpu_count, parallel_config

        workers = min(cpu_count(), MAX_WORKERS, _free_bytes() // _WORKER_BYTES)
        if workers < 2:
            return
        logger.debug("going on with %d processes", workers)
        config = parallel_config(
            "loky",
            n_jobs=workers,
            inner_max_num_threads=1,
            idle_worker_timeout=_IDLE_SECONDS,
            initializer=_end_with,
            initargs=(os.getpid(),),
        )
        self._stack.enter_context(config)
        self._parallel = self._stack.enter_context(Parallel())
        self.width = workers


def run_trials(search: Search, judge: Judge, plan: Plan) -> list[Trial]:
    """Make the trials that are still to be made, and keep each.

    Parameters
    ----------
    search : Search
        What proposes and keeps them.
    judge : Judge
        What scores them.
    plan : Plan
        How many, on how many folds.

    Returns
    -------
    list of Trial
        All of the search, in the order of their numbers.
    """
    started = time.perf_counter()
    trials = search.finished()
    logger.info("searching %d sets of parameters on %d folds", plan.n_trials, plan.n_folds)
    try:
        with judge:
            while len(trials) < plan.n_trials:
                before = time.perf_counter()
                for trial in _next_trials(search, judge, plan, trials):
                    search.keep(trial)
                    trials.append(trial)
                    logger.info("searching %s", _progress(trial, trials, judge, plan))
                judge.consider_workers((time.perf_counter() - before) * (plan.n_trials - len(trials)))
    except Exception:
        raise
    except BaseException:
        # Told to stop, by Ctrl-C or a signal.
        logger.warning("the search is kept, %d of %d trials: --resume goes on with it", len(trials), plan.n_trials)
        raise
    logger.info("searched %d sets of parameters in %.1f s", len(trials), time.perf_counter() - started)
    return trials


def _next_trials(search: Search, judge: Judge, plan: Plan, trials: Sequence[Trial]) -> Iterator[Trial]:
    """Yield the next trial, or as many as there are processes where none needs to know of another."""
    first = len(trials)
    last = min(first + judge.width, plan.n_trials) if search.independent else first + 1
    proposed = {number: search.propose(number) if number else {} for number in range(first, last)}
    if len(proposed) == 1:
        yield _one_trial(search, judge, plan, trials, proposed[first])
        return
    folds = range(plan.n_folds)
    scores = iter(judge.scores([(_params(plan, point), fold) for point in proposed.values() for fold in folds]))
    for number, point in proposed.items():
        yield _trial(number, _params(plan, point), [next(scores) for _ in folds], plan)


def _one_trial(search: Search, judge: Judge, plan: Plan, trials: Sequence[Trial], point: dict[str, Any]) -> Trial:
    """Judge one point, fold after fold, for as long as it is worth it."""
    number, params = len(trials), _params(plan, point)
    twin = None if search.independent else _twin(plan, trials, point)
    if twin is not None:
        return Trial(number, params, twin.state, twin.fold_values, 0.0, twin.note or f"the same as trial {twin.number}")
    scores: list[FoldScore] = []
    hopeless = False
    while len(scores) < plan.n_folds and not hopeless:
        folds = range(len(scores), min(len(scores) + judge.width, plan.n_folds))
        for score in judge.scores([(params, fold) for fold in folds]):
            scores.append(score)
            values = [score.value for score in scores if score.value is not None]
            hopeless = len(values) < len(scores) or search.is_hopeless(values)
            if hopeless:
                break
    return _trial(number, params, scores, plan)


def _twin(plan: Plan, trials: Sequence[Trial], point: dict[str, Any]) -> Trial | None:
    """Return the trial that had the same parameters: a search by what did well may come back to a point."""
    if not point:
        return None
    text = point_text(point)
    for trial in trials:
        there = {name: trial.params.get(name, plan.start[name]) for name in plan.space}
        if point_text(there) == text and trial.state != "failed":
            return trial
    return None


def _params(plan: Plan, point: dict[str, Any]) -> dict[str, Any]:
    """Return all of the model's parameters for a point: those of the config beside those searched."""
    return {**plan.params, **point}


def _trial(number: int, params: dict[str, Any], scores: Sequence[FoldScore], plan: Plan) -> Trial:
    """Return the trial that its scores on the folds, in order, make."""
    seconds = sum(score.seconds for score in scores)
    values: list[float] = []
    for fold, score in enumerate(scores, start=1):
        if score.value is None:
            note = f"fold {fold}: {score.note or 'the metric is undefined'}"
            return Trial(number, params, "failed", tuple(values), seconds, note)
        values.append(score.value)
    remark = next((score.note for score in scores if score.note), None)
    return Trial(number, params, "done" if len(values) == plan.n_folds else "stopped", tuple(values), seconds, remark)


def _progress(trial: Trial, trials: Sequence[Trial], judge: Judge, plan: Plan) -> str:
    """Return how far the search is and what it found, in a line."""
    best = best_of(trials, greater_is_better=plan.greater_is_better)
    scored = f"{judge.metric} {format_number(trial.value)}"
    shown = {"done": scored, "stopped": "given up", "failed": "failed"}[trial.state]
    known = "" if best is None else " (the best so far)" if best == trial else f" (best {format_number(best.value)})"
    return f"{len(trials)} of {plan.n_trials}: {shown}{known}"
