"""The preprocessing of a model that scikit-learn answers: compiled where it changes no bit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from inference_samples import odd_rows, same_bits
from models_samples import KINDS, fitted_pipeline, mixed_rows, schema_of, small_params, target_of
from serving_samples import ask, run, train_sample
from sklearn.preprocessing import StandardScaler

from mlcli.artifact.open import open_artifact
from mlcli.artifact.predictor import load_predictor, load_served_predictor
from mlcli.config.sections import PreprocessConfig
from mlcli.data.frames import columns_from_frame
from mlcli.inference import compiled_features
from mlcli.inference.compiled_features import compile_features
from mlcli.inference.predictor import PipelinePredictor
from mlcli.serving import create_app

WITHOUT_TEXT = {name: kind for name, kind in KINDS.items() if kind != "text"}

PREPROCESSING = {
    "as it comes": {},
    "mean, robust, ordinal": {"number": {"impute": "mean", "scale": "robust"}, "category": {"encode": "ordinal"}},
    "zero, minmax, target": {"number": {"impute": "zero", "scale": "minmax"}, "category": {"encode": "target"}},
    "quantile": {"number": {"scale": "quantile", "indicator": False}},
}


def fitted(target, *, preprocess=None, kinds=WITHOUT_TEXT):
    X = mixed_rows()
    X = X[list(kinds)]
    y = target_of(X, target)
    task = "regression" if target == "number" else "classification"
    pipeline = fitted_pipeline(
        "nearest_neighbors",
        X,
        y,
        kinds=kinds,
        params=small_params("nearest_neighbors", task),
        preprocess=PreprocessConfig.model_validate(preprocess or {}),
    )
    return pipeline, schema_of(X, y, kinds=kinds), X


@pytest.mark.parametrize("target", ["text", "three", "number"])
@pytest.mark.parametrize("preprocess", PREPROCESSING.values(), ids=PREPROCESSING)
def test_predictions_are_the_same_to_the_last_bit_with_compiled_features(target, preprocess):
    pipeline, schema, X = fitted(target, preprocess=preprocess)
    plain = PipelinePredictor(pipeline, schema)
    features = compile_features(pipeline, schema, columns_from_frame(X, schema))
    assert features is not None
    quick = dataclasses.replace(plain, features=features)

    for rows in (X, odd_rows(X)):
        columns = columns_from_frame(rows, schema)
        assert same_bits(features.rows(columns), pipeline[:-1].transform(rows))
        assert same_bits(quick._outputs_of(columns), plain.outputs(rows))
    row = [cells[0] for cells in columns_from_frame(X, schema).columns]
    assert quick.predict_row(row) == plain.predict_row(row)


def test_texts_whose_features_are_mostly_0_are_left_to_scikit_learn():
    pipeline, schema, X = fitted("text", kinds=KINDS)

    sparse = not isinstance(pipeline[:-1].transform(X), np.ndarray)
    assert (compile_features(pipeline, schema, columns_from_frame(X, schema)) is None) == sparse


def test_a_preprocessor_of_unknown_parts_is_left_to_scikit_learn():
    pipeline, schema, X = fitted("text")
    pipeline.steps[0] = ("preprocess", StandardScaler())

    assert compile_features(pipeline, schema, columns_from_frame(X, schema)) is None


@pytest.mark.parametrize("fault", [lambda X: np.nextafter(X, np.inf), lambda X: X[:, ::-1]], ids=["a bit", "an order"])
def test_features_that_differ_anywhere_are_not_used(fault, monkeypatch):
    pipeline, schema, X = fitted("text")
    whole = compiled_features.full_matrix
    monkeypatch.setattr(compiled_features, "full_matrix", lambda *arguments: fault(whole(*arguments)))

    assert compile_features(pipeline, schema, columns_from_frame(X, schema)) is None


def test_a_served_model_without_a_program_has_compiled_features_and_answers_as_before(tmp_path):
    folder = train_sample(tmp_path, model="nearest_neighbors")
    artifact = open_artifact(folder)
    served, plain = load_served_predictor(artifact), load_predictor(artifact)
    assert not served.compiled
    assert served.features is not None
    assert plain.features is None

    app = create_app(folder)
    row = app.state.service.served.example
    answer = run(ask(app, body={"rows": [row]})).json()
    read = app.state.service.served.reader.read_records([row])
    assert [shares[0] for shares in answer["probabilities"].values()] == plain.predict_row(read.rows[0])
