"""Linear heads: sums in one fixed order, and for one row without arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.encode import Encoded, EncodedRow, Layout, one_row
from mlcli.inference.links import apply_link, link_row
from mlcli.inference.program import Linear
from mlcli.inference.weighted import Weighted, code_table

_FEW = 4
"""Most sums a row that are added up number by number; more are left to matrix products."""


class LinearMachine:
    """Runs `mlcli.inference.program.Linear`.

    Each sum begins at the intercept; then come the dense columns, the
    categories and the texts, in their order, for one row as for many.

    Parameters
    ----------
    head : Linear
        Coefficients and link.
    layout : Layout
        Where the features come from.
    """

    def __init__(self, head: Linear, layout: Layout) -> None:
        self._head = head
        self._few = len(head.coef) <= _FEW
        if self._few:
            self._sums = [_Sum(head.coef[i : i + 1], float(head.intercept[i]), layout) for i in range(len(head.coef))]
        else:
            self._weighted = Weighted(head.coef, layout)
        self._platt = None
        if head.slopes is not None and head.offsets is not None:
            self._platt = (head.slopes.tolist(), head.offsets.tolist())

    def rows(self, encoded: Encoded) -> NDArray[np.float64]:
        """Return the outputs of rows, of shape (n_rows, n_outputs)."""
        if self._few:
            raw = np.stack([each.rows(encoded) for each in self._sums], axis=1)
        else:
            raw = self._weighted.rows(encoded) + self._head.intercept
        if self._head.slopes is not None and self._head.offsets is not None:
            raw = -(self._head.slopes * raw + self._head.offsets)
        return apply_link(raw, self._head.link)

    def row(self, row: EncodedRow) -> list[float]:
        """Return the outputs of one row, with the bits of `rows`."""
        if not self._few:
            outputs: list[float] = self.rows(one_row(row))[0].tolist()
            return outputs
        raw = [each.row(row) for each in self._sums]
        if self._platt is not None:
            raw = [-(slope * x + offset) for x, slope, offset in zip(raw, *self._platt, strict=True)]
        return link_row(raw, self._head.link)


class _Sum:
    """One sum a row."""

    def __init__(self, coef: NDArray[np.float64], intercept: float, layout: Layout) -> None:
        # Never -0.0, see `mlcli.inference.row_linear`.
        self._intercept = intercept + 0.0
        self._weights = np.ascontiguousarray(coef[0, layout.dense])
        self._tables = [np.ascontiguousarray(code_table(op, coef)[:, 0]) for op in layout.coded]
        self._texts = [np.ascontiguousarray(coef[0, op.start : op.start + op.width]) for op in layout.texts]
        self._weight_list: list[float] = self._weights.tolist()
        self._table_lists: list[list[float]] = [table.tolist() for table in self._tables]

    def rows(self, encoded: Encoded) -> NDArray[np.float64]:
        n_dense = len(self._weights)
        addends = np.empty((encoded.n_rows, 1 + n_dense + len(self._tables)))
        addends[:, 0] = self._intercept
        np.multiply(encoded.dense, self._weights, out=addends[:, 1 : 1 + n_dense])
        for i, (table, codes) in enumerate(zip(self._tables, encoded.codes, strict=True), 1 + n_dense):
            addends[:, i] = table[codes]
        # A running total adds from the left; `sum` would pair as the shape suggests.
        sums: NDArray[np.float64] = np.cumsum(addends, axis=1)[:, -1]
        for weights, found in zip(self._texts, encoded.texts, strict=True):
            sums = sums + np.bincount(
                found.rows, weights=found.weights * weights[found.indices], minlength=encoded.n_rows
            )
        return sums

    def row(self, row: EncodedRow) -> float:
        total = self._intercept
        # Not sum(), which rounds otherwise since Python 3.12.
        for x, weight in zip(row.dense, self._weight_list, strict=True):
            total += x * weight
        for table, code in zip(self._table_lists, row.codes, strict=True):
            total += table[code]
        for weights, (indices, values) in zip(self._texts, row.texts, strict=True):
            products = values * weights[indices]
            total += float(np.bincount(np.zeros(len(indices), dtype=np.intp), weights=products, minlength=1)[0])
        return total
