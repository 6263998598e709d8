"""Rows dealt out by chance, and what is counted of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from mlcli.config.sections import DataConfig
from mlcli.data.dataset import Dataset
from mlcli.data.distributions import Distributions, measure_distributions
from mlcli.data.frames import columns_from_frame
from mlcli.data.inference import infer_schema
from mlcli.data.observed import Observed
from mlcli.data.predictions import Predictions
from mlcli.data.rows import type_rows
from mlcli.data.schema import Schema


def mixed(n_rows: int, *, seed: int) -> dict[str, Any]:
    """A column of every kind, some with gaps, many levels or heavy tails, and two classes."""
    rng = np.random.default_rng(seed)
    words = np.array(["a", "few", "words", "of", "whatever", "length", "they", "are"])
    town = rng.zipf(1.6, n_rows) % 300
    return {
        "size": rng.normal(10, 2, n_rows),
        "heavy": rng.standard_cauchy(n_rows),
        "rooms": rng.poisson(2.0, n_rows),
        "gaps": np.where(rng.random(n_rows) < 0.3, np.nan, rng.normal(size=n_rows)),
        "place": rng.choice(["north", "south", "west"], n_rows, p=[0.6, 0.3, 0.1]),
        "town": [f"town {i}" for i in town],
        "member": np.where(rng.random(n_rows) < 0.4, "yes", "no"),
        "since": np.datetime64("2024-01-01", "us") + rng.integers(0, 500, n_rows) * np.timedelta64(1, "D"),
        "remark": [" ".join(rng.choice(words, rng.integers(3, 12))) for _ in range(n_rows)],
        "y": np.where(rng.random(n_rows) < 0.3, "bad", "good"),
    }


def trained(table: dict[str, Any], n_train: int) -> tuple[Schema, Distributions, Dataset]:
    """Return the contract and the distributions of the first rows, and the other rows, typed."""
    rows = pa.table(table)
    kinds = {name: kind for name, kind in {"remark": "text", "year": "number"}.items() if name in table}
    config = DataConfig(path="mixed.csv", target="y", columns=kinds)
    schema = infer_schema(rows.slice(0, n_train), config, task="classification", source="mixed")
    train, new = (
        type_rows(part, schema, source="mixed").dataset for part in (rows.slice(0, n_train), rows.slice(n_train))
    )
    distributions = measure_distributions(
        columns_from_frame(train.X, schema), train.y_true, schema, judged=said(train.X["size"])
    )
    return schema, distributions, new


def said(size: Any) -> Predictions:
    """What a model says of rows that knows their size alone."""
    chance = 1 / (1 + np.exp(-(np.asarray(size) - 10) / 2))
    labels = np.where(chance >= 0.5, "good", "bad").astype(object)
    return Predictions(labels, np.column_stack([1 - chance, chance]), ("bad", "good"))


def counted(schema: Schema, distributions: Distributions, new: Dataset) -> Observed:
    """Count rows, their target and what the model says of them."""
    observed = Observed(schema, distributions)
    observed.add(columns_from_frame(new.X, schema))
    observed.add_target(new.y_true)
    observed.add_predictions(said(new.X["size"]))
    return observed
