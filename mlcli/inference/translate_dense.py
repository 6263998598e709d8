"""Fitted naive Bayes, networks and kernel machines to heads."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlcli.inference.program import Bayes, Head, Kernel, Link, Network
from mlcli.inference.translate import NotCompiled, floats

_CELLS = 1_000_000
"""Most numbers of all support vectors: 8 MB, and a row takes about as long as scikit-learn with a frame of one row."""


def translate_bayes(estimator: Any, n_classes: int | None) -> Head:  # noqa: ARG001  # the signature of every translator
    """Translate Gaussian naive Bayes."""
    with np.errstate(divide="ignore"):
        log_prior = np.log(floats(estimator.class_prior_))
    return Bayes(floats(estimator.theta_), floats(estimator.var_), log_prior)


def translate_network(estimator: Any, n_classes: int | None) -> Head:  # noqa: ARG001  # the signature of every translator
    """Translate a multi-layer perceptron."""
    links: dict[str, Link] = {"identity": "identity", "exp": "exp", "logistic": "sigmoid", "softmax": "softmax"}
    return Network(
        tuple(floats(weights) for weights in estimator.coefs_),
        tuple(floats(biases) for biases in estimator.intercepts_),
        estimator.activation,
        links[estimator.out_activation_],
    )


def translate_svm_regressor(estimator: Any, n_classes: int | None) -> Head:  # noqa: ARG001  # the signature of every translator
    """Translate a support vector regression, in the target's unit."""
    scale = estimator.target_scale_
    return _kernel(
        estimator,
        coef=_dense(estimator.dual_coef_) * scale,
        intercept=floats(estimator.intercept_) * scale + estimator.target_mean_,
        link="identity",
    )


def translate_svm_classifier(estimator: Any, n_classes: int | None) -> Head:
    """Translate a support vector classification with Platt's sigmoids."""
    machine = estimator.machine_
    platt = {"slopes": floats(estimator.slopes_), "offsets": floats(estimator.offsets_)}
    if n_classes == 2:
        coef, intercept = _dense(machine.dual_coef_), floats(machine.intercept_)
        return _kernel(machine, coef=coef, intercept=intercept, link="sigmoid", **platt)
    coef = _pair_coef(_dense(machine.dual_coef_), machine.n_support_.tolist())
    return _kernel(machine, coef=coef, intercept=floats(machine.intercept_), link="ovr", pairs=True, **platt)


def _pair_coef(dual: np.ndarray, n_support: list[int]) -> np.ndarray:
    """Return the coefficient of every support vector in the machine of every pair of classes.

    libsvm keeps, for the vectors of class i, one row for each other class:
    row ``j - 1`` belongs to a later class j, row j to an earlier one.
    """
    ends = np.cumsum([0, *n_support])
    rows = []
    for i in range(len(n_support)):
        for j in range(i + 1, len(n_support)):
            row = np.zeros(dual.shape[1])
            row[ends[i] : ends[i + 1]] = dual[j - 1, ends[i] : ends[i + 1]]
            row[ends[j] : ends[j + 1]] = dual[i, ends[j] : ends[j + 1]]
            rows.append(row)
    return np.array(rows)


def _kernel(machine: Any, *, coef: np.ndarray, intercept: np.ndarray, link: Link, **options: Any) -> Kernel:
    n_vectors, n_features = machine.support_vectors_.shape
    if n_vectors * n_features > _CELLS:
        raise NotCompiled(
            f"its {n_vectors:,} support vectors of {n_features:,} features would be slower than scikit-learn"
        )
    return Kernel(
        vectors=_dense(machine.support_vectors_),
        coef=coef,
        intercept=intercept,
        kernel=machine.kernel,
        gamma=float(machine._gamma),  # noqa: SLF001  # the number that "scale" became in fit; there is no public name for it
        degree=int(machine.degree),
        coef0=float(machine.coef0),
        link=link,
        **options,
    )


def _dense(matrix: Any) -> np.ndarray:
    """Return a matrix that may be sparse as an array."""
    return floats(matrix.toarray() if hasattr(matrix, "toarray") else matrix)
