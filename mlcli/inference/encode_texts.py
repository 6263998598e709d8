"""Texts as weighted n-grams without scikit-learn or scipy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import TypedColumns
from mlcli.features.ngrams import DECIMALS
from mlcli.inference.encode_ngrams import GramFinder
from mlcli.inference.program import NGrams, Text

_LETTERS = 1 << 16
"""Most characters counted at once (a longer text goes alone): a few megabytes of n-grams."""

_COUNTS = 1024
"""Counts whose weight is worked out once."""

_ENTRIES = 256
"""N-grams projected at once: their directions fit into a core's cache."""


@dataclass
class SparseRows:
    """N-grams of texts: the features that are not 0.

    Entries of one row keep one order, whatever rows stand beside it; entries
    of different rows may alternate.

    Parameters
    ----------
    n_rows : int
        Number of texts.
    rows : ndarray of shape (n_entries,), intp
        Row of each entry.
    indices : ndarray of shape (n_entries,), intp
        Feature of each entry, counted from the operation's first.
    weights : ndarray of shape (n_entries,), float64
        Its value.
    """

    n_rows: int
    rows: NDArray[np.intp]
    indices: NDArray[np.intp]
    weights: NDArray[np.float64]

    def by_row(self) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Yield the indices and weights of each row."""
        order = np.argsort(self.rows, kind="stable")
        indices, weights = self.indices[order], self.weights[order]
        ends = np.cumsum(np.bincount(self.rows, minlength=self.n_rows)).tolist()
        for start, end in zip([0, *ends], ends, strict=False):
            yield indices[start:end], weights[start:end]


def project(indices: NDArray[np.intp], weights: NDArray[np.float64], directions: NDArray[np.float64]) -> Any:
    """Return ``weights @ directions[indices]`` of one row, of shape (n_directions,).

    Parameters
    ----------
    indices, weights : ndarray of shape (n_entries,)
        A row of `SparseRows`.
    directions : ndarray of shape (n_terms, n_directions)
        C-contiguous.
    """
    total = np.zeros(directions.shape[1])
    for start in range(0, len(indices), _ENTRIES):
        part = slice(start, start + _ENTRIES)
        total += weights[part] @ directions[indices[part]]
    return total


class TextEncoder:
    """Runs `mlcli.inference.program.Text`.

    Parameters
    ----------
    op : Text
        The operation. Its features are dense where it has components.
    """

    def __init__(self, op: Text) -> None:
        self.op = op
        self.features = list(range(op.start, op.start + op.width))
        self._vectorizers: list[tuple[int, _Vectorizer]] = []
        offset = 0
        for ngrams in op.vectorizers:
            vectorizer = _Vectorizer(ngrams)
            self._vectorizers.append((offset, vectorizer))
            offset += vectorizer.n_terms
        self._directions = None if op.components is None else np.ascontiguousarray(op.components.T)

    def fill(self, columns: TypedColumns, block: NDArray[np.float64]) -> None:
        """Write the components of many texts into `block`, of shape (n_rows, n_components)."""
        assert self._directions is not None, "an operation with components"
        for i, (indices, weights) in enumerate(self.sparse(columns.columns[self.op.column]).by_row()):
            block[i] = np.round(project(indices, weights, self._directions), DECIMALS)

    def row(self, cells: Sequence[Any]) -> list[float]:
        """Return the components of one text."""
        assert self._directions is not None, "an operation with components"
        found = self.sparse([cells[self.op.column]])
        components: list[float] = np.round(project(found.indices, found.weights, self._directions), DECIMALS).tolist()
        return components

    def sparse(self, texts: Sequence[str]) -> SparseRows:
        """Return the weights of the known n-grams of many texts."""
        parts = [part for start, end in _portions(texts) for part in self._weigh(texts[start:end], start)]
        if len(parts) == 1:
            return SparseRows(len(texts), *parts[0])
        if not parts:
            return SparseRows(len(texts), np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))
        rows, indices, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return SparseRows(len(texts), rows, indices, weights)

    def _weigh(self, texts: Sequence[str], first: int) -> Iterator[tuple[Any, Any, Any]]:
        """Yield rows, indices and weights of each vectorizer."""
        for offset, vectorizer in self._vectorizers:
            rows, terms, weights = vectorizer.weigh(texts)
            yield rows + first, terms + offset, weights * self.op.weight


def _portions(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the ends of pieces that are not too long to be counted at once."""
    start = letters = 0
    for i, text in enumerate(texts):
        letters += len(text)
        if letters > _LETTERS and i > start:
            yield start, i
            start, letters = i, len(text)
    if len(texts) > start:
        yield start, len(texts)


class _Vectorizer:
    """Runs `mlcli.inference.program.NGrams`, as scikit-learn's ``TfidfVectorizer(sublinear_tf=True)`` does."""

    def __init__(self, ngrams: NGrams) -> None:
        self._finder = GramFinder(ngrams)
        self.n_terms = self._finder.n_terms
        self._idf = ngrams.idf
        self._gains = 1 + np.log(np.arange(1, _COUNTS + 1, dtype=np.float64))

    def weigh(self, texts: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
        """Return row, term and weight of every n-gram found, by row and term; each row of length 1."""
        found, terms = self._finder.find(texts)
        n_terms = max(self.n_terms, 1)
        keys = found * n_terms + terms
        keys.sort()
        firsts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if keys.size else np.zeros(0, np.intp)
        counts = np.diff(firsts, append=keys.size)
        rows, terms = np.divmod(keys[firsts], n_terms)
        weights = self._gain(counts) * self._idf[terms]
        # bincount adds one after the other, so that a row's length does not hang on its neighbours.
        lengths = np.sqrt(np.bincount(rows, weights=weights * weights, minlength=len(texts)))
        weights /= lengths[rows]
        return rows, terms, weights

    def _gain(self, counts: NDArray[np.intp]) -> NDArray[np.float64]:
        gains: NDArray[np.float64] = self._gains[np.minimum(counts, _COUNTS) - 1]
        many = counts > _COUNTS
        if many.any():
            gains[many] = 1 + np.log(counts[many].astype(np.float64))
        return gains
