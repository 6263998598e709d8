"""A search by Optuna: points near those that did well, poor ones given up after some folds.

The study lies in Optuna's journal file, so that its own tools can look at it.
Two things are ours, so that a killed search ends as one that was not killed:
each trial has a fresh sampler, seeded by the trial's number (Optuna's forgets
its state with the process), and a trial that was under way when the process
died is marked as such and made again under the same number.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, cast

import msgspec

from mlcli.spaces import Choices, Dimension
from mlcli.training.search import Plan
from mlcli.training.trials import Trial

if TYPE_CHECKING:
    from optuna import Study
    from optuna import Trial as UnderWay
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.trial import TrialState

JOURNAL = "journal.log"
"""Name of Optuna's file."""

_RECORD = "mlcli"
"""Attribute of a trial that holds it in our form."""

_STARTUP_TRIALS = 10
"""Trials at random before the sampler has seen enough to be wiser."""

_UNJUDGED_TRIALS = 5
"""Trials on all folds before any is given up early."""

_UNJUDGED_FOLDS = 2
"""Folds of a trial before it may be given up: one alone says too little."""


class TpeSearch:
    """Tree-structured Parzen estimator with a median rule for giving up.

    Parameters
    ----------
    folder : Path
        Where the journal lies. The caller holds it against other processes.
    plan : Plan
        What is searched.

    References
    ----------
    .. [1] Bergstra, Bardenet, Bengio and Kégl (2011), "Algorithms for
       Hyper-Parameter Optimization", NeurIPS.
    """

    independent = False

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._plan = plan
        self._study = _open_study(folder / JOURNAL, plan)
        self._under_way: UnderWay | None = None

    def finished(self) -> list[Trial]:
        """Return the trials kept so far, in the order of their numbers."""
        kept = []
        for seen in self._study.get_trials(deepcopy=False):
            if _RECORD in seen.user_attrs:
                trial = msgspec.convert(seen.user_attrs[_RECORD], Trial)
                # A process may die between the record and the word that the trial is over.
                if trial.number == 0 or seen.state == _states()[trial.state]:
                    kept.append(trial)
        return kept

    def propose(self, number: int) -> dict[str, Any]:
        """Return the parameters to try as trial `number`, from 1."""
        self._study.sampler = _sampler(self._plan.random_state, number)
        self._under_way = trial = self._study.ask()
        return {name: _suggest(trial, name, dimension) for name, dimension in self._plan.space.items()}

    def is_hopeless(self, values: Sequence[float]) -> bool:
        """Say whether the trial proposed last did worse than most on the folds so far."""
        # The last fold ends it anyway, and the start is judged in full: what is found is compared with it.
        if self._under_way is None or len(values) == self._plan.n_folds:
            return False
        self._under_way.report(fmean(values), len(values))
        return self._under_way.should_prune()

    def keep(self, trial: Trial) -> None:
        """Keep a trial, on the disk."""
        from optuna.trial import create_trial

        record = msgspec.to_builtins(trial)
        if self._under_way is None:
            self._study.add_trial(
                create_trial(user_attrs={_RECORD: record}, **_as_seen(trial, self._plan))  # in one write
            )
            return
        self._under_way.set_user_attr(_RECORD, record)
        self._study.tell(self._under_way, trial.value, state=_states()[trial.state])
        self._under_way = None


def _open_study(path: Path, plan: Plan) -> Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    # Its own progress would stand between ours.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _drop_torn_line(path)
    study = optuna.create_study(
        study_name="mlcli",
        storage=JournalStorage(JournalFileBackend(str(path), lock_obj=cast("Any", _Unlocked()))),
        direction="maximize" if plan.greater_is_better else "minimize",
        pruner=_median_rule(plan),
        load_if_exists=True,
    )
    # Left by a process that died: neither sampler nor rule looks at those that failed.
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def _states() -> dict[str, TrialState]:
    """Return what Optuna calls the states of a trial."""
    from optuna.trial import TrialState

    return {"done": TrialState.COMPLETE, "stopped": TrialState.PRUNED, "failed": TrialState.FAIL}


def _median_rule(plan: Plan) -> BasePruner:
    """Return the rule that gives up a trial which is worse than half of the others on the same folds.

    Optuna's own compares the best mean so far with means of later folds: where
    the first fold is the easiest, it would never give one up.
    """
    from optuna.pruners import BasePruner
    from optuna.trial import FrozenTrial, TrialState

    class FoldMedian(BasePruner):
        def prune(self, study: Study, trial: FrozenTrial) -> bool:
            step = trial.last_step
            if step is None or step < _UNJUDGED_FOLDS:
                return False
            done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            others = [other.intermediate_values[step] for other in done if step in other.intermediate_values]
            if len(others) < _UNJUDGED_TRIALS:
                return False
            mean, usual = trial.intermediate_values[step], median(others)
            return mean < usual if plan.greater_is_better else mean > usual

    return FoldMedian()


class _Unlocked:
    """A lock that is always free: the folder is ours, and a lock file would outlive a killed process."""

    def acquire(self) -> bool:
        """Take it."""
        return True

    def release(self) -> None:
        """Give it back."""


def _drop_torn_line(path: Path) -> None:
    """Cut off what a process that died while writing left of a line: Optuna would read nothing behind it."""
    if not path.is_file():
        return
    with path.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)


def _sampler(random_state: int, number: int) -> Any:
    import warnings

    import numpy as np
    from optuna.samplers import TPESampler

    seed = int(np.random.SeedSequence((random_state, number)).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that multivariate is experimental, in every trial anew
        return TPESampler(seed=seed, multivariate=True, n_startup_trials=_STARTUP_TRIALS, constant_liar=False)


def _suggest(trial: UnderWay, name: str, dimension: Dimension) -> Any:
    if isinstance(dimension, Choices):
        # As JSON: Optuna holds scalars only, and takes 1 and true for the same.
        texts = [json.dumps(value) for value in dimension.values]
        return dimension.values[texts.index(trial.suggest_categorical(name, texts))]
    if dimension.whole:
        return dimension.tidy(trial.suggest_int(name, int(dimension.low), int(dimension.high), log=dimension.log))
    return dimension.tidy(trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log))


def _as_seen(trial: Trial, plan: Plan) -> dict[str, Any]:
    """Return the start as Optuna may learn from it: not at all where it failed, or stands outside the space."""
    from optuna.trial import TrialState

    distributions = {name: _distribution(dimension) for name, dimension in plan.space.items()}
    params = {
        name: json.dumps(plan.start.get(name)) if isinstance(dimension, Choices) else plan.start.get(name)
        for name, dimension in plan.space.items()
    }
    if trial.state != "done" or not all(_holds(plan.space[name], params[name]) for name in plan.space):
        return {"state": TrialState.FAIL}
    means = {count: fmean(trial.fold_values[:count]) for count in range(1, len(trial.fold_values))}
    return {
        "state": TrialState.COMPLETE,
        "value": trial.value,
        "params": params,
        "distributions": distributions,
        "intermediate_values": means,
    }


def _holds(dimension: Dimension, value: Any) -> bool:
    if isinstance(dimension, Choices):
        return value in [json.dumps(choice) for choice in dimension.values]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and dimension.low <= value <= dimension.high


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choices):
        return CategoricalDistribution([json.dumps(value) for value in dimension.values])
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
