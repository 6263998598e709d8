"""Names that a config may use, and what each stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
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
        "sklearn.linear_model:Lasso",
        scale_sensitive=True,
    ),
    "elastic_net": ModelEntry(
        "Least squares with both penalties.", None, "sklearn.linear_model:ElasticNet", scale_sensitive=True
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
    ),
    "random_forest": ModelEntry(
        "Many trees on resampled rows, averaged.",
        "sklearn.ensemble:RandomForestClassifier",
        "sklearn.ensemble:RandomForestRegressor",
        reads_missing=True,
    ),
    "extra_trees": ModelEntry(
        "Many trees with random cuts, averaged.",
        "sklearn.ensemble:ExtraTreesClassifier",
        "sklearn.ensemble:ExtraTreesRegressor",
        reads_missing=True,
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
        "sklearn.svm:SVR",
        scale_sensitive=True,
    ),
    "linear_svm": ModelEntry(
        "Linear support vector machine, with calibrated probabilities.",
        "mlcli.models.svm:LinearSVMClassifier",
        "sklearn.svm:LinearSVR",
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
        "sklearn.neural_network:MLPRegressor",
        scale_sensitive=True,
    ),
    "lightgbm": ModelEntry(
        "LightGBM's gradient boosting.",
        "mlcli.models.boosting:LightGBMClassifier",
        "mlcli.models.boosting:LightGBMRegressor",
        extra="boost",
        reads_missing=True,
    ),
    "xgboost": ModelEntry(
        "XGBoost's gradient boosting.",
        "mlcli.models.boosting:XGBoostClassifier",
        "mlcli.models.boosting:XGBoostRegressor",
        extra="boost",
        reads_missing=True,
    ),
    "catboost": ModelEntry(
        "CatBoost's gradient boosting.",
        "mlcli.models.boosting:CatBoostClassifier",
        "mlcli.models.boosting:CatBoostRegressor",
        extra="boost",
        reads_missing=True,
        needs_dense=True,
    ),
}
"""Every model that a config may name."""


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
    """

    title: str
    task: str
    greater_is_better: bool
    summary: str


METRICS: Mapping[str, MetricEntry] = {
    "accuracy": MetricEntry("Accuracy", "classification", True, "Share of rows whose class is right, in [0, 1]."),
    "balanced_accuracy": MetricEntry(
        "Balanced accuracy", "classification", True, "Mean recall of the classes, in [0, 1]."
    ),
    "precision": MetricEntry(
        "Precision",
        "classification",
        True,
        "Of the rows called positive, the share that is; with more than two classes, the macro mean.",
    ),
    "recall": MetricEntry(
        "Recall",
        "classification",
        True,
        "Of the positive rows, the share that was found; with more than two classes, the macro mean.",
    ),
    "f1": MetricEntry(
        "F1",
        "classification",
        True,
        "Harmonic mean of precision and recall; with more than two classes, the macro mean.",
    ),
    "precision_macro": MetricEntry(
        "Precision (macro)", "classification", True, "Precision of each class, averaged, in [0, 1]."
    ),
    "recall_macro": MetricEntry("Recall (macro)", "classification", True, "Recall of each class, averaged, in [0, 1]."),
    "f1_macro": MetricEntry("F1 (macro)", "classification", True, "F1 of each class, averaged, in [0, 1]."),
    "roc_auc": MetricEntry(
        "ROC AUC",
        "classification",
        True,
        "Probability that a positive row scores above a negative one; several classes: one against the rest, averaged.",
    ),
    "average_precision": MetricEntry(
        "Average precision",
        "classification",
        True,
        "Area under precision against recall; several classes: one against the rest, averaged.",
    ),
    "log_loss": MetricEntry(
        "Log loss", "classification", False, "Mean negative log of the probability given to the true class, >= 0."
    ),
    "brier": MetricEntry(
        "Brier score",
        "classification",
        False,
        "Mean squared error of the probabilities: of the positive class for two, summed over classes for more.",
    ),
    "mae": MetricEntry("MAE", "regression", False, "Mean absolute error, in the target's unit."),
    "rmse": MetricEntry("RMSE", "regression", False, "Root of the mean squared error, in the target's unit."),
    "r2": MetricEntry("R2", "regression", True, "Share of the target's variance explained, at most 1."),
    "mape": MetricEntry("MAPE", "regression", False, "Mean absolute error as a share of the true value."),
    "median_error": MetricEntry("Median error", "regression", False, "Median absolute error, in the target's unit."),
}
"""Every metric that a config may name, in the order in which they are shown."""
