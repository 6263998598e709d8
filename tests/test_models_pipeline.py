"""Weights, refusals and advice around the fit."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_samples import config_of, dataset_of, fitted_pipeline, mixed_rows, schema_of, target_of

from mlcli.config.sections import NumberConfig, PreprocessConfig
from mlcli.errors import ConfigError, DataError
from mlcli.models.pipeline import build_pipeline, fit_pipeline, weights_for

X = mixed_rows()
Y = np.array(["good", "good", "good", "bad"], dtype=object)


@settings(max_examples=50, deadline=None)
@given(labels=st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_balanced_classes_weigh_the_same_and_the_rows_as_much_as_before(labels):
    y = np.array(labels, dtype=object)
    weights = weights_for(y, "balanced", None)

    totals = [weights[y == label].sum() for label in np.unique(y)]
    np.testing.assert_allclose(totals, len(y) / len(totals))


def test_the_weight_of_a_class_multiplies_that_of_the_row():
    rows = np.array([1.0, 2.0, 0.0, 3.0])

    np.testing.assert_array_equal(weights_for(Y, {"bad": 5.0}, rows), [1.0, 2.0, 0.0, 15.0])
    np.testing.assert_array_equal(weights_for(Y, {"bad": 5.0, "good": 0.5}, None), [0.5, 0.5, 0.5, 5.0])


def test_without_weights_there_are_none():
    assert weights_for(Y, None, None) is None
    np.testing.assert_array_equal(weights_for(Y, None, np.arange(4.0)), np.arange(4.0))


@pytest.mark.parametrize(
    ("y", "key"),
    [
        (np.array([0, 1]), "1"),
        (np.array([0.0, 1.0]), "1"),
        (np.array([0.0, 1.0]), "1.0"),
        (np.array([0.5, 1.5]), "1.5"),
        (np.array([False, True]), "true"),
        (np.array([False, True]), "True"),
        (np.array(["no", "yes"], dtype=object), "yes"),
    ],
)
def test_a_class_is_named_as_a_config_writes_it(y, key):
    np.testing.assert_array_equal(weights_for(y, {key: 3.0}, None), [1.0, 3.0])


def test_a_weight_for_a_class_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"model\.class_weight must name classes .*\(bad, good\)\. Got 'goood'") as e:
        weights_for(Y, {"goood": 2.0}, None)
    assert e.value.hint == "Did you mean 'good'?"


def test_a_class_that_a_fold_lacks_may_have_a_weight():
    np.testing.assert_array_equal(weights_for(Y, {"rare": 9.0}, None, classes=("bad", "good", "rare")), np.ones(4))


@pytest.mark.parametrize(
    ("options", "weights", "place"),
    [({"class_weight": "balanced"}, None, "model.class_weight"), ({}, np.ones(150), "data.weight")],
)
def test_weights_for_a_model_that_takes_none_are_refused(options, weights, place):
    with pytest.raises(ConfigError, match=f"{place} must be left out: model 'nearest_neighbors' takes no weights"):
        fitted_pipeline("nearest_neighbors", X, target_of(X), sample_weight=weights, **options)


def test_balanced_weights_find_more_of_a_rare_class():
    rng = np.random.default_rng(0)
    y = np.where(rng.random(150) < 0.1, "rare", "common").astype(object)
    share = {
        weight: fitted_pipeline("logistic_regression", X, y, class_weight=weight).predict_proba(X)[:, 1].mean()
        for weight in (None, "balanced")
    }
    assert share["balanced"] > 1.5 * share[None]


def test_more_neighbours_than_rows_are_refused_before_the_fit():
    with pytest.raises(ConfigError, match=r"n_neighbors must be at most the 150 training rows\. Got 151"):
        fitted_pipeline("nearest_neighbors", X, target_of(X), params={"n_neighbors": 151})
    fitted_pipeline("nearest_neighbors", X, target_of(X), params={"n_neighbors": 150})


def test_a_model_that_refuses_the_rows_is_an_error_with_its_words():
    with pytest.raises(ConfigError, match=r"model 'logistic_regression' must suit the 150 training rows.*liblinear"):
        fitted_pipeline("logistic_regression", X, target_of(X, "three"), params={"solver": "liblinear"})


def test_rows_without_a_target_are_refused():
    config = config_of("ridge")
    pipeline = build_pipeline(config, schema_of(X, target_of(X, "number")))
    with pytest.raises(DataError, match=r"must carry the target. Got 150 rows without it"):
        fit_pipeline(pipeline, dataset_of(X, None), model=config.model)


def test_a_solver_that_stops_early_is_one_line_in_the_log(caplog):
    fitted_pipeline("logistic_regression", X, target_of(X), params={"max_iter": 1})

    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert record.getMessage().startswith("logistic_regression: stopped before it converged; a greater model.params")


def test_advice_of_the_library_is_one_line_in_the_log(caplog):
    fitted_pipeline("nearest_neighbors", X, target_of(X), params={"algorithm": "kd_tree"})

    assert "nearest_neighbors: cannot use tree with sparse input: using brute force" in caplog.messages


@pytest.mark.parametrize("criterion", ["squared_error", "absolute_error", "poisson"])
def test_a_tree_reads_gaps_with_every_criterion(criterion):
    pipeline = fitted_pipeline("decision_tree", X, target_of(X, "number"), params={"criterion": criterion})

    assert np.isnan(pipeline[:-1].transform(X)).any()
    assert np.isfinite(pipeline.predict(X)).all()


def test_gaps_that_the_model_cannot_read_are_refused_before_any_row_is_seen():
    config = config_of("ridge", preprocess=PreprocessConfig(number=NumberConfig(impute="none")))
    with pytest.raises(ConfigError, match=r"preprocess.number.impute must fill the gaps"):
        build_pipeline(config, schema_of(X, target_of(X, "number")))


@pytest.mark.parametrize("name", ["lasso", "elastic_net", "svm", "linear_svm", "mlp"])
def test_the_unit_of_the_target_does_not_matter(name):
    y = target_of(X, "number")
    params = {"hidden_layer_sizes": [5], "solver": "lbfgs"} if name == "mlp" else {}
    columns = X[["income", "rooms"]]
    plain = fitted_pipeline(name, columns, y, params=params).predict(columns)
    scaled = fitted_pipeline(name, columns, y * 1e6 + 1e7, params=params).predict(columns)

    np.testing.assert_allclose((scaled - 1e7) / 1e6, plain, rtol=1e-3)
    assert np.corrcoef(plain, y)[0, 1] > 0.8
