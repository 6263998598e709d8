"""The nodes of a program, ready to run: models, votes and calibrations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import Cell, TypedColumns
from mlcli.inference.encode import Encoder
from mlcli.inference.encode_numbers import Curve
from mlcli.inference.heads import head_machine
from mlcli.inference.links import apply_link, link_row, shares
from mlcli.inference.program import Isotonic, Linear, Model, Node, Sigmoids, Vote
from mlcli.inference.row_linear import LinearRow

_OVER = 1e-5
"""By how much a probability may exceed 1 before scikit-learn stops taking it for rounding."""


class NodeMachine(Protocol):
    """Typed rows to outputs."""

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the outputs of rows, of shape (n_rows, n_outputs)."""

    def row(self, cells: Sequence[Cell]) -> list[float]:
        """Return the outputs of one row, with the bits of `rows`."""


class ModelMachine:
    """Runs `mlcli.inference.program.Model`."""

    def __init__(self, node: Model) -> None:
        self._encoder = Encoder(node.features, node.n_features)
        self._head = head_machine(node.head, self._encoder.layout)
        self._row: LinearRow | None = None
        if isinstance(node.head, Linear) and len(node.head.coef) == 1 and not self._encoder.layout.texts:
            self._row = LinearRow(node.head, self._encoder)

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the outputs of rows."""
        return self._head.rows(self._encoder.rows(columns))

    def row(self, cells: Sequence[Cell]) -> list[float]:
        """Return the outputs of one row."""
        if self._row is not None:
            return self._row.row(cells)
        return self._head.row(self._encoder.row(cells))


class VoteMachine:
    """Runs `mlcli.inference.program.Vote`: weighted outputs, added in the order of the members."""

    def __init__(self, node: Vote) -> None:
        self._members = [(node_machine(m), float(w)) for m, w in zip(node.members, node.weights, strict=True)]

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the outputs of rows."""
        first, *others = self._members
        total = first[0].rows(columns) * first[1]
        for member, weight in others:
            total += member.rows(columns) * weight
        return total

    def row(self, cells: Sequence[Cell]) -> list[float]:
        """Return the outputs of one row."""
        first, *others = self._members
        total = [output * first[1] for output in first[0].row(cells)]
        for member, weight in others:
            for i, output in enumerate(member.row(cells)):
                total[i] += output * weight
        return total


class SigmoidsMachine:
    """Runs `mlcli.inference.program.Sigmoids`."""

    def __init__(self, node: Sigmoids) -> None:
        self._member = node_machine(node.member)
        self._slopes, self._offsets = node.slopes, node.offsets
        self._pairs: list[tuple[float, float]] = list(zip(node.slopes.tolist(), node.offsets.tolist(), strict=True))

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the outputs of rows."""
        raw = self._member.rows(columns)[:, -len(self._pairs) :]
        raw = -(self._slopes * raw + self._offsets)
        return apply_link(raw, "sigmoid" if len(self._pairs) == 1 else "ovr")

    def row(self, cells: Sequence[Cell]) -> list[float]:
        """Return the outputs of one row."""
        values = self._member.row(cells)[-len(self._pairs) :]
        raw = [-(slope * x + offset) for x, (slope, offset) in zip(values, self._pairs, strict=True)]
        return link_row(raw, "sigmoid" if len(raw) == 1 else "ovr")


class IsotonicMachine:
    """Runs `mlcli.inference.program.Isotonic`."""

    def __init__(self, node: Isotonic) -> None:
        self._member = node_machine(node.member)
        self._curves = [Curve(x, y) for x, y in zip(node.x, node.y, strict=True)]

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the outputs of rows."""
        raw = self._member.rows(columns)[:, -len(self._curves) :]
        return _calibrated(np.stack([curve.values(raw[:, i]) for i, curve in enumerate(self._curves)], axis=1))

    def row(self, cells: Sequence[Cell]) -> list[float]:
        """Return the outputs of one row."""
        values = self._member.row(cells)[-len(self._curves) :]
        parts = [curve.value(x) for x, curve in zip(values, self._curves, strict=True)]
        outputs: list[float] = _calibrated(np.array([parts]))[0].tolist()
        return outputs


def _calibrated(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities of every class from the curves' values."""
    outputs = np.concatenate([1.0 - parts, parts], axis=1) if parts.shape[1] == 1 else shares(parts)
    return np.where((outputs > 1.0) & (outputs <= 1.0 + _OVER), 1.0, outputs)


_MACHINES: dict[type, Any] = {
    Model: ModelMachine,
    Vote: VoteMachine,
    Sigmoids: SigmoidsMachine,
    Isotonic: IsotonicMachine,
}


def node_machine(node: Node) -> NodeMachine:
    """Return the machine that runs `node`."""
    machine: NodeMachine = _MACHINES[type(node)](node)
    return machine
