"""The top of each tree of an ensemble: as many leaves as fit into the bits of a machine word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.program import Trees


@dataclass(frozen=True)
class Shape:
    """How the nodes of an ensemble hang together.

    Parameters
    ----------
    levels : list of ndarray
        Positions of the inner nodes of each depth, from the roots down.
    tree : ndarray of shape (n_nodes,), int32
        The tree of each node.
    n_leaves : ndarray of shape (n_nodes,), int32
        Leaves below each node, itself if it is one.
    """

    levels: list[NDArray[np.intp]]
    tree: NDArray[np.int32]
    n_leaves: NDArray[np.int32]


@dataclass(frozen=True)
class Tops:
    """The top of each tree.

    Parameters
    ----------
    inner : ndarray of shape (n_cut,)
        Positions of its inner nodes, in the order of the ensemble.
    left : ndarray of shape (n_cut,), uint64
        For each, a bit for each of the top's leaves that lie to its left.
    leaves : ndarray of shape (n_trees, width)
        Positions of the nodes that are leaves of the top, from left to right;
        behind the last one of a tree it is repeated.
    """

    inner: NDArray[np.intp]
    left: NDArray[np.uint64]
    leaves: NDArray[np.intp]


def read_shape(head: Trees) -> Shape:
    """Return how the nodes of `head` hang together."""
    n_nodes = len(head.feature)
    tree = np.empty(n_nodes, dtype=np.int32)
    tree[: head.n_trees] = np.arange(head.n_trees)
    levels = []
    start, stop = 0, head.n_trees
    while stop > start:
        inner = start + np.flatnonzero(head.feature[start:stop] >= 0)
        levels.append(inner)
        start, stop = stop, stop + 2 * len(inner)
        # Level by level, children stand in the order of their parents.
        tree[start:stop] = np.repeat(tree[inner], 2)
    n_leaves = np.ones(n_nodes, dtype=np.int32)
    for inner in reversed(levels):
        left = head.child[inner]
        n_leaves[inner] = n_leaves[left] + n_leaves[left + 1]
    return Shape(levels, tree, n_leaves)


def cut_tops(head: Trees, shape: Shape, width: int) -> Tops:
    """Return the top of each tree with at most `width` leaves.

    The nodes with the most leaves below them are its inner nodes, so that
    what is left below a top is as shallow as can be.
    """
    is_inner = _widest(head, shape, width)
    count = np.ones(len(is_inner), dtype=np.int64)
    levels = [inner[is_inner[inner]] for inner in shape.levels]
    for inner in reversed(levels):
        left = head.child[inner]
        count[inner] = count[left] + count[left + 1]
    first = np.zeros(len(is_inner), dtype=np.int64)
    for inner in levels:
        left = head.child[inner]
        first[left] = first[inner]
        first[left + 1] = first[inner] + count[left]
    inner = np.concatenate(levels) if levels else np.zeros(0, dtype=np.intp)
    left = head.child[inner]
    one = np.uint64(1)
    bits = ((one << count[left].astype(np.uint64)) - one) << first[inner].astype(np.uint64)
    ends = np.concatenate([np.arange(head.n_trees), left, left + 1])
    ends = ends[~is_inner[ends]]
    leaves = np.zeros((head.n_trees, int(count[: head.n_trees].max())), dtype=np.intp)
    leaves[shape.tree[ends], first[ends]] = ends
    return Tops(inner, bits, _filled(leaves, count[: head.n_trees]))


def _widest(head: Trees, shape: Shape, width: int) -> NDArray[np.bool_]:
    """Return which nodes are inner nodes of the tops: in each tree the ``width - 1`` with the most leaves."""
    is_inner = np.asarray(head.feature >= 0)
    if shape.n_leaves[: head.n_trees].max() <= width:
        return is_inner
    inner = np.flatnonzero(is_inner)
    # A parent has more leaves than its children, so the top hangs together.
    order = inner[np.lexsort((inner, -shape.n_leaves[inner], shape.tree[inner]))]
    tree = shape.tree[order]
    place = np.arange(len(order)) - np.searchsorted(tree, tree)
    is_inner[order[place >= width - 1]] = False
    return is_inner


def _filled(leaves: NDArray[np.intp], count: NDArray[np.int64]) -> NDArray[np.intp]:
    """Repeat the last leaf of each tree to the right."""
    column = np.minimum(np.arange(leaves.shape[1]), count[:, None] - 1)
    return np.ascontiguousarray(np.take_along_axis(leaves, column, axis=1))
