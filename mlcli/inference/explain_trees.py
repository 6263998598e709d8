"""Exact SHAP values of tree ensembles, with numpy alone.

What a tree would say of a row of which only some features are known is the
mean over its leaves: at a question about an unknown feature both sides are
taken, weighted by the training rows that went there (the path-dependent
expectation of TreeSHAP [1]_). The Shapley value of a feature is found without
visiting subsets. For a leaf with the value v whose path asks for the features
j, each with the share z_j of training rows that answered all its questions as
the path does, and with o_j = 1 where the row itself does so, else 0,

    phi_i = v (o_i - z_i) * integral over t in [0, 1] of  prod_{j != i} (o_j t + z_j (1 - t)),

because the integral of t^k (1 - t)^(D - 1 - k) is k! (D - 1 - k)! / D!, the
weight of a subset of k among D features. The integrand is a polynomial of
degree D - 1, so that Gauss and Legendre's rule with D / 2 points is no
approximation [2]_. The products grow along the paths and are added up from the
leaves: a row costs one pass down and one up, whatever the number of features.

References
----------
.. [1] Lundberg, Erion, Chen et al. (2020), "From local explanations to global
   understanding with explainable AI for trees", Nature Machine Intelligence 2.
.. [2] Yu, Xu, Li, Su and Wang (2022), "Linear TreeShap", NeurIPS: the same
   polynomials, interpolated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import TypedColumns
from mlcli.inference.encode import Encoded, Encoder
from mlcli.inference.explain_additive import Method
from mlcli.inference.explain_columns import column_of_features
from mlcli.inference.program import Link, Model, Trees
from mlcli.inference.tree_sources import Questions, Sources, read_questions

_NODES = 1 << 14
"""Nodes of trees that are walked together, where a tree alone has not more."""

_NUMBERS = 1 << 16
"""Numbers that one array of the walk holds, for many rows: what it needs stays in the cache."""


class TreeTerms:
    """Contributions to the raw values of `mlcli.inference.program.Trees`.

    Parameters
    ----------
    model : Model
        Its head is an ensemble with covers.
    n_columns : int
        Columns of the program.

    Attributes
    ----------
    base : ndarray of shape (outputs,)
        The raw values where nothing is known of a row: the mean over the training rows that the trees were grown on.
    """

    def __init__(self, model: Model, n_columns: int) -> None:
        head = model.head
        assert isinstance(head, Trees), "a model of trees"
        self.link: Link = head.link
        self.method: Method = "tree_shap"
        self._encoder = Encoder(model.features, model.n_features)
        self._questions = read_questions(head)
        self._sources = Sources(self._questions, self._encoder.layout)
        owners = column_of_features(model)[self._questions.features]
        self._shape = (n_columns, head.outputs)
        self._divisor = head.divisor
        self._blocks = [_Block(head, trees, self._questions, owners) for trees in _shared(head)]
        self.base: NDArray[np.float64] = (
            head.base + np.sum([block.mean() for block in self._blocks], axis=0) / head.divisor
        )

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the contributions, of shape (n_rows, n_columns, outputs)."""
        answers = self._answers(self._encoder.rows(columns))
        total = np.zeros((columns.n_rows, *self._shape))
        for block in self._blocks:
            step = max(1, _NUMBERS // block.n_numbers)
            for start in range(0, columns.n_rows, step):
                part = slice(start, start + step)
                block.add(answers[:, part], total[part])
        total /= self._divisor
        return total

    def _answers(self, encoded: Encoded) -> NDArray[np.intp]:
        """Return the state of each row at each feature that is asked for, of shape (n_asked, n_rows).

        Read as the trees' own machine reads them: what it rounds is rounded here.
        """
        states = self._sources.states(encoded, 0, encoded.n_rows)
        answers = np.empty((len(self._questions.features), encoded.n_rows), dtype=np.intp)
        n_dense = len(self._sources.dense)
        for (_, at), found in zip(self._sources.dense, states[:n_dense], strict=True):
            answers[at] = found
        for coded, codes in zip(self._sources.coded, states[n_dense:], strict=True):
            for at, by_code in coded.questions:
                answers[at] = by_code[codes]
        return answers


class _Block:
    """Some trees of an ensemble, their nodes level by level."""

    def __init__(self, head: Trees, trees: NDArray[np.intp], questions: Questions, owners: NDArray[np.intp]) -> None:
        assert head.cover is not None, "an ensemble with covers"
        nodes, self._levels, self._parent = _levels(head, trees)
        n_nodes = len(nodes)
        self._inner = head.feature[nodes] >= 0
        asked = np.zeros(len(head.feature), dtype=np.intp)
        asked[questions.inner] = np.arange(len(questions.inner))
        inner = asked[nodes]
        # Of an inner node its question; a leaf asks nothing, and what stands there is never read.
        feature = questions.feature[inner] if len(questions.inner) else inner
        self._asks = feature[self._parent]
        if len(questions.inner):
            self._rank = questions.rank[inner][self._parent][:, np.newaxis]
            gap = np.array([grid.missing for grid in questions.grids], dtype=np.intp)[feature]
            self._gap = np.where(questions.missing_left[inner], gap, -1)[self._parent][:, np.newaxis]
        first = self._levels[0].stop
        self._right = (np.arange(n_nodes) - first) % 2 == 1
        self._earlier, depth = _earlier(self._asks, self._parent, self._levels)
        self._ratio = _ratios(head.cover[nodes].astype(np.float64), self._levels)
        self._share = np.ones(n_nodes + 1)
        for level in self._levels[1:]:
            self._share[level] = self._share[self._earlier[level]] * self._ratio[level]
        self._empty = bool((self._share == 0.0).any())
        self._points, self._weights = _rule(depth)
        self._value = head.value[nodes].astype(np.float64)
        n_values = self._value.shape[1]
        self.n_numbers = n_nodes * len(self._points) * n_values
        self._outputs = head.outputs
        self._tree_output = trees % head.outputs if n_values < head.outputs else np.zeros(len(trees), dtype=np.intp)
        self._place_edges(owners)

    def _place_edges(self, owners: NDArray[np.intp]) -> None:
        """Note where the contribution of each edge goes: its column, and where trees are for one output each, that."""
        first, n_nodes = self._levels[0].stop, len(self._value)
        output = np.zeros(n_nodes, dtype=np.intp)
        output[:first] = self._tree_output
        for level in self._levels[1:]:
            output[level] = output[self._parent[level]]
        self._output = output
        edges = np.arange(first, n_nodes)
        target = owners[self._asks[edges]] * self._outputs + output[edges] if len(edges) else edges
        self._edges = edges[np.argsort(target, kind="stable")]
        self._targets, self._starts = np.unique(np.sort(target, kind="stable"), return_index=True)

    def mean(self) -> NDArray[np.float64]:
        """Return the sum over trees of the mean over each one's training rows, of shape (outputs,)."""
        reach = np.ones(len(self._value))
        for level in self._levels[1:]:
            reach[level] = reach[self._parent[level]] * self._ratio[level]
        leaves = np.where(self._inner, 0.0, reach)[:, np.newaxis] * self._value
        if leaves.shape[1] == self._outputs:
            sums: NDArray[np.float64] = leaves.sum(axis=0)
            return sums
        return np.bincount(self._output, weights=leaves[:, 0], minlength=self._outputs).astype(np.float64)

    def add(self, answers: NDArray[np.intp], total: NDArray[np.float64]) -> None:
        """Add the contributions of these trees to `total`, of shape (n_rows, n_columns, outputs)."""
        if len(self._levels) == 1:
            return  # trees of a leaf alone ask nothing
        follows = self._follows(answers)
        factor, safe = self._factors(follows)
        gain = (follows[:, :, np.newaxis] - self._share[:, np.newaxis, np.newaxis]) / safe
        below = self._below(factor, safe)
        # The later of two questions about one feature knows all that the earlier one knew, and takes its place.
        change = gain[:-1] - gain[self._earlier[:-1]]
        change *= self._weights
        for k, sums_below in enumerate(below):
            each = np.einsum("erq,erq->er", sums_below, change)
            sums = np.add.reduceat(each[self._edges], self._starts, axis=0).T
            column, output = np.divmod(self._targets, self._outputs)
            total[:, column, output + k] += sums

    def _follows(self, answers: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return whether a row answers all questions about an edge's feature as the path does: (n_nodes + 1, n_rows)."""
        states = answers[self._asks]
        goes = (states <= self._rank) | (states == self._gap)
        goes ^= self._right[:, np.newaxis]
        follows = np.ones((len(goes) + 1, goes.shape[1]), dtype=np.bool_)
        for level in self._levels[1:]:
            follows[level] = follows[self._earlier[level]] & goes[level]
        return follows

    def _factors(self, follows: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ``o t + z (1 - t)`` of each edge, of shape (n_nodes + 1, n_rows, n_points), and what to divide by it."""
        factor = self._share[:, np.newaxis, np.newaxis] * (1.0 - self._points)
        factor = factor + follows[:, :, np.newaxis] * self._points
        # Where no training row went and this one does not go either, all is 0 from there on.
        return factor, np.where(factor > 0.0, factor, 1.0) if self._empty else factor

    def _below(self, factor: NDArray[np.float64], safe: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return for each value the sum over the leaves below a node of value times product: (n_nodes, n_rows, n_points)."""
        product = np.ones((len(self._value), *factor.shape[1:]))
        for level in self._levels[1:]:
            np.divide(factor[level], safe[self._earlier[level]], out=product[level])
            product[level] *= product[self._parent[level]]
        sums = []
        for values in self._value.T:
            total = product * values[:, np.newaxis, np.newaxis]
            for above, level in zip(self._levels[-2::-1], self._levels[:0:-1], strict=True):
                inner = above.start + np.flatnonzero(self._inner[above])
                total[inner] = total[level.start : level.stop : 2] + total[level.start + 1 : level.stop : 2]
            sums.append(total)
        return sums


def _shared(head: Trees) -> list[NDArray[np.intp]]:
    """Return the trees that are walked together: as many as `_NODES` hold, one at least."""
    tree = np.empty(len(head.feature), dtype=np.intp)
    tree[: head.n_trees] = np.arange(head.n_trees)
    for start, stop in _spans(head):
        inner = start + np.flatnonzero(head.feature[start:stop] >= 0)
        tree[head.child[inner]] = tree[inner]
        tree[head.child[inner] + 1] = tree[inner]
    sizes = np.bincount(tree, minlength=head.n_trees).tolist()
    groups: list[list[int]] = []
    filled = _NODES
    for t, size in enumerate(sizes):
        if filled + size > _NODES:
            groups.append([])
            filled = 0
        groups[-1].append(t)
        filled += size
    return [np.array(group, dtype=np.intp) for group in groups]


def _spans(head: Trees) -> list[tuple[int, int]]:
    """Return where each level of the ensemble begins and ends."""
    spans = []
    start, stop = 0, head.n_trees
    while stop > start:
        spans.append((start, stop))
        start, stop = stop, stop + 2 * int((head.feature[start:stop] >= 0).sum())
    return spans


def _levels(head: Trees, trees: NDArray[np.intp]) -> tuple[NDArray[np.intp], list[slice], NDArray[np.intp]]:
    """Return the nodes of some trees level by level, where the levels stand, and each node's parent among them.

    A root's parent is itself. Children stand in the order of their parents, left before right.
    """
    parts, levels, parents = [trees], [slice(0, len(trees))], [np.arange(len(trees))]
    while True:
        level = parts[-1]
        inner = np.flatnonzero(head.feature[level] >= 0)
        if not len(inner):
            return np.concatenate(parts), levels, np.concatenate(parents)
        left = head.child[level[inner]].astype(np.intp)
        parents.append(np.repeat(inner + levels[-1].start, 2))
        parts.append(np.stack([left, left + 1], axis=1).ravel())
        levels.append(slice(levels[-1].stop, levels[-1].stop + 2 * len(inner)))


def _earlier(asks: NDArray[np.intp], parent: NDArray[np.intp], levels: list[slice]) -> tuple[NDArray[np.intp], int]:
    """Return for each edge the nearest one above it that asks for the same feature, and the most features of a path.

    An edge has the number of the node below it. Where there is none above, its number is one more than the last:
    an edge that every row goes along.
    """
    none = len(parent)
    found = np.full(none + 1, none, dtype=np.intp)
    n_features = np.zeros(none, dtype=np.intp)
    for i, level in enumerate(levels[1:], 1):
        wanted = asks[level]
        at = parent[level].copy()
        above = np.full(len(at), none, dtype=np.intp)
        looking = np.arange(len(at))
        for _ in range(i - 1):
            same = asks[at[looking]] == wanted[looking]
            above[looking[same]] = at[looking[same]]
            looking = looking[~same]
            at[looking] = parent[at[looking]]
        found[level] = above
        n_features[level] = n_features[parent[level]] + (above == none)
    return found, int(n_features.max(initial=0))


def _ratios(cover: NDArray[np.float64], levels: list[slice]) -> NDArray[np.float64]:
    """Return the share of its parent's training rows that reached each node; halves where none reached the parent."""
    ratio = np.ones(len(cover))
    for level in levels[1:]:
        pairs = cover[level].reshape(-1, 2)
        both = pairs.sum(axis=1, keepdims=True)
        halves = np.full_like(pairs, 0.5)
        ratio[level] = np.divide(pairs, both, out=halves, where=both > 0.0).ravel()
    return ratio


def _rule(n_features: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points and weights on [0, 1] that integrate products of `n_features` factors but one exactly."""
    points, weights = np.polynomial.legendre.leggauss(max(1, (n_features + 1) // 2))
    found: Any = (points + 1.0) / 2.0, weights / 2.0
    return found[0], found[1]
