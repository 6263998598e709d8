"""Calibration and thresholds of a whole run: learned on folds, stored, and the same at every door."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import numpy as np
import pandas as pd
import pytest
from models_samples import KINDS, config_of, dataset_of, fitted_pipeline, mixed_rows, schema_of, target_of
from numpy.testing import assert_allclose, assert_array_equal
from starlette.testclient import TestClient

from mlcli.artifact.open import open_artifact
from mlcli.artifact.predictor import load_predictor
from mlcli.cli.boundary import run
from mlcli.config.load import load_config
from mlcli.config.model_sections import CalibrateConfig, ThresholdConfig
from mlcli.errors import ArtifactError, ConfigError, DataError
from mlcli.evaluation.decision import DecisionCurves, read_decision
from mlcli.inference.golden import Golden, check_golden
from mlcli.serving.app import create_app
from mlcli.training.decide import decide
from mlcli.training.judge import read_holdout
from mlcli.training.prepare import Fold, prepare
from mlcli.training.prepared_folder import save_prepared
from mlcli.training.train import train


def write_project(folder, *, n_rows=400, model="logistic_regression", rest=""):
    """A table whose rarer class is the positive one, with groups and dates; return the config."""
    rng = np.random.default_rng(0)
    income = rng.normal(50, 12, n_rows).round(1)
    table = pd.DataFrame(
        {
            "income": income,
            "age": rng.integers(18, 80, n_rows),
            "city": rng.choice(["Oslo", "Bergen"], n_rows),
            "branch": rng.integers(0, 40, n_rows),
            "day": pd.date_range("2020-01-01", periods=n_rows, freq="D").strftime("%Y-%m-%d"),
            "risk": np.where(income + rng.normal(0, 14, n_rows) > 62, "bad", "good"),
            "grade": rng.choice(["a", "b", "c"], n_rows),
            "spent": income * 3,
        }
    )
    table.to_csv(folder / "table.csv", index=False)
    config = folder / "c.yaml"
    config.write_text(
        "output: runs\ntask: classification\ndata: {path: table.csv, target: risk, drop: [grade, spent, branch]}\n"
        f"model: {{name: {model}}}\nevaluate: {{resamples: 100}}\n{rest}"
    )
    return config


def trained(config, *overrides):
    return train(load_config(config, overrides=overrides, environ={}), output=config.parent / "runs")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("decisions"))


@pytest.fixture(scope="module")
def calibrated(project):
    return trained(project, "calibrate.method=isotonic", "threshold.optimize=f1")


# --- one threshold at every door -------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["logistic_regression", "nearest_neighbors"], ids=["compiled", "scikit-learn"])
def far(request, tmp_path_factory):
    """A run whose threshold is far from one half."""
    config = write_project(tmp_path_factory.mktemp("far"), model=request.param)
    return trained(config, "threshold.value=0.12")


def rows_of(far):
    holdout = read_holdout(open_artifact(far.folder))
    rows = holdout.X[["income", "age", "city", "day"]].astype({"day": str, "age": int}).to_dict("records")
    return [{**row, "day": row["day"][:10]} for row in rows]


def test_every_door_gives_the_labels_of_the_same_threshold(far, tmp_path):
    rows = rows_of(far)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    (tmp_path / "rows.csv").write_text(text.getvalue())
    client = TestClient(create_app(far.folder))

    body = client.post("/predict", json={"rows": rows}).json()
    alone = [client.post("/predict", json={"rows": [row]}).json() for row in rows]
    as_csv = client.post(
        "/predict", content=text.getvalue(), headers={"content-type": "text/csv", "accept": "text/csv"}
    )
    inputs = [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": "BYTES" if isinstance(rows[0][name], str) else "FP64",
            "data": [row[name] for row in rows],
        }
        for name in rows[0]
    ]
    v2 = client.post("/v2/models/c/infer", json={"inputs": inputs}).json()
    v1 = client.post("/v1/models/c:predict", json={"instances": rows}).json()
    mlflow = client.post("/invocations", json={"dataframe_records": rows}).json()
    assert (
        run(["predict", str(tmp_path / "rows.csv"), "--artifact", str(far.folder), "-q", "-o", str(tmp_path / "o.csv")])
        == 0
    )

    labels = body["predictions"]
    shares = body["probabilities"]["bad"]
    assert labels == ["bad" if share >= 0.12 else "good" for share in shares]
    assert labels != ["bad" if share >= 0.5 else "good" for share in shares], "the threshold must matter here"
    assert labels == [one["predictions"][0] for one in alone]
    assert labels == [line["prediction"] for line in csv.DictReader(io.StringIO(as_csv.text))]
    assert labels == list(pd.read_csv(tmp_path / "o.csv")["prediction"])
    assert labels == v2["outputs"][0]["data"]
    assert labels in (v1["predictions"], [one["prediction"] for one in v1["predictions"] if isinstance(one, dict)])
    assert labels in (
        mlflow["predictions"],
        [one["prediction"] for one in mlflow["predictions"] if isinstance(one, dict)],
    )
    assert body["threshold"] == alone[0]["threshold"] == {"class": "bad", "value": 0.12}


def test_evaluate_counts_the_labels_of_the_threshold(far, capsys):
    capsys.readouterr()
    assert run(["evaluate", "--artifact", str(far.folder), "--json", "-q"]) == 0
    document = json.loads(capsys.readouterr().out)

    artifact = open_artifact(far.folder)
    holdout = read_holdout(artifact)
    predictions = load_predictor(artifact, compiled=False).predict(holdout.X)
    labelled = predictions.y_proba[:, 0] >= 0.12
    true = holdout.y == "bad"

    assert_array_equal(predictions.y_pred == "bad", labelled)
    assert document["evaluation"]["confusion"]["counts"] == [
        [int((true & labelled).sum()), int((true & ~labelled).sum())],
        [int((~true & labelled).sum()), int((~true & ~labelled).sum())],
    ]
    assert document["decision"]["threshold"]["value"] == 0.12


def test_golden_rows_hold_the_labels_of_the_threshold(far):
    golden = json.loads(open_artifact(far.folder).golden)

    assert golden["y_pred"] == ["bad" if shares[0] >= 0.12 else "good" for shares in golden["y_proba"]]


def test_golden_rows_refuse_another_threshold(far):
    artifact = open_artifact(far.folder)
    golden = msgspec.json.decode(artifact.golden, type=Golden)
    predictor = load_predictor(artifact)
    check_golden(predictor, golden)
    likelier = [artifact.schema.target.classes[int(shares[1] >= shares[0])] for shares in golden.y_proba]

    assert likelier != golden.y_pred, "a threshold of one half would say something else"
    with pytest.raises(ArtifactError, match="that differ"):
        check_golden(predictor, msgspec.structs.replace(golden, y_pred=likelier))


def test_labels_of_a_threshold_are_not_blamed_for_their_accuracy(tmp_path):
    config = write_project(tmp_path)
    plain = trained(config).evaluation
    moved = trained(config, "threshold.value=0.02").evaluation

    assert moved.metric("accuracy").value < plain.metric("accuracy").value
    assert any("the threshold weighs errors otherwise" in remark for remark in moved.verdict.remarks)
    assert not any("the predicted classes hardly more" in remark for remark in moved.verdict.remarks)


def test_the_schema_the_card_and_the_description_tell_the_threshold(far):
    client = TestClient(create_app(far.folder))
    described = client.get("/openapi.json").json()["components"]["schemas"]["PredictAnswer"]

    assert client.get("/schema").json()["threshold"] == {"class": "bad", "value": 0.12}
    assert client.get("/model").json()["target"]["threshold"] == {"class": "bad", "value": 0.12}
    assert "threshold" in described["required"]


def test_a_model_without_a_threshold_speaks_of_none(project):
    plain = trained(project)
    client = TestClient(create_app(plain.folder))
    row = rows_of(plain)[0]

    assert "threshold" not in client.post("/predict", json=row).json()
    assert client.get("/schema").json()["threshold"] is None
    assert "threshold" not in client.get("/openapi.json").json()["components"]["schemas"]["PredictAnswer"]["properties"]
    assert plain.provenance.decision is None
    assert not (plain.folder / "decision.json").exists()


# --- what is learned, and on which rows ------------------------------------------------------------------------------


def test_a_run_stores_its_decision_and_the_curves_behind_it(calibrated):
    curves = msgspec.json.decode((calibrated.folder / "decision.json").read_bytes(), type=DecisionCurves)
    artifact = open_artifact(calibrated.folder)

    assert read_decision(artifact.provenance) == curves.decision == calibrated.provenance.decision
    assert {bin_.n_rows for bin_ in curves.before} != {bin_.n_rows for bin_ in curves.after}
    assert sum(bin_.n_rows for bin_ in curves.after) == 320
    assert any(point.threshold == curves.decision.threshold.value for point in curves.thresholds)
    assert artifact.manifest.compiled


def test_the_same_config_gives_the_same_digest(project, calibrated):
    again = trained(project, "calibrate.method=isotonic", "threshold.optimize=f1")

    assert again.manifest.digest == calibrated.manifest.digest
    assert (again.folder / "decision.json").read_bytes() == (calibrated.folder / "decision.json").read_bytes()


def test_prepared_rows_bring_their_folds(project, calibrated, tmp_path):
    loaded = load_config(project, overrides=["calibrate.method=isotonic", "threshold.optimize=f1"], environ={})
    save_prepared(prepare(loaded), tmp_path / "prepared")

    assert train(loaded, output=tmp_path).manifest.digest == calibrated.manifest.digest


def test_rows_held_out_play_no_part(tmp_path):
    config = write_project(tmp_path, rest="split: {method: column, column: part}\ncalibrate: {method: sigmoid}\n")
    table = pd.read_csv(tmp_path / "table.csv")
    table["part"] = np.where(np.arange(len(table)) % 5 == 0, "test", "train")
    decisions = []
    for labels in (table["risk"], table["risk"].where(table["part"] == "train", "bad")):
        table.assign(risk=labels).to_csv(tmp_path / "table.csv", index=False)
        decisions.append(trained(config, "threshold.optimize=f1").provenance.decision)

    assert decisions[0] == decisions[1]


@pytest.mark.parametrize(
    ("split", "rule"),
    [
        ("{method: group, column: branch}", lambda train, test: not set(train["branch"]) & set(test["branch"])),
        ("{method: time, column: day}", lambda train, test: train["day"].max() < test["day"].min()),
        (
            "{method: random}",
            lambda train, test: abs((train.risk == "bad").mean() - (test.risk == "bad").mean()) < 0.02,
        ),
    ],
    ids=["groups stay together", "time stays in order", "class shares are kept"],
)
def test_folds_keep_the_promise_of_the_split(tmp_path, split, rule):
    config = write_project(tmp_path, rest=f"split: {split}\ncalibrate: {{method: sigmoid, cv: 4}}\n")
    prepared = prepare(load_config(config, environ={}))
    table = pd.read_csv(tmp_path / "table.csv")
    source = table.iloc[prepared.train.rows - 1].reset_index(drop=True)

    assert len(prepared.decision_folds) == 4
    assert prepared.folds == ()
    for fold in prepared.decision_folds:
        assert rule(source.iloc[fold.train], source.iloc[fold.test])


def test_in_time_the_earlier_rows_alone_judge(tmp_path):
    config = write_project(
        tmp_path, rest="split: {method: time, column: day}\ncalibrate: {method: sigmoid}\nthreshold: {optimize: f1}\n"
    )
    decision = trained(config).provenance.decision

    # Of six blocks in time the first is only learned from, and no calibration precedes the second.
    assert decision.calibration.n_folds == 4
    assert decision.calibration.n_rows < 320 * 5 / 6
    assert decision.threshold.out_of_fold is not None


def decide_on(X, y, *, calibrate="none", threshold=None, sample_weight=None, fit=None, n_folds=4):
    config = config_of("logistic_regression").model_copy(
        update={"calibrate": CalibrateConfig(method=calibrate), "threshold": threshold or ThresholdConfig()}
    )
    fold = np.arange(len(X)) % n_folds
    folds = [Fold(np.flatnonzero(fold != k).tolist(), np.flatnonzero(fold == k).tolist()) for k in range(n_folds)]
    fit = fit or (lambda rows: fitted_pipeline("logistic_regression", rows.X, rows.y, sample_weight=rows.sample_weight))
    kinds = {**KINDS, "x": "number"}
    rows = dataset_of(X, y, sample_weight=sample_weight)
    return decide(fit, rows, folds, config=config, schema=schema_of(X, y, kinds=kinds))


def test_nothing_is_fitted_twice_where_nothing_is_asked():
    X = mixed_rows()
    fits = []

    def fit(rows):
        fits.append(len(rows))
        return fitted_pipeline("dummy", rows.X, rows.y)

    decided = decide_on(X, target_of(X), fit=fit)
    assert (fits, decided.curves) == ([150], None)

    decide_on(X, target_of(X), fit=fit, threshold=ThresholdConfig(value=0.3))
    assert fits == [150, 150], "a given threshold needs no fold either"


def test_a_vote_over_pipelines_is_decided_like_a_model():
    from sklearn.ensemble import VotingClassifier
    from sklearn.pipeline import Pipeline

    X = mixed_rows()
    y = target_of(X)

    def fit(rows):
        members = [(name, fitted_pipeline(name, rows.X, rows.y)) for name in ("logistic_regression", "naive_bayes")]
        vote = VotingClassifier(members, voting="soft", weights=[3, 1])
        vote.estimators_ = [member for _, member in members]
        vote.le_ = None
        vote.classes_ = members[0][1].classes_
        return Pipeline([("vote", vote)])

    decided = decide_on(X, y, calibrate="sigmoid", threshold=ThresholdConfig(value=0.2), fit=fit)

    from mlcli.inference.compile import compile_pipeline

    compiled = compile_pipeline(decided.pipeline, schema_of(X, y), X)
    assert compiled.proof.proven, compiled.proof.reason
    assert_array_equal(compiled.predictor.predict(X).y_pred, decided.pipeline.predict(X))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("weight", [None, np.linspace(0.1, 3, 300)], ids=["alike", "weighted"])
def test_the_calibration_is_that_of_scikit_learn_with_one_model(method, weight):
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    X = mixed_rows(300)
    y = target_of(X)
    numbers = X[["income", "rooms"]].fillna(3000.0) / 1000
    fold = np.arange(300) % 4
    pairs = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(4)]

    ours = decide_on(
        numbers,
        y,
        calibrate=method,
        sample_weight=weight,
        fit=lambda rows: Pipeline(
            [("estimator", LogisticRegression().fit(rows.X, rows.y, sample_weight=rows.sample_weight))]
        ),
    )
    theirs = CalibratedClassifierCV(LogisticRegression(), method=method, cv=pairs, ensemble=False)
    theirs.fit(numbers, y, sample_weight=weight)

    assert_allclose(ours.pipeline.predict_proba(numbers), theirs.predict_proba(numbers), atol=1e-5)


def test_a_weight_of_two_is_a_row_twice():
    X = mixed_rows()
    y = target_of(X)
    twice = np.repeat(np.arange(len(X)), 2)
    fold = np.repeat(np.arange(len(X)) % 4, 2)
    folds = [Fold(np.flatnonzero(fold != k).tolist(), np.flatnonzero(fold == k).tolist()) for k in range(4)]
    config = config_of("logistic_regression").model_copy(
        update={
            "calibrate": CalibrateConfig(method="sigmoid"),
            "threshold": ThresholdConfig.model_validate({"costs": {"false_positive": 1.0, "false_negative": 4.0}}),
        }
    )

    def fit(rows):  # the model itself leaves weights out, so that calibration and threshold alone are compared
        return fitted_pipeline("naive_bayes", rows.X.drop_duplicates(), rows.y[~rows.X.duplicated().to_numpy()])

    weighted = decide_on(
        X, y, calibrate="sigmoid", threshold=config.threshold, sample_weight=np.full(len(X), 2.0), fit=fit
    ).decision
    repeated = decide(
        fit,
        dataset_of(X.iloc[twice].reset_index(drop=True), y[twice]),
        folds,
        config=config,
        schema=schema_of(X, y),
    ).decision

    assert weighted.threshold.value == pytest.approx(repeated.threshold.value, abs=1e-9)
    assert weighted.threshold.out_of_fold.cost == pytest.approx(repeated.threshold.out_of_fold.cost)
    for method, scores in weighted.calibration.scores.items():
        assert scores.log_loss == pytest.approx(repeated.calibration.scores[method].log_loss, abs=1e-6)


def overconfident(n_rows, *, seed=0):
    """Numbers, labels, and a model that is far too sure of itself."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n_rows)
    y = np.where(rng.random(n_rows) < 1 / (1 + np.exp(-x)), "yes", "no").astype(object)

    def fit(rows):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import Pipeline

        model = LogisticRegression().fit(rows.X, rows.y)
        model.coef_ = model.coef_ * 6
        return Pipeline([("estimator", model)])

    return pd.DataFrame({"x": x}), y, fit


def test_auto_mends_a_model_that_is_too_sure_and_says_by_how_much():
    X, y, fit = overconfident(800)

    decided = decide_on(X, y, calibrate="auto", fit=fit, n_folds=5)
    calibration = decided.decision.calibration

    assert calibration.method == "sigmoid"
    assert set(calibration.scores) == {"none", "sigmoid"}, "isotonic is not tried below 1,000 rows"
    assert calibration.scores["sigmoid"].log_loss < calibration.scores["none"].log_loss - 0.1
    assert calibration.scores["sigmoid"].calibration_error < calibration.scores["none"].calibration_error / 2
    new_X, new_y, _ = overconfident(4000, seed=1)
    fresh = decided.pipeline.predict_proba(new_X)[np.arange(4000), (new_y == "yes").astype(int)]
    assert -np.log(fresh).mean() == pytest.approx(calibration.scores["sigmoid"].log_loss, abs=0.03), (
        "an honest estimate"
    )


def test_auto_tries_isotonic_from_a_thousand_rows_on():
    X, y, fit = overconfident(1000)

    assert set(decide_on(X, y, calibrate="auto", fit=fit, n_folds=5).decision.calibration.scores) == {
        "none",
        "sigmoid",
        "isotonic",
    }


def test_auto_leaves_good_probabilities_alone():
    X, y, _ = overconfident(1500)

    def fit(rows):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import Pipeline

        return Pipeline([("estimator", LogisticRegression().fit(rows.X, rows.y))])

    decided = decide_on(X, y, calibrate="auto", fit=fit, n_folds=5)

    assert decided.decision.calibration.method == "none"
    assert "by more than chance" in decided.decision.calibration.message
    assert_array_equal(decided.pipeline.predict_proba(X), fit(dataset_of(X, y)).predict_proba(X))


def test_a_calibration_that_makes_it_worse_is_said(caplog):
    X = mixed_rows()

    decision = decide_on(X, target_of(X), calibrate="isotonic").decision

    scores = decision.calibration.scores
    assert scores["isotonic"].log_loss > scores["none"].log_loss
    assert "makes the log loss worse out-of-fold" in decision.calibration.note
    assert decision.calibration.note in caplog.messages


def test_a_precision_out_of_reach_is_said_and_the_best_is_taken(caplog):
    X = pd.DataFrame({"x": np.random.default_rng(0).normal(size=400)})
    y = np.where(np.random.default_rng(1).random(400) < 0.4, "yes", "no").astype(object)

    def fit(rows):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import Pipeline

        return Pipeline([("estimator", LogisticRegression().fit(rows.X, rows.y))])

    decided = decide_on(X, y, threshold=ThresholdConfig(precision=0.9), fit=fit)
    threshold = decided.decision.threshold

    assert not threshold.reached
    assert "precision 0.9 is not reached out-of-fold on 20 rows or more" in threshold.note
    assert threshold.note in caplog.messages
    best = max(point.precision for point in decided.curves.thresholds if point.threshold == threshold.value)
    assert best < 0.9


# --- what cannot be asked --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "place"),
    [
        ("threshold: {optimize: f1, recall: 0.8}", ":6:12: threshold: must say one way to find the threshold"),
        ("threshold: {precision: 1.5}", ":6:24: threshold.precision: must be a number above 0 and at most 1. Got 1.5"),
        ("threshold: {optimise: f1}", ":6:13: threshold.optimise: unknown key - did you mean 'optimize'?"),
        ("threshold: {costs: {false_positive: 1}}", "'false_positive' and 'false_negative' go together"),
        (
            "threshold: {costs: {false_positive: 0, false_negative: 0}}",
            "must make one of the two errors cost something",
        ),
        ("calibrate: {method: platt}", "calibrate.method: must be one of auto, sigmoid, isotonic, none. Got 'platt'"),
        ("calibrate: {cv: 1}", "calibrate.cv: must be a whole number at least 2"),
    ],
    ids=["two ways", "a precision above 1", "a misspelt key", "half the costs", "no costs", "no method", "one fold"],
)
def test_an_impossible_wish_is_told_with_its_place(tmp_path, rest, place):
    config = write_project(tmp_path, rest=rest)

    with pytest.raises(ConfigError) as caught:
        load_config(config, environ={})
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("task", "target", "rest", "message"),
    [
        ("regression", "spent", "threshold: {value: 0.3}", "threshold.value: is for classification, and task is"),
        ("regression", "spent", "calibrate: {method: auto}", "calibrate.method: is for classification, and task is"),
        (
            "",
            "spent",
            "threshold: {recall: 0.8}",
            "threshold.recall must be for a target of two classes. Got numbers in 'spent'.",
        ),
        (
            "",
            "spent",
            "calibrate: {method: auto}",
            "calibrate.method must be for a target of classes. Got numbers in 'spent'.",
        ),
        (
            "",
            "grade",
            "threshold: {optimize: f1}",
            "threshold.optimize must be for a target of two classes. Got 3 classes in 'grade'.",
        ),
    ],
    ids=[
        "task named, threshold",
        "task named, calibration",
        "numbers, threshold",
        "numbers, calibration",
        "three classes",
    ],
)
def test_what_the_target_cannot_have_is_refused_before_anything_is_fitted(
    tmp_path, caplog, task, target, rest, message
):
    config = write_project(tmp_path, rest=rest)
    text = config.read_text().replace("task: classification\n", f"task: {task}\n" if task else "")
    config.write_text(text.replace("target: risk", f"target: {target}").replace("grade, spent", "risk"))

    with pytest.raises(ConfigError) as caught, caplog.at_level("INFO", logger="mlcli"):
        trained(config)

    assert message in str(caught.value)
    assert f"{config}:{6 if task else 5}:" in str(caught.value)
    assert not any(line.startswith("fitting") for line in caplog.messages)


def test_too_few_rows_of_a_class_for_the_folds_name_the_key_that_asked(tmp_path):
    config = write_project(tmp_path, n_rows=120)
    table = pd.read_csv(tmp_path / "table.csv")
    table.loc[table.risk == "bad", "risk"] = ["bad"] * 4 + ["good"] * (int((table.risk == "bad").sum()) - 4)
    table.to_csv(tmp_path / "table.csv", index=False)

    with pytest.raises(DataError, match="Got 5 folds and 3 of class 'bad'") as caught:
        trained(config, "threshold.optimize=f1")
    assert "calibrate.cv" in caught.value.hint
    assert trained(config, "threshold.value=0.2").manifest.compiled, "a given threshold needs no fold"


def test_a_fold_without_a_class_is_refused():
    X = mixed_rows(60)
    y = np.array(["yes"] * 15 + ["no"] * 45, dtype=object)
    order = np.argsort(y != "yes", kind="stable")
    first = Fold(order[15:].tolist(), order[:15].tolist())
    second = Fold(order[:45].tolist(), order[45:].tolist())
    config = config_of("dummy").model_copy(update={"calibrate": CalibrateConfig(method="sigmoid")})

    with pytest.raises(DataError, match="none of 'yes' among the rows that fold 1 of 2 learns from"):
        decide(
            lambda rows: fitted_pipeline("dummy", rows.X, rows.y),
            dataset_of(X, y),
            [first, second],
            config=config,
            schema=schema_of(X, y),
        )


# --- what people are told --------------------------------------------------------------------------------------------


def test_train_evaluate_and_inspect_tell_calibration_and_threshold(project, calibrated, capsys):
    decision = calibrated.provenance.decision
    capsys.readouterr()
    for command in (["evaluate", "--artifact"], ["evaluate", "--format", "markdown", "--artifact"], ["inspect"]):
        assert run([*command, str(calibrated.folder)]) == 0
        told = capsys.readouterr().out
        assert f"{decision.threshold.value:.6g}, F1" in told
        assert "isotonic, log loss" in told

    output = str(project.parent / "told")
    assert run(["train", "--config", str(project), "--set", f"output={output}", "--set", "threshold.value=0.3"]) == 0
    assert "threshold on bad: 0.3, as the config says" in capsys.readouterr().out


def test_train_prints_the_decision_as_json(project, capsys):
    output = str(project.parent / "json")
    capsys.readouterr()
    options = ["--set", f"output={output}", "--set", "threshold.optimize=f1", "--json", "-q"]
    assert run(["train", "--config", str(project), *options]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["decision"]["threshold"]["rule"] == "optimize"
    assert document["decision"]["calibration"] is None
