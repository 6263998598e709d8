"""Two stored models on the same rows, whatever was changed between them."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from cli_samples import GOOD, desk, table

from mlcli.artifact.open import open_artifact
from mlcli.cli.boundary import run
from mlcli.config.sections import EvaluateConfig
from mlcli.data.dataset import Dataset
from mlcli.errors import ArtifactError, DataError
from mlcli.training.compare import compare_artifacts
from mlcli.training.same_rows import SameRows, held_out_by_both, with_one_weight

FAST = EvaluateConfig(resamples=100)
HEADER, *LINES = GOOD.splitlines()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Runs of one table that differ in one thing each, by name."""
    at = desk(tmp_path_factory.mktemp("models"))
    more = table(160).splitlines()
    at.put("more.csv", "\n".join([more[0], *reversed(more[1:])]))
    at.put("other.csv", GOOD.replace(",yes", ",1").replace(",no", ",0"))
    at.put("renamed.csv", GOOD.replace("churn", "left"))
    trainings = {
        "linear": {},
        "again": {},
        "tree": {"model": "decision_tree"},
        "without age": {"model": "decision_tree", "data": "  drop: [age]\n"},
        "without city": {"data": "  drop: [city]\n"},
        "other split": {"rest": "split: {random_state: 5}\n"},
        "first half": {"rest": "split: {method: time, column: id, test_size: 0.3}\n"},
        "more rows": {"path": "more.csv", "rest": "split: {method: hash, column: id}\n"},
        "hashed": {"rest": "split: {method: hash, column: id}\n"},
        "numbers": {"path": "other.csv"},
        "regression": {"path": "other.csv", "model": "ridge", "rest": "task: regression\n"},
        "renamed": {"path": "renamed.csv", "target": "left"},
    }
    found = {}
    for name, options in trainings.items():
        config = at.config(**{"model": "logistic_regression", "output": f"runs/{name}", **options})
        assert run(["train", "-c", config, "-q", "--json"]) == 0, name
        found[name] = at.folder / "runs" / name / "001"
    return found


def compare(models, a, b, **options):
    return compare_artifacts(open_artifact(models[a]), open_artifact(models[b]), data=None, config=FAST, **options)


def test_a_model_trained_twice_is_no_evidence_and_differs_in_nothing(models):
    found = compare(models, "linear", "again")
    assert found.comparison.outcome == "no evidence"
    assert found.changes.count == 0
    assert [change.key for change in found.config] == ["output"]
    assert found.schema.empty
    assert found.a.digest == found.b.digest or found.config


def test_another_model_of_one_split_is_compared_on_the_whole_hold_out(models):
    found = compare(models, "linear", "tree")
    assert found.comparison.n_rows == 24
    assert found.rows == "the 24 rows that both held out"
    assert ("model.name", "logistic_regression", "decision_tree") in {
        (c.key, c.old, c.new) for c in found.config if c.key == "model.name"
    }
    found = compare(models, "linear", "without age")
    assert found.changes.corrected + found.changes.broken == found.changes.count
    assert found.changes.count > 0
    assert all(LINES[row.row - 1].startswith(f"{row.id['id']},") for row in found.changes.rows)


def test_a_column_less_leaves_the_rows_the_same(models):
    """The files of the hold-outs differ, the numbers of their rows in one source do not."""
    found = compare(models, "linear", "without city")
    assert found.rows == "the 24 rows that both held out"
    assert found.schema.removed == ("city",)


def test_of_two_splits_only_the_rows_that_both_held_out_are_judged(models, caplog):
    found = compare(models, "linear", "other split")
    shared = held_out_by_both(open_artifact(models["linear"]), open_artifact(models["other split"]))
    assert 0 < found.comparison.n_rows == len(shared.a) < 24
    assert found.rows.endswith("of 24 and 24")
    assert list(shared.a.rows) == list(shared.b.rows)
    assert shared.a.ids.equals(shared.b.ids)
    assert "one model may have learned from the others" in caplog.text


def test_rows_of_two_files_are_the_same_by_what_they_hold(models):
    """A file that has grown and whose rows stand in another order: the numbers mean nothing, the content does."""
    shared = held_out_by_both(open_artifact(models["hashed"]), open_artifact(models["more rows"]))
    assert len(shared.a) >= 10
    assert list(shared.a.rows) != list(shared.b.rows)
    assert shared.a.ids.equals(shared.b.ids)
    assert list(shared.a.y_true) == list(shared.b.y_true)
    # Of a split by hash, no row that one held out was learned from by the other.
    assert len(shared.a) == len(held_out_by_both(open_artifact(models["hashed"]), open_artifact(models["hashed"])).a)


def test_rows_that_stand_twice_are_left_out_since_nobody_can_tell_which_is_which(tmp_path):
    at = desk(tmp_path)
    body = [line.split(",", 1)[1] for line in LINES]
    for name, lines in {"one.csv": [*body, *body[:60]], "two.csv": [*body, *body[:60], *body[:1]]}.items():
        at.put(name, "\n".join([HEADER.split(",", 1)[1], *lines]))
        text = Path(
            at.config(name, model="logistic_regression", output=f"runs-{name}", rest="split: {test_size: 0.5}\n")
        ).read_text()
        at.put("c.yaml", text.replace("  id: [id]\n", ""))
        assert run(["train", "-c", str(at.folder / "c.yaml"), "-q", "--json"]) == 0
    a, b = (open_artifact(at.folder / f"runs-{name}" / "001") for name in ("one.csv", "two.csv"))
    shared = held_out_by_both(a, b)
    assert len(shared.a) > 0
    for rows in (shared.a, shared.b):
        keys = rows.X.astype(str).agg("|".join, axis=1)
        assert keys.is_unique


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("linear", "renamed", "must predict the same column"),
        ("numbers", "regression", "must have the same task"),
        ("linear", "numbers", "must have held out some of the same rows"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(a, b, message, models):
    with pytest.raises(ArtifactError, match=message) as caught:
        compare(models, a, b)
    assert caught.value.hint
    if "held out" in message:
        assert "--data FILE" in caught.value.hint


def test_a_hold_out_that_was_altered_is_refused(models, tmp_path):
    folder = tmp_path / "001"
    shutil.copytree(models["other split"], folder)
    (folder / "holdout.parquet").write_bytes((models["linear"] / "holdout.parquet").read_bytes())
    with pytest.raises(ArtifactError, match="Its digest differs"):
        compare_artifacts(open_artifact(models["linear"]), open_artifact(folder), data=None, config=FAST)


def test_a_model_alone_in_its_file_is_compared_where_its_hold_out_lies_beside_the_other(models, tmp_path):
    alone = tmp_path / "baseline.mlcli"
    alone.write_bytes((models["linear"] / "model.mlcli").read_bytes())
    for pair in ([alone, models["tree"]], [models["tree"], alone]):
        a, b = (open_artifact(path) for path in pair)
        assert compare_artifacts(a, b, data=None, config=FAST).comparison.n_rows == 24
    with pytest.raises(ArtifactError, match="must lie in its run folder") as caught:
        compare_artifacts(open_artifact(alone), open_artifact(models["without city"]), data=None, config=FAST)
    assert "--data FILE" in caught.value.hint


def weighed(column):
    return SimpleNamespace(schema=SimpleNamespace(weight=column))


def test_rows_are_weighed_alike_or_not_at_all():
    rows = Dataset(pd.DataFrame(index=range(2)), np.zeros(2), np.array([1.0, 2.0]), pd.DataFrame(), np.arange(2))
    same = SameRows(rows, rows, "two rows")
    assert with_one_weight(same, weighed("w"), weighed("w")) is same
    found = with_one_weight(same, weighed("w"), weighed(None))
    assert (found.a.sample_weight, found.b.sample_weight) == (None, None)
    assert found.cautions == ("no weights were used: A weighs rows by w, B by nothing",)


# The command


def test_the_table_has_every_part(models, capsys):
    assert run(["compare", str(models["linear"]), str(models["without city"])]) == 0
    out = capsys.readouterr().out
    for part in (
        "A ",
        "B ahead by",
        "95 % interval",
        "Log loss",
        "B is",
        "data.drop",
        "only A sees: city",
        "rediction",
    ):
        assert part in out


def test_json_is_one_document_that_holds_all(models, capsys):
    assert run(["compare", str(models["linear"]), str(models["tree"]), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"document", "a", "b", "rows", "cautions", "comparison", "config", "schema", "changes"}
    assert document["a"]["path"] == str(models["linear"])
    assert {"name", "a", "b", "difference", "low", "high", "outcome", "greater_is_better", "note"} == set(
        document["comparison"]["metrics"][0]
    )


def test_markdown_folds_what_is_long_and_cannot_be_broken_by_a_cell(models, tmp_path, capsys):
    report = tmp_path / "compare.md"
    assert run(["compare", str(models["linear"]), str(models["without age"]), "-o", str(report)]) == 0
    text = report.read_text()
    assert capsys.readouterr().out == ""
    assert text.startswith("## demo: ")
    assert text.count("<details>") == text.count("</details>") >= 2
    assert "\n| Log loss ↓ |" in text
    for block in re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_rows_of_ones_own_are_judged_by_either_contract(models, tmp_path, capsys):
    rows = tmp_path / "new.csv"
    rows.write_text("\n".join([HEADER, *(line.replace("Rome", "Kyiv") for line in LINES[:50])]))
    assert run(["compare", str(models["linear"]), str(models["tree"]), "--data", str(rows), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["comparison"]["n_rows"] == 50
    assert json.loads(out)["cautions"] == []
    assert "training never saw" in err


def test_rows_come_from_standard_input(models, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    assert run(["compare", str(models["linear"]), str(models["tree"]), "--data", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == "120 rows of standard input"


def test_rows_that_a_model_knows_are_warned_of_loudly(models, tmp_path, capsys):
    known = tmp_path / "known.csv"
    known.write_text(GOOD)
    words = ["compare", str(models["linear"]), str(models["hashed"]), "-q", "--json", "--data"]
    assert run([*words, str(known)]) == 0
    out, err = capsys.readouterr()
    cautions = json.loads(out)["cautions"]
    assert [caution.split(": ")[1][:1] for caution in cautions] == ["A", "B"]
    assert all(f"warning: {caution}" in err for caution in cautions)

    assert run([*words, str(models["linear"] / "holdout.parquet")]) == 0
    (caution,) = json.loads(capsys.readouterr().out)["cautions"]
    assert "is the hold-out of A, and not that of B: B may have learned from its rows" in caution


def test_rows_that_break_one_contract_say_whose(models, tmp_path, capsys):
    rows = tmp_path / "new.csv"
    rows.write_text(GOOD.replace("city", "town"))
    assert run(["compare", str(models["without city"]), str(models["linear"]), "--data", str(rows)]) == 3
    assert f"rows for {models['linear']}" in capsys.readouterr().err


def test_the_newest_runs_of_a_config_are_meant_where_none_is_named(tmp_path, capsys):
    at = desk(tmp_path)
    config = at.config(model="logistic_regression")
    assert run(["train", "-c", config, "-q", "--json"]) == 0
    assert run(["compare", "-c", config]) == 4
    assert "must hold two runs to compare. Got one" in capsys.readouterr().err
    for model in ("decision_tree", "naive_bayes"):
        assert run(["train", "-c", config, "-q", "--json", "--set", f"model.name={model}"]) == 0
    capsys.readouterr()

    def named(*words):
        assert run(["compare", *words, "-c", config, "--json", "-q"]) == 0
        document = json.loads(capsys.readouterr().out)
        return [Path(document[side]["path"]).name for side in "ab"]

    assert named() == ["002", "003"]
    assert named("1") == ["001", "003"]
    assert named("1", "2") == ["001", "002"]


def test_two_models_must_be_named_where_no_config_leads_to_them(models, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["compare", str(models["linear"])]) == 2
    assert "two models must be named" in capsys.readouterr().err


# The gate


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param([], 0, id="not significantly worse"),
        pytest.param(["--tolerance", "f1=0.9"], 0, id="within a wide tolerance"),
        pytest.param(["--tolerance", "log_loss=0.0001"], 5, id="beyond a narrow one"),
        pytest.param(["--tolerance", "f1=0.9", "--tolerance", "log_loss=0"], 5, id="one of two"),
        pytest.param(["--tolerance", "accuracy=0.1"], 0, id="by the value"),
        pytest.param(["--tolerance", "accuracy=0.1", "--confident"], 5, id="not by the end of the interval"),
        pytest.param(["--set", "evaluate.tolerances.log_loss=0"], 5, id="of the config"),
        pytest.param(
            ["--set", "evaluate.tolerances.log_loss=0", "--tolerance", "log_loss=9"], 0, id="the command line wins"
        ),
    ],
)
def test_a_model_worse_than_its_baseline_is_exit_code_5(words, code, models, capsys):
    """The model without the city is a little worse by its probabilities, and by no more than luck."""
    assert run(["evaluate", "-a", str(models["without city"]), "--baseline", str(models["linear"]), *words]) == code
    out, err = capsys.readouterr()
    assert "B ahead by" in out
    assert ("error: " in err) == (code == 5)
    assert f"mlcli compare {models['linear']}" in err or code == 0


@pytest.mark.parametrize("words", [[], ["--confident"], ["--tolerance", "f1=0", "--confident"]])
def test_a_model_keeps_up_with_itself(words, models):
    model = str(models["linear"])
    assert run(["evaluate", "-a", model, "--baseline", model, "-q", "--json", *words]) == 0


def test_the_judgement_beside_a_baseline_is_in_every_form(models, capsys):
    words = ["evaluate", "-a", str(models["tree"]), "--baseline", str(models["linear"]), "--tolerance", "f1=0.9", "-q"]
    assert run([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["compared"]["comparison"]["n_rows"] == 24
    assert [gate["against"] for gate in document["gates"]] == [str(models["linear"])]
    for form, part in (
        ("markdown", "on the 24 rows that both held out. "),
        ("junit", "worse than"),
        ("github", "worse than"),
    ):
        assert run([*words, "--format", form]) == 0
        assert part in capsys.readouterr().out


def test_rows_of_standard_input_serve_both_the_scores_and_the_comparison(models, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    words = ["evaluate", "-a", str(models["tree"]), "--baseline", str(models["linear"]), "--data", "-", "--json", "-q"]
    words += ["--tolerance", "f1=1"]
    assert run(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["evaluation"]["n_rows"] == document["compared"]["comparison"]["n_rows"] == 120


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--tolerance", "f1=0.1"], 2, "must stand beside a model to compare with"),
        (["--baseline", "{linear}", "--tolerance", "f2=0.1"], 2, "`--tolerance f2=0.1`: metric 'f2' is not known"),
        (["--baseline", "{linear}", "--tolerance", "f1"], 2, "must read METRIC=TOLERANCE"),
        (["--baseline", "nowhere"], 4, "nowhere must be a run folder or a .mlcli file"),
        (["--baseline", "{renamed}"], 4, "must predict the same column"),
        (["--set", "evaluate.tolerances.rmse=1"], 2, "evaluate.tolerances.rmse"),
        (["--set", "evaluate.tolerances.f1=-1"], 2, "must be a number at least 0"),
    ],
)
def test_a_gate_that_cannot_be_judged_is_refused(words, code, message, models, capsys):
    given = [word.format(**models) for word in words]
    if "rmse" in message:
        given += ["--set", "task=classification"]
    assert run(["evaluate", "-a", str(models["tree"]), *given]) == code
    assert message in capsys.readouterr().err


def test_a_summary_goes_to_the_file_that_the_runner_names_behind_what_is_there(models, tmp_path, monkeypatch, capsys):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    words = ["evaluate", "-a", str(models["tree"]), "--format", "github", "-q"]
    assert run(words) == 0
    assert all(line.startswith("::") for line in capsys.readouterr().out.splitlines())
    assert summary.read_text().startswith("before\n## demo: ")

    report = tmp_path / "report.md"
    assert run([*words, "-o", str(report)]) == 0
    assert report.read_text().startswith("## demo: ")
    assert summary.read_text().count("## demo: ") == 1
    capsys.readouterr()

    assert run([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["name"] == "demo"
    assert err.startswith("::")

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "summary.md"))
    assert run(words) == 2
    assert "must be writable" in capsys.readouterr().err

    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert run(words) == 0
    out = capsys.readouterr().out
    assert out.startswith("::")
    assert "\n\n## demo: " in out


def test_a_target_that_means_something_else_to_either_model_is_refused(models, tmp_path):
    from mlcli.data.source import source_from_path

    rows = tmp_path / "new.csv"
    rows.write_text(GOOD)
    with pytest.raises(DataError):
        compare_artifacts(
            open_artifact(models["linear"]),
            open_artifact(models["numbers"]),
            data=source_from_path(str(rows)),
            config=FAST,
        )
