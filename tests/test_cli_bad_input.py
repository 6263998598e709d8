"""Whatever a user gets wrong: the documented exit code, the place, one thing to try, and nothing written."""

from __future__ import annotations

import io
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli_samples import GOOD, desk, trained_run

from mlcli.cli.boundary import run

USAGE, DATA, ARTIFACT, GATE = 2, 3, 4, 5
LINES = GOOD.splitlines()
MLCLI = [sys.executable, "-m", "mlcli"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def at(tmp_path, trained):
    return desk(tmp_path, trained=trained)


def train(at, **config):
    return ["train", "--config", at.config(**config)]


def train_on(at, content, *, name="t.csv", **config):
    at.put(name, content)
    return train(at, path=name, **config)


def predict(at, content, *more, name="new.csv"):
    return ["predict", "--artifact", str(at.trained), at.put(name, content), *more]


def evaluate(at, *more):
    return ["evaluate", "--artifact", str(at.trained), *more]


def model(at, change, command="inspect"):
    """Return a command line about a changed copy of the trained model."""
    path = at.put("m.mlcli", change((at.trained / "model.mlcli").read_bytes()))
    return [command, path] if command == "inspect" else [command, "--artifact", path, str(at.folder / "good.csv")]


def flipped(content, position):
    return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]


def foreign_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "hello")
    return buffer.getvalue()


def with_group(value):
    return f"team,{LINES[0]}\n" + "".join(f"{value},{line}\n" for line in LINES[1:])


CONFIGS = {
    "a config that is not there": (lambda at: ["train", "-c", str(at.folder / "none.yaml")], "none.yaml does not exist"),
    "a folder as config": (lambda at: ["train", "-c", str(at.folder)], "must be a config file"),
    "an empty config": (lambda at: ["train", "-c", at.put("e.yaml", "")], "e.yaml must hold a config"),
    "a binary config": (lambda at: ["train", "-c", at.put("b.yaml", b"\xff\xfe\x00\x01")], "b.yaml must be UTF-8"),
    "a YAML syntax error": (lambda at: ["train", "-c", at.put("s.yaml", "name: a\ndata: [1,\n  x: }")], "s.yaml:3:6:"),
    "a tab in YAML": (lambda at: ["train", "-c", at.put("s.yaml", "name: a\n\tdata: 1")], "s.yaml:2:1: a tab"),
    "an unknown key": (lambda at: train(at, rest="modle: 1\n"), "c.yaml:11:1: modle: unknown key - did you mean 'model'?"),
    "an unknown key deep down": (lambda at: train(at, rest="split: {tset_size: 0.3}\n"), "split.tset_size: unknown key - did you mean 'test_size'?"),
    "a duplicate key": (lambda at: train(at, rest="name: again\n"), "c.yaml:11:1: name: duplicate key"),
    "a mistyped value": (lambda at: train(at, rest="split: {test_size: big}\n"), "c.yaml:11:20: split.test_size: must be a number"),
    "a list for a text": (lambda at: train(at, target="[a, b]"), "c.yaml:5:11: data.target: must be text"),
    "an unknown model": (lambda at: train(at, model="logistic_regresion"), "c.yaml:8:9: model.name: unknown model"),
    "an unknown metric": (lambda at: train(at, rest="  metrics: [acuracy]\n"), "did you mean 'accuracy'?"),
    "a gate on an unknown metric": (lambda at: train(at, rest="  gates: {f2: 0.5}\n"), "evaluate.gates.f2: unknown metric"),
    "a parameter the model lacks": (lambda at: train(at, model="logistic_regression", params="  params: {c: 1}\n"), "model.params.c: unknown parameter of logistic_regression - did you mean 'C'?"),
    "a parameter the model rejects": (lambda at: train(at, model="logistic_regression", params="  params: {C: -1}\n"), "c.yaml:9:15: model.params.C must be"),
    "an override of an unknown key": (lambda at: [*train(at), "--set", "model.prams.C=1"], "`--set model.prams.C=1`: model.prams: unknown key"),
    "an override without a value": (lambda at: [*train(at), "--set", "model.params.C"], "must read KEY=VALUE"),
    "an override out of range": (lambda at: [*train(at), "--set", "split.test_size=2"], "`--set split.test_size=2`: split.test_size: must be"),
    "an override of the stored config": (lambda at: [*evaluate(at), "--set", "evaluate.resmples=2"], "did you mean 'resamples'?"),
    "a variable that is not set": (lambda at: train(at, path="${MLCLI_NOWHERE}/x.csv"), "the environment variable 'MLCLI_NOWHERE' is not set"),
    "a model for another task": (lambda at: train(at, model="logistic_regression", rest="task: regression\n"), "is for classification, and task is regression"),
    "a metric of another task": (lambda at: train(at, rest="  metrics: [rmse]\ntask: classification\n"), "rmse"),
}  # fmt: skip

TABLES = {
    "a data file that is not there": (lambda at: train(at, path="nothere.csv"), "nothere.csv must exist"),
    "a glob that matches nothing": (lambda at: train(at, path="'nothere*.csv'"), "nothere*.csv must match at least one file"),
    "a folder as data": (lambda at: train(at, path="."), "must be a file. Got a folder"),
    "an empty file": (lambda at: train_on(at, ""), "t.csv must hold a header and rows. Got an empty file"),
    "a header only": (lambda at: train_on(at, LINES[0] + "\n"), "t.csv must hold at least one row"),
    "a binary file as CSV": (lambda at: train_on(at, bytes(range(256)) * 40), "t.csv must be text"),
    "a picture as CSV": (lambda at: train_on(at, b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))), "t.csv must be a text file. Got what seems to be a PNG image"),
    "a truncated gzip file": (lambda at: train_on(at, b"\x1f\x8b\x08\x00abc", name="t.csv.gz"), "t.csv.gz must be a whole gzip file"),
    "a damaged Parquet file": (lambda at: train_on(at, b"PAR1asdf", name="t.parquet"), "t.parquet must be a whole Parquet file"),
    "a wrong encoding": (lambda at: train_on(at, GOOD.replace("Rome", "Zürich").encode("latin-1")), "t.csv must be text in utf-8. Got byte 0xfc at offset"),
    "a short row": (lambda at: train_on(at, GOOD + "200,33,Rome\n"), "t.csv: every row must have 5 cells, as the header has. Got 3 in row 121"),
    "a long row": (lambda at: train_on(at, GOOD + "200,33,Rome,2024-01-01,yes,1,2\n"), "Got 7 in row 121"),
    "a column name twice": (lambda at: train_on(at, GOOD.replace("id,age,city", "id,age,age")), "each column must have a name of its own. Got 'age'"),
    "a target that is not in the file": (lambda at: train(at, target="chrun"), "good.csv must have the target column 'chrun'"),
    "a dropped column that is not in the file": (lambda at: train(at, data="  drop: [cit]\n"), "must have the column 'cit' that data.drop names"),
    "a target of one class": (lambda at: train_on(at, GOOD.replace(",yes", ",no")), "target 'churn' must have two classes or more. Got only 'no'"),
    "a target that is blank": (lambda at: train_on(at, re.sub(",(yes|no)\n", ",\n", GOOD)), "target 'churn' must hold a value in some row"),
    "a target of text for regression": (lambda at: train(at, model="linear", rest="task: regression\n"), "'churn'"),
    "fewer rows than folds": (lambda at: train_on(at, "\n".join(LINES[:30]), rest="split: {cv: 60}\n"), "split.cv must not exceed the number of training rows. Got 60 folds for 23"),
    "a single row": (lambda at: train_on(at, "\n".join(LINES[:2])), "must hold at least 2 rows"),
    "a group split of one group": (lambda at: train_on(at, with_group("a"), rest="split: {method: group, column: team}\n"), "column 'team' must hold at least two groups"),
    "a split column that is not there": (lambda at: train(at, rest="split: {method: group, column: team}\n"), "must have the column 'team', which split.column names"),
    "a time split of words": (lambda at: train(at, rest="split: {method: time, column: city}\n"), "row 1: column 'city' must hold a number or a date"),
    "a predict file that is not there": (lambda at: ["predict", "--artifact", str(at.trained), str(at.folder / "none.csv")], "none.csv must exist"),
    "a column absent at predict": (lambda at: predict(at, "id,age\n1,30\n"), "new.csv must have every column that the model was trained on. Missing: 'city', 'date'"),
    "a column of another type at predict": (lambda at: predict(at, "id,age,city,date\n1,30,Rome,2024-01-01\n2,old,Rome,2024-01-01\n"), "new.csv: row 2, column 'age' must be a number. Got 'old'"),
    "two bad cells at predict": (lambda at: predict(at, "id,age,city,date\n1,old,Rome,soon\n"), "row 1, column 'date' must be a date. Got 'soon'"),
    "a header only at predict": (lambda at: predict(at, "id,age,city,date\n"), "new.csv must hold at least one row"),
    "rows without a target at evaluate": (lambda at: evaluate(at, "--data", at.put("n.csv", "id,age,city,date\n1,3,Rome,2024-01-01\n")), "Missing: 'churn'"),
    "rows of another class at evaluate": (lambda at: evaluate(at, "--data", at.put("n.csv", GOOD.replace(",yes", ",maybe"))), "must be one of the classes 'no', 'yes'. Got 'maybe'"),
    "a target that init cannot find": (lambda at: ["init", str(at.folder / "good.csv"), "--target", "chur"], "must have the target column 'chur'"),
}  # fmt: skip

ARTIFACTS = {
    "a model that is not there": (lambda at: ["inspect", str(at.folder / "none.mlcli")], "none.mlcli must be a run folder or a .mlcli file"),
    "an empty model": (lambda at: model(at, lambda _: b""), "m.mlcli must be a file that `mlcli train` wrote"),
    "a truncated model": (lambda at: model(at, lambda content: content[: len(content) // 2]), "m.mlcli must end as it was written"),
    "an altered model": (lambda at: model(at, lambda content: flipped(content, len(content) // 3)), "must have the digest that its manifest states"),
    "an altered model at predict": (lambda at: model(at, lambda content: flipped(content, len(content) // 3), "predict"), "must have the digest that its manifest states"),
    "a text as model": (lambda at: model(at, lambda _: b"hello world\n" * 100), "m.mlcli must be a file that `mlcli train` wrote"),
    "another program's zip as model": (lambda at: model(at, lambda _: foreign_zip()), "m.mlcli must be laid out as `mlcli train` writes it"),
    "a pickle as model": (lambda at: model(at, lambda _: b"\x80\x04\x95" + b"a" * 50), "m.mlcli must be a file that `mlcli train` wrote"),
    "a folder without a model": (lambda at: ["inspect", str(at.folder)], "must be a run folder"),
    "a folder of runs as model": (lambda at: ["inspect", str(at.trained.parent)], "must be a run folder"),
    "a config that was never trained": (lambda at: ["evaluate", "--config", at.config()], "runs must hold a complete run"),
    "a model without its held-out rows": (lambda at: ["evaluate", "-a", at.put("m.mlcli", (at.trained / "model.mlcli").read_bytes())], "m.mlcli must lie in its run folder, beside holdout.parquet"),
}  # fmt: skip

PLACES = {
    "a file where runs should go": (lambda at: train(at, output=at.put("taken", "x")), "taken must be a folder. Got a file"),
    "a file above where runs should go": (lambda at: train(at, output=at.put("taken", "x") + "/runs"), "taken/runs must be writable"),
    "a file where prepared rows should go": (lambda at: ["preprocess", "-c", at.config(), "-o", at.put("taken", "x")], "taken must be a folder. Got a file"),
    "a file above a report": (lambda at: evaluate(at, "-o", at.put("taken", "x") + "/r.md"), "taken/r.md must be writable"),
    "a folder as predictions": (lambda at: predict(at, GOOD, "--format", "csv", "-o", str(at.folder)), "must be writable. Got: it is a folder"),
    "predictions in no known format": (lambda at: predict(at, GOOD, "-o", str(at.folder / "p.xyz")), "p.xyz must end in one of .csv"),
    "a config that exists already": (lambda at: ["init", str(at.folder / "good.csv"), "-t", "churn", "-o", at.put("x.yaml", "x")], "x.yaml must not exist yet"),
}  # fmt: skip

WORDS = {
    "an unknown command": (lambda at: ["trian"], "Did you mean 'train'?"),
    "an unknown option": (lambda at: ["train", "--confg", "x"], "mlcli train: unknown option '--confg' - did you mean '--config'?"),
    "a config without its option": (lambda at: ["train", "configs/credit.yaml"], "the config needs its option in front. Got 'configs/credit.yaml'"),
    "a word too many": (lambda at: ["schema", "now"], "nothing is expected after the options. Got 'now'"),
    "an option without its value": (lambda at: ["train", "--config"], "--config"),
    "no data to predict": (lambda at: ["predict"], "mlcli predict: Missing argument 'DATA'"),
    "no target": (lambda at: ["init", "x.csv"], "mlcli init: Missing option '--target'"),
    "an unknown format": (lambda at: ["evaluate", "--format", "xml"], "'xml' is not one of 'table', 'json', 'markdown'"),
    "an unknown model to list": (lambda at: ["models", "forest"], "NAME must be a model of the catalogue. Got 'forest'"),
    "a gate without a value": (lambda at: evaluate(at, "--fail-under", "f1"), "`--fail-under f1`: gate must read METRIC=BOUND"),
    "a gate that is no number": (lambda at: evaluate(at, "--fail-under", "f1=high"), "gate of f1 must be a number. Got 'high'"),
    "a gate that decides nothing": (lambda at: evaluate(at, "--fail-under", "f1=nan"), "gate of f1 must be in [0, 1]"),
    "a gate in per cent": (lambda at: evaluate(at, "--fail-under", "f1=75"), "Got 75"),
    "a gate on a metric of another task": (lambda at: evaluate(at, "--fail-under", "rmse=3"), "metric 'rmse' measures regression"),
}  # fmt: skip

CASES = [
    pytest.param(build, code, said, id=name)
    for code, cases in ((USAGE, CONFIGS), (DATA, TABLES), (ARTIFACT, ARTIFACTS), (USAGE, PLACES), (USAGE, WORDS))
    for name, (build, said) in cases.items()
]


def assert_well_said(err, said):
    """Hold a message against the form that every error has: the place, the rule, one thing to try."""
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    hints = [line for line in err.splitlines() if line.startswith("hint: ")]
    assert errors, err
    assert len(hints) == 1, err
    assert err.splitlines()[-1] == hints[0], "the thing to try is said last"
    assert said in err
    assert "Traceback" not in err
    assert "bug in mlcli" not in err
    assert " object at 0x" not in err


@pytest.mark.parametrize(("build", "code", "said"), CASES)
def test_a_mistake_is_said_with_its_place_and_leaves_nothing_behind(build, code, said, at, capsys):
    words = build(at)
    before = at.content()

    assert run(words) == code

    out, err = capsys.readouterr()
    assert_well_said(err, said)
    assert out == ""
    assert at.content() == before


@pytest.mark.parametrize(
    "err", ["error: x", "hint: y", "error: x\nhint: y\nhint: z", "hint: y\nerror: x", "error: Traceback\nhint: y"]
)
def test_the_form_of_an_error_is_checked(err):
    with pytest.raises(AssertionError):
        assert_well_said(err, "x")


def test_without_a_config_the_user_is_told_how_to_get_one(tmp_path):
    done = subprocess.run([*MLCLI, "train"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == USAGE
    assert_well_said(done.stderr, "there is no mlcli.yaml in this folder")
    assert "mlcli init" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_all_problems_of_a_config_are_told_at_once(at, capsys):
    assert run(train(at, rest="modle: 1\nsplit: {test_size: big, cv: 2.5}\n")) == USAGE

    err = capsys.readouterr().err
    assert err.count("error: ") == 3
    assert [re.search(rf"c\.yaml:(\d+):\d+: {key}", err)[1] for key in ("modle", "split.test_size", "split.cv")] == [
        "11",
        "12",
        "12",
    ]


def test_bad_rows_write_no_predictions(at, capsys):
    output = at.folder / "out.csv"
    words = predict(at, "id,age,city,date\n1,old,Rome,2024-01-01\n", "-o", str(output))
    before = at.content()

    assert run(words) == DATA

    assert at.content() == before


def test_bad_rows_leave_earlier_predictions_as_they_were(at, capsys):
    output = at.put("out.csv", "earlier")

    assert run(predict(at, "id,age,city,date\n1,old,Rome,2024-01-01\n", "-o", output)) == DATA

    assert (at.folder / "out.csv").read_text() == "earlier"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
@pytest.mark.parametrize("command", ["train", "preprocess"])
def test_a_read_only_folder_is_refused_before_the_work(command, at, capsys):
    (at.folder / "locked").mkdir(mode=0o555)

    assert run([command, "-c", at.config(output="locked/runs")]) == USAGE

    err = capsys.readouterr().err
    assert_well_said(err, "must be writable. Got: permission is denied")
    assert "read 120 rows" not in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_model_is_an_artifact_error(at, capsys):
    path = at.put("m.mlcli", (at.trained / "model.mlcli").read_bytes())
    Path(path).chmod(0)

    assert run(["inspect", path]) == ARTIFACT

    assert_well_said(capsys.readouterr().err, "m.mlcli")


def small_files_only():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))


@pytest.mark.parametrize("command", ["train", "predict"])
def test_a_full_disk_leaves_nothing_half_written(command, at):
    """A limit on the size of files stands in for the disk: both fail in the middle of a write."""
    output = str(at.folder / "out.csv")
    words = train(at, output="runs") if command == "train" else predict(at, GOOD, "-o", output)
    before = at.content()

    done = subprocess.run([*MLCLI, *words], preexec_fn=small_files_only, capture_output=True, text=True, check=False)

    assert done.returncode == USAGE
    assert_well_said(done.stderr, "must be writable. Got: the file would be larger than allowed")
    assert ".tmp-" not in done.stderr
    after = at.content()
    assert {name for name in after if name not in before} <= {"runs"}
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("command", ["predict", "schema"])
def test_a_full_standard_output_is_said_once(command, at):
    words = {"predict": predict(at, GOOD), "schema": ["schema"]}[command]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*MLCLI, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == USAGE
    assert_well_said(done.stderr, "standard output must be writable. Got: the disk is full")


def test_an_error_into_a_full_standard_output_is_said_on_stderr_alone():
    with Path("/dev/full").open("w") as full:
        words = ["train", "--config", "nope.yaml", "--json"]
        done = subprocess.run([*MLCLI, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == USAGE
    assert_well_said(done.stderr, "nope.yaml does not exist")


SLOW = "  params: {max_iter: 10000000, n_iter_no_change: 10000000, tol: 0.0, early_stopping: false}\n"
"""Parameters that keep a network in its fit until somebody stops it."""

SIGNALS = [
    pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
    pytest.param(signal.SIGTERM, 143, id="terminate"),
    pytest.param(signal.SIGKILL, -9, id="kill -9"),
]


@pytest.fixture
def start():
    """Start mlcli in the background, and end what a failed test left running."""
    started = []

    def begin(words):
        process = subprocess.Popen(
            [*MLCLI, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def unfinished(at):
    return [place.name for place in at.folder.iterdir() if ".tmp-" in place.name]


def wait_for(condition, *, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_stopped_training_leaves_the_earlier_runs_and_no_other(number, code, at, start):
    shutil.copytree(at.trained, at.folder / "runs" / "001")
    words = train(at, model="mlp", params=SLOW)
    before = at.content()
    process = start(words)
    for line in process.stderr:
        if line.startswith(b"preprocessed"):
            break
    time.sleep(0.2)  # into the fit, where scikit-learn itself would answer Ctrl-C with a half-trained network

    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == code
    assert at.content() == before
    assert b"Traceback" not in err
    assert (b"interrupted: nothing half-written is left behind." in err) == (number != signal.SIGKILL)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_stopped_prediction_leaves_no_output_that_looks_whole(number, code, at, start, capsys):
    output = at.folder / ("out.parquet" if number == signal.SIGTERM else "out.csv")
    process = start(["predict", "-a", str(at.trained), "-", "-o", str(output)])
    process.stdin.write(GOOD.encode())
    process.stdin.flush()  # and left open: the reader waits for more
    wait_for(lambda: unfinished(at))

    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == code
    assert not output.exists()
    assert b"Traceback" not in err
    assert bool(unfinished(at)) == (number == signal.SIGKILL), "only a killed process cannot tidy up"
    assert run(["predict", "-a", str(at.trained), str(at.folder / "good.csv"), "-q", "-o", str(output)]) == 0
    assert output.exists()
    assert unfinished(at) == [], "the next writer tidies up"


def test_a_bug_of_ours_is_said_in_two_lines_with_its_details_in_a_file(at, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(sys.modules, "mlcli.artifact.open", SimpleNamespace(verify=None, open_artifact=None))

    assert run(["inspect", str(at.trained), "--json"]) == 1

    out, err = capsys.readouterr()
    assert "this is a bug in mlcli" in err
    assert "Traceback" not in err + out
    log = next(tmp_path.glob("mlcli-*.log"))
    assert str(log) in err
    assert "Traceback" in log.read_text()
