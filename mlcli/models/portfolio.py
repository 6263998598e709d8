"""The models that are worth trying on a table, in the order of what they bring."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from mlcli.config.model_sections import ModelConfig
from mlcli.config.sections import Config, PreprocessConfig
from mlcli.data.schema import Schema
from mlcli.registry import MODELS

logger = logging.getLogger(__name__)

BOOST = "boost"
"""The extra whose libraries the portfolio also tries, where they are installed."""

ROUNDS: Mapping[str, str] = {
    "gradient_boosting": "max_iter",
    "lightgbm": "n_estimators",
    "xgboost": "n_estimators",
    "catboost": "iterations",
}
"""By boosting model, the parameter that says how many rounds it has."""

MAX_TREES = 3_000
"""Most trees of boosting that a held-out fold may ask for, of two classes or a number."""

PATIENCE = 20
"""Rounds of boosting without a better loss on the held-out fold, after which it stops."""

_FEW = 1_500
"""Rows up to which kernel machines of several widths are tried: with more, each takes much longer."""

_SMALL = 3_000
"""Rows up to which a kernel machine costs less than boosting."""

_FEWEST_ROUNDS = 60
_MANY_CLASSES = 5

_LARGE = 10_000
"""Rows above which boosting takes longer steps."""


@dataclass(frozen=True)
class Recipe:
    """One model to try.

    Parameters
    ----------
    name : str
        What people call it; unique among the recipes of a run.
    model : ModelConfig
        Name, parameters, seed and class weights.
    early_stopping : bool
        Whether rows that are held out decide how many rounds it boosts.
    preprocess : PreprocessConfig
        What happens to each kind of column.
    """

    name: str
    model: ModelConfig
    early_stopping: bool
    preprocess: PreprocessConfig

    @property
    def preprocessing(self) -> tuple[object, ...]:
        """Recipes of which this is equal preprocess the same rows alike."""
        entry = MODELS[self.model.name]
        reads = (entry.scale_sensitive, entry.reads_missing, entry.needs_dense)
        return (self.preprocess.model_dump_json(), self.model.random_state, *reads)


@dataclass(frozen=True)
class _Entry:
    """A line of the portfolio: a model, what sets it apart, and where it is worth its time."""

    model: Mapping[str, str]  # by task
    params: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    early_stopping: bool = False
    efforts: tuple[str, ...] = ("standard", "thorough")
    min_rows: int = -1  # more than these
    max_rows: int | None = None
    max_classes: int | None = None
    texts: bool = False
    bells: float | None = None  # gamma of a kernel, in shares of a column


_ALL = ("quick", "standard", "thorough")
_THOROUGH = ("thorough",)


def _same(name: str) -> dict[str, str]:
    return {"classification": name, "regression": name}


_LINEAR = {"classification": "logistic_regression", "regression": "ridge"}


def _boosting(leaves: int, rate: float, **params: Any) -> dict[str, Any]:
    return {"max_leaf_nodes": leaves, "learning_rate": rate, "min_samples_leaf": 5, "l2_regularization": 5.0, **params}


def _light(leaves: int, rate: float, **params: Any) -> dict[str, Any]:
    return {"num_leaves": leaves, "learning_rate": rate, "reg_lambda": 5.0, **params}


def _network(alpha: float) -> dict[str, Any]:
    # With few rows L-BFGS comes nearer to the truth than Adam, in a seventh of the time.
    return {"hidden_layer_sizes": [32], "alpha": alpha, "solver": "lbfgs", "max_iter": 60}


PORTFOLIO: tuple[_Entry, ...] = (
    _Entry(_LINEAR, efforts=_ALL, texts=True),
    _Entry(
        _same("gradient_boosting"),
        _boosting(31, 0.05, max_features=0.4),
        "31 leaves",
        early_stopping=True,
        efforts=_ALL,
        texts=True,
    ),
    _Entry(_same("gradient_boosting"), _boosting(4, 0.08), "4 leaves", early_stopping=True, max_classes=_MANY_CLASSES),
    # With many classes CatBoost is so much slower that others bring more in its time. On the components of texts it and
    # LightGBM say what histogram boosting says.
    _Entry(
        _same("catboost"),
        {"depth": 4, "learning_rate": 0.05},
        "depth 4",
        early_stopping=True,
        max_classes=_MANY_CLASSES,
    ),
    _Entry(
        _same("lightgbm"),
        _light(31, 0.05, min_child_samples=5, colsample_bytree=0.4),
        "31 leaves",
        early_stopping=True,
    ),
    _Entry(_same("random_forest"), {"n_estimators": 100}, max_rows=_SMALL),
    _Entry(_same("random_forest"), {"n_estimators": 200}, min_rows=_SMALL, max_rows=_LARGE),
    # Half the trees with a third of the leaves: as good on so many rows, and quicker to fit, store and ask.
    _Entry(_same("random_forest"), {"n_estimators": 100, "min_samples_leaf": 5}, min_rows=_LARGE),
    _Entry(
        _same("lightgbm"),
        _light(8, 0.08, min_child_samples=10, colsample_bytree=0.7, subsample=0.8),
        "8 leaves",
        early_stopping=True,
        max_rows=_SMALL,
    ),
    _Entry(
        _same("lightgbm"),
        _light(127, 0.04, min_child_samples=20, colsample_bytree=0.7, subsample=0.8),
        "127 leaves",
        early_stopping=True,
        min_rows=_SMALL,
    ),
    # With few rows 63 leaves are as many as 31; there, trees with random cuts and smooth models bring more.
    _Entry(
        _same("gradient_boosting"),
        _boosting(63, 0.04, min_samples_leaf=20, max_features=0.7),
        "63 leaves",
        early_stopping=True,
        min_rows=_SMALL,
    ),
    _Entry(_same("extra_trees"), {"n_estimators": 100, "min_samples_leaf": 1}, max_rows=_SMALL),
    _Entry(_same("mlp"), _network(3.0), "alpha=3", max_rows=_SMALL),
    _Entry(_same("svm"), {"C": 1.0}, "C=1", max_rows=_SMALL),
    _Entry(_same("svm"), {"C": 10.0}, "C=10", min_rows=_FEW, max_rows=_SMALL),
    # Narrow bells for tables such as sonar, whose classes lie in many small heaps; wide ones for smooth borders.
    _Entry(_same("svm"), {"C": 3.0}, "narrow", max_rows=_FEW, bells=2.0),
    _Entry(_same("svm"), {"C": 100.0}, "wide", max_rows=_FEW, bells=0.3),
    _Entry(_same("mlp"), _network(10.0), "alpha=10", max_rows=_SMALL),
    _Entry(_same("extra_trees"), {"n_estimators": 200}, min_rows=_SMALL, efforts=_THOROUGH),
    _Entry({"classification": "logistic_regression"}, {"C": 0.05}, "C=0.05", efforts=_THOROUGH, texts=True),
    _Entry({"classification": "logistic_regression"}, {"C": 20.0}, "C=20", efforts=_THOROUGH, texts=True),
    _Entry({"regression": "ridge"}, {"alpha": 30.0}, "alpha=30", efforts=_THOROUGH, texts=True),
    _Entry(
        _same("gradient_boosting"),
        _boosting(16, 0.03, min_samples_leaf=10, max_features=0.25),
        "16 leaves",
        early_stopping=True,
        efforts=_THOROUGH,
    ),
    _Entry(
        _same("mlp"),
        {"hidden_layer_sizes": [128, 64], "alpha": 0.1, "early_stopping": True},
        "128 and 64",
        efforts=_THOROUGH,
    ),
)
"""Every model that `auto` may try, those that bring most first.

References
----------
.. [1] Erickson et al. (2020), "AutoGluon-Tabular: Robust and Accurate AutoML
   for Structured Data", for a fixed portfolio in the place of a search.
"""


def build_portfolio(config: Config, schema: Schema) -> tuple[Recipe, ...]:
    """Return the models to try on a table, in the order in which they are tried.

    Parameters
    ----------
    config : Config
        Its model is a choice: the candidates that it names, or the portfolio
        that suits the table and the effort.
    schema : Schema
        The table: its task, rows, classes and columns.

    Returns
    -------
    tuple of Recipe
        At least one, with names that differ.
    """
    if config.model.candidates:
        models = [config.model.of(candidate) for candidate in config.model.candidates]
        names = _distinct([_named(model) for model in models])
        return tuple(
            Recipe(name, model, early_stopping=False, preprocess=config.preprocess)
            for name, model in zip(names, models, strict=True)
        )
    return tuple(_from_portfolio(config, schema))


def _from_portfolio(config: Config, schema: Schema) -> Iterator[Recipe]:
    for entry, name in _suitable(config, schema):
        if MODELS[name].extra == BOOST and find_spec(name) is None:
            continue
        params = dict(entry.params)
        if entry.early_stopping:
            params |= _pace(name, schema)
        if name == "svm" and schema.target.task == "classification":
            params["cv"] = 3  # sigmoids as good as by five folds, a third sooner
        if entry.bells is not None:
            # One column apart counts as much as another, however many levels it is encoded by.
            params["gamma"] = round(entry.bells / max(1, len(schema.columns)), 6)
        if name in {"random_forest", "extra_trees"} and schema.target.task == "regression":
            params["max_features"] = 0.5  # all columns at every cut: twice the time, and trees that are too alike
        yield Recipe(
            f"{name} ({entry.label})" if entry.label else name,
            ModelConfig(
                name=name,
                params=params,
                random_state=config.model.random_state,
                class_weight=config.model.class_weight,
            ),
            early_stopping=entry.early_stopping,
            preprocess=config.preprocess,
        )


def _suitable(config: Config, schema: Schema) -> Iterator[tuple[_Entry, str]]:
    """Yield the entries that are worth their time on a table, with their models, installed or not."""
    has_text = bool(schema.of_kind("text"))
    n_classes = len(schema.target.classes or ())
    for entry in PORTFOLIO:
        name = entry.model.get(schema.target.task)
        if name is None or config.model.effort not in entry.efforts or (has_text and not entry.texts):
            continue
        if schema.n_rows <= entry.min_rows or (entry.max_rows is not None and schema.n_rows > entry.max_rows):
            continue
        if entry.max_classes is not None and n_classes > entry.max_classes:
            continue
        if MODELS[name].extra != BOOST or config.model.boost != "never":
            yield entry, name


def missing_libraries() -> tuple[str, ...]:
    """Return the models of the extra in the portfolio whose libraries are not installed."""
    names = dict.fromkeys(name for entry in PORTFOLIO for name in entry.model.values())
    return tuple(name for name in names if MODELS[name].extra == BOOST and find_spec(name) is None)


def libraries_sentence(config: Config, schema: Schema) -> str | None:
    """Say whether libraries of the extra are among the models to try; None where it makes no difference."""
    if config.model.candidates:
        return None
    names = dict.fromkeys(name for _, name in _suitable(config, schema) if MODELS[name].extra == BOOST)
    missing = [name for name in names if name in missing_libraries()]
    if missing:
        return f"without {' and '.join(missing)}, which the extra {BOOST} brings: it is not installed"
    return f"with {' and '.join(names)}, since the extra {BOOST} is installed" if names else None


def _pace(name: str, schema: Schema) -> dict[str, Any]:
    """Return the most rounds of boosting, and their step where it must be longer than the portfolio's."""
    n_classes = len(schema.target.classes or ())
    if n_classes > 2:
        # Every class takes a tree a round.
        rounds = max(_FEWEST_ROUNDS, MAX_TREES // 3 // n_classes)
        return {ROUNDS[name]: rounds, "learning_rate": 0.1 if n_classes <= _MANY_CLASSES else 0.2}
    # The components of texts are many columns, of which a linear model makes more in any case.
    longer = schema.n_rows > _LARGE or bool(schema.of_kind("text"))
    return {ROUNDS[name]: MAX_TREES} | ({"learning_rate": 0.1} if longer else {})


def _named(model: ModelConfig) -> str:
    """Return a listed model's name, with the parameters that it was given."""
    params = ", ".join(f"{key}={value}" for key, value in model.params.items())
    return f"{model.name} ({params})" if params else model.name


def _distinct(names: list[str]) -> list[str]:
    """Return the names, numbered where one stands twice: 1 and 1.0 are different parameters that read alike."""
    return [f"{name} #{names[:i].count(name) + 1}" if names.count(name) > 1 else name for i, name in enumerate(names)]
