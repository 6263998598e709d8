"""Small neural networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.encode import Encoded, EncodedRow, Layout, one_row
from mlcli.inference.links import apply_link, sigmoid
from mlcli.inference.program import Network
from mlcli.inference.weighted import Weighted, each_times


def _relu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(x, 0.0)


_ACTIVATIONS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "identity": lambda x: x,
    "logistic": sigmoid,
    "tanh": np.tanh,
    "relu": _relu,
}


class NetworkMachine:
    """Runs `mlcli.inference.program.Network`.

    Parameters
    ----------
    head : Network
        Layers, activation and link.
    layout : Layout
        Where the features come from.
    """

    def __init__(self, head: Network, layout: Layout) -> None:
        self._head = head
        self._first = Weighted(head.weights[0].T, layout)
        self._activate = _ACTIVATIONS[head.activation]

    def rows(self, encoded: Encoded) -> NDArray[np.float64]:
        """Return the outputs of rows, of shape (n_rows, n_outputs)."""
        x = self._first.rows(encoded) + self._head.biases[0]
        for weights, biases in zip(self._head.weights[1:], self._head.biases[1:], strict=True):
            x = each_times(self._activate(x), weights) + biases
        return apply_link(x, self._head.link)

    def row(self, row: EncodedRow) -> list[float]:
        """Return the outputs of one row, with the bits of `rows`."""
        outputs: list[float] = self.rows(one_row(row))[0].tolist()
        return outputs
