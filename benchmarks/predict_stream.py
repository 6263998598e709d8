"""Score five million rows made from diamonds: rows per second and peak memory, against scikit-learn on the same chunks.

python benchmarks/predict_stream.py --rows 5000000
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent

# The same model, loaded without checks; rows read, predicted and written in chunks as one would by hand.
BARE = """
import sys
import pandas as pd
from pathlib import Path
from mlcli.artifact.open import open_artifact, load_pipeline

artifact = open_artifact(Path(sys.argv[1]))
pipeline = load_pipeline(artifact)
first = True
for chunk in pd.read_csv(sys.argv[2], chunksize=65536):
    X = chunk[artifact.schema.names].copy()
    for column in artifact.schema.columns:
        X[column.name] = X[column.name].astype("float64" if column.kind == "number" else "str")
    pd.DataFrame({"prediction": pipeline.predict(X)}).to_csv(sys.argv[3], mode="w" if first else "a", header=first)
    first = False
"""


def measure(command: list[str]) -> tuple[float, float]:
    """Return wall seconds and peak resident MB of one process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def make_rows(path: Path, n_rows: int) -> None:
    diamonds = pd.read_csv(ROOT / "data" / "diamonds.csv.gz").drop(columns="price")
    with path.open("w") as file:
        left = n_rows
        while left > 0:
            diamonds.head(left).to_csv(file, index=False, header=left == n_rows)
            left -= len(diamonds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    arguments = parser.parse_args()
    mlcli = str(Path(sys.executable).parent / "mlcli")
    print("| model | what | rows | seconds | rows/s | peak memory (MB) |")
    print("|---|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        rows = folder / "rows.csv"
        make_rows(rows, arguments.rows)
        (folder / "bare.py").write_text(BARE)
        for model in ("ridge", "gradient_boosting"):
            config = folder / f"{model}.yaml"
            data = ROOT / "data" / "diamonds.csv.gz"
            config.write_text(
                f"output: runs/{model}\ndata: {{path: {data}, target: price}}\nmodel: {{name: {model}}}\n"
            )
            subprocess.run([mlcli, "train", "--config", str(config), "--quiet"], check=True, stdout=subprocess.DEVNULL)
            run = folder / "runs" / model / "001"
            commands = {
                "mlcli predict, to CSV": [mlcli, "predict", str(rows), "-a", str(run), "-o", str(folder / "a.csv")],
                "mlcli predict, to Parquet": [
                    mlcli,
                    "predict",
                    str(rows),
                    "-a",
                    str(run),
                    "-o",
                    str(folder / "a.parquet"),
                ],
                "pandas and scikit-learn, to CSV": [
                    sys.executable,
                    str(folder / "bare.py"),
                    str(run),
                    str(rows),
                    str(folder / "b.csv"),
                ],
            }
            for what, command in commands.items():
                seconds, peak = measure(command)
                rate = arguments.rows / seconds
                print(
                    f"| {model} | {what} | {arguments.rows:,} | {seconds:.1f} | {rate:,.0f} | {peak:.0f} |", flush=True
                )


if __name__ == "__main__":
    main()
