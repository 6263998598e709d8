"""Every config in `configs/` does the main job: it trains, and is judged better than the dummy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlcli.cli.boundary import run

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))


@pytest.fixture(scope="module")
def evaluate_after_training(tmp_path_factory, data_dir):
    """Train a config of the project into a temporary place, then evaluate the newest run."""

    def evaluate(name, capsys, *overrides):
        output = tmp_path_factory.mktemp(name)
        words = ["--config", str(ROOT / "configs" / f"{name}.yaml"), "--set", f"output={output}"]
        words += [word for override in overrides for word in ("--set", override)]
        assert run(["train", *words, "--json", "--quiet"]) == 0
        trained = json.loads(capsys.readouterr().out)
        assert run(["evaluate", *words, "--json", "--quiet"]) == 0
        evaluated = json.loads(capsys.readouterr().out)
        return trained, evaluated

    return evaluate


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_trains_and_beats_the_dummy_beyond_its_interval(name, evaluate_after_training, capsys):
    trained, evaluated = evaluate_after_training(name, capsys)

    metrics = {metric["name"]: metric for metric in evaluated["evaluation"]["metrics"]}
    main = metrics["rmse"] if evaluated["evaluation"]["task"] == "regression" else metrics["log_loss"]
    assert main["high"] < main["dummy"]
    ranking = metrics.get("roc_auc", metrics.get("r2"))
    assert ranking["low"] > ranking["dummy"]
    assert evaluated["evaluation"]["verdict"]["outcome"] == "better"
    assert evaluated["evaluation"] == trained["evaluation"], "the stored hold-out is judged as it was at training"


def test_the_chinese_reviews_reach_an_accuracy_of_080(evaluate_after_training, capsys):
    _, evaluated = evaluate_after_training("chinese_sentiment", capsys)

    accuracy = next(metric for metric in evaluated["evaluation"]["metrics"] if metric["name"] == "accuracy")
    assert accuracy["value"] >= 0.80


def test_check_finds_the_leak_in_bike_sharing(capsys):
    kept = ["--set", "data.columns.casual=number", "--set", "data.columns.registered=number"]

    code = run(["check", "--config", str(ROOT / "configs" / "bike_sharing.yaml"), *kept, "--json", "--quiet"])

    found = json.loads(capsys.readouterr().out)["findings"]
    leaks = [finding for finding in found if finding["code"] == "target-leak"]
    assert [set(leak["columns"]) for leak in leaks] == [{"casual", "registered"}]
    assert code == 3


@pytest.mark.parametrize("name", CONFIGS)
def test_check_of_a_config_has_no_errors(name, capsys):
    assert run(["check", "--config", str(ROOT / "configs" / f"{name}.yaml"), "--json", "--quiet"]) == 0
    assert "error" not in {finding["severity"] for finding in json.loads(capsys.readouterr().out)["findings"]}
