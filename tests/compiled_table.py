"""What compiles and what does not, by model and task: for a test and for the table in docs/compiled.md.

``python tests/compiled_table.py`` measures and writes the table into the page.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from models_samples import KINDS, config_of, dataset_of, mixed_rows, schema_of, target_of

from mlcli.config.sections import PreprocessConfig, TextConfig
from mlcli.data.frames import columns_from_frame
from mlcli.inference.machine import Machine
from mlcli.inference.predictor import PipelinePredictor
from mlcli.inference.translate import NotCompiled, translate
from mlcli.models.pipeline import build_pipeline, fit_pipeline
from mlcli.registry import MODELS

PAGE = Path(__file__).parent.parent / "docs" / "compiled.md"
BOTH = [(name, task) for name, entry in MODELS.items() for task in entry.tasks]

TEXTS = PreprocessConfig(text=TextConfig(max_features=200))
"""Enough n-grams to be real, few enough for a quick fit."""


@dataclass(frozen=True)
class Compiled:
    """How one model fares.

    Parameters
    ----------
    name, task : str
        The model.
    reason : str, optional
        Why it does not compile; None when it does.
    difference : float
        Largest absolute difference from scikit-learn, relative to values above 1.
    """

    name: str
    task: str
    reason: str | None
    difference: float


def compile_one(name, task, *, params=None, n_rows=400, n_new=2000):
    """Fit a model on rows of every kind, compile it, and hold the program against the pipeline on new rows."""
    pipeline, schema = _fit(name, task, mixed_rows(n_rows), params=params)
    new = mixed_rows(n_new, seed=1)
    try:
        outputs = Machine(translate(pipeline, schema)).rows(columns_from_frame(new, schema))
    except NotCompiled as refusal:
        return Compiled(name, task, str(refusal), 0.0)
    expected = PipelinePredictor(pipeline, schema).outputs(new)
    return Compiled(name, task, None, float((np.abs(outputs - expected) / np.maximum(1.0, np.abs(expected))).max()))


def time_one(name, task, *, n_rows=400):
    """Return the microseconds that one row takes, of every kind but a text, which takes longer than any model."""
    X = mixed_rows(n_rows).drop(columns="remark")
    pipeline, schema = _fit(name, task, X)
    columns = columns_from_frame(X, schema).columns
    rows = cycle([list(cells) for cells in zip(*(column.tolist() for column in columns), strict=True)])
    try:
        machine = Machine(translate(pipeline, schema))
    except NotCompiled:
        wanted = PipelinePredictor(pipeline, schema)
        return _microseconds(lambda: wanted.predict_row(next(rows)), repeats=5)
    return _microseconds(lambda: machine.row(next(rows)), repeats=500)


def _fit(name, task, X, *, params=None):
    y = target_of(X, "number" if task == "regression" else "three")
    config = config_of(name, params=params, preprocess=TEXTS)
    schema = schema_of(X, y, kinds={column: KINDS[column] for column in X})
    return fit_pipeline(build_pipeline(config, schema), dataset_of(X, y), model=config.model), schema


def _microseconds(function, *, repeats):
    function()
    times = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(repeats):
            function()
        times.append((time.perf_counter() - started) / repeats)
    return min(times) * 1e6


def table(results, microseconds):
    lines = [
        "| model | task | compiled | largest difference | one row (µs) |",
        "|---|---|---|---:|---:|",
        *(
            f"| `{r.name}` | {r.task} | yes | {r.difference:.1e} | {time:,.0f} |"
            if r.reason is None
            else f"| `{r.name}` | {r.task} | no: {r.reason} | | {time:,.0f} |"
            for r, time in zip(results, microseconds, strict=True)
        ),
    ]
    return "\n".join(lines)


def verdicts(text):
    """Return what the page's table says of each model: its name, task and whether it compiles, with the reason."""
    return re.findall(r"^\| `(\w+)` \| (\w+) \| (yes|no: [^|]+?) \|", text, re.MULTILINE)


def main():
    results = [compile_one(name, task) for name, task in BOTH]
    written_table = table(results, [time_one(name, task) for name, task in BOTH])
    text = PAGE.read_text(encoding="utf-8")
    written = re.sub(
        r"(<!-- compiled -->\n).*?(<!-- end -->)",
        lambda m: f"{m[1]}\n{written_table}\n\n{m[2]}",
        text,
        flags=re.DOTALL,
    )
    PAGE.write_text(written, encoding="utf-8")
    sys.stdout.write(written_table + "\n")


if __name__ == "__main__":
    main()
