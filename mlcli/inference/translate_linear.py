"""Fitted linear models and dummies to heads."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlcli.inference.program import Constant, Head, Linear
from mlcli.inference.translate import NotCompiled, floats


def translate_linear(estimator: Any, n_classes: int | None) -> Head:  # noqa: ARG001  # the signature of every translator
    """Translate a linear regression of any penalty."""
    return Linear(floats(np.atleast_2d(estimator.coef_)), floats(np.atleast_1d(estimator.intercept_)), "identity")


def translate_logistic(estimator: Any, n_classes: int | None) -> Head:  # noqa: ARG001  # the signature of every translator
    """Translate a logistic regression: one sigmoid for two classes, else softmax, whatever the solver."""
    coef = floats(estimator.coef_)
    return Linear(coef, _intercepts(estimator.intercept_, len(coef)), "sigmoid" if len(coef) == 1 else "softmax")


def translate_linear_svm(estimator: Any, n_classes: int | None) -> Head:  # noqa: ARG001  # the signature of every translator
    """Translate a linear support vector machine with Platt's sigmoids."""
    coef = floats(estimator.machine_.coef_)
    return Linear(
        coef,
        _intercepts(estimator.machine_.intercept_, len(coef)),
        "sigmoid" if len(coef) == 1 else "ovr",
        floats(estimator.slopes_),
        floats(estimator.offsets_),
    )


def translate_dummy_classifier(estimator: Any, n_classes: int | None) -> Head:
    """Translate a classifier that says the same of every row."""
    prior = floats(estimator.class_prior_)
    match estimator.strategy:
        case "prior":
            return Constant(prior)
        case "most_frequent":
            chosen = int(prior.argmax())
        case "constant":
            chosen = int(np.flatnonzero(estimator.classes_ == np.ravel(estimator.constant)[0])[0])
        case _:
            raise NotCompiled("it answers by chance")
    return Constant(np.eye(n_classes or 0)[chosen])


def translate_dummy_regressor(estimator: Any, n_classes: int | None) -> Head:  # noqa: ARG001  # the signature of every translator
    """Translate a regressor that says the same of every row."""
    return Constant(floats(np.ravel(estimator.constant_)))


def _intercepts(intercept: Any, n_sums: int) -> np.ndarray:
    """Return one intercept a sum; without an intercept scikit-learn keeps a single 0."""
    return floats(np.broadcast_to(np.atleast_1d(intercept), (n_sums,)))
