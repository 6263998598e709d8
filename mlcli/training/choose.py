"""Several models to the one that is kept: tried on folds, combined, and fitted on all training rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mlcli.config.load import LoadedConfig
from mlcli.config.sections import Config, Task
from mlcli.data.dataset import Dataset
from mlcli.data.schema import Schema
from mlcli.errors import ConfigError, MissingExtraError
from mlcli.evaluation.leaderboard import Leaderboard
from mlcli.inference.latency import Latency, measure_latency
from mlcli.models.portfolio import BOOST, Recipe, build_portfolio, libraries_sentence, missing_libraries
from mlcli.registry import AUTO
from mlcli.training.candidates import METRIC_OF, Trial, Tried, try_all
from mlcli.training.choice_folds import choice_folds
from mlcli.training.greedy import Judge, select_greedily
from mlcli.training.one_thread import one_thread
from mlcli.training.plan import plan_choice
from mlcli.training.ranked import rank

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline

    from mlcli.training.prepare import Fold, Prepared

logger = logging.getLogger(__name__)


class Member(msgspec.Struct, frozen=True):
    """One model of what was chosen.

    Parameters
    ----------
    name : str
        What people call it.
    model : str
        Its name in the catalogue.
    params : dict
        Its parameters.
    weight : float
        Its share in the mean, in (0, 1]; they add up to 1.
    """

    name: str
    model: str
    params: dict[str, object]
    weight: float


@dataclass(frozen=True)
class Choice:
    """What was chosen of several models.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted on all training rows.
    recipes : tuple of Recipe
        The members as they were fitted, the weightiest first.
    weights : tuple of float
        Their weights.
    leaderboard : Leaderboard
        Everything that was tried.
    """

    pipeline: Pipeline
    recipes: tuple[Recipe, ...]
    weights: tuple[float, ...]
    leaderboard: Leaderboard

    @property
    def model(self) -> str:
        """Name in the catalogue of what was chosen; auto for several."""
        return self.recipes[0].model.name if len(self.recipes) == 1 else AUTO

    @property
    def members(self) -> tuple[Member, ...]:
        """What it is made of."""
        return tuple(
            Member(recipe.name, recipe.model.name, dict(recipe.model.params), weight)
            for recipe, weight in zip(self.recipes, self.weights, strict=True)
        )


def check_models(loaded: LoadedConfig, *, task: Task | None) -> None:
    """Refuse a model, or one of those to choose from, that could not be fitted, before any data is read.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    task : {"classification", "regression"} or None
        What is predicted; None where only the data will tell.

    Raises
    ------
    ConfigError
        As `mlcli.models.catalogue.check_parameters` does, for the first model that is refused.
    MissingExtraError
        If `model.boost` asks for libraries that are not installed.
    """
    from mlcli.models.catalogue import check_parameters

    model = loaded.config.model
    if model.name != AUTO:
        check_parameters(model, task=task, place=loaded.place)
    if model.boost == "always" and missing_libraries():
        raise MissingExtraError(f"{loaded.place('model.boost')}: always", extra=BOOST)
    for position, candidate in enumerate(model.candidates):

        def place(dotted: str, position: int = position) -> str:
            return loaded.place(dotted.replace("model.", f"model.candidates.{position}.", 1))

        check_parameters(model.of(candidate), task=task, place=place)


def choose(loaded: LoadedConfig, prepared: Prepared) -> Choice:
    """Try the models that `loaded` leaves to choose from, and fit the best combination of them.

    Every candidate is fitted on folds of the training rows and judged on the
    rows left out, by log loss or root mean squared error. A greedy selection
    on these predictions gives the weights of at most four members, which are
    fitted anew on all training rows.

    Parameters
    ----------
    loaded : LoadedConfig
        A config whose model is ``auto``.
    prepared : Prepared
        The rows; those held out for the evaluation are not looked at.

    Returns
    -------
    Choice
        The same for the same config and rows, unless ``max_minutes`` or
        ``max_latency`` ask the clock.

    Raises
    ------
    ConfigError
        If no candidate can be fitted, or none is as quick as asked.
    DataError
        If the rows are too few to hold any out.
    """
    config, schema = loaded.config, prepared.schema
    started = time.monotonic()
    recipes = build_portfolio(config, schema)
    folds = choice_folds(loaded, prepared)
    plan = plan_choice(recipes, schema, folds.folds)
    logger.info("plan: %s", plan.sentence)
    libraries = libraries_sentence(config, schema)
    if libraries is not None:
        logger.info("%s", libraries)
    judge = _judge(config, schema, prepared.train, folds.folds)
    deadline = None if config.model.max_minutes is None else started + 60 * config.model.max_minutes
    trial = Trial(config, schema, prepared.train, folds.folds)
    tried = try_all(recipes, trial, judge=judge, n_jobs=plan.n_jobs, deadline=deadline)
    _warn_of_failures(tried)
    weights = _weights(loaded, tried, judge)
    chosen = _fit_chosen(loaded, prepared, tried, weights)
    return Choice(
        chosen.pipeline,
        chosen.recipes,
        chosen.weights,
        rank(
            tried,
            chosen_weights=dict(zip((recipe.name for recipe in chosen.recipes), chosen.weights, strict=True)),
            latency=chosen.latency,
            judge=judge,
            rows=_judged_rows(folds.folds),
            metric=METRIC_OF[schema.target.task],
            judged_on=folds.description,
            config=config,
            libraries=libraries,
        ),
    )


def refit(choice: Choice, config: Config, schema: Schema, dataset: Dataset) -> Pipeline:
    """Fit what was chosen on other rows, such as those of a fold."""
    from mlcli.models.members import combine, fit_recipe

    with one_thread():
        members = [(recipe.name, fit_recipe(recipe, config, schema, dataset)) for recipe in choice.recipes]
    return combine(members, choice.weights, schema)


@dataclass(frozen=True)
class _Chosen:
    """What was chosen, fitted on all training rows and timed."""

    pipeline: Pipeline
    recipes: tuple[Recipe, ...]
    weights: tuple[float, ...]
    latency: Latency


def _judge(config: Config, schema: Schema, dataset: Dataset, folds: Sequence[Fold]) -> Judge:
    """Return the truth about the rows held out, fold after fold, as each fit is weighed."""
    import numpy as np

    from mlcli.models.pipeline import weights_for

    rows = _judged_rows(folds)
    weight = weights_for(
        dataset.y_true, config.model.class_weight, dataset.sample_weight, classes=schema.target.classes
    )
    y = dataset.y_true[rows].astype(np.float64) if schema.target.task == "regression" else None
    return Judge(y, np.ones(len(rows)) if weight is None else weight[rows])


def _judged_rows(folds: Sequence[Fold]) -> np.ndarray:
    """Return the positions of the rows held out, fold after fold; a row may come several times."""
    import numpy as np

    return np.concatenate([np.asarray(fold.test, dtype=np.intp) for fold in folds])


def _warn_of_failures(tried: Sequence[Tried]) -> None:
    for candidate in tried:
        if candidate.error is not None and not candidate.cut:
            logger.warning("%s is out: %s", candidate.recipe.name, candidate.error)
    n_cut = sum(candidate.cut for candidate in tried)
    if n_cut:
        logger.warning(
            "model.max_minutes cut the search: %d of %d models were not tried, and another run may choose differently",
            n_cut,
            len(tried),
        )


def _weights(loaded: LoadedConfig, tried: Sequence[Tried], judge: Judge) -> dict[int, float]:
    """Return the weight of each chosen candidate, by its position."""
    able = [i for i, candidate in enumerate(tried) if candidate.error is None]
    if not able:
        raise ConfigError(
            f"{loaded.place('model.name')} must leave a model that can be fitted on these rows. "
            f"Got none: {tried[0].recipe.name}: {tried[0].error}",
            hint="Name another model in model.name.",
        )
    limit = loaded.config.model.max_row_seconds
    seconds = [_row_seconds(tried[i]) for i in able]
    if limit is not None and min(seconds) > limit:
        fastest = able[seconds.index(min(seconds))]
        raise ConfigError(
            f"{loaded.place('model.max_latency')} must leave a model. Got {loaded.config.model.max_latency}; "
            f"the fastest, {tried[fastest].recipe.name}, takes {1e6 * min(seconds):.0f} us.",
            hint="Set a greater model.max_latency, or name faster models in model.candidates.",
        )

    def affordable(members: frozenset[int]) -> bool:
        return limit is None or sum(seconds[member] for member in members) <= limit

    weights = select_greedily([tried[i].predicted() for i in able], judge, affordable=affordable)
    return {i: weight for i, weight in zip(able, weights, strict=True) if weight > 0}


def _row_seconds(candidate: Tried) -> float:
    return float("inf") if candidate.latency is None else candidate.latency.row_seconds


def _fit_chosen(loaded: LoadedConfig, prepared: Prepared, tried: Sequence[Tried], weights: dict[int, float]) -> _Chosen:
    """Fit the members on all training rows; leave out the least of them while the whole is too slow."""
    from mlcli.models.members import combine, fit_recipe, refitted_as

    schema, dataset = prepared.schema, prepared.train
    order = sorted(weights, key=lambda i: (-weights[i], i))
    recipes = [refitted_as(tried[i].recipe, tried[i].rounds) for i in order]
    pipelines = []
    for recipe in recipes:
        logger.info("fitting %s on all %d training rows", recipe.name, len(dataset))
        started = time.perf_counter()
        with one_thread():
            pipelines.append(fit_recipe(recipe, loaded.config, schema, dataset))
        logger.info("fitted %s on %d rows in %.1f s", recipe.name, len(dataset), time.perf_counter() - started)
    limit = loaded.config.model.max_row_seconds
    while True:
        shares = _shares([weights[i] for i in order[: len(recipes)]])
        members = [(recipe.name, pipeline) for recipe, pipeline in zip(recipes, pipelines, strict=True)]
        pipeline = combine(members, shares, schema)
        latency = measure_latency(pipeline, schema, dataset.X)
        if limit is None or latency.row_seconds <= limit:
            break
        if len(recipes) == 1:
            logger.warning(
                "model.max_latency is missed: fitted on all rows, %s takes %.0f us a row",
                recipes[0].name,
                1e6 * latency.row_seconds,
            )
            break
        recipes.pop()
        pipelines.pop()
    return _Chosen(pipeline, tuple(recipes), shares, latency)


def _shares(weights: Sequence[float]) -> tuple[float, ...]:
    total = sum(weights)
    return tuple(weight / total for weight in weights)
