"""Trees of many leaves: all pairs of a row and a tree go down together, a level a step.

A node is one word: the column of states that it asks for, the greatest state
that goes to the left, and its left child, from the highest bits to the lowest.
With a row's states packed the same way (and nothing for the child) a state is
above the node's where its word is the greater: one subtraction, whose highest
bit is added to the left child. A leaf asks for a column that does not exist,
higher than all others, and so leads to itself; where an inner node has its
state, it has its number among the leaves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import ArtifactError
from mlcli.inference.program import Trees
from mlcli.inference.tree_sources import Questions, Sources

_STEPS = 3
"""Levels between two looks for pairs that have arrived."""

_ROW_STEPS = 5
"""Likewise, for one row."""

_FEW = 40
"""Pairs of one row that are quicker to follow one by one."""

_TOP = np.uint64(63)


def fits(n_nodes: int, n_columns: int) -> bool:
    """Tell whether nodes that ask for `n_columns` columns of states fit into one word each.

    A child, a state and a leaf's number all need the bits of the number of nodes at most.
    """
    return 2 * n_nodes.bit_length() + n_columns.bit_length() <= 63


class Work:
    """Arrays that steps write into: new ones would be fetched from the system again and again.

    Parameters
    ----------
    n_pairs : int
        Most pairs that walk together.
    """

    def __init__(self, n_pairs: int) -> None:
        self.word = np.empty(n_pairs, dtype=np.uint64)
        self.state = np.empty(n_pairs, dtype=np.uint64)
        self.asked = np.empty(n_pairs, dtype=np.uint64)
        self.offset = np.empty(n_pairs, dtype=np.intp)
        self.arrived = np.empty(n_pairs, dtype=np.bool_)
        self._spare = np.empty(n_pairs, dtype=np.intp)

    def keep(self, still: NDArray[np.intp]) -> None:
        """Move the words and offsets at `still` to the front."""
        n = len(still)
        self.word.take(still, out=self.state[:n], mode="clip")
        self.word, self.state = self.state, self.word
        self.offset.take(still, out=self._spare[:n], mode="clip")
        self.offset, self._spare = self._spare, self.offset


class Walk:
    """Leads rows from nodes to leaves.

    Parameters
    ----------
    head : Trees
        The ensemble.
    questions : Questions
        What its nodes ask.
    sources : Sources
        Where the answers come from.

    Raises
    ------
    ArtifactError
        If a node does not fit into one word.
    """

    def __init__(self, head: Trees, questions: Questions, sources: Sources) -> None:
        self._columns = _Columns(questions, sources)
        n_nodes, n_columns = len(head.feature), self._columns.n_columns
        bits = n_nodes.bit_length()
        if not fits(n_nodes, n_columns):
            raise ArtifactError(
                f"an ensemble of trees must fit into words of 63 bits. Got {n_nodes} nodes over {n_columns} columns.",
                hint="Train with fewer or smaller trees.",
            )
        self._state, self._column = np.uint64(bits), np.uint64(2 * bits)
        self._mask = np.uint64((1 << bits) - 1)
        self._first_leaf = np.uint64(n_columns << int(self._column))
        field = np.empty(n_nodes, dtype=np.uint64)
        column = np.full(n_nodes, n_columns, dtype=np.uint64)
        leaf = head.feature < 0
        field[leaf] = np.arange(int(leaf.sum()), dtype=np.uint64)
        field[questions.inner] = questions.rank
        column[questions.inner] = self._columns.of_nodes
        self.words = head.child.astype(np.uint64)
        self.words |= field << self._state
        self.words |= column << self._column
        self._view = self.words.data

    def states(self, states: list[NDArray[np.intp]], n_rows: int) -> NDArray[np.uint64]:
        """Return the packed states of rows, of shape (n_rows + 1, n_columns)."""
        # One more, because leaves ask beyond the end of their row.
        packed = np.zeros((n_rows + 1, self._columns.n_columns), dtype=np.uint64)
        self._columns.fill(states, packed[:-1])
        packed <<= self._state
        packed |= np.arange(packed.shape[1], dtype=np.uint64) << self._column
        return packed

    def leaves(self, words: NDArray[np.uint64], states: NDArray[np.uint64], work: Work) -> NDArray[np.intp]:
        """Lead pairs to their leaves.

        Parameters
        ----------
        words : ndarray of shape (n_trees, n_rows)
            Nodes at which the pairs stand; overwritten. C-contiguous.
        states : ndarray of shape (n_rows + 1, n_columns)
            Packed states of the rows; the last row is not looked at.
        work : Work
            Room for as many pairs.

        Returns
        -------
        ndarray of shape (n_trees, n_rows)
            Numbers of the leaves.
        """
        pairs, flat = words.ravel(), states.ravel()
        n_rows = words.shape[1]
        open_ = np.flatnonzero(pairs < self._first_leaf)
        n = len(open_)
        pairs.take(open_, out=work.word[:n], mode="clip")
        np.multiply(open_ % n_rows, states.shape[1], out=work.offset[:n])
        while n:
            for _ in range(_STEPS):
                self._step(flat, work, n)
            arrived = np.greater_equal(work.word[:n], self._first_leaf, out=work.arrived[:n])
            ends = np.flatnonzero(arrived)
            if len(ends):
                pairs[open_.take(ends)] = work.word.take(ends)
                still = np.flatnonzero(np.logical_not(arrived, out=arrived))
                n = len(still)
                open_ = open_.take(still)
                work.keep(still)
        return self._numbers(pairs).reshape(words.shape)

    def _step(self, flat: NDArray[np.uint64], work: Work, n: int) -> None:
        """Lead the first `n` pairs of `work` to a child."""
        word, state, asked = work.word[:n], work.state[:n], work.asked[:n]
        np.right_shift(word, self._column, out=asked)
        index = asked.view(np.intp)
        np.add(index, work.offset[:n], out=index)
        # A leaf asks beyond its row: whatever is read there is of a lower column. mode="clip" writes straight into `out`.
        flat.take(index, out=state, mode="clip")
        np.subtract(word, state, out=state)
        np.right_shift(state, _TOP, out=state)
        np.bitwise_and(word, self._mask, out=asked)
        np.add(asked, state, out=asked)
        self.words.take(index, out=word, mode="clip")

    def row_leaves(self, words: NDArray[np.uint64], states: list[int]) -> NDArray[np.intp]:
        """Lead one row to the leaf of each tree, from nodes of shape (n_trees,)."""
        row = self._columns.row(states)
        shift, column = int(self._state), int(self._column)
        # Python numbers, because the last pairs are followed in Python.
        packed = [(i << column) | (state << shift) for i, state in enumerate(row)]
        flat = np.array([*packed, 0], dtype=np.uint64)
        open_ = np.flatnonzero(words < self._first_leaf)
        word = words.take(open_)
        while len(open_) > _FEW:
            for _ in range(_ROW_STEPS):
                word = self._row_step(word, flat)
            arrived = word >= self._first_leaf
            words[open_[arrived]] = word[arrived]
            still = np.flatnonzero(~arrived)
            open_, word = open_.take(still), word.take(still)
        if len(open_):
            words[open_] = self._follow(word.tolist(), packed)
        return self._numbers(words)

    def _row_step(self, word: NDArray[np.uint64], flat: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return the words of the children, for one row."""
        state = flat.take((word >> self._column).view(np.intp))
        np.subtract(word, state, out=state)
        state >>= _TOP
        state += word & self._mask
        return self.words.take(state.view(np.intp))

    def _follow(self, words: list[int], states: list[int]) -> list[int]:
        """Lead pairs of one row to their leaves, one by one."""
        view, column, mask, first_leaf = self._view, int(self._column), int(self._mask), int(self._first_leaf)
        arrived = []
        for start in words:
            word = start
            while word < first_leaf:
                word = view[(word & mask) + (states[word >> column] > word)]
            arrived.append(word)
        return arrived

    def _numbers(self, words: NDArray[np.uint64]) -> NDArray[np.intp]:
        return ((words >> self._state) & self._mask).view(np.intp)


class _Columns:
    """Columns of states: one a feature; two where nodes do not agree on the side of a missing number."""

    def __init__(self, questions: Questions, sources: Sources) -> None:
        n_asked = len(questions.features)
        right, left = np.zeros(n_asked, dtype=np.bool_), np.zeros(n_asked, dtype=np.bool_)
        right[questions.feature[~questions.missing_left]] = True
        left[questions.feature[questions.missing_left]] = True
        n_of_each = right.astype(np.intp) + left
        first = np.cumsum(n_of_each) - n_of_each
        self.n_columns = int(n_of_each.sum())
        # Where a feature has both, the column for the left stands behind the one for the right.
        self.of_nodes = first[questions.feature] + (questions.missing_left & right[questions.feature])
        # (column, source, state of NaN), where the state becomes 0 in a column for the left.
        self._plain: list[tuple[int, int, int]] = []
        self._coded: list[tuple[int, list[int], NDArray[np.intp]]] = []
        columns = [
            [
                (int(first[i]) + k, goes_left)
                for k, goes_left in enumerate([False] * int(right[i]) + [True] * int(left[i]))
            ]
            for i in range(n_asked)
        ]
        for source, (_, i) in enumerate(sources.dense):
            missing = questions.grids[i].missing
            self._plain += [(column, source, missing if goes_left else -1) for column, goes_left in columns[i]]
        for source, coded in enumerate(sources.coded, start=len(sources.dense)):
            held, states = [], []
            for i, of_codes in coded.questions:
                missing = questions.grids[i].missing
                for column, goes_left in columns[i]:
                    held.append(column)
                    states.append(np.where(of_codes == missing, 0, of_codes) if goes_left else of_codes)
            self._coded.append((source, held, np.stack(states, axis=1)))

    def fill(self, states: list[NDArray[np.intp]], packed: NDArray[np.uint64]) -> None:
        """Write the states of rows into an array of shape (n_rows, n_columns)."""
        for column, source, missing in self._plain:
            found = states[source]
            packed[:, column] = found if missing < 0 else np.where(found == missing, 0, found)
        for source, held, table in self._coded:
            packed[:, held] = table.take(states[source], axis=0)

    def row(self, states: list[int]) -> list[int]:
        """Return the states of one row, a column each."""
        row = [0] * self.n_columns
        for column, source, missing in self._plain:
            state = states[source]
            row[column] = 0 if state == missing else state
        for source, held, table in self._coded:
            for column, state in zip(held, table[states[source]].tolist(), strict=True):
                row[column] = state
        return row
