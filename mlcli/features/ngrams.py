"""N-grams of texts: which there are, and how often, without scikit-learn.

The n-grams are those of scikit-learn's ``TfidfVectorizer`` (lower case,
analyzers ``word``, ``char_wb`` and ``char``). They are counted here because a
long mail repeats its words: n-grams of characters are cut once per distinct
word and multiplied out, which is several times faster.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Analyzer = Literal["word", "char_wb", "char"]

DECIMALS = 9
"""Decimals that a component of n-grams keeps.

The last digits of a sum hang on the order of its addends. Two texts that mean
the same would differ there, and a tree that cuts between them would answer
differently wherever the sum is taken in another order.
"""

_WORD = re.compile(r"\b\w\w+\b")
_SPACES = re.compile(r"\s\s+")

# Scripts whose words follow one another without a space: Thai to Burmese,
# Khmer, kana, and the Chinese characters with their extensions.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def share_unspaced(texts: Iterable[str]) -> float:
    """Return the share of letters that belong to scripts without spaces between words, in [0, 1]."""
    unspaced = letters = 0
    for text in texts:
        unspaced += len(_UNSPACED.findall(text))
        letters += sum(map(str.isalpha, text))
    return min(1.0, unspaced / letters) if letters else 0.0


def word_ngrams(text: str, low: int, high: int) -> list[str]:
    """Return the n-grams of words of two or more letters, joined by a space."""
    words = _WORD.findall(text.lower())
    grams = list(words) if low == 1 else []
    for n in range(max(low, 2), high + 1):
        grams += [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]
    return grams


def char_ngrams(text: str, low: int, high: int) -> list[str]:
    """Return the n-grams of characters, across word boundaries."""
    line = _SPACES.sub(" ", text.lower())
    return [line[i : i + n] for n in range(low, min(high, len(line)) + 1) for i in range(len(line) - n + 1)]


def char_wb_ngrams(text: str, low: int, high: int) -> list[str]:
    """Return the n-grams of characters inside words padded with a space; a shorter word counts once, whole."""
    return [gram for word in text.lower().split() for gram in _padded_ngrams(word, low, high)]


def _padded_ngrams(word: str, low: int, high: int) -> list[str]:
    padded = f" {word} "
    grams: list[str] = []
    for n in range(low, high + 1):
        if n >= len(padded):
            return [*grams, padded]
        grams += [padded[i : i + n] for i in range(len(padded) - n + 1)]
    return grams


NGRAMS: Mapping[str, Callable[[str, int, int], list[str]]] = {
    "word": word_ngrams,
    "char_wb": char_wb_ngrams,
    "char": char_ngrams,
}
"""For each analyzer, the function that lists the n-grams of a text."""


def learn_ngrams(texts: Sequence[str], *, analyzer: Analyzer, low: int, high: int) -> tuple[csr_matrix, list[str]]:
    """Count every n-gram of `texts`.

    Parameters
    ----------
    texts : sequence of str
        One text a row.
    analyzer : {"word", "char_wb", "char"}
        Sort of n-gram.
    low, high : int
        Shortest and longest n-gram.

    Returns
    -------
    counts : csr_matrix of shape (n_texts, n_terms), int64
        How often each n-gram stands in each text.
    terms : list of str
        The n-grams, in column order.
    """
    columns: defaultdict[str, int] = defaultdict()
    columns.default_factory = columns.__len__  # an n-gram not seen before gets the next column
    counts = _count(texts, columns.__getitem__, columns, analyzer=analyzer, low=low, high=high)
    return counts, list(columns)


def count_ngrams(
    texts: Sequence[str], vocabulary: Mapping[str, int], *, analyzer: Analyzer, low: int, high: int
) -> csr_matrix:
    """Count the n-grams of `texts` that `vocabulary` knows.

    Parameters
    ----------
    texts : sequence of str
        One text a row.
    vocabulary : mapping of str to int
        Column of each n-gram, 0 to its length less one.
    analyzer, low, high
        As in `learn_ngrams`.

    Returns
    -------
    csr_matrix of shape (n_texts, len(vocabulary)), int64
        How often each known n-gram stands in each text.
    """
    return _count(texts, vocabulary.get, vocabulary, analyzer=analyzer, low=low, high=high)


def _count(
    texts: Sequence[str],
    column: Callable[[str], int | None],
    vocabulary: Mapping[str, int],
    *,
    analyzer: Analyzer,
    low: int,
    high: int,
) -> csr_matrix:
    if analyzer != "char_wb":
        cut = NGRAMS[analyzer]
        return _matrix(([column(gram) for gram in cut(text, low, high)] for text in texts), vocabulary)
    words: defaultdict[str, int] = defaultdict()
    words.default_factory = words.__len__
    per_text = _matrix(([words[word] for word in text.lower().split()] for text in texts), words)
    per_word = _matrix(([column(gram) for gram in _padded_ngrams(word, low, high)] for word in words), vocabulary)
    product: csr_matrix = per_text @ per_word
    return product


def _matrix(rows: Iterable[list[int | None]], vocabulary: Mapping[str, int]) -> csr_matrix:
    """Return the counts of column numbers, row by row; None stands for no column."""
    from scipy.sparse import csr_matrix

    indices: list[int] = []
    ends = [0]
    for row in rows:
        indices += [column for column in row if column is not None]
        ends.append(len(indices))
    # The vocabulary may have grown while the rows were read, so its length is asked for last.
    shape = (len(ends) - 1, len(vocabulary))
    counts = csr_matrix((np.ones(len(indices), dtype=np.int64), indices, ends), shape=shape)
    counts.sum_duplicates()
    return counts
