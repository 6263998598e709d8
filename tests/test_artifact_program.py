"""Artifacts with a compiled program: loaded without scikit-learn, equal to the pipeline, refused when altered."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from artifact_samples import CREATED, forge, pack, sample_parts, save, small_pipeline, unpack

from mlcli.artifact.manifest import ARRAYS, FORMAT_VERSION, GOLDEN, MEMBERS, OPERATIONS, PROGRAM
from mlcli.artifact.open import load_program, open_artifact, verify
from mlcli.artifact.predictor import load_predictor
from mlcli.artifact.write import write_artifact
from mlcli.cli.boundary import run
from mlcli.config.load import load_config
from mlcli.data.frames import columns_from_frame
from mlcli.data.prepared import read_dataset
from mlcli.data.typed import NAT
from mlcli.errors import ArtifactError
from mlcli.inference.golden import Golden, _to_cells, _to_columns, check_golden
from mlcli.inference.predictor import PipelinePredictor, ProgramPredictor
from mlcli.inference.proof import Proof
from mlcli.training.train import HOLDOUT, train

STORED = Path(__file__).parent / "artifacts"
HEAVY = ("sklearn", "pandas", "pyarrow", "scipy", "skops", "joblib", "pydantic", "typer", "rich", "ruamel")


def write_table(folder: Path) -> None:
    """Write rows with every kind of column, some cells missing."""
    rng = np.random.default_rng(0)
    n_rows = 220
    size = rng.normal(10, 3, n_rows).round(2)
    shop = rng.choice(["Bern", "Oslo", "Łódź"], n_rows)
    words = rng.choice(["late", "broken", "fine", "again", "thanks", "parcel", "refund"], (n_rows, 5))
    table = pd.DataFrame(
        {
            "size": size,
            "paid": rng.choice(["yes", "no"], n_rows),
            "shop": shop,
            "since": pd.date_range("2021-03-01", periods=n_rows, freq="53h").strftime("%Y-%m-%d %H:%M"),
            "note": [" ".join(row) + f" no {i}" for i, row in enumerate(words)],
            "kept": np.where(size + 2 * (shop == "Oslo") + rng.normal(0, 2, n_rows) > 11, "yes", "no"),
        }
    )
    table.loc[::9, "size"] = np.nan
    table.loc[::14, "shop"] = None
    table.loc[::17, "paid"] = None
    table.to_csv(folder / "orders.csv", index=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Train models on one table: one that compiles, trees that compile, one that does not."""
    folder = tmp_path_factory.mktemp("orders")
    write_table(folder)
    made = {}
    for name in ("logistic_regression", "random_forest", "nearest_neighbors"):
        params = ", params: {n_estimators: 5, max_depth: 4}" if name == "random_forest" else ""
        note = "columns: {note: text}" if name == "logistic_regression" else "drop: [note]"
        config = folder / f"{name}.yaml"
        config.write_text(
            f"output: runs\ndata: {{path: orders.csv, target: kept, {note}}}\n"
            f"model: {{name: {name}{params}}}\nevaluate: {{resamples: 100}}\n"
        )
        loaded = load_config(config, overrides=(), environ={})
        made[name] = train(loaded, output=folder / name, created=datetime(2026, 1, 1, tzinfo=UTC))
    return made


@pytest.fixture(scope="module")
def compiled(runs):
    return open_artifact(runs["logistic_regression"].folder)


@pytest.fixture(scope="module")
def whole(compiled):
    return compiled.path.read_bytes()


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest"])
def test_a_model_that_compiles_is_stored_with_its_program_and_the_proof(name, runs):
    artifact = open_artifact(runs[name].folder)
    proof = artifact.manifest.proof
    assert proof.proven
    assert proof.reason is None
    assert proof.n_rows >= 20_000
    assert proof.largest_difference <= proof.tolerance == 1e-9
    assert tuple(artifact.manifest.members) == (*MEMBERS, *PROGRAM)
    assert artifact.manifest.format_version == FORMAT_VERSION
    assert load_predictor(artifact).compiled


def test_a_model_that_does_not_compile_is_served_by_its_pipeline_and_says_why(runs):
    artifact = open_artifact(runs["nearest_neighbors"].folder)
    proof = artifact.manifest.proof
    assert not proof.proven
    assert "neighbours" in proof.reason
    assert proof.n_rows == 0
    assert tuple(artifact.manifest.members) == MEMBERS
    assert not load_predictor(artifact).compiled
    with pytest.raises(ArtifactError, match="proven program"):
        load_program(artifact)
    with pytest.raises(ArtifactError, match="proven program"):
        load_predictor(artifact, compiled=True)


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest"])
def test_program_and_pipeline_predict_the_same(name, runs):
    artifact = open_artifact(runs[name].folder)
    program, pipeline = (load_predictor(artifact, compiled=compiled) for compiled in (True, False))
    assert isinstance(program, ProgramPredictor)
    assert isinstance(pipeline, PipelinePredictor)
    rows = read_dataset(runs[name].folder / HOLDOUT, artifact.schema).X
    ours, theirs = program.predict(rows), pipeline.predict(rows)
    np.testing.assert_allclose(ours.y_proba, theirs.y_proba, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(ours.y_pred, theirs.y_pred)


def test_a_compiled_model_is_loaded_and_asked_without_the_libraries_that_trained_it(compiled):
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from mlcli.artifact.open import open_artifact
        from mlcli.artifact.predictor import load_predictor
        from mlcli.data.typed import columns_from_rows

        artifact = open_artifact(Path(sys.argv[1]))
        predictor = load_predictor(artifact)
        row = [float("nan"), 1.0, 0, 1_600_000_000_000_000, "late again"]
        alone = predictor.predict_row(row)
        assert predictor.predict_columns(columns_from_rows([row], artifact.schema.columns)).y_proba[0].tolist() == alone
        print(predictor.compiled, predictor.label(alone))
        heavy = set(sys.argv[2:]) & set(sys.modules)
        sys.exit(f"imported {heavy}" if heavy else 0)
        """
    )
    assert [column.kind for column in compiled.schema.columns] == ["number", "boolean", "category", "date", "text"]
    done = subprocess.run(
        [sys.executable, "-c", script, str(compiled.path), *HEAVY], check=True, capture_output=True, text=True
    )
    assert done.stdout.split()[0] == "True"


def test_the_same_config_and_data_give_the_same_program(runs, tmp_path):
    again = load_config(runs["random_forest"].folder.parent.parent / "random_forest.yaml", overrides=(), environ={})
    other = train(again, output=tmp_path / "again", created=datetime(2026, 1, 1, tzinfo=UTC))
    first = (runs["random_forest"].folder / "model.mlcli").read_bytes()
    assert (other.folder / "model.mlcli").read_bytes() == first


# --- golden rows ------------------------------------------------------------------------------------------------------


def test_golden_rows_become_the_typed_rows_that_they_were_taken_from(compiled, runs):
    rows = read_dataset(runs["logistic_regression"].folder / HOLDOUT, compiled.schema).X
    again = _to_columns(_to_cells(rows), compiled.schema)
    for column, cells, others in zip(
        compiled.schema.columns, columns_from_frame(rows, compiled.schema).columns, again.columns, strict=True
    ):
        assert list(map(repr, cells)) == list(map(repr, others)), column.name


def test_golden_cells_may_be_unseen_or_missing(compiled):
    rows = [
        dict.fromkeys(compiled.schema.names),
        {"size": 1, "paid": 1.0, "shop": "Atlantis", "since": "1969-12-31T23:59:59.999999", "note": "x"},
    ]
    size, paid, shop, since, note = _to_columns(rows, compiled.schema).columns
    assert np.isnan([size[0], paid[0]]).all()
    assert shop.tolist() == [4, 3]
    assert since.tolist() == [NAT, -1]
    assert note == ["", "x"]


def test_golden_rows_refuse_a_program_that_answers_otherwise(compiled):
    golden = msgspec.json.decode(compiled.golden, type=Golden)
    predictor = load_predictor(compiled)
    check_golden(predictor, golden)
    other = msgspec.structs.replace(golden, y_proba=[[p + 2e-6 for p in row] for row in golden.y_proba])
    with pytest.raises(ArtifactError, match="20 that differ"):
        check_golden(predictor, other)


# --- the file ---------------------------------------------------------------------------------------------------------


def refused(content, tmp_path, match=None):
    with pytest.raises(ArtifactError, match=match) as caught:
        load_predictor(open_artifact(save(tmp_path, content), check_estimator=False))
    assert caught.value.hint
    assert str(tmp_path) in caught.value.message
    return caught.value


@pytest.mark.parametrize("name", PROGRAM)
def test_an_altered_program_is_refused_and_named(name, whole, tmp_path):
    contents = unpack(whole)
    path = save(tmp_path, pack(contents | {name: contents[name][:-1] + bytes([contents[name][-1] ^ 1])}))
    with pytest.raises(ArtifactError, match=name):
        open_artifact(path)
    with pytest.raises(ArtifactError, match=name):
        load_predictor(open_artifact(path, check_estimator=False))
    assert [check.name for check in verify(path) if not check.ok] == [name]


def test_a_program_swapped_after_opening_is_noticed(whole, tmp_path):
    artifact = open_artifact(save(tmp_path, whole))
    contents = unpack(whole)
    save(tmp_path, pack(contents | {ARRAYS: contents[ARRAYS][:-1] + b"\1"}))
    with pytest.raises(ArtifactError, match=ARRAYS):
        load_predictor(artifact)


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def rearrayed(whole, changes):
    """Forge an artifact whose arrays are others."""
    return forge(whole, members={ARRAYS: pack(unpack(unpack(whole)[ARRAYS]) | changes)})


def reoperated(whole, old, new):
    operations = unpack(whole)[OPERATIONS]
    assert old in operations
    return forge(whole, members={OPERATIONS: operations.replace(old, new, 1)})


def compressed():
    file = io.BytesIO()
    np.savez_compressed(file, **{"0": np.zeros(10**6)})
    return file.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda w: rearrayed(w, {"0.npy": npy(np.array([print], dtype=object), allow_pickle=True)}), id="a pickle"
        ),
        pytest.param(lambda w: rearrayed(w, {"99.npy": npy(np.zeros(1))}), id="an array too many"),
        pytest.param(lambda w: rearrayed(w, {"../up.npy": b"x"}), id="a name that climbs"),
        pytest.param(lambda w: forge(w, members={ARRAYS: compressed()}), id="a zip bomb"),
        pytest.param(lambda w: forge(w, members={ARRAYS: b""}), id="no arrays"),
        pytest.param(lambda w: forge(w, members={ARRAYS: b"\x80\x04\x95."}), id="a pickle as the arrays"),
        pytest.param(lambda w: forge(w, members={OPERATIONS: b"{}"}), id="no operations"),
        pytest.param(lambda w: forge(w, members={OPERATIONS: b"[" * 100_000}), id="deep operations"),
        pytest.param(lambda w: forge(w, members={"program/run.py": b"x"}), id="a member more"),
        pytest.param(lambda w: reoperated(w, b'"start":0', b'"start":7'), id="features out of place"),
        pytest.param(lambda w: reoperated(w, b'"name":"size"', b'"name":"pages"'), id="another column"),
        pytest.param(lambda w: reoperated(w, b'"kind":"boolean"', b'"kind":"number"'), id="a column of another kind"),
        pytest.param(lambda w: reoperated(w, b'"n_levels":3', b'"n_levels":4'), id="another number of levels"),
        pytest.param(lambda w: reoperated(w, b'"task":"classification"', b'"task":"regression"'), id="another task"),
        pytest.param(lambda w: forge(w, format_version=1), id="a program in format version 1"),
        pytest.param(lambda w: forge(w, proof=None), id="a program without a proof"),
        pytest.param(
            lambda w: forge(w, proof=Proof(proven=False, reason="x", n_rows=0, largest_difference=None, tolerance=1.0)),
            id="a program that is not proven",
        ),
    ],
)
def test_a_forged_program_is_refused(change, whole, tmp_path):
    refused(change(whole), tmp_path)


def test_a_forged_program_ends_in_exit_code_4(whole, runs, tmp_path, capsys):
    table = str(runs["logistic_regression"].folder.parent.parent / "orders.csv")
    path = save(tmp_path, reoperated(whole, b'"start":0', b'"start":7'))
    assert run(["predict", "--artifact", str(path), table]) == 4
    told = capsys.readouterr()
    assert told.out == ""
    assert "features must be filled once" in told.err
    assert run(["predict", "--artifact", str(save(tmp_path, whole)), table, "--quiet"]) == 0


def test_forging_nothing_gives_a_good_artifact(whole, tmp_path):
    assert load_predictor(open_artifact(save(tmp_path, forge(whole)))).compiled


def test_a_program_of_other_numbers_does_not_pass_the_golden_rows(whole, compiled, tmp_path):
    program = load_program(compiled)
    operations = json.loads(unpack(whole)[OPERATIONS])
    name = f"{operations['node']['head']['coef']}.npy"
    other = rearrayed(whole, {name: npy(program.node.head.coef * 1.01)})
    with pytest.raises(ArtifactError, match="stored rows"):
        load_predictor(open_artifact(save(tmp_path, other)))


TREE_ARRAYS = {
    "a walk in a circle": ("child", lambda a: a * 0),
    "children outside": ("child", lambda a: a + len(a)),
    "children before the first": ("child", lambda a: -1 - a),
    "features outside": ("feature", lambda a: np.where(a < 0, a, 10**6).astype(a.dtype)),
    "leaves for fewer nodes": ("value", lambda a: a[:-1]),
    "no trees at all": ("feature", lambda a: a[:0]),
}


@pytest.mark.parametrize("what", TREE_ARRAYS)
def test_forged_trees_are_refused(what, runs, tmp_path):
    path = runs["random_forest"].folder / "model.mlcli"
    field, change = TREE_ARRAYS[what]
    number = json.loads(unpack(path.read_bytes())[OPERATIONS])["node"]["head"][field]
    array = getattr(load_program(open_artifact(path)).node.head, field)
    refused(rearrayed(path.read_bytes(), {f"{number}.npy": npy(change(array))}), tmp_path)


def test_a_program_stands_in_the_artifact_exactly_where_it_is_proven(tmp_path):
    parts = sample_parts(small_pipeline())
    proof = Proof(proven=True, reason=None, n_rows=20_000, largest_difference=0.0, tolerance=1e-9)
    for wrong in (
        dataclasses.replace(parts, proof=proof),
        dataclasses.replace(parts, operations=b"{}", arrays=b""),
        dataclasses.replace(parts, proof=proof, operations=b"{}"),
    ):
        with pytest.raises(ValueError, match="proven"):
            write_artifact(tmp_path / "model.mlcli", wrong, created=CREATED)
    assert list(tmp_path.iterdir()) == []


# --- what people are told ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [("random_forest", "compiled and proven on 20,"), ("nearest_neighbors", "served by scikit-learn: ")],
)
def test_inspect_says_what_answers(name, said, runs, capsys):
    folder = str(runs[name].folder)
    assert run(["inspect", folder]) == 0
    assert said in " ".join(capsys.readouterr().out.split())
    assert run(["inspect", folder, "--json"]) == 0
    proof = json.loads(capsys.readouterr().out)["manifest"]["proof"]
    assert proof["proven"] is (name == "random_forest")


def test_inspect_of_the_first_format_says_that_it_has_no_program(capsys):
    assert run(["inspect", str(STORED / "format-1.mlcli")]) == 0
    assert "format version 1" in " ".join(capsys.readouterr().out.split())


def test_train_says_what_will_answer(runs, tmp_path, capsys):
    config = runs["random_forest"].folder.parent.parent / "random_forest.yaml"
    arguments = ["train", "--config", str(config), "--set", f"output={tmp_path / 'runs'}"]
    assert run(arguments) == 0
    assert "compiled and proven on 20," in capsys.readouterr().err
    assert run([*arguments, "--json", "--quiet"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["proof"]["proven"] is True
    assert told.err == ""


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_every_format_version_is_read(version):
    artifact = open_artifact(STORED / f"format-{version}.mlcli")
    assert artifact.manifest.compiled is (version >= 2)
    if artifact.manifest.compiled:
        assert len(msgspec.json.decode(artifact.golden, type=Golden).rows) == 20
        assert load_predictor(artifact).compiled
    assert GOLDEN in artifact.manifest.members
