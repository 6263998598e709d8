"""Numbers among the thresholds of the trees that ask for them."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_BEYOND = 2.0**128
"""What float32 would hold next after its greatest number; half-way to it numbers are rounded to infinity."""


class Grid:
    """The distinct thresholds of one feature.

    A number's state is how many thresholds lie below it, so that ``x`` is at
    most threshold ``r`` exactly where its state is at most ``r``. NaN has a
    state of its own, above all others.

    Parameters
    ----------
    thresholds : ndarray of shape (n,)
        Ascending, distinct, below infinity.

    Attributes
    ----------
    missing : int
        The state of NaN.
    n_states : int
        One more.
    """

    def __init__(self, thresholds: NDArray[np.float64]) -> None:
        # Infinity is at most the end, and NaN, which numpy sorts last, beyond it.
        self._edges = array("d", np.append(thresholds, np.inf).tobytes())
        self._view = np.frombuffer(self._edges, dtype=np.float64)
        self.missing = len(self._edges)
        self.n_states = self.missing + 1

    def states(self, column: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the state of each number."""
        return self._view.searchsorted(column)

    def state(self, x: float) -> int:
        """Return the state of one number."""
        # bisect takes NaN for smaller than everything.
        return bisect_left(self._edges, x) if x == x else self.missing  # noqa: PLR0124 - false for NaN alone


def boundaries(
    thresholds: NDArray[np.float64], *, strict: bool, precision: Literal["float32", "float64"]
) -> NDArray[np.float64]:
    """Return for each threshold the greatest float64 that goes to the left.

    So that no number needs to be rounded when a row is predicted: rounding
    rises with the number, hence there is one greatest number that is rounded
    to the threshold or below.

    Parameters
    ----------
    thresholds : ndarray of shape (n,)
        Finite.
    strict : bool
        Whether the threshold itself goes to the right.
    precision : {"float32", "float64"}
        What numbers are rounded to before they are compared.

    Returns
    -------
    ndarray of shape (n,)
        Float64; minus infinity where no finite number goes to the left.
    """
    with np.errstate(over="ignore"):
        if precision == "float64":
            return np.nextafter(thresholds, -np.inf) if strict else thresholds
        single = thresholds.astype(np.float32)
        too_great = single >= thresholds if strict else single > thresholds
        single = np.where(too_great, np.nextafter(single, np.float32(-np.inf)), single)
        above = np.nextafter(single, np.float32(np.inf))
        low, high = (np.clip(end.astype(np.float64), -_BEYOND, _BEYOND) for end in (single, above))
        half: NDArray[np.float64] = low + (high - low) / 2
        stays = half.astype(np.float32) <= single
        return np.where(stays, half, np.nextafter(half, -np.inf))
