"""Greedy choice of an ensemble by what its members predicted on rows held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_MEMBERS = 4
"""Most members of an ensemble: a fifth adds time to every answer and nothing to see to the score."""

ROUNDS = 40
"""Times that a member is added, so that the smallest weight is a fortieth."""

_TINY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Judge:
    """The truth about rows held out, and how far predictions are from it.

    Parameters
    ----------
    y : ndarray of shape (n_rows,), optional
        Values of a regression target; None for classes, where a prediction is
        the probability that was given to the true class.
    weight : ndarray of shape (n_rows,)
        Weights >= 0 of the rows, not all 0.
    """

    y: Floats | None
    weight: Floats

    def losses(self, predicted: Floats) -> Floats:
        """Return the loss of each row: negative log of the probability, or squared error."""
        if self.y is None:
            losses: Floats = -np.log(np.clip(predicted, _TINY, 1.0))
            return losses
        return np.square(predicted - self.y)

    def mean(self, losses: Floats) -> Floats:
        """Return the metric of rows with these losses, along the last axis: log loss, or root mean squared error."""
        mean = losses @ self.weight / self.weight.sum()
        return np.asarray(mean if self.y is None else np.sqrt(mean))

    def score(self, predicted: Floats) -> float:
        """Return log loss or root mean squared error; infinite where a prediction is no number."""
        score = float(self.mean(self.losses(predicted)))
        return score if np.isfinite(score) else float("inf")


def select_greedily(
    predicted: Sequence[Floats],
    judge: Judge,
    *,
    max_members: int = MAX_MEMBERS,
    rounds: int = ROUNDS,
    affordable: Callable[[frozenset[int]], bool] = lambda _members: True,
) -> tuple[float, ...]:
    """Return the weights of an ensemble, by forward selection with replacement.

    It starts with the best alone. Each round adds once more the candidate that
    brings the mean nearest to the truth; what stands is the best state seen.

    Parameters
    ----------
    predicted : sequence of ndarray of shape (n_rows,)
        What each candidate predicted of rows that it had not learned from.
    judge : Judge
        The truth about these rows.
    max_members : int
        Most candidates with a weight above 0.
    rounds : int
        Most additions.
    affordable : callable
        Whether a set of candidates may be an ensemble.

    Returns
    -------
    tuple of float
        One for each candidate, adding up to 1.

    Raises
    ------
    ValueError
        If no candidate is affordable alone.

    References
    ----------
    .. [1] Caruana et al. (2004), "Ensemble Selection from Libraries of Models", ICML.
    """
    counts = np.zeros(len(predicted), dtype=np.int64)
    total = np.zeros_like(judge.weight)
    best_counts, best_score = counts, float("inf")
    for _ in range(rounds):
        members = frozenset(np.flatnonzero(counts).tolist())
        open_to = [i for i in range(len(predicted)) if _may_join(i, members, max_members, affordable)]
        if not open_to:
            raise ValueError("some candidate must be affordable alone. Got none.")
        size = int(counts.sum()) + 1
        scores = [judge.score((total + predicted[i]) / size) for i in open_to]
        # The first of equals: the one that brings more, by the order of the portfolio.
        chosen = open_to[int(np.argmin(scores))]
        counts = counts.copy()
        counts[chosen] += 1
        total = total + predicted[chosen]
        if min(scores) < best_score or not best_counts.any():
            best_counts, best_score = counts, min(scores)
    return tuple((best_counts / best_counts.sum()).tolist())


def _may_join(
    candidate: int, members: frozenset[int], max_members: int, affordable: Callable[[frozenset[int]], bool]
) -> bool:
    """Say whether a candidate may be added to those already in."""
    if candidate in members:
        return True
    return len(members) < max_members and affordable(members | {candidate})
