"""LightGBM, XGBoost and CatBoost without their libraries."""

from __future__ import annotations

import numpy as np
import pytest
from tree_samples import (
    TASKS,
    assert_agree,
    dense_layout,
    encoded,
    encoded_row,
    hard_rows,
    library_outputs,
    outputs_of,
    target,
    training_rows,
)

from mlcli.inference.translate import NotCompiled
from mlcli.inference.translate_boosters import translate_catboost, translate_lightgbm, translate_xgboost
from mlcli.inference.trees import TreesMachine
from mlcli.models.boosting_catboost import CatBoostClassifier, CatBoostRegressor
from mlcli.models.boosting_lightgbm import LightGBMClassifier, LightGBMRegressor
from mlcli.models.boosting_xgboost import XGBoostClassifier, XGBoostRegressor

# XGBoost's sigmoid and softmax are of float32; its sums are ours to the bit.
LIBRARIES = {
    "lightgbm": (translate_lightgbm, LightGBMClassifier, LightGBMRegressor, {"n_estimators": 9}, 1e-12),
    "xgboost": (translate_xgboost, XGBoostClassifier, XGBoostRegressor, {"n_estimators": 9}, 1e-6),
    "xgboost, wide": (
        translate_xgboost,
        XGBoostClassifier,
        XGBoostRegressor,
        {"n_estimators": 5, "grow_policy": "lossguide", "max_leaves": 100, "max_depth": 0},
        1e-6,
    ),
    "catboost": (translate_catboost, CatBoostClassifier, CatBoostRegressor, {"iterations": 9}, 1e-12),
    "catboost, depthwise": (
        translate_catboost,
        CatBoostClassifier,
        CatBoostRegressor,
        {"iterations": 9, "grow_policy": "Depthwise"},
        1e-12,
    ),
    "catboost, lossguide": (
        translate_catboost,
        CatBoostClassifier,
        CatBoostRegressor,
        {"iterations": 9, "grow_policy": "Lossguide"},
        1e-12,
    ),
}


def fit(library, n_classes, X):
    _, classifier, regressor, params, _ = LIBRARIES[library]
    make = regressor if n_classes is None else classifier
    return make(n_jobs=1, random_state=0, **params).fit(X, target(X, n_classes))


@pytest.fixture(scope="module", params=[(library, task) for library in LIBRARIES for task in TASKS], ids=": ".join)
def case(request):
    library, task = request.param
    translate, *_, tolerance = LIBRARIES[library]
    X = training_rows()
    estimator = fit(library, TASKS[task], X)
    head = translate(estimator, TASKS[task])
    return estimator, head, hard_rows(head, X), TASKS[task], tolerance


def test_trees_say_what_their_library_says_at_and_beside_every_threshold(case):
    estimator, head, X, n_classes, tolerance = case
    assert_agree(outputs_of(head, X), library_outputs(estimator, X, n_classes), tolerance=tolerance)


def test_bits_walks_and_single_rows_give_the_same_bits(case):
    _, head, X, _, _ = case
    outputs = outputs_of(head, X)
    np.testing.assert_array_equal(outputs_of(head, X, widest=2), outputs)
    machine = TreesMachine(head, dense_layout())
    np.testing.assert_array_equal(machine.rows(encoded(X[:1])), outputs[:1])
    assert [machine.row(encoded_row(x)) for x in X[-60:]] == outputs[-60:].tolist()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_gap_that_training_never_saw_goes_where_the_library_sends_it(library):
    translate, *_, tolerance = LIBRARIES[library]
    X = training_rows(gaps=False)
    estimator = fit(library, 2, X)
    Z = X.copy()
    for feature in range(Z.shape[1]):
        Z[feature :: Z.shape[1], feature] = np.nan
    ours = outputs_of(translate(estimator, 2), Z)
    assert_agree(ours, library_outputs(estimator, Z, 2), tolerance=tolerance)
    assert np.abs(ours - library_outputs(estimator, X, 2)).max() > 0.01


def test_xgboost_adds_in_float32_as_we_do():
    X = training_rows()
    estimator = fit("xgboost", None, X)
    np.testing.assert_array_equal(
        outputs_of(translate_xgboost(estimator, None), X), library_outputs(estimator, X, None).astype(np.float64)
    )


def test_a_constant_target_gives_trees_of_one_leaf():
    X = training_rows()
    for library in ("lightgbm", "xgboost"):  # CatBoost refuses such a target
        translate, _, regressor, params, _ = LIBRARIES[library]
        estimator = regressor(n_jobs=1, **params).fit(X, np.full(len(X), 7.0))
        assert_agree(outputs_of(translate(estimator, None), X), estimator.predict(X)[:, None], tolerance=1e-6)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("objective=binary sigmoid:1", "objective=binary sigmoid:2"),
        ("objective=binary sigmoid:1", "objective=poisson"),
        ("num_cat=0", "num_cat=1"),
        ("is_linear=0", "is_linear=1"),
        ("decision_type=", "decision_type=5 "),
        ("\nfeature_names", "\naverage_output\nfeature_names"),
    ],
    ids=["another slope", "another objective", "categories", "linear leaves", "zeros for gaps", "a mean"],
)
def test_a_lightgbm_of_another_kind_does_not_compile(old, new):
    estimator = fit("lightgbm", 2, training_rows())
    translate_lightgbm(estimator, 2)
    assert old in estimator.model_
    estimator.model_ = estimator.model_.replace(old, new)
    with pytest.raises(NotCompiled, match="LightGBM"):
        translate_lightgbm(estimator, 2)


def test_an_xgboost_of_another_objective_does_not_compile():
    estimator = fit("xgboost", None, training_rows())
    with pytest.raises(NotCompiled, match="squarederror"):
        translate_xgboost(estimator, 2)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_numbers_that_lightgbm_reads_as_nothing_are_nothing_to_the_program(low, gaps):
    X = np.tile([low, low + 1.0], 60)[:, None]
    X[:9] = np.nan if gaps else X[:9]
    estimator = LightGBMRegressor(n_estimators=3, n_jobs=1).fit(X, np.nan_to_num(X[:, 0]) * 10)
    edge = float(np.float32(1e-35))
    beside = [edge, np.nextafter(edge, 1), np.nextafter(edge, 0), 1e-36, 5e-324, 0.0, 2e-35, 1.0]
    Z = np.array([*beside, *(-x for x in beside), np.nan])[:, None]

    theirs = library_outputs(estimator, Z, None)
    assert len(np.unique(theirs)) > 1
    assert_agree(outputs_of(translate_lightgbm(estimator, None), Z), theirs)
