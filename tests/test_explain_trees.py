"""SHAP values of trees: by their definition, beside the package shap, beside the libraries' own."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from explain_samples import plain_columns, plain_terms, tree_shapley, tree_values
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier
from tree_samples import N_FEATURES, hard_rows, outputs_of, target, training_rows

from mlcli.data.typed import TypedColumns
from mlcli.inference.explain_trees import TreeTerms
from mlcli.inference.program import Lookup, Model, Numbers, OneHot
from mlcli.inference.translate_boosters import translate_catboost, translate_lightgbm, translate_xgboost
from mlcli.inference.translate_trees import translate_forest, translate_hist_boosting, translate_tree
from mlcli.inference.tree_nodes import Tree, ensemble
from mlcli.models.boosting_catboost import CatBoostClassifier, CatBoostRegressor
from mlcli.models.boosting_lightgbm import LightGBMClassifier, LightGBMRegressor
from mlcli.models.boosting_xgboost import XGBoostClassifier, XGBoostRegressor

SMALL = {
    "a tree": (DecisionTreeClassifier(max_depth=5, random_state=0), translate_tree, 3),
    "a forest of classes": (RandomForestClassifier(4, max_depth=5, random_state=0), translate_forest, 3),
    "a forest of numbers": (RandomForestRegressor(4, max_depth=6, random_state=0), translate_forest, None),
    "weighted rows": (RandomForestClassifier(4, max_depth=4, class_weight="balanced", random_state=0), translate_forest, 2),
    "boosting of two classes": (HistGradientBoostingClassifier(max_iter=5, random_state=0), translate_hist_boosting, 2),
    "boosting of three classes": (HistGradientBoostingClassifier(max_iter=3, random_state=0), translate_hist_boosting, 3),
    "boosting by Poisson": (HistGradientBoostingRegressor(max_iter=5, loss="poisson"), translate_hist_boosting, "positive"),
    "LightGBM": (LightGBMClassifier(n_estimators=3, n_jobs=1), translate_lightgbm, 3),
    "XGBoost": (XGBoostRegressor(n_estimators=4, max_depth=4, n_jobs=1), translate_xgboost, None),
    "CatBoost": (CatBoostClassifier(iterations=4, depth=4, n_jobs=1), translate_catboost, 3),
    "CatBoost, asymmetric": (CatBoostRegressor(iterations=4, grow_policy="Lossguide", n_jobs=1), translate_catboost, None),
}  # fmt: skip


def fit(estimator, translate, task):
    """Return the rows, the fitted estimator and its trees."""
    X = training_rows()
    y = target(X, None if task == "positive" else task)
    estimator.fit(X, np.exp(y / 4000) if task == "positive" else y)
    return X, estimator, translate(estimator, None if task == "positive" else task)


@pytest.mark.parametrize("what", SMALL)
def test_contributions_are_shapley_values_by_their_definition(what):
    """Rows at thresholds, with gaps and with extremes: what the trees round is rounded here too."""
    X, _, head = fit(*SMALL[what])
    rows = hard_rows(head, X)
    rows = np.concatenate([rows[np.random.default_rng(0).integers(0, len(rows), 15)], rows[-1:]])

    terms = plain_terms(head, N_FEATURES)
    ours = terms.rows(plain_columns(rows))

    expected = np.array([tree_shapley(head, row) for row in rows])
    assert np.abs(ours - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(terms.base, tree_values(head, rows[0], frozenset()), rtol=1e-12)


@pytest.mark.parametrize("what", SMALL)
def test_contributions_add_up_to_the_raw_values(what):
    X, _, head = fit(*SMALL[what])
    rows = hard_rows(head, X)
    terms = plain_terms(head, N_FEATURES)
    total = terms.base + terms.rows(plain_columns(rows)).sum(axis=1)
    everything = frozenset(range(N_FEATURES))
    some = np.linspace(0, len(rows) - 1, 50).astype(int)
    expected = np.array([tree_values(head, rows[i], everything) for i in some])
    assert np.abs(total[some] - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())


@pytest.fixture(scope="module")
def shap():
    """Return the package shap, whose plots and compiled loops warn while they are imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        yield shap


BESIDE_SHAP = {
    "a deep forest": (RandomForestRegressor(10, random_state=0), translate_forest, None),
    "extra trees": (ExtraTreesRegressor(10, random_state=0), translate_forest, None),
    "a deep forest of classes": (RandomForestClassifier(10, random_state=0), translate_forest, 3),
    "a tree": (DecisionTreeClassifier(random_state=0), translate_tree, 2),
    "boosting of two classes": (HistGradientBoostingClassifier(max_iter=40, random_state=0), translate_hist_boosting, 2),
    "boosting of three classes": (HistGradientBoostingClassifier(max_iter=20, random_state=0), translate_hist_boosting, 3),
    "boosting of numbers": (HistGradientBoostingRegressor(max_iter=60, random_state=0), translate_hist_boosting, None),
}  # fmt: skip


@pytest.mark.parametrize("what", BESIDE_SHAP)
def test_contributions_are_those_of_the_package_shap(what, shap):
    X, estimator, head = fit(*BESIDE_SHAP[what])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = shap.TreeExplainer(estimator)
        theirs = np.asarray(explainer.shap_values(X[:60])).reshape(60, N_FEATURES, -1)

    terms = plain_terms(head, N_FEATURES)
    ours = terms.rows(plain_columns(X[:60]))

    assert np.abs(ours - theirs).max() <= 1e-11 * max(1.0, np.abs(theirs).max())
    np.testing.assert_allclose(terms.base, np.ravel(explainer.expected_value), rtol=1e-10)


def lightgbm_contributions(estimator, X):
    return estimator._booster.predict(X, pred_contrib=True)


def xgboost_contributions(estimator, X):
    import xgboost

    return estimator._booster.predict(xgboost.DMatrix(X), pred_contribs=True)


def catboost_contributions(estimator, X):
    import catboost

    return estimator._booster.get_feature_importance(catboost.Pool(X), type="ShapValues", thread_count=1)


LIBRARIES = {
    "LightGBM, a number": (LightGBMRegressor(n_estimators=20, n_jobs=1), translate_lightgbm, None, lightgbm_contributions, 1e-11),
    "LightGBM, classes": (LightGBMClassifier(n_estimators=20, n_jobs=1), translate_lightgbm, 3, lightgbm_contributions, 1e-11),
    "XGBoost, a number": (XGBoostRegressor(n_estimators=20, n_jobs=1), translate_xgboost, None, xgboost_contributions, 1e-5),
    "XGBoost, classes": (XGBoostClassifier(n_estimators=20, n_jobs=1), translate_xgboost, 3, xgboost_contributions, 1e-5),
    "CatBoost, a number": (CatBoostRegressor(iterations=20, n_jobs=1), translate_catboost, None, catboost_contributions, 1e-9),
    "CatBoost, classes": (CatBoostClassifier(iterations=20, n_jobs=1), translate_catboost, 3, catboost_contributions, 1e-9),
}  # fmt: skip


@pytest.mark.parametrize("what", LIBRARIES)
def test_contributions_are_those_of_the_library_itself(what):
    """XGBoost's are of float32."""
    estimator, translate, task, contributions, tolerance = LIBRARIES[what]
    X, estimator, head = fit(estimator, translate, task)
    theirs = np.asarray(contributions(estimator, X[:60])).reshape(60, -1, N_FEATURES + 1).transpose(0, 2, 1)

    terms = plain_terms(head, N_FEATURES)
    ours = terms.rows(plain_columns(X[:60]))

    assert np.abs(ours - theirs[:, :-1]).max() <= tolerance * max(1.0, np.abs(theirs).max())
    np.testing.assert_allclose(terms.base, theirs[0, -1], rtol=1e-5)


def test_what_was_made_of_a_column_counts_for_the_column():
    """A one-hot encoded category and a table of two numbers beside a plain one: sums of their features' values."""
    rng = np.random.default_rng(0)
    n_rows, levels = 400, 4
    codes = rng.integers(0, levels, n_rows)
    positions, table = np.append(np.arange(levels), [-1, 3]), rng.normal(size=(levels + 2, 2))
    number = rng.normal(size=n_rows)
    features = np.column_stack([number, np.eye(levels)[codes], table[codes]])
    y = number * (codes == 1) + table[codes, 0] + rng.normal(0, 0.1, n_rows)
    head = translate_hist_boosting(HistGradientBoostingRegressor(max_iter=4, max_leaf_nodes=12).fit(features, y), None)
    operations = (Numbers((0,), 0), OneHot(1, 1, levels, positions), Lookup(2, 1 + levels, table))

    terms = TreeTerms(Model(features.shape[1], operations, head), 3)
    seen, unseen, missing = [codes[0], codes[1]], levels, levels + 1
    asked = np.array([*seen, unseen, missing])
    ours = terms.rows(TypedColumns((number[:4].copy(), asked, asked), 4))

    encoded = np.column_stack(
        [number[:4], np.where(positions[asked, None] == np.arange(levels), 1.0, 0.0), table[asked]]
    )
    by_feature = np.array([tree_shapley(head, row) for row in encoded])
    expected = np.stack(
        [by_feature[:, :1].sum(1), by_feature[:, 1 : 1 + levels].sum(1), by_feature[:, 1 + levels :].sum(1)], axis=1
    )
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


def grown(rng, *, depth, n_features, empty=0.0):
    """Return a random tree; a side of some questions was reached by no training row."""
    left, right, feature, threshold, cover = [], [], [], [], []

    def grow(level, weight):
        node = len(left)
        for column in (left, right):
            column.append(-1)
        feature.append(int(rng.integers(0, n_features)))
        threshold.append(float(rng.normal()))
        cover.append(weight)
        if level < depth and rng.random() < 0.9:
            share = float(rng.integers(0, 2)) if rng.random() < empty else rng.uniform(0.1, 0.9)
            left[node] = grow(level + 1, weight * share)
            right[node] = grow(level + 1, weight - weight * share)
        return node

    grow(0, 100.0)
    n = len(left)
    return Tree(
        *map(np.array, (left, right, feature, threshold)), rng.random(n) < 0.5, rng.normal(size=(n, 1)), np.array(cover)
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), empty=st.sampled_from([0.0, 0.4]), n_features=st.integers(1, 5))
def test_any_trees_are_explained_by_the_definition(seed, empty, n_features):
    """Paths that ask for a feature again and again, and parts of trees that no training row reached."""
    rng = np.random.default_rng(seed)
    trees = [grown(rng, depth=5, n_features=n_features, empty=empty) for _ in range(3)]
    head = ensemble(trees, base=np.array([0.5]), link="identity")
    rows = rng.normal(size=(4, n_features))
    rows[0, 0] = np.nan
    terms = plain_terms(head, n_features)
    ours = terms.rows(plain_columns(rows))
    np.testing.assert_allclose(ours, [tree_shapley(head, row) for row in rows], rtol=0, atol=1e-12)


def test_paths_of_many_features_are_exact():
    """One long chain of 60 features: half of as many points integrate its products."""
    n = 60
    left = np.concatenate([n + np.arange(n), np.full(n + 1, -1)])
    right = np.concatenate([np.arange(1, n), [2 * n], np.full(n + 1, -1)])
    value = np.concatenate([np.zeros(n), np.random.default_rng(0).normal(size=n + 1)])[:, None]
    leaves = np.arange(1.0, n + 2)
    cover = np.concatenate([np.cumsum(leaves[::-1])[:0:-1], leaves])
    feature = np.concatenate([np.arange(n), np.zeros(n + 1, dtype=int)])
    chain = Tree(left, right, feature, np.zeros(2 * n + 1), np.zeros(2 * n + 1, dtype=bool), value, cover)
    head = ensemble([chain], base=np.zeros(1), link="identity")
    rows = np.random.default_rng(1).normal(size=(20, n)) + 1.5
    terms = plain_terms(head, n)
    total = terms.base + terms.rows(plain_columns(rows)).sum(axis=1)
    np.testing.assert_allclose(total, outputs_of(head, rows), rtol=0, atol=1e-12)


def test_trees_of_a_leaf_alone_give_no_column_anything():
    alone = Tree(
        *([np.array([-1])] * 2), np.array([0]), np.zeros(1), np.zeros(1, dtype=bool), np.array([[0.25]]), np.ones(1)
    )
    terms = plain_terms(ensemble([alone] * 3, base=np.array([1.0]), link="identity"), 2)
    np.testing.assert_array_equal(terms.base, [1.75])
    np.testing.assert_array_equal(terms.rows(plain_columns(np.zeros((2, 2)))), np.zeros((2, 2, 1)))


def test_a_row_is_explained_alone_as_among_others_and_trees_in_parts_as_whole(monkeypatch):
    X, _, head = fit(RandomForestClassifier(12, random_state=0), translate_forest, 3)
    whole = plain_terms(head, N_FEATURES).rows(plain_columns(X[:40]))
    alone = np.concatenate([plain_terms(head, N_FEATURES).rows(plain_columns(X[i : i + 1])) for i in range(40)])
    monkeypatch.setattr("mlcli.inference.explain_trees._NODES", 500)
    monkeypatch.setattr("mlcli.inference.explain_trees._NUMBERS", 5000)
    parts = plain_terms(head, N_FEATURES)
    assert len(parts._blocks) > 5
    np.testing.assert_allclose(alone, whole, rtol=0, atol=1e-14)
    np.testing.assert_allclose(parts.rows(plain_columns(X[:40])), whole, rtol=0, atol=1e-14)


def test_the_reference_itself_sees_a_wrong_share():
    """A comparison that cannot fail would prove nothing."""
    X, _, head = fit(*SMALL["a forest of numbers"])
    import msgspec

    other = msgspec.structs.replace(head, cover=np.roll(head.cover, 1))
    right, wrong = (plain_terms(each, N_FEATURES).rows(plain_columns(X[:5])) for each in (head, other))
    assert np.abs(right - wrong).max() > 1.0
