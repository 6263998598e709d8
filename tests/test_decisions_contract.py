"""What holds of a calibration and a threshold around every classifier: stored, compiled and asked, it stays one model."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from models_samples import config_of, dataset_of, fitted_pipeline, mixed_rows, schema_of, small_params, target_of
from numpy.testing import assert_array_equal

from mlcli.artifact.canonical import canonical_dump
from mlcli.artifact.estimator import load_estimator
from mlcli.config.model_sections import CalibrateConfig, ThresholdConfig
from mlcli.data.frames import columns_from_frame
from mlcli.inference import proof_rows
from mlcli.inference.compile import compile_pipeline
from mlcli.inference.predictor import PipelinePredictor
from mlcli.inference.proof_rows import cells_of
from mlcli.models.trust import trusted_types
from mlcli.registry import MODELS
from mlcli.training.decide import decide
from mlcli.training.prepare import Fold

CLASSIFIERS = [name for name, entry in MODELS.items() if "classification" in entry.tasks]
UNPROVEN = {
    ("nearest_neighbors", "sigmoid"): "keep every training row",
    ("nearest_neighbors", "isotonic"): "keep every training row",
    # A steep curve makes more of the rounding to float32 than is allowed to it.
    ("xgboost", "isotonic"): "rows differ",
}
"""Models that scikit-learn goes on serving, and why."""

FAR = ThresholdConfig(value=0.2)


@pytest.fixture(autouse=True)
def _short_proof(monkeypatch):
    monkeypatch.setattr(proof_rows, "N_ROWS", 3000)


def folds_of(n_rows, n_folds=3):
    fold = np.arange(n_rows) % n_folds
    return [Fold(np.flatnonzero(fold != k).tolist(), np.flatnonzero(fold == k).tolist()) for k in range(n_folds)]


@cache
def decided(name, method, kind="text", threshold=FAR):
    """A small model of its kind, calibrated, with a threshold far from one half where there are two classes."""
    X = mixed_rows()
    y = target_of(X, kind)
    params = small_params(name, "classification")
    config = config_of(name, params=params).model_copy(
        update={"calibrate": CalibrateConfig(method=method), "threshold": threshold}
    )
    made = decide(
        lambda rows: fitted_pipeline(name, rows.X, rows.y, params=params),
        dataset_of(X, y),
        folds_of(len(X)),
        config=config,
        schema=schema_of(X, y),
    )
    return made, X, schema_of(X, y)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_stored_decision_is_the_one_that_was_learned(name, method):
    made, X, schema = decided(name, method)

    content = canonical_dump(made.pipeline)
    loaded = load_estimator(content, trusted=trusted_types(name), place="model")
    before, after = (PipelinePredictor(each, schema).predict(X) for each in (made.pipeline, loaded))

    assert canonical_dump(made.pipeline) == content, "stored again, it is the same bytes"
    assert_array_equal(before.y_proba, after.y_proba)
    assert_array_equal(before.y_pred, after.y_pred)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_decision_is_compiled_and_proven_like_the_model_in_it(name, method):
    made, X, schema = decided(name, method)

    compiled = compile_pipeline(made.pipeline, schema, X)

    assert compiled.proof.proven == ((name, method) not in UNPROVEN), compiled.proof.reason
    assert UNPROVEN.get((name, method), "") in (compiled.proof.reason or "")
    assert compiled.predictor.threshold.value == 0.2


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_threshold_gives_the_same_labels_alone_in_a_batch_and_through_scikit_learn(name):
    made, known, schema = decided(name, "none")
    predictor = compile_pipeline(made.pipeline, schema, known).predictor
    X = mixed_rows(seed=1)  # of the known rows some models are too sure for a threshold to matter

    batch = predictor.predict(X)
    typed = columns_from_frame(X, schema)
    alone = [predictor.label(predictor.predict_row(cells_of(typed, row))) for row in range(len(X))]

    assert_array_equal(batch.y_pred, made.pipeline.predict(X))
    assert_array_equal(batch.y_pred, alone)
    assert_array_equal(batch.y_pred, np.where(batch.y_proba[:, 1] >= 0.2, "yes", "no"))
    if name != "dummy":
        assert (batch.y_pred != np.where(batch.y_proba[:, 1] >= 0.5, "yes", "no")).any(), "0.2 must matter here"


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_three_classes_are_calibrated_and_proven(name, method):
    made, X, schema = decided(name, method, kind="three", threshold=ThresholdConfig())

    compiled = compile_pipeline(made.pipeline, schema, X)

    assert compiled.proof.proven == ((name, method) not in UNPROVEN), compiled.proof.reason
    assert UNPROVEN.get((name, method), "") in (compiled.proof.reason or "")
    assert compiled.predictor.threshold is None
    assert set(made.decision.calibration.scores) == {"none", method}


@pytest.mark.parametrize("kind", ["text", "integer", "float", "boolean"])
def test_a_threshold_speaks_of_the_positive_class_whatever_labels_are(kind):
    made, X, schema = decided("logistic_regression", "none", kind=kind)
    classes = schema.target.classes

    predictions = PipelinePredictor(made.pipeline, schema).predict(X)

    assert made.decision.threshold.label == classes[1]
    assert_array_equal(predictions.y_pred == classes[1], predictions.y_proba[:, 1] >= 0.2)
    assert_array_equal(predictions.y_pred, made.pipeline.predict(X))


def test_the_estimator_inside_is_the_one_fitted_on_all_rows():
    made, X, _ = decided("random_forest", "isotonic")
    plain = fitted_pipeline("random_forest", X, target_of(X), params=small_params("random_forest", "classification"))

    (calibrated,) = made.pipeline.steps[-1][1].estimator_.calibrated_classifiers_

    assert_array_equal(calibrated.estimator.predict_proba(made.pipeline[:-1].transform(X)), plain.predict_proba(X))
