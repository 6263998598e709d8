"""The wrappers of LightGBM, XGBoost and CatBoost."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from mlcli.models.boosting_catboost import CatBoostClassifier, CatBoostRegressor
from mlcli.models.boosting_lightgbm import LightGBMClassifier, LightGBMRegressor
from mlcli.models.boosting_xgboost import XGBoostClassifier, XGBoostRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
X[RNG.random(X.shape) < 0.1] = np.nan
SCORE = np.nan_to_num(X[:, 0]) * 3 + np.nan_to_num(X[:, 1])
CLASSIFIERS = [
    LightGBMClassifier(n_estimators=5),
    XGBoostClassifier(n_estimators=5),
    CatBoostClassifier(iterations=5, depth=3),
]
REGRESSORS = [
    LightGBMRegressor(n_estimators=5),
    XGBoostRegressor(n_estimators=5),
    CatBoostRegressor(iterations=5, depth=3),
]


def named(estimator):
    return type(estimator).__name__


@pytest.mark.parametrize("regressor", REGRESSORS, ids=named)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_model_is_the_same_to_the_byte_and_for_any_number_of_threads(regressor, n_jobs):
    params = regressor.get_params()
    first, second = (type(regressor)(**{**params, "n_jobs": n_jobs}).fit(X, SCORE) for _ in range(2))
    single = type(regressor)(**{**params, "n_jobs": 1}).fit(X, SCORE)

    assert first.model_ == second.model_
    np.testing.assert_array_equal(first.predict(X), single.predict(X))


@pytest.mark.parametrize("regressor", REGRESSORS, ids=named)
def test_a_seed_changes_a_model_that_draws_rows(regressor):
    params = {k: v for k, v in (("subsample", 0.5), ("bagging_temperature", 5.0)) if k in regressor.get_params()}
    one, other = (
        type(regressor)(**{**regressor.get_params(), **params, "random_state": seed}).fit(X, SCORE) for seed in (1, 2)
    )
    assert (one.predict(X) != other.predict(X)).any()


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=named)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_model_read_back_answers_alike(classifier, n_classes):
    y = np.array(["a", "b", "c"], dtype=object)[np.digitize(SCORE, [0, 2][: n_classes - 1])]
    found = type(classifier)(**classifier.get_params()).fit(X, y)

    read = pickle.loads(pickle.dumps(found))

    np.testing.assert_array_equal(read.predict_proba(X), found.predict_proba(X))
    assert isinstance(found.model_, str | bytes)
    assert (found.predict(X) == y).mean() > 0.6


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=named)
def test_one_class_and_weights_of_zero_are_refused(classifier):
    with pytest.raises(ValueError, match=r"at least two classes. Got one class: 'a'"):
        classifier.fit(X, np.full(200, "a", dtype=object))
    with pytest.raises(ValueError, match="at least one non-zero"):
        classifier.fit(X, SCORE > 0, sample_weight=np.zeros(200))


def test_what_the_library_refuses_is_a_value_error():
    with pytest.raises(ValueError, match="constant"):
        CatBoostRegressor(iterations=2).fit(np.ones((20, 2)), np.arange(20.0))


HELD_OUT = RNG.normal(size=(80, 4))
HELD_OUT_SCORE = HELD_OUT[:, 0] * 3 + HELD_OUT[:, 1]
NOISY = SCORE + RNG.normal(size=len(SCORE)) * 2
MANY = [
    LightGBMRegressor(n_estimators=400, learning_rate=0.3, min_child_samples=3),
    XGBoostRegressor(n_estimators=400, learning_rate=0.3),
    CatBoostRegressor(iterations=400, depth=6, learning_rate=0.3),
]


@pytest.mark.parametrize("regressor", MANY, ids=named)
def test_rows_held_out_end_the_boosting_where_they_are_told_best(regressor):
    found = type(regressor)(**regressor.get_params()).fit(X, NOISY, X_val=HELD_OUT, y_val=HELD_OUT_SCORE, patience=10)

    def error(model):
        return float(np.mean((model.predict(HELD_OUT) - HELD_OUT_SCORE) ** 2))

    assert 1 < found.n_iter_ < 390
    rounds = "iterations" if "iterations" in found.get_params() else "n_estimators"
    around = [
        type(regressor)(**{**regressor.get_params(), rounds: found.n_iter_ + step}).fit(X, NOISY) for step in (-1, 0, 1)
    ]
    assert [model.n_iter_ - found.n_iter_ for model in around] == [-1, 0, 1]
    np.testing.assert_allclose(around[1].predict(X), found.predict(X), rtol=1e-6)
    assert error(found) <= min(error(model) for model in around) * (1 + 1e-6)


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=named)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_held_out_may_be_of_any_type_but_none_that_was_not_learned(classifier, n_classes):
    labels = np.array(["a", "b", "c"], dtype=object)
    y = labels[np.digitize(SCORE, [0, 2][: n_classes - 1])]
    rest = labels[np.digitize(HELD_OUT_SCORE, [0, 2][: n_classes - 1])]
    model = type(classifier)(**classifier.get_params())

    found = model.fit(X, y, X_val=HELD_OUT, y_val=rest, sample_weight_val=np.ones(len(rest)))

    assert 1 <= found.n_iter_ <= 5
    assert np.mean(found.predict(HELD_OUT) == rest) > 0.5
    with pytest.raises(ValueError, match=r"y_val must hold classes of y\. Got 'z'"):
        model.fit(X, y, X_val=HELD_OUT[:1], y_val=np.array(["z"], dtype=object))
