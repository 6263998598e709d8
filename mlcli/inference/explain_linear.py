"""Exact contributions to the sums of linear models."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import TypedColumns
from mlcli.inference.encode import Encoded, Encoder, Layout
from mlcli.inference.explain_additive import Method
from mlcli.inference.explain_columns import column_of_features
from mlcli.inference.program import Linear, Link, Lookup, Model, Node, Program, Vote
from mlcli.inference.weighted import code_table

MEAN_ROWS = 20_000
"""Training rows that the average is taken over; of more, as many spread evenly."""

_CHUNK = 2048


class LinearTerms:
    """Contributions to the raw values of `mlcli.inference.program.Linear`.

    A feature contributes its coefficient times its distance from the average
    training row, see [1]_ for why these are its Shapley values.

    Parameters
    ----------
    model : Model
        Its head is linear, with means.
    n_columns : int
        Columns of the program.

    Attributes
    ----------
    base : ndarray of shape (outputs,)
        The raw values of the average training row.

    References
    ----------
    .. [1] Strumbelj and Kononenko (2014), "Explaining prediction models and
       individual predictions with feature contributions", Knowledge and
       Information Systems 41.
    """

    def __init__(self, model: Model, n_columns: int) -> None:
        head = model.head
        assert isinstance(head, Linear), "a linear model"
        assert head.means is not None, "a model with means"
        self.link: Link = head.link
        self.method: Method = "linear"
        self._encoder = Encoder(model.features, model.n_features)
        self._n_columns = n_columns
        layout = self._encoder.layout
        # Platt's scaling of a sum is a sum again.
        factor = np.ones(len(head.coef)) if head.slopes is None else -head.slopes
        offset = np.zeros(len(head.coef)) if head.offsets is None else -head.offsets
        coef = head.coef * factor[:, np.newaxis]
        self.base: NDArray[np.float64] = head.intercept * factor + offset + coef @ head.means
        owners = column_of_features(model)
        order = np.argsort(owners[layout.dense], kind="stable")
        self._order = order
        self._dense_columns, self._starts = np.unique(owners[layout.dense][order], return_index=True)
        self._dense_coef = coef[:, layout.dense[order]]
        self._dense_means = head.means[layout.dense[order]]
        self._tables = []
        for op in layout.coded:
            table = code_table(op, coef)
            width = op.table.shape[1] if isinstance(op, Lookup) else op.width
            features = slice(op.start, op.start + width)
            self._tables.append((op.column, table - coef[:, features] @ head.means[features]))
        self._texts = []
        for text in layout.texts:
            features = slice(text.start, text.start + text.width)
            self._texts.append((text.column, coef[:, features], coef[:, features] @ head.means[features]))

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the contributions, of shape (n_rows, n_columns, outputs)."""
        encoded = self._encoder.rows(columns)
        total = np.zeros((columns.n_rows, self._n_columns, len(self.base)))
        if len(self._starts):
            away = encoded.dense[:, self._order] - self._dense_means
            for k, coef in enumerate(self._dense_coef):
                total[:, self._dense_columns, k] += np.add.reduceat(away * coef, self._starts, axis=1)
        for (column, table), codes in zip(self._tables, encoded.codes, strict=True):
            total[:, column] += table[codes]
        for (column, coefs, mean), found in zip(self._texts, encoded.texts, strict=True):
            for k, coef in enumerate(coefs):
                added = np.bincount(found.rows, weights=found.weights * coef[found.indices], minlength=columns.n_rows)
                total[:, column, k] += added - mean[k]
        return total


def with_means(program: Program, columns: TypedColumns) -> Program:
    """Return a program whose linear models know the average of some training rows.

    Parameters
    ----------
    program : Program
        As it was translated.
    columns : TypedColumns
        Typed training rows; `MEAN_ROWS` of them are enough.
    """
    return msgspec.structs.replace(program, node=_with_means(program.node, columns))


def _with_means(node: Node, columns: TypedColumns) -> Node:
    match node:
        case Model(head=Linear()):
            means = _means(node, columns)
            return msgspec.structs.replace(node, head=msgspec.structs.replace(node.head, means=means))
        case Model():
            return node
        case Vote():
            members = tuple(_with_means(member, columns) for member in node.members)
            return msgspec.structs.replace(node, members=members)
    return msgspec.structs.replace(node, member=_with_means(node.member, columns))


def _means(model: Model, columns: TypedColumns) -> NDArray[np.float64]:
    """Return the mean of each feature over the rows, of shape (n_features,)."""
    encoder = Encoder(model.features, model.n_features)
    total = np.zeros(model.n_features)
    for start in range(0, columns.n_rows, _CHUNK):
        stop = min(start + _CHUNK, columns.n_rows)
        part = TypedColumns(tuple(cells[start:stop] for cells in columns.columns), stop - start)
        total += _sums(encoder.rows(part), encoder.layout)
    return total / max(1, columns.n_rows)


def _sums(encoded: Encoded, layout: Layout) -> NDArray[np.float64]:
    """Return the sum of each feature over rows, of shape (n_features,)."""
    sums = np.zeros(layout.n_features)
    sums[layout.dense] = encoded.dense.sum(axis=0)
    for op, codes in zip(layout.coded, encoded.codes, strict=True):
        if isinstance(op, Lookup):
            sums[op.start : op.start + op.table.shape[1]] = op.table[codes].sum(axis=0)
        else:
            set_ = op.positions[codes]
            sums[op.start : op.start + op.width] = np.bincount(set_[set_ >= 0], minlength=op.width)
    for text, found in zip(layout.texts, encoded.texts, strict=True):
        sums[text.start : text.start + text.width] = np.bincount(
            found.indices, weights=found.weights, minlength=text.width
        )
    return sums
