"""Runs are listed as they are, and pruned without losing the best, the newest or one under way."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pexpect
import pytest
from cli_samples import desk

from mlcli.artifact.runs import newest_run
from mlcli.cli.boundary import run
from mlcli.cli.runs_text import size_text
from mlcli.errors import ArtifactError, ConfigError
from mlcli.training.prune import plan_pruning
from mlcli.training.runs import RunFolder, RunRecord, rank, read_runs

MLCLI = [sys.executable, "-m", "mlcli"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Four runs of one config: the second is the best by its probabilities, the first and the third are a dummy's."""
    at = desk(tmp_path_factory.mktemp("trained"))
    config = at.config(rest="  gates: {accuracy: 0.7}\n")
    for model in ("dummy", "logistic_regression", "dummy", "decision_tree"):
        assert run(["train", "-c", config, "-q", "--json", "--set", f"model.name={model}"]) == 0
    return at.folder


@pytest.fixture
def at(trained, tmp_path):
    """A copy of the runs, and the config that leads to them."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def folder(at):
    return at / "runs"


def listed(capsys, *words):
    assert run(["runs", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)["folders"]


def names(folder):
    return sorted(place.name for place in folder.iterdir())


def damage(place):
    content = bytearray((place / "model.mlcli").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (place / "model.mlcli").write_bytes(content)


# Listing


def test_each_run_stands_with_what_it_is_and_scored(folder, capsys):
    (found,) = listed(capsys, folder)
    assert found["metric"] == "log_loss"
    assert found["same_rows"] is True
    assert [run["number"] for run in found["runs"]] == [1, 2, 3, 4]
    assert [run["model"] for run in found["runs"]] == ["dummy", "logistic_regression", "dummy", "decision_tree"]
    assert [run["best"] for run in found["runs"]] == [False, True, False, False]
    assert [run["newest"] for run in found["runs"]] == [False, False, False, True]
    assert [run["gates"][0]["passed"] for run in found["runs"]] == [False, True, False, True]
    second = found["runs"][1]
    scores = json.loads((folder / "002" / "metrics.json").read_bytes())["metrics"]
    assert second["metrics"]["f1"]["value"] == next(m["value"] for m in scores if m["name"] == "f1")
    assert second["size"] == sum(place.stat().st_size for place in (folder / "002").iterdir())


def test_the_table_marks_the_best_and_the_newest_and_missed_gates(folder, capsys):
    assert run(["runs", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"001 .* dummy .* 1 missed", lines[2])
    assert re.match(r"002 .* logistic_regression .* passed +best", lines[3])
    assert re.match(r"004 .* decision_tree .* newest", lines[5])


def test_runs_are_sorted_by_a_metric_the_best_first(folder, capsys):
    assert run(["runs", str(folder), "--sort", "accuracy"]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    values = [float(re.search(r"[0-9a-f]{12} +([\d.]+)", line)[1]) for line in lines]
    assert values == sorted(values, reverse=True)
    assert "best" in lines[0]
    (found,) = listed(capsys, folder, "--sort", "accuracy")
    assert found["metric"] == "accuracy"


def test_metrics_that_the_config_chooses_are_shown(at, capsys):
    assert run(["runs", "-c", str(at / "c.yaml"), "--set", "evaluate.metrics=[f1]"]) == 0
    assert re.search(r"Log loss +F1", capsys.readouterr().out)


def test_a_damaged_run_is_said_and_neither_best_nor_newest(folder, capsys):
    (folder / "005").mkdir()
    for number in ("002", "004"):
        (folder / number / "model.mlcli").write_bytes(b"PK\x03\x04 no zip")
    assert run(["runs", str(folder)]) == 0
    out = capsys.readouterr().out
    assert [line.split(" is damaged: ")[0] for line in out.splitlines() if " is damaged: " in line] == [
        "002",
        "004",
        "005",
    ]
    (found,) = listed(capsys, folder)
    assert [run["number"] for run in found["runs"] if run["best"]] == [3], "of equal ones the newer"
    assert [run["number"] for run in found["runs"] if run["newest"]] == [3]
    assert "holds no model.mlcli" in found["runs"][4]["problem"]


def test_a_folder_of_damaged_runs_only_is_listed_too(tmp_path, capsys):
    (tmp_path / "001").mkdir()
    (found,) = listed(capsys, tmp_path)
    assert (found["metric"], found["runs"][0]["newest"]) == (None, False)
    assert run(["runs", str(tmp_path)]) == 0


def test_different_rows_are_said(at, folder, capsys):
    words = ["train", "-c", str(at / "c.yaml"), "-q", "--json", "--set", "split.random_state=4"]
    assert run(words) == 0
    capsys.readouterr()
    assert run(["runs", str(folder)]) == 0
    assert "judged on different rows" in capsys.readouterr().out
    assert listed(capsys, folder)[0]["same_rows"] is False


def test_every_folder_below_runs_is_listed_where_none_is_named(at, monkeypatch, capsys):
    monkeypatch.chdir(at)
    shutil.copytree(at / "runs", at / "moved" / "one")
    shutil.copytree(at / "runs", at / "moved" / "two")
    shutil.rmtree(at / "runs")
    (at / "moved").rename(at / "runs")
    assert [found["folder"] for found in listed(capsys)] == ["runs/one", "runs/two"]
    assert [found["folder"] for found in listed(capsys, "runs")] == ["runs/one", "runs/two"]
    (at / "c.yaml").rename(at / "mlcli.yaml")
    shutil.rmtree(at / "runs" / "two")
    assert run(["runs"]) == 0, "the config of this folder leads to its runs"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["{at}/none"], 4, "must be a folder of runs. There is none."),
        (["{at}/empty"], 4, "must be a folder of runs. It holds none."),
        (["{at}/runs", "-c", "{at}/c.yaml"], 2, "runs must be named once"),
        (["{at}/runs", "--sort", "f2"], 2, "metric 'f2' is not known"),
        (["{at}/runs", "--sort", "rmse"], 2, "must hold runs with the metric 'rmse'"),
        (["{at}/runs", "prune"], 2, "must stand behind `prune`"),
        (["--config", "{at}/c.yaml", "prune"], 4, "prune must be a folder of runs"),
        (["prune", "{at}/none"], 4, "must be a folder of runs. There is none."),
        (["prune", "{at}/runs", "--keep-newest", "0"], 2, "--keep-newest"),
        (["prune", "{at}/runs", "--keep-newest", "1"], 2, "Got nobody to ask"),
    ],
)
def test_what_cannot_be_listed_or_pruned_is_refused(words, code, message, at, capsys):
    (at / "empty").mkdir()
    before = names(at / "runs")
    assert run(["runs", *(word.format(at=at) for word in words)]) == code
    assert message in capsys.readouterr().err
    assert names(at / "runs") == before


def test_pruning_needs_a_config_or_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["runs", "prune"]) == 2
    assert "a folder of runs must be named" in capsys.readouterr().err
    assert run(["runs"]) == 4


# Pruning


def record(number, value, problem=None):
    from mlcli.artifact.manifest import MetricSummary

    metrics = {} if value is None else {"f1": MetricSummary(value=value, low=None, high=None, dummy=None)}
    return RunRecord(f"{number:03d}", number, 10, metrics=metrics, problem=problem)


def plan(values, *, keep_best, keep_newest, damaged=()):
    runs = tuple(record(n, v, "broken" if n in damaged else None) for n, v in enumerate(values, start=1))
    found = plan_pruning(
        RunFolder("x", "f1", ("f1",), same_rows=True, runs=runs), keep_best=keep_best, keep_newest=keep_newest
    )
    assert {run.number for run, _ in found.kept} | {run.number for run in found.removed} == {run.number for run in runs}
    assert found.size == 10 * len(found.removed)
    return [run.number for run in found.removed]


@pytest.mark.parametrize(
    ("values", "options", "removed"),
    [
        pytest.param([0.9, 0.1, 0.2, 0.3], {"keep_best": 1, "keep_newest": 1}, [2, 3], id="the best is the oldest"),
        pytest.param([0.1, 0.2, 0.3, 0.9], {"keep_best": 1, "keep_newest": 1}, [1, 2, 3], id="the best is the newest"),
        pytest.param([0.9, 0.8, 0.7, 0.6], {"keep_best": 2, "keep_newest": 1}, [3], id="the two best"),
        pytest.param([0.9, 0.8, 0.7, 0.6], {"keep_best": 0, "keep_newest": 2}, [1, 2], id="only the newest"),
        pytest.param([0.5, 0.5, 0.1], {"keep_best": 1, "keep_newest": 1}, [1], id="of equal ones the newer"),
        pytest.param([None, 0.1, None], {"keep_best": 1, "keep_newest": 1}, [1], id="an undefined score is never the best"),
        pytest.param([0.1, 0.2], {"keep_best": 1, "keep_newest": 5}, [], id="fewer than asked for"),
        pytest.param([0.9, 0.1, 0.2, 0.3], {"keep_best": 1, "keep_newest": 1, "damaged": (4,)}, [2], id="a damaged newest"),
        pytest.param([0.9, 0.1, 0.2], {"keep_best": 1, "keep_newest": 1, "damaged": (1,)}, [2], id="a damaged best"),
    ],
)  # fmt: skip
def test_the_best_and_the_newest_that_can_be_used_stay(values, options, removed):
    assert plan(values, **options) == removed


def test_less_of_an_error_is_better():
    from mlcli.artifact.manifest import MetricSummary

    runs = [
        RunRecord(str(n), n, 0, metrics={"rmse": MetricSummary(value=v, low=None, high=None, dummy=None)})
        for n, v in enumerate([3.0, 1.0, 2.0])
    ]
    assert [run.number for run in rank(runs, "rmse")] == [1, 2, 0]


def test_pruning_keeps_the_best_and_the_newest_and_says_what_goes(folder, capsys):
    assert run(["runs", "prune", str(folder), "--keep-newest", "1", "--yes"]) == 0
    out, err = capsys.readouterr()
    assert names(folder) == ["002", "004"]
    assert re.search(r"001 +dummy +[\d.]+ +[\d.]+ kB +remove", out)
    assert re.search(r"002 .* keep: best", out)
    assert re.search(r"removed 2 runs, [\d.]+ kB", err)
    assert run(["runs", "prune", str(folder), "--yes"]) == 0
    assert "nothing to remove" in capsys.readouterr().err


def test_a_dry_run_removes_nothing(folder, capsys):
    assert run(["runs", "prune", str(folder), "--keep-newest", "1", "--dry-run"]) == 0
    assert "would remove 2 runs" in capsys.readouterr().err
    assert len(names(folder)) == 4
    assert run(["runs", "prune", str(folder), "--keep-newest", "1", "--dry-run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["dry_run"] is True
    assert [Path(run["run"]).name for run in document["removed"]] == ["001", "003"]
    assert document["size"] == sum(run["size"] for run in document["removed"]) > 0
    assert len(names(folder)) == 4


@pytest.mark.parametrize(("answer", "left"), [("y", ["002", "004"]), ("n", ["001", "002", "003", "004"])])
def test_a_person_is_asked(answer, left, folder):
    child = pexpect.spawn(
        MLCLI[0], [*MLCLI[1:], "runs", "prune", str(folder), "--keep-newest", "1"], encoding="utf-8", timeout=60
    )
    child.expect(r"Remove 2 runs\? \[y/N\]")
    assert len(names(folder)) == 4, "nothing goes before the answer"
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert names(folder) == left


def test_a_best_run_whose_pipeline_is_damaged_does_not_cost_the_second_best(folder):
    """Listing reads no pipelines; pruning must, or it would keep what is of no use."""
    damage(folder / "002")
    assert run(["runs", "prune", str(folder), "--keep-newest", "1", "--yes"]) == 0
    assert names(folder) == ["002", "003", "004"], "damaged, best of those that can be used, newest"


def test_a_run_that_is_being_written_is_never_touched(folder):
    under_way = folder / f".005.tmp-{os.getpid()}-0123abcd"
    under_way.mkdir()
    (under_way / "model.mlcli").write_text("half")
    (folder / "prepared").mkdir()
    assert run(["runs", "prune", str(folder), "--keep-newest", "1", "--yes"]) == 0
    assert names(folder) == [under_way.name, "002", "004", "prepared"]
    assert (under_way / "model.mlcli").read_text() == "half"


def test_a_run_that_is_a_link_stays(folder, tmp_path):
    (folder / "001").rename(tmp_path / "elsewhere")
    (folder / "001").symlink_to(tmp_path / "elsewhere")
    assert run(["runs", "prune", str(folder), "--keep-newest", "1", "--yes"]) == 0
    assert names(folder) == ["001", "002", "004"]
    assert (tmp_path / "elsewhere" / "model.mlcli").is_file()


def test_a_pruning_that_is_killed_leaves_no_half_run(folder):
    """The folder is renamed before anything in it goes; the next training removes what is left."""
    script = """
    import os, shutil, signal, sys
    from mlcli.cli.boundary import run
    def half(place, **_):
        next(iter(place.iterdir())).unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    shutil.rmtree = half
    run(sys.argv[1:])
    """
    words = ["runs", "prune", str(folder), "--keep-newest", "1", "--yes"]
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), *words], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL

    aside = [name for name in names(folder) if name.startswith(".001.tmp-")]
    assert names(folder) == [*aside, "002", "003", "004"]
    assert all(run.problem is None for run in read_runs(folder, thorough=True).runs)
    assert newest_run(folder).name == "004"

    assert run(["train", "-c", str(folder.parent / "c.yaml"), "-q", "--json"]) == 0
    assert names(folder) == ["002", "003", "004", "005"]


def test_a_folder_that_may_not_be_changed_says_so(folder, capsys):
    if os.geteuid() == 0:
        pytest.skip("root may change any folder")
    folder.chmod(0o500)
    try:
        assert run(["runs", "prune", str(folder), "--keep-newest", "1", "--yes"]) == 2
    finally:
        folder.chmod(0o700)
    assert "must be writable. Got: permission is denied" in capsys.readouterr().err
    assert len(names(folder)) == 4


def test_reading_says_what_is_wrong_with_the_folder_or_the_metric(folder, tmp_path):
    with pytest.raises(ArtifactError, match="It holds none"):
        read_runs(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="'rmse'"):
        read_runs(folder, metric="rmse")


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (131_394, "131 kB"), (3_600_000, "3.6 MB"), (5e15, "5000 TB")]
)  # fmt: skip
def test_sizes_are_written_for_people(size, text):
    assert size_text(size) == text
