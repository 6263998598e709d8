"""``mlcli report`` on the command line: where it goes, what it needs, what it refuses."""

from __future__ import annotations

import json
import shutil

import pytest
from cli_samples import desk, trained_run

from mlcli.cli.boundary import run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def at(tmp_path, trained):
    made = desk(tmp_path, trained=tmp_path / "runs" / "001")
    shutil.copytree(trained, made.trained)
    return made


def test_a_report_goes_beside_the_model_and_says_where(at, capsys):
    assert run(["report", "--artifact", str(at.trained)]) == 0

    out, err = capsys.readouterr()
    assert out == f"{at.trained / 'report.html'}\n"
    assert " MB in " in err
    assert "--no-rows" in err
    assert (at.trained / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not (at.trained / "model_card.md").exists()


def test_the_newest_run_of_a_config_is_meant(at, capsys):
    assert run(["report", "--config", at.config(model="logistic_regression"), "--quiet"]) == 0
    assert capsys.readouterr().out == f"{at.trained / 'report.html'}\n"


def test_a_report_changes_nothing_else_in_the_run(at):
    before = at.content()
    assert run(["report", "-a", str(at.trained), "--card", "-q"]) == 0
    after = at.content()

    new = {"runs/001/report.html", "runs/001/model_card.md"}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == new


def test_a_report_and_its_card_go_where_they_are_told(at, capsys):
    place = at.folder / "public" / "index.html"

    assert run(["report", "-a", str(at.trained), "--output", str(place), "--card", "-q"]) == 0

    assert capsys.readouterr().out == f"{place}\n{place.parent / 'model_card.md'}\n"
    assert place.is_file()
    assert (place.parent / "model_card.md").read_text(encoding="utf-8").startswith("---\n")


def test_json_holds_all_that_the_report_shows(at, capsys):
    assert run(["report", "-a", str(at.trained), "--json", "-q"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"document", "report", "card", "bytes", "seconds", "content"}
    assert document["card"] is None
    assert document["bytes"] == (at.trained / "report.html").stat().st_size
    stored = json.loads((at.trained / "metrics.json").read_text())
    assert document["content"]["evaluation"] == stored
    assert document["content"]["importance"]["columns"][0]["name"] == "age"


def test_rows_can_be_left_out(at, capsys):
    assert run(["report", "-a", str(at.trained), "--no-rows", "--json"]) == 0

    out, err = capsys.readouterr()
    assert json.loads(out)["content"]["hardest"] is None
    assert "it shows rows" not in err


def test_an_edited_card_is_never_replaced(at, capsys):
    words = ["report", "-a", str(at.trained), "--card", "-q"]
    assert run(words) == 0
    assert run(words) == 0, "the card as mlcli wrote it may be written again"
    card = at.trained / "model_card.md"
    card.write_text(card.read_text() + "\nFor loans below 5,000 only.\n")
    (at.trained / "report.html").write_text("before")

    assert run(words) == 2

    assert "must be as mlcli wrote it" in capsys.readouterr().err
    assert card.read_text().endswith("only.\n")
    assert (at.trained / "report.html").read_text() == "before"


def test_train_writes_both_when_asked_and_names_the_command_when_not(at, capsys):
    config = at.config(model="logistic_regression")

    assert run(["train", "-c", config]) == 0
    assert f"report: mlcli report --artifact {at.folder / 'runs' / '002'}\n" in capsys.readouterr().err
    assert not (at.folder / "runs" / "002" / "report.html").exists()

    assert run(["train", "-c", config, "--report"]) == 0
    assert f"report: {at.folder / 'runs' / '003' / 'report.html'}" in capsys.readouterr().err
    assert (at.folder / "runs" / "003" / "report.html").is_file()
    assert (at.folder / "runs" / "003" / "model_card.md").is_file()


def test_train_with_a_report_still_prints_one_document(at, capsys):
    assert run(["train", "-c", at.config(model="logistic_regression"), "--report", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == str(at.folder / "runs" / "002")


# Other rows


def test_other_rows_can_be_judged(at, capsys):
    assert run(["report", "-a", str(at.trained), "--data", str(at.folder / "good.csv"), "--json", "-q"]) == 0

    content = json.loads(capsys.readouterr().out)["content"]
    assert content["evaluation"]["n_rows"] == 120
    assert content["judged_on"].endswith("good.csv")
    assert f"--data {at.folder / 'good.csv'}" in content["origin"]["command"]


def test_a_model_without_its_hold_out_needs_rows(at, capsys):
    alone = at.folder / "alone.mlcli"
    shutil.copy(at.trained / "model.mlcli", alone)

    assert run(["report", "-a", str(alone)]) == 4
    assert "--data FILE" in capsys.readouterr().err

    assert run(["report", "-a", str(alone), "--data", str(at.folder / "good.csv"), "-q"]) == 0
    assert capsys.readouterr().out == f"{at.folder / 'report.html'}\n"


def test_a_hold_out_that_was_altered_is_refused(at, capsys):
    with (at.trained / "holdout.parquet").open("ab") as file:
        file.write(b"x")

    assert run(["report", "-a", str(at.trained)]) == 4
    assert "digest differs" in capsys.readouterr().err
    assert not (at.trained / "report.html").exists()


# The learning curve


def test_a_learning_curve_ends_in_the_scores_of_the_model(at, capsys):
    config = at.config(model="logistic_regression")

    assert run(["report", "-c", config, "--learning-curve", "--json", "-q"]) == 0

    content = json.loads(capsys.readouterr().out)["content"]
    points = content["learning"]["points"]
    metric = content["learning"]["metric"]
    assert [point["n_rows"] for point in points] == [38, 67, 96]
    stored = {found["name"]: found["value"] for found in content["evaluation"]["metrics"]}
    assert points[-1]["test"] == pytest.approx(stored[metric])
    assert points[-1]["train"] < points[-1]["test"] + 1
    assert "--learning-curve" in content["origin"]["command"]


def test_a_learning_curve_needs_the_config(at, capsys, monkeypatch):
    monkeypatch.chdir(at.folder)

    assert run(["report", "-a", str(at.trained), "--learning-curve"]) == 2
    assert "--config FILE" in capsys.readouterr().err


def test_a_learning_curve_of_a_choice_of_models_is_refused(at, capsys):
    config = at.config(output="several")
    several = ["-c", config, "--set", "model=[dummy, naive_bayes]", "-q"]
    assert run(["train", *several]) == 0
    capsys.readouterr()

    assert run(["report", *several, "--learning-curve"]) == 2
    assert "must be asked of one model" in capsys.readouterr().err


def test_a_learning_curve_of_other_data_is_refused(at, capsys):
    config = at.config(model="logistic_regression")
    lines = (at.folder / "good.csv").read_text().splitlines()
    at.put("good.csv", "\n".join([*lines, lines[-1]]) + "\n")

    assert run(["report", "-c", config, "--learning-curve"]) == 3
    assert "must be what" in capsys.readouterr().err
    assert not (at.trained / "report.html").exists()


# Places and damage


def test_a_folder_is_no_file_to_write(at, capsys):
    assert run(["report", "-a", str(at.trained), "-o", str(at.folder)]) == 2
    assert f"--output {at.folder / 'report.html'}" in capsys.readouterr().err


def test_a_file_is_no_folder_to_write_in(at, capsys):
    assert run(["report", "-a", str(at.trained), "-o", str(at.folder / "good.csv" / "report.html")]) == 2
    assert "error: " in capsys.readouterr().err


def test_damaged_scores_of_tried_models_are_refused_with_their_place(at, capsys):
    at.put("runs/001/leaderboard.json", '{"metric": 1}')

    assert run(["report", "-a", str(at.trained)]) == 4
    assert "leaderboard.json must hold the models that were tried" in capsys.readouterr().err


def test_the_models_that_were_tried_are_read_from_the_run(at, capsys):
    board = {
        "metric": "log_loss",
        "greater_is_better": False,
        "judged_on": "5 folds",
        "candidates": [{"name": "forest", "model": "random_forest", "params": {}, "value": 0.4}],
    }
    at.put("runs/001/leaderboard.json", json.dumps(board))

    assert run(["report", "-a", str(at.trained), "-q"]) == 0
    assert "Models tried" in (at.trained / "report.html").read_text(encoding="utf-8")
