"""Intervals from bootstrap replicates."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.results import Estimate

Floats = NDArray[np.float64]

_FEWEST_REPLICATES = 20
"""Below this many defined replicates there is no spread to speak of."""


def t_quantile(probability: float, *, freedom: float) -> float:
    """Return a quantile of Student's t, to 1 % from 4 degrees of freedom on.

    Parameters
    ----------
    probability : float
        In (0, 1).
    freedom : float
        Degrees of freedom, taken as 1 when less.

    Returns
    -------
    float
        The quantile, without unit.

    References
    ----------
    .. [1] Abramowitz and Stegun (1964), "Handbook of Mathematical Functions",
       26.7.5. Written out, because importing scipy for it takes a second.
    """
    z = NormalDist().inv_cdf(probability)
    n = max(freedom, 1.0)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3


def percentile_interval(
    value: float | None, replicates: Floats, *, confidence: float, support: float, outward: bool = False
) -> Estimate:
    """Return the expanded percentile interval: for errors and for differences.

    Plain percentiles are too narrow for few rows by the factor that Student's
    t puts right; here the quantiles move out by that factor.

    Parameters
    ----------
    value : float, optional
        The statistic on all rows.
    replicates : ndarray of shape (resamples,)
        The statistic on each resample; NaN where undefined.
    confidence : float
        Probability that the interval is meant to hold.
    support : float
        Effective rows behind the statistic.
    outward : bool, default=False
        End at the outer of the two replicates between which a quantile falls:
        for verdicts, where the noise of few resamples must err to caution.

    Returns
    -------
    Estimate
        Without ends for fewer than two rows or too few replicates.

    References
    ----------
    .. [1] Hesterberg (2015), "What Teachers Should Know About the Bootstrap",
       The American Statistician 69(4).
    """
    defined = replicates[np.isfinite(replicates)]
    if value is None or support < 2 or len(defined) < _FEWEST_REPLICATES:
        return Estimate(value)
    reach = sqrt(support / (support - 1)) * t_quantile((1 + confidence) / 2, freedom=support - 1)
    tail = NormalDist().cdf(-reach)
    if outward:
        low = float(np.quantile(defined, tail, method="lower"))
        high = float(np.quantile(defined, 1 - tail, method="higher"))
    else:
        low, high = np.quantile(defined, (tail, 1 - tail)).tolist()
    return Estimate(value, min(low, value), max(high, value))


def score_interval(
    value: float | None, replicates: Floats, *, confidence: float, support: float, ranked: bool = False
) -> Estimate:
    """Return Wilson's interval with the variance of the bootstrap: for scores in [0, 1].

    Percentiles fail near the ends: where every row is right, every resample is
    too, and they would claim certainty. Wilson's form asks which true scores
    would make this one likely. It needs a number of rows, which is the one
    whose binomial variance equals the variance of the replicates.

    Parameters
    ----------
    value : float, optional
        The score on all rows, in [0, 1].
    replicates : ndarray of shape (resamples,)
        The score on each resample; NaN where undefined.
    confidence : float
        Probability that the interval is meant to hold.
    support : float
        Effective rows behind the score; they decide where no replicate differs.
    ranked : bool, default=False
        Whether the score compares `support` rows of the rarer class with the
        others; then the variance is itself uncertain, and Student's t is used.

    Returns
    -------
    Estimate
        Without ends when nothing supports the score.

    References
    ----------
    .. [1] Wilson (1927), "Probable Inference, the Law of Succession, and
       Statistical Inference", JASA 22.
    .. [2] Korn and Graubard (1998), "Confidence intervals for proportions with
       small expected number of positive counts estimated from survey data",
       Survey Methodology 24: the effective number of rows.
    """
    if value is None or support <= 0:
        return Estimate(value)
    defined = replicates[np.isfinite(replicates)]
    variance = float(defined.var()) if len(defined) >= _FEWEST_REPLICATES else 0.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    if ranked:
        variance *= support / max(support - 1, 1.0)
        z = t_quantile((1 + confidence) / 2, freedom=support - 1)
    binomial = value * (1 - value)
    n = binomial / variance if variance > 0 and binomial > 0 else support
    middle = (value + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * sqrt(max(binomial / n + z * z / (4 * n * n), 0.0)) / (1 + z * z / n)
    return Estimate(value, min(max(middle - reach, 0.0), value), max(min(middle + reach, 1.0), value))
