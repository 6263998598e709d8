"""scikit-learn's trees, forests and histogram boosting to trees of a program."""
# ruff: noqa: SLF001 -- what histogram boosting has learned is private

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.program import Link, Trees
from mlcli.inference.translate import NotCompiled
from mlcli.inference.tree_nodes import Tree, ensemble


def translate_tree(estimator: Any, n_classes: int | None) -> Trees:
    """Return a fitted DecisionTreeClassifier or DecisionTreeRegressor."""
    return _mean([estimator.tree_], n_classes)


def translate_forest(estimator: Any, n_classes: int | None) -> Trees:
    """Return a fitted random forest or extra trees, of either task."""
    return _mean([tree.tree_ for tree in estimator.estimators_], n_classes)


def _mean(trees: list[Any], n_classes: int | None) -> Trees:
    """Return the mean of trees, which compare their float64 thresholds with float32 features."""
    return ensemble(
        [_tree(tree) for tree in trees],
        base=np.zeros(n_classes or 1),
        link="identity",
        divisor=len(trees),
        precision="float32",
    )


def _tree(tree: Any) -> Tree:
    return Tree(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        missing_left=tree.missing_go_to_left != 0,
        value=_checked(tree.value),
        cover=tree.weighted_n_node_samples,
    )


def _checked(value: NDArray[np.float64]) -> NDArray[np.float64]:
    if value.shape[1] != 1:
        raise NotCompiled("trees of several targets have no compiled form")
    return value[:, 0, :]


_LINKS: Mapping[str, Link] = {
    "HalfBinomialLoss": "sigmoid",
    "HalfMultinomialLoss": "softmax",
    "HalfSquaredError": "identity",
    "AbsoluteError": "identity",
    "PinballLoss": "identity",
    "HalfPoissonLoss": "exp",
    "HalfGammaLoss": "exp",
}
"""By the loss of histogram boosting, what its raw values mean."""


def translate_hist_boosting(estimator: Any, n_classes: int | None) -> Trees:  # noqa: ARG001 - the signature of every translator
    """Return a fitted HistGradientBoostingClassifier or HistGradientBoostingRegressor.

    Raises
    ------
    NotCompiled
        If it splits native categories, or by a loss that is not known.
    """
    loss = type(estimator._loss).__name__
    if loss not in _LINKS:
        raise NotCompiled(f"histogram boosting with {loss} has no compiled form")
    nodes = [predictor.nodes for iteration in estimator._predictors for predictor in iteration]
    if any(tree["is_categorical"].any() for tree in nodes):
        raise NotCompiled("trees that split native categories have no compiled form")
    base = np.asarray(estimator._baseline_prediction, dtype=np.float64).ravel()
    return ensemble([_boosted(tree) for tree in nodes], base=base, link=_LINKS[loss])


def _boosted(nodes: NDArray[Any]) -> Tree:
    leaf = nodes["is_leaf"] != 0
    return Tree(
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"] != 0,
        value=nodes["value"][:, None],
        cover=nodes["count"].astype(np.float64),
    )
