"""Small trained models, raw rows of them, and a running service, for the tests of the protocols."""

from __future__ import annotations

import csv
import io
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import uvicorn

from mlcli.cli.boundary import run

BIG = 2**53

MIXED = """\
name: Mixte démo
output: runs
data:
  path: mixed.csv
  target: churn
  id: [id]
  drop: [remark]
  columns: {age: number, city: category, account: category, member: boolean, joined: date}
model: {name: logistic_regression}
evaluate: {resamples: 100}
"""
NUMBERS = """\
name: numbers
output: runs
data: {path: numbers.csv, target: grade, columns: {a: number, b: number, c: boolean}}
task: classification
model: {name: logistic_regression}
evaluate: {resamples: 100}
"""
PRICES = """\
name: prices
output: runs
data: {path: numbers.csv, target: price, columns: {a: number, b: number, c: boolean}, drop: [grade]}
model: {name: linear}
evaluate: {resamples: 100}
"""


@dataclass(frozen=True)
class Sample:
    """A trained model and rows for it.

    Parameters
    ----------
    run : Path
        Its run folder.
    name : str
        Its name.
    rows : list of dict
        Raw JSON cells by column, missing and unseen ones among them.
    """

    run: Path
    name: str
    rows: list[dict[str, Any]]

    @property
    def columns(self) -> list[str]:
        """The model's columns, in training order."""
        return list(self.rows[0])

    def csv(self) -> str:
        """Return the rows as CSV; a missing cell is blank."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.columns)
        for row in self.rows:
            cells = [str(cell).lower() if isinstance(cell, bool) else cell for cell in row.values()]
            writer.writerow(["" if cell is None else cell for cell in cells])
        return text.getvalue()

    @cached_property
    def predicted(self) -> tuple[list[Any], list[list[float]]]:
        """What `mlcli predict` says of the rows: predictions, and probabilities."""
        source, output = self.run.parent / "rows.csv", self.run.parent / "scored.jsonl"
        source.write_text(self.csv(), encoding="utf-8")
        assert (
            run(["predict", str(source), "--artifact", str(self.run), "--output", str(output), "--keep", "none", "-q"])
            == 0
        )
        lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
        shares = [[value for key, value in line.items() if key.startswith("probability_")] for line in lines]
        return [line["prediction"] for line in lines], shares


@cache
def mixed_sample(folder: Path) -> Sample:
    """Train a classifier on columns of every kind, once for each `folder`; its accounts differ beyond what a float can tell."""
    chance = random.Random(0)
    lines = ["id,age,city,account,member,joined,remark,churn"]
    for row in range(160):
        age, city = chance.randint(18, 80), chance.choice(["Oslo", "Bern", "São Paulo"])
        account = BIG + chance.randint(0, 1)
        member = chance.choice(["true", "false"])
        score = age + 25 * (account - BIG) + 9 * (member == "true") + chance.gauss(0, 9)
        date = f"2024-{row % 12 + 1:02d}-{row % 28 + 1:02d}"
        lines.append(
            f"{row},{age if row % 9 else ''},{city},{account},{member},{date},r{row},{'yes' if score > 65 else 'no'}"
        )
    rows = [
        {"age": 70.5, "city": "Oslo", "account": BIG + 1, "member": True, "joined": "2024-05-06"},
        {"age": 70.5, "city": "Oslo", "account": BIG, "member": False, "joined": "2024-05-06"},
        {"age": None, "city": "São Paulo", "account": BIG, "member": None, "joined": "2024-11-30"},
        {"age": 21, "city": "Atlantis", "account": None, "member": True, "joined": None},
        {"age": 1.0e6, "city": None, "account": BIG + 1, "member": False, "joined": "2031-01-01"},
    ]
    return Sample(_train(folder, MIXED, "mixed.csv", lines), "Mixte démo", rows)


@cache
def number_sample(folder: Path) -> Sample:
    """Train a classifier of whole-numbered classes on numbers alone."""
    rows: list[dict[str, Any]] = [
        {"a": 0.1, "b": 3.25, "c": True},
        {"a": None, "b": -2.0, "c": False},
        {"a": 1.75, "b": None, "c": None},
    ]
    return Sample(_train(folder, NUMBERS, "numbers.csv", _numbers(), drop="price"), "numbers", rows)


@cache
def price_sample(folder: Path) -> Sample:
    """Train a regression on numbers alone."""
    rows: list[dict[str, Any]] = [{"a": 0.1, "b": 3.25, "c": True}, {"a": None, "b": -2.0, "c": False}]
    return Sample(_train(folder, PRICES, "numbers.csv", _numbers()), "prices", rows)


def _numbers() -> list[str]:
    chance = random.Random(1)
    lines = ["a,b,c,grade,price"]
    for row in range(150):
        a, b, c = chance.gauss(0, 1), chance.gauss(0, 2), chance.randint(0, 1)
        grade = sum(a + b + c + chance.gauss(0, 0.5) > edge for edge in (-1, 1))
        lines.append(f"{a:.3f},{'' if row % 11 == 0 else f'{b:.3f}'},{c},{grade},{3 * a - b + 2 * c:.3f}")
    return lines


def _train(folder: Path, config: str, name: str, lines: list[str], *, drop: str | None = None) -> Path:
    folder = folder / config.splitlines()[0].removeprefix("name: ")
    folder.mkdir()
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "c.yaml").write_text(config, encoding="utf-8")
    more = ["--set", f"data.drop=[{drop}]"] if drop else []
    assert run(["train", "--config", str(folder / "c.yaml"), "-q", "--json", *more]) == 0
    return folder / "runs" / "001"


@contextmanager
def running(app: Any) -> Iterator[int]:
    """Serve an app on a free port of this machine and yield the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            for _ in range(1000):
                if server.started:
                    break
                time.sleep(0.01)
            assert server.started
            yield port
        finally:
            server.should_exit = True
            thread.join(timeout=20)
