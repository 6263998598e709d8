"""Raw values of a head to outputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.inference.program import Link

_SAFE = 700.0
"""``exp`` of it is a float64; of 710 it is not."""


def apply_link(raw: NDArray[np.float64], link: Link) -> NDArray[np.float64]:
    """Return the outputs that raw values stand for.

    Every row is computed by itself, so that it has the same bits alone and
    among others.

    Parameters
    ----------
    raw : ndarray of shape (n_rows, n_raw)
        Raw values, C-contiguous.
    link : Link
        See `mlcli.inference.program.Link`.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs)
        ``n_outputs`` is 2 for ``sigmoid`` (of one raw value), else ``n_raw``.
    """
    match link:
        case "identity":
            return raw
        case "exp":
            with np.errstate(over="ignore"):
                return np.exp(raw)
        case "sigmoid":
            positive = sigmoid(raw[:, :1])
            return np.concatenate([1.0 - positive, positive], axis=1)
        case "softmax":
            with np.errstate(invalid="ignore"):
                powers = np.exp(raw - raw.max(axis=1, keepdims=True))
            softmax: NDArray[np.float64] = powers / in_order(powers)
            return softmax
        case "ovr":
            return shares(sigmoid(raw))


def link_row(raw: list[float], link: Link) -> list[float]:
    """Return the outputs that the raw values of one row stand for, with the bits of `apply_link`."""
    if link == "identity":
        return raw
    if link == "sigmoid" and raw[0] > -_SAFE:
        # numpy's exp, because that of the module math differs in the last bit.
        positive = 1.0 / (1.0 + float(np.exp(-raw[0])))
        return [1.0 - positive, positive]
    if link == "softmax":
        greatest = max(raw)
        powers: list[float] = np.exp(np.array([x - greatest for x in raw])).tolist()
        total = 0.0
        for power in powers:
            total += power
        if total == total:  # noqa: PLR0124  # not NaN: max() is no guide among NaN
            return [power / total for power in powers]
    outputs: list[float] = apply_link(np.array([raw]), link)[0].tolist()
    return outputs


def sigmoid(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``1 / (1 + exp(-raw))``, 0 where the power is beyond float64."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(np.ascontiguousarray(-raw)))


def shares(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row divided by its sum; equal shares where that is 0."""
    total = in_order(parts)
    return np.where(total > 0.0, parts / np.where(total > 0.0, total, 1.0), 1.0 / parts.shape[1])


def in_order(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of each row, of shape (n_rows, 1), added from the left: `sum` would pair as the shape suggests."""
    sums: NDArray[np.float64] = np.cumsum(parts, axis=1)[:, -1:]
    return sums
