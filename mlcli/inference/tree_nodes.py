"""Trees as the libraries hold them, to the nodes of a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.program import Link, Trees
from mlcli.inference.translate import NotCompiled
from mlcli.inference.trees_walk import fits

_GREATEST = np.finfo(np.float64).max


@dataclass(frozen=True)
class Tree:
    """One tree with its root first and its other nodes in any order.

    Parameters
    ----------
    left, right : ndarray of shape (n_nodes,)
        Children; -1 for a leaf.
    feature : ndarray of shape (n_nodes,)
        What an inner node asks for.
    threshold : ndarray of shape (n_nodes,)
        What it compares with.
    missing_left : ndarray of shape (n_nodes,)
        Where it sends a missing number.
    value : ndarray of shape (n_nodes, n_values)
        Values of leaves.
    cover : ndarray of shape (n_nodes,)
        Weight of the training rows that reached each node.
    """

    left: NDArray[np.signedinteger]
    right: NDArray[np.signedinteger]
    feature: NDArray[np.signedinteger]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]


def ensemble(
    trees: Sequence[Tree],
    *,
    base: NDArray[np.float64],
    link: Link,
    divisor: float = 1.0,
    strict: bool = False,
    precision: Literal["float32", "float64"] = "float64",
    sums: Literal["float32", "float64"] = "float64",
) -> Trees:
    """Return the ensemble of `trees`, see `mlcli.inference.program.Trees`.

    Parameters
    ----------
    trees : sequence of Tree
        At least one.
    base : ndarray of shape (outputs,)
        What the sum over trees begins at.
    link : Link
        Raw values to outputs.
    divisor : float, default=1.0
        What the sum is divided by.
    strict : bool, default=False
        Whether a threshold itself goes to the right.
    precision : {"float64", "float32"}
        What features are rounded to.
    sums : {"float64", "float32"}
        What values are added in.

    Raises
    ------
    NotCompiled
        If there are too many nodes.
    """
    starts = np.cumsum([0, *(len(tree.left) for tree in trees)])
    left, right = (
        np.concatenate(
            [np.where(c < 0, -1, c + start) for c, start in zip(children, starts[:-1], strict=True)], dtype=np.int64
        )
        for children in ([tree.left for tree in trees], [tree.right for tree in trees])
    )
    level, levels = starts[:-1], []
    while len(level):
        levels.append(level)
        inner = level[left[level] >= 0]
        level = np.stack([left[inner], right[inner]], axis=1).ravel()
    order = np.concatenate(levels)
    feature = _ordered([tree.feature for tree in trees], order)
    if not fits(len(order), 2 * int(feature.max() + 1)):
        raise NotCompiled(f"{len(order):,} nodes are more than a compiled program holds")
    is_inner = left[order] >= 0
    child = np.arange(len(order), dtype=np.int32)
    child[is_inner] = len(trees) + 2 * np.arange(is_inner.sum())
    value = np.concatenate([tree.value for tree in trees])[order]
    # A split between numbers and gaps may have an infinite threshold: every number goes to one side.
    threshold = np.clip(_ordered([tree.threshold for tree in trees], order), -_GREATEST, _GREATEST)
    return Trees(
        n_trees=len(trees),
        feature=np.where(is_inner, feature, -1).astype(np.int32),
        threshold=np.where(is_inner, threshold, 0.0).astype(np.float64),
        child=child,
        missing_left=is_inner & _ordered([tree.missing_left for tree in trees], order).astype(np.bool_),
        value=np.where(is_inner[:, None], 0.0, value).astype(sums),
        outputs=len(base),
        base=np.asarray(base, dtype=np.float64),
        divisor=float(divisor),
        strict=strict,
        precision=precision,
        link=link,
        cover=_counted(_ordered([tree.cover for tree in trees], order)),
    )


def _ordered(parts: list[NDArray[Any]], order: NDArray[np.intp]) -> NDArray[Any]:
    return np.concatenate(parts)[order]


def _counted(cover: NDArray[np.float64]) -> NDArray[Any]:
    """Return covers in half the bytes where rows are counted and not weighed."""
    whole = cover.astype(np.int32) if cover.max(initial=0.0) < np.iinfo(np.int32).max else cover
    return whole if (whole == cover).all() else cover.astype(np.float64)
