"""Columns whose values differ between train and test."""

from __future__ import annotations

from collections.abc import Iterator
from math import log1p
from statistics import NormalDist
from typing import TYPE_CHECKING

from mlcli.data.checks_frame import Frame, shown_share
from mlcli.data.findings import Finding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGE_SHIFT = 0.2
"""Population stability index from which a shift is called large; the customary limit."""

FALSE_ALARM = 1e-4
"""Probability that any of the columns is reported when train and test are alike."""

N_BINS = 10

UNSEEN = 0.1
"""Share of test rows with a level that training has not, from which it is reported."""


def drifted_columns(frame: Frame) -> Iterator[Finding]:
    """Find columns, the target included, with a large and certain shift from train to test."""
    if not frame.n_test or frame.n_train < 20 or frame.n_test < 20:
        return
    n_looked_at = len(frame.schema.columns) + 1
    shifts = {
        name: shift
        for name, bins in _binned_columns(frame)
        if (shift := population_shift(bins[: frame.n_train], bins[frame.n_train :], alpha=FALSE_ALARM / n_looked_at))
    }
    if not shifts:
        return
    names = sorted(shifts, key=lambda name: -shifts[name])
    seen = ", ".join(f"{name} ({shifts[name]:.2f})" for name in names[:10]) + (", ..." if len(names) > 10 else "")
    method = frame.split.method
    yield Finding(
        "drift",
        # Later rows and other groups differ by nature; for the rest someone chose them so.
        "note" if method in {"time", "group", "hash"} else "warning",
        tuple(names),
        f"{len(names)} column{'s differ' if len(names) > 1 else ' differs'} between train and test "
        f"(population stability index, large from {LARGE_SHIFT}): {seen}.",
        "Ask whether they will go on so; a column that only tells train from test is best left out: data.drop."
        if method == "time"
        else "Make sure that the test rows are like those that the model will meet.",
    )


def unseen_levels(frame: Frame) -> Iterator[Finding]:
    """Find categories whose test rows often have a level that training has not."""
    found = {}
    for column in frame.schema.of_kind("category"):
        codes = frame.codes[column.name]
        # Levels are counted by first appearance and training comes first, so later ones are new.
        new = codes[frame.n_train :] > codes[: frame.n_train].max(initial=-1)
        if len(new) and new.mean() >= UNSEEN:
            found[column.name] = float(new.mean())
    if found:
        yield Finding(
            "unseen-level",
            "note",
            tuple(found),
            f"Test rows often have a level that no training row has: {', '.join(f'{n} ({shown_share(s)})' for n, s in found.items())}.",
            "Such a level tells the model nothing: group the levels, or leave the column out: data.drop.",
        )


def _binned_columns(frame: Frame) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Every column that may be compared, as bins."""
    for name, values in frame.values.items():
        # By time, a date tells train from test by construction.
        if not (frame.column[name].kind == "date" and frame.split.method == "time"):
            yield name, _number_bins(values, frame.n_train)
    for name, codes in frame.codes.items():
        if frame.column[name].kind == "category":
            yield name, codes + 1
    target = frame.schema.target.name
    yield target, frame.y + 1 if frame.is_classes else _number_bins(frame.y, frame.n_train)


def _number_bins(values: NDArray[np.float64], n_train: int) -> NDArray[np.int64]:
    """Bins about as full as each other in training; 0 for missing."""
    import numpy as np

    # A sample finds the edges as well, and sorting it is quick.
    sample = values[:n_train][:: max(1, n_train // 5_000)]
    sample = sample[~np.isnan(sample)]
    if not len(sample):
        return np.isnan(values).astype(np.int64)
    edges = np.unique(np.quantile(sample, np.arange(1, N_BINS) / N_BINS))
    # To the left of its edge: a value that fills a quantile by itself is a bin of its own.
    return np.where(np.isnan(values), 0, np.searchsorted(edges, values, side="left") + 1)


def population_shift(train: NDArray[np.int64], test: NDArray[np.int64], *, alpha: float) -> float | None:
    """Return the population stability index of two samples when it is large and no chance result.

    Parameters
    ----------
    train, test : ndarray of shape (n_train,), (n_test,)
        Bin of each row, from 0.
    alpha : float
        Probability of a chance result to allow, in (0, 1).

    Returns
    -------
    float or None
        The index, at least `LARGE_SHIFT`; None when it is smaller or may be chance.

    References
    ----------
    .. [1] Yurdakul (2018), "Statistical Properties of Population Stability Index": under equal
       distributions the index, over 1/n + 1/m, is chi-squared with one degree of freedom less than bins.
    """
    import numpy as np

    from mlcli.data.drift_tests import LEAST_IN_BIN, stability_index

    n_bins = int(max(train.max(), test.max())) + 1
    counts = np.stack([np.bincount(part, minlength=n_bins) for part in (train, test)]).astype(float)
    totals = counts.sum(axis=1)
    # Bins too thin to judge are counted together, rarest first by both parts, lest the choice favour one.
    pooled = counts.sum(axis=0)
    thin = pooled * totals.min() / totals.sum() < LEAST_IN_BIN
    counts = np.hstack([counts[:, ~thin], counts[:, thin].sum(axis=1, keepdims=True)])
    counts = counts[:, counts.sum(axis=0) > 0]
    degrees = counts.shape[1] - 1
    if degrees < 1:
        return None
    index = stability_index(*counts)
    limit = _chi_squared_quantile(1 - alpha, degrees) * (1 / totals[0] + 1 / totals[1])
    return index if index >= max(LARGE_SHIFT, limit) else None


def _chi_squared_quantile(probability: float, degrees: int) -> float:
    """Exact up to two degrees, then Wilson and Hilferty's (1931) approximation: no import of SciPy is worth more."""
    if degrees == 1:
        return NormalDist().inv_cdf((1 + probability) / 2) ** 2
    if degrees == 2:
        return -2 * log1p(-probability)
    spread = 2 / (9 * degrees)
    return degrees * float((1 - spread + NormalDist().inv_cdf(probability) * spread**0.5) ** 3)
