"""Trees of few leaves without a walk: every feature at once crosses out the leaves that a row cannot reach.

References
----------
.. [1] Lucchese, Nardini, Orlando, Perego, Tonellotto and Venturini (2015),
   "QuickScorer: a fast algorithm to rank documents with additive ensembles of
   regression trees", SIGIR. Here the masks of a feature are joined beforehand,
   for each interval between its thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.tree_sources import Questions, Sources
from mlcli.inference.tree_tops import Tops

WIDTHS = (8, 16, 32, 64)
"""Leaves that fit into the bits of a word."""


class BitVectors:
    """Finds the leaf of every tree that a row reaches, for a group of trees.

    For each state of each source there is a row with a word a tree, whose bits
    are the leaves that stay possible. The least bit of what all sources leave
    is the leaf.

    Parameters
    ----------
    tops : Tops
        The trees, cut to at most 64 leaves.
    questions : Questions
        What their nodes ask.
    sources : Sources
        Where the answers come from.
    tree : ndarray of shape (n_nodes,)
        The tree of each node.
    group : range
        Trees of the group.
    """

    def __init__(
        self, tops: Tops, questions: Questions, sources: Sources, *, tree: NDArray[np.int32], group: range
    ) -> None:
        width = tops.leaves.shape[1]
        self.group = group
        self._dtype = np.dtype(f"u{next(w for w in WIDTHS if w >= width) // 8}")
        # One less, because the least bit itself is counted.
        self._base = np.arange(group.start, group.stop) * width - 1
        features = _Masks(tops, questions, tree=tree, group=group, dtype=self._dtype)
        tables, self._sources, self._lookups = [], [], []
        start = 0
        for source, lookup, table in _of_sources(features, sources):
            self._sources.append(source)
            self._lookups.append((lookup + start).astype(np.intp))
            tables.append(table)
            start += len(table)
        everything = np.full((1, len(group)), np.iinfo(self._dtype).max, dtype=self._dtype)
        # A row of its own for trees that ask nothing.
        self._table = np.concatenate([*tables, everything])
        self._nothing = start
        self._views = [lookup.data for lookup in self._lookups]

    def rows(self, states: list[NDArray[np.intp]], n_rows: int) -> list[NDArray[np.intp]]:
        """Return the table's row for each state, source by source."""
        if not self._sources:
            return [np.full(n_rows, self._nothing)]
        return [lookup.take(states[source]) for source, lookup in zip(self._sources, self._lookups, strict=True)]

    def leaves(self, rows: list[NDArray[np.intp]], start: int, stop: int) -> NDArray[np.intp]:
        """Return the leaf of each tree for some rows.

        Returns
        -------
        ndarray of shape (n_trees of the group, stop - start)
            Number of the leaf, plus the width of the tops for every tree of the ensemble before.
        """
        alive = self._table.take(rows[0][start:stop], axis=0)
        masks = np.empty_like(alive)
        for states in rows[1:]:
            # mode="clip" writes straight into `out`; the rows are inside the table.
            self._table.take(states[start:stop], axis=0, out=masks, mode="clip")
            np.bitwise_and(alive, masks, out=alive)
        leaves: NDArray[np.intp] = np.add(self._base[:, None], _up_to_least_bit(alive, masks).T)
        return leaves

    def row_leaves(self, states: list[int]) -> NDArray[np.intp]:
        """Return the leaf of each tree for one row, of shape (n_trees of the group,)."""
        rows = [view[states[source]] for source, view in zip(self._sources, self._views, strict=True)]
        alive = np.bitwise_and.reduce(self._table.take(rows or [self._nothing], axis=0), axis=0)
        leaves: NDArray[np.intp] = self._base + _up_to_least_bit(alive, np.empty_like(alive))
        return leaves


def _up_to_least_bit(alive: NDArray[np.unsignedinteger], spare: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """Return the number of bits up to and with the least that is set; overwrites `spare`."""
    np.subtract(alive, 1, out=spare)
    np.bitwise_xor(alive, spare, out=spare)
    count: NDArray[np.uint8] = np.bitwise_count(spare)
    return count


@dataclass(frozen=True)
class _Table:
    """Masks of one feature: `lookup` from its states to the rows of `masks`."""

    lookup: NDArray[np.intp]
    masks: NDArray[np.unsignedinteger]


class _Masks:
    """The masks of each feature for a group of trees."""

    def __init__(
        self, tops: Tops, questions: Questions, *, tree: NDArray[np.int32], group: range, dtype: np.dtype
    ) -> None:
        trees = tree[tops.inner]
        inside = (trees >= group.start) & (trees < group.stop)
        at = np.searchsorted(questions.inner, tops.inner[inside])
        order = np.argsort(questions.feature[at], kind="stable")
        at = at[order]
        self._feature = questions.feature[at]
        self._rank = questions.rank[at]
        self._missing_left = questions.missing_left[at]
        self._tree = trees[inside][order] - group.start
        self._keep = ~tops.left[inside][order]
        self._grids = questions.grids
        self._shape = (len(group), dtype)

    def table(self, feature: int) -> _Table | None:
        """Return the masks of a feature; None where no tree of the group asks for it."""
        part = slice(*np.searchsorted(self._feature, [feature, feature + 1]).tolist())
        if part.start == part.stop:
            return None
        n_trees, dtype = self._shape
        ranks, local = np.unique(self._rank[part], return_inverse=True)
        tree, keep = self._tree[part], self._keep[part].astype(dtype)
        masks = np.full((len(ranks) + 2, n_trees), np.iinfo(dtype).max, dtype=dtype)
        # A state above a node's threshold crosses out what lies to its left; and so do all states above that one.
        np.bitwise_and.at(masks, (local + 1, tree), keep)
        np.bitwise_and.accumulate(masks[:-1], axis=0, out=masks[:-1])
        right = ~self._missing_left[part]
        np.bitwise_and.at(masks[-1], tree[right], keep[right])
        lookup = np.searchsorted(ranks, np.arange(self._grids[feature].n_states))
        lookup[-1] = len(ranks) + 1
        return _Table(lookup, masks)


def _of_sources(features: _Masks, sources: Sources) -> list[tuple[int, NDArray[np.intp], NDArray[np.unsignedinteger]]]:
    """Return each source that the group asks, with its states' rows in its masks."""
    found = []
    for source, (_, feature) in enumerate(sources.dense):
        table = features.table(feature)
        if table is not None:
            found.append((source, table.lookup, table.masks))
    for source, coded in enumerate(sources.coded, start=len(sources.dense)):
        asked = [(table, states) for i, states in coded.questions if (table := features.table(i)) is not None]
        if asked:
            # One row a code: what all features of the category leave.
            masks = np.bitwise_and.reduce([table.masks[table.lookup[states]] for table, states in asked], axis=0)
            found.append((source, np.arange(coded.n_codes), masks))
    return found
