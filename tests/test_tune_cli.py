"""What a person, and a program, is shown of a search."""

from __future__ import annotations

import json
import sys

import pexpect
import pytest
from tune_samples import write_project

from mlcli.cli.boundary import run
from mlcli.cli.tuning_text import N_SHOWN, show_tuning
from mlcli.registry import MODELS
from mlcli.spaces import WITHOUT_SPACE, default_space
from mlcli.training.trials import Trial, Tuning


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    config = write_project(tmp_path_factory.mktemp("project"))
    return ["train", "--config", str(config), "--set", "output=runs"]


def test_a_tuned_training_shows_the_best_trials_and_what_was_taken(words, capsys):
    assert run([*words, "--set", "tune.random_state=3"]) == 0
    shown = capsys.readouterr()

    assert "8 trials on 3 folds of 120 training rows (log_loss, less is better)" in shown.out
    assert "as configured" in shown.out
    assert "max_depth: " in shown.out
    assert "taken: model.params: {" in shown.out or "found nothing better" in shown.out
    assert "searching 8 of 8: log_loss " in shown.err
    assert "(the best so far)" in shown.err
    assert "fold 1 of" not in shown.err


def test_json_of_a_tuned_training_holds_every_trial(words, capsys):
    assert run([*words, "--quiet", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["tuning"]

    assert set(document) == {"best", "search"}
    assert document["best"]["trial"] == document["search"]["best"]
    assert document["best"]["params"] == document["search"]["trials"][document["best"]["trial"]]["params"]
    assert len(document["search"]["trials"]) == 8


def test_json_without_a_search_says_nothing_of_one(words, capsys):
    assert run([*words, "--set", "tune=null", "--quiet", "--json"]) == 0
    assert "tuning" not in json.loads(capsys.readouterr().out)


def test_quiet_says_nothing_of_the_progress(words, capsys):
    assert run([*words, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_one_line_of_progress_that_goes(words):
    child = pexpect.spawn(
        sys.executable, ["-m", "mlcli", *words], encoding="utf-8", dimensions=(40, 90), env=None, timeout=120
    )
    screen = child.read()
    child.close()

    assert child.exitstatus == 0
    # A line that stays begins with a mark; that of a trial is drawn over by the next.
    assert "\u2713\x1b[0m searching" not in screen
    assert "searched 8 sets of parameters" in screen


def tuning_of(*trials, best=0, note=None):
    return Tuning("tpe", "roc_auc", True, "3 folds of 99 training rows", {"C": [1, 9]}, best, trials, note)


def done(number, value, **params):
    return Trial(number, params, "done", (value, value, value), 0.1)


def test_only_the_best_are_shown_and_the_start_beside_them(capsys):
    show_tuning(tuning_of(done(0, 0.1), *(done(n, n / 10, C=n, tol=0.5) for n in range(1, 9)), best=8))
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 1 + 1 + N_SHOWN + 1 + 1
    assert [line.split()[0] for line in lines[2:-1]] == ["8", "7", "6", "5", "4", "0"]
    assert "tol" not in lines[2], "what was not searched is the same for all"
    assert lines[-1].strip() == "taken: model.params: {C: 8, tol: 0.5}"
    assert "less is better" not in lines[0]


def test_what_was_not_judged_in_full_is_counted_with_a_reason(capsys):
    failed = Trial(1, {"C": 2}, "failed", (), 0.1, "fold 1: C [must] be odd")
    stopped = Trial(2, {"C": 3}, "stopped", (0.1, 0.2), 0.1)
    show_tuning(tuning_of(done(0, 0.9), failed, stopped, note="3 trials instead of 9: the space holds no more"))
    out = " ".join(capsys.readouterr().out.split())

    assert "1 given up early" in out
    assert "1 failed, such as trial 1 (fold 1: C [must] be odd)" in out
    assert "3 trials instead of 9" in out
    assert "found nothing better than the model as configured; its parameters stay" in out


@pytest.mark.parametrize("name", MODELS)
def test_a_model_shows_what_is_searched_of_it_by_default(name, capsys):
    assert run(["models", name]) == 0
    text = capsys.readouterr().out
    assert run(["models", name, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    if name in WITHOUT_SPACE:
        assert WITHOUT_SPACE[name] in text
    for parameter in default_space(name, None):
        assert f"\n  {parameter}: " in text.partition("Searched by default")[2]
    assert document["spaces"] == {task: default_space(name, task) for task in MODELS[name].tasks}
