"""Kernel machines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.encode import Encoded, EncodedRow, Layout, full_matrix, full_row
from mlcli.inference.links import apply_link
from mlcli.inference.program import Kernel
from mlcli.inference.weighted import each_times


class KernelMachine:
    """Runs `mlcli.inference.program.Kernel`.

    Parameters
    ----------
    head : Kernel
        Support vectors, their coefficients, kernel and link.
    layout : Layout
        Where the features come from.
    """

    def __init__(self, head: Kernel, layout: Layout) -> None:
        self._head = head
        self._layout = layout
        self._vectors = np.ascontiguousarray(head.vectors.T)
        self._coef = np.ascontiguousarray(head.coef.T)

    def rows(self, encoded: Encoded) -> NDArray[np.float64]:
        """Return the outputs of rows, of shape (n_rows, n_outputs)."""
        return self._outputs(full_matrix(encoded, self._layout))

    def row(self, row: EncodedRow) -> list[float]:
        """Return the outputs of one row, with the bits of `rows`."""
        outputs: list[float] = self._outputs(full_row(row, self._layout))[0].tolist()
        return outputs

    def _outputs(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        head = self._head
        raw = each_times(self._kernel(X), self._coef) + head.intercept
        if head.pairs:
            raw = votes(raw)
        if head.slopes is not None and head.offsets is not None:
            raw = -(head.slopes * raw + head.offsets)
        return apply_link(raw, head.link)

    def _kernel(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the kernel between rows and support vectors, of shape (n_rows, n_vectors)."""
        head = self._head
        if head.kernel == "rbf":
            # The difference itself, as the library takes it: squares of large numbers would cancel.
            distances = np.empty((len(X), len(head.vectors)))
            for i, x in enumerate(X):
                difference = head.vectors - x
                np.einsum("ij,ij->i", difference, difference, out=distances[i])
            return np.exp(-head.gamma * distances)
        products = each_times(X, self._vectors)
        if head.kernel == "linear":
            return products
        inner = head.gamma * products + head.coef0
        return np.tanh(inner) if head.kernel == "sigmoid" else _power(inner, head.degree)


def _power(base: NDArray[np.float64], times: int) -> NDArray[np.float64]:
    """Return a whole power by multiplication alone."""
    result = np.ones_like(base)
    while times:
        if times % 2:
            result = result * base
        base = base * base
        times //= 2
    return result


def votes(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a value for each class from the values of machines for each pair of classes.

    A pair's machine votes for its first class where its value is not
    negative; votes are the whole part, confidence breaks ties.

    Parameters
    ----------
    pairs : ndarray of shape (n_rows, n_classes * (n_classes - 1) / 2)
        Values for the pairs (0, 1), (0, 2), ... (1, 2), ...

    References
    ----------
    .. [1] scikit-learn, ``sklearn.utils.multiclass._ovr_decision_function``.
    """
    n_classes = int((1 + (1 + 8 * pairs.shape[1]) ** 0.5) / 2)
    won = np.zeros((len(pairs), n_classes))
    confidence = np.zeros((len(pairs), n_classes))
    k = 0
    for i in range(n_classes):
        for j in range(i + 1, n_classes):
            value = pairs[:, k]
            confidence[:, i] += value
            confidence[:, j] -= value
            won[:, i] += value >= 0
            won[:, j] += value < 0
            k += 1
    values: NDArray[np.float64] = won + confidence / (3 * (np.abs(confidence) + 1))
    return values
