"""How far two rows of counts lie apart, and whether chance explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

LEAST_IN_BIN = 5
"""Rows that a bin should hold in the smaller part, for chi-squared limits to hold."""


def stability_index(reference: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    """Return the population stability index of two rows of counts.

    Parameters
    ----------
    reference, new : ndarray of shape (n_bins,)
        Counts of the same bins; bins that are empty in both do not count.

    Returns
    -------
    float
        At least 0, without unit. Half a row is added to every bin, so that an
        empty one has a logarithm.
    """
    import numpy as np

    counts = np.stack([reference, new])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return 0.0
    shares = (counts + 0.5) / (counts.sum(axis=1, keepdims=True) + 0.5 * counts.shape[1])
    return float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())


def index_beyond_chance(reference: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    """Return the stability index less what two equal distributions give on average, at least 0.

    References
    ----------
    .. [1] Yurdakul (2018), "Statistical Properties of Population Stability Index": under equal
       distributions the index, over 1/n + 1/m, is chi-squared with one degree of freedom less than bins.
    """
    import numpy as np

    n_bins = int(np.count_nonzero(reference + new))
    n, m = float(reference.sum()), float(new.sum())
    if not n or not m or n_bins < 2:
        return 0.0
    return max(0.0, stability_index(reference, new) - (n_bins - 1) * (1 / n + 1 / m))


def kolmogorov_smirnov(reference: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[float, float]:
    """Compare two distributions by the greatest gap between their cumulative shares.

    The gap is looked for at the edges of the bins only. It is then no greater
    than that of the values themselves, so the test errs towards no difference.

    Parameters
    ----------
    reference, new : ndarray of shape (n_bins,)
        Counts of the same bins, in their order.

    Returns
    -------
    gap : float
        In [0, 1].
    p_value : float
        Kolmogorov's limit for two samples.
    """
    import numpy as np
    from scipy.special import kolmogorov

    n, m = float(reference.sum()), float(new.sum())
    if not n or not m:
        return 0.0, 1.0
    gap = float(np.abs(np.cumsum(reference) / n - np.cumsum(new) / m).max())
    return gap, float(kolmogorov((n * m / (n + m)) ** 0.5 * gap))


def chi_squared(
    reference: NDArray[np.float64], new: NDArray[np.float64], *, pooled: int | None = None
) -> tuple[float, float]:
    """Compare two rows of counts, however thin some bins are.

    Bins that should hold fewer than `LEAST_IN_BIN` rows of the smaller part are
    counted together for the chi-squared test, and each of them is held against
    all others by Fisher's exact test. Which bins are thin is judged by both
    parts together, lest the choice favour one.

    Parameters
    ----------
    reference, new : ndarray of shape (n_bins,)
        Counts of the same bins.
    pooled : int, optional
        A bin that is always counted together with the thin ones: values that
        the reference cannot hold, because it was what they were judged by.

    Returns
    -------
    strength : float
        Cramer's V, in [0, 1].
    p_value : float
        Of the stronger of the two tests, twice over where there are both.
    """
    import numpy as np
    from scipy.special import chdtrc

    n, m = float(reference.sum()), float(new.sum())
    if not n or not m:
        return 0.0, 1.0
    both = reference + new
    thin = both * min(n, m) / (n + m) < LEAST_IN_BIN
    if pooled is not None:
        thin[pooled] = True
    counts = np.stack([reference, new])
    pool = counts[:, thin].sum(axis=1, keepdims=True)
    kept = counts[:, ~thin]
    p_values = []
    rare = [at for at in np.flatnonzero(thin) if at != pooled and both[at] >= LEAST_IN_BIN]
    pairs = [(reference[at], new[at]) for at in rare]
    if pool.sum() * min(n, m) / (n + m) >= LEAST_IN_BIN:
        kept = np.hstack([kept, pool])
    elif pool.sum():
        pairs.append((pool[0, 0], pool[1, 0]))
    strength = 0.0
    # Where one part has all its rows in thin bins, the others say nothing by themselves: Fisher's test judges alone.
    judged = bool(kept.sum(axis=1).all())
    table = kept if judged else np.hstack([kept, pool])
    if table.shape[1] > 1:
        expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
        statistic = float(((table - expected) ** 2 / expected).sum())
        strength = (statistic / float(table.sum())) ** 0.5
        if judged:
            p_values.append(float(chdtrc(table.shape[1] - 1, statistic)))
    if pairs:
        p_values.append(min(1.0, len(pairs) * min(fisher(int(a), int(b), int(n), int(m)) for a, b in pairs)))
    return strength, min(1.0, len(p_values) * min(p_values)) if p_values else 1.0


def fisher(reference: int, new: int, n_reference: int, n_new: int) -> float:
    """Return how likely chance divides rows of a kind at least as unevenly.

    Fisher's exact test, two-sided by doubling.

    Parameters
    ----------
    reference, new : int
        Rows of the kind in each part.
    n_reference, n_new : int
        All rows of each part.
    """
    import numpy as np
    from scipy.special import gammaln

    of_kind = reference + new
    drawn = np.arange(max(0, of_kind - n_reference), min(of_kind, n_new) + 1)

    def log_ways(total: int, taken: NDArray[np.int64]) -> NDArray[np.float64]:
        ways: NDArray[np.float64] = gammaln(total + 1) - gammaln(taken + 1) - gammaln(total - taken + 1)
        return ways

    logs = log_ways(n_new, drawn) + log_ways(n_reference, of_kind - drawn)
    likely = np.exp(logs - logs.max())
    at = new - int(drawn[0])
    tail = min(likely[: at + 1].sum(), likely[at:].sum()) / likely.sum()
    return float(min(1.0, 2 * tail))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number, so that one of all is too small by chance no more often than each alone.

    Holm's rule, which holds whatever the columns have to do with each other.
    Benjamini and Hochberg's would let a share of the columns found be false,
    which is right for a look and wrong for a gate that one of them closes.

    References
    ----------
    .. [1] Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure",
       Scandinavian Journal of Statistics 6.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [1.0] * len(p_values)
    least = 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p_values[i]))
        corrected[i] = least
    return corrected
