"""From a fitted pipeline to a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import msgspec
import numpy as np

from mlcli.data.schema import Schema
from mlcli.inference.program import Head, Model, Node, Program, ProgramColumn


class NotCompiled(Exception):  # noqa: N818 - names the outcome: the pipeline still predicts, through scikit-learn
    """A pipeline has no program.

    Parameters
    ----------
    reason : str
        Why, as an end of "not compiled: ...", for people.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_LINEAR = "mlcli.inference.translate_linear"
_DENSE = "mlcli.inference.translate_dense"
_TREES = "mlcli.inference.translate_trees"
_BOOSTERS = "mlcli.inference.translate_boosters"

TRANSLATORS: Mapping[str, str] = {
    "sklearn.DummyClassifier": f"{_LINEAR}:translate_dummy_classifier",
    "sklearn.DummyRegressor": f"{_LINEAR}:translate_dummy_regressor",
    "sklearn.LinearRegression": f"{_LINEAR}:translate_linear",
    "sklearn.Ridge": f"{_LINEAR}:translate_linear",
    "sklearn.Lasso": f"{_LINEAR}:translate_linear",
    "sklearn.ElasticNet": f"{_LINEAR}:translate_linear",
    "mlcli.LassoRegressor": f"{_LINEAR}:translate_linear",
    "mlcli.ElasticNetRegressor": f"{_LINEAR}:translate_linear",
    "mlcli.LinearSVMRegressor": f"{_LINEAR}:translate_linear",
    "sklearn.LogisticRegression": f"{_LINEAR}:translate_logistic",
    "mlcli.LinearSVMClassifier": f"{_LINEAR}:translate_linear_svm",
    "sklearn.GaussianNB": f"{_DENSE}:translate_bayes",
    "sklearn.MLPClassifier": f"{_DENSE}:translate_network",
    "mlcli.MLPRegressor": f"{_DENSE}:translate_network",
    "mlcli.SVMClassifier": f"{_DENSE}:translate_svm_classifier",
    "mlcli.SVMRegressor": f"{_DENSE}:translate_svm_regressor",
    "sklearn.DecisionTreeClassifier": f"{_TREES}:translate_tree",
    "sklearn.DecisionTreeRegressor": f"{_TREES}:translate_tree",
    "sklearn.RandomForestClassifier": f"{_TREES}:translate_forest",
    "sklearn.RandomForestRegressor": f"{_TREES}:translate_forest",
    "sklearn.ExtraTreesClassifier": f"{_TREES}:translate_forest",
    "sklearn.ExtraTreesRegressor": f"{_TREES}:translate_forest",
    "sklearn.HistGradientBoostingClassifier": f"{_TREES}:translate_hist_boosting",
    "sklearn.HistGradientBoostingRegressor": f"{_TREES}:translate_hist_boosting",
    "mlcli.LightGBMClassifier": f"{_BOOSTERS}:translate_lightgbm",
    "mlcli.LightGBMRegressor": f"{_BOOSTERS}:translate_lightgbm",
    "mlcli.XGBoostClassifier": f"{_BOOSTERS}:translate_xgboost",
    "mlcli.XGBoostRegressor": f"{_BOOSTERS}:translate_xgboost",
    "mlcli.CatBoostClassifier": f"{_BOOSTERS}:translate_catboost",
    "mlcli.CatBoostRegressor": f"{_BOOSTERS}:translate_catboost",
}
"""By library and class, the function (estimator, n_classes or None for regression) -> Head; imported when needed."""

REASONS: Mapping[str, str] = {
    "sklearn.KNeighborsClassifier": "nearest neighbours keep every training row, and search among them",
    "sklearn.KNeighborsRegressor": "nearest neighbours keep every training row, and search among them",
}
"""Why an estimator has no program."""

WRAPPERS: Mapping[str, str] = {
    "sklearn.CalibratedClassifierCV": "mlcli.inference.translate_meta:translate_calibrated",
    "sklearn.VotingClassifier": "mlcli.inference.translate_meta:translate_voting_classifier",
    "sklearn.VotingRegressor": "mlcli.inference.translate_meta:translate_voting_regressor",
    "sklearn.FixedThresholdClassifier": "mlcli.inference.translate_meta:translate_threshold",
    "sklearn.TunedThresholdClassifierCV": "mlcli.inference.translate_meta:translate_threshold",
}
"""By library and class of an estimator around others, the function (estimator, context) -> Node."""


class Features(msgspec.Struct, frozen=True):
    """What a fitted preprocessor became."""

    operations: tuple[Any, ...]
    n_features: int


class Context(msgspec.Struct, frozen=True):
    """What is known of a place in the pipeline.

    Parameters
    ----------
    schema : Schema
        The data contract.
    n_classes : int, optional
        None for regression.
    features : Features, optional
        What the estimator reads; None where it reads typed rows itself.
    """

    schema: Schema
    n_classes: int | None
    features: Features | None = None


def translate(pipeline: Any, schema: Schema) -> Program:
    """Turn a fitted pipeline into a program.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted: a preprocessor and an estimator, or an estimator around such pipelines.
    schema : Schema
        The data contract that its rows keep.

    Returns
    -------
    Program
        Predicts what `pipeline` does, to rounding.

    Raises
    ------
    NotCompiled
        If a part of the pipeline has no operation.
    """
    from mlcli.inference.translate_meta import find_threshold

    classes = schema.target.classes
    n_classes = None if schema.target.task == "regression" else len(classes or ())
    node = translate_node(pipeline, Context(schema, n_classes))
    found = find_threshold(pipeline)
    columns = tuple(ProgramColumn(c.name, c.kind, len(c.categories or ())) for c in schema.columns)
    threshold, positive = (None, None) if found is None else (found.value, found.positive)
    return Program(schema.target.task, columns, n_classes or 1, node, threshold, positive)


def translate_node(estimator: Any, context: Context) -> Node:
    """Turn an estimator, a pipeline or an estimator around others into a node."""
    name = class_name(estimator)
    if name == "sklearn.Pipeline":
        return _translate_pipeline(estimator, context)
    if name in WRAPPERS:
        node: Node = _function(WRAPPERS[name])(estimator, context)
        return node
    if context.features is None:
        raise NotCompiled("the pipeline has no preprocessor of mlcli")
    if name not in TRANSLATORS:
        raise NotCompiled(REASONS.get(name, f"{name.partition('.')[2]} has no compiled form"))
    check_classes(estimator, context.n_classes)
    head: Head = _function(TRANSLATORS[name])(estimator, context.n_classes)
    return Model(context.features.n_features, context.features.operations, head)


def check_classes(estimator: Any, n_classes: int | None) -> None:
    """Refuse an estimator whose training rows lacked a class.

    Raises
    ------
    NotCompiled
        If it knows fewer classes than the data contract.
    """
    if n_classes is not None and len(estimator.classes_) != n_classes:
        raise NotCompiled(f"it was trained on {len(estimator.classes_)} of the {n_classes} classes")


def class_name(thing: Any) -> str:
    """Return an object's library and class, such as ``sklearn.Ridge``."""
    return f"{type(thing).__module__.partition('.')[0]}.{type(thing).__qualname__}"


def floats(values: Any) -> np.ndarray:
    """Return a constant of a program: an own float64 array."""
    return np.array(values, dtype=np.float64, order="C")


def _translate_pipeline(pipeline: Any, context: Context) -> Node:
    from mlcli.inference.translate_features import translate_features

    *before, (_, estimator) = pipeline.steps
    if not before:
        return translate_node(estimator, context)
    if len(before) > 1 or context.features is not None:
        raise NotCompiled("only one preprocessor before the estimator has a compiled form")
    features = translate_features(before[0][1], context.schema)
    return translate_node(estimator, msgspec.structs.replace(context, features=features))


def _function(target: str) -> Callable[..., Any]:
    module, _, attribute = target.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), attribute)
    return function
