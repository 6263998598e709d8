"""The types that a stored pipeline may be built from, for each model.

skops builds nothing that is not named here or known to it as harmless. The
lists stand in our code, never in an artifact, and were found by saving every
model with every sort of column; a test saves them again. A type is not yet a
sound value: what the arrays of trees point at is checked after loading.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlcli.errors import ConfigError
from mlcli.registry import AUTO, MODELS

_PREPROCESSOR = (
    "mlcli.features.dates.DateEncoder",
    "mlcli.features.names.level_name",
    "mlcli.features.names.output_name",
    "mlcli.features.numbers.NumberLimiter",
    "mlcli.features.texts.NGramVectorizer",
    "mlcli.features.texts.TextEncoder",
    "numpy.dtype",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.model_selection._split.KFold",
)

_DECISION = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
)
"""What a calibration may put around any classifier."""

_TREE = ("sklearn.tree._tree.Tree",)

_ESTIMATORS: Mapping[str, tuple[str, ...]] = {
    "lasso": ("mlcli.models.linear.LassoRegressor",),
    "elastic_net": ("mlcli.models.linear.ElasticNetRegressor",),
    "decision_tree": _TREE,
    "random_forest": _TREE,
    "extra_trees": _TREE,
    "gradient_boosting": ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",),
    "svm": ("mlcli.models.svm.SVMClassifier", "mlcli.models.svm.SVMRegressor"),
    "linear_svm": ("mlcli.models.svm.LinearSVMClassifier", "mlcli.models.svm.LinearSVMRegressor"),
    "nearest_neighbors": (
        *(
            f"sklearn.metrics._dist_metrics.{metric}Distance64"
            for metric in ("BrayCurtis", "Canberra", "Chebyshev", "Euclidean", "Hamming", "Manhattan", "Minkowski")
        ),
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
    ),
    "mlp": (
        "mlcli.models.neural.MLPRegressor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    ),
    "lightgbm": (
        "mlcli.models.boosting_lightgbm.LightGBMClassifier",
        "mlcli.models.boosting_lightgbm.LightGBMRegressor",
    ),
    "xgboost": ("mlcli.models.boosting_xgboost.XGBoostClassifier", "mlcli.models.boosting_xgboost.XGBoostRegressor"),
    "catboost": (
        "mlcli.models.boosting_catboost.CatBoostClassifier",
        "mlcli.models.boosting_catboost.CatBoostRegressor",
    ),
}
"""Types of the estimator, by model; a model without an entry needs none beside those that skops knows."""


def trusted_types(name: str) -> tuple[str, ...]:
    """Return the names of the types that a stored pipeline of this model may hold.

    Parameters
    ----------
    name : str
        Name of the model; auto for a vote of several.

    Returns
    -------
    tuple of str
        Qualified names, sorted, for the argument ``trusted`` of ``skops.io.loads``.

    Raises
    ------
    ConfigError
        If there is no such model.
    """
    if name == AUTO:
        # A vote may hold any of them. Types alone do nothing: what they are given is checked like any other state.
        every = {each for types in _ESTIMATORS.values() for each in types}
        return tuple(sorted({*_PREPROCESSOR, *every}))
    if name not in MODELS:
        raise ConfigError(f"a model must be one of {', '.join(sorted(MODELS))}. Got {name!r}.")
    return tuple(sorted((*_PREPROCESSOR, *_DECISION, *_ESTIMATORS.get(name, ()))))
