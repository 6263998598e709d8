"""Fitted estimators around others to nodes: calibration, votes, thresholds."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from mlcli.inference.predictor import Threshold
from mlcli.inference.program import Isotonic, Linear, Model, Node, Sigmoids, Trees, Vote
from mlcli.inference.translate import Context, NotCompiled, check_classes, class_name, floats, translate_node

_THRESHOLDS = {"sklearn.FixedThresholdClassifier", "sklearn.TunedThresholdClassifierCV"}


def translate_calibrated(estimator: Any, context: Context) -> Node:
    """Translate ``CalibratedClassifierCV``: the mean of its calibrated classifiers."""
    members = tuple(_calibrated(each, context) for each in estimator.calibrated_classifiers_)
    return members[0] if len(members) == 1 else Vote(members, (1 / len(members),) * len(members))


def translate_voting_classifier(estimator: Any, context: Context) -> Node:
    """Translate ``VotingClassifier`` with soft votes."""
    if estimator.voting != "soft":
        raise NotCompiled("hard votes give no probabilities")
    return _vote(estimator, context)


def translate_voting_regressor(estimator: Any, context: Context) -> Node:
    """Translate ``VotingRegressor``."""
    return _vote(estimator, context)


def translate_threshold(estimator: Any, context: Context) -> Node:
    """Translate what stands inside a threshold, which changes labels and no probability."""
    return translate_node(_inside(estimator), context)


def find_threshold(estimator: Any) -> Threshold | None:
    """Return the threshold on a probability that decides the label; None where the likelier class is the label.

    Raises
    ------
    NotCompiled
        If the threshold is not one on a probability.
    """
    if class_name(estimator) == "sklearn.Pipeline":
        return find_threshold(estimator.steps[-1][1])
    if class_name(estimator) not in _THRESHOLDS:
        return None
    if estimator.response_method == "decision_function" or not hasattr(_inside(estimator), "predict_proba"):
        raise NotCompiled("its threshold is on a decision value, not on a probability")
    if hasattr(estimator, "best_threshold_"):
        threshold = estimator.best_threshold_
        label = estimator._curve_scorer._get_pos_label()  # noqa: SLF001  # as its own predict finds it
    else:
        threshold = 0.5 if estimator.threshold == "auto" else estimator.threshold
        label = estimator.pos_label
    classes = estimator.classes_
    return Threshold(float(threshold), 1 if label is None else int(np.flatnonzero(classes == label)[0]))


def _inside(estimator: Any) -> Any:
    """Return the fitted classifier inside a threshold; it was fitted before where nothing was refitted."""
    return getattr(estimator, "estimator_", estimator.estimator)


def _vote(estimator: Any, context: Context) -> Node:
    members = tuple(translate_node(member, context) for member in estimator.estimators_)
    given = estimator._weights_not_none  # noqa: SLF001  # weights of those members that were not dropped
    weights = np.ones(len(members)) if given is None else np.asarray(given, dtype=np.float64)
    return Vote(members, tuple((weights / weights.sum()).tolist()))


def _calibrated(classifier: Any, context: Context) -> Node:
    check_classes(classifier.estimator, context.n_classes)
    member = _values(classifier.estimator, context)
    match classifier.method:
        case "sigmoid":
            return Sigmoids(
                member,
                floats([each.a_ for each in classifier.calibrators]),
                floats([each.b_ for each in classifier.calibrators]),
            )
        case "isotonic":
            return Isotonic(
                member,
                tuple(_points(each.X_thresholds_) for each in classifier.calibrators),
                tuple(_points(each.y_thresholds_) for each in classifier.calibrators),
            )
    raise NotCompiled(f"calibration by {classifier.method} has no compiled form")


def _points(points: Any) -> np.ndarray:
    if points.dtype != np.float64:
        raise NotCompiled("its calibration was fitted on float32 values")
    return floats(points)


def _values(estimator: Any, context: Context) -> Node:
    """Return the node whose outputs are calibrated: decision values where the estimator has them, else probabilities."""
    node = translate_node(estimator, context)
    if not hasattr(estimator, "decision_function"):
        return node
    if not isinstance(node, Model) or not isinstance(node.head, Linear | Trees) or _has_platt(node.head):
        raise NotCompiled("the decision values that its calibration reads have no compiled form")
    return msgspec.structs.replace(node, head=msgspec.structs.replace(node.head, link="identity"))


def _has_platt(head: Linear | Trees) -> bool:
    return isinstance(head, Linear) and head.slopes is not None
