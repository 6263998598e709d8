"""Gaussian naive Bayes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.encode import Encoded, EncodedRow, Layout, full_matrix, full_row
from mlcli.inference.links import in_order
from mlcli.inference.program import Bayes


class BayesMachine:
    """Runs `mlcli.inference.program.Bayes`.

    Parameters
    ----------
    head : Bayes
        Means, variances and priors by class.
    layout : Layout
        Where the features come from.
    """

    def __init__(self, head: Bayes, layout: Layout) -> None:
        self._head = head
        self._layout = layout
        self._scales = [-0.5 * np.sum(np.log(2.0 * np.pi * variance)) for variance in head.variance]

    def rows(self, encoded: Encoded) -> NDArray[np.float64]:
        """Return the probability of each class, of shape (n_rows, n_classes)."""
        return self._outputs(full_matrix(encoded, self._layout))

    def row(self, row: EncodedRow) -> list[float]:
        """Return the probability of each class of one row, with the bits of `rows`."""
        outputs: list[float] = self._outputs(full_row(row, self._layout))[0].tolist()
        return outputs

    def _outputs(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each class.

        A feature that hardly varies in training makes the joint probability
        so small that the rounding of its logarithm shows in the outputs: the
        steps are scikit-learn's, in its order, to make the same error. `sum`
        runs along each row by itself, however many there are.
        """
        head = self._head
        joint = np.empty((len(X), len(head.mean)))
        for i, (mean, variance) in enumerate(zip(head.mean, head.variance, strict=True)):
            scaled = self._scales[i] - 0.5 * np.sum((X - mean) ** 2 / variance, axis=1)
            joint[:, i] = head.log_prior[i] + scaled
        return np.exp(joint - _log_sum(joint))


def _log_sum(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``ln(sum(exp(joint)))`` of each row, of shape (n_rows, 1), rounded as scikit-learn rounds it."""
    greatest = joint.max(axis=1, keepdims=True)
    at_top = joint == greatest
    n_top = at_top.sum(axis=1, keepdims=True)
    others = in_order(np.where(at_top, 0.0, np.exp(joint - greatest)))
    total: NDArray[np.float64] = np.log1p(others / n_top) + np.log(n_top) + greatest
    return total
