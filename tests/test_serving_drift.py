"""The service counts what it predicts, in bounded memory, and shows how far it is from training."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from serving_samples import ask, run, sample_table, train_sample

from mlcli.serving import create_app
from mlcli.serving.drift import AT_ONCE, LATEST, LEAST_ROWS, DriftWatch
from mlcli.serving.served import load_served
from mlcli.serving.settings import ServeSettings


@pytest.fixture(scope="module", params=["left", "size", "spent"])
def served(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return load_served(train_sample(folder, target=request.param), settings=ServeSettings())


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    return train_sample(tmp_path_factory.mktemp("alone"))


def rows_of(n_rows, *, shift=0.0, gaps=0.0):
    table = sample_table(n_rows)[["income", "age", "city", "member", "since"]]
    table["income"] = table["income"] + shift
    table.loc[np.random.default_rng(0).random(n_rows) < gaps, "age"] = np.nan
    return json.loads(table.to_json(orient="records"))


async def send(app, rows, *, each):
    """Send rows in requests of `each`, and let the service count after every one."""
    for start in range(0, len(rows), each):
        await ask(app, body={"rows": rows[start : start + each]})
        app.state.service.metrics.share()
    return (await ask(app, "/metrics")).body.decode()


def values(text, name):
    """Return a metric by its label."""
    lines = re.findall(rf"^{name}(?:{{\w+=\"([^\"]+)\"}})? (\S+)$", text, re.MULTILINE)
    return {label: float(value) for label, value in lines}


@pytest.mark.parametrize("each", [1, 5, 120], ids=["one by one", "few", "many"])
def test_rows_like_training_have_no_drift_and_shifted_ones_have(each, served):
    rows, shifted = rows_of(240), rows_of(240, shift=30.0, gaps=0.5)

    usual = run(send(create_app(served), rows, each=each))
    moved = run(send(create_app(served), shifted, each=each))

    assert values(usual, "mlcli_drift_rows") == values(moved, "mlcli_drift_rows") == {"": 240.0}
    assert set(values(usual, "mlcli_drift_psi")) == {"income", "age", "city", "member"}, "dates move on by nature"
    assert max(values(usual, "mlcli_drift_psi").values()) < 0.1
    assert values(moved, "mlcli_drift_psi")["income"] > 1
    assert values(moved, "mlcli_drift_psi")["city"] < 0.1
    assert values(moved, "mlcli_drift_missing_ratio")["age"] == pytest.approx(0.5, abs=0.1)
    assert values(usual, "mlcli_drift_missing_ratio")["age"] == 0.0
    assert max(values(moved, "mlcli_drift_prediction_psi").values()) > 0.25
    assert max(values(usual, "mlcli_drift_prediction_psi").values()) < 0.25


def test_every_dialect_is_counted(left):
    app = create_app(load_served(left, settings=ServeSettings()))
    rows = rows_of(3)

    async def story():
        await ask(app, body=rows[0])
        await ask(app, "/invocations", body={"dataframe_records": rows})
        await ask(app, "/v1/models/left:predict", body={"instances": rows})
        return (await ask(app, "/metrics")).body.decode()

    assert values(run(story()), "mlcli_drift_rows") == {"": 7.0}


def test_few_rows_have_no_index_yet(left):
    app = create_app(load_served(left, settings=ServeSettings()))

    few = run(send(app, rows_of(LEAST_ROWS - 1), each=50))
    assert values(few, "mlcli_drift_psi") == {}
    assert values(few, "mlcli_drift_rows") == {"": LEAST_ROWS - 1.0}

    enough = run(send(app, rows_of(1), each=1))
    assert len(values(enough, "mlcli_drift_psi")) == 4


def test_what_is_kept_between_two_counts_is_bounded(left):
    served = load_served(left, settings=ServeSettings())
    watch = DriftWatch(served)
    read = served.reader.read_records(rows_of(1))
    none = served.reader.read_records([])
    for _ in range(10 * AT_ONCE):
        watch.see(read, ["no"], [[0.6, 0.4]])
    watch.count()
    assert watch.observed.n_rows == AT_ONCE

    for _ in range(10 * AT_ONCE):
        watch.see(none, [], [])
    assert watch._seen == [], "a request without rows is nothing to keep"
    watch.count()
    watch.see(read, ["no"], [[0.6, 0.4]])
    watch.count()
    assert watch.observed.n_rows == AT_ONCE + 1, "there is room again"


def test_of_a_long_request_rows_from_all_over_it_are_counted(left):
    served = load_served(left, settings=ServeSettings())
    watch = DriftWatch(served)
    rows = sorted(rows_of(2000), key=lambda row: row["age"])
    read = served.reader.read_records(rows)
    watch.see(read, ["no"] * 1000 + ["yes"] * 1000, [[0.6, 0.4]] * 2000)
    watch.count()

    assert 0.9 * AT_ONCE <= watch.observed.n_rows <= AT_ONCE
    assert watch.observed.columns[1].mean == pytest.approx(np.mean([row["age"] for row in rows]), rel=0.02)
    said = watch.observed.said[0].counts
    assert abs(int(said[0]) - int(said[1])) <= 1


def test_old_rows_are_forgotten_by_halves(left):
    watch = DriftWatch(load_served(left, settings=ServeSettings()))
    read = watch._served.reader.read_records(rows_of(AT_ONCE))
    for _ in range(2 * LATEST // AT_ONCE + 3):
        watch.see(read, ["no"] * AT_ONCE, [[0.6, 0.4]] * AT_ONCE)
        watch.count()

    assert watch.observed.n_rows == LATEST + 3 * AT_ONCE


def test_a_model_that_is_swapped_in_begins_anew(left):
    served = load_served(left, settings=ServeSettings())
    app = create_app(served)
    run(send(app, rows_of(240, shift=30.0), each=100))
    app.state.service.swap(dataclasses.replace(served, version="2"))

    text = run(send(app, rows_of(220), each=100))

    assert values(text, "mlcli_drift_rows") == {"": 220.0}
    assert values(text, "mlcli_drift_psi")["income"] < 0.1


def test_a_model_of_an_old_format_shows_no_drift(left):
    served = dataclasses.replace(load_served(left, settings=ServeSettings()), distributions=None)

    assert "drift" not in run(send(create_app(served), rows_of(240), each=100))


WORKER = """
import asyncio, json, sys
from serving_samples import ask
from test_serving_drift import rows_of, send
from mlcli.serving import create_app
app = create_app(sys.argv[1])
print(asyncio.run(send(app, rows_of(150, shift=float(sys.argv[2])), each=50)))
"""


def test_workers_that_share_a_folder_show_the_drift_of_all(left, tmp_path):
    """150 rows a worker are too few for an index, 300 are not; half of them are shifted."""
    texts = []
    for shift in ("0", "30"):
        done = subprocess.run(
            [sys.executable, "-c", WORKER, str(left), shift],
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
        texts.append(done.stdout)

    assert values(texts[0], "mlcli_drift_psi") == {}
    assert values(texts[1], "mlcli_drift_rows") == {"": 300.0}
    assert values(texts[1], "mlcli_drift_psi")["income"] > 0.25
    assert values(texts[1], "mlcli_drift_psi")["city"] < 0.1
    assert "mlcli_drift_counts" not in texts[1]
    assert "mlcli_rows_predicted_total 300.0" in texts[1]
