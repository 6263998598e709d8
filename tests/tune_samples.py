"""A small project whose model can be tuned in a moment, for tests of searches."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from mlcli.config.load import LoadedConfig, load_config
from mlcli.training.prepare import prepare
from mlcli.training.train import train
from mlcli.training.tune import tune

CREATED = datetime(2026, 1, 1, tzinfo=UTC)

CONFIG = """\
data: {{path: customers.csv, target: {target}, id: [customer]}}
split: {{{split}}}
preprocess: {{category: {{min_frequency: 0}}}}
model: {{name: {model}}}
evaluate: {{resamples: 100}}
tune:
  trials: {trials}
  cv: 3
"""


def write_project(
    folder: Path,
    *,
    model: str = "decision_tree",
    target: str = "left",
    split: str = "",
    trials: int = 8,
    n_rows: int = 150,
) -> Path:
    """Write a small table and a config that searches; return the config."""
    rng = np.random.default_rng(0)
    income = rng.normal(50, 12, n_rows).round(1)
    city = rng.choice(["Oslo", "Bergen", "Tromsø"], n_rows)
    spent = income + rng.normal(0, 6, n_rows) + 5 * (city == "Oslo")
    pd.DataFrame(
        {
            "customer": [f"c{i:04d}" for i in range(n_rows)],
            "income": income,
            "city": city,
            "household": rng.integers(0, 40, n_rows),
            "since": pd.date_range("2020-01-01", periods=n_rows, freq="37h").strftime("%Y-%m-%d %H:%M"),
            "left": np.where(spent > 52, "yes", "no"),
            "spent": spent.round(2),
        }
    ).to_csv(folder / "customers.csv", index=False)
    config = folder / "churn.yaml"
    other = "spent" if target == "left" else "left"
    text = CONFIG.format(target=f"{target}, drop: [{other}]", split=split, model=model, trials=trials)
    config.write_text(text, encoding="utf-8")
    return config


def load(config: Path, *overrides: str) -> LoadedConfig:
    """Load a config with overrides."""
    return load_config(config, overrides=overrides, environ={})


def searched(config: Path, *overrides: str, output: Path, resume: bool = False):
    """Return what a search finds, without the training behind it."""
    loaded = load(config, *overrides)
    return tune(loaded, prepare(loaded), output=output, resume=resume)


def trained(config: Path, *overrides: str, output: Path, resume: bool = False):
    """Return the run that a config leads to."""
    return train(load(config, *overrides), output=output, created=CREATED, resume=resume)


def outcome(tuning):
    """Return the trials of a search without their times."""
    return [(trial.number, trial.params, trial.state, trial.fold_values, trial.note) for trial in tuning.trials]
