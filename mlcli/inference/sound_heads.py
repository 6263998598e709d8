"""Whether heads fit the features that they read and the outputs that they give."""

from __future__ import annotations

from math import isqrt

from mlcli.inference.program import (
    Bayes,
    Constant,
    Head,
    Kernel,
    Linear,
    Link,
    Network,
    Trees,
)
from mlcli.inference.sound_arrays import finite, floats, length, rule, table

MAX_DEGREE = 1_000
"""Greatest degree of a polynomial kernel."""


def check_head(head: Head, n_features: int) -> int:
    """Return the number of a head's outputs.

    Raises
    ------
    UnsoundError, ArtifactError
        If an array is not of the shape that the features and the others ask for.
    """
    match head:
        case Constant():
            n_outputs = length(head.outputs, "constant.outputs")
            floats(head.outputs, (n_outputs,), "constant.outputs")
            return n_outputs
        case Linear():
            k, _ = table(head.coef, "linear.coef")
            floats(head.coef, (k, n_features), "linear.coef")
            floats(head.intercept, (k,), "linear.intercept")
            _check_platt(head, k, "linear")
            if head.means is not None:
                floats(head.means, (n_features,), "linear.means")
            return _linked(k, head.link)
        case Bayes():
            k, _ = table(head.mean, "bayes.mean")
            floats(head.mean, (k, n_features), "bayes.mean")
            floats(head.variance, (k, n_features), "bayes.variance")
            floats(head.log_prior, (k,), "bayes.log_prior")
            rule(bool((head.variance > 0).all()), "bayes.variance must be positive")
            return k
        case Network():
            return _check_network(head, n_features)
        case Kernel():
            return _check_kernel(head, n_features)
        case Trees():
            return _check_ensemble(head, n_features)


def _linked(k: int, link: Link) -> int:
    """Return the number of outputs that a link makes of `k` raw values."""
    rule(k >= 1, "a head must have a raw value")
    if link == "sigmoid":
        rule(k == 1, "a sigmoid must have one raw value")
        return 2
    rule(k >= 2 or link in {"identity", "exp"}, f"{link} must have two raw values or more")
    return k


def _check_platt(head: Linear | Kernel, k: int, name: str) -> None:
    rule((head.slopes is None) == (head.offsets is None), f"{name}.slopes and {name}.offsets must go together")
    if head.slopes is not None and head.offsets is not None:
        floats(head.slopes, (k,), f"{name}.slopes")
        floats(head.offsets, (k,), f"{name}.offsets")


def _check_network(head: Network, n_features: int) -> int:
    rule(len(head.weights) == len(head.biases) >= 1, "network.weights and network.biases must go together")
    width = n_features
    for weights, biases in zip(head.weights, head.biases, strict=True):
        _, n_out = table(weights, "network.weights")
        floats(weights, (width, n_out), "network.weights")
        floats(biases, (n_out,), "network.biases")
        width = n_out
    return _linked(width, head.link)


def _check_kernel(head: Kernel, n_features: int) -> int:
    n_vectors, _ = table(head.vectors, "kernel.vectors")
    k, _ = table(head.coef, "kernel.coef")
    floats(head.vectors, (n_vectors, n_features), "kernel.vectors")
    floats(head.coef, (k, n_vectors), "kernel.coef")
    floats(head.intercept, (k,), "kernel.intercept")
    finite(head.gamma, "kernel.gamma")
    finite(head.coef0, "kernel.coef0")
    rule(0 <= head.degree <= MAX_DEGREE, f"kernel.degree must be 0 to {MAX_DEGREE:,}")
    n_raw = k
    if head.pairs:
        # k pairs can be made of n classes where n * (n - 1) / 2 is k.
        n_raw = (1 + isqrt(1 + 8 * k)) // 2
        rule(n_raw * (n_raw - 1) // 2 == k, "kernel.coef must hold a row for each pair of classes")
    _check_platt(head, n_raw, "kernel")
    return _linked(n_raw, head.link)


def _check_ensemble(head: Trees, n_features: int) -> int:
    from mlcli.inference.trees import check_trees  # brings what runs trees, which other heads do not need

    check_trees(head, n_features)
    return _linked(head.outputs, head.link)
