"""Texts as weighted n-grams."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_array, check_is_fitted, validate_data

from mlcli.features.ngrams import DECIMALS, Analyzer, count_ngrams, learn_ngrams, share_unspaced

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SORTS: dict[str, tuple[Analyzer, int, int]] = {
    "word": ("word", 1, 2),
    "char": ("char_wb", 3, 5),
    "unspaced": ("char", 1, 3),
}
"""Analyzer, shortest and longest n-gram of each sort; in Chinese one character is already a word."""


WEIGHT = 4.0
"""Length of a text's row of n-grams, where a number column has a spread of 1.

With length 1 a text of a thousand n-grams would count for no more than one
number, and penalties that suit numbers crush it. Cross-validated log loss of
the logistic regression on the training part of the two text samples, with
length 1, 2, 4 and 6: 0.50, 0.44, 0.41, 0.42 (Chinese reviews) and 0.13, 0.09,
0.06, 0.06 (mails).
"""

PASSES = 2
"""Power iterations of the reduction; with scikit-learn's 5 it takes longer, and boosting reads the mails no better."""


class NGramVectorizer(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Tf-idf of the n-grams of one column of texts.

    Equal to scikit-learn's ``TfidfVectorizer(sublinear_tf=True)``, faster on
    long texts, and saved as one string: as a dictionary of 50 000 entries its
    vocabulary would take a minute to save.

    Parameters
    ----------
    analyzer : {"word", "char_wb", "char"}
        Sort of n-gram.
    low, high : int
        Shortest and longest n-gram.
    min_df : int
        Texts that an n-gram must stand in to be kept.
    max_features : int
        Most n-grams kept, by frequency.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Column of each n-gram; columns are in alphabetical order.
    idf_ : ndarray of shape (n_terms,)
        Weight of each n-gram, ``ln((1 + n_texts) / (1 + n_texts_with_it)) + 1``.
    """

    def __init__(self, *, analyzer: Analyzer, low: int, high: int, min_df: int = 2, max_features: int = 50_000) -> None:
        self.analyzer = analyzer
        self.low = low
        self.high = high
        self.min_df = min_df
        self.max_features = max_features

    def fit_transform(self, texts: Sequence[str]) -> csr_matrix:
        """Learn the n-grams of `texts` and return their weights, see `transform`."""
        counts, terms = learn_ngrams(texts, analyzer=self.analyzer, low=self.low, high=self.high)
        n_texts_with = np.bincount(counts.indices, minlength=len(terms))
        kept = np.flatnonzero(n_texts_with >= self.min_df)
        if kept.size == 0:
            # In a handful of short texts no n-gram comes twice; rare ones are better than none.
            kept = np.arange(len(terms))
        # In alphabetical order first, so that which of two equally frequent n-grams stays does not hang on the rows' order.
        kept = np.asarray(sorted(kept, key=terms.__getitem__), dtype=np.intp)
        if kept.size > self.max_features:
            frequency = np.asarray(counts.sum(axis=0)).ravel()[kept]
            kept = kept[np.sort(np.argsort(-frequency, kind="stable")[: self.max_features])]
        if kept.size == 0:
            # Not one n-gram in training. The empty one, which no text holds, keeps its place: a matrix without columns
            # cannot stand beside others.
            self.vocabulary_ = {"": 0}
            self.idf_ = np.ones(1)
            return self.transform(texts)
        self.vocabulary_ = {terms[column]: i for i, column in enumerate(kept)}
        self.idf_ = np.log((1 + len(texts)) / (1 + n_texts_with[kept])) + 1
        return self._weigh(counts[:, kept])

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """Return the weights of the known n-grams.

        Returns
        -------
        csr_matrix of shape (n_texts, n_terms), float64
            ``(1 + ln count) * idf``, each row of length 1 or empty.
        """
        counts = count_ngrams(texts, self.vocabulary_, analyzer=self.analyzer, low=self.low, high=self.high)
        return self._weigh(counts)

    def _weigh(self, counts: csr_matrix) -> csr_matrix:
        from sklearn.preprocessing import normalize

        weights = counts.astype(np.float64)
        weights.sort_indices()
        weights.data = (1 + np.log(weights.data)) * self.idf_[weights.indices]
        normalized: csr_matrix = normalize(weights, norm="l2", copy=False)
        return normalized

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the vocabulary as one JSON text."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "vocabulary_" in state:
            state["vocabulary_"] = json.dumps(list(state["vocabulary_"]))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read the vocabulary back from its JSON text."""
        if "vocabulary_" in state:
            state = {**state, "vocabulary_": {term: i for i, term in enumerate(json.loads(state["vocabulary_"]))}}
        super().__setstate__(state)


class TextEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Columns of texts as tf-idf of n-grams, or as dense components of it.

    Parameters
    ----------
    ngrams : {"auto", "word", "char", "both"}, default="auto"
        Words, characters or both. auto: both, and characters alone where most
        letters of the training texts belong to scripts without spaces between
        words (Chinese, Japanese, Thai).
    max_features : int, default=50000
        Most n-grams kept of each sort, by frequency.
    min_df : int, default=2
        Training texts that an n-gram must stand in; where none does, all are kept.
    components : int, optional
        Reduce each column to this many dense components (latent semantic
        analysis). None keeps the n-grams, as a sparse matrix.
    weight : float, default=4.0
        Length of each text's row of n-grams of one sort, before the reduction.
    random_state : int, default=0
        Seed of the reduction.

    Attributes
    ----------
    n_features_in_ : int
        Columns seen in `fit`.
    vectorizers_ : list of list of NGramVectorizer
        The n-gram vectorizers of each column; their outputs stand side by side.
    components_ : list of ndarray of shape (n_components, n_terms), or None
        Directions that each column's n-grams are projected on; None where
        they are kept as they are.
    """

    def __init__(
        self,
        *,
        ngrams: Literal["auto", "word", "char", "both"] = "auto",
        max_features: int = 50_000,
        min_df: int = 2,
        components: int | None = None,
        weight: float = WEIGHT,
        random_state: int = 0,
    ) -> None:
        self.ngrams = ngrams
        self.max_features = max_features
        self.min_df = min_df
        self.components = components
        self.weight = weight
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the n-grams of each column."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> csr_matrix | NDArray[np.float64]:  # noqa: ARG002  # the signature of every transformer
        """Learn the n-grams of each column and return them, see `transform`."""
        columns = self._columns(X, reset=True)
        self.vectorizers_: list[list[NGramVectorizer]] = []
        self.components_: list[NDArray[np.float64] | None] = []
        blocks = []
        for texts in columns:
            vectorizers = [
                NGramVectorizer(
                    analyzer=analyzer, low=low, high=high, min_df=self.min_df, max_features=self.max_features
                )
                for analyzer, low, high in self._sorts(texts)
            ]
            block = _side_by_side([vectorizer.fit_transform(texts) for vectorizer in vectorizers]) * self.weight
            components = self._reduce(block)
            self.vectorizers_.append(vectorizers)
            self.components_.append(components)
            blocks.append(block if components is None else _project(block, components))
        return self._join(blocks)

    def transform(self, X: Any) -> csr_matrix | NDArray[np.float64]:
        """Return the n-grams of each text; a missing text counts as an empty one.

        Returns
        -------
        csr_matrix or ndarray of shape (n_samples, n_features_out), float64
            Dense when `components` is set, else sparse.
        """
        check_is_fitted(self)
        blocks = []
        for texts, vectorizers, components in zip(
            self._columns(X, reset=False), self.vectorizers_, self.components_, strict=True
        ):
            block = _side_by_side([vectorizer.transform(texts) for vectorizer in vectorizers]) * self.weight
            blocks.append(block if components is None else _project(block, components))
        return self._join(blocks)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the output columns: ``body~money`` for an n-gram, ``body.0`` for a component."""
        check_is_fitted(self)
        names: list[str] = []
        for column, vectorizers, components in zip(
            _check_feature_names_in(self, input_features), self.vectorizers_, self.components_, strict=True
        ):
            if components is None:
                names += [f"{column}~{term}" for vectorizer in vectorizers for term in vectorizer.vocabulary_]
            else:
                names += [f"{column}.{i}" for i in range(len(components))]
        return np.asarray(names, dtype=object)

    def _sorts(self, texts: Sequence[str]) -> list[tuple[Analyzer, int, int]]:
        unspaced = share_unspaced(texts) > 0.5
        chars = SORTS["unspaced" if unspaced else "char"]
        if self.ngrams == "auto":
            return [chars] if unspaced else [SORTS["word"], chars]
        return {"word": [SORTS["word"]], "char": [chars], "both": [SORTS["word"], chars]}[self.ngrams]

    def _reduce(self, block: csr_matrix) -> NDArray[np.float64] | None:
        """Return the components of a column's n-grams, None where there is nothing to reduce."""
        from sklearn.utils.extmath import randomized_svd

        n_components = min(self.components or 0, *block.shape)
        if n_components < 1:
            return None
        # What TruncatedSVD does, less its statistics, which divide by zero where all texts are alike.
        _, _, components = randomized_svd(block, n_components, n_iter=PASSES, random_state=self.random_state)
        found: NDArray[np.float64] = components
        return found

    def _join(self, blocks: list[Any]) -> csr_matrix | NDArray[np.float64]:
        if self.components is None:
            return _side_by_side(blocks)
        return np.hstack([block.toarray() if hasattr(block, "toarray") else block for block in blocks])

    def _columns(self, X: Any, *, reset: bool) -> list[list[str]]:
        """Return the columns as lists of texts; missing cells as empty texts."""
        if not hasattr(X, "iloc"):
            X = check_array(X, dtype=object, ensure_all_finite=False)
        validate_data(self, X, reset=reset, skip_check_array=True)
        if hasattr(X, "iloc"):
            return [X.iloc[:, i].astype("str").fillna("").tolist() for i in range(X.shape[1])]
        # x != x holds for NaN alone, of whatever kind.
        return [["" if cell is None or cell != cell else str(cell) for cell in column] for column in X.T]  # noqa: PLR0124

    def __sklearn_tags__(self) -> Any:
        """Declare texts, possibly missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


def _project(block: csr_matrix, components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the components of n-grams, rounded as `DECIMALS` says."""
    rounded: NDArray[np.float64] = np.round(block @ components.T, DECIMALS)
    return rounded


def _side_by_side(blocks: list[csr_matrix]) -> csr_matrix:
    from scipy.sparse import hstack

    joined: csr_matrix = hstack(blocks, format="csr")
    return joined
