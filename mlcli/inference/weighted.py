"""Features times coefficients, from their pieces: the matrix of features is never built."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.encode import Encoded, Layout
from mlcli.inference.encode_texts import project
from mlcli.inference.program import Lookup, OneHot


def code_table(op: OneHot | Lookup, coef: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each code of a category adds to the sums, of shape (n_codes, k).

    Parameters
    ----------
    op : OneHot or Lookup
        The category.
    coef : ndarray of shape (k, n_features)
        Coefficients of all features.
    """
    if isinstance(op, Lookup):
        table = np.zeros((len(op.table), len(coef)))
        for i in range(op.table.shape[1]):
            table += op.table[:, i : i + 1] * coef[:, op.start + i]
        return table
    # The last row stands for position -1: no feature is set, and nothing is added.
    weights = np.concatenate([coef[:, op.start : op.start + op.width].T, np.zeros((1, len(coef)))])
    added: NDArray[np.float64] = weights[op.positions]
    return added


def each_times(rows: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``rows @ matrix``, one row at a time.

    A product of two matrices adds in an order that hangs on how many rows
    there are; a row's own product with the matrix does not know of others.
    """
    if rows.shape[1] == 0:
        return np.zeros((len(rows), matrix.shape[1]))
    product: NDArray[np.float64] = np.matmul(rows[:, np.newaxis, :], matrix)[:, 0, :]
    return product


class Weighted:
    """``X @ coef.T`` for rows in pieces.

    Parameters
    ----------
    coef : ndarray of shape (k, n_features)
        Coefficients.
    layout : Layout
        Where the features come from.
    """

    def __init__(self, coef: NDArray[np.float64], layout: Layout) -> None:
        self._width = len(coef)
        self._dense = np.ascontiguousarray(coef[:, layout.dense].T)
        self._tables = [code_table(op, coef) for op in layout.coded]
        self._texts = [np.ascontiguousarray(coef[:, op.start : op.start + op.width].T) for op in layout.texts]

    def rows(self, encoded: Encoded) -> NDArray[np.float64]:
        """Return the sums of each row, of shape (n_rows, k)."""
        sums = each_times(encoded.dense, self._dense)
        for table, codes in zip(self._tables, encoded.codes, strict=True):
            sums += table[codes]
        for directions, found in zip(self._texts, encoded.texts, strict=True):
            for i, (indices, weights) in enumerate(found.by_row()):
                sums[i] += project(indices, weights, directions)
        return sums
