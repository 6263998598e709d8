"""Every model explains what it says: contributions of the columns add up to its outputs, on the scale that they name."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from inference_samples import odd_rows, taken
from models_samples import KINDS, config_of, dataset_of, mixed_rows, schema_of, small_params, target_of
from program_samples import frame, samples
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier

from mlcli.config.sections import PreprocessConfig, TextConfig
from mlcli.data.frames import columns_from_frame
from mlcli.errors import ArtifactError
from mlcli.inference.explain import Explainer, joined
from mlcli.inference.explain_linear import with_means
from mlcli.inference.links import apply_link
from mlcli.inference.machine import Machine
from mlcli.inference.predictor import PipelinePredictor, ProgramPredictor
from mlcli.inference.translate import NotCompiled, translate
from mlcli.models.pipeline import build_pipeline, fit_pipeline
from mlcli.registry import MODELS

TEXTS = PreprocessConfig(text=TextConfig(max_features=100))
DENSE = PreprocessConfig(text=TextConfig(max_features=100, components=5))
FLOAT32 = {"xgboost", "catboost"}
"""Libraries that add up in float32, or round their own tables to it."""

EVERY = [
    (name, kind)
    for name, entry in MODELS.items()
    for task in entry.tasks
    for kind in (("number",) if task == "regression" else ("text", "three"))
]
LINEAR = {"linear", "ridge", "lasso", "elastic_net", "logistic_regression", "linear_svm"}
TREES = {
    "decision_tree", "random_forest", "extra_trees", "gradient_boosting", "lightgbm", "xgboost", "catboost",
}  # fmt: skip
SUMS_OF_PROBABILITIES = {"decision_tree", "random_forest", "extra_trees", "dummy"}


def fitted(name, kind, X):
    task = "regression" if kind == "number" else "classification"
    y = target_of(X, kind)
    schema = schema_of(X, y)
    config = config_of(name, params=small_params(name, task), preprocess=TEXTS)
    return fit_pipeline(build_pipeline(config, schema), dataset_of(X, y), model=config.model), schema


def explained(pipeline, schema, X, *, program=None):
    """Return an explainer with the stored rows that an artifact would hold."""
    background = taken(columns_from_frame(X, schema), range(20))
    try:
        program = program or with_means(translate(pipeline, schema), columns_from_frame(X, schema))
    except NotCompiled:
        return Explainer(PipelinePredictor(pipeline, schema), None, background)
    return Explainer(ProgramPredictor(Machine(program), schema), program, background)


def outputs_of(explainer, columns):
    predictions = explainer.predictor.predict_columns(columns)
    return predictions.y_pred[:, None].astype(float) if predictions.y_proba is None else predictions.y_proba


def totals(explainer, found):
    """Return what the contributions add up to, as outputs: through the link of the scale that they are on."""
    total = found.base + found.contributions.sum(axis=1)
    if found.scale == "score":
        link = explainer._terms.link
        assert link in {"softmax", "ovr"}
        return apply_link(np.ascontiguousarray(total), link)
    if found.scale == "log_odds":
        np.testing.assert_allclose(total[:, 0], -total[:, 1], rtol=0, atol=1e-9)
        return apply_link(np.ascontiguousarray(total[:, 1:]), "sigmoid")
    return np.exp(total) if found.scale == "log_target" else total


def check(explainer, columns, *, tolerance=1e-9):
    found = explainer.explain(columns)
    expected = outputs_of(explainer, columns)
    difference = np.abs(totals(explainer, found) - expected) / np.maximum(1.0, np.abs(expected))
    assert difference.max() <= tolerance
    assert np.isfinite(found.contributions).all()
    return found


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_contributions_add_up_to_what_every_model_says(name, kind):
    """For rows with missing cells, levels that training never saw and numbers far outside its range."""
    X = mixed_rows(200)
    pipeline, schema = fitted(name, kind, X)
    explainer = explained(pipeline, schema, X)
    exact = explainer.n_background == 0
    odd = columns_from_frame(odd_rows(X), schema)

    found = check(
        explainer, odd if exact else taken(odd, range(0, 60, 20)), tolerance=1e-6 if name in FLOAT32 else 1e-9
    )

    assert found.columns == tuple(KINDS)
    assert found.method == (
        "constant" if name == "dummy" else "linear" if name in LINEAR else "tree_shap" if name in TREES else "enumerated"
    )  # fmt: skip
    sums = name in SUMS_OF_PROBABILITIES or not exact
    by_kind = {
        "number": "target",
        "text": "probability" if sums else "log_odds",
        "three": "probability" if sums else "score",
    }
    assert found.scale == by_kind[kind]


META = {
    "a vote of forests": (
        VotingClassifier([("a", RandomForestClassifier(5, random_state=0)), ("b", RandomForestClassifier(3, random_state=1))], voting="soft", weights=[1, 3]),
        "three", "tree_shap", "probability",
    ),
    "a vote of log-odds": (
        VotingClassifier([("a", LogisticRegression()), ("b", HistGradientBoostingClassifier(max_iter=5))], voting="soft"),
        "text", "enumerated", "probability",
    ),
    "a mean of a linear model and trees": (
        VotingRegressor([("a", Ridge()), ("b", RandomForestRegressor(5, random_state=0))]), "number", "tree_shap", "target",
    ),
    "a sigmoid behind boosting": (
        CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=5), ensemble=False), "text", "tree_shap", "log_odds",
    ),
    "sigmoids behind a linear model": (
        CalibratedClassifierCV(LogisticRegression(), ensemble=False), "three", "linear", "score",
    ),
    "a sigmoid behind a forest": (
        CalibratedClassifierCV(RandomForestClassifier(5, random_state=0), ensemble=False), "text", "tree_shap", "log_odds",
    ),
    "a mean of sigmoids": (CalibratedClassifierCV(LogisticRegression(), cv=3), "text", "enumerated", "probability"),
    "a curve behind a forest": (
        CalibratedClassifierCV(RandomForestClassifier(5, random_state=0), method="isotonic", ensemble=False), "text", "enumerated", "probability",
    ),
    "a threshold on boosting": (
        FixedThresholdClassifier(HistGradientBoostingClassifier(max_iter=5), threshold=0.8, response_method="predict_proba"),
        "text", "tree_shap", "log_odds",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", META)
def test_contributions_pass_through_what_stands_around_models_where_they_stay_sums(what):
    X = mixed_rows(200)
    estimator, kind, method, scale = META[what]
    y = target_of(X, kind)
    schema = schema_of(X, y)
    # What is prepared for a network suits every model: dense, without gaps, scaled.
    pipeline = build_pipeline(config_of("mlp", preprocess=DENSE), schema)
    features = pipeline.named_steps["preprocess"].fit_transform(X, y)
    pipeline.steps[-1] = ("estimator", estimator.fit(features, y))
    explainer = explained(pipeline, schema, X)
    odd = columns_from_frame(odd_rows(X), schema)
    found = check(explainer, odd if explainer.n_background == 0 else taken(odd, range(2)))
    assert (found.method, found.scale) == (method, scale)


@pytest.mark.parametrize("name", samples())
def test_every_program_is_explained(name):
    program, schema = samples()[name]
    columns = columns_from_frame(frame(), schema)
    explainer = Explainer(ProgramPredictor(Machine(program), schema), program, taken(columns, range(20)))
    exact = explainer.n_background == 0
    check(explainer, columns if exact else taken(columns, range(0, 300, 100)))


def without(node, **fields):
    """Return a program's node as an older format had it."""
    return msgspec.structs.replace(node, head=msgspec.structs.replace(node.head, **fields))


@pytest.mark.parametrize(("name", "field"), [("linear", "means"), ("trees", "cover")])
def test_a_program_of_an_older_format_is_explained_by_its_stored_rows(name, field):
    program, schema = samples()[name]
    old = msgspec.structs.replace(program, node=without(program.node, **{field: None}))
    columns = columns_from_frame(frame(), schema)
    explainer = Explainer(ProgramPredictor(Machine(old), schema), old, taken(columns, range(20)))
    found = check(explainer, taken(columns, range(3)))
    assert (found.method, explainer.n_background) == ("enumerated", 20)


def test_rows_to_compare_with_are_needed_only_where_contributions_are_not_exact():
    program, schema = samples()["network"]
    columns = columns_from_frame(frame(), schema)
    with pytest.raises(ArtifactError, match="stored rows"):
        Explainer(ProgramPredictor(Machine(program), schema), program, taken(columns, range(0)))
    exact, contract = samples()["linear"]
    assert Explainer(ProgramPredictor(Machine(exact), contract), exact, taken(columns, range(0))).method == "linear"


def test_the_predicted_class_is_chosen_and_a_threshold_decides_which_that_is():
    program, schema = samples()["threshold"]
    columns = columns_from_frame(frame(), schema)
    predictor = ProgramPredictor(Machine(program), schema)
    explainer = Explainer(predictor, program, taken(columns, range(20)))
    y_pred = predictor.predict_columns(columns).y_pred
    chosen = explainer.predicted(y_pred)
    assert {schema.target.classes[k] for k in chosen} == {"a", "b"}
    assert [schema.target.classes[k] for k in chosen] == y_pred.tolist()
    found = explainer.explain(columns)
    told = found.chosen(chosen)
    log_odds = told.base + told.contributions.sum(axis=1)
    outputs = outputs_of(explainer, columns)[np.arange(len(chosen)), chosen]
    np.testing.assert_allclose(1 / (1 + np.exp(-log_odds)), outputs, atol=1e-12)
    assert told.errors is None


def test_rows_explained_in_parts_are_those_explained_at_once():
    program, schema = samples()["network"]
    columns = columns_from_frame(frame(), schema)
    explainer = Explainer(ProgramPredictor(Machine(program), schema), program, taken(columns, range(20)), budget=500)
    assert explainer.method == "sampled"
    whole = explainer.explain(taken(columns, range(5)))
    parts = joined([explainer.explain(taken(columns, [i])) for i in range(5)])
    np.testing.assert_array_equal(whole.contributions, parts.contributions)
    np.testing.assert_array_equal(whole.errors, parts.errors)
    none = explainer.explain(taken(columns, []))
    assert none.contributions.shape == none.errors.shape == (0, 6, 2)


@pytest.mark.parametrize("name", ["linear", "boosting", "constant", "network"])
def test_no_rows_are_explained_by_nothing(name):
    program, schema = samples()[name]
    columns = columns_from_frame(frame(), schema)
    explainer = Explainer(ProgramPredictor(Machine(program), schema), program, taken(columns, range(20)))
    found = explainer.explain(taken(columns, []))
    assert found.contributions.shape == (0, 6, program.n_outputs)
