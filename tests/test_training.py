"""From a config to a stored run: what is reused, what is repeatable, what survives a move."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlcli.artifact.open import open_artifact
from mlcli.artifact.predictor import load_predictor
from mlcli.artifact.runs import list_runs, newest_run
from mlcli.config.load import load_config
from mlcli.config.sections import EvaluateConfig
from mlcli.data.source import source_from_path
from mlcli.errors import ArtifactError, ConfigError, DataError
from mlcli.inference.stream import Remarks, predict_tables
from mlcli.training.judge import evaluate_artifact, read_holdout, read_provenance
from mlcli.training.prepare import prepare
from mlcli.training.prepared_folder import load_prepared, save_prepared
from mlcli.training.train import train

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def write_project(folder: Path, *, n_rows: int = 160, extra: str = "", model: str = "logistic_regression") -> Path:
    """Write a small mixed table and its config; return the config."""
    rng = np.random.default_rng(0)
    income = rng.normal(50, 12, n_rows).round(1)
    city = rng.choice(["Oslo", "Bergen", "Tromsø"], n_rows)
    noise = rng.normal(0, 6, n_rows)
    table = pd.DataFrame(
        {
            "customer": [f"c{i:04d}" for i in range(n_rows)],
            "income": income,
            "city": city,
            "since": pd.date_range("2020-01-01", periods=n_rows, freq="37h").strftime("%Y-%m-%d"),
            "left": np.where(income + noise + 5 * (city == "Oslo") > 52, "yes", "no"),
        }
    )
    table.loc[3, "income"] = np.nan
    table.to_csv(folder / "customers.csv", index=False)
    config = folder / "churn.yaml"
    config.write_text(
        f"output: runs\ndata: {{path: customers.csv, target: left, id: [customer]}}\nmodel: {{name: {model}}}\n{extra}",
        encoding="utf-8",
    )
    return config


def load(config: Path, *overrides: str):
    return load_config(config, overrides=overrides, environ={})


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def trained(project):
    return train(load(project), output=project.parent / "runs", created=CREATED)


def test_a_run_holds_the_model_its_hold_out_and_its_config(trained):
    names = {path.name for path in trained.folder.iterdir()}

    assert names == {"model.mlcli", "holdout.parquet", "metrics.json", "findings.json", "config.yaml"}
    assert trained.folder.name == "001"


def test_a_fold_that_learned_nothing_of_a_class_gives_it_no_probability(tmp_path):
    rng = np.random.default_rng(0)
    shop = np.repeat([f"shop {i}" for i in range(12)], 20)
    kind = np.where(shop == "shop 3", "rare", rng.choice(["a", "b"], len(shop)))
    pd.DataFrame({"x": rng.normal(size=len(shop)), "shop": shop, "kind": kind}).to_csv(tmp_path / "t.csv", index=False)
    config = tmp_path / "c.yaml"
    config.write_text(
        "output: runs\ndata: {path: t.csv, target: kind}\nmodel: logistic_regression\n"
        "split: {method: group, column: shop, stratify: false, cv: 4, random_state: 1}\nevaluate: {resamples: 100}\n",
        encoding="utf-8",
    )

    run = train(load(config), output=tmp_path / "runs", created=CREATED)

    assert run.schema.target.classes == ("a", "b", "rare")
    assert len(run.provenance.cross_validation) > 0


def test_the_same_config_twice_gives_the_same_digest_and_the_same_bytes(project, trained):
    again = train(load(project), output=project.parent / "again", created=CREATED)

    assert again.manifest.digest == trained.manifest.digest
    assert (again.folder / "model.mlcli").read_bytes() == (trained.folder / "model.mlcli").read_bytes()


def test_another_process_with_another_hash_seed_gives_the_same_digest(project, trained):
    script = (
        "import sys; from pathlib import Path; from mlcli.config.load import load_config; "
        "from mlcli.training.train import train; "
        "run = train(load_config(Path(sys.argv[1]), environ={}), output=Path(sys.argv[2])); print(run.manifest.digest)"
    )
    output = project.parent / "elsewhere"
    done = subprocess.run(
        [sys.executable, "-c", script, str(project), str(output)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "77", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.strip() == trained.manifest.digest


def test_another_seed_gives_another_digest(project, trained):
    other = train(load(project, "split.random_state=1"), output=project.parent / "seeded", created=CREATED)

    assert other.manifest.digest != trained.manifest.digest


def test_train_uses_the_prepared_rows_of_the_same_config_and_data(project, trained, tmp_path, caplog):
    save_prepared(prepare(load(project)), tmp_path / "prepared")
    with caplog.at_level("INFO", logger="mlcli"):
        run = train(load(project), output=tmp_path, created=CREATED)

    assert any("using the prepared rows" in message for message in caplog.messages)
    assert not any(message.startswith("read ") for message in caplog.messages), "the table is not read again"
    assert run.manifest.digest == trained.manifest.digest, "prepared or not, the model is the same"


@pytest.mark.parametrize(
    "override",
    ["split.test_size=0.3", "data.columns.income=category", "task=classification"],
    ids=["another split", "another kind", "task named"],
)
def test_prepared_rows_of_another_config_are_not_used(project, tmp_path, override):
    prepared = prepare(load(project))
    save_prepared(prepared, tmp_path / "p")

    assert load_prepared(tmp_path / "p", fingerprint=prepared.fingerprint) is not None
    assert load_prepared(tmp_path / "p", fingerprint=prepare(load(project, override)).fingerprint) is None


def test_prepared_rows_of_changed_data_are_not_used(tmp_path):
    config = write_project(tmp_path)
    before = prepare(load(config)).fingerprint
    with (tmp_path / "customers.csv").open("a") as file:
        file.write("c9999,51.0,Oslo,2021-01-01,yes\n")

    assert prepare(load(config)).fingerprint != before


def test_damaged_prepared_rows_are_made_anew(project, trained, tmp_path):
    save_prepared(prepare(load(project)), tmp_path / "prepared")
    (tmp_path / "prepared" / "train.parquet").write_bytes(b"PAR1 not really")

    run = train(load(project), output=tmp_path, created=CREATED)

    assert run.manifest.digest == trained.manifest.digest


def test_prepared_rows_come_back_from_disk_as_they_were(project, tmp_path):
    prepared = prepare(load(project, "split.cv=3"))
    save_prepared(prepared, tmp_path / "p")
    back = load_prepared(tmp_path / "p", fingerprint=prepared.fingerprint)

    assert back is not None
    for name in ("schema", "folds", "findings", "split", "data_fingerprint", "fingerprint"):
        assert getattr(back, name) == getattr(prepared, name)
    for one, other in ((prepared.train, back.train), (prepared.test, back.test)):
        pd.testing.assert_frame_equal(one.X, other.X)
        pd.testing.assert_frame_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.y, other.y)
        np.testing.assert_array_equal(one.rows, other.rows)


def test_kinds_ranges_and_categories_come_from_the_training_rows_alone(tmp_path):
    config = write_project(tmp_path, extra="split: {method: column, column: part}\n")
    table = pd.read_csv(tmp_path / "customers.csv")
    table["part"] = ["test" if i % 5 == 0 else "train" for i in range(len(table))]
    table.loc[table.part == "test", "income"] = 1e6
    table.loc[table.part == "test", "city"] = "Atlantis"
    table.to_csv(tmp_path / "customers.csv", index=False)

    schema = prepare(load(config)).schema
    columns = {column.name: column for column in schema.columns}

    assert columns["income"].number.maximum < 1e6
    assert "Atlantis" not in columns["city"].categories
    assert "part" not in columns, "the column that divides the rows is not for the model"


def test_train_and_hold_out_share_no_row_and_lose_none(project):
    prepared = prepare(load(project))

    rows = np.concatenate([prepared.train.rows, prepared.test.rows])
    assert sorted(rows) == list(range(1, 161))


def test_rows_keep_their_numbers_when_some_have_no_target(tmp_path):
    config = write_project(tmp_path)
    table = pd.read_csv(tmp_path / "customers.csv")
    table.loc[[0, 10], "left"] = ""
    table.to_csv(tmp_path / "customers.csv", index=False)

    prepared = prepare(load(config))

    rows = set(np.concatenate([prepared.train.rows, prepared.test.rows]))
    assert rows == set(range(1, 161)) - {1, 11}
    assert {"target-missing"} <= {finding.code for finding in prepared.findings}


def test_test_files_are_the_hold_out(tmp_path):
    config = write_project(tmp_path, extra="split: {method: files, test_path: later.csv}\n")
    table = pd.read_csv(tmp_path / "customers.csv")
    table.head(30).to_csv(tmp_path / "later.csv", index=False)
    table.tail(130).to_csv(tmp_path / "customers.csv", index=False)

    prepared = prepare(load(config))

    assert (len(prepared.train), len(prepared.test)) == (130, 30)
    assert list(prepared.test.ids["customer"]) == [f"c{i:04d}" for i in range(30)]


def test_cross_validation_is_summed_up_beside_the_hold_out(project, tmp_path):
    run = train(load(project, "split.cv=3"), output=tmp_path, created=CREATED)

    accuracy = next(fold for fold in run.provenance.cross_validation if fold.name == "accuracy")
    assert len(accuracy.values) == 3
    assert accuracy.mean == pytest.approx(np.mean(accuracy.values))


def test_a_run_evaluates_the_same_after_the_project_moved(project, trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "moved")

    evaluation = evaluate_artifact(open_artifact(tmp_path / "moved"), data=None, config=EvaluateConfig())

    assert evaluation == trained.evaluation


def test_nothing_in_a_run_names_the_place_where_it_was_trained(project, trained):
    place = str(project.parent).encode()

    assert all(place not in path.read_bytes() for path in trained.folder.iterdir())


def test_an_altered_hold_out_is_refused(trained, tmp_path):
    moved = shutil.copytree(trained.folder, tmp_path / "run")
    with (moved / "holdout.parquet").open("ab") as file:
        file.write(b"x")

    with pytest.raises(ArtifactError, match="digest differs"):
        read_holdout(open_artifact(moved))


def test_a_model_without_its_run_folder_asks_for_data(trained, tmp_path):
    alone = shutil.copy(trained.folder / "model.mlcli", tmp_path / "model.mlcli")

    with pytest.raises(ArtifactError, match=r"holdout\.parquet") as caught:
        evaluate_artifact(open_artifact(Path(alone)), data=None, config=EvaluateConfig())
    assert "--data" in caught.value.hint


def test_other_rows_are_judged_under_the_contract(project, trained):
    rows = source_from_path(str(project.parent / "customers.csv"))

    evaluation = evaluate_artifact(open_artifact(trained.folder), data=rows, config=EvaluateConfig())

    assert evaluation.n_rows == 160


def test_rows_without_the_target_cannot_be_judged(project, trained, tmp_path):
    pd.read_csv(project.parent / "customers.csv").drop(columns="left").to_csv(tmp_path / "new.csv", index=False)

    with pytest.raises(DataError, match="left"):
        evaluate_artifact(
            open_artifact(trained.folder), data=source_from_path(str(tmp_path / "new.csv")), config=EvaluateConfig()
        )


def test_the_hold_out_digest_is_in_the_artifact(trained):
    digest = hashlib.sha256((trained.folder / "holdout.parquet").read_bytes()).hexdigest()

    assert read_provenance(open_artifact(trained.folder)).holdout_sha256 == digest


def test_golden_rows_that_no_longer_hold_refuse_the_model(trained):
    artifact = open_artifact(trained.folder)
    changed = artifact.golden.replace(b'"y_proba":[[0.', b'"y_proba":[[0.9', 1)

    with pytest.raises(ArtifactError, match="predict its"):
        load_predictor(dataclasses.replace(artifact, golden=changed))


def raw_rows(project) -> pa.Table:
    table = pd.read_csv(project.parent / "customers.csv", dtype=str, keep_default_na=False)
    return pa.table({name: pa.array(list(table[name])) for name in table.columns})


def predict_all(artifact, tables, keep=("customer",)):
    remarks = Remarks()
    predictor = load_predictor(artifact)
    return pa.concat_tables(predict_tables(predictor, tables, source="new.csv", keep=keep, remarks=remarks)), remarks


@pytest.mark.parametrize("n_rows", [1, 7, 160])
def test_rows_predict_the_same_in_pieces_of_any_size(project, trained, n_rows):
    table = raw_rows(project)
    artifact = open_artifact(trained.folder)
    whole, _ = predict_all(artifact, [table])

    pieces, remarks = predict_all(artifact, [table.slice(start, n_rows) for start in range(0, 160, n_rows)])

    assert remarks.n_rows == 160
    assert pieces["customer"].to_pylist() == whole["customer"].to_pylist() == table["customer"].to_pylist()
    assert pieces["prediction"].to_pylist() == whole["prediction"].to_pylist()
    np.testing.assert_allclose(pieces["probability_yes"], whole["probability_yes"], rtol=0, atol=1e-12)


def test_the_order_of_columns_and_the_presence_of_the_target_do_not_matter(project, trained):
    table = raw_rows(project)
    artifact = open_artifact(trained.folder)
    whole, _ = predict_all(artifact, [table])

    shuffled, _ = predict_all(artifact, [table.drop_columns("left").select(["since", "city", "customer", "income"])])

    assert shuffled["probability_yes"].to_pylist() == whole["probability_yes"].to_pylist()


def test_new_categories_and_numbers_out_of_range_are_predicted_and_counted(project, trained):
    table = (
        raw_rows(project).slice(0, 3).drop_columns("city").append_column("city", pa.array(["Atlantis", "Oslo", "Lima"]))
    )
    table = table.drop_columns("income").append_column("income", pa.array(["50", "9999", ""]))

    predictions, remarks = predict_all(open_artifact(trained.folder), [table])

    assert predictions.num_rows == 3
    assert (dict(remarks.unseen), dict(remarks.out_of_range)) == ({"city": 2}, {"income": 1})


def test_a_column_named_like_a_prediction_is_kept_beside_it(project, trained):
    table = raw_rows(project).append_column("prediction", pa.array(["mine"] * 160))

    predictions, _ = predict_all(open_artifact(trained.folder), [table], keep=None)

    assert predictions["prediction"].to_pylist() == ["mine"] * 160
    assert set(predictions["prediction_"].to_pylist()) <= {"yes", "no"}


def test_rows_are_counted_where_no_column_is_kept(project, trained):
    predictions, _ = predict_all(open_artifact(trained.folder), [raw_rows(project).slice(0, 4)] * 2, keep=())

    assert predictions["row"].to_pylist() == list(range(1, 9))


def test_predicting_never_fits(project, trained, monkeypatch):
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    def refuse(self, *args, **kwargs):
        raise AssertionError("fitted while predicting")

    for owner in (Pipeline, ColumnTransformer):
        for name in ("fit", "fit_transform"):
            monkeypatch.setattr(owner, name, refuse)

    predictions, _ = predict_all(open_artifact(trained.folder), [raw_rows(project).slice(0, 1)])
    assert predictions.num_rows == 1


def test_a_rejected_parameter_is_told_before_any_data_is_read(tmp_path):
    config = write_project(tmp_path, extra="")
    (tmp_path / "customers.csv").unlink()

    with pytest.raises(ConfigError, match=r"model\.params\.C"):
        train(load(config, "model.params.C=-1", "task=classification"), output=tmp_path / "runs")


def test_a_failed_training_leaves_earlier_runs_and_nothing_else(project, tmp_path, monkeypatch):
    output = tmp_path / "runs"
    first = train(load(project), output=output, created=CREATED)
    before = sorted(path.relative_to(output) for path in output.rglob("*"))

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("mlcli.artifact.write.canonical_dump", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(load(project), output=output, created=CREATED)

    assert sorted(path.relative_to(output) for path in output.rglob("*")) == before
    assert newest_run(output) == first.folder
    assert list_runs(output) == (first.folder,)


@pytest.mark.parametrize("model", ["dummy", "gradient_boosting", "ridge"])
def test_a_regression_with_weights_trains_and_predicts_amounts(tmp_path, model):
    config = write_project(tmp_path, model=model)
    text = config.read_text().replace(
        "target: left, id: [customer]", "target: income, id: [customer], weight: w, drop: [left]"
    )
    config.write_text(text.replace("output: runs", "output: runs\ntask: regression"))
    table = pd.read_csv(tmp_path / "customers.csv")
    table["w"] = np.linspace(0.5, 2, len(table))
    table.to_csv(tmp_path / "customers.csv", index=False)

    run = train(load(config), output=tmp_path / "runs", created=CREATED)

    assert run.evaluation.weighted
    assert run.schema.weight == "w"
    assert run.manifest.n_train + run.manifest.n_test == 159, "the row without an income cannot be learned from"
    outcome = run.evaluation.verdict.outcome
    assert outcome == "no evidence" if model == "dummy" else outcome in {"better", "no evidence", "worse"}
