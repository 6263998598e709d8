"""Typed rows to the features of a program, without pandas or scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import TypedColumns
from mlcli.inference.encode_dates import DatesEncoder
from mlcli.inference.encode_numbers import GapsEncoder, NumbersEncoder
from mlcli.inference.encode_texts import SparseRows, TextEncoder
from mlcli.inference.program import Dates, Feature, Gaps, Lookup, Numbers, OneHot, Text


@dataclass(frozen=True)
class Layout:
    """Which features of the preprocessor's matrix come from where.

    Parameters
    ----------
    n_features : int
        Columns of the matrix.
    dense : ndarray of shape (n_dense,), intp
        Feature of each dense column.
    coded : tuple of OneHot or Lookup
        Categories; their features are not among the dense columns.
    texts : tuple of Text
        Texts without components, whose features are mostly 0.
    """

    n_features: int
    dense: NDArray[np.intp]
    coded: tuple[OneHot | Lookup, ...]
    texts: tuple[Text, ...]


@dataclass
class Encoded:
    """Features of rows, in the pieces that a `Layout` names.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    dense : ndarray of shape (n_rows, n_dense), float64
        C-contiguous.
    codes : list of ndarray of shape (n_rows,), intp
        Code of each category.
    texts : list of SparseRows
        N-grams of each text column.
    """

    n_rows: int
    dense: NDArray[np.float64]
    codes: list[NDArray[np.intp]]
    texts: list[SparseRows]


@dataclass(slots=True)
class EncodedRow:
    """Features of one row: plain numbers, and the indices and weights of each text's n-grams."""

    dense: list[float]
    codes: list[int]
    texts: list[tuple[NDArray[np.intp], NDArray[np.float64]]]


class DenseEncoder(Protocol):
    """A feature operation that fills dense columns."""

    features: list[int]

    def fill(self, columns: TypedColumns, block: NDArray[np.float64]) -> None:
        """Write the features of many rows into `block`, of shape (n_rows, n_features of it)."""

    def row(self, cells: Sequence[Any]) -> list[float]:
        """Return the features of one row, with the bits of `fill`."""


class Encoder:
    """Runs the feature operations of one model.

    Parameters
    ----------
    features : tuple of Feature
        The operations.
    n_features : int
        Columns of the matrix that they fill.
    """

    def __init__(self, features: tuple[Feature, ...], n_features: int) -> None:
        self.dense_encoders: list[DenseEncoder] = []
        self._texts: list[TextEncoder] = []
        coded: list[OneHot | Lookup] = []
        for op in features:
            if isinstance(op, OneHot | Lookup):
                coded.append(op)
            elif isinstance(op, Text) and op.components is None:
                self._texts.append(TextEncoder(op))
            else:
                self.dense_encoders.append(_dense_encoder(op))
        self._codes = [op.column for op in coded]
        dense = [feature for encoder in self.dense_encoders for feature in encoder.features]
        self.layout = Layout(
            n_features, np.array(dense, dtype=np.intp), tuple(coded), tuple(encoder.op for encoder in self._texts)
        )

    def rows(self, columns: TypedColumns) -> Encoded:
        """Return the features of typed rows."""
        dense = np.empty((columns.n_rows, len(self.layout.dense)))
        at = 0
        for encoder in self.dense_encoders:
            width = len(encoder.features)
            if width == dense.shape[1]:
                encoder.fill(columns, dense)
            else:
                # A block of its own: numpy runs over rows of a dozen numbers much faster when they follow one another.
                block = np.empty((columns.n_rows, width))
                encoder.fill(columns, block)
                dense[:, at : at + width] = block
            at += width
        return Encoded(
            columns.n_rows,
            dense,
            [columns.columns[column] for column in self._codes],
            [encoder.sparse(columns.columns[encoder.op.column]) for encoder in self._texts],
        )

    def row(self, cells: Sequence[Any]) -> EncodedRow:
        """Return the features of one typed row, with the bits of `rows`."""
        dense: list[float] = []
        for encoder in self.dense_encoders:
            dense += encoder.row(cells)
        codes: list[int] = [cells[column] for column in self._codes]
        if not self._texts:
            return EncodedRow(dense, codes, [])
        found = [encoder.sparse([cells[encoder.op.column]]) for encoder in self._texts]
        return EncodedRow(dense, codes, [(text.indices, text.weights) for text in found])


def _dense_encoder(op: Feature) -> DenseEncoder:
    match op:
        case Numbers():
            return NumbersEncoder(op)
        case Gaps():
            return GapsEncoder(op)
        case Dates():
            return DatesEncoder(op)
        case Text():
            return TextEncoder(op)
    raise TypeError(type(op))


def one_row(row: EncodedRow) -> Encoded:
    """Return one row's features in the form of many, for a head that has no shorter way."""
    return Encoded(
        1,
        np.array([row.dense], dtype=np.float64),
        [np.array([code], dtype=np.intp) for code in row.codes],
        [SparseRows(1, np.zeros(len(indices), dtype=np.intp), indices, weights) for indices, weights in row.texts],
    )


def full_row(row: EncodedRow, layout: Layout) -> NDArray[np.float64]:
    """Return one row's features as `full_matrix` gives them, of shape (1, n_features)."""
    matrix = np.zeros((1, layout.n_features))
    features = matrix[0]
    features[layout.dense] = row.dense
    for op, code in zip(layout.coded, row.codes, strict=True):
        if isinstance(op, Lookup):
            features[op.start : op.start + op.table.shape[1]] = op.table[code]
        elif (position := int(op.positions[code])) >= 0:
            features[op.start + position] = 1.0
    for text, (indices, weights) in zip(layout.texts, row.texts, strict=True):
        features[text.start + indices] = weights
    return matrix


def full_matrix(encoded: Encoded, layout: Layout) -> NDArray[np.float64]:
    """Return the features as the fitted preprocessor gives them, of shape (n_rows, n_features)."""
    matrix = np.zeros((encoded.n_rows, layout.n_features))
    matrix[:, layout.dense] = encoded.dense
    for op, codes in zip(layout.coded, encoded.codes, strict=True):
        if isinstance(op, Lookup):
            matrix[:, op.start : op.start + op.table.shape[1]] = op.table[codes]
        else:
            positions = op.positions[codes]
            rows = np.flatnonzero(positions >= 0)
            matrix[rows, op.start + positions[rows]] = 1.0
    for text, found in zip(layout.texts, encoded.texts, strict=True):
        matrix[found.rows, text.start + found.indices] = found.weights
    return matrix
