"""New rows on the command line: the table, the document, the gate, and what is said beside predictions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_samples import GOOD, desk, trained_run

from mlcli.artifact.open import load_distributions, open_artifact
from mlcli.cli.boundary import run
from mlcli.data.drift import ALPHA
from mlcli.data.schema import Column, Schema, Target
from mlcli.data.typed import TypedColumns
from mlcli.training.two_sample import LEAST_ROWS, MOST_ROWS, tell_apart

OLD = Path(__file__).parent / "artifacts" / "format-2.mlcli"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def at(tmp_path, trained):
    return desk(tmp_path, trained=trained)


@pytest.fixture
def older(at):
    """The same rows, everybody twenty years older."""
    table = pd.read_csv(at.folder / "good.csv")
    table["age"] += 20
    table.to_csv(at.folder / "older.csv", index=False)
    return str(at.folder / "older.csv")


@pytest.fixture
def alike(at):
    return str(at.folder / "good.csv")


def test_the_artifact_holds_counts_of_every_column_and_no_row(trained):
    artifact = open_artifact(trained)
    distributions = load_distributions(artifact)

    assert set(distributions.columns) == {"age", "date"}, "levels are counted in the schema"
    assert distributions.n_rows == artifact.manifest.n_train == 96
    assert sum(distributions.predicted) == sum(distributions.output.counts) == artifact.manifest.n_test
    assert set(json.loads(artifact.profile)) == {"n_rows", "columns", "target", "predicted", "output"}


def test_rows_like_those_of_training_pass_every_gate(at, alike, capsys):
    assert run(["check", "--against", str(at.trained), alike, "--fail-on-drift", "--strict"]) == 0

    out, err = capsys.readouterr()
    assert "no drift: 120 rows are like the 96 that the model was trained on" in out
    assert "model: " in err


@pytest.mark.parametrize(
    ("flags", "code"), [([], 0), (["--fail-on-drift"], 5), (["--strict"], 3), (["--strict", "--fail-on-drift"], 5)]
)
def test_drifted_rows_are_shown_whatever_the_gate(flags, code, at, older, capsys):
    assert run(["check", "--against", str(at.trained), older, *flags, "--quiet"]) == code

    out, err = capsys.readouterr()
    first = next(line for line in out.splitlines() if line.startswith("age "))
    assert first.split()[-1] == "major"
    assert " -> " in first
    assert "major drift in 1 of 3 columns" in out
    assert ("must be like the rows that the model was trained on" in err) == (code != 0)
    assert err.count("hint: ") == (code != 0)


def test_the_document_holds_every_column(at, older, capsys):
    assert run(["check", "--against", str(at.trained), older, "--json", "--quiet", "--fail-on-drift"]) == 5

    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"document", "name", "digest", "data", "drift"}
    drift = document["drift"]
    assert (drift["n_rows"], drift["n_reference"], drift["verdict"]) == (120, 96, "major")
    assert {c["name"]: c["role"] for c in drift["columns"]} == {
        "age": "column",
        "city": "column",
        "date": "column",
        "churn": "target",
        "prediction": "prediction",
        "probability of yes": "prediction",
    }
    assert drift["two_sample"] is None
    assert str(LEAST_ROWS) in drift["note"], "24 rows held out are too few for a classifier"


def test_evaluate_and_predict_say_the_same_of_the_same_rows(at, older, capsys):
    assert run(["evaluate", "-a", str(at.trained), "--data", older, "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    drift = json.loads(out)["drift"]
    assert drift["verdict"] == "major"
    (said,) = [line for line in err.splitlines() if line.startswith("warning: drift of 'age': mean ")]

    assert run(["predict", "-a", str(at.trained), older, "--quiet", "-o", str(at.folder / "out.csv")]) == 0
    assert said in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(("rows", "code"), [("older", 5), ("alike", 0)])
def test_the_gate_of_predict_closes_behind_the_whole_output(rows, code, at, request, capsys):
    out = at.folder / "out.csv"
    assert (
        run(["predict", "-a", str(at.trained), request.getfixturevalue(rows), "--fail-on-drift", "-o", str(out)])
        == code
    )

    assert len(out.read_text().splitlines()) == 121
    assert ("no drift: 120 rows" in capsys.readouterr().err) == (code == 0)


@pytest.mark.parametrize(("rows", "code"), [("older", 5), ("alike", 0)])
def test_the_gate_of_evaluate_closes_behind_the_scores(rows, code, at, request, capsys):
    data = request.getfixturevalue(rows)
    assert run(["evaluate", "-a", str(at.trained), "--data", data, "--fail-on-drift"]) == code

    assert "Accuracy" in capsys.readouterr().out


def test_the_hold_out_is_not_new_rows(at, capsys):
    assert run(["evaluate", "-a", str(at.trained), "--quiet", "--json"]) == 0
    assert "drift" not in json.loads(capsys.readouterr().out)

    assert run(["evaluate", "-a", str(at.trained), "--fail-on-drift"]) == 2
    assert "--data FILE" in capsys.readouterr().err


def test_a_few_rows_are_predicted_without_a_word_of_drift(at, capsys):
    few = at.put("few.csv", "".join(f"{line}\n" for line in GOOD.splitlines()[:5]))
    assert run(["predict", "-a", str(at.trained), few, "--fail-on-drift"]) == 0
    assert "drift" not in capsys.readouterr().err

    assert run(["check", "--against", str(at.trained), few]) == 0
    assert "at least 20 rows are needed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--against", "RUN"], "Got no rows"),
        (["new.csv"], "Got no run"),
        (["--fail-on-drift"], "Got no run"),
        (["--against", "RUN", "new.csv", "--config", "c.yaml"], "without --config"),
    ],
)
def test_half_a_question_is_refused_with_the_whole_one(words, said, at, capsys):
    assert run(["check", *(str(at.trained) if word == "RUN" else word for word in words)]) == 2

    err = capsys.readouterr().err
    assert said in err
    assert "mlcli check --against RUN DATA" in err


def test_a_model_of_an_old_format_is_refused_where_drift_was_asked_for(at, alike, capsys):
    assert run(["check", "--against", str(OLD), alike]) == 4
    assert "Format version 2 did not" in capsys.readouterr().err


def test_rows_that_break_the_contract_are_refused(at, capsys):
    assert (
        run(["check", "--against", str(at.trained), at.put("bad.csv", "id,age,city,date\n1,old,Rome,2024-01-01\n")])
        == 3
    )
    assert "must be a number" in capsys.readouterr().err


def test_a_model_without_its_run_folder_is_compared_without_a_classifier(at, older, capsys):
    alone = at.folder / "alone.mlcli"
    shutil.copy(at.trained / "model.mlcli", alone)

    assert run(["check", "--against", str(alone), older, "--fail-on-drift"]) == 5
    assert "held-out rows do not lie beside" in capsys.readouterr().out


def test_the_same_rows_give_the_same_artifact(at):
    digests = set()
    for name in ("one", "two"):
        folder = at.folder / name
        folder.mkdir()
        digests.add(open_artifact(trained_run(folder)).manifest.members["profile.json"].sha256)

    assert len(digests) == 1


# --- the classifier ---------------------------------------------------------------------------------------------------


def two_numbers():
    columns = (
        Column("a", "number", "number", "", 0, 9),
        Column("b", "number", "number", "", 0, 9),
        Column("level", "category", "text", "", 0, 2, categories={"x": 9, "y": 3}),
        Column("words", "text", "text", "", 0, 9),
        Column("day", "date", "date", "", 0, 9),
    )
    return Schema(columns, Target("t", "regression", "number", ""), (), (), None, (), 100)


def pairs(n_rows, *, seed, together, days=0):
    """Two numbers that go together or not, each with the same spread either way."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n_rows)
    b = 0.9 * a + 0.19**0.5 * rng.normal(size=n_rows) if together else rng.normal(size=n_rows)
    level = rng.integers(0, 4, n_rows)  # two known levels, unseen, missing
    return TypedColumns((a, b, level, ["word"] * n_rows, np.full(n_rows, days)), n_rows)


def test_rows_that_differ_only_jointly_are_told_apart():
    found = tell_apart(pairs(600, seed=0, together=True), pairs(800, seed=1, together=False), two_numbers())

    assert found.verdict == "major"
    assert set(found.columns) == {"a", "b"}
    assert (found.n_reference, found.n_new) == (600, 800)


def test_rows_that_are_alike_are_not_told_apart_more_often_than_promised():
    p_values = [
        tell_apart(
            pairs(80, seed=2 * i, together=True), pairs(120, seed=2 * i + 1, together=True), two_numbers()
        ).p_value
        for i in range(30)
    ]

    assert np.mean(np.array(p_values) < 0.2) < 0.4
    assert min(p_values) > ALPHA / 30


def test_days_tell_nothing_and_long_tables_are_sampled():
    same = pairs(MOST_ROWS + 500, seed=3, together=True)
    later = pairs(MOST_ROWS + 900, seed=4, together=True, days=10**15)

    found = tell_apart(same, later, two_numbers())

    assert found.verdict == "alike"
    assert (found.n_reference, found.n_new) == (MOST_ROWS, MOST_ROWS)


def test_a_column_without_any_value_does_not_hinder():
    a, b = pairs(100, seed=5, together=True), pairs(100, seed=6, together=False)
    empty = [TypedColumns((np.full(100, np.nan), *rows.columns[1:]), 100) for rows in (a, b)]

    assert tell_apart(*empty, two_numbers()).verdict == "alike"
