"""Config and prepared rows to the config with the best parameters that a search found."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from mlcli.config.load import LoadedConfig
from mlcli.config.model_sections import TuneConfig
from mlcli.config.sections import Config
from mlcli.errors import ConfigError, OutputError
from mlcli.evaluation.evaluate import JUDGED_ON
from mlcli.registry import METRICS, MODELS, model_parameters, require_metric
from mlcli.spaces import Space, default_space, space_of
from mlcli.training.fold_scores import FoldsOfRows
from mlcli.training.prepare import Prepared
from mlcli.training.search import Plan, RandomSearch, Search, plan_trials
from mlcli.training.trial_runs import Judge, run_trials
from mlcli.training.trials import Trial, Tuning, best_of

logger = logging.getLogger(__name__)

SEARCHES = "tuning"
"""Folder of the searches that are not finished, in the folder of the runs."""


@dataclass(frozen=True)
class Tuned:
    """A config after its search, if it asks for one.

    Parameters
    ----------
    loaded : LoadedConfig
        With the parameters that were found, and without the search; as it was where there was none.
    tuning : Tuning, optional
        The finished search.
    folder : Path, optional
        What a search that is killed goes on from.
    """

    loaded: LoadedConfig
    tuning: Tuning | None = None
    folder: Path | None = None

    def forget(self) -> None:
        """Remove what the search would go on from: the run is stored, and holds all of it."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):  # searches of other configs are there
                self.folder.parent.rmdir()


def require_search(loaded: LoadedConfig) -> None:
    """Refuse to resume the search of a config that has none.

    Raises
    ------
    ConfigError
        If the config has no section ``tune``.
    """
    if loaded.config.tune is None:
        raise ConfigError(
            f"`--resume` must go with a config that searches. {loaded.path} has no section tune.",
            hint="Leave out --resume, or add tune: {} to the config.",
        )


def tune(loaded: LoadedConfig, prepared: Prepared, *, output: Path, resume: bool = False) -> Tuned:
    """Search the model's parameters on folds of the training rows, as the config asks.

    The first trial is the model as the config says it, so that what is found
    is never worse on the folds. The same config, data and versions find the
    same parameters, however often the search was killed and resumed.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    prepared : Prepared
        Its rows, with the folds of the search.
    output : Path
        Folder of the runs; an unfinished search is kept in it.
    resume : bool, default=False
        Go on where a killed search of the same config, data and versions was.

    Returns
    -------
    Tuned
        The config to fit.

    Raises
    ------
    ConfigError
        If the model refuses every set of parameters.
    OutputError
        If the search cannot be kept, or another process makes the same one.
    """
    config = loaded.config
    if config.tune is None:
        return Tuned(loaded)
    folder = output / SEARCHES / _key(config, prepared)[:12]
    metric = config.tune.metric or JUDGED_ON[prepared.schema.target.task][0]
    require_metric(metric, task=prepared.schema.target.task)
    with _claimed(folder):
        plan = _plan(config, prepared, metric)
        search = _open(config.tune, plan, folder, resume=resume)
        judge = Judge(FoldsOfRows(config, prepared), config.model, prepared.schema, metric)
        trials = run_trials(search, judge, plan)
        best = best_of(trials, greater_is_better=plan.greater_is_better)
        if best is None:
            _clear(folder)
            raise _all_failed(loaded, trials)
    tuning = _tuning(config, prepared, plan, metric=metric, trials=trials, best=best)
    model = config.model.model_copy(update={"params": best.params})
    found = config.model_copy(update={"model": model, "tune": None})
    return Tuned(replace(loaded, config=found), tuning, folder)


def _plan(config: Config, prepared: Prepared, metric: str) -> Plan:
    assert config.tune is not None, "asked before"
    space = _space(config, prepared)
    task = prepared.schema.target.task
    defaults = {name: fact["default"] for name, fact in (model_parameters(config.model.name, task) or {}).items()}
    start = {name: config.model.params.get(name, defaults.get(name)) for name in space}
    return Plan(
        space=space,
        params=config.model.params,
        start=start,
        n_trials=plan_trials(config.tune.trials, space, start),
        n_folds=len(prepared.tune_folds),
        random_state=config.tune.random_state,
        greater_is_better=METRICS[metric].greater_is_better,
    )


def _space(config: Config, prepared: Prepared) -> Space:
    assert config.tune is not None, "asked before"
    model = config.model
    return space_of(model.name, prepared.schema.target.task, written=config.tune.space, fixed=model.params)


def _open(tune: TuneConfig, plan: Plan, folder: Path, *, resume: bool) -> Search:
    """Return the search, with what is left of an earlier one where it is to go on."""
    search = _search(tune, plan, folder)
    n_kept = len(search.finished())
    if resume and n_kept:
        logger.info("resuming the search: %d of %d trials are done", n_kept, plan.n_trials)
    elif resume:
        logger.warning("nothing to resume: %s holds no search of this config, data and versions", folder.parent)
    elif n_kept:
        logger.warning(
            "starting the search anew; one of the same config was left after %d of %d trials, and --resume would have "
            "gone on with it",
            n_kept,
            plan.n_trials,
        )
        _clear(folder)
        search = _search(tune, plan, folder)
    return search


def _clear(folder: Path) -> None:
    for kept in folder.iterdir():
        kept.unlink()


def _search(tune: TuneConfig, plan: Plan, folder: Path) -> Search:
    if tune.method == "random":
        return RandomSearch(folder, plan)
    from mlcli.training.search_tpe import TpeSearch

    return TpeSearch(folder, plan)


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Hold the folder of a search against other processes, for as long as this one lives."""
    import fcntl
    import os

    from mlcli.atomic import output_error

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise output_error(folder, error) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"{folder} must not be in use. Another process makes the same search.",
                hint="Wait until it is done, or give this config another output.",
            ) from None
        except OSError:
            logger.debug("%s cannot be locked", folder)  # some network file systems know no locks
        yield
    finally:
        with suppress(OSError):  # a search that kept nothing leaves nothing
            folder.rmdir()
            folder.parent.rmdir()
        os.close(lock)


def _key(config: Config, prepared: Prepared) -> str:
    """Return the digest of everything that decides what a search finds."""
    from importlib.metadata import PackageNotFoundError, version

    assert config.tune is not None, "asked before"
    libraries = ["scikit-learn", "scipy", *(["optuna"] if config.tune.method == "tpe" else [])]
    if MODELS[config.model.name].extra is not None:
        libraries.append("xgboost-cpu" if config.model.name == "xgboost" else config.model.name)
    versions = {}
    for library in libraries:
        with suppress(PackageNotFoundError):  # xgboost comes under two names
            versions[library] = version(library)
    decided_by = {
        "config": config.model_dump(mode="json", include={"preprocess", "model", "tune"}),
        # The default space may be another in another version of ours.
        "space": config.tune.space or default_space(config.model.name, prepared.schema.target.task),
        "prepared": prepared.fingerprint,
        "versions": versions,
    }
    return hashlib.sha256(msgspec.json.encode(decided_by, order="deterministic")).hexdigest()


def _all_failed(loaded: LoadedConfig, trials: list[Trial]) -> ConfigError:
    return ConfigError(
        f"{loaded.place('tune')} must try parameters that the model accepts for these rows. "
        f"All of {len(trials)} trials failed, the first because: {trials[0].note}",
        hint="Change model.params or tune.space, or train without the section tune to see the model alone.",
    )


def _tuning(config: Config, prepared: Prepared, plan: Plan, *, metric: str, trials: list[Trial], best: Trial) -> Tuning:
    assert config.tune is not None, "asked before"
    task = prepared.schema.target.task
    written: dict[str, Any] = config.tune.space or default_space(config.model.name, task)
    short = plan.n_trials < config.tune.trials
    return Tuning(
        method=config.tune.method,
        metric=metric,
        greater_is_better=plan.greater_is_better,
        judged_on=f"{plan.n_folds} folds of {len(prepared.train):,} training rows",
        space={name: form for name, form in written.items() if name in plan.space},
        best=best.number,
        trials=tuple(trials),
        note=f"{plan.n_trials} trials instead of {config.tune.trials}: the space holds no more" if short else None,
    )
