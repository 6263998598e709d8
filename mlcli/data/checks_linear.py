"""The few columns that a target is made of, on a straight line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_COLUMNS = 200

LEAST_ROWS = 20


@dataclass(frozen=True)
class LinearParts:
    """Columns whose weighted sum is the target.

    Parameters
    ----------
    columns : tuple of int
        Their positions, ascending.
    weights : tuple of float
        Weight of each.
    intercept : float
        What is added.
    scale : float
        Standard deviation of the target, by which rounding is judged.
    r2 : float
        Share of the target's variance explained on the rows of the check.
    """

    columns: tuple[int, ...]
    weights: tuple[float, ...]
    intercept: float
    scale: float
    r2: float

    def formula(self, names: Sequence[str], *, product: bool = False) -> str | None:
        """Return the sum or product as people write it, when every weight is 1 or -1 and it is exact.

        Parameters
        ----------
        names : sequence of str
            Names of `columns`.
        product : bool, default=False
            Whether the columns and the target are logarithms.
        """
        plain = all(abs(abs(weight) - 1) < 1e-6 for weight in self.weights)
        if not plain or abs(self.intercept) > 1e-6 * self.scale or self.r2 < 1 - 1e-9:
            return None
        plus, minus = ("*", "/") if product else ("+", "-")
        # Positive ones first, so that it does not begin with a sign.
        ordered = sorted(zip(names, self.weights, strict=True), key=lambda pair: pair[1] < 0)
        if ordered[0][1] < 0:
            return None
        return ordered[0][0] + "".join(f" {plus if weight > 0 else minus} {name}" for name, weight in ordered[1:])


def find_linear_parts(
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    seek: NDArray[np.intp],
    check: NDArray[np.intp],
    least_r2: float,
) -> LinearParts | None:
    """Find the smallest set of columns whose weighted sum is the target.

    All columns are fitted together on the rows `seek`; if they explain enough
    on the rows `check`, the one that matters least is left out, again and
    again, as long as the rest still explain enough.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Numbers; rows and columns with many gaps are left aside.
    y : ndarray of shape (n_rows,)
        The target.
    seek, check : ndarray of int
        Rows to fit on and rows to judge by.
    least_r2 : float
        Share of the variance that must be explained, below 1.

    Returns
    -------
    LinearParts or None
        Two columns or more; None where no such set explains enough.
    """
    import numpy as np

    usable = np.flatnonzero(np.isnan(X).sum(axis=0) <= 0.2 * len(X))
    whole = np.isnan(X[:, usable]).sum(axis=1) == 0
    seek, check = seek[whole[seek]], check[whole[check]]
    most = min(MOST_COLUMNS, len(seek) // 3)
    if len(usable) < 2 or len(seek) < LEAST_ROWS or len(check) < LEAST_ROWS:
        return None
    fit = _Fit.of(X[seek][:, usable], y[seek], X[check][:, usable], y[check])
    kept = [j for j in np.argsort(-np.abs(fit.moment), kind="stable")[:most].tolist() if fit.spread[j] > 0]
    if len(kept) < 2 or fit.r2(kept) < least_r2:
        return None
    while len(kept) > 2:
        weights = np.abs(fit.weights(kept))
        for place in np.argsort(weights, kind="stable").tolist():
            fewer = kept[:place] + kept[place + 1 :]
            if fit.r2(fewer) >= least_r2:
                kept = fewer
                break
        else:
            break
    kept.sort()
    weights = fit.weights(kept) * fit.scale / fit.spread[kept]
    intercept = float(fit.level - weights @ fit.center[kept])
    columns = tuple(usable[kept].tolist())
    return LinearParts(columns, tuple(weights.tolist()), intercept, fit.scale, fit.r2(kept))


@dataclass(frozen=True)
class _Fit:
    """Sums of products, from which every subset of the columns is fitted and judged without the rows."""

    gram: NDArray[np.float64]
    moment: NDArray[np.float64]
    check_gram: NDArray[np.float64]
    check_moment: NDArray[np.float64]
    check_square: float
    check_spread: float
    center: NDArray[np.float64]
    spread: NDArray[np.float64]
    level: float
    scale: float

    @classmethod
    def of(
        cls,
        X: NDArray[np.float64],
        y: NDArray[np.float64],
        X_check: NDArray[np.float64],
        y_check: NDArray[np.float64],
    ) -> _Fit:
        import numpy as np

        center, spread = X.mean(axis=0), X.std(axis=0)
        level, scale = float(y.mean()), float(y.std()) or 1.0
        unit = np.where(spread > 0, spread, 1.0)
        Z, u = (X - center) / unit, (y - level) / scale
        Z_check, u_check = (X_check - center) / unit, (y_check - level) / scale
        return cls(
            Z.T @ Z,
            Z.T @ u,
            Z_check.T @ Z_check,
            Z_check.T @ u_check,
            float(u_check @ u_check),
            float(((u_check - u_check.mean()) ** 2).sum()),
            center,
            spread,
            level,
            scale,
        )

    def weights(self, kept: list[int]) -> NDArray[np.float64]:
        """Least squares on some of the columns; columns that repeat others share the weight."""
        import numpy as np

        solved = np.linalg.lstsq(self.gram[np.ix_(kept, kept)], self.moment[kept], rcond=1e-10)[0]
        return np.asarray(solved)

    def r2(self, kept: list[int]) -> float:
        """Share of the variance of the check's target that some of the columns explain."""
        weights = self.weights(kept)
        inner = self.check_gram[kept][:, kept]
        error = self.check_square - 2 * float(weights @ self.check_moment[kept]) + float(weights @ inner @ weights)
        return 1 - error / self.check_spread if self.check_spread > 0 else 0.0
