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
