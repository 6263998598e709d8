"""A search for a model's parameters: what it tries, what it takes, what it leaves behind."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
from tune_samples import load, outcome, searched, trained, write_project

from mlcli.artifact.open import open_artifact
from mlcli.config.load import load_config
from mlcli.errors import ConfigError, DataError, OutputError
from mlcli.evaluation.leaderboard import Leaderboard
from mlcli.registry import MODELS
from mlcli.spaces import WITHOUT_SPACE, Choices, Range
from mlcli.training import fold_scores, trial_runs
from mlcli.training.fold_scores import FoldsOfRows, score_fold
from mlcli.training.prepare import prepare
from mlcli.training.prepared_folder import save_prepared
from mlcli.training.search import Plan, RandomSearch, plan_trials
from mlcli.training.trials import Trial, Tuning
from mlcli.training.tune import tune

METHODS = ["random", "tpe"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("project"))


def by(method, *more):
    return (f"tune.method={method}", *more)


@pytest.mark.parametrize("method", METHODS)
def test_the_first_trial_is_the_model_as_configured_and_the_best_is_taken(project, tmp_path, method):
    tuned = searched(project, *by(method, "model.params={max_leaf_nodes: 4}"), output=tmp_path)
    done = [trial for trial in tuned.tuning.trials if trial.state == "done"]

    assert tuned.tuning.trials[0].params == {"max_leaf_nodes": 4}
    assert tuned.tuning.winner.value == min(trial.value for trial in done)
    assert tuned.loaded.config.model.params == tuned.tuning.winner.params
    assert tuned.loaded.config.model.params["max_leaf_nodes"] == 4, "what the config sets stays"
    assert tuned.loaded.config.tune is None
    assert len(tuned.tuning.trials) == 8


def test_a_score_is_maximised_and_an_error_minimised(project, tmp_path):
    score = searched(project, "tune.metric=roc_auc", output=tmp_path).tuning
    error = searched(project, "tune.metric=brier", output=tmp_path).tuning

    assert score.winner.value == max(trial.value for trial in score.trials)
    assert error.winner.value == min(trial.value for trial in error.trials)
    assert score.greater_is_better
    assert not error.greater_is_better


@pytest.mark.parametrize(("target", "metric"), [("left", "log_loss"), ("spent", "rmse")])
def test_the_metric_is_that_of_the_verdict_where_none_is_named(tmp_path, target, metric):
    config = write_project(tmp_path, target=target, trials=2)

    assert searched(config, output=tmp_path).tuning.metric == metric


def test_a_metric_of_the_other_task_is_refused_when_the_data_tells_the_task(project, tmp_path):
    with pytest.raises(ConfigError, match="metric 'rmse' measures regression"):
        searched(project, "tune.metric=rmse", output=tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_search_twice_makes_the_same_trials(project, tmp_path, method):
    once = searched(project, *by(method, "tune.trials=14"), output=tmp_path / "a").tuning
    again = searched(project, *by(method, "tune.trials=14"), output=tmp_path / "b").tuning

    assert outcome(once) == outcome(again)


@pytest.mark.parametrize("method", METHODS)
def test_another_seed_makes_other_trials_from_the_same_start(project, tmp_path, method):
    once = searched(project, *by(method), output=tmp_path / "a").tuning
    other = searched(project, *by(method, "tune.random_state=1"), output=tmp_path / "b").tuning

    assert outcome(once)[0] == outcome(other)[0]
    assert outcome(once)[1:] != outcome(other)[1:]


def test_a_trial_of_a_random_search_depends_on_its_number_and_not_on_how_many_there_are(project, tmp_path):
    short = searched(project, "tune.trials=5", output=tmp_path / "a").tuning
    long = searched(project, "tune.trials=9", output=tmp_path / "b").tuning

    assert outcome(short) == outcome(long)[:5]


def test_a_fold_is_scored_as_the_cross_validation_of_the_same_folds_scores_it(project, tmp_path):
    run = trained(project, "tune.trials=2", "split.cv=3", output=tmp_path)
    loss = next(fold for fold in run.provenance.cross_validation if fold.name == "log_loss")

    # The cross-validation judges the model that was taken, on the folds of split.cv, which are those of tune.cv here.
    assert run.tuning.winner.fold_values == pytest.approx(loss.values, rel=1e-12)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in WITHOUT_SPACE])
def test_every_model_is_scored_on_a_fold_and_leaves_its_rows_as_they_were(tmp_path, name):
    target = "left" if MODELS[name].classification else "spent"
    loaded = load(write_project(tmp_path, model=name, target=target, n_rows=90))
    prepared = prepare(loaded)
    rows = FoldsOfRows(loaded.config, prepared)[0]
    before = rows.inputs.features.copy()
    short = {"max_iter": 5} if name in {"gradient_boosting", "mlp"} else {}
    model = loaded.config.model.model_copy(update={"params": short})
    metric = "log_loss" if target == "left" else "rmse"

    scores = [score_fold(rows, model, schema=prepared.schema, metric=metric).value for _ in range(2)]

    assert scores[0] is not None
    assert scores[0] == scores[1]
    assert abs(rows.inputs.features - before).max() == 0 or np.isnan(abs(rows.inputs.features - before).max())


def test_folds_keep_groups_together_and_time_in_order(tmp_path):
    by_group = write_project(tmp_path, split="method: group, column: household", trials=2)
    prepared = prepare(load(by_group))
    table = load_households(tmp_path, prepared)
    for fold in prepared.tune_folds:
        assert not set(table[fold.train]) & set(table[fold.test])

    by_time = write_project(tmp_path, split="method: time, column: since", trials=2)
    prepared = prepare(load(by_time))
    for fold in prepared.tune_folds:
        assert prepared.train.rows[fold.train].max() < prepared.train.rows[fold.test].min()
    assert searched(by_time, output=tmp_path).tuning.winner.state == "done"


def load_households(folder, prepared):
    import pandas as pd

    return pd.read_csv(folder / "customers.csv")["household"].to_numpy()[prepared.train.rows - 1]


def test_the_rows_held_out_play_no_part(project, tmp_path):
    loaded = load(project)
    prepared = prepare(loaded)

    assert max(max(fold.test) for fold in prepared.tune_folds) < len(prepared.train)
    assert sum(len(fold.test) for fold in prepared.tune_folds) == len(prepared.train)
    assert tune(loaded, prepared, output=tmp_path).tuning.judged_on == "3 folds of 120 training rows"


def test_prepared_rows_bring_the_folds_of_the_search(project, tmp_path, caplog):
    save_prepared(prepare(load(project)), tmp_path / "prepared")
    with caplog.at_level("INFO", logger="mlcli"):
        run = trained(project, output=tmp_path)
    again = trained(project, output=tmp_path / "anew")

    assert any("using the prepared rows" in message for message in caplog.messages)
    assert run.manifest.digest == again.manifest.digest


@pytest.mark.parametrize(
    ("overrides", "text", "hint"),
    [
        (["tune.cv=80"], "tune.cv must not exceed|class .* must have a training row for every fold", "Set tune.cv to"),
        (
            ["tune.cv=100", "split.stratify=false", "split.test_size=0.5"],
            "tune.cv must not exceed",
            "Set tune.cv to 75",
        ),
    ],
)
def test_too_many_folds_are_refused_by_the_key_that_asked_for_them(project, tmp_path, overrides, text, hint):
    with pytest.raises(DataError, match=text) as refused:
        searched(project, *overrides, output=tmp_path)
    assert hint in refused.value.hint


def test_parameters_that_the_model_refuses_are_noted_and_skipped(tmp_path):
    config = write_project(tmp_path, model="logistic_regression")
    space = "tune.space={solver: {choices: [lbfgs, liblinear, newton-cg]}, l1_ratio: {choices: [0.0, 0.5, 1.0]}}"
    for method in METHODS:
        tuning = searched(config, space, "tune.trials=9", *by(method), output=tmp_path / method).tuning
        failed = [trial for trial in tuning.trials if trial.state == "failed"]

        assert failed
        assert all("penalt" in trial.note or "l1" in trial.note for trial in failed)
        assert tuning.winner.state == "done"


def test_a_search_in_which_all_fails_says_why_and_leaves_nothing(tmp_path):
    config = write_project(tmp_path, model="nearest_neighbors")
    with pytest.raises(
        ConfigError, match=r"All of 4 trials failed, the first because: fold 1: .*n_neighbors"
    ) as refused:
        searched(
            config,
            "model.params={n_neighbors: 5000}",
            "tune.space={weights: {choices: [uniform, distance]}, leaf_size: {choices: [10, 20]}}",
            "tune.trials=4",
            output=tmp_path,
        )
    assert "tune" in refused.value.message
    assert refused.value.hint
    assert not (tmp_path / "tuning").exists()


def test_a_metric_that_is_undefined_on_a_fold_fails_the_trial(project):
    loaded = load(project)
    prepared = prepare(loaded)
    rows = FoldsOfRows(loaded.config, prepared)[0]
    one_class = replace(
        rows, weights=None, y_judged=np.full(len(rows.y_judged), "no", dtype=object), judged_weight=None
    )

    assert score_fold(one_class, loaded.config.model, schema=prepared.schema, metric="roc_auc").value is None


def test_a_class_that_a_fold_never_saw_has_probability_zero(tmp_path):
    config = write_project(tmp_path)
    loaded = load(config)
    prepared = prepare(loaded)
    three = prepared.schema.target.__class__("left", "classification", "text", "", classes=("maybe", "no", "yes"))
    import msgspec

    schema = msgspec.structs.replace(prepared.schema, target=three)
    rows = FoldsOfRows(loaded.config, prepared)[0]
    whole = score_fold(rows, loaded.config.model, schema=prepared.schema, metric="accuracy").value

    assert score_fold(rows, loaded.config.model, schema=schema, metric="accuracy").value == whole


@pytest.mark.parametrize("method", METHODS)
def test_a_small_space_is_searched_once_over_and_no_more(tmp_path, method):
    config = write_project(tmp_path, model="nearest_neighbors", trials=30)
    space = "tune.space={n_neighbors: {choices: [3, 5, 9]}, weights: {choices: [uniform, distance]}}"
    tuning = searched(config, space, *by(method), output=tmp_path).tuning

    assert len(tuning.trials) == 6
    assert tuning.note == "6 trials instead of 30: the space holds no more"
    if method == "random":
        points = {
            (trial.params.get("n_neighbors", 5), trial.params.get("weights", "uniform")) for trial in tuning.trials
        }
        assert len(points) == 6


def test_a_point_that_comes_again_is_not_fitted_again(tmp_path):
    config = write_project(tmp_path, model="nearest_neighbors")
    space = "tune.space={n_neighbors: [5, 9], weights: {choices: [uniform]}}"
    tuning = searched(config, space, "tune.trials=5", "tune.method=tpe", output=tmp_path).tuning
    values = {}
    for trial in tuning.trials:
        values.setdefault(trial.params.get("n_neighbors", 5), set()).add(trial.fold_values)

    again = [trial for trial in tuning.trials if trial.note and trial.note.startswith("the same as trial")]
    assert again
    assert all(trial.seconds == 0 for trial in again)
    assert all(len(seen) == 1 for seen in values.values())


def test_a_start_outside_the_space_is_one_trial_more():
    space = {"a": Choices((1, 2)), "b": Range(1, 3, whole=True)}

    assert plan_trials(30, space, {"a": 1, "b": 1}) == 6
    assert plan_trials(30, space, {"a": 7, "b": 1}) == 7
    assert plan_trials(4, space, {"a": 1, "b": 1}) == 4
    assert plan_trials(30, {**space, "c": Range(0.0, 1.0)}, {"a": 1, "b": 1, "c": 0.5}) == 30


@pytest.mark.parametrize("n_trials", [3, 6, 20])
def test_points_drawn_at_random_are_distinct(tmp_path, n_trials):
    space = {"a": Choices((1, 2)), "b": Range(1, 3, whole=True)} if n_trials < 20 else {"a": Range(1, 60, whole=True)}
    plan = Plan(
        space=space,
        params={},
        start={name: dimension.at(0) for name, dimension in space.items()},
        n_trials=n_trials,
        n_folds=3,
        random_state=0,
        greater_is_better=True,
    )
    search = RandomSearch(tmp_path, plan)
    points = [json.dumps(search.propose(number)) for number in range(1, n_trials)]

    assert len({*points, json.dumps(plan.start)}) == n_trials


def test_optuna_gives_up_trials_that_do_worse_than_most_and_never_the_first(project, tmp_path):
    tuning = searched(project, "tune.method=tpe", "tune.trials=25", "tune.cv=5", output=tmp_path).tuning
    stopped = [trial for trial in tuning.trials if trial.state == "stopped"]

    assert stopped
    assert all(2 <= len(trial.fold_values) < 5 and trial.value is None for trial in stopped)
    assert tuning.trials[0].state == "done"
    assert tuning.winner.state == "done"
    for trial in stopped:
        n = len(trial.fold_values)
        others = [np.mean(o.fold_values[:n]) for o in tuning.trials[: trial.number] if o.state == "done"]
        assert np.mean(trial.fold_values) > np.median(others)


def test_optuna_starts_from_a_model_that_stands_outside_the_space(project, tmp_path):
    tuning = searched(
        project,
        "tune.method=tpe",
        "tune.space={max_depth: {choices: [2, 3]}, min_samples_leaf: [20, 40]}",
        output=tmp_path,
    ).tuning

    assert tuning.trials[0].state == "done"
    assert len(tuning.trials) == 8


@pytest.mark.parametrize("method", METHODS)
def test_several_processes_find_what_one_finds(project, tmp_path, monkeypatch, method):
    alone = searched(project, *by(method, "tune.trials=12"), output=tmp_path / "alone").tuning
    monkeypatch.setattr(trial_runs, "WORTH_WORKERS", 0.0)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    together = searched(project, *by(method, "tune.trials=12"), output=tmp_path / "together").tuning

    assert outcome(together) == outcome(alone)


def test_rows_too_many_to_keep_are_preprocessed_anew_and_score_the_same(project, tmp_path, monkeypatch):
    kept = searched(project, output=tmp_path / "kept").tuning
    monkeypatch.setattr(fold_scores, "KEPT_BYTES", 0)
    monkeypatch.setattr(trial_runs, "WORTH_WORKERS", 0.0)
    anew = searched(project, output=tmp_path / "anew").tuning

    assert outcome(anew) == outcome(kept)
    assert not FoldsOfRows(load(project).config, prepare(load(project))).kept


@pytest.fixture(scope="module")
def run(project, tmp_path_factory):
    return trained(project, output=tmp_path_factory.mktemp("runs"))


def test_a_tuned_run_holds_its_trials_and_a_leaderboard(run):
    tuning = json.loads((run.folder / "trials.json").read_bytes())
    board = Leaderboard(**json.loads((run.folder / "leaderboard.json").read_bytes()))

    assert {path.name for path in run.folder.iterdir()} == {
        "model.mlcli",
        "holdout.parquet",
        "metrics.json",
        "findings.json",
        "config.yaml",
        "trials.json",
        "leaderboard.json",
    }
    assert len(tuning["trials"]) == len(board.candidates) == 8
    assert board.metric == "log_loss"
    assert board.candidates[0]["params"] == run.tuning.winner.params
    assert [candidate["weight"] for candidate in board.candidates] == [1.0] + [0.0] * 7
    values = [candidate["value"] for candidate in board.candidates]
    assert values == sorted(values)


def test_nothing_of_a_finished_search_is_left_beside_the_run(run):
    assert {path.name for path in run.folder.parent.iterdir()} == {"001"}


def test_training_from_the_stored_config_needs_no_search_and_gives_the_same_model(run, project, tmp_path):
    stored = load_config(run.folder / "config.yaml", environ={}).config
    params = json.dumps(stored.model.params)
    again = trained(project, "tune=null", f"model.params={params}", output=tmp_path)

    assert stored.tune is None
    assert stored.model.params == run.tuning.winner.params
    assert again.tuning is None
    assert again.manifest.digest == run.manifest.digest


def test_the_artifact_says_nothing_of_times(run, project, tmp_path):
    again = trained(project, output=tmp_path)

    assert again.manifest.digest == run.manifest.digest
    assert (again.folder / "model.mlcli").read_bytes() == (run.folder / "model.mlcli").read_bytes()
    assert open_artifact(run.folder).manifest.model == "decision_tree"


def test_what_a_library_says_of_many_fits_is_kept_with_the_trial_and_not_said(tmp_path, caplog):
    config = write_project(tmp_path, model="logistic_regression", trials=2)
    with caplog.at_level("WARNING", logger="mlcli"):
        tuning = searched(config, "model.params={max_iter: 1}", output=tmp_path).tuning

    assert "max_iter" in tuning.trials[0].note
    assert not [message for message in caplog.messages if "max_iter" in message]
    assert logging.getLogger("mlcli.models").propagate


def test_a_search_that_is_refused_before_its_first_trial_leaves_nothing(tmp_path):
    config = write_project(tmp_path, model="nearest_neighbors")
    with pytest.raises(ConfigError, match="takes no weights"):
        searched(config, "model.class_weight=balanced", output=tmp_path)

    assert not (tmp_path / "tuning").exists()


def test_a_place_that_cannot_hold_the_search_is_said(project, tmp_path):
    (tmp_path / "tuning").write_text("a file in the way")

    with pytest.raises(OutputError, match="must be writable"):
        searched(project, output=tmp_path)


def tuning_of(*trials, greater_is_better=False):
    return Tuning("random", "log_loss", greater_is_better, "3 folds", {"C": [1, 2]}, 0, trials)


def test_trials_are_ranked_by_value_the_earlier_first_and_those_without_last():
    trials = (
        Trial(0, {}, "done", (2.0, 2.0), 0.1),
        Trial(1, {}, "failed", (), 0.1, "no"),
        Trial(2, {}, "done", (1.0, 1.0), 0.1),
        Trial(3, {}, "stopped", (9.0,), 0.1),
        Trial(4, {}, "done", (0.5, 1.5), 0.1),
    )

    assert [trial.number for trial in tuning_of(*trials).ranked] == [2, 4, 0, 1, 3]
    assert [trial.number for trial in tuning_of(*trials, greater_is_better=True).ranked] == [0, 2, 4, 1, 3]
    assert "stopped after 1 of 2 folds" in tuning_of(*trials).leaderboard("svm").candidates[-1].note
