"""Rows drawn again with replacement, many times, for the spread of every metric at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.metrics import Scorer

Floats = NDArray[np.float64]

_CELLS_PER_CHUNK = 2**18
"""Resamples x rows held at once: 2 MB an array, which stays in the processor's cache."""

_COUNTERS_AT_ONCE = 2**13

_CELLS_PER_RESAMPLE = 150_000
"""Rows x passes over them that one resample may cost; about 2 ms."""

_FEWEST_RESAMPLES = 0.4
"""Share of the resamples kept before rows are left out: 400 of 1,000 still place a 95 % interval well."""

_FEWEST_ROWS = 10_000


@dataclass(frozen=True)
class Plan:
    """How many resamples of how many rows.

    Parameters
    ----------
    n_rows : int
        Rows judged.
    resamples : int
        Resamples drawn.
    rows : int
        Rows that they are drawn from, at most `n_rows`.
    """

    n_rows: int
    resamples: int
    rows: int

    @property
    def shrink(self) -> float:
        """Factor that brings the spread of a resample of `rows` to that of all rows.

        The spread of each of our metrics falls with the square root of the rows.

        References
        ----------
        .. [1] Bickel, Götze and van Zwet (1997), "Resampling fewer than n
           observations", Statistica Sinica 7.
        """
        return float(np.sqrt(self.rows / self.n_rows))

    def choose_rows(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Return the positions of the rows drawn from."""
        if self.rows == self.n_rows:
            return np.arange(self.n_rows)
        return np.sort(rng.choice(self.n_rows, size=self.rows, replace=False, shuffle=False))


def plan_resampling(n_rows: int, *, resamples: int, passes: int) -> Plan:
    """Bound the work: first fewer resamples, then fewer rows.

    Parameters
    ----------
    n_rows : int
        Rows judged.
    resamples : int
        Resamples asked for; all are drawn while `n_rows` x `passes` is at most 150,000.
    passes : int
        Passes over the rows that one resample takes.

    Returns
    -------
    Plan
        Its cost does not grow with `n_rows` beyond a bound.
    """
    excess = n_rows * passes / _CELLS_PER_RESAMPLE
    if excess <= 1:
        return Plan(n_rows, resamples, n_rows)
    kept = max(1 / excess, _FEWEST_RESAMPLES)
    rows = int(_CELLS_PER_RESAMPLE / kept / passes)
    return Plan(n_rows, int(resamples * kept), min(n_rows, max(rows, _FEWEST_ROWS)))


def bootstrap(
    scorers: Sequence[Scorer], *, n_rows: int, resamples: int, rng: np.random.Generator
) -> list[dict[str, Floats]]:
    """Return every metric of every scorer on the same resamples.

    Parameters
    ----------
    scorers : sequence of Scorer
        Each over the same rows in the same order, so that line i of each
        answer belongs to the same resample: differences are paired.
    n_rows : int
        Rows of each scorer.
    resamples : int
        Resamples drawn.
    rng : Generator
        Source of the draws.

    Returns
    -------
    list of dict of str to ndarray of shape (resamples, ...)
        One for each scorer; NaN where a resample leaves a metric undefined.

    References
    ----------
    .. [1] Efron and Tibshirani (1993), "An Introduction to the Bootstrap".
    """
    lines = max(1, _CELLS_PER_CHUNK // n_rows)
    found: list[list[dict[str, Floats]]] = [[] for _ in scorers]
    counts = np.empty((min(lines, resamples), n_rows))
    for start in range(0, resamples, lines):
        chunk = counts[: min(lines, resamples - start)]
        _draw_counts(chunk, rng)
        for answers, scorer in zip(found, scorers, strict=True):
            answers.append(scorer.scores(chunk))
    return [{name: np.concatenate([part[name] for part in parts]) for name in parts[0]} for parts in found]


def _draw_counts(counts: Floats, rng: np.random.Generator) -> None:
    """Fill each line with how often each row is drawn."""
    n_lines, n_rows = counts.shape
    # Counted some lines at a time: one by one the calls would cost more than
    # the draws of few rows, and more at once would not stay in the cache.
    together = max(1, _COUNTERS_AT_ONCE // n_rows)
    for start in range(0, n_lines, together):
        lines = counts[start : start + together]
        drawn = rng.integers(0, n_rows, size=lines.shape)
        drawn += np.arange(0, lines.size, n_rows)[:, None]
        lines[:] = np.bincount(drawn.ravel(), minlength=lines.size).reshape(lines.shape)
