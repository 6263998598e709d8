"""Contributions of any model: Shapley values against stored rows, over all subsets of columns or a sample of orders.

What a model says where only some columns of a row are known is the mean over
background rows of what it says of the row with its other columns taken from
the background. A column's contribution is what knowing it adds, averaged over
the orders in which columns can become known [1]_. Few columns are averaged
over all orders exactly, by way of their subsets; of many, pairs of an order
and its reverse are drawn [2]_, by a generator that the row itself seeds: the
same row is told the same, alone and among others.

References
----------
.. [1] Strumbelj and Kononenko (2014), "Explaining prediction models and
   individual predictions with feature contributions", Knowledge and
   Information Systems 41.
.. [2] Mitchell, Cooper, Frank and Holmes (2022), "Sampling permutations for
   Shapley value estimation", Journal of Machine Learning Research 23:
   antithetic pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import TypedColumns

Outputs = Callable[[TypedColumns], NDArray[np.float64]]
"""Typed rows to outputs, of shape (n_rows, n_outputs)."""

_CELLS = 1 << 20
"""Most cells of the rows that are predicted at once."""


@dataclass(frozen=True)
class Sampled:
    """Contributions to the outputs of one row.

    Parameters
    ----------
    contributions : ndarray of shape (n_columns, n_outputs)
        They add up to the outputs, less the mean over the background.
    errors : ndarray of shape (n_columns, n_outputs), optional
        Standard errors; None where nothing was left to chance.
    """

    contributions: NDArray[np.float64]
    errors: NDArray[np.float64] | None


class Sampler:
    """Explains one row at a time by asking the model about mixtures of it and background rows.

    Parameters
    ----------
    outputs : Outputs
        The model.
    background : TypedColumns
        Rows to compare with: the first of them, as many as the budget allows.
    budget : int
        About how many rows the model may be asked about for one explanation.

    Attributes
    ----------
    enumerated : bool
        Whether all subsets of columns fit into the budget.
    n_background : int
        Background rows that are compared with.
    base : ndarray of shape (n_outputs,)
        The model's mean over them.
    """

    def __init__(self, outputs: Outputs, background: TypedColumns, *, budget: int) -> None:
        self._outputs = outputs
        n_columns, n_rows = len(background.columns), background.n_rows
        self.enumerated = (1 << min(n_columns, 40)) * n_rows <= budget
        pair = 2 * max(1, n_columns - 1)
        # Two at least: one alone would show no spread.
        self.n_background = n_rows if self.enumerated else min(n_rows, max(2, budget // pair))
        self._pairs = max(1, budget // (self.n_background * pair))
        self._background = [cells[: self.n_background] for cells in background.columns]
        self._n_columns = n_columns
        self._at_background = outputs(TypedColumns(tuple(self._background), self.n_background))
        self.base: NDArray[np.float64] = self._at_background.mean(axis=0)

    def explain(self, cells: tuple[Any, ...]) -> Sampled:
        """Explain a row.

        Parameters
        ----------
        cells : tuple of array
            Its typed columns, each of length 1.
        """
        at_row = self._outputs(TypedColumns(cells, 1))
        if self.enumerated:
            return Sampled(self._over_subsets(cells), None)
        return self._over_orders(cells, at_row)

    def _over_subsets(self, cells: tuple[Any, ...]) -> NDArray[np.float64]:
        """Return the exact Shapley values, of shape (n_columns, n_outputs)."""
        m, n = self._n_columns, self.n_background
        subsets = np.arange(1 << m)
        known = (subsets[:, np.newaxis] >> np.arange(m)) & 1 == 1
        value = self._mixed(np.repeat(known, n, axis=0), np.tile(np.arange(n), len(subsets)), cells)
        value = value.reshape(len(subsets), n, -1).mean(axis=1)
        sizes = known.sum(axis=1)
        contributions = np.empty((m, value.shape[1]))
        for j in range(m):
            without = subsets[~known[:, j]]
            weights = np.array([1.0 / (m * comb(m - 1, size)) for size in range(m)])[sizes[without]]
            contributions[j] = weights @ (value[without | (1 << j)] - value[without])
        return contributions

    def _over_orders(self, cells: tuple[Any, ...], at_row: NDArray[np.float64]) -> Sampled:
        """Return the mean over random orders and their reverses, the same number for each background row."""
        m, n, pairs = self._n_columns, self.n_background, self._pairs
        random = np.random.default_rng(_seed(cells))
        orders = np.argsort(random.random((n * pairs, m)), axis=1)
        walks = np.stack([orders, orders[:, ::-1]], axis=1).reshape(-1, m)
        compared = np.repeat(np.arange(n), 2 * pairs)
        rank = np.argsort(walks, axis=1)
        # The columns known after step s of a walk; nothing and everything need no asking.
        known = rank[:, np.newaxis, :] < np.arange(1, m)[:, np.newaxis]
        between = self._mixed(known.reshape(-1, m), np.repeat(compared, m - 1), cells).reshape(len(walks), m - 1, -1)
        ends = np.broadcast_to(at_row[0], (len(walks), 1, at_row.shape[1]))
        steps = np.diff(np.concatenate([self._at_background[compared][:, np.newaxis], between, ends], axis=1), axis=1)
        gained = np.take_along_axis(steps, rank[:, :, np.newaxis], axis=1)
        each = gained.reshape(n, pairs, 2, m, -1).mean(axis=2)
        return Sampled(each.mean(axis=(0, 1)), _standard_errors(each))

    def _mixed(
        self, known: NDArray[np.bool_], compared: NDArray[np.intp], cells: tuple[Any, ...]
    ) -> NDArray[np.float64]:
        """Return the outputs of the row where a column is known, and of a background row elsewhere."""
        step = max(1, _CELLS // max(1, self._n_columns))
        parts = []
        for start in range(0, len(known), step):
            part = slice(start, start + step)
            columns = tuple(
                _chosen(known[part, j], compared[part], background, cell[0])
                for j, (background, cell) in enumerate(zip(self._background, cells, strict=True))
            )
            parts.append(self._outputs(TypedColumns(columns, len(known[part]))))
        return np.concatenate(parts)


def _chosen(known: NDArray[np.bool_], compared: NDArray[np.intp], background: Any, cell: Any) -> Any:
    """Return a column that holds `cell` where it is known, else what the background row holds."""
    if isinstance(background, list):
        return [cell if k else background[b] for k, b in zip(known.tolist(), compared.tolist(), strict=True)]
    return np.where(known, cell, background[compared])


def _standard_errors(each: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard errors of means over pairs of orders.

    Parameters
    ----------
    each : ndarray of shape (n_background, n_pairs, n_columns, n_outputs)
        What each pair says. Background rows are given, not drawn, so that only
        their own pairs' spread counts; with one pair each that cannot be seen,
        and the spread among all of them stands for it, which is no smaller.
    """
    n, pairs = each.shape[:2]
    if pairs > 1:
        errors: NDArray[np.float64] = np.sqrt(each.var(axis=1, ddof=1).sum(axis=0) / pairs) / n
        return errors
    if n > 1:
        spread: NDArray[np.float64] = np.sqrt(each[:, 0].var(axis=0, ddof=1) / n)
        return spread
    return np.zeros(each.shape[2:])


def _seed(cells: tuple[Any, ...]) -> int:
    """Return a number that hangs on a row's cells alone."""
    plain = [cell[0] if isinstance(cell, list) else cell.tolist()[0] for cell in cells]
    return int.from_bytes(hashlib.sha256(repr(plain).encode("utf-8", "surrogatepass")).digest()[:8], "big")
