"""A finished run is told to MLflow: with a local file store, and with a server that is not there."""

from __future__ import annotations

import json
import sys

import pytest
from cli_samples import desk

from mlcli.cli.boundary import run
from mlcli.config.load import load_config
from mlcli.training.track import parameters_of


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A tracking store of MLflow in files."""
    place = tmp_path / "store"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(place))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return place


@pytest.fixture
def config(tmp_path):
    folder = tmp_path / "desk"
    folder.mkdir()
    return desk(folder).config(rest="track: mlflow\n")


def tracked_runs(store):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=str(store))
    experiment = client.get_experiment_by_name("demo")
    return client, [] if experiment is None else client.search_runs([experiment.experiment_id])


def test_a_run_is_logged_with_its_parameters_metrics_and_files_but_no_rows(store, config, capsys):
    assert run(["train", "--config", config, "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    client, (found,) = tracked_runs(store)

    assert document["tracked"] == {"server": str(store), "experiment": "demo", "run_id": found.info.run_id}
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "001"
    assert found.data.params["model.name"] == "dummy"
    assert found.data.tags["mlcli.digest"] == document["digest"]
    by_name = {metric["name"]: metric for metric in document["evaluation"]["metrics"]}
    assert found.data.metrics["accuracy"] == by_name["accuracy"]["value"]
    assert found.data.metrics["accuracy.low"] == by_name["accuracy"]["low"]
    assert found.data.metrics["accuracy.dummy"] == by_name["accuracy"]["dummy"]
    files = {file.path for file in client.list_artifacts(found.info.run_id)}
    assert {"model.mlcli", "metrics.json", "config.yaml"} <= files
    assert "holdout.parquet" not in files


def test_two_runs_of_a_config_stand_in_one_experiment(store, config):
    assert [run(["train", "--config", config, "--quiet"]) for _ in range(2)] == [0, 0]

    assert sorted(found.info.run_name for found in tracked_runs(store)[1]) == ["001", "002"]


def test_a_server_that_is_not_there_loses_nothing_and_is_exit_code_2(config, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    assert run(["train", "--config", config, "--json", "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert "tracked" not in json.loads(out), "one document: the run, which is stored"
    assert "is stored, but could not be told to MLflow" in err
    assert "MLFLOW_TRACKING_URI" in err
    assert "Traceback" not in err


def test_without_the_extra_nothing_is_trained(config, monkeypatch, capsys, tmp_path):
    for name in [name for name in sys.modules if name.split(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)

    assert run(["train", "--config", config]) == 2
    assert "pip install 'mlcli[mlflow]'" in capsys.readouterr().err
    assert not (tmp_path / "desk" / "runs" / "001").exists()


def test_nothing_is_tracked_unless_the_config_says_so(store, config):
    assert run(["train", "--config", config, "--quiet", "--set", "track=null"]) == 0
    assert not store.exists()


def test_parameters_hold_no_address_of_a_database_and_fit_the_store(tmp_path):
    path = tmp_path / "c.yaml"
    query = "select " + ", ".join(f"column_{i}" for i in range(200)) + " from t"
    path.write_text(
        "data:\n  url: ${DB}\n  query: "
        + query
        + "\n  target: y\n  columns: {'größe (cm)': number}\nmodel: {name: dummy}\n",
        encoding="utf-8",
    )
    parameters = parameters_of(load_config(path, environ={"DB": "postgresql://me:secret@host/db"}).config)

    assert "secret" not in json.dumps(parameters)
    assert max(map(len, parameters.values())) <= 500
    assert parameters["data.columns.gr__e _cm_"] == "number"
    assert parameters["split.test_size"] == "0.2"
