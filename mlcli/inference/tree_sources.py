"""Where trees find the features that they ask for, and where each node's threshold stands among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import ArtifactError
from mlcli.inference.encode import Encoded, EncodedRow, Layout
from mlcli.inference.grid import Grid, boundaries
from mlcli.inference.program import Lookup, OneHot, Trees


@dataclass(frozen=True)
class Coded:
    """A category whose features trees ask for.

    Parameters
    ----------
    at : int
        Its position among the codes of a row.
    questions : tuple of (int, ndarray of shape (n_codes,))
        Each feature that is asked for, by its position among those asked for, with its state for each code.
    n_codes : int
        Number of codes.
    """

    at: int
    questions: tuple[tuple[int, NDArray[np.intp]], ...]
    n_codes: int


@dataclass(frozen=True)
class Questions:
    """What the inner nodes of an ensemble ask.

    Parameters
    ----------
    inner : ndarray of shape (n_inner,)
        Positions of the inner nodes.
    feature : ndarray of shape (n_inner,)
        What each asks for, by position among the features asked for.
    rank : ndarray of shape (n_inner,)
        Position of its threshold in the feature's grid: a state above it goes to the right.
    missing_left : ndarray of shape (n_inner,)
        Whether it sends a missing number to the left.
    features : ndarray of shape (n_asked,)
        The features asked for, ascending.
    grids : list of Grid
        Their grids.
    """

    inner: NDArray[np.intp]
    feature: NDArray[np.intp]
    rank: NDArray[np.intp]
    missing_left: NDArray[np.bool_]
    features: NDArray[np.intp]
    grids: list[Grid]


def read_questions(head: Trees) -> Questions:
    """Return what the nodes of `head` ask."""
    inner = np.flatnonzero(head.feature >= 0)
    threshold = boundaries(head.threshold[inner], strict=head.strict, precision=head.precision)
    asked = head.feature[inner]
    order = np.lexsort((threshold, asked))
    asked, threshold = asked[order], threshold[order]
    first = np.empty(len(order), dtype=np.bool_)
    first[:1] = True
    first[1:] = asked[1:] != asked[:-1]
    new = first.copy()
    new[1:] |= threshold[1:] != threshold[:-1]
    starts = np.flatnonzero(first)
    n_before = np.cumsum(new) - 1
    feature, rank = np.empty(len(order), dtype=np.intp), np.empty(len(order), dtype=np.intp)
    feature[order] = np.cumsum(first) - 1
    rank[order] = n_before - n_before[starts][feature[order]]
    grids = [Grid(part) for part in np.split(threshold[new], n_before[starts][1:]) if len(part)]
    return Questions(inner, feature, rank, head.missing_left[inner], asked[starts].astype(np.intp), grids)


class Sources:
    """Reads the states of encoded rows: one number a dense column, the code of each category.

    Parameters
    ----------
    questions : Questions
        What the trees ask.
    layout : Layout
        Where the features stand.

    Attributes
    ----------
    dense : list of (int, int)
        Dense columns that are asked for, each with its position among the features asked for.
    coded : list of Coded
        Categories, behind the dense columns.

    Raises
    ------
    ArtifactError
        If trees ask for a feature that is neither.
    """

    def __init__(self, questions: Questions, layout: Layout) -> None:
        position = {int(feature): i for i, feature in enumerate(questions.features)}
        columns = [(j, position[int(f)]) for j, f in enumerate(layout.dense) if int(f) in position]
        self.dense = columns
        self.coded = [
            coded for at, op in enumerate(layout.coded) if (coded := _coded(at, op, position, questions.grids))
        ]
        n_found = len(columns) + sum(len(coded.questions) for coded in self.coded)
        if n_found != len(position):
            raise ArtifactError(
                "a program's trees must ask for numbers and categories. Got one that asks for the words of a text.",
                hint="Train again.",
            )
        self._dense = [(j, questions.grids[i]) for j, i in columns]
        self._codes = [coded.at for coded in self.coded]

    def states(self, encoded: Encoded, start: int, stop: int) -> list[NDArray[np.intp]]:
        """Return the states of some rows: an array of shape (stop - start,) a source."""
        # One copy, column by column: the searches then read memory in order.
        columns = np.ascontiguousarray(encoded.dense[start:stop].T)
        dense = [grid.states(columns[j]) for j, grid in self._dense]
        return dense + [encoded.codes[at][start:stop] for at in self._codes]

    def row_states(self, row: EncodedRow) -> list[int]:
        """Return the states of one row."""
        dense, codes = row.dense, row.codes
        return [grid.state(dense[j]) for j, grid in self._dense] + [codes[at] for at in self._codes]


def _coded(at: int, op: OneHot | Lookup, position: dict[int, int], grids: list[Grid]) -> Coded | None:
    """Return a category as a source; None where no tree asks for it."""
    width, n_codes = (op.width, len(op.positions)) if isinstance(op, OneHot) else (op.table.shape[1], len(op.table))
    asked = [(k, position[op.start + k]) for k in range(width) if op.start + k in position]
    if not asked:
        return None
    questions = []
    for k, i in asked:
        values = (op.positions == k).astype(np.float64) if isinstance(op, OneHot) else op.table[:, k]
        questions.append((i, grids[i].states(np.ascontiguousarray(values))))
    return Coded(at, tuple(questions), n_codes)
