"""`mlcli predict --explain`: contributions beside the predictions, in every format, streamed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from cli_samples import GOOD, desk

from mlcli.artifact.open import open_artifact
from mlcli.artifact.predictor import load_explainer, load_predictor
from mlcli.cli.boundary import run
from mlcli.data.typed import TypedColumns
from mlcli.inference.explain_table import ExplainedTable
from mlcli.inference.stream import Remarks, predict_tables

STORED = Path(__file__).parent / "artifacts"
NEW = "id,age,city,date\n7,30,Rome,2024-03-04\n8,,Atlantis,\n9,75,Oslo,2024-11-30\n10,51,Bern,2024-05-06\n"
COLUMNS = ["age", "city", "date"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = {}
    for model in ("logistic_regression", "gradient_boosting", "naive_bayes"):
        folder = tmp_path_factory.mktemp(model)
        config = desk(folder).config(model=model, data="  columns: {date: date}\n")
        assert run(["train", "--config", config, "--quiet", "--json"]) == 0
        made[model] = folder / "runs" / "001"
    return made


@pytest.fixture
def predict(tmp_path, runs, capsys):
    """Predict the new rows and return stdout and stderr."""
    capsys.readouterr()

    def predict_with(*words, model="logistic_regression", rows=NEW, code=0):
        (tmp_path / "new.csv").write_text(rows, encoding="utf-8")
        assert run(["predict", str(tmp_path / "new.csv"), "--artifact", str(runs[model]), *words]) == code
        return capsys.readouterr()

    return predict_with


def table_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("model", ["logistic_regression", "gradient_boosting"])
def test_the_columns_behind_the_predictions_add_up_to_the_log_odds_of_the_predicted_class(model, predict):
    plain, explained = (table_of(predict(*words, model=model).out) for words in ([], ["--explain"]))
    names = list(plain[0])
    assert list(explained[0]) == [*names, "explain_base", *(f"explain_{name}" for name in COLUMNS)]
    assert [{name: row[name] for name in names} for row in explained] == plain
    assert {row["prediction"] for row in explained} == {"yes", "no"}
    for row in explained:
        total = float(row["explain_base"]) + sum(float(row[f"explain_{name}"]) for name in COLUMNS)
        assert 1 / (1 + np.exp(-total)) == pytest.approx(float(row[f"probability_{row['prediction']}"]), abs=1e-12)


def test_what_contributions_add_up_to_and_how_they_were_found_is_said_unless_quiet(predict):
    assert "explained: the log-odds of the predicted class; exact, from the coefficients\n" in predict("--explain").err
    assert "against 20 stored rows" in predict("--explain", model="naive_bayes").err
    assert "explained" not in predict("--explain", "--quiet").err
    assert "explained" not in predict().err


def test_json_lines_hold_an_object_with_the_largest_contribution_first(predict):
    lines = [json.loads(line) for line in predict("--explain", "--format", "jsonl").out.splitlines()]
    for line in lines:
        explanation = line["explanation"]
        assert list(explanation) == ["method", "scale", "base", "contributions"]
        assert (explanation["method"], explanation["scale"]) == ("linear", "log_odds")
        sizes = [abs(size) for size in explanation["contributions"].values()]
        assert sizes == sorted(sizes, reverse=True)
        assert sorted(explanation["contributions"]) == COLUMNS
    rows = table_of(predict("--explain").out)
    assert [line["explanation"]["contributions"] for line in lines] == [
        {name: float(row[f"explain_{name}"]) for name in line["explanation"]["contributions"]}
        for line, row in zip(lines, rows, strict=True)
    ]


def test_top_keeps_the_largest_of_each_row_and_the_sum_of_the_others(predict):
    whole, some = (table_of(predict("--explain", *words).out) for words in ([], ["--top", "1"]))
    assert list(some[0]) == [*whole[0], "explain_others"]
    for row, told in zip(whole, some, strict=True):
        sizes = {name: float(row[f"explain_{name}"]) for name in COLUMNS}
        largest = max(sizes, key=lambda name: abs(sizes[name]))
        assert {name: told[f"explain_{name}"] for name in COLUMNS} == {
            name: row[f"explain_{name}"] if name == largest else "" for name in COLUMNS
        }
        assert float(told["explain_others"]) == pytest.approx(sum(sizes.values()) - sizes[largest], abs=1e-12)
    lines = [
        json.loads(line)["explanation"]
        for line in predict("--explain", "--top", "1", "--format", "jsonl").out.splitlines()
    ]
    assert [list(line["contributions"]) for line in lines] == [
        [name for name in COLUMNS if row[f"explain_{name}"]] for row in some
    ]
    assert [line["others"] for line in lines] == pytest.approx([float(row["explain_others"]) for row in some])


@pytest.mark.parametrize("top", ["3", "4", "1000"])
def test_as_many_as_there_are_columns_is_all_of_them(top, predict):
    assert predict("--explain", "--top", top, "-q").out == predict("--explain", "-q").out


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--top", "2"], "--top must stand with --explain"), (["--explain", "--top", "0"], "top")],
    ids=["alone", "none at all"],
)
def test_a_top_that_means_nothing_is_refused(words, said, predict):
    told = predict(*words, code=2)
    assert said in told.err
    assert told.out == ""


def test_a_sampled_explanation_says_its_error(predict, monkeypatch):
    """With three columns all subsets fit into any budget but a tiny one."""
    assert "explain_error" not in table_of(predict("--explain", model="naive_bayes").out)[0]
    monkeypatch.setattr("mlcli.inference.explain.BUDGET", 100)
    rows = table_of(predict("--explain", model="naive_bayes").out)
    for row in rows:
        assert 0 < float(row["explain_error"]) < 0.5
        total = float(row["explain_base"]) + sum(float(row[f"explain_{name}"]) for name in COLUMNS)
        assert total == pytest.approx(float(row[f"probability_{row['prediction']}"]), abs=1e-12)
    lines = [
        json.loads(line) for line in predict("--explain", "--format", "jsonl", model="naive_bayes").out.splitlines()
    ]
    for line, row in zip(lines, rows, strict=True):
        assert list(line["explanation"]["errors"]) == list(line["explanation"]["contributions"])
        assert max(line["explanation"]["errors"].values()) == pytest.approx(float(row["explain_error"]))


def test_a_column_of_the_input_keeps_its_name_beside_the_contributions(predict):
    """So does a column of the model that is called as the base is."""
    rows = "\n".join(f"{line},{more}" for line, more in zip(NEW.splitlines(), ["explain_age", *"abcd"], strict=True))
    told = predict("--explain", "--keep", "all", rows=rows + "\n").out
    assert told.splitlines()[0].split(",") == [
        "id", "age", "city", "date", "explain_age", "prediction", "probability_no", "probability_yes",
        "explain_base", "explain_age_", "explain_city", "explain_date",
    ]  # fmt: skip
    assert [row["explain_age"] for row in table_of(told)] == list("abcd")


def test_parquet_holds_the_same_numbers(predict, tmp_path):
    from pyarrow import parquet

    predict("--explain", "--top", "1", "-o", str(tmp_path / "out.parquet"))
    table = parquet.read_table(tmp_path / "out.parquet")
    rows = table_of(predict("--explain", "--top", "1").out)
    assert table["explain_base"].to_pylist() == [float(row["explain_base"]) for row in rows]
    assert table["explain_age"].to_pylist() == [
        float(row["explain_age"]) if row["explain_age"] else None for row in rows
    ]


@pytest.mark.parametrize("model", ["logistic_regression", "naive_bayes"])
def test_rows_are_explained_in_parts_with_the_same_result(model, runs, monkeypatch):
    artifact = open_artifact(runs[model])
    predictor = load_predictor(artifact)
    explainer = load_explainer(artifact, predictor)
    table = pa.csv.read_csv(io.BytesIO(GOOD.encode())).slice(0, 40)

    def told():
        explained = ExplainedTable(explainer, form="columns")
        parts = list(predict_tables(predictor, [table], source="t", keep=(), remarks=Remarks(), explained=explained))
        return len(parts), pa.concat_tables(parts)

    _, whole = told()
    for name in ("_EXACT_ROWS", "_SAMPLED_ROWS"):
        monkeypatch.setattr(f"mlcli.inference.explain_table.{name}", 7)
    monkeypatch.setattr("mlcli.inference.explain_table._NUMBERS", 12)
    n_parts, parts = told()
    assert n_parts == 6
    assert parts["row"].to_pylist() == list(range(1, 41))
    for name in whole.column_names:
        assert parts[name].to_pylist() == whole[name].to_pylist(), name


def test_a_bad_cell_is_told_by_its_own_row_though_rows_go_in_parts(predict, monkeypatch):
    monkeypatch.setattr("mlcli.inference.explain_table._EXACT_ROWS", 2)
    assert "row 4, column 'age'" in predict("--explain", rows=NEW.replace("51", "old"), code=3).err


def test_a_model_of_an_older_format_is_explained_by_its_stored_rows():
    artifact = open_artifact(STORED / "format-2.mlcli")
    predictor = load_predictor(artifact)
    explainer = load_explainer(artifact, predictor)
    assert explainer.method in {"enumerated", "sampled"}
    assert explainer.n_background == 20
    background = explainer._sampler._background
    one = TypedColumns(tuple(cells[:1] for cells in background), 1)
    found = explainer.explain(one)
    outputs = predictor.predict_columns(one)
    expected = outputs.y_pred if outputs.y_proba is None else outputs.y_proba[0]
    np.testing.assert_allclose(found.base + found.contributions[0].sum(axis=0), expected, atol=1e-9)
