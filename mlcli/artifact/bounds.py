"""Whether the arrays of a model point inside themselves.

Compiled code of scikit-learn, scipy and libsvm follows indices that it finds
in a model without looking: one that points outside reads, or writes, memory
that is not the model's. Whatever our catalogue uses of such code is checked
here, after loading and before the first prediction.

References
----------
.. [1] The reasons that skops gives for trusting no tree,
   ``skops.io.exceptions.UNTRUSTED_TYPE_REASONS``.
"""
# ruff: noqa: SLF001 -- what compiled code reads is private; checking anything else would check nothing

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlcli.errors import ArtifactError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAF = -1


def check_bounds(estimator: Any, *, place: str) -> None:
    """Refuse an estimator with an index that points outside its array.

    Parameters
    ----------
    estimator : object
        A fitted estimator, of types that are trusted.
    place : str
        What it is called in an error message.

    Raises
    ------
    ArtifactError
        If there is one, naming the object that holds it.
    """
    for part in _parts(estimator):
        for attribute, check in _CHECKS.items():
            if attribute not in _attributes(part):
                continue
            try:
                sound = check(part, place)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError):
                # A check that cannot even read the arrays has found something foreign.
                sound = False
            if not sound:
                raise _out_of_bounds(place, type(part).__name__)


def check_tree_nodes(nodes: NDArray[Any], *, n_features: int, place: str) -> None:
    """Refuse the nodes of a scikit-learn tree that a prediction cannot walk.

    Parameters
    ----------
    nodes : ndarray of shape (n_nodes,)
        Records of ``sklearn.tree._tree.Tree``.
    n_features : int
        Columns that the tree was grown on.
    place : str
        What the tree is called in an error message.

    Raises
    ------
    ArtifactError
        If a child lies outside the nodes or not behind its parent, which
        would be a walk without end, or a feature outside the columns.
    """
    import numpy as np

    if nodes.ndim != 1 or len(nodes) == 0 or nodes.dtype.names is None or "left_child" not in nodes.dtype.names:
        raise _out_of_bounds(place, "Tree")
    inner = np.flatnonzero(nodes["left_child"] != _LEAF)
    children = np.stack([nodes["left_child"][inner], nodes["right_child"][inner]])
    features = nodes["feature"][inner]
    if not (_walkable(inner, children, len(nodes)) and bool(((features >= 0) & (features < n_features)).all())):
        raise _out_of_bounds(place, "Tree")


def _walkable(inner: NDArray[Any], children: NDArray[Any], n_nodes: int) -> bool:
    """Tell whether each child comes behind its parent and inside the nodes; so no walk is endless."""
    return bool(((children > inner) & (children < n_nodes)).all())


def _tree(owner: Any, _: str) -> bool:
    # Rows are held against n_features_in_; without it scikit-learn does not look.
    return bool(owner.tree_.n_features == owner.n_features_in_)


def _forest(owner: Any, _: str) -> bool:
    # A list of estimators, or of boosting's stages: one array of them for each class.
    members = [tree for stage in owner.estimators_ for tree in (stage if hasattr(stage, "tolist") else [stage])]
    return all(tree.tree_.n_features == owner.n_features_in_ for tree in members if hasattr(tree, "tree_"))


def _boosting(owner: Any, _: str) -> bool:
    """Check the predictors of a HistGradientBoosting."""
    import numpy as np
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    categorical = np.asarray(owner._bin_mapper.is_categorical_, dtype=bool)
    if categorical.shape != (owner._n_features,):
        return False
    for predictor in (p for iteration in owner._predictors for p in iteration):
        nodes, bitsets = predictor.nodes, predictor.raw_left_cat_bitsets
        if nodes.dtype != PREDICTOR_RECORD_DTYPE or nodes.ndim != 1 or len(nodes) == 0 or bitsets.shape[1:] != (8,):
            return False
        inner = np.flatnonzero(nodes["is_leaf"] == 0)
        split = nodes[inner]
        children = np.stack([split["left"], split["right"]]).astype(np.int64)
        if not _walkable(inner, children, len(nodes)):
            return False
        features = split["feature_idx"]
        if not ((features >= 0) & (features < len(categorical))).all():
            return False
        by_category = split["is_categorical"] != 0
        if not categorical[features[by_category]].all() or (split["bitset_idx"][by_category] >= len(bitsets)).any():
            return False
    return True


def _sparse(owner: Any, _: str) -> bool:
    owner.check_format(full_check=True)  # raises ValueError
    return True


def _vocabulary(owner: Any, _: str) -> bool:
    # The positions become column indices of a sparse matrix.
    return set(owner.vocabulary_.values()) == set(range(len(owner.vocabulary_)))


def _one_hot(owner: Any, _: str) -> bool:
    """Check what OneHotEncoder makes column indices of."""
    widths = [len(categories) for categories in owner.categories_]
    if not getattr(owner, "_infrequent_enabled", False):
        mappings: list[Any] = [None] * len(widths)
    else:
        mappings = owner._default_to_infrequent_mappings
        rare = owner._infrequent_indices
        if len(mappings) != len(widths) or [m is None for m in mappings] != [r is None for r in rare]:
            return False
    if owner._n_features_outs != owner._compute_n_features_outs() or len(owner._n_features_outs) != len(widths):
        return False
    dropped = owner._drop_idx_after_grouping
    outs = owner._n_features_outs
    fits = all(
        m is None or (m.ndim == 1 and bool(((m >= 0) & (m < out)).all())) for m, out in zip(mappings, outs, strict=True)
    )
    return fits and dropped is None


def _libsvm(owner: Any, _: str) -> bool:
    """Check the shapes that libsvm takes for granted."""
    n_vectors, n_features = owner.support_vectors_.shape
    counts = owner._n_support
    n_classes = len(counts)
    is_regression = owner._impl in {"epsilon_svr", "nu_svr"}
    n_pairs = 1 if is_regression else n_classes * (n_classes - 1) // 2
    expected_rows = 1 if is_regression else n_classes - 1
    return bool(
        n_features == owner.n_features_in_
        and len(owner.support_) == n_vectors
        and (counts >= 0).all()
        and (is_regression or counts.sum() == n_vectors)
        and owner._dual_coef_.shape == (expected_rows, n_vectors)
        and len(owner._intercept_) == n_pairs
        and len(owner._probA) in {0, n_pairs}
        and len(owner._probB) in {0, n_pairs}
    )


def _neighbours(owner: Any, _: str) -> bool:
    tree = owner._tree
    n_samples, n_features = owner._fit_X.shape
    labelled = "_y" not in vars(owner) or len(owner._y) == n_samples
    in_tree = tree is None or tree.get_arrays()[0].shape == (n_samples, n_features)
    return bool(labelled and in_tree and n_features == owner.n_features_in_ and n_samples == owner.n_samples_fit_)


def _ball_or_kd_tree(owner: Any, _: str) -> bool:
    """Check the permutation and the ranges that a neighbour search follows."""
    import numpy as np

    data, order, nodes, bounds, *rest = owner.__getstate__()
    n_levels, n_nodes = rest[1], rest[2]
    n_samples, n_features = data.shape
    starts, ends, leaf = nodes["idx_start"], nodes["idx_end"], nodes["is_leaf"]
    childless = 2 * np.arange(len(nodes)) + 2 >= len(nodes)
    return bool(
        len(nodes) == n_nodes == 2**n_levels - 1
        and np.array_equal(np.sort(order), np.arange(n_samples))
        and ((starts >= 0) & (starts <= ends) & (ends <= n_samples)).all()
        and (leaf[childless] == 1).all()
        and bounds.shape[1:] == (n_nodes, n_features)
    )


_CHECKS: Mapping[str, Callable[[Any, str], bool]] = {
    "tree_": _tree,
    "estimators_": _forest,
    "_predictors": _boosting,
    "vocabulary_": _vocabulary,
    "_n_features_outs": _one_hot,
    "_n_support": _libsvm,
    "_fit_X": _neighbours,
    "check_format": _sparse,
    "get_arrays": _ball_or_kd_tree,
}
"""What to check of an object, by an attribute that tells what it is."""

_METHODS = frozenset({"check_format", "get_arrays"})
"""Attributes of the table that stand on the class: sparse matrices and neighbour trees."""


def _attributes(part: Any) -> set[str]:
    own = set(getattr(part, "__dict__", ()))
    return own | {name for name in _METHODS if hasattr(type(part), name)}


def _parts(root: Any) -> Iterator[Any]:
    """Yield every object that `root` is made of, each once."""
    import numpy as np

    seen: set[int] = set()
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str | bytes | int | float | type(None)) or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list | tuple | set):
            waiting.extend(part)
        elif isinstance(part, np.ndarray):
            if part.dtype == object:
                waiting.extend(part.ravel().tolist())
        else:
            waiting.extend(getattr(part, "__dict__", {}).values())
            yield part


def _out_of_bounds(place: str, what: str) -> ArtifactError:
    return ArtifactError(
        f"{place} must hold a model whose arrays point inside themselves. Got a {what} that does not.",
        hint="Train again; do not use a model from an unknown source.",
    )
