"""scikit-learn's own contract, for every estimator and transformer that is ours."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from mlcli.features.dates import DateEncoder
from mlcli.features.numbers import NumberLimiter
from mlcli.features.texts import TextEncoder
from mlcli.models.boosting_catboost import CatBoostClassifier, CatBoostRegressor
from mlcli.models.boosting_lightgbm import LightGBMClassifier, LightGBMRegressor
from mlcli.models.boosting_xgboost import XGBoostClassifier, XGBoostRegressor
from mlcli.models.linear import ElasticNetRegressor, LassoRegressor
from mlcli.models.neural import MLPRegressor
from mlcli.models.svm import LinearSVMClassifier, LinearSVMRegressor, SVMClassifier, SVMRegressor

OURS = [
    NumberLimiter(),
    DateEncoder(),
    TextEncoder(),
    LassoRegressor(alpha=0.01),
    ElasticNetRegressor(alpha=0.01),
    MLPRegressor(solver="lbfgs", hidden_layer_sizes=(10,), max_iter=50),
    SVMClassifier(cv=2),
    SVMRegressor(),
    LinearSVMClassifier(cv=2),
    LinearSVMRegressor(),
    LightGBMClassifier(n_estimators=5, min_child_samples=1, n_jobs=1),
    LightGBMRegressor(n_estimators=20, min_child_samples=1, n_jobs=1),
    XGBoostClassifier(n_estimators=5, n_jobs=1),
    XGBoostRegressor(n_estimators=20, n_jobs=1),
    CatBoostClassifier(iterations=10, depth=3, n_jobs=1),
    CatBoostRegressor(iterations=50, depth=3, learning_rate=0.2, n_jobs=1),
]

BINNED = "bins are cut by rows, whatever their weights"
FOLDS = "the folds behind the sigmoids hold rows, whatever their weights"
LIBSVM = "scikit-learn's own machine fails it as well"


def weights_excused(reason):
    return {
        "check_sample_weight_equivalence_on_dense_data": reason,
        "check_sample_weight_equivalence_on_sparse_data": reason,
    }


EXCUSED = {
    TextEncoder: {"check_complex_data": "any cell can be read as a text"},
    SVMClassifier: weights_excused(FOLDS),
    LinearSVMClassifier: weights_excused(FOLDS),
    SVMRegressor: weights_excused(LIBSVM),
    LinearSVMRegressor: weights_excused(LIBSVM),
    LightGBMClassifier: weights_excused(BINNED),
    LightGBMRegressor: weights_excused(BINNED),
    CatBoostClassifier: weights_excused(BINNED),
    CatBoostRegressor: weights_excused(BINNED)
    | {"check_fit2d_1sample": "CatBoost refuses constant columns, and names them instead of the single row"},
}


# scikit-learn's checks cut short every solver on purpose.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(OURS, expected_failed_checks=lambda estimator: EXCUSED.get(type(estimator), {}))
def test_our_estimators_keep_the_contract_of_scikit_learn(estimator, check):
    check(estimator)
