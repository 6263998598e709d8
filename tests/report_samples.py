"""Rows, contracts and models of known behaviour for the tests of a report."""

from __future__ import annotations

import csv
import io
import random
from functools import cache

import numpy as np

from mlcli.config.load import load_config
from mlcli.data.predictions import Predictions
from mlcli.data.schema import Column, Schema, Target
from mlcli.data.typed import TypedColumns
from mlcli.training.train import train

N = 400

COLUMNS = (
    Column("signal", "number", "number", "numbers", 0, N),
    Column("noise", "number", "number", "numbers", 0, N),
    Column("city", "category", "text", "texts", 0, 3, categories={"Rome": 200, "Oslo": 120, "Bern": 80}),
    Column("member", "boolean", "boolean", "words", 0, 2),
    Column("since", "date", "date", "dates", 0, N),
    Column("note", "text", "text", "texts", 0, N),
)

CLASSES = Schema(
    columns=COLUMNS,
    target=Target("left", "classification", "text", "", classes=("no", "yes"), counts=(N // 2, N // 2), positive="yes"),
    ignored=(),
    id=(),
    weight=None,
    missing_values=(),
    n_rows=N,
)
VALUES = Schema(
    columns=COLUMNS,
    target=Target("price", "regression", "number", ""),
    ignored=(),
    id=(),
    weight=None,
    missing_values=(),
    n_rows=N,
)


@cache
def columns(n_rows=N, seed=0):
    """Return typed rows of every kind."""
    rng = np.random.default_rng(seed)
    return TypedColumns(
        (
            rng.normal(size=n_rows),
            rng.normal(size=n_rows),
            rng.integers(0, 3, size=n_rows).astype(np.intp),
            rng.integers(0, 2, size=n_rows).astype(np.float64),
            rng.integers(1_600_000_000, 1_700_000_000, size=n_rows) * 1_000_000,
            [f"a note of {'many ' * int(k)}words" for k in rng.integers(1, 30, size=n_rows)],
        ),
        n_rows,
    )


def classify(rows):
    """Predict by `signal` alone: 'yes' with the logistic of three times it."""
    proba = 1 / (1 + np.exp(-3 * rows.columns[0]))
    labels = np.array(["no", "yes"], dtype=object)[(proba > 0.5).astype(int)]
    return Predictions(labels, np.column_stack([1 - proba, proba]), ("no", "yes"))


def estimate(rows):
    """Predict ten times `signal`, and five more in Oslo."""
    return Predictions(10 * rows.columns[0] + 5 * (rows.columns[2] == 1), None)


def labels_drawn(rows, seed=1):
    """Return labels drawn with the very probabilities that `classify` gives."""
    proba = classify(rows).y_proba[:, 1]
    return np.array(["no", "yes"], dtype=object)[(np.random.default_rng(seed).random(len(proba)) < proba).astype(int)]


SCRIPT = '<script>document.title="x"</script>'
LEVEL = "</title><b>R&D</b>"
RIGHT_TO_LEFT = "שם \u202e עמודה"
LONG = "a" * 300
HOSTILE = (SCRIPT, "\"quoted\" 'name' & more", "中文列名", RIGHT_TO_LEFT, LONG, "x|y`z[1](http://e.x)")


def hostile_table(n_rows=240):
    """Return a CSV whose column names, categories, texts and classes look like markup."""
    chance = random.Random(1)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*HOSTILE, "when", "note", "tgt"])
    for i in range(n_rows):
        value = chance.gauss(0, 1)
        writer.writerow(
            [
                ["<b>x</b>", '"q"', "中文", "z" * 300][i % 4],
                round(value, 3),
                chance.choice(["是", "否"]),
                "" if i % 7 == 0 else chance.randint(0, 3),
                chance.random(),
                chance.choice(["a`b", "|c|", "<!-- d"]),
                f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d}",
                f"<img src=x onerror=alert({i})> a longer note of words number {i} </style></svg>",
                LEVEL if value + chance.gauss(0, 0.5) > 0.4 else 'good & "fine"' if value > -0.4 else "好",
            ]
        )
    return text.getvalue()


def plain_table(n_rows=200, target="price"):
    """Return a CSV with a number that tells the target, a category, and a column of noise."""
    chance = random.Random(2)
    lines = [f"size,city,noise,{target}"]
    for _ in range(n_rows):
        size = chance.uniform(20, 200)
        city = chance.choice(["Rome", "Oslo", "Bern"])
        price = 1000 * size + (20_000 if city == "Oslo" else 0) + chance.gauss(0, 8_000)
        lines.append(f"{size:.1f},{city},{chance.random():.3f},{price:.0f}")
    return "\n".join(lines) + "\n"


def trained(folder, text, *, target, model="ridge", name="demo", data="", rest=""):
    """Train on a table and return the run."""
    (folder / "table.csv").write_text(text, encoding="utf-8")
    config = folder / "demo.yaml"
    config.write_text(
        f"name: {name}\noutput: runs\ndata: {{path: table.csv, target: {target}{data}}}\n"
        f"model: {{name: {model}}}\nevaluate: {{resamples: 100}}\n{rest}",
        encoding="utf-8",
    )
    return train(load_config(config, environ={}), output=folder / "runs")
