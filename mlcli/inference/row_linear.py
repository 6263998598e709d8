"""One row through a linear model with one sum: from cells to the sum without a list of features between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from mlcli.inference.encode import DenseEncoder, Encoder
from mlcli.inference.encode_numbers import GapsEncoder, NumbersEncoder, Plan
from mlcli.inference.links import link_row
from mlcli.inference.program import Linear
from mlcli.inference.weighted import code_table


class _Piece(Protocol):
    """Some addends of the sum."""

    def add(self, cells: Sequence[Any], total: float) -> float:
        """Return `total` with them, added one by one."""


class _Numbers:
    """Number columns through the usual steps."""

    def __init__(self, plan: Plan, columns: Sequence[int], weights: list[float]) -> None:
        self._first, self._last = plan.first, plan.last
        self._columns = [
            (column, *constants, weight)
            for column, constants, weight in zip(columns, plan.columns, weights, strict=True)
        ]

    def add(self, cells: Sequence[Any], total: float) -> float:
        """Return `total` with each number's share, as `mlcli.inference.encode_numbers.Steps.row` makes the number."""
        first, last = self._first, self._last
        for column, fill, centre, spread, weight in self._columns:
            x = cells[column]
            if not -first <= x <= first:
                x = fill if x != x else (-first if x < 0 else first)  # noqa: PLR0124  # true of NaN alone
            x = (x - centre) / spread
            if not -last <= x <= last and x == x:  # noqa: PLR0124  # NaN stays
                x = -last if x < 0 else last
            total += x * weight
        return total


class _Gaps:
    """Marks of missing cells. A mark of 0 adds nothing, and is not added."""

    def __init__(self, columns: Sequence[int], weights: list[float]) -> None:
        self._columns = list(zip(columns, weights, strict=True))

    def add(self, cells: Sequence[Any], total: float) -> float:
        """Return `total` with the weight of each column that is missing."""
        for column, weight in self._columns:
            x = cells[column]
            if x != x:  # noqa: PLR0124  # true of NaN alone
                total += weight
        return total


class _Dense:
    """Any other dense features."""

    def __init__(self, encoder: DenseEncoder, weights: list[float]) -> None:
        self._encoder = encoder
        self._weights = weights

    def add(self, cells: Sequence[Any], total: float) -> float:
        """Return `total` with each feature's share."""
        for x, weight in zip(self._encoder.row(cells), self._weights, strict=True):
            total += x * weight
        return total


class _Codes:
    """Categories."""

    def __init__(self, tables: list[tuple[int, list[float]]]) -> None:
        self._tables = tables

    def add(self, cells: Sequence[Any], total: float) -> float:
        """Return `total` with the share of each category's level."""
        for column, table in self._tables:
            total += table[cells[column]]
        return total


class LinearRow:
    """The outputs of one row, with the bits of `mlcli.inference.head_linear.LinearMachine`.

    Parameters
    ----------
    head : Linear
        A head with one sum.
    encoder : Encoder
        Of a model without sparse texts.
    """

    def __init__(self, head: Linear, encoder: Encoder) -> None:
        self._link = head.link
        # Never -0.0: adding 0.0 would change it, and leaving such an addend out would not.
        self._intercept = float(head.intercept[0]) + 0.0
        self._platt: tuple[float, float] | None = None
        if head.slopes is not None and head.offsets is not None:
            self._platt = (float(head.slopes[0]), float(head.offsets[0]))
        coef: list[float] = head.coef[0].tolist()
        self._pieces: list[_Piece] = [
            _piece(dense, [coef[feature] for feature in dense.features]) for dense in encoder.dense_encoders
        ]
        tables = [(op.column, code_table(op, head.coef)[:, 0].tolist()) for op in encoder.layout.coded]
        self._pieces += [_Codes(tables)] if tables else []

    def row(self, cells: Sequence[Any]) -> list[float]:
        """Return the outputs of one typed row."""
        total = self._intercept
        for piece in self._pieces:
            total = piece.add(cells, total)
        if self._platt is not None:
            total = -(self._platt[0] * total + self._platt[1])
        return link_row([total], self._link)


def _piece(encoder: DenseEncoder, weights: list[float]) -> _Piece:
    if isinstance(encoder, NumbersEncoder) and encoder.plan is not None:
        return _Numbers(encoder.plan, encoder.columns, weights)
    if isinstance(encoder, GapsEncoder):
        return _Gaps(encoder.columns, weights)
    return _Dense(encoder, weights)
