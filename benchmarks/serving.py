"""Requests per second of a served model, beside the app one writes by hand and beside the HTTP stack alone.

    python benchmarks/serving.py

Makes a table of 20 columns (12 numbers with 5 % missing, 8 categories), trains on it, and starts for each model: `mlcli serve`
with one and with two workers, and the customary app (FastAPI, joblib, a DataFrame of each request). Beside them a bare ASGI app
that parses the same JSON and answers with a constant: the floor. All run on uvicorn with uvloop and httptools. The load goes
round the servers in turn, so that a busy moment of the machine hurts all alike; the median of the rounds is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
from load import run_load

BIN = Path(sys.executable).parent
QUIET = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

MODELS = {
    "logistic_regression": "{name: logistic_regression}",
    "gradient_boosting": "{name: gradient_boosting, params: {max_iter: 100, early_stopping: false}}",
    "random_forest": "{name: random_forest, params: {n_estimators: 200}}",
    "nearest_neighbors": "{name: nearest_neighbors}",  # not compiled: scikit-learn answers, in shared batches
}

# What one writes by hand: the same pipeline, saved with joblib, behind FastAPI.
HAND_TRAIN = """
import sys, joblib, pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier

frame = pd.read_csv(sys.argv[1])
y, X = frame.pop("y"), frame
numbers, categories = [c for c in X if c.startswith("n")], [c for c in X if c.startswith("c")]
estimator = {
    "logistic_regression": lambda: LogisticRegression(max_iter=1000),
    "gradient_boosting": lambda: HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0),
    "random_forest": lambda: RandomForestClassifier(200, random_state=0),
    "nearest_neighbors": KNeighborsClassifier,
}[sys.argv[2]]()
scaled = sys.argv[2] in ("logistic_regression", "nearest_neighbors")
number_steps = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()) if scaled else "passthrough"
preprocess = ColumnTransformer([
    ("numbers", number_steps, numbers),
    ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
])
joblib.dump(make_pipeline(preprocess, estimator).fit(X, y), sys.argv[3])
"""

HAND_APP = """
import os
import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

pipeline = joblib.load(os.environ["MODEL"])
app = FastAPI()

class Row(BaseModel):
{fields}

class Rows(BaseModel):
    rows: list[Row]

@app.post("/predict")
def predict(rows: Rows):
    frame = pd.DataFrame([row.model_dump() for row in rows.rows])
    proba = pipeline.predict_proba(frame)
    return {{"predictions": pipeline.classes_[proba.argmax(axis=1)].tolist(), "probabilities": proba.tolist()}}
"""

FLOOR_APP = """
import msgspec

decode = msgspec.json.Decoder().decode
START = {"type": "http.response.start", "status": 200,
         "headers": [(b"content-type", b"application/json"), (b"content-length", b"60")]}
END = {"type": "http.response.body", "body": b'{"predictions":["a"],"probabilities":{"a":[0.25],"b":[0.75]}}'[:60]}

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    decode(body)
    await send(START)
    await send(END)
"""


@dataclass
class Server:
    """A running server: what it is, where it listens, its first process, and seconds to its first answer."""

    model: str
    kind: str
    url: str
    process: subprocess.Popen
    started: float

    def memory(self) -> float:
        """Return the resident MB of the largest process of this server, which is a worker."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        pids = [str(self.process.pid), *children]
        return max(int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) for pid in pids) / 1024


def make_table(path: Path, n_rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(n_rows, 12)) * rng.uniform(0.5, 50, 12) + rng.uniform(-10, 10, 12)
    table = pd.DataFrame({f"n{i}": numbers[:, i].round(4) for i in range(12)})
    z = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    score = z[:, 0] + 0.7 * z[:, 1] * z[:, 2] - 0.5 * z[:, 3]
    for i in range(8):
        levels = np.array([f"level {j}" for j in range(3 + i)])
        codes = rng.integers(0, len(levels), n_rows)
        table[f"c{i}"] = levels[codes]
        score += rng.normal(scale=0.4, size=len(levels))[codes]
    table = table.mask((rng.random(table.shape) < 0.05) & np.array([c.startswith("n") for c in table.columns])[None, :])
    table["y"] = np.where(score + rng.logistic(size=n_rows) > 0, "yes", "no")
    table.to_csv(path, index=False)
    return table


def make_bodies(table: pd.DataFrame, *, n_bodies: int, rows_per_body: int) -> list[str]:
    rows = table.drop(columns="y").astype(object).where(table.drop(columns="y").notna(), None).to_dict("records")
    return [
        json.dumps({"rows": [rows[(n * rows_per_body + k) % len(rows)] for k in range(rows_per_body)]})
        for n in range(n_bodies)
    ]


def train(folder: Path, name: str, form: str) -> Path:
    config = folder / f"{name}.yaml"
    config.write_text(
        f"name: {name}\noutput: runs/{name}\ndata: {{path: table.csv, target: y}}\nmodel: {form}\n", encoding="utf-8"
    )
    subprocess.run([BIN / "mlcli", "train", "--config", config, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    hand = [sys.executable, "-c", HAND_TRAIN, folder / "table.csv", name, folder / f"{name}.joblib"]
    subprocess.run(hand, check=True)
    return folder / "runs" / name / "001"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(model: str, kind: str, command: list, *, port: int, body: str, environ: dict, cwd: Path) -> Server:
    """Start a server and wait for its first prediction."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environ, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}/predict"
    while True:
        try:
            with urlopen(Request(url, body.encode(), {"Content-Type": "application/json"}), timeout=30) as answer:
                answer.read()
            return Server(model, kind, url, process, time.perf_counter() - began)
        except (URLError, ConnectionError):
            if process.poll() is not None:
                raise SystemExit(f"{kind} for {model} ended: {process.stderr.read().decode()[-2000:]}") from None
            time.sleep(0.01)


def start_all(folder: Path, table: pd.DataFrame, body: str, models: list[str]) -> list[Server]:
    fields = "\n".join(
        f"    {c}: {'float' if c.startswith('n') else 'str'} | None = None" for c in table.columns if c != "y"
    )
    (folder / "hand_app.py").write_text(HAND_APP.format(fields=fields))
    (folder / "floor_app.py").write_text(FLOOR_APP)
    uvicorn = [sys.executable, "-m", "uvicorn", "--log-level", "warning", "--no-access-log", "--loop", "uvloop", "--http", "httptools"]  # fmt: skip
    port = free_port()
    servers = [
        start(
            "",
            "floor",
            [*uvicorn, "--port", str(port), "floor_app:app"],
            port=port,
            body=body,
            environ=QUIET,
            cwd=folder,
        )
    ]
    for model in models:
        run = train(folder, model, MODELS[model])
        for workers in (1, 2):
            port = free_port()
            command = [BIN / "mlcli", "serve", "--artifact", run, "--port", str(port), "--workers", str(workers)]
            servers.append(
                start(
                    model,
                    f"mlcli, {workers} worker{'s' * (workers > 1)}",
                    command,
                    port=port,
                    body=body,
                    environ=dict(os.environ),
                    cwd=folder,
                )
            )
        port = free_port()
        environ = {**QUIET, "MODEL": str(folder / f"{model}.joblib")}
        servers.append(
            start(
                model,
                "FastAPI + joblib",
                [*uvicorn, "--port", str(port), "hand_app:app"],
                port=port,
                body=body,
                environ=environ,
                cwd=folder,
            )
        )
        print(f"started {model}", file=sys.stderr)
    return servers


def measure(servers: list[Server], bodies: dict[int, list[str]], *, rounds: int, seconds: float) -> dict:
    """Return the loads of each server by (connections, rows in a request)."""
    loads = defaultdict(list)
    for _ in range(rounds):
        for connections, n_rows in ((1, 1), (16, 1), (64, 1), (16, 100)):
            for server in servers:
                load = run_load(server.url, bodies[n_rows], connections=connections, seconds=seconds)
                if load.failed:
                    raise SystemExit(f"{server.kind} for {server.model}: {load.failed} failed answers")
                loads[server.model, server.kind, connections, n_rows].append(load)
    return loads


def print_table(servers: list[Server], loads: dict) -> None:
    def median(server: Server, connections: int, n_rows: int, field: str) -> float:
        return statistics.median(getattr(load, field) for load in loads[server.model, server.kind, connections, n_rows])

    floor = servers[0]
    print(
        "| model | server | start (s) | memory (MB) | c=1 p50 (ms) | c=1 p99 | c=16 req/s | c=64 p50 (ms) | c=64 p99 | "
        "c=64 req/s | of floor | times FastAPI | 100-row requests: rows/s | times FastAPI |"
    )
    print("|---|---|" + "---:|" * 12)
    for server in servers:
        hand = next((s for s in servers if s.model == server.model and s.kind.startswith("FastAPI")), None)
        rate, rows = median(server, 64, 1, "requests_per_second"), 100 * median(server, 16, 100, "requests_per_second")
        to_hand = rate / median(hand, 64, 1, "requests_per_second") if hand else None
        rows_to_hand = rows / (100 * median(hand, 16, 100, "requests_per_second")) if hand else None
        print(
            f"| {server.model or 'none'} | {server.kind} | {server.started:.2f} | {server.memory():.0f} | "
            f"{median(server, 1, 1, 'p50'):.3f} | {median(server, 1, 1, 'p99'):.3f} | "
            f"{median(server, 16, 1, 'requests_per_second'):,.0f} | {median(server, 64, 1, 'p50'):.2f} | "
            f"{median(server, 64, 1, 'p99'):.2f} | {rate:,.0f} | {rate / median(floor, 64, 1, 'requests_per_second'):.2f} | "
            f"{f'{to_hand:.1f}' if to_hand else ''} | {rows:,.0f} | {f'{rows_to_hand:.1f}' if rows_to_hand else ''} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of the training table")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = make_table(folder / "table.csv", options.rows)
        bodies = {n: make_bodies(table, n_bodies=200, rows_per_body=n) for n in (1, 100)}
        servers = start_all(folder, table, bodies[1][0], options.models)
        try:
            loads = measure(servers, bodies, rounds=options.rounds, seconds=options.seconds)
            print_table(servers, loads)
        finally:
            for server in servers:
                server.process.terminate()
            for server in servers:
                server.process.wait(30)


if __name__ == "__main__":
    main()
