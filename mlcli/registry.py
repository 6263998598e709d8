"""Names that a config may use, and what each stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pkgutil import get_data
from typing import Any

from mlcli.errors import ConfigError


def did_you_mean(name: str, known: list[str] | tuple[str, ...]) -> str | None:
    """Return the known name nearest to `name`, or None when none is near."""
    close = get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if not close:
        return None
    return next(k for k in known if k.lower() == close[0])


@dataclass(frozen=True)
class Registry:
    """The names a config may use for one kind of component.

    Targets are import strings, so listing the names imports nothing, and a
    config can never name an import path of its own.

    Parameters
    ----------
    kind : str
        What the names stand for, as an error message calls it.
    targets : mapping of str to str
        Import string ``"module:attribute"`` of each name.
    """

    kind: str
    targets: Mapping[str, str]

    def names(self) -> list[str]:
        """Return every name, sorted."""
        return sorted(self.targets)

    def require(self, name: str) -> str:
        """Return `name` when it is known.

        Raises
        ------
        ConfigError
            If it is not, with the nearest known name as the hint.
        """
        if name not in self.targets:
            close = did_you_mean(name, self.names())
            raise ConfigError(
                f"unknown {self.kind} {name!r}. Known: {', '.join(self.names())}.",
                hint=f"Did you mean {close!r}?" if close else None,
            )
        return name

    def resolve(self, name: str) -> Any:
        """Import and return what `name` stands for.

        Raises
        ------
        ConfigError
            If the name is not known.
        """
        module, _, attribute = self.targets[self.require(name)].partition(":")
        return getattr(import_module(module), attribute)


@dataclass(frozen=True)
class ModelEntry:
    """One model of the catalogue.

    Parameters
    ----------
    summary : str
        What it is, in one line for ``mlcli models``.
    classification, regression : str, optional
        Import string of the estimator for that task; None where it has none.
    extra : str, optional
        The extra that brings its library.
    scale_sensitive : bool
        Whether it compares distances or weights, so that numbers must share a scale.
    reads_missing : bool
        Whether it reads NaN by itself.
    needs_dense : bool
        Whether it cannot take a sparse matrix, or only at a price.
    takes_weights : bool
        Whether its ``fit`` takes ``sample_weight``.
    """

    summary: str
    classification: str | None = None
    regression: str | None = None
    extra: str | None = None
    scale_sensitive: bool = False
    reads_missing: bool = False
    needs_dense: bool = False
    takes_weights: bool = True

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that it solves."""
        return tuple(task for task in ("classification", "regression") if getattr(self, task))


AUTO = "auto"
"""Name that a config gives to a choice between models, and a run to a combination of several."""

MODELS: Mapping[str, ModelEntry] = {
    "dummy": ModelEntry(
        "Predicts the most frequent class, or the mean; what every model must beat.",
        "sklearn.dummy:DummyClassifier",
        "sklearn.dummy:DummyRegressor",
        reads_missing=True,
    ),
    "linear": ModelEntry(
        "Ordinary least squares.", None, "sklearn.linear_model:LinearRegression", scale_sensitive=True
    ),
    "ridge": ModelEntry("Least squares with an L2 penalty.", None, "sklearn.linear_model:Ridge", scale_sensitive=True),
    "lasso": ModelEntry(
        "Least squares with an L1 penalty: leaves columns out.",
        None,
        "mlcli.models.linear:LassoRegressor",
        scale_sensitive=True,
    ),
    "elastic_net": ModelEntry(
        "Least squares with both penalties.", None, "mlcli.models.linear:ElasticNetRegressor", scale_sensitive=True
    ),
    "logistic_regression": ModelEntry(
        "Linear classes with probabilities; quick, and hard to beat on small tables and texts.",
        "sklearn.linear_model:LogisticRegression",
        scale_sensitive=True,
    ),
    "decision_tree": ModelEntry(
        "One tree; easy to read.",
        "sklearn.tree:DecisionTreeClassifier",
        "sklearn.tree:DecisionTreeRegressor",
        reads_missing=True,
        needs_dense=True,
    ),
    "random_forest": ModelEntry(
        "Many trees on resampled rows, averaged.",
        "sklearn.ensemble:RandomForestClassifier",
        "sklearn.ensemble:RandomForestRegressor",
        reads_missing=True,
        needs_dense=True,
    ),
    "extra_trees": ModelEntry(
        "Many trees with random cuts, averaged.",
        "sklearn.ensemble:ExtraTreesClassifier",
        "sklearn.ensemble:ExtraTreesRegressor",
        reads_missing=True,
        needs_dense=True,
    ),
    "gradient_boosting": ModelEntry(
        "Histogram gradient boosting; the strongest of the core on most tables.",
        "sklearn.ensemble:HistGradientBoostingClassifier",
        "sklearn.ensemble:HistGradientBoostingRegressor",
        reads_missing=True,
        needs_dense=True,
    ),
    "svm": ModelEntry(
        "Kernel support vector machine, with calibrated probabilities; for small tables.",
        "mlcli.models.svm:SVMClassifier",
        "mlcli.models.svm:SVMRegressor",
        scale_sensitive=True,
    ),
    "linear_svm": ModelEntry(
        "Linear support vector machine, with calibrated probabilities.",
        "mlcli.models.svm:LinearSVMClassifier",
        "mlcli.models.svm:LinearSVMRegressor",
        scale_sensitive=True,
    ),
    "nearest_neighbors": ModelEntry(
        "The answer of the nearest training rows.",
        "sklearn.neighbors:KNeighborsClassifier",
        "sklearn.neighbors:KNeighborsRegressor",
        scale_sensitive=True,
        takes_weights=False,
    ),
    "naive_bayes": ModelEntry(
        "Gaussian naive Bayes.", "sklearn.naive_bayes:GaussianNB", scale_sensitive=True, needs_dense=True
    ),
    "mlp": ModelEntry(
        "A small neural network.",
        "sklearn.neural_network:MLPClassifier",
        "mlcli.models.neural:MLPRegressor",
        scale_sensitive=True,
    ),
    "lightgbm": ModelEntry(
        "LightGBM's gradient boosting.",
        "mlcli.models.boosting_lightgbm:LightGBMClassifier",
        "mlcli.models.boosting_lightgbm:LightGBMRegressor",
        extra="boost",
        reads_missing=True,
        needs_dense=True,
    ),
    "xgboost": ModelEntry(
        "XGBoost's gradient boosting.",
        "mlcli.models.boosting_xgboost:XGBoostClassifier",
        "mlcli.models.boosting_xgboost:XGBoostRegressor",
        extra="boost",
        reads_missing=True,
        needs_dense=True,
    ),
    "catboost": ModelEntry(
        "CatBoost's gradient boosting.",
        "mlcli.models.boosting_catboost:CatBoostClassifier",
        "mlcli.models.boosting_catboost:CatBoostRegressor",
        extra="boost",
        reads_missing=True,
        needs_dense=True,
    ),
}
"""Every model that a config may name."""


def model_parameters(name: str, task: str) -> dict[str, Any] | None:
    """Return the parameters of a model without importing its library.

    Parameters
    ----------
    name : str
        Name of the model.
    task : str
        ``"classification"`` or ``"regression"``.

    Returns
    -------
    dict of str to dict, optional
        By parameter its ``default`` and, where known, in ``allowed`` what it
        takes, in words. None where nothing is recorded: then nothing can be checked.
    """
    found: dict[str, Any] | None = _parameters().get(name, {}).get(task)
    return found


@cache
def _parameters() -> dict[str, Any]:
    try:
        # Cheaper than importlib.resources by 20 ms, which every command would pay.
        content = get_data("mlcli", "parameters.json")
    except FileNotFoundError:
        return {}
    table: dict[str, Any] = json.loads(content or b"{}")
    return table


@dataclass(frozen=True)
class MetricEntry:
    """One metric of the catalogue.

    Parameters
    ----------
    title : str
        Name for people.
    task : str
        ``"classification"`` or ``"regression"``.
    greater_is_better : bool
        Whether more is better (a score) or worse (an error).
    summary : str
        What it measures, in one line, with its range or unit.
    minimum, maximum : float, optional
        Ends of its range; None where it has none.
    """

    title: str
    task: str
    greater_is_better: bool
    summary: str
    minimum: float | None = 0.0
    maximum: float | None = None


METRICS: Mapping[str, MetricEntry] = {
    "accuracy": MetricEntry(
        "Accuracy", "classification", True, "Share of rows whose class is right, in [0, 1].", maximum=1.0
    ),
    "balanced_accuracy": MetricEntry(
        "Balanced accuracy", "classification", True, "Mean recall of the classes, in [0, 1].", maximum=1.0
    ),
    "precision": MetricEntry(
        "Precision",
        "classification",
        True,
        "Of the rows called positive, the share that is; with more than two classes, the macro mean.",
        maximum=1.0,
    ),
    "recall": MetricEntry(
        "Recall",
        "classification",
        True,
        "Of the positive rows, the share that was found; with more than two classes, the macro mean.",
        maximum=1.0,
    ),
    "f1": MetricEntry(
        "F1",
        "classification",
        True,
        "Harmonic mean of precision and recall; with more than two classes, the macro mean.",
        maximum=1.0,
    ),
    "precision_macro": MetricEntry(
        "Precision (macro)", "classification", True, "Precision of each class, averaged, in [0, 1].", maximum=1.0
    ),
    "recall_macro": MetricEntry(
        "Recall (macro)", "classification", True, "Recall of each class, averaged, in [0, 1].", maximum=1.0
    ),
    "f1_macro": MetricEntry(
        "F1 (macro)", "classification", True, "F1 of each class, averaged, in [0, 1].", maximum=1.0
    ),
    "roc_auc": MetricEntry(
        "ROC AUC",
        "classification",
        True,
        "Probability that a positive row scores above a negative one; several classes: one against the rest, averaged.",
        maximum=1.0,
    ),
    "average_precision": MetricEntry(
        "Average precision",
        "classification",
        True,
        "Area under precision against recall; several classes: one against the rest, averaged.",
        maximum=1.0,
    ),
    "log_loss": MetricEntry(
        "Log loss", "classification", False, "Mean negative log of the probability given to the true class, >= 0."
    ),
    "brier": MetricEntry(
        "Brier score",
        "classification",
        False,
        "Mean squared error of the probabilities: of the positive class for two, summed over classes for more.",
        maximum=2.0,
    ),
    "mae": MetricEntry("MAE", "regression", False, "Mean absolute error, in the target's unit."),
    "rmse": MetricEntry("RMSE", "regression", False, "Root of the mean squared error, in the target's unit."),
    "r2": MetricEntry(
        "R2", "regression", True, "Share of the target's variance explained, at most 1.", minimum=None, maximum=1.0
    ),
    "mape": MetricEntry("MAPE", "regression", False, "Mean absolute error as a share of the true value."),
    "median_error": MetricEntry("Median error", "regression", False, "Median absolute error, in the target's unit."),
}
"""Every metric that a config may name, in the order in which they are shown."""


def metric_names(task: str) -> tuple[str, ...]:
    """Return the metrics of one task, in the order in which they are shown."""
    return tuple(name for name, entry in METRICS.items() if entry.task == task)


def require_metric(name: str, *, task: str | None = None) -> MetricEntry:
    """Return the entry of a metric that is known and fits the task.

    Parameters
    ----------
    name : str
        Name as a config or a command line gives it.
    task : str, optional
        ``"classification"`` or ``"regression"``; None when it is not known yet.

    Returns
    -------
    MetricEntry
        What the table says of it.

    Raises
    ------
    ConfigError
        If no metric has that name, or it measures another task.
    """
    known = metric_names(task) if task else tuple(METRICS)
    if name not in METRICS:
        close = did_you_mean(name, known)
        raise ConfigError(
            f"metric {name!r} is not known. Known: {', '.join(known)}.",
            hint=f"Did you mean {close!r}?" if close else None,
        )
    entry = METRICS[name]
    if task and entry.task != task:
        raise ConfigError(
            f"metric {name!r} measures {entry.task}. Got a {task} task.", hint=f"Choose from: {', '.join(known)}."
        )
    return entry
