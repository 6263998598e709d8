"""Which known n-grams stand where: looked up for all texts at once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.errors import ArtifactError
from mlcli.features.ngrams import char_ngrams, word_ngrams
from mlcli.inference.program import NGrams

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Odd, and its bits look random: Knuth's multiplicative hashing, 2 to the 64 by the golden ratio."""


class NumberTable:
    """A dictionary from numbers to numbers that answers many at once.

    Parameters
    ----------
    keys : ndarray of shape (n,), int64
        Distinct, > 0.
    first : int
        What the first key stands for; the next stands for the next number.
    """

    def __init__(self, keys: NDArray[np.int64], *, first: int) -> None:
        bits = max(4, int(4 * len(keys)).bit_length())  # at most a quarter of the places is taken
        self._shift = np.uint64(64 - bits)
        self._mask = (1 << bits) - 1
        self._keys = np.zeros(1 << bits, dtype=np.int64)
        self._values = np.zeros(1 << bits, dtype=np.int32)
        waiting = np.arange(len(keys))
        places = self._places(keys)
        while waiting.size:
            free = self._keys[places[waiting]] == 0
            # Of several keys for one free place the last one written has it; the others go on to the next.
            self._values[places[waiting[free]]] = waiting[free] + first
            self._keys[places[waiting[free]]] = keys[waiting[free]]
            waiting = waiting[self._keys[places[waiting]] != keys[waiting]]
            places[waiting] = (places[waiting] + 1) & self._mask

    def find(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return which of `keys` are known, by position and rising, and what they stand for."""
        places = self._places(keys)
        there = self._keys[places]
        other = np.flatnonzero((there != keys) & (there != 0))
        while other.size:
            places[other] = (places[other] + 1) & self._mask
            there[other] = self._keys[places[other]]
            other = other[(there[other] != keys[other]) & (there[other] != 0)]
        found = np.flatnonzero(there == keys)
        return found, self._values[places[found]].astype(np.int64)

    def _places(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        places: NDArray[np.int64] = ((keys.view(np.uint64) * _FACTOR) >> self._shift).view(np.int64)
        return places


class GramFinder:
    """Finds the terms of one vectorizer.

    Terms stand in a tree: each node is a beginning of terms, one symbol (a
    character or a word) longer than its parent. All places of all texts walk
    down together, one symbol a step.

    Parameters
    ----------
    ngrams : NGrams
        The vectorizer.
    """

    def __init__(self, ngrams: NGrams) -> None:
        if ngrams.analyzer == "char_wb" and ngrams.low > 3:
            raise ArtifactError(
                f"n-grams inside words must begin at 3 letters or fewer. Got {ngrams.low}.", hint="Train again."
            )
        terms = msgspec.json.decode(ngrams.terms.tobytes(), type=list[str])
        self.n_terms = len(terms)
        self._analyzer, self._low, self._high = ngrams.analyzer, ngrams.low, ngrams.high
        symbols = [term.split(" ") for term in terms] if ngrams.analyzer == "word" else terms
        self._ids = {symbol: i for i, symbol in enumerate(sorted({s for term in symbols for s in term}), 1)}
        if ngrams.analyzer != "word":
            self._learn_characters()
        self._learn_terms(symbols)

    def find(self, texts: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the text and the term of every occurrence, in no particular order."""
        symbols, sizes = self._words(texts) if self._analyzer == "word" else self._characters(texts)
        at = np.flatnonzero(symbols)
        nodes: NDArray[np.int64] = symbols[at]
        places: list[NDArray[np.intp]] = []
        terms: list[NDArray[np.intp]] = []
        for n in range(1, self._high + 1):
            if n > 1:
                known, children = self._children.find(nodes * self._n_symbols + symbols[at + (n - 1)])
                at, nodes = at[known], children
            if n >= self._low:
                ends = self._terms[nodes]
                whole = np.flatnonzero(ends >= 0)
                places.append(at[whole])
                terms.append(ends[whole])
        text_of = np.repeat(np.arange(len(texts)), sizes)
        return text_of[np.concatenate(places)], np.concatenate(terms)

    def _learn_characters(self) -> None:
        codes = [ord(symbol) for symbol in self._ids]
        self._id_of = np.zeros(max(codes, default=0) + 2, dtype=np.int64)
        self._id_of[codes] = list(self._ids.values())
        # A character that no term holds parts words and texts: no term reaches across it.
        self._parting = chr(next(code for code in range(len(codes) + 1) if chr(code) not in self._ids))

    def _learn_terms(self, terms: Sequence[Sequence[str]]) -> None:
        """Build the tree, level by level; the nodes of the first level are the symbols."""
        self._n_symbols = len(self._ids) + 1
        paths = np.zeros((len(terms), self._high), dtype=np.int64)
        for i, term in enumerate(terms):
            paths[i, : len(term)] = [self._ids[symbol] for symbol in term]
        nodes = paths[:, 0].copy()
        keys: list[NDArray[np.int64]] = []
        n_nodes = self._n_symbols
        for level in range(1, self._high):
            longer = np.flatnonzero(paths[:, level])
            level_keys, which = np.unique(nodes[longer] * self._n_symbols + paths[longer, level], return_inverse=True)
            nodes[longer] = n_nodes + which
            n_nodes += len(level_keys)
            keys.append(level_keys)
        self._children = NumberTable(np.concatenate([np.zeros(0, dtype=np.int64), *keys]), first=self._n_symbols)
        self._terms = np.full(n_nodes, -1, dtype=np.intp)
        self._terms[nodes] = np.arange(len(terms))

    def _words(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], list[int]]:
        """Return the words of all texts as numbers (0: not in any term), each text's followed by a 0, and their counts."""
        known = self._ids.get
        symbols: list[int] = []
        sizes: list[int] = []
        for text in texts:
            words = word_ngrams(text, 1, 1)
            symbols += [known(word, 0) for word in words]
            symbols.append(0)
            sizes.append(len(words) + 1)
        return np.array(symbols + [0] * self._high, dtype=np.int64), sizes

    def _characters(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], list[int]]:
        """Return the characters of all texts in the same form."""
        parting = self._parting
        if self._analyzer == "char_wb":
            between = f" {parting} "
            lines = [f" {between.join(words)} {parting}" if (words := text.lower().split()) else "" for text in texts]
        else:
            lines = ["".join([*char_ngrams(text, 1, 1), parting]) for text in texts]
        # A text may hold half a surrogate pair, which UTF-32 only takes when asked to.
        line = ("".join(lines) + parting * self._high).encode("utf-32-le", "surrogatepass")
        codes = np.frombuffer(line, dtype="<u4")
        return self._id_of[np.minimum(codes, len(self._id_of) - 1)], list(map(len, lines))
