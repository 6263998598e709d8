"""How often the drift gate closes for nothing, and how often for a planted shift.

Rows of the sample tables are dealt out by chance: some to train on, some to hold out, some as the new rows. Whatever
is then called drift is a false alarm. The same new rows are judged again with a shift planted in one column.

    python benchmarks/drift.py --splits 100
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mlcli.config.load import load_config
from mlcli.data.dataset import Dataset
from mlcli.data.distributions import measure_distributions
from mlcli.data.drift import DriftReport, judge_drift
from mlcli.data.frames import columns_from_frame
from mlcli.data.inference import infer_schema
from mlcli.data.observed import Observed
from mlcli.data.rows import type_rows
from mlcli.data.schema import Schema
from mlcli.errors import DataError
from mlcli.inference.predictor import PipelinePredictor
from mlcli.models.pipeline import build_pipeline, fit_pipeline
from mlcli.training.prepare import choose_task, read_raw
from mlcli.training.two_sample import tell_apart

ROOT = Path(__file__).resolve().parent.parent
SIZES = ((150, 70, 100), (600, 150, 100), (600, 150, 2_000), (3_000, 800, 1_000), (12_000, 3_000, 5_000))
TABLES = ("penguins", "titanic", "credit", "bike_sharing", "ames", "spam", "diamonds", "census", "card_fraud")
SHIFTS = ("half a deviation", "times 1000", "a level to 30 %", "10 % missing", "only jointly")


class Deal:
    """One table dealt out by chance, with a model fitted on its training rows."""

    def __init__(self, raw, config, task, sizes: tuple[int, int, int], seed: int) -> None:
        n_train, n_hold, _ = sizes
        order = np.random.default_rng(seed).permutation(raw.table.num_rows)[: sum(sizes)]
        train = raw.table.take(order[:n_train])
        self.schema: Schema = infer_schema(train, config.data, task=task, source="train")
        typed = [
            type_rows(part, self.schema, source="rows", target="required").dataset
            for part in (train, raw.table.take(order[n_train : n_train + n_hold]), raw.table.take(order[n_train + n_hold :]))
        ]  # fmt: skip
        self.held_out, self.new = typed[1:]
        pipeline = build_pipeline(config, self.schema)
        fit_pipeline(pipeline, typed[0], model=config.model, classes=self.schema.target.classes)
        self.predictor = PipelinePredictor(pipeline, self.schema)
        self.distributions = measure_distributions(
            columns_from_frame(typed[0].X, self.schema),
            typed[0].y_true,
            self.schema,
            judged=self.predictor.predict(self.held_out.X),
        )

    def judge(self, new: Dataset) -> DriftReport:
        """Judge rows as `mlcli check --against` does."""
        observed = Observed(self.schema, self.distributions)
        rows = columns_from_frame(new.X, self.schema)
        observed.add(rows)
        observed.add_target(new.y_true)
        observed.add_predictions(self.predictor.predict(new.X))
        two_sample = tell_apart(columns_from_frame(self.held_out.X, self.schema), rows, self.schema)
        return judge_drift(observed, two_sample=two_sample)


def planted(new: Dataset, schema: Schema, shift: str, seed: int) -> tuple[Dataset, str] | None:
    """Return rows with a shift planted in one column, and its name; None where no column suits."""
    rng = np.random.default_rng(seed)
    X = new.X.copy()
    numbers = [c.name for c in schema.of_kind("number") if c.n_distinct > 10 and X[c.name].notna().mean() > 0.5]
    if shift == "a level to 30 %":
        levels = {c.name: list(c.categories or ()) for c in schema.of_kind("category") if 2 < c.n_distinct <= 50}
        if not levels:
            return None
        name = rng.choice(sorted(levels))
        X.loc[rng.random(len(X)) < 0.3, name] = levels[name][-1]
        return replace(new, X=X), name
    if len(numbers) < 2:
        return None
    name = rng.choice(numbers)
    match shift:
        case "half a deviation":
            X[name] = X[name] + 0.5 * X[name].std()
        case "times 1000":
            X[name] = X[name] * 1000
        case "10 % missing":
            X.loc[rng.random(len(X)) < 0.1, name] = np.nan
        case _:
            # The column that goes most with another is shuffled: by itself it is as before.
            ranks = X[numbers].corr("spearman").abs().to_numpy(copy=True)
            np.fill_diagonal(ranks, 0)
            name = numbers[int(np.nan_to_num(ranks).max(axis=1).argmax())]
            X[name] = X[name].to_numpy()[rng.permutation(len(X))]
    return replace(new, X=X), name


def judge_table(name: str, n_splits: int) -> tuple[list[dict], list[dict]]:
    """Return what was found in random deals of one table, and in those with a planted shift."""
    loaded = load_config(ROOT / "configs" / f"{name}.yaml", environ={})
    raw = read_raw(loaded)
    task = choose_task(loaded.config, raw)
    model = "ridge" if task == "regression" else "logistic_regression"
    config = load_config(loaded.path, overrides=("model={name: " + model + "}",), environ={}).config
    alarms: list[dict] = []
    found: list[dict] = []
    for sizes in SIZES:
        for seed in range(n_splits if sum(sizes) <= raw.table.num_rows else 0):
            try:
                deal = Deal(raw, config, task, sizes, seed)
            except DataError:
                continue  # such as no fraud at all among 150 cards: nothing to train on
            alarms.append({"rows": sizes} | _alarm(deal.judge(deal.new)))
            shifts = SHIFTS if seed < max(4, n_splits // 5) else ()
            made = [(shift, planted(deal.new, deal.schema, shift, seed)) for shift in shifts]
            found += [{"shift": s, "new": sizes[2]} | _find(deal.judge(m[0]), m[1]) for s, m in made if m is not None]
    return alarms, found


def main() -> None:
    """Print the tables of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=40)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    alarms: list[dict] = []
    found: list[dict] = []
    for name in arguments.tables:
        of_table = judge_table(name, arguments.splits)
        _show(pd.DataFrame(of_table[0]).groupby("rows"), name)
        alarms += of_table[0]
        found += of_table[1]
        # As far as it has come: a run of all tables is long.
        _show(pd.DataFrame(alarms).groupby("rows"), f"tables up to {name}")
        _show(pd.DataFrame(found).groupby(["shift", "new"]), f"planted shifts up to {name}")


def _alarm(report: DriftReport) -> dict[str, float]:
    columns = report.columns
    return {
        "gate": report.verdict == "major",
        "anything": report.verdict in {"major", "notable"},
        "a column": any(c.verdict in {"major", "notable"} for c in columns if c.role == "column"),
        "target": any(c.verdict in {"major", "notable"} for c in columns if c.role == "target"),
        "predictions": any(c.verdict in {"major", "notable"} for c in columns if c.role == "prediction"),
        "classifier": report.two_sample is not None and report.two_sample.verdict != "alike",
    }


def _find(report: DriftReport, name: str) -> dict[str, float]:
    two_sample = report.two_sample
    return {
        "gate": report.verdict == "major",
        "anything": report.verdict in {"major", "notable"},
        "the column": any(c.name == name for c in report.drifted),
        "other columns": any(c.name != name for c in report.drifted if c.role == "column"),
        "classifier": two_sample is not None and two_sample.verdict != "alike",
    }


def _show(groups, title: str) -> None:
    means, counts = groups.mean().mul(100).round(1), groups.size()
    keys = [name or "rows" for name in means.index.names]
    print(f"\n{title}\n| {' | '.join(keys)} | judged | {' | '.join(f'{c} (%)' for c in means)} |")
    print("|---" * (len(keys) + 1 + means.shape[1]) + "|")
    for key, row in means.iterrows():
        shown = key if len(keys) > 1 else (" / ".join(f"{n:,}" for n in key),)
        print(f"| {' | '.join(map(str, shown))} | {counts[key]:,} | {' | '.join(f'{v:g}' for v in row)} |", flush=True)


if __name__ == "__main__":
    main()
