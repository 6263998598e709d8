"""Several models to one: what is tried, what is kept, and that it is served as it was chosen."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from choice_samples import BOOSTING, FOREST, LINEAR, LIST, load, write_choice

from mlcli.artifact.open import load_pipeline, open_artifact
from mlcli.artifact.predictor import load_predictor
from mlcli.cli.boundary import run
from mlcli.errors import ConfigError, MissingExtraError
from mlcli.evaluation.leaderboard import Leaderboard
from mlcli.models import members, portfolio
from mlcli.models.portfolio import build_portfolio
from mlcli.training import candidates
from mlcli.training.candidates import Trial, one_thread, try_all
from mlcli.training.choice_folds import choice_folds
from mlcli.training.choose import _judge, choose
from mlcli.training.judge import read_holdout, read_provenance
from mlcli.training.prepare import prepare
from mlcli.training.train import train

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_choice(tmp_path_factory.mktemp("choice"))


@pytest.fixture(scope="module")
def chosen(project):
    return train(load(project), output=project.parent / "runs", created=CREATED)


def board_of(run_):
    return msgspec.json.decode((run_.folder / "leaderboard.json").read_bytes(), type=Leaderboard)


def test_a_run_that_chose_says_beside_the_artifact_what_it_tried(chosen):
    board = board_of(chosen)

    assert board == chosen.leaderboard
    assert {c.model for c in board.candidates} >= {"logistic_regression", "random_forest", "gradient_boosting"}
    assert board.metric == "log_loss"
    assert board.judged_on == "5 folds of 128 training rows, 2 times"
    assert board.note is None
    values = [c.value for c in board.candidates]
    assert values == sorted(values)
    assert all(c.low <= c.value <= c.high for c in board.candidates)
    assert all(0 < c.row_seconds < c.thousand_seconds for c in board.candidates)
    assert all(c.fit_seconds > 0 for c in board.candidates if c.name != "ensemble")


def test_no_time_stands_inside_the_artifact(chosen):
    artifact = open_artifact(chosen.folder)

    assert b"seconds" not in artifact.provenance


def test_the_members_are_in_the_artifact_with_their_weights(chosen):
    members = read_provenance(open_artifact(chosen.folder)).members

    assert 1 < len(members) <= 4
    assert sum(member.weight for member in members) == pytest.approx(1.0)
    assert {m.name: m.weight for m in members} == {
        c.name: c.weight for c in chosen.leaderboard.candidates if c.weight and c.name != "ensemble"
    }


def test_the_ensemble_is_no_worse_than_the_best_model_on_the_rows_that_chose_it(chosen):
    by_name = {c.name: c.value for c in chosen.leaderboard.candidates}

    assert by_name.pop("ensemble") <= min(by_name.values())


def test_an_ensemble_is_compiled_proven_and_read_back(chosen):
    artifact = open_artifact(chosen.folder)
    holdout = read_holdout(artifact)

    assert artifact.manifest.model == "auto"
    assert artifact.manifest.proof.proven, artifact.manifest.proof.reason
    assert load_predictor(artifact).compiled
    pipeline = load_pipeline(artifact)
    np.testing.assert_allclose(
        load_predictor(artifact).predict(holdout.X).y_proba, pipeline.predict_proba(holdout.X), atol=1e-9
    )
    assert list(pipeline.predict(holdout.X)) == list(load_predictor(artifact).predict(holdout.X).y_pred)


def test_members_keep_their_own_preprocessing(chosen):
    vote = load_pipeline(open_artifact(chosen.folder)).named_steps["estimator"]
    widths = {
        pipeline[0].transform(read_holdout(open_artifact(chosen.folder)).X).shape[1] for pipeline in vote.estimators_
    }

    assert len(widths) > 1, "gaps are marked for the linear model and read by the trees"


def test_the_same_choice_twice_gives_the_same_digest(project, chosen):
    again = train(load(project), output=project.parent / "again", created=CREATED)

    assert again.manifest.digest == chosen.manifest.digest


def test_another_process_with_more_threads_gives_the_same_digest(project, chosen):
    script = (
        "import sys; from pathlib import Path; from mlcli.config.load import load_config; "
        "from mlcli.training.train import train; "
        "run = train(load_config(Path(sys.argv[1]), environ={}), output=Path(sys.argv[2])); print(run.manifest.digest)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(project), str(project.parent / "elsewhere")],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "77", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "2"},
    )
    assert done.stdout.strip() == chosen.manifest.digest


def test_fits_beside_each_other_find_what_fits_in_turn_find(project):
    loaded = load(project)
    prepared = prepare(loaded)
    folds = choice_folds(loaded, prepared).folds[:2]
    recipes = build_portfolio(loaded.config, prepared.schema)[:2]
    trial = Trial(loaded.config, prepared.schema, prepared.train, folds)
    judge = _judge(loaded.config, prepared.schema, prepared.train, folds)

    alone, beside = (try_all(recipes, trial, judge=judge, n_jobs=n_jobs) for n_jobs in (1, 2))

    assert [t.recipe for t in alone] == [t.recipe for t in beside]
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(one.predicted(), other.predicted())


PREPROCESSED_ALIKE = f"[{LINEAR}, {{name: {LINEAR}, params: {{C: 0.1}}}}, {FOREST}, {BOOSTING}, svm]"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_rows_are_preprocessed_once_for_all_that_read_them_alike_and_say_the_same(tmp_path, monkeypatch, n_jobs):
    loaded = load(write_choice(tmp_path, model=PREPROCESSED_ALIKE))
    prepared = prepare(loaded)
    folds = choice_folds(loaded, prepared).folds[:2]
    recipes = build_portfolio(loaded.config, prepared.schema)
    trial = Trial(loaded.config, prepared.schema, prepared.train, folds)
    judge = _judge(loaded.config, prepared.schema, prepared.train, folds)
    calls = []
    preprocess = members.preprocess_rows
    monkeypatch.setattr(members, "preprocess_rows", lambda *a, **k: calls.append(1) or preprocess(*a, **k))

    shared = try_all(recipes, trial, judge=judge, n_jobs=n_jobs)
    n_shared = len(calls)
    monkeypatch.setattr(candidates, "KEPT_BYTES", 0)
    anew = try_all(recipes, trial, judge=judge, n_jobs=n_jobs)

    if n_jobs == 1:  # calls of other processes are not seen here
        assert n_shared == 2 * len(folds), "linear models and the machine; trees"
        assert len(calls) - n_shared == len(recipes) * len(folds)
    for one, other in zip(shared, anew, strict=True):
        assert one.error is None
        np.testing.assert_array_equal(one.predicted(), other.predicted())


def test_an_extra_that_a_config_must_have_is_missed_before_any_data_is_read(tmp_path, monkeypatch):
    config = write_choice(tmp_path, model="{name: auto, boost: always}")
    (tmp_path / "customers.csv").unlink()
    monkeypatch.setattr(portfolio, "find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r"choice\.yaml:4:\d+: model\.boost: always needs the extra 'boost'"):
        train(load(config), output=tmp_path / "runs")


def test_a_choice_among_the_libraries_of_the_extra_is_proven_quick_and_the_same_twice(tmp_path):
    config = write_choice(tmp_path, model="[{name: lightgbm, params: {n_estimators: 30}}, catboost, svm]")
    once, again = (train(load(config), output=tmp_path / name, created=CREATED) for name in ("a", "b"))

    assert once.manifest.digest == again.manifest.digest
    assert once.manifest.proof.proven, once.manifest.proof.reason
    assert {"lightgbm", "catboost"} <= set(once.manifest.versions)
    assert once.leaderboard.candidates[0].row_seconds < 5e-3


def test_a_regression_is_judged_by_its_root_mean_squared_error(tmp_path):
    config = write_choice(tmp_path, model=f"[ridge, {FOREST}]", target="spent")
    done = train(load(config), output=tmp_path / "runs", created=CREATED)

    assert done.leaderboard.metric == "rmse"
    assert done.manifest.proof.proven, done.manifest.proof.reason
    artifact = open_artifact(done.folder)
    holdout = read_holdout(artifact)
    np.testing.assert_allclose(
        load_predictor(artifact).predict(holdout.X).y_pred, load_pipeline(artifact).predict(holdout.X), rtol=1e-9
    )


def test_a_single_winner_is_stored_as_itself(tmp_path):
    same = f"{{name: {LINEAR}, params: {{C: 1.0}}}}"  # a mean of two alike is no better than one
    done = train(load(write_choice(tmp_path, model=f"[{LINEAR}, {same}]")), output=tmp_path / "runs")

    assert done.manifest.model == LINEAR
    assert [member.weight for member in done.provenance.members] == [1.0]
    assert [c.name for c in done.leaderboard.candidates] == [LINEAR, f"{LINEAR} (C=1.0)"]
    assert type(load_pipeline(open_artifact(done.folder)).named_steps["estimator"]).__name__ == "LogisticRegression"


def test_a_candidate_that_fails_is_noted_and_does_not_end_the_run(tmp_path, caplog):
    broken = "{name: nearest_neighbors, params: {n_neighbors: 5000}}"
    config = write_choice(tmp_path, model=f"[{LINEAR}, {broken}]")
    with caplog.at_level(logging.WARNING, logger="mlcli"):
        choice = choose(load(config), prepare(load(config)))

    failed = choice.leaderboard.candidates[-1]
    assert (failed.model, failed.value, failed.weight) == ("nearest_neighbors", None, 0.0)
    assert "must be at most the" in failed.note
    assert any("nearest_neighbors (n_neighbors=5000) is out" in message for message in caplog.messages)


def test_a_choice_of_which_nothing_can_be_fitted_is_an_error(tmp_path):
    config = write_choice(tmp_path, model="[{name: nearest_neighbors, params: {n_neighbors: 5000}}]")

    with pytest.raises(ConfigError, match=r"choice\.yaml:4:.*model\.name must leave a model that can be fitted"):
        choose(load(config), prepare(load(config)))


def test_a_listed_parameter_that_no_model_takes_is_refused_before_any_data_is_read(tmp_path):
    config = write_choice(tmp_path, model=f"[{LINEAR}, {{name: svm, params: {{C: -1}}}}]")
    (tmp_path / "customers.csv").unlink()

    with pytest.raises(ConfigError, match=r"choice\.yaml:4:\d+: model\.candidates\.1\.params\.C must be"):
        train(load(config), output=tmp_path / "runs")


def test_a_clock_that_cuts_the_choice_is_said(tmp_path, caplog):
    config = write_choice(tmp_path, model=f"{{name: auto, candidates: {LIST}, max_minutes: 0.000001}}")
    with caplog.at_level(logging.WARNING, logger="mlcli"):
        choice = choose(load(config), prepare(load(config)))

    assert choice.model == LINEAR, "the first is tried in any case"
    assert "model.max_minutes cut the search: 2 of 3 models were not tried" in choice.leaderboard.note
    assert any("model.max_minutes cut the search" in message for message in caplog.messages)
    assert [c.note for c in choice.leaderboard.candidates[1:]] == ["not tried: the time was up"] * 2


def test_a_clock_that_does_not_cut_changes_nothing(project, chosen):
    timed = choose(load(project, "model.max_minutes=60"), prepare(load(project)))

    assert timed.leaderboard.note is None
    assert timed.members == chosen.provenance.members


def test_a_latency_that_none_reaches_is_an_error_with_the_fastest(project):
    loaded = load(project, "model.max_latency=0.01us")

    with pytest.raises(ConfigError, match=r"model\.max_latency must leave a model. Got 0\.01us; the fastest, .* takes"):
        choose(loaded, prepare(loaded))


def test_a_latency_that_all_reach_changes_nothing_but_is_said(project, chosen):
    loaded = load(project, "model.max_latency=10s")
    choice = choose(loaded, prepare(loaded))

    assert choice.members == chosen.provenance.members
    assert "limited the choice by times measured on this machine" in choice.leaderboard.note


def test_a_latency_leaves_out_what_is_slower(tmp_path):
    slow = "{name: nearest_neighbors, params: {n_neighbors: 9}}"  # no program: scikit-learn takes milliseconds
    config = write_choice(tmp_path, model=f"{{name: auto, candidates: [dummy, {slow}], max_latency: 1ms}}")
    free, limited = (
        choose(loaded, prepare(loaded)) for loaded in (load(config, "model.max_latency=10s"), load(config))
    )

    assert any(member.model == "nearest_neighbors" for member in free.members)
    assert [member.model for member in limited.members] == ["dummy"]


def test_class_weights_and_row_weights_weigh_every_candidate(tmp_path):
    config = write_choice(tmp_path)
    plain, weighted = (
        choose(loaded, prepare(loaded)) for loaded in (load(config), load(config, "model.class_weight={yes: 9, no: 1}"))
    )
    rows = prepare(load(config)).train.X

    assert weighted.pipeline.predict_proba(rows)[:, 1].mean() > plain.pipeline.predict_proba(rows)[:, 1].mean() + 0.1


def test_a_cross_validation_refits_what_was_chosen(tmp_path):
    config = write_choice(tmp_path, model=f"[{LINEAR}, {BOOSTING}]", rest="split: {cv: 3}\n")
    done = train(load(config), output=tmp_path / "runs")

    assert {summary.name for summary in done.provenance.cross_validation} >= {"log_loss", "accuracy"}
    assert all(len(summary.values) == 3 for summary in done.provenance.cross_validation)


def test_threads_are_limited_in_libraries_that_were_not_loaded_before():
    from threadpoolctl import threadpool_info

    with one_thread():
        assert {library["num_threads"] for library in threadpool_info()} == {1}


def test_the_command_shows_the_leaderboard_to_people_and_in_json(project, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["train", "--config", str(project), "--set", f"output={project.parent / 'shown'}"]) == 0
    shown = capsys.readouterr()
    assert "plan: 3 models x 10 folds, 30 fits, then at most 3 fits on all rows; about" in shown.err
    assert "tried logistic_regression: log loss" in shown.err
    for word in ("ensemble", "random_forest (n_estimators=7)", "1,000 rows", "weight", "interval", " us"):
        assert word in shown.out

    assert run(["train", "--config", str(project), "--set", f"output={project.parent / 'shown'}", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["leaderboard"]["candidates"][0]["name"] == "ensemble"
    assert document["model"] == "auto"


def test_inspect_says_what_an_ensemble_is_made_of(chosen, capsys):
    assert run(["inspect", str(chosen.folder)]) == 0

    assert "made of" in capsys.readouterr().out


def test_a_run_of_one_model_has_no_leaderboard(tmp_path):
    done = train(load(write_choice(tmp_path, model=LINEAR)), output=tmp_path / "runs")

    assert done.leaderboard is None
    assert not (done.folder / "leaderboard.json").exists()
    assert done.provenance.members == ()
