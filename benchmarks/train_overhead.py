"""What `mlcli train` costs beyond a bare scikit-learn script that does the same reading, fits and scores.

Both run as whole processes, in turn, on the same data. A fixed start-up cost (imports, and for mlcli also checks,
intervals, the artifact) is measured on a table of 200 rows and taken off; the ratio is of what remains.

    python benchmarks/train_overhead.py --runs 5
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
# The same fits in both: the defaults of the two sides differ.
PARAMS = {"gradient_boosting": {"early_stopping": False}, "random_forest": {"min_samples_leaf": 2, "n_jobs": 2}}
# mlcli sets this by itself; without it a busy machine slows the bare script's boosting several times over.
ENVIRONMENT = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
TASKS = {
    "diamonds": ("diamonds.csv.gz", "price", "regression"),
    "census": ("census_income_20k.csv.gz", "income", "classification"),
}

# What a practitioner would write by hand for the same table: the same columns treated the same way.
BARE = """
import json
import sys
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import {classes}
from sklearn.metrics import *
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

path, target, task, model, params = sys.argv[1:6]
table = pd.read_csv(path, keep_default_na=False, na_values=[""])
y = table.pop(target)
X_train, X_test, y_train, y_test = train_test_split(
    table, y, test_size=0.2, random_state=0, stratify=y if task == "classification" else None
)
numbers = [c for c in table if pd.api.types.is_numeric_dtype(table[c]) and c not in {codes}]
texts = [c for c in table if c not in numbers]
wide = [c for c in texts if X_train[c].nunique() > 50]
narrow = [c for c in texts if c not in wide]
preprocess = ColumnTransformer([
    ("numbers", "passthrough", numbers),
    ("narrow", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.005, sparse_output=False), narrow),
    ("wide", TargetEncoder(random_state=0, target_type="continuous" if task == "regression" else "binary"), wide),
])
F_train = preprocess.fit_transform(X_train, y_train)
estimators = dict(
    gradient_boosting=dict(classification="HistGradientBoostingClassifier", regression="HistGradientBoostingRegressor"),
    random_forest=dict(classification="RandomForestClassifier", regression="RandomForestRegressor"),
)
estimator = globals()[estimators[model][task]](random_state=0, **json.loads(params))
estimator.fit(F_train, y_train)
F_test = preprocess.transform(X_test)
if task == "regression":
    y_pred = estimator.predict(F_test)
    scores = [f(y_test, y_pred) for f in (
        mean_absolute_error, root_mean_squared_error, r2_score, mean_absolute_percentage_error, median_absolute_error)]
else:
    y_proba = estimator.predict_proba(F_test)
    y_pred = estimator.classes_[y_proba.argmax(axis=1)]
    positive = estimator.classes_[1]
    scores = [accuracy_score(y_test, y_pred), balanced_accuracy_score(y_test, y_pred)]
    scores += [f(y_test, y_pred, pos_label=positive, zero_division=0) for f in (precision_score, recall_score, f1_score)]
    scores += [f(y_test, y_pred, average="macro", zero_division=0) for f in (precision_score, recall_score, f1_score)]
    scores += [roc_auc_score(y_test, y_proba[:, 1]), average_precision_score(y_test == positive, y_proba[:, 1])]
    scores += [log_loss(y_test, y_proba), brier_score_loss(y_test, y_proba[:, 1], pos_label=positive)]
    confusion_matrix(y_test, y_pred)
print(scores)
"""


def write_bare(folder: Path) -> Path:
    script = folder / "bare.py"
    classes = (
        "HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor"
    )
    codes = {"industry_code", "occupation_code"}
    script.write_text(BARE.replace("{classes}", classes).replace("{codes}", repr(codes)))
    return script


def write_config(folder: Path, *, data: Path, target: str, task: str, model: str, stem: str) -> Path:
    config = folder / f"{stem}.yaml"
    config.write_text(
        f"task: {task}\noutput: runs/{stem}\ndata: {{path: {data}, target: {target}}}\nmodel: {{name: {model}, params: {json.dumps(PARAMS[model])}}}\n"
    )
    return config


def run(command: list[str]) -> tuple[float, float]:
    """Return wall and CPU seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(folder: Path, *, name: str, model: str, runs: int) -> list[str]:
    file, target, task = TASKS[name]
    full = folder / file
    shutil.copy(ROOT / "data" / file, full)
    small = folder / f"small-{name}.csv"
    pd.read_csv(full, keep_default_na=False).sample(200, random_state=0).to_csv(small, index=False)
    bare = write_bare(folder)
    mlcli = str(Path(sys.executable).parent / "mlcli")
    commands = {}
    for size, data in (("full", full), ("small", small)):
        config = write_config(folder, data=data, target=target, task=task, model=model, stem=f"{name}-{model}-{size}")
        commands["mlcli", size] = [mlcli, "train", "--config", str(config), "--quiet"]
        commands["bare", size] = [sys.executable, str(bare), str(data), target, task, model, json.dumps(PARAMS[model])]
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in commands}
    for number in range(runs + 1):
        for key, command in commands.items():
            wall, _ = run(command)
            if number:  # the first of each warms the disk cache
                seconds[key].append(wall)
    middle = {key: median(values) for key, values in seconds.items()}
    ours, theirs = (middle[who, "full"] - middle[who, "small"] for who in ("mlcli", "bare"))
    cells = [middle["mlcli", "full"], middle["bare", "full"], middle["mlcli", "small"], middle["bare", "small"]]
    return [name, model, *(f"{cell:.2f}" for cell in cells), f"{ours / theirs:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print(
        "| data | model | mlcli train (s) | bare script (s) | mlcli start-up (s) | bare start-up (s) | ratio beyond start-up |"
    )
    print("|---|---|---:|---:|---:|---:|---:|")
    for name in TASKS:
        for model in ("gradient_boosting", "random_forest"):
            with tempfile.TemporaryDirectory() as folder:
                print(
                    "| " + " | ".join(compare(Path(folder), name=name, model=model, runs=arguments.runs)) + " |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
