"""A small table with a column of every kind, and its contract, for tests of features and models."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlcli.config.model_sections import ModelConfig
from mlcli.config.sections import Config, DataConfig, PreprocessConfig
from mlcli.data.dataset import Dataset
from mlcli.data.schema import Column, Schema, Target
from mlcli.models.pipeline import build_pipeline, fit_pipeline

KINDS = {
    "income": "number",
    "rooms": "number",
    "purpose": "category",
    "town": "category",
    "owner": "boolean",
    "opened": "date",
    "remark": "text",
}

SMALL = {
    "random_forest": {"n_estimators": 5},
    "extra_trees": {"n_estimators": 5},
    "gradient_boosting": {"max_iter": 5},
    "lightgbm": {"n_estimators": 5},
    "xgboost": {"n_estimators": 5},
    "catboost": {"iterations": 5, "depth": 3},
    "mlp": {"hidden_layer_sizes": [5], "max_iter": 20},
    "svm": {"cv": 2},
    "linear_svm": {"cv": 2},
}
"""Parameters that keep a fit short."""


def small_params(name, task):
    return {} if "svm" in name and task == "regression" else SMALL.get(name, {})


def mixed_rows(n_rows=150, *, seed=0):
    """Rows in the dtypes of the data contract, with gaps in every column but the text."""
    rng = np.random.default_rng(seed)
    words = np.array(["good", "bad", "late", "paid", "never", "often", "again", "house", "car", "boat"])
    X = pd.DataFrame(
        {
            "income": rng.normal(3000, 800, n_rows),
            "rooms": rng.integers(1, 7, n_rows).astype(float),
            "purpose": pd.Series(rng.choice(["car", "boat", "house"], n_rows, p=[0.6, 0.3, 0.1]), dtype="str"),
            "town": pd.Series([f"town {i}" for i in rng.integers(0, 60, n_rows)], dtype="str"),
            "owner": rng.integers(0, 2, n_rows).astype(float),
            "opened": np.datetime64("2020-01-01T00:00", "us")
            + rng.integers(0, 900 * 24, n_rows).astype("timedelta64[h]").astype("timedelta64[us]"),
            "remark": pd.Series([" ".join(rng.choice(words, 6)) for _ in range(n_rows)], dtype="str"),
        }
    )
    for i, name in enumerate(["income", "purpose", "town", "owner", "opened"]):
        X.loc[i::17, name] = None
    return X


def target_of(X, kind="text"):
    """A target that the rows tell something about."""
    score = X["income"].fillna(3000).to_numpy() / 800 + (X["purpose"] == "car").to_numpy() + X["rooms"].to_numpy() / 3
    if kind == "number":
        return score * 100
    if kind == "three":
        return np.array(["low", "middle", "top"], dtype=object)[np.digitize(score, np.quantile(score, [0.3, 0.7]))]
    high = score > np.median(score)
    return {
        "text": np.where(high, "yes", "no").astype(object),
        "integer": high.astype(np.int64),
        "float": high.astype(np.float64),
        "boolean": high,
    }[kind]


def column_of(name, values, kind):
    """What a schema says of one column."""
    counts = values.value_counts()
    return Column(
        name=name,
        kind=kind,
        storage="text" if kind == "category" else kind,
        reason="",
        n_missing=int(values.isna().sum()),
        n_distinct=len(counts),
        categories={str(level): int(n) for level, n in counts.items()} if kind == "category" else None,
    )


def schema_of(X, y, *, kinds=KINDS):
    """The contract of typed rows."""
    regression = y.dtype.kind == "f" and len(np.unique(y)) > 20
    return Schema(
        columns=tuple(column_of(name, X[name], kinds[name]) for name in X),
        target=Target(
            "target",
            "regression" if regression else "classification",
            "text" if y.dtype == object else "number",
            "",
            classes=None if regression else tuple(np.unique(y).tolist()),
        ),
        ignored=(),
        id=(),
        weight=None,
        missing_values=(),
        n_rows=len(X),
    )


def dataset_of(X, y, *, sample_weight=None):
    return Dataset(X, y, sample_weight, X[[]], np.arange(1, len(X) + 1))


def config_of(name, *, params=None, preprocess=None, **model):
    return Config(
        data=DataConfig(path="table.csv", target="target"),
        preprocess=preprocess or PreprocessConfig(),
        model=ModelConfig(name=name, params=params or {}, **model),
    )


def fitted_pipeline(name, X, y, *, kinds=KINDS, sample_weight=None, **options):
    config = config_of(name, **options)
    pipeline = build_pipeline(config, schema_of(X, y, kinds=kinds))
    return fit_pipeline(pipeline, dataset_of(X, y, sample_weight=sample_weight), model=config.model)
