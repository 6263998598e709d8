"""The members of an ensemble: fitted, stopped early, and put together as one pipeline."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlcli.config.model_sections import ModelConfig
from mlcli.config.sections import Config
from mlcli.data.dataset import Dataset
from mlcli.data.schema import Schema
from mlcli.features.preprocessed import Preprocessed, preprocess_rows
from mlcli.models.pipeline import build_pipeline, check_neighbors, fit_weights, weights_for
from mlcli.models.portfolio import PATIENCE, ROUNDS, Recipe

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

logger = logging.getLogger(__name__)


def fit_recipe(
    recipe: Recipe, config: Config, schema: Schema, dataset: Dataset, *, held_out: Dataset | None = None
) -> Pipeline:
    """Fit one model of a choice and its preprocessing, with one thread.

    Parameters
    ----------
    recipe : Recipe
        The model.
    config : Config
        Everything else that the pipeline hangs on.
    schema : Schema
        The table's columns and target.
    dataset : Dataset
        Rows to learn from.
    held_out : Dataset, optional
        Rows that decide when boosting stops, where the recipe stops early.

    Returns
    -------
    Pipeline
        Fitted; of a model that stopped early, cut where the loss on the rows
        held out was least.

    Raises
    ------
    ConfigError
        If preprocessing, model, weights and rows do not go together.
    ValueError
        If the library refuses the rows.
    """
    rows = preprocess_for(recipe, config, schema, dataset, held_out=held_out if recipe.early_stopping else None)
    estimator = fit_on(rows, recipe, config, schema, dataset, held_out=held_out)
    return joined(rows, estimator)


def preprocess_for(
    recipe: Recipe, config: Config, schema: Schema, dataset: Dataset, *, held_out: Dataset | None = None
) -> Preprocessed:
    """Preprocess rows for a recipe, and for every other of the same `Recipe.preprocessing`."""
    pipeline = build_recipe(recipe, config, schema)
    check_neighbors(pipeline.named_steps["estimator"], n_rows=len(dataset))  # before rows are prepared for nothing
    with _quiet(recipe):
        judged = None if held_out is None else held_out.X
        return preprocess_rows(pipeline.named_steps["preprocess"], dataset.X, dataset.y, judged=judged)


def fit_on(
    rows: Preprocessed,
    recipe: Recipe,
    config: Config,
    schema: Schema,
    dataset: Dataset,
    *,
    held_out: Dataset | None = None,
) -> Any:
    """Fit the estimator of a recipe on preprocessed rows.

    Parameters
    ----------
    rows : Preprocessed
        What `preprocess_for` returned.
    recipe, config, schema, dataset, held_out
        As in `fit_recipe`.

    Returns
    -------
    estimator
        Fitted.
    """
    model = recipe.model
    stops_early = recipe.early_stopping and held_out is not None
    histogram = model.name == "gradient_boosting"
    if stops_early and histogram:
        stopping = {"early_stopping": True, "n_iter_no_change": PATIENCE}
        model = model.model_copy(update={"params": {**model.params, **stopping}})
    estimator = build_recipe(replace(recipe, model=model), config, schema).named_steps["estimator"]
    check_neighbors(estimator, n_rows=len(dataset))
    weights = fit_weights(dataset, model=model, classes=schema.target.classes)
    options: dict[str, Any] = {} if weights is None else {"sample_weight": weights}
    with _quiet(recipe), _one_job(estimator):
        if stops_early:
            assert held_out is not None, "asked above"
            options |= _validation(rows.judged, dataset, held_out, model=model, schema=schema)
            options |= {} if histogram else {"patience": PATIENCE}
        estimator.fit(rows.features, dataset.y, **options)
    if stops_early and histogram:
        _cut_at_best(estimator)
    return estimator


def joined(rows: Preprocessed, estimator: Any) -> Pipeline:
    """Put a fitted preprocessor and a fitted estimator together."""
    from sklearn.pipeline import Pipeline

    return Pipeline([("preprocess", rows.preprocess), ("estimator", estimator)])


@contextmanager
def _quiet(recipe: Recipe) -> Iterator[None]:
    """Log what libraries warn of: a fit among dozens; that one of them did not converge shows in its score."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        logger.debug("%s: %s", recipe.name, warning.message)


@contextmanager
def _one_job(estimator: Any) -> Iterator[None]:
    """Let an estimator that says nothing of its threads fit in one, since fits run beside each other."""
    names_threads = "n_jobs" in estimator.get_params(deep=False) and estimator.n_jobs is None
    if not names_threads:
        yield
        return
    estimator.set_params(n_jobs=1)
    try:
        yield
    finally:
        estimator.set_params(n_jobs=None)


def build_recipe(recipe: Recipe, config: Config, schema: Schema) -> Pipeline:
    """Compose the unfitted pipeline of one model of a choice."""
    return build_pipeline(config.model_copy(update={"model": recipe.model, "preprocess": recipe.preprocess}), schema)


def refitted_as(recipe: Recipe, rounds: Sequence[int]) -> Recipe:
    """Return the recipe for a fit on all rows, where none is held out to stop it.

    Parameters
    ----------
    recipe : Recipe
        One that may stop early.
    rounds : sequence of int
        Rounds of boosting that each fold found best.
    """
    if not recipe.early_stopping:
        return recipe
    # Rounded up: the rows are more than in any fold, and carry more rounds rather than fewer.
    params = {**recipe.model.params, ROUNDS[recipe.model.name]: max(1, -(-sum(rounds) // len(rounds)))}
    return Recipe(
        recipe.name,
        recipe.model.model_copy(update={"params": params}),
        early_stopping=False,
        preprocess=recipe.preprocess,
    )


def combine(members: Sequence[tuple[str, Pipeline]], weights: Sequence[float], schema: Schema) -> Pipeline:
    """Put fitted pipelines together as one that predicts their weighted mean.

    Parameters
    ----------
    members : sequence of (str, Pipeline)
        Names and fitted pipelines, each with its own preprocessing.
    weights : sequence of float
        Their weights, which add up to 1.
    schema : Schema
        The target.

    Returns
    -------
    Pipeline
        A single member as it is; else scikit-learn's VotingClassifier (soft)
        or VotingRegressor as the one step of a pipeline.
    """
    from sklearn.pipeline import Pipeline

    if len(members) == 1:
        return members[0][1]
    return Pipeline([("estimator", _vote(members, weights, schema))])


def _vote(members: Sequence[tuple[str, Pipeline]], weights: Sequence[float], schema: Schema) -> Any:
    """Return a fitted vote. Its own ``fit`` would fit the members again, without row weights."""
    import numpy as np
    from sklearn.ensemble import VotingClassifier, VotingRegressor
    from sklearn.preprocessing import LabelEncoder

    estimators = [(name.replace("__", "_"), pipeline) for name, pipeline in members]
    if schema.target.task == "regression":
        vote: Any = VotingRegressor(estimators, weights=list(weights))
    else:
        vote = VotingClassifier(estimators, voting="soft", weights=list(weights))
        final = members[0][1].named_steps["estimator"]
        vote.le_ = LabelEncoder()
        vote.le_.classes_ = vote.classes_ = np.asarray(final.classes_)
    vote.estimators_ = [pipeline for _, pipeline in members]
    return vote


def _validation(
    judged: Any, dataset: Dataset, held_out: Dataset, *, model: ModelConfig, schema: Schema
) -> dict[str, Any]:
    """Return the rows that stop the fit, those of a class left out that it cannot learn."""
    import numpy as np

    rows = held_out
    if schema.target.task == "classification":
        known = np.isin(held_out.y_true, np.unique(dataset.y_true))
        if not known.all():
            rows, judged = held_out.take(np.flatnonzero(known)), judged[np.flatnonzero(known)]
    options = {"X_val": judged, "y_val": rows.y}
    weights = weights_for(rows.y_true, model.class_weight, rows.sample_weight, classes=schema.target.classes)
    return options if weights is None else options | {"sample_weight_val": weights}


def _cut_at_best(estimator: Any) -> None:
    """Drop the rounds behind the best: those that were waited for."""
    import numpy as np

    # The first score is that of no round at all.
    best = max(1, int(np.argmax(estimator.validation_score_)))
    del estimator._predictors[best:]  # noqa: SLF001  # scikit-learn has no public way to take rounds back
