"""A running service held against its own description by schemathesis, all checks on.

The number of cases is small here; `CONFORMANCE_EXAMPLES=100` asks for as many of each operation.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from serve_samples import serving

from mlcli.config.load import load_config
from mlcli.serving.served import load_served
from mlcli.serving.settings import ServeSettings
from mlcli.training.train import train

EXAMPLES = os.environ.get("CONFORMANCE_EXAMPLES", "4")


@pytest.mark.parametrize("config", ["penguins", "bike_sharing"])
def test_the_service_does_what_its_description_says_and_nothing_else(config, data_dir, tmp_path):
    loaded = load_config(data_dir.parent / "configs" / f"{config}.yaml", environ={})
    run = train(loaded, output=tmp_path / "runs").folder
    examples = load_served(run, settings=ServeSettings()).examples
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": "conformance_hooks", "MODEL_EXAMPLES": json.dumps(examples)}
    with serving(tmp_path, "--artifact", str(run)) as server:
        command = [
            str(Path(sys.executable).parent / "schemathesis"), "run", f"http://127.0.0.1:{server.port}/openapi.json", "--checks", "all",
            "--max-examples", EXAMPLES, "--seed", "1", "--phases", "examples,coverage,fuzzing", "--workers", "1",
        ]  # fmt: skip
        done = subprocess.run(
            command, env=environ, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) >= 200
