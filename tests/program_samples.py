"""Programs made by hand: every operation, head and node, small enough to change piece by piece."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from mlcli.data.frames import columns_from_frame
from mlcli.data.schema import Column, DateRange, NumberRange, Schema, Target, TextLength
from mlcli.inference.machine import Machine
from mlcli.inference.program import (
    Affine,
    Bayes,
    Clip,
    Constant,
    Dates,
    Gaps,
    Impute,
    Isotonic,
    Kernel,
    Linear,
    Lookup,
    Model,
    Network,
    NGrams,
    Numbers,
    OneHot,
    Program,
    Quantile,
    Scale,
    Sigmoids,
    Text,
    Trees,
    Vote,
)
from mlcli.inference.sound import program_columns

N_ROWS = 300
SPREAD = NumberRange(-3.0, 3.0, (-2.5, -2.0, -1.0, 0.0, 1.0, 2.0, 2.5), integer=False)
WORDS = ("late", "parcel", "thanks", "broken", "again")


def frame() -> pd.DataFrame:
    """Typed rows with every kind of column, some cells missing."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame(
        {
            "length": rng.normal(size=N_ROWS),
            "width": rng.normal(2.0, 1.5, N_ROWS),
            "paid": rng.integers(0, 2, N_ROWS).astype(np.float64),
            "colour": pd.array(rng.choice(["red", "green", "blue"], N_ROWS), dtype="str"),
            "since": pd.to_datetime(rng.integers(1_500_000_000, 1_700_000_000, N_ROWS), unit="s").astype(
                "datetime64[us]"
            ),
            "note": pd.array([" ".join(rng.choice(WORDS, 4)) for _ in range(N_ROWS)], dtype="str"),
        }
    )
    for column, step in (("length", 7), ("paid", 11), ("colour", 13), ("since", 9), ("note", 17)):
        data.loc[::step, column] = None
    return data


def schema(*, n_classes: int = 0) -> Schema:
    """Return the contract of `frame`: a regression, or so many classes."""
    labels = tuple("abcdef"[:n_classes]) or None
    return Schema(
        columns=(
            Column("length", "number", "number", "", 43, 257, number=SPREAD),
            Column("width", "number", "number", "", 0, 300, number=SPREAD),
            Column("paid", "boolean", "boolean", "", 28, 2),
            Column("colour", "category", "text", "", 24, 3, categories={"red": 100, "green": 90, "blue": 86}),
            Column("since", "date", "date", "", 34, 266, date=DateRange("2017-07-14", "2023-11-14")),
            Column("note", "text", "text", "", 18, 200, text=TextLength(24.0, 30, spaced=True)),
        ),
        target=Target("kind", "classification" if labels else "regression", "text", "", classes=labels),
        ignored=(),
        id=(),
        weight=None,
        missing_values=(),
        n_rows=N_ROWS,
    )


def array(*numbers: Any) -> np.ndarray:
    return np.array(numbers, dtype=np.float64)


def model(head: Any, *features: Any) -> Model:
    widths = {Numbers: lambda op: len(op.columns), Gaps: lambda op: len(op.columns), OneHot: lambda op: op.width,
              Lookup: lambda op: op.table.shape[1], Text: lambda op: op.width,
              Dates: lambda op: sum(map(len, op.parts)) + sum(op.elapsed) + sum(op.gaps)}  # fmt: skip
    return Model(sum(widths[type(op)](op) for op in features), features, head)


def program(node: Any, *, n_classes: int = 0, threshold: float | None = None, positive: int | None = None) -> Program:
    contract = schema(n_classes=n_classes)
    return Program(
        contract.target.task, program_columns(contract), max(1, n_classes), node, threshold=threshold, positive=positive
    )


def numbers(start: int = 0) -> Numbers:
    steps = (Clip(1e30), Impute(array(0.5, 1.5)), Scale(array(0.1, 2.0), array(0.9, 1.7)))
    return Numbers((0, 1), start, steps)


def weights(*shape: int, seed: int = 0, scale: float = 0.4) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, scale, shape)


def words(analyzer: str = "word", low: int = 1, high: int = 2) -> NGrams:
    terms = {"word": ["again", "broken", "late", "late parcel", "thanks"], "char_wb": [" la", "ank", "celx", "gain"]}[
        analyzer
    ]
    text = np.frombuffer(json.dumps(terms).encode(), dtype=np.uint8)
    return NGrams(analyzer, low, high, text, 1.0 + np.abs(weights(len(terms), seed=5, scale=1.0)))


def trees(*, link: str = "identity", outputs: int = 1, n_values: int = 1, **options: Any) -> Trees:
    """Two trees of five nodes each on features 0 and 1, or as many more as there are outputs."""
    n_trees = 2 * (outputs if n_values < outputs else 1)
    feature = np.array([0] * n_trees + [1, -1] * n_trees + [-1, -1] * n_trees, dtype=np.int32)
    n_nodes = len(feature)
    child = np.arange(n_nodes, dtype=np.int32)
    child[:n_trees] = n_trees + 2 * np.arange(n_trees)
    child[n_trees : 3 * n_trees : 2] = 3 * n_trees + 2 * np.arange(n_trees)
    inner = feature >= 0
    threshold = np.where(inner, weights(n_nodes, seed=7, scale=0.5), 0.0)
    missing = np.where(inner, np.arange(n_nodes) % 2 == 0, False)
    value = np.where(inner[:, None], 0.0, weights(n_nodes, n_values, seed=8))
    # Of 10 rows 6 go to the left of a root, which is asked again, and 2 of them further on.
    cover = np.array([10.0] * n_trees + [6.0, 4.0] * n_trees + [2.0, 4.0] * n_trees)
    defaults: dict[str, Any] = {
        "base": array(*[0.3] * outputs),
        "divisor": 1.0,
        "strict": False,
        "precision": "float64",
        "cover": cover,
    }
    return Trees(n_trees, feature, threshold, child, missing, value, outputs, link=link, **(defaults | options))


def samples() -> dict[str, tuple[Program, Schema]]:
    """Return programs that hold, together, every operation and every field."""
    one_hot = OneHot(3, 2, 4, np.array([0, 1, 2, 3, -1]))
    gaps = Gaps((0, 2), 2)
    lookup = Lookup(3, 2, weights(5, 2, seed=1))
    dates = Dates((4,), 2, (("year", "weekday"),), (True,), (1_400_000_000_000_000,), (True,),
                  (Impute(array(2020.0, 3.0, 1500.0, 0.5)), Affine(array(0.01, 0.1, 0.001, 1.0), array(-20.0, 0.2, -1.0, 0.1))))  # fmt: skip
    text = Text(5, 0, 9, (words(), words("char_wb", 3, 4)), 4.0)
    parts = Text(5, 0, 2, (words("char_wb", 3, 4),), 2.0, weights(2, 4, seed=2))
    quantile = Numbers(
        (0, 1), 0, (Impute(array(0.5, 1.5)), Quantile(np.sort(weights(9, 2, scale=2.0), axis=0), np.linspace(0, 1, 9)))
    )
    plain = Numbers((0, 1), 0)

    def linear(k: int, n: int, link: str, **platt: Any) -> Linear:
        return Linear(weights(k, n, seed=k), weights(k, seed=9), link, means=weights(n, seed=6), **platt)

    votes = Vote((model(linear(1, 2, "sigmoid"), numbers()), model(trees(link="sigmoid"), plain)), (0.3, 0.7))
    sigmoids = Sigmoids(model(linear(3, 2, "softmax"), numbers()), array(-3.0, -2.0, -4.0), array(0.5, 1.0, 1.5))
    isotonic = Isotonic(model(linear(1, 2, "identity"), numbers()), (array(-1.0, 0.0, 1.0),), (array(0.1, 0.3, 0.8),))
    bayes = Bayes(weights(3, 2), 0.5 + np.abs(weights(3, 2, seed=4)), np.log(array(0.2, 0.3, 0.5)))
    network = Network((weights(2, 3), weights(3, 2, seed=1)), (weights(3), weights(2, seed=3)), "tanh", "softmax")
    kernel = Kernel(weights(4, 2, scale=1.0), weights(2, 4, seed=2), weights(2), "rbf", 0.5, 3, 0.1, "ovr",
                    slopes=array(-1.5, -1.2), offsets=array(0.1, 0.2))  # fmt: skip
    poly = Kernel(weights(4, 2), weights(1, 4, seed=2), weights(1), "poly", 0.5, 2, 0.7, "identity")
    made: dict[str, tuple[Any, int]] = {
        "constant": (model(Constant(array(0.25, 0.75))), 2),
        "linear": (model(linear(1, 6, "identity"), numbers(), one_hot), 0),
        "exp": (model(linear(1, 4, "exp"), numbers(), gaps), 0),
        "platt": (model(linear(1, 2, "sigmoid", slopes=array(-1.5), offsets=array(0.2)), numbers()), 2),
        "lookup": (model(linear(3, 4, "softmax"), numbers(), lookup), 3),
        "dates": (model(linear(1, 6, "identity"), numbers(), dates), 0),
        "text": (model(linear(1, 9, "identity"), text), 0),
        "components": (model(linear(1, 2, "identity"), parts), 0),
        "quantile": (model(linear(1, 2, "identity"), quantile), 0),
        "bayes": (model(bayes, numbers()), 3),
        "network": (model(network, numbers()), 2),
        "kernel": (model(kernel, numbers()), 2),
        "poly": (model(poly, numbers()), 0),
        "trees": (model(trees(), plain), 0),
        "forest": (
            model(trees(outputs=2, n_values=2, precision="float32", divisor=2.0, base=array(0.0, 0.0)), plain),
            2,
        ),
        "boosting": (model(trees(outputs=3, link="softmax", strict=True), plain), 3),
        "vote": (votes, 2),
        "sigmoids": (sigmoids, 3),
        "isotonic": (isotonic, 2),
    }
    found = {name: (program(node, n_classes=n), schema(n_classes=n)) for name, (node, n) in made.items()}
    return found | {
        "threshold": (program(made["platt"][0], n_classes=2, threshold=0.4, positive=1), schema(n_classes=2))
    }


class Reference:
    """A pipeline that answers as a program does: what scikit-learn would be for it."""

    def __init__(self, made: Program, contract: Schema) -> None:
        self.machine, self.schema = Machine(made), contract

    def outputs(self, X: pd.DataFrame) -> Any:
        return self.machine.rows(columns_from_frame(X, self.schema))

    def predict(self, X: pd.DataFrame) -> Any:
        outputs, made = self.outputs(X), self.machine.program
        if self.schema.target.classes is None:
            return outputs[:, 0]
        labels = np.array(self.schema.target.classes, dtype=object)
        if made.threshold is None:
            return labels[np.argmax(outputs, axis=1)]
        return labels[np.where(outputs[:, made.positive] >= made.threshold, made.positive, 1 - made.positive)]

    def predict_proba(self, X: pd.DataFrame) -> Any:
        return self.outputs(X)
