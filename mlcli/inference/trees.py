"""Runs ensembles of decision trees with numpy alone."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import ArtifactError
from mlcli.inference.encode import Encoded, EncodedRow, Layout
from mlcli.inference.links import apply_link, link_row
from mlcli.inference.program import Trees
from mlcli.inference.tree_sources import Sources, read_questions
from mlcli.inference.tree_tops import Shape, cut_tops, read_shape
from mlcli.inference.trees_bits import WIDTHS, BitVectors
from mlcli.inference.trees_walk import Walk, Work

_TABLE_BYTES = 32 << 20
"""Most memory for bit vectors."""

_GROUPS = (512, 256, 128)
"""Trees that share bit vectors, where all of them would need too much memory."""

_TOP = 32
"""Leaves of the top of a tree that is walked below it."""

_CHUNK = 2048
"""Rows whose states are found at a time."""

_LEAVES = 1 << 17
"""Leaves that are found at a time, for rows in [64, 1024]: what they need stays in the cache."""

_PAIRS = 16384
"""Pairs of a row and a tree that walk together, likewise."""

_MANY = 4096
"""Rows from which threads pay."""


class TreesMachine:
    """Runs `mlcli.inference.program.Trees`.

    Trees with at most 64 leaves are looked up, see
    `mlcli.inference.trees_bits.BitVectors`; of larger ones the top is, and
    rows walk on from there, see `mlcli.inference.trees_walk.Walk`. Leaves are
    added tree by tree, as the libraries do, so that a row has the same bits
    alone and among others.

    Parameters
    ----------
    head : Trees
        The ensemble, see `check_trees`.
    layout : Layout
        Where its features stand.
    widest : int, default=64
        Most leaves of a tree that is looked up whole, 1 to 64.
    """

    def __init__(self, head: Trees, layout: Layout, *, widest: int = WIDTHS[-1]) -> None:
        questions = read_questions(head)
        shape = read_shape(head)
        self._sources = Sources(questions, layout)
        width, size = _plan(head, shape, n_thresholds=sum(grid.missing for grid in questions.grids), widest=widest)
        tops = cut_tops(head, shape, width)
        groups = [range(start, min(start + size, head.n_trees)) for start in range(0, head.n_trees, size)]
        self._groups = [BitVectors(tops, questions, self._sources, tree=shape.tree, group=group) for group in groups]
        self._block = max(64, min(1024, _LEAVES // head.n_trees))
        self._walk: Walk | None = None
        # One for each thread that has been at work.
        self._spare: list[Work] = []
        self._n_trees, self._outputs, self._link = head.n_trees, head.outputs, head.link
        self._base, self._divisor = head.base.astype(head.value.dtype), head.divisor
        leaf = head.feature < 0
        if leaf[tops.leaves].all():
            self._values = [np.ascontiguousarray(values[tops.leaves].ravel()) for values in head.value.T]
        else:
            self._walk = Walk(head, questions, self._sources)
            self._entries = self._walk.words[tops.leaves.ravel()]
            self._values = [np.ascontiguousarray(values[leaf]) for values in head.value.T]

    def rows(self, encoded: Encoded) -> NDArray[np.float64]:
        """Return the outputs of rows.

        Parameters
        ----------
        encoded : Encoded
            Their features.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs)
            What the link makes of the raw values.
        """
        n_rows = encoded.n_rows
        raw = np.empty((n_rows, self._outputs))
        starts = range(0, n_rows, _CHUNK)

        def run(start: int) -> None:
            stop = min(start + _CHUNK, n_rows)
            self._fill(encoded, start, stop, raw[start:stop])

        n_threads = min(_n_threads(), len(starts)) if n_rows >= _MANY else 1
        if n_threads > 1:
            # numpy lets other threads run, and each chunk fills rows of its own.
            with ThreadPoolExecutor(n_threads) as pool:
                list(pool.map(run, starts))
        else:
            for start in starts:
                run(start)
        return apply_link(raw, self._link)

    def row(self, row: EncodedRow) -> list[float]:
        """Return the outputs of one row, with the bits of `rows`."""
        states = self._sources.row_states(row)
        leaves = _joined([group.row_leaves(states) for group in self._groups])
        if self._walk is not None:
            leaves = self._walk.row_leaves(self._entries.take(leaves), states)
        return link_row([self._row_total(k, leaves) for k in range(self._outputs)], self._link)

    def _fill(self, encoded: Encoded, start: int, stop: int, raw: NDArray[np.float64]) -> None:
        """Write the raw values of some rows into `raw`, of shape (stop - start, outputs)."""
        states = self._sources.states(encoded, start, stop)
        n_rows = stop - start
        rows = [group.rows(states, n_rows) for group in self._groups]
        packed = self._walk.states(states, n_rows) if self._walk is not None else None
        work = self._spare.pop() if self._spare else Work(_PAIRS)
        for low in range(0, n_rows, self._block):
            high = min(low + self._block, n_rows)
            leaves = _joined([g.leaves(r, low, high) for g, r in zip(self._groups, rows, strict=True)])
            if self._walk is not None and packed is not None:
                leaves = self._walked(self._walk, leaves, packed[low : high + 1], work)
            for k in range(self._outputs):
                raw[low:high, k] = self._total(k, leaves)
        raw /= self._divisor
        self._spare.append(work)

    def _walked(self, walk: Walk, leaves: NDArray[np.intp], packed: NDArray[np.uint64], work: Work) -> NDArray[np.intp]:
        """Return the leaves below the tops' `leaves`, of shape (n_trees, n_rows)."""
        words = self._entries.take(leaves)
        step = max(1, _PAIRS // words.shape[1])
        for t in range(0, self._n_trees, step):
            leaves[t : t + step] = walk.leaves(words[t : t + step], packed, work)
        return leaves

    def _total(self, k: int, leaves: NDArray[np.intp]) -> NDArray[Any]:
        """Return a sum over trees for rows, from leaves of shape (n_trees, n_rows)."""
        return in_order(self._of_output(k, leaves), self._base[k])

    def _row_total(self, k: int, leaves: NDArray[np.intp]) -> float:
        """Return a raw value of one row, from leaves of shape (n_trees,)."""
        values = self._of_output(k, leaves)
        values[0] += self._base[k]
        total: float = np.add.accumulate(values)[-1].item()
        return total / self._divisor

    def _of_output(self, k: int, leaves: NDArray[np.intp]) -> NDArray[Any]:
        """Return the leaves' values for an output."""
        if len(self._values) > 1:
            return self._values[k].take(leaves)
        # Trees are for one output each, in turn.
        return self._values[0].take(leaves[k :: self._outputs])


def in_order(values: NDArray[Any], base: Any) -> NDArray[Any]:
    """Return ``base + values[0] + values[1] + ...``, added in this order whatever the number of rows.

    Parameters
    ----------
    values : ndarray of shape (n_trees, n_rows)
        C-contiguous.
    base : scalar
        Of the same type.

    Returns
    -------
    ndarray of shape (n_rows,)
        The sums.
    """
    if values.shape[1] > 1:
        # numpy adds whole rows, one after the other.
        total: NDArray[Any] = np.add.reduce(values, axis=0, initial=base)
        return total
    # A single column it would add in pairs.
    chain = np.empty(len(values) + 1, dtype=values.dtype)
    chain[0], chain[1:] = base, values[:, 0]
    return np.add.accumulate(chain)[-1:]


def check_trees(head: Trees, n_features: int) -> None:
    """Refuse an ensemble that cannot be walked.

    Parameters
    ----------
    head : Trees
        The ensemble.
    n_features : int
        Features that it may ask for.

    Raises
    ------
    ArtifactError
        If an array is not of the type and shape that `Trees` says, a number is
        not finite, a feature does not exist, or nodes are no trees: every
        child must come behind its parent, and have one parent.
    """
    n_nodes = len(head.feature) if head.feature.ndim == 1 else 0
    nodes = ((head.feature, "i4"), (head.threshold, "f8"), (head.child, "i4"), (head.missing_left, "b1"))
    _rule(1 <= head.n_trees <= n_nodes, "must have a node for each tree")
    _rule(
        all(array.dtype == dtype and array.shape == (n_nodes,) for array, dtype in nodes),
        "must have arrays of one length and their types",
    )
    value, outputs = head.value, head.outputs
    _rule(
        value.ndim == 2 and len(value) == n_nodes and value.dtype in (np.float32, np.float64),
        "must have a value for each node",
    )
    _rule(outputs >= 1 and value.shape[1] in {1, outputs}, "must have a value for each output")
    _rule(value.shape[1] == outputs or head.n_trees % outputs == 0, "must have as many trees for each output")
    _rule(head.base.shape == (outputs,) and head.base.dtype.kind == "f", "must begin at a value for each output")
    _rule(head.precision in {"float32", "float64"}, "must compare float32 or float64")
    finite = all(np.isfinite(array).all() for array in (head.threshold, value, head.base, head.divisor))
    _rule(finite and head.divisor != 0.0, "must hold finite numbers")
    if head.cover is not None:
        counted = head.cover.dtype in (np.float64, np.int32) and head.cover.shape == (n_nodes,)
        _rule(
            counted and bool((np.isfinite(head.cover) & (head.cover >= 0.0)).all()), "must have a cover for each node"
        )
    # Otherwise it would matter which of the two comes first.
    _rule(head.divisor == 1.0 or not head.base.any(), "must begin at 0 where it is a mean")
    _check_nodes(head, n_features)


def _check_nodes(head: Trees, n_features: int) -> None:
    feature, child = head.feature, head.child
    n_nodes = len(feature)
    _rule(bool((feature >= -1).all() and (feature < n_features).all()), f"must ask for {n_features} features")
    is_leaf = feature < 0
    inner = np.flatnonzero(~is_leaf)
    _rule(bool((child[is_leaf] == np.flatnonzero(is_leaf)).all()), "must end in leaves that lead to themselves")
    # Breadth first, children stand in the order of their parents: so each has one parent, and is inside.
    _rule(n_nodes == head.n_trees + 2 * len(inner), "must have two children below each inner node")
    _rule(
        bool((child[inner] == head.n_trees + 2 * np.arange(len(inner))).all()),
        "must have children in breadth-first order",
    )
    # So that no walk is endless.
    _rule(bool((child[inner] > inner).all()), "must have children behind their parents")


def _rule(holds: bool, text: str) -> None:
    if not holds:
        raise ArtifactError(
            f"a program's trees {text}. Got some that do not.",
            hint="Train again; do not use a model from an unknown source.",
        )


def _plan(head: Trees, shape: Shape, *, n_thresholds: int, widest: int) -> tuple[int, int]:
    """Return the width of tops, and the number of trees that share bit vectors."""
    most = int(shape.n_leaves[: head.n_trees].max())
    width = most if most <= widest else min(_TOP, widest)
    sizes = [head.n_trees, *(size for size in _GROUPS if size < head.n_trees)]
    widths = [width, *(w for w in (16, 8) if w < width)]
    for top in widths:
        for size in sizes:
            n_bytes = head.n_trees * min(n_thresholds, size * (top - 1)) * next(w for w in WIDTHS if w >= top) // 8
            if n_bytes <= _TABLE_BYTES:
                return top, size
    return widths[-1], sizes[-1]


def _joined(parts: list[NDArray[np.intp]]) -> NDArray[np.intp]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _n_threads() -> int:
    """Return how many threads may share the work: what OpenMP may use, at most one a core."""
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(n_cores, int(wanted))) if wanted.isdigit() else n_cores
