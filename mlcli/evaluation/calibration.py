"""How well probabilities agree with what is observed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.decision import CalibrationBin, ProbabilityScores

Floats = NDArray[np.float64]

N_BINS = 10


@dataclass(frozen=True)
class Observed:
    """The truth of some rows.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Position of the true class.
    weight : ndarray of shape (n_samples,)
        Weights >= 0.
    positive : int, optional
        Position of the positive class, of two.
    """

    codes: NDArray[np.intp]
    weight: Floats
    positive: int | None

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Observed:
        """Return the truth of some of the rows."""
        return Observed(self.codes[rows], self.weight[rows], self.positive)

    @property
    def is_positive(self) -> NDArray[np.bool_]:
        """Whether each row is of the positive class."""
        positive: NDArray[np.bool_] = self.codes == self.positive
        return positive


def row_losses(observed: Observed, y_proba: Floats) -> Floats:
    """Return the log loss of each row, of shape (n_samples,).

    A probability of 0 for the true class costs 36, as in scikit-learn and in `evaluate`.
    """
    eps = np.finfo(np.float64).eps
    losses: Floats = -np.log(np.clip(y_proba[np.arange(len(y_proba)), observed.codes], eps, 1 - eps))
    return losses


def score_probabilities(observed: Observed, y_proba: Floats) -> ProbabilityScores:
    """Score probabilities against the truth.

    Parameters
    ----------
    observed : Observed
        The truth, not all of weight 0.
    y_proba : ndarray of shape (n_samples, n_classes)
        Probability of each class, in [0, 1].
    """
    if observed.positive is not None:
        squared = (y_proba[:, observed.positive] - observed.is_positive) ** 2
    else:
        apart = y_proba.copy()
        apart[np.arange(len(apart)), observed.codes] -= 1.0
        squared = np.einsum("ij,ij->i", apart, apart)
    return ProbabilityScores(
        log_loss=_mean(row_losses(observed, y_proba), observed.weight),
        brier=_mean(squared, observed.weight),
        calibration_error=expected_calibration_error(observed, y_proba),
    )


def expected_calibration_error(observed: Observed, y_proba: Floats) -> float:
    """Average the gap between probability and observed share, over `N_BINS` equally wide bins.

    Of the positive class of two, else of the likeliest class; in [0, 1].

    References
    ----------
    .. [1] Naeini, Cooper and Hauskrecht (2015), "Obtaining Well Calibrated
       Probabilities Using Bayesian Binning", AAAI.
    """
    binned = _bin(observed, y_proba)
    return float(np.abs(binned.probability - binned.share) @ binned.weight / observed.weight.sum())


def calibration_bins(observed: Observed, y_proba: Floats) -> tuple[CalibrationBin, ...]:
    """Return the bins that hold rows, from the least probability to the greatest."""
    binned = _bin(observed, y_proba)
    return tuple(
        CalibrationBin(*line)
        for line in zip(binned.probability.tolist(), binned.share.tolist(), binned.n_rows.tolist(), strict=True)
    )


@dataclass(frozen=True)
class _Binned:
    probability: Floats
    share: Floats
    weight: Floats
    n_rows: NDArray[np.intp]


def _bin(observed: Observed, y_proba: Floats) -> _Binned:
    """Gather the rows of each bin that has a weight."""
    if observed.positive is not None:
        probability, hit = y_proba[:, observed.positive], observed.is_positive
    else:
        likeliest = y_proba.argmax(axis=1)
        probability, hit = y_proba[np.arange(len(y_proba)), likeliest], observed.codes == likeliest
    bin_of = np.minimum((probability * N_BINS).astype(np.intp), N_BINS - 1)

    def sums(values: Floats) -> Floats:
        return np.bincount(bin_of, weights=values, minlength=N_BINS).astype(np.float64)

    weight, probabilities = sums(observed.weight), sums(observed.weight * probability)
    hits = sums(observed.weight * hit)
    held = weight > 0
    return _Binned(
        probabilities[held] / weight[held],
        hits[held] / weight[held],
        weight[held],
        np.bincount(bin_of, minlength=N_BINS)[held],
    )


def _mean(values: Floats, weight: Floats) -> float:
    return float(values @ weight / weight.sum())
