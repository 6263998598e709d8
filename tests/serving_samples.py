"""Small trained models, and a client that asks an app in the same process."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlcli.config.load import load_config
from mlcli.training.train import train

TARGETS = {"left": "two classes", "size": "three classes", "spent": "regression"}
"""Targets of the sample table, with what they are."""


def sample_table(n_rows: int = 240) -> pd.DataFrame:
    """Return a table with a column of every kind, gaps, and three targets."""
    rng = np.random.default_rng(0)
    income = rng.normal(50, 12, n_rows).round(1)
    age = rng.integers(18, 80, n_rows)
    city = rng.choice(["Oslo", "Bergen", "Tromsø", "Ålesund"], n_rows)
    member = rng.random(n_rows) < 0.5
    risk = income / 12 + (city == "Oslo") + rng.normal(0, 0.5, n_rows)
    table = pd.DataFrame(
        {
            "income": income,
            "age": age,
            "city": city,
            "member": np.where(member, "yes", "no"),
            "since": pd.date_range("2020-01-01", periods=n_rows, freq="37h").strftime("%Y-%m-%d"),
            "left": np.where(risk > np.median(risk), "yes", "no"),
            "size": np.array(["small", "medium", "large"])[np.digitize(risk, np.quantile(risk, [0.33, 0.66]))],
            "spent": (risk * 10 + age / 10).round(2),
        }
    )
    table.loc[::17, "income"] = np.nan
    table.loc[5::23, "city"] = None
    return table


def train_sample(folder: Path, *, target: str = "left", model: str = "", params: str = "") -> Path:
    """Train a model of one target of the sample table; return its run folder."""
    model = model or ("ridge" if target == "spent" else "logistic_regression")
    folder.mkdir(parents=True, exist_ok=True)
    others = [name for name in TARGETS if name != target]
    sample_table().drop(columns=others).to_csv(folder / "table.csv", index=False)
    config = folder / f"{target}.yaml"
    config.write_text(
        f"name: {target}\noutput: runs\ndata: {{path: table.csv, target: {target}}}\n"
        f"model: {{name: {model}{', params: ' + params if params else ''}}}\nevaluate: {{resamples: 100}}\n",
        encoding="utf-8",
    )
    return train(load_config(config, environ={}), output=folder / "runs").folder


@dataclass
class Response:
    """What a client gets."""

    status: int
    headers: dict[str, str]
    body: bytes
    messages: list[dict[str, Any]] = field(default_factory=list)

    def json(self) -> Any:
        """Return the body, which must be strict JSON."""

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not JSON")

        return json.loads(self.body, parse_constant=refuse)


async def ask(
    app: Any,
    path: str = "/predict",
    *,
    method: str | None = None,
    body: bytes | Any = None,
    pieces: list[bytes | float] | None = None,
    headers: dict[str, str] | None = None,
    query: str = "",
    root_path: str = "",
) -> Response:
    """Send one request to an ASGI app and return its answer.

    Parameters
    ----------
    body : bytes or JSON value
        The body; with one the method is POST where none is named.
    pieces : list of bytes or float, optional
        The body in pieces, and seconds to wait between them; None at the end: the client leaves.
    """
    if not isinstance(body, bytes | None):
        body = json.dumps(body).encode()
        headers = {"content-type": "application/json", **(headers or {})}
    incoming = _incoming([body or b""] if pieces is None else pieces)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        for item in incoming:
            if isinstance(item, float):
                await asyncio.sleep(item)
            else:
                return item
        await asyncio.get_running_loop().create_future()  # a client that stays says nothing more
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(dict(message))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method or ("GET" if body is None and pieces is None else "POST"),
        "path": root_path + path,
        "raw_path": (root_path + path).encode("utf-8", "surrogateescape"),
        "root_path": root_path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }
    await app(scope, receive, send)
    return _response(sent)


def _incoming(pieces: list[Any]) -> Any:
    for number, piece in enumerate(pieces, start=1):
        if piece is None:
            yield {"type": "http.disconnect"}
        elif isinstance(piece, float):
            yield piece
        else:
            yield {"type": "http.request", "body": piece, "more_body": number < len(pieces)}


def _response(sent: list[dict[str, Any]]) -> Response:
    if not sent:
        return Response(0, {}, b"")
    start, *rest = sent
    assert start["type"] == "http.response.start"
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Response(start["status"], headers, b"".join(message.get("body", b"") for message in rest), sent)


def run(coroutine: Any) -> Any:
    """Run a coroutine to its end in a loop of its own."""
    return asyncio.run(coroutine)


@dataclass
class Stub:
    """A predictor whose every answer is planned: class 1 with the probability of the first cell over 100.

    Parameters
    ----------
    real : Predictor
        Whose schema it has.
    seconds : float
        How long a batch takes.
    bad : float, optional
        A first cell at which prediction fails.
    """

    real: Any
    compiled: bool = False
    seconds: float = 0.0
    bad: float | None = None
    value: float | None = None
    threshold: Any = None
    sizes: list[int] = field(default_factory=list)

    @property
    def schema(self) -> Any:
        """The data contract."""
        return self.real.schema

    def predict_columns(self, columns: Any) -> Any:
        """Predict as planned."""
        from mlcli.inference.predictor import predictions_from

        self.sizes.append(columns.n_rows)
        time.sleep(self.seconds)
        first = np.asarray(columns.columns[0])
        if self.bad is not None and (first == self.bad).any():
            raise ZeroDivisionError("planned")
        share = first / 100 if self.value is None else np.full(len(first), self.value)
        return predictions_from(np.column_stack([1 - share, share]), self.schema, self.threshold)

    def predict_row(self, row: Any) -> list[float]:
        """Predict as planned."""
        from mlcli.data.typed import columns_from_rows

        outputs: list[float] = self.predict_columns(columns_from_rows([row], self.schema.columns)).y_proba[0].tolist()
        return outputs

    def label(self, outputs: Any) -> Any:
        """Return the class."""
        return self.schema.target.classes[int(outputs[1] > 0.5)]
