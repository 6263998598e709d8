"""Trees of LightGBM, XGBoost and CatBoost to trees of a program.

References
----------
.. [1] LightGBM, ``include/LightGBM/tree.h``: ``Tree::NumericalDecision`` and the bits of ``decision_type``.
.. [2] XGBoost, "Introduction to Model IO": the JSON of a model.
.. [3] CatBoost, "Exported models: JSON": trees, borders, treatment of NaN.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.program import Link, Trees
from mlcli.inference.translate import NotCompiled
from mlcli.inference.tree_nodes import Tree, ensemble

_CATEGORICAL = 1
_DEFAULT_LEFT = 2
_MISSING_ZERO, _MISSING_NAN = 1, 2

_NOTHING = float(np.float32(1e-35))
"""Numbers up to this far from 0 are 0 to LightGBM, which cuts what is less than 0 from it at just this number."""


def _link(n_classes: int | None) -> Link:
    if n_classes is None:
        return "identity"
    return "sigmoid" if n_classes == 2 else "softmax"


def _outputs(n_classes: int | None) -> int:
    """Return the number of raw values: one a class from three classes on."""
    return n_classes if n_classes is not None and n_classes > 2 else 1


# --- LightGBM --------------------------------------------------------------------------------------------------------


def translate_lightgbm(estimator: Any, n_classes: int | None) -> Trees:
    """Return a fitted LightGBM wrapper, from its text.

    Raises
    ------
    NotCompiled
        If its trees are of a kind that our wrappers never train.
    """
    header, *blocks = estimator.model_.split("\n\nTree=")
    settings = _pairs(header)
    objective = settings.get("objective", "").split()
    expected = {"identity": "regression", "sigmoid": "binary", "softmax": "multiclass"}[_link(n_classes)]
    if objective[:1] != [expected] or "average_output" in header.split("\n"):
        raise NotCompiled(f"LightGBM with the objective {' '.join(objective) or 'none'} has no compiled form")
    if expected == "binary" and objective[1:] != ["sigmoid:1"]:
        raise NotCompiled("LightGBM with a sigmoid of another slope has no compiled form")
    trees = [_lightgbm_tree(_pairs(block.split("\n\n")[0])) for block in blocks]
    return ensemble(trees, base=np.zeros(_outputs(n_classes)), link=_link(n_classes))


def _pairs(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("=") for line in text.split("\n"))}


def _lightgbm_tree(fields: Mapping[str, str]) -> Tree:
    """Return one tree: inner nodes first, leaf ``k`` is child ``~k``."""
    if fields.get("num_cat", "0") != "0" or fields.get("is_linear", "0") != "0":
        raise NotCompiled("LightGBM's trees with categories or linear leaves have no compiled form")
    n_leaves = int(fields["num_leaves"])
    values = np.array(fields["leaf_value"].split(), dtype=np.float64)
    n_inner = n_leaves - 1

    def column(name: str, dtype: type[np.generic]) -> NDArray[Any]:
        # A tree of a single leaf has empty fields, or none.
        inner = np.array(fields.get(name, "").split()[:n_inner], dtype=dtype)
        return np.concatenate([inner, np.zeros(n_leaves, dtype=dtype)])

    def children(name: str) -> NDArray[np.int64]:
        inner = column(name, np.int64)[:n_inner]
        return np.concatenate([np.where(inner < 0, n_inner + ~inner, inner), np.full(n_leaves, -1)])

    def counts(name: str, n: int) -> NDArray[np.float64]:
        # A tree of a single leaf counts nothing, and nothing is asked of its count.
        found = np.array(fields.get(name, "").split()[:n], dtype=np.float64)
        return found if len(found) == n else np.ones(n)

    decision, threshold = column("decision_type", np.int64), column("threshold", np.float64)
    missing = (decision >> 2) & 3
    if (decision & _CATEGORICAL).any() or (missing == _MISSING_ZERO).any():
        raise NotCompiled("LightGBM's trees with categories, or with zeros for gaps, have no compiled form")
    return Tree(
        left=children("left_child"),
        right=children("right_child"),
        feature=column("split_feature", np.int64),
        threshold=_beside_nothing(threshold),
        # Where training saw no gap, a gap counts as 0.
        missing_left=np.where(missing == _MISSING_NAN, (decision & _DEFAULT_LEFT) != 0, threshold >= 0.0),
        value=np.concatenate([np.zeros(n_inner), values])[:, None],
        cover=np.concatenate([counts("internal_count", n_inner), counts("leaf_count", n_leaves)]),
    )


def _beside_nothing(threshold: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return thresholds beside 0 moved to where they cut, since LightGBM reads the numbers around it as 0."""
    near = np.abs(threshold) <= _NOTHING
    moved = np.where(threshold < 0, np.nextafter(-_NOTHING, -np.inf), _NOTHING)
    return np.where(near, moved, threshold)


# --- XGBoost ---------------------------------------------------------------------------------------------------------


def translate_xgboost(estimator: Any, n_classes: int | None) -> Trees:
    """Return a fitted XGBoost wrapper, from the JSON that XGBoost makes of it.

    Everything there is float32: thresholds, features, and the sum over trees.

    Raises
    ------
    NotCompiled
        If its trees are of a kind that our wrappers never train.
    """
    learner = json.loads(bytes(estimator._booster.save_raw("json")))["learner"]  # noqa: SLF001 - the wrapper's own
    model = learner["gradient_booster"]["model"]
    objective = learner["objective"]["name"]
    k = _outputs(n_classes)
    expected = {"identity": "reg:squarederror", "sigmoid": "binary:logistic", "softmax": "multi:softprob"}
    in_turn = model.get("tree_info") == [t % k for t in range(len(model.get("tree_info", [])))]
    if objective != expected[_link(n_classes)] or learner["gradient_booster"]["name"] != "gbtree" or not in_turn:
        raise NotCompiled(f"XGBoost with {objective} and {learner['gradient_booster']['name']} has no compiled form")
    base = np.broadcast_to(_base_score(learner["learner_model_param"]["base_score"]), (k,))
    if objective == "binary:logistic":
        base = -np.log(np.float32(1.0) / base - np.float32(1.0))
    return ensemble(
        [_xgboost_tree(tree) for tree in model["trees"]],
        base=base.astype(np.float64),
        link=_link(n_classes),
        strict=True,
        precision="float32",
        sums="float32",
    )


def _base_score(text: str) -> NDArray[np.float32]:
    """Return what sums begin at: a number, or a list of them since version 3.1."""
    return np.array(text.strip("[]").split(","), dtype=np.float32)


def _xgboost_tree(tree: Mapping[str, Any]) -> Tree:
    if any(tree["split_type"]) or tree["tree_param"]["size_leaf_vector"] not in {"0", "1"}:
        raise NotCompiled("XGBoost's trees with categories or several targets have no compiled form")
    left = np.array(tree["left_children"], dtype=np.int64)
    # A leaf's value stands where an inner node has its threshold.
    number = np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64)
    return Tree(
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        feature=np.array(tree["split_indices"], dtype=np.int64),
        threshold=number,
        missing_left=np.array(tree["default_left"], dtype=np.bool_),
        value=np.where(left < 0, number, 0.0)[:, None],
        cover=np.array(tree["sum_hessian"], dtype=np.float32).astype(np.float64),
    )


# --- CatBoost --------------------------------------------------------------------------------------------------------


def translate_catboost(estimator: Any, n_classes: int | None) -> Trees:
    """Return a fitted CatBoost wrapper, from the JSON that CatBoost makes of it.

    Raises
    ------
    NotCompiled
        If its trees are of a kind that our wrappers never train.
    """
    with TemporaryDirectory() as folder:  # CatBoost gives JSON to files only
        path = Path(folder) / "model.json"
        estimator._booster.save_model(str(path), format="json")  # noqa: SLF001 - the wrapper's own
        model = json.loads(path.read_bytes())
    if set(model["features_info"]) - {"float_features"}:
        raise NotCompiled("CatBoost's trees with categories or texts have no compiled form")
    features = model["features_info"]["float_features"]
    flat = {feature["feature_index"]: feature["flat_feature_index"] for feature in features}
    # Without gaps in training a gap is no greater than any border either.
    gaps_right = {f["feature_index"] for f in features if f["nan_value_treatment"] == "AsTrue"}
    k = _outputs(n_classes)
    scale, bias = model["scale_and_bias"]
    grown = [_oblivious(tree, k) for tree in model.get("oblivious_trees", ())]
    grown += [_asymmetric(tree, k) for tree in model.get("trees", ())]
    return ensemble(
        [_catboost_tree(tree, flat=flat, gaps_right=gaps_right, scale=scale) for tree in grown],
        base=np.broadcast_to(np.asarray(bias, dtype=np.float64), (k,)),
        link=_link(n_classes),
        precision="float32",
    )


_Grown = tuple[list[Any], list[int], NDArray[np.float64], list[float]]
"""Split of each node or None, its left child (the right one is next), values, weights of leaves (0 above them)."""


def _oblivious(tree: Mapping[str, Any], k: int) -> _Grown:
    """Return a tree with one split a level, as nodes level by level; the last split is asked first."""
    splits = tree["splits"]
    depth = len(splits)
    values = np.array(tree["leaf_values"], dtype=np.float64).reshape(1 << depth, k)
    nodes = [split for level, split in enumerate(reversed(splits)) for _ in range(1 << level)]
    n_inner = len(nodes)
    # The first answer is the highest bit of a leaf's number, so leaves stand in the order of their numbers.
    left = [2 * i + 1 for i in range(n_inner)]
    return (
        [*nodes, *[None] * len(values)],
        [*left, *[-1] * len(values)],
        np.concatenate([np.zeros((n_inner, k)), values]),
        [*[0.0] * n_inner, *tree.get("leaf_weights", [1.0] * len(values))],
    )


def _asymmetric(root: Mapping[str, Any], k: int) -> _Grown:
    """Return a tree of nested splits, as nodes level by level."""
    nodes: list[Mapping[str, Any]] = [root]
    left = []
    for node in nodes:  # which grows on the way
        if "split" in node:
            left.append(len(nodes))
            nodes += [node["left"], node["right"]]
        else:
            left.append(-1)
    values = np.array([np.broadcast_to(node.get("value", 0.0), (k,)) for node in nodes], dtype=np.float64)
    weights = [0.0 if "split" in node else node.get("weight", 1.0) for node in nodes]
    return [node.get("split") for node in nodes], left, values, weights


def _catboost_tree(grown: _Grown, *, flat: Mapping[int, int], gaps_right: set[int], scale: float) -> Tree:
    splits, children, values, weights = grown
    if any(split is not None and split["split_type"] != "FloatFeature" for split in splits):
        raise NotCompiled("CatBoost's trees with categories or texts have no compiled form")
    cover = np.array(weights, dtype=np.float64)
    # Level by level: children stand behind their parents.
    for i, child in reversed(list(enumerate(children))):
        if child >= 0:
            cover[i] = cover[child] + cover[child + 1]
    left = np.array(children, dtype=np.int64)
    feature = np.array([0 if split is None else split["float_feature_index"] for split in splits], dtype=np.int64)
    return Tree(
        left=left,
        right=np.where(left < 0, -1, left + 1),
        feature=np.array([flat[f] for f in feature.tolist()] if flat else feature, dtype=np.int64),
        threshold=np.array([0.0 if s is None else s["border"] for s in splits], dtype=np.float32).astype(np.float64),
        missing_left=~np.isin(feature, list(gaps_right)),
        value=values * scale,
        cover=cover,
    )
