"""A small table on which models are chosen, and configs that choose quickly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mlcli.config.load import load_config

LINEAR = "logistic_regression"
FOREST = "{name: random_forest, params: {n_estimators: 7}}"
BOOSTING = "{name: gradient_boosting, params: {max_iter: 5}}"
LIST = f"[{LINEAR}, {FOREST}, {BOOSTING}]"


def customers(n_rows: int = 160, *, seed: int = 0) -> pd.DataFrame:
    """Rows of which a line tells something about the target, and a cut in another column something else."""
    rng = np.random.default_rng(seed)
    income, age = rng.normal(50, 12, n_rows).round(1), rng.integers(18, 80, n_rows)
    city = rng.choice(["Oslo", "Bergen", "Tromsø"], n_rows)
    score = income + 14 * ((age > 30) & (age < 50)) + 5 * (city == "Oslo") + rng.normal(0, 6, n_rows)
    table = pd.DataFrame(
        {
            "income": income,
            "age": age,
            "city": city,
            "since": pd.date_range("2020-01-01", periods=n_rows, freq="37h").strftime("%Y-%m-%d"),
            "team": rng.integers(0, 12, n_rows).astype(str),
            "spent": score.round(2),
            "left": np.where(score > 56, "yes", "no"),
        }
    )
    table.loc[3, "income"] = np.nan
    return table


def write_choice(folder: Path, *, model: str = LIST, target: str = "left", n_rows: int = 160, rest: str = "") -> Path:
    """Write the table and a config that chooses; return the config."""
    customers(n_rows).to_csv(folder / "customers.csv", index=False)
    other = "spent" if target == "left" else "left"
    config = folder / "choice.yaml"
    config.write_text(
        f"output: runs\ndata: {{path: customers.csv, target: {target}, drop: [{other}, team]}}\n"
        f"evaluate: {{resamples: 100}}\nmodel: {model}\n{rest}",
        encoding="utf-8",
    )
    return config


def load(config: Path, *overrides: str):
    return load_config(config, overrides=overrides, environ={})
