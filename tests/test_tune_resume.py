"""A search that is killed goes on where it was, and ends as one that was not killed."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from tune_samples import load, outcome, searched, trained, write_project

from mlcli.cli.boundary import run as run_mlcli
from mlcli.errors import ConfigError, OutputError
from mlcli.training.prepare import prepare
from mlcli.training.trial_runs import run_trials
from mlcli.training.tune import SEARCHES, tune

METHODS = ["random", "tpe"]
MLCLI = [sys.executable, "-m", "mlcli"]
N_TRIALS = 24


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("project"), trials=N_TRIALS)


def train_until(config, line, *words, signal_number=signal.SIGKILL):
    """Run ``mlcli train`` and send it a signal when it says a line that begins so; return what it said before and its code."""
    process = subprocess.Popen(
        [*MLCLI, "train", "--config", str(config), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    said = []
    for told in process.stderr:
        said.append(told.rstrip())
        if told.startswith(line):
            process.send_signal(signal_number)
            break
    said += [told.rstrip() for told in process.stderr]
    process.stderr.close()
    return said, process.wait()


def interrupt_after(monkeypatch, n_trials):
    """Let a search die after some trials; what is on the disk stays as a killed process leaves it."""

    def short(search, judge, plan):
        return run_trials(search, judge, dataclasses.replace(plan, n_trials=min(n_trials, plan.n_trials)))

    monkeypatch.setattr("mlcli.training.tune.run_trials", short)


@pytest.mark.parametrize("method", METHODS)
def test_a_search_killed_three_times_ends_as_one_that_was_not_killed(tmp_path, method):
    config = write_project(tmp_path, trials=N_TRIALS)
    words = ["--set", f"tune.method={method}", "--set", "output=runs"]
    whole = trained(config, f"tune.method={method}", "output=runs", output=tmp_path / "whole")

    for n_done in (3, 9, 15):
        said, code = train_until(config, f"searching {n_done} of {N_TRIALS}", *words, "--resume")
        assert code == -signal.SIGKILL, said
    done = subprocess.run(
        [*MLCLI, "train", "--config", config, *words, "--resume"], capture_output=True, text=True, check=True
    )

    resumed = next(line for line in done.stderr.splitlines() if line.startswith("resuming the search"))
    assert int(resumed.split()[3]) >= 15
    run = msgspec.json.decode((tmp_path / "runs" / "001" / "trials.json").read_bytes())
    expected = msgspec.json.decode((whole.folder / "trials.json").read_bytes())
    for trial in (*run["trials"], *expected["trials"]):
        trial.pop("seconds")
    assert run == expected
    assert f"(digest {whole.manifest.digest[:12]}," in done.stderr
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"001"}, "nothing half-done is left"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_done", [1, 5, N_TRIALS])
def test_a_search_goes_on_from_any_trial(project, tmp_path, monkeypatch, caplog, method, n_done):
    words = (project, f"tune.method={method}")
    whole = searched(*words, output=tmp_path / "whole").tuning
    with monkeypatch.context() as patch:
        interrupt_after(patch, n_done)
        searched(*words, output=tmp_path / "killed")
    with caplog.at_level("INFO", logger="mlcli"):
        resumed = searched(*words, output=tmp_path / "killed", resume=True).tuning

    assert outcome(resumed) == outcome(whole)
    assert f"resuming the search: {n_done} of {N_TRIALS} trials are done" in caplog.messages


@pytest.mark.parametrize("method", METHODS)
def test_an_infinite_parameter_comes_back_as_it_was(tmp_path, monkeypatch, method):
    config = write_project(tmp_path, model="logistic_regression", trials=4)
    words = (config, f"tune.method={method}", "model.params={C: .inf}", "tune.space={tol: [0.0001, 0.01, log]}")
    whole = searched(*words, output=tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        searched(*words, output=tmp_path / "killed")
    resumed = searched(*words, output=tmp_path / "killed", resume=True)

    assert whole.loaded.config.model.params["C"] == float("inf")
    assert outcome(resumed.tuning) == outcome(whole.tuning)


@pytest.mark.parametrize("n_bytes", [1, 40, 400])
def test_a_journal_torn_anywhere_goes_on(project, tmp_path, monkeypatch, n_bytes):
    """Whatever line the process was at, of whatever trial: asked, valued, recorded or told."""
    words = (project, "tune.method=tpe")
    whole = searched(*words, output=tmp_path / "whole").tuning
    with monkeypatch.context() as patch:
        interrupt_after(patch, 12)
        searched(*words, output=tmp_path / "killed")
    journal = next((tmp_path / "killed" / SEARCHES).glob("*/journal.log"))
    content = journal.read_bytes()
    journal.write_bytes(content[:-n_bytes])

    assert outcome(searched(*words, output=tmp_path / "killed", resume=True).tuning) == outcome(whole)


def test_every_line_that_a_journal_may_end_with_leads_to_the_same_trials(tmp_path, monkeypatch):
    config = write_project(tmp_path, trials=4)
    words = (config, "tune.method=tpe", "tune.cv=2")
    whole = searched(*words, output=tmp_path / "whole").tuning
    kept = next((tmp_path / "whole" / SEARCHES).glob("*/journal.log"))
    lines = kept.read_bytes().splitlines(keepends=True)
    kept_at = kept.relative_to(tmp_path / "whole")

    for n_lines in range(2, len(lines)):
        journal = tmp_path / str(n_lines) / kept_at
        journal.parent.mkdir(parents=True)
        journal.write_bytes(b"".join(lines[:n_lines]))
        resumed = searched(*words, output=tmp_path / str(n_lines), resume=True).tuning
        assert outcome(resumed) == outcome(whole), n_lines


def test_a_file_of_trials_that_cannot_be_read_begins_anew(project, tmp_path, monkeypatch, caplog):
    whole = searched(project, output=tmp_path / "whole").tuning
    with monkeypatch.context() as patch:
        interrupt_after(patch, 5)
        searched(project, output=tmp_path / "killed")
    next((tmp_path / "killed" / SEARCHES).glob("*/trials.json")).write_bytes(b'[{"number": 0}]')
    resumed = searched(project, output=tmp_path / "killed", resume=True).tuning

    assert outcome(resumed) == outcome(whole)
    assert any("cannot be read; the search begins anew" in message for message in caplog.messages)


@pytest.mark.parametrize("method", METHODS)
def test_training_anew_says_that_a_search_was_left_and_does_not_use_it(project, tmp_path, monkeypatch, caplog, method):
    words = (project, f"tune.method={method}")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 5)
        searched(*words, output=tmp_path)
    fits = count_fits(monkeypatch)
    anew = searched(*words, output=tmp_path).tuning

    assert [message for message in caplog.messages if "left after 5 of 24 trials, and --resume" in message]
    assert len(anew.trials) == N_TRIALS
    assert fits() == sum(len(trial.fold_values) for trial in anew.trials if trial.seconds)


def count_fits(monkeypatch):
    """Count the folds that are scored from now on."""
    from mlcli.training import trial_runs

    calls = []
    score = trial_runs.score_fold
    monkeypatch.setattr(trial_runs, "score_fold", lambda *a, **k: (calls.append(1), score(*a, **k))[1])
    return lambda: len(calls)


def test_a_resumed_search_fits_only_what_was_not_done(project, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 20)
        searched(project, output=tmp_path)
    fits = count_fits(monkeypatch)
    searched(project, output=tmp_path, resume=True)

    assert fits() == (N_TRIALS - 20) * 3


@pytest.mark.parametrize(
    "override",
    [
        "tune.random_state=1",
        "tune.trials=25",
        "tune.cv=4",
        "model.random_state=1",
        "preprocess.number.scale=robust",
        "split.random_state=3",
    ],
)
def test_another_config_does_not_go_on_with_the_search(project, tmp_path, monkeypatch, caplog, override):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3)
        searched(project, output=tmp_path)
    fits = count_fits(monkeypatch)
    resumed = searched(project, override, output=tmp_path, resume=True).tuning

    assert any(message.startswith("nothing to resume: ") for message in caplog.messages)
    assert fits() == sum(len(trial.fold_values) for trial in resumed.trials)


def test_what_no_search_depends_on_does_not_stop_it_from_going_on(project, tmp_path, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3)
        searched(project, output=tmp_path)
    with caplog.at_level("INFO", logger="mlcli"):
        searched(project, "serve.port=9000", "evaluate.gates={f1: 0.5}", output=tmp_path, resume=True)

    assert f"resuming the search: 3 of {N_TRIALS} trials are done" in caplog.messages


def test_changed_data_does_not_go_on_with_the_search(tmp_path, monkeypatch, caplog):
    config = write_project(tmp_path, trials=5)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3)
        searched(config, output=tmp_path)
    with (tmp_path / "customers.csv").open("a") as file:
        file.write("c9999,51.0,Oslo,3,2021-01-01 00:00,yes,60.0\n")
    searched(config, output=tmp_path, resume=True)

    assert any(message.startswith("nothing to resume: ") for message in caplog.messages)


def test_resume_without_a_search_in_the_config_is_refused_before_data_is_read(tmp_path, capsys):
    config = write_project(tmp_path)
    (tmp_path / "customers.csv").unlink()

    assert run_mlcli(["train", "--config", str(config), "--set", "tune=null", "--resume"]) == 2
    error = capsys.readouterr().err
    assert "error: `--resume` must go with a config that searches." in error
    assert "hint: Leave out --resume" in error


def test_a_search_that_another_process_makes_is_not_made_twice(project, tmp_path, monkeypatch):
    loaded = load(project)
    prepared = prepare(loaded)

    def meanwhile(*_):
        with pytest.raises(OutputError, match="Another process makes the same search"):
            tune(loaded, prepared, output=tmp_path)
        raise ConfigError("enough")

    monkeypatch.setattr("mlcli.training.tune.run_trials", meanwhile)
    with pytest.raises(ConfigError, match="enough"):
        tune(loaded, prepared, output=tmp_path)


def test_a_search_that_is_told_to_stop_says_how_to_go_on(tmp_path):
    config = write_project(tmp_path, trials=200)
    said, code = train_until(config, "searching 3 of", "--set", "output=runs", signal_number=signal.SIGTERM)

    assert code == 128 + signal.SIGTERM
    assert any(line.startswith("warning: the search is kept, ") and "--resume goes on" in line for line in said)
    assert said[-1] == "interrupted: nothing half-written is left behind."
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [SEARCHES]


def test_the_processes_of_a_killed_search_end_by_themselves(tmp_path):
    config = write_project(tmp_path, trials=1000)
    script = (
        "import sys; from mlcli.training import trial_runs; trial_runs.WORTH_WORKERS = 0.0; "
        "from mlcli.cli.boundary import run; sys.exit(run(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, "train", "--config", str(config), "--set", "output=runs"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "2"},
    )
    for line in process.stderr:
        if line.startswith("searching 9 of"):
            break
    children = children_of(process.pid)
    process.kill()
    process.wait()
    # The children hold the other end of stderr: it is closed when the last of them is gone.
    process.stderr.read()
    process.stderr.close()

    assert len(children) >= 2


def children_of(pid):
    """Return the processes that a process started."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(place.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            if parent == pid:
                found.append(int(place.parent.name))
    return found
