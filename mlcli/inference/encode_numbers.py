"""Number columns through clipping, imputation and scaling: many rows at once, or one without arrays."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import TypedColumns
from mlcli.errors import ArtifactError
from mlcli.inference.program import Affine, Clip, Gaps, Impute, Numbers, Quantile, Scale, Step


class Curve:
    """A piecewise linear curve; the ends go on beyond it.

    numpy's own ``interp`` is not used: a row alone is read from the curve
    without it, and must get the same bits.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        Places, rising or level.
    y : ndarray of shape (n_points,)
        Values there.
    """

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        self._x = np.ascontiguousarray(x, dtype=np.float64)
        self._y = np.ascontiguousarray(y, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slope = np.append(np.diff(self._y) / np.diff(self._x), 0.0)
        # Level places divide by zero, places a denormal number apart by nearly that; no value falls between them.
        self._slope = np.where(np.isfinite(slope), slope, 0.0)
        self._lists: tuple[list[float], ...] = (self._x.tolist(), self._y.tolist(), self._slope.tolist())

    def values(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values at many places, NaN at NaN."""
        left = np.maximum(np.searchsorted(self._x, at, side="right") - 1, 0)
        with np.errstate(invalid="ignore", over="ignore"):
            between = self._slope[left] * (at - self._x[left]) + self._y[left]
        values = np.where(at <= self._x[0], self._y[0], np.where(at >= self._x[-1], self._y[-1], between))
        values[np.isnan(at)] = nan
        return values

    def value(self, at: float) -> float:
        """Return the value at one place, with the bits of `values`."""
        x, y, slope = self._lists
        if at != at:  # noqa: PLR0124  # true of NaN alone
            return nan
        if at <= x[0]:
            return y[0]
        if at >= x[-1]:
            return y[-1]
        left = bisect_right(x, at) - 1
        return slope[left] * (at - x[left]) + y[left]


class StepMachine(Protocol):
    """One step over k columns, ready to run."""

    def rows(self, block: NDArray[np.float64]) -> None:
        """Change many rows, of shape (n_rows, k), in place."""

    def row(self, values: list[float]) -> None:
        """Change one row of k values in place, to the same bits."""


class _Clip:
    def __init__(self, step: Clip) -> None:
        self.limit = float(step.limit)

    def rows(self, block: NDArray[np.float64]) -> None:
        np.maximum(block, -self.limit, out=block)
        np.minimum(block, self.limit, out=block)

    def row(self, values: list[float]) -> None:
        limit = self.limit
        for i, x in enumerate(values):
            if x > limit:
                values[i] = limit
            elif x < -limit:
                values[i] = -limit


class _Impute:
    def __init__(self, step: Impute) -> None:
        self.fills = step.values
        self._fills: list[float] = step.values.tolist()

    def rows(self, block: NDArray[np.float64]) -> None:
        np.copyto(block, self.fills, where=np.isnan(block))

    def row(self, values: list[float]) -> None:
        for i, x in enumerate(values):
            if x != x:  # noqa: PLR0124  # true of NaN alone
                values[i] = self._fills[i]


class _Scale:
    def __init__(self, step: Scale) -> None:
        if not np.all(step.spread != 0):
            raise ArtifactError("a program must scale by spreads other than 0. Got 0.", hint="Train again.")
        self.centre, self.spread = step.centre, step.spread
        self._pairs: list[tuple[float, float]] = list(zip(step.centre.tolist(), step.spread.tolist(), strict=True))

    def rows(self, block: NDArray[np.float64]) -> None:
        np.subtract(block, self.centre, out=block)
        np.divide(block, self.spread, out=block)

    def row(self, values: list[float]) -> None:
        for i, (centre, spread) in enumerate(self._pairs):
            values[i] = (values[i] - centre) / spread


class _Affine:
    def __init__(self, step: Affine) -> None:
        self.factor, self.offset = step.factor, step.offset
        self._pairs: list[tuple[float, float]] = list(zip(step.factor.tolist(), step.offset.tolist(), strict=True))

    def rows(self, block: NDArray[np.float64]) -> None:
        np.multiply(block, self.factor, out=block)
        np.add(block, self.offset, out=block)

    def row(self, values: list[float]) -> None:
        for i, (factor, offset) in enumerate(self._pairs):
            values[i] = values[i] * factor + offset


class _Quantile:
    """scikit-learn's QuantileTransformer: the mean of reading the curve from both sides, exact at its ends.

    Where training values repeat, the curve is a wall; its middle is meant.
    """

    def __init__(self, step: Quantile) -> None:
        references = step.references
        self._columns = [
            (Curve(x, references), Curve(-x[::-1], -references[::-1]), float(x[0]), float(x[-1]))
            for x in np.ascontiguousarray(step.quantiles.T)
        ]

    def rows(self, block: NDArray[np.float64]) -> None:
        for i, (up, down, first, last) in enumerate(self._columns):
            x = np.ascontiguousarray(block[:, i])
            values = 0.5 * (up.values(x) - down.values(-x))
            values[x == last] = 1.0
            values[x == first] = 0.0
            block[:, i] = values

    def row(self, values: list[float]) -> None:
        for i, (up, down, first, last) in enumerate(self._columns):
            x = values[i]
            if x == first:
                values[i] = 0.0
            elif x == last:
                values[i] = 1.0
            else:
                values[i] = 0.5 * (up.value(x) - down.value(-x))


_MACHINES: dict[type, Any] = {Clip: _Clip, Impute: _Impute, Scale: _Scale, Affine: _Affine, Quantile: _Quantile}


@dataclass(frozen=True)
class Plan:
    """Clip, impute, scale and clip, in this order, for one number at a time.

    Parameters
    ----------
    first : float
        Limit before imputation, inf for none.
    columns : list of (fill, centre, spread)
        For each column what stands for NaN (NaN for nothing), and ``(x - centre) / spread``.
    last : float
        Limit after scaling, inf for none.
    """

    first: float
    columns: list[tuple[float, float, float]]
    last: float


class Steps:
    """Steps over k columns, in order.

    Parameters
    ----------
    steps : sequence of Step
        The steps, with constants for k columns.
    width : int
        k.
    """

    def __init__(self, steps: Sequence[Step], *, width: int) -> None:
        self._machines: list[StepMachine] = [_MACHINES[type(step)](step) for step in steps]
        self.plan = _plan(self._machines, width)

    def rows(self, block: NDArray[np.float64]) -> None:
        """Take many rows, of shape (n_rows, k), through the steps, in place."""
        for machine in self._machines:
            machine.rows(block)

    def row(self, values: list[float]) -> list[float]:
        """Return one row taken through the steps, with the bits of `rows`."""
        if self.plan is None:
            for machine in self._machines:
                machine.row(values)
            return values
        first, last = self.plan.first, self.plan.last
        out = []
        for x, (fill, centre, spread) in zip(values, self.plan.columns, strict=True):
            # One comparison for the common case; only a missing or an extreme number goes further.
            if not -first <= x <= first:
                x = fill if x != x else (-first if x < 0 else first)  # noqa: PLR0124, PLW2901  # true of NaN alone; the same number, limited
            x = (x - centre) / spread  # noqa: PLW2901  # the same number, scaled
            if not -last <= x <= last and x == x:  # noqa: PLR0124  # NaN stays
                x = -last if x < 0 else last  # noqa: PLW2901  # the same number, limited
            out.append(x)
        return out


def _plan(machines: list[StepMachine], width: int) -> Plan | None:
    """Return what clip, impute, scale, clip (each may be absent) do to one number, None for other steps.

    An absent step is one that changes nothing: limits without end, NaN for
    NaN, ``(x - 0) / 1``.
    """
    left = list(machines)
    clip = left.pop(0) if left and isinstance(left[0], _Clip) else None
    impute = left.pop(0) if left and isinstance(left[0], _Impute) else None
    scale = left.pop(0) if left and isinstance(left[0], _Scale) else None
    again = left.pop(0) if left and isinstance(left[0], _Clip) else None
    if left:
        return None
    first = clip.limit if isinstance(clip, _Clip) else inf
    fills = impute.fills.tolist() if isinstance(impute, _Impute) else [nan] * width
    centres = scale.centre.tolist() if isinstance(scale, _Scale) else [0.0] * width
    spreads = scale.spread.tolist() if isinstance(scale, _Scale) else [1.0] * width
    columns = list(zip(fills, centres, spreads, strict=True))
    return Plan(first, columns, again.limit if isinstance(again, _Clip) else inf)


class NumbersEncoder:
    """Runs `mlcli.inference.program.Numbers`."""

    def __init__(self, op: Numbers) -> None:
        self.features = list(range(op.start, op.start + len(op.columns)))
        self.columns = op.columns
        self._steps = Steps(op.steps, width=len(op.columns))
        self.plan = self._steps.plan

    def fill(self, columns: TypedColumns, block: NDArray[np.float64]) -> None:
        """Write the features of many rows into `block`, of shape (n_rows, n_features of it)."""
        for i, column in enumerate(self.columns):
            block[:, i] = columns.columns[column]
        self._steps.rows(block)

    def row(self, cells: Sequence[Any]) -> list[float]:
        """Return the features of one row."""
        return self._steps.row([cells[column] for column in self.columns])


class GapsEncoder:
    """Runs `mlcli.inference.program.Gaps`."""

    def __init__(self, op: Gaps) -> None:
        self.features = list(range(op.start, op.start + len(op.columns)))
        self.columns = op.columns

    def fill(self, columns: TypedColumns, block: NDArray[np.float64]) -> None:
        """Write the features of many rows into `block`."""
        for i, column in enumerate(self.columns):
            block[:, i] = np.isnan(columns.columns[column])

    def row(self, cells: Sequence[Any]) -> list[float]:
        """Return the features of one row."""
        return [1.0 if cells[column] != cells[column] else 0.0 for column in self.columns]
