"""CPU seconds of the commands that a person types all day, as whole processes.

python benchmarks/startup.py --runs 9
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {
    "mlcli --help": 0.15,
    "mlcli schema": 0.4,
    "mlcli check --no-data --config configs/credit.yaml": 0.5,
    "mlcli models": None,
    "mlcli models logistic_regression": None,
}


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    programs = Path(sys.executable).parent
    print("| command | CPU median (s) | min | max | wanted |")
    print("|---|---:|---:|---:|---:|")
    for text, limit in {"python -c pass": None, "python -c 'import sklearn'": None, **LIMITS}.items():
        if text.startswith("python"):
            command = [sys.executable, "-c", text.removeprefix("python -c ").strip("'")]
        else:
            command = [str(programs / "mlcli"), *text.split()[1:]]
        cpu_seconds(command)
        seconds = [cpu_seconds(command) for _ in range(arguments.runs)]
        print(
            f"| `{text}` | {median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} | {limit or ''} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
