"""A head of a program, ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.program import Bayes, Constant, Head, Kernel, Linear, Network, Trees

if TYPE_CHECKING:
    from mlcli.inference.encode import Encoded, EncodedRow, Layout


class HeadMachine(Protocol):
    """Features to outputs."""

    def rows(self, encoded: Encoded) -> NDArray[np.float64]:
        """Return the outputs of rows, of shape (n_rows, n_outputs)."""

    def row(self, row: EncodedRow) -> list[float]:
        """Return the outputs of one row, with the bits of `rows`."""


class ConstantMachine:
    """Runs `mlcli.inference.program.Constant`."""

    def __init__(self, head: Constant, layout: Layout) -> None:  # noqa: ARG002  # the signature of every head
        self._outputs = head.outputs

    def rows(self, encoded: Encoded) -> NDArray[np.float64]:
        """Return the outputs of rows, of shape (n_rows, n_outputs)."""
        return np.tile(self._outputs, (encoded.n_rows, 1))

    def row(self, row: EncodedRow) -> list[float]:  # noqa: ARG002  # the signature of every head
        """Return the outputs of one row."""
        outputs: list[float] = self._outputs.tolist()
        return outputs


_MACHINES: Mapping[type, str] = {
    Constant: "mlcli.inference.heads:ConstantMachine",
    Linear: "mlcli.inference.head_linear:LinearMachine",
    Bayes: "mlcli.inference.head_bayes:BayesMachine",
    Network: "mlcli.inference.head_network:NetworkMachine",
    Kernel: "mlcli.inference.head_kernel:KernelMachine",
    Trees: "mlcli.inference.trees:TreesMachine",
}
"""By import string: a process that serves a linear model loads no code for trees."""


def head_machine(head: Head, layout: Layout) -> HeadMachine:
    """Return the machine that runs `head` on features laid out so."""
    module, _, attribute = _MACHINES[type(head)].partition(":")
    machine: Any = getattr(import_module(module), attribute)(head, layout)
    return machine  # type: ignore[no-any-return]  # of the protocol, as the table says
