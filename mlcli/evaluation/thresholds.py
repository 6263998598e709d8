"""Probabilities of two classes to the threshold that does what is wanted."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.config.model_sections import ThresholdConfig
from mlcli.evaluation.calibration import Observed
from mlcli.evaluation.decision import LabelScores, ThresholdPoint

Floats = NDArray[np.float64]

FEWEST_LABELLED = 20
"""Fewest rows that must get the positive class for their precision to count, where as many as four times that are of it.

The one likeliest row is right more often than not, and says nothing.
"""

MOST_POINTS = 200
"""Most points of a curve that is stored."""


@dataclass(frozen=True)
class Outcomes:
    """Weights of rows by truth and label, of shape (n_thresholds,) each.

    Parameters
    ----------
    hits, misses : ndarray
        Rows of the positive class that get it, and that do not.
    alarms, passes : ndarray
        Rows of the other class that get the positive one, and that do not.
    """

    hits: Floats
    misses: Floats
    alarms: Floats
    passes: Floats

    @property
    def precision(self) -> Floats:
        """Share of the positive labels that are right; 0 where there are none."""
        return _ratio(self.hits, self.hits + self.alarms)

    @property
    def recall(self) -> Floats:
        """Share of the positive rows that are found; 0 where there are none."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of the two."""
        return _ratio(2 * self.hits, 2 * self.hits + self.misses + self.alarms)

    @property
    def balanced_accuracy(self) -> Floats:
        """Mean of the recalls of both classes."""
        return (self.recall + _ratio(self.passes, self.passes + self.alarms)) / 2

    def cost(self, config: ThresholdConfig) -> Floats | None:
        """Return the mean cost of a row; None where no costs are named."""
        costs = config.costs
        if costs.false_positive is None or costs.false_negative is None:
            return None
        total = self.hits + self.misses + self.alarms + self.passes
        return _ratio(costs.false_positive * self.alarms + costs.false_negative * self.misses, total)

    def scores(self, config: ThresholdConfig, at: int = 0) -> LabelScores:
        """Return the scores at one threshold."""
        cost = self.cost(config)
        return LabelScores(
            precision=float(self.precision[at]),
            recall=float(self.recall[at]),
            f1=float(self.f1[at]),
            balanced_accuracy=float(self.balanced_accuracy[at]),
            cost=None if cost is None else float(cost[at]),
        )

    def take(self, at: NDArray[np.intp]) -> Outcomes:
        """Return the outcomes at some of the thresholds."""
        return Outcomes(self.hits[at], self.misses[at], self.alarms[at], self.passes[at])

    def __add__(self, other: Outcomes) -> Outcomes:
        """Return the outcomes of both sets of rows together."""
        return Outcomes(
            self.hits + other.hits,
            self.misses + other.misses,
            self.alarms + other.alarms,
            self.passes + other.passes,
        )


@dataclass(frozen=True)
class ThresholdCurve:
    """What each threshold does to some rows, from giving all of them the positive class to giving it to none.

    Parameters
    ----------
    least, most : ndarray of shape (n_thresholds,)
        Any threshold above `least` and up to `most` gives the same labels.
    outcomes : Outcomes
        The labels against the truth.
    labelled : ndarray of shape (n_thresholds,)
        How many rows get the positive class.
    n_positive : int
        How many rows are of it.
    """

    least: Floats
    most: Floats
    outcomes: Outcomes
    labelled: NDArray[np.intp]
    n_positive: int

    @property
    def least_labelled(self) -> int:
        """Fewest rows with the positive class whose precision is taken for more than chance."""
        return min(FEWEST_LABELLED, max(1, self.n_positive // 4))

    def threshold(self, at: int) -> float:
        """Return the threshold of a place on the curve, in as few digits as give its labels."""
        return tidy(float(self.least[at]), float(self.most[at]))


@dataclass(frozen=True)
class Chosen:
    """A place on a curve.

    Parameters
    ----------
    at : int
        Where.
    reached : bool
        Whether it reaches the precision or recall that was wanted.
    """

    at: int
    reached: bool = True


def threshold_curve(observed: Observed, probability: Floats) -> ThresholdCurve:
    """Return what every threshold does.

    Parameters
    ----------
    observed : Observed
        The truth, with a positive class.
    probability : ndarray of shape (n_samples,)
        Of the positive class, in [0, 1].
    """
    distinct, place = np.unique(probability, return_inverse=True)
    weights = (
        np.bincount(place, weights=observed.weight * of_class, minlength=len(distinct))
        for of_class in (observed.is_positive, ~observed.is_positive)
    )
    # At place k the rows of the k lowest probabilities get the other class.
    misses, passes = (np.concatenate([[0.0], np.cumsum(weight)]) for weight in weights)
    least, most = np.concatenate([[-1.0], distinct]), np.concatenate([distinct, [1.0]])
    least[0] = min(0.0, float(distinct[0])) - 1.0
    kept = slice(None, -1) if distinct[-1] >= 1.0 else slice(None)  # no threshold is above a certainty
    return ThresholdCurve(
        least[kept],
        most[kept],
        Outcomes(
            hits=(misses[-1] - misses)[kept],
            misses=misses[kept],
            alarms=(passes[-1] - passes)[kept],
            passes=passes[kept],
        ),
        labelled=(len(probability) - np.concatenate([[0], np.cumsum(np.bincount(place, minlength=len(distinct)))]))[
            kept
        ],
        n_positive=int(observed.is_positive.sum()),
    )


def outcomes_at(observed: Observed, probability: Floats, threshold: float) -> Outcomes:
    """Return what one threshold does."""
    labelled, positive, weight = probability >= threshold, observed.is_positive, observed.weight
    cells = ((positive, labelled), (positive, ~labelled), (~positive, labelled), (~positive, ~labelled))
    return Outcomes(*(np.array([weight[of_class & given].sum()]) for of_class, given in cells))


def choose_threshold(curve: ThresholdCurve, config: ThresholdConfig) -> Chosen:
    """Return the place on a curve that does what is wanted.

    Parameters
    ----------
    curve : ThresholdCurve
        What every threshold does.
    config : ThresholdConfig
        What is wanted; another rule than ``value``.

    Returns
    -------
    Chosen
        Among equals the place nearest to a threshold of 0.5. Where a wanted
        precision is not reached, the place that comes nearest to it; a
        precision on fewer rows than `ThresholdCurve.least_labelled` does not count.
    """
    outcomes = curve.outcomes
    away = np.abs((np.maximum(curve.least, 0.0) + curve.most) / 2 - 0.5)
    precision, recall = outcomes.precision, outcomes.recall
    match config.rule:
        case "precision" | "recall":
            score, other = (precision, recall) if config.rule == "precision" else (recall, precision)
            wanted = config.precision if config.rule == "precision" else config.recall
            # A share of weights that are not whole may miss a wanted 1 by the last digit.
            reaching = score >= (wanted or 0.0) - 1e-12
            counts = curve.labelled >= (curve.least_labelled if config.rule == "precision" else 0)
            if (reaching & counts).any():
                return Chosen(int(np.lexsort((away, -score, -other, ~(reaching & counts)))[0]))
            return Chosen(int(np.lexsort((away, -other, -score, ~counts))[0]), reached=False)
        case "costs":
            cost = outcomes.cost(config)
            assert cost is not None, "the rule says that costs are named"
            loss = cost
        case _:
            loss = -(outcomes.f1 if config.optimize == "f1" else outcomes.balanced_accuracy)
    return Chosen(int(np.lexsort((away, loss))[0]))


def cross_fitted(
    observed: Observed, probability: Floats, fold: NDArray[np.intp], *, ordered: bool, config: ThresholdConfig
) -> LabelScores | None:
    """Judge each fold with the threshold that the other folds choose.

    Parameters
    ----------
    observed : Observed
        The truth.
    probability : ndarray of shape (n_samples,)
        Of the positive class, out-of-fold.
    fold : ndarray of shape (n_samples,)
        Fold of each row.
    ordered : bool
        Whether the folds follow each other in time: then only earlier ones choose.
    config : ThresholdConfig
        What is wanted.

    Returns
    -------
    LabelScores, optional
        Of all rows that could be judged; None where there are none.
    """
    total: Outcomes | None = None
    for number in np.unique(fold):
        others = fold < number if ordered else fold != number
        if not others.any() or not observed.weight[others].sum() > 0:
            continue
        if config.value is not None:
            threshold = config.value
        else:
            curve = threshold_curve(observed.take(others), probability[others])
            threshold = curve.threshold(choose_threshold(curve, config).at)
        judged = outcomes_at(observed.take(fold == number), probability[fold == number], threshold)
        total = judged if total is None else total + judged
    return None if total is None else total.scores(config)


def sample_curve(curve: ThresholdCurve, config: ThresholdConfig, *, chosen: int | None) -> tuple[ThresholdPoint, ...]:
    """Return points of a curve for a drawing: at most `MOST_POINTS`, evenly along it, and the chosen one."""
    n = len(curve.most)
    places = set(np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int)).tolist())
    if chosen is not None:
        places.add(chosen)
    at = np.array(sorted(places))
    outcomes = curve.outcomes.take(at)
    return tuple(
        ThresholdPoint(threshold=curve.threshold(place), **msgspec.structs.asdict(outcomes.scores(config, number)))
        for number, place in enumerate(at.tolist())
    )


def tidy(least: float, most: float) -> float:
    """Return a number in (least, most], near the middle, in as few digits as there is room for.

    Parameters
    ----------
    least, most : float
        `least` below `most`; what lies below 0 is no probability.
    """
    if least < 0:
        return 0.0
    middle = (least + most) / 2
    for digits in range(2, 17):
        rounded = round(middle, digits)
        if least < rounded < most:
            return rounded
    return middle if least < middle <= most else most


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide; 0 where there is nothing to divide by."""
    ratios: Floats = np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole > 0)
    return ratios
