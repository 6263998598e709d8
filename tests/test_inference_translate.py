"""Fitted pipelines become programs that predict the same."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from inference_samples import check_program, odd_rows, worst_difference
from models_samples import KINDS, config_of, fitted_pipeline, mixed_rows, schema_of, small_params, target_of
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import AdaBoostClassifier, VotingClassifier, VotingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from mlcli.config.sections import PreprocessConfig
from mlcli.inference.program import Isotonic, Model, Sigmoids, Vote
from mlcli.inference.translate import NotCompiled, translate
from mlcli.models.pipeline import build_pipeline
from mlcli.registry import MODELS

TREES = {"decision_tree", "random_forest", "extra_trees", "gradient_boosting", "lightgbm", "xgboost", "catboost"}
"""Tested beside the machine that runs them."""

MODELS_HERE = [
    (name, target)
    for name, entry in MODELS.items()
    for target in ("text", "three", "number")
    if name not in TREES | {"nearest_neighbors"}
    and ("regression" if target == "number" else "classification") in entry.tasks
]

PREPROCESSING = {
    "as it comes": {},
    "mean, robust, ordinal, words": {
        "number": {"impute": "mean", "scale": "robust"},
        "category": {"encode": "ordinal", "min_frequency": 0.02},
        "text": {"ngrams": "word"},
    },
    "zero, minmax, target, characters": {
        "number": {"impute": "zero", "scale": "minmax"},
        "category": {"encode": "target"},
        "text": {"ngrams": "char"},
    },
    "quantile, no indicator, no rare levels, components": {
        "number": {"scale": "quantile", "indicator": False},
        "category": {"encode": "one_hot", "min_frequency": 0},
        "text": {"components": 4},
    },
    "unscaled, no elapsed days": {
        "number": {"scale": "none"},
        "date": {"elapsed": False, "parts": ("year", "month", "day", "weekday", "hour", "minute", "quarter")},
    },
    "last parts": {"date": {"parts": ("day_of_year", "weekend")}},
}


@pytest.fixture(autouse=True)
def quiet():
    """That twenty steps of a small network do not converge is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def fitted(name, X, y, **options):
    task = "regression" if y.dtype.kind == "f" else "classification"
    return fitted_pipeline(name, X, y, params=small_params(name, task), **options)


@pytest.mark.parametrize(("name", "target"), MODELS_HERE, ids=[f"{name}-{target}" for name, target in MODELS_HERE])
def test_every_model_predicts_as_its_pipeline_does(name, target):
    X = mixed_rows()
    y = target_of(X, target)

    check_program(fitted(name, X, y), schema_of(X, y), pd.concat([X, odd_rows(X)], ignore_index=True))


@pytest.mark.parametrize("target", ["text", "three", "number"])
@pytest.mark.parametrize("options", PREPROCESSING.values(), ids=PREPROCESSING.keys())
def test_every_preprocessing_predicts_as_its_pipeline_does(options, target):
    X = mixed_rows()
    y = target_of(X, target)
    pipeline = fitted(
        "ridge" if target == "number" else "logistic_regression", X, y, preprocess=PreprocessConfig(**options)
    )

    check_program(pipeline, schema_of(X, y), odd_rows(X))


@pytest.mark.parametrize("name", ["logistic_regression", "mlp", "svm", "naive_bayes"])
def test_sparse_one_hot_and_dense_components_reach_every_sort_of_head(name):
    X = mixed_rows()
    y = target_of(X)
    options = PreprocessConfig(category={"encode": "one_hot", "min_frequency": 0}, text={"components": 3})

    check_program(fitted(name, X, y, preprocess=options), schema_of(X, y), odd_rows(X))


def test_a_pipeline_of_a_fold_may_know_fewer_levels_than_the_schema():
    X = mixed_rows(200)
    y = target_of(X)
    schema = schema_of(X, y)
    fold = np.flatnonzero(X["purpose"].to_numpy() != "house")[:60]
    pipeline = build_pipeline(config_of("logistic_regression"), schema).fit(X.iloc[fold], y[fold])

    check_program(pipeline, schema, X)


@pytest.mark.parametrize("blank", ["income", "purpose", "opened", "owner"])
def test_a_column_that_was_blank_in_training_keeps_its_place(blank):
    X = mixed_rows()
    X[blank] = pd.Series([None] * len(X), dtype=X[blank].dtype)
    y = target_of(mixed_rows())

    check_program(fitted("logistic_regression", X, y), schema_of(X, y), odd_rows(mixed_rows()))


@pytest.mark.parametrize("kind", ["number", "category", "date", "boolean", "text"])
def test_a_table_may_hold_columns_of_one_kind_alone(kind):
    X = mixed_rows()
    y = target_of(X)
    X = X[[name for name in X if KINDS[name] == kind]]

    check_program(fitted("logistic_regression", X, y), schema_of(X, y), odd_rows(X))


def test_texts_without_spaces_and_many_scripts_are_counted_alike():
    lines = [
        "很好吃，下次再来",
        "不好 很差",
        "İYİ ΑΣ ΣΑΣ straße",
        "это хорошо 很好",
        "ok",
        "a  b\tc",
        "很好很好很好",
    ] * 12
    X = pd.DataFrame({"remark": pd.Series(lines, dtype="str"), "note": pd.Series(lines[::-1], dtype="str")})
    y = np.array(["yes", "no"] * 42, dtype=object)

    for sort in ("auto", "word", "char", "both"):
        pipeline = fitted(
            "logistic_regression",
            X,
            y,
            kinds={"remark": "text", "note": "text"},
            preprocess=PreprocessConfig(text={"ngrams": sort}),
        )
        check_program(pipeline, schema_of(X, y, kinds={"remark": "text", "note": "text"}), odd_rows(X))


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
@pytest.mark.parametrize("target", ["text", "three", "number"])
def test_every_kernel_predicts_as_its_pipeline_does(kernel, target):
    X = mixed_rows(90).drop(columns="remark")
    y = target_of(X, target)
    pipeline = fitted_pipeline("svm", X, y, params={"kernel": kernel, "gamma": 0.05})

    # The fourth power of a number of 1e30 is beyond what a probability could be told from.
    check_program(pipeline, schema_of(X, y), mixed_rows(90, seed=3).drop(columns="remark"))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_every_activation_predicts_as_its_pipeline_does(activation):
    X = mixed_rows()
    y = target_of(X, "three")
    params = {"activation": activation, "hidden_layer_sizes": [7, 4], "max_iter": 20}

    check_program(fitted_pipeline("mlp", X, y, params=params), schema_of(X, y), odd_rows(X))


@pytest.mark.parametrize(
    "params", [{"fit_intercept": False}, {"solver": "liblinear"}, {"l1_ratio": 1, "solver": "saga"}]
)
def test_a_logistic_regression_of_any_solver_predicts_as_its_pipeline_does(params):
    X = mixed_rows()
    y = target_of(X)

    check_program(fitted_pipeline("logistic_regression", X, y, params=params), schema_of(X, y), odd_rows(X))


def test_many_classes_take_the_way_of_matrix_products():
    X = mixed_rows(200)
    X = X.drop(columns="remark")
    y = np.array([f"class {i % 6}" for i in range(200)], dtype=object)

    for name in ("logistic_regression", "linear_svm", "svm"):
        check_program(fitted(name, X, y), schema_of(X, y), odd_rows(X))


@pytest.mark.parametrize("strategy", ["prior", "most_frequent"])
def test_a_dummy_compiles_to_its_answer(strategy):
    X = mixed_rows()
    y = target_of(X, "three")

    check_program(fitted_pipeline("dummy", X, y, params={"strategy": strategy}), schema_of(X, y), X)


# --- estimators around others ----------------------------------------------------------------------------------------


def around(estimator, X, y, *, model="logistic_regression", inside):
    """An unfitted estimator around a pipeline, or inside one, fitted."""
    pipeline = build_pipeline(config_of(model), schema_of(X, y))
    if inside:
        return Pipeline([pipeline.steps[0], ("estimator", estimator(pipeline.steps[1][1]))]).fit(X, y)
    return estimator(pipeline).fit(X, y)


@pytest.mark.parametrize("inside", [True, False], ids=["in a pipeline", "around pipelines"])
@pytest.mark.parametrize("target", ["text", "three"])
@pytest.mark.parametrize("ensemble", [True, False], ids=["ensemble", "one"])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("model", ["logistic_regression", "naive_bayes"])
def test_a_calibrated_classifier_predicts_as_scikit_learn_does(model, method, ensemble, target, inside):
    X = mixed_rows(100).drop(columns="remark")
    y = target_of(X, target)
    calibrated = around(
        lambda estimator: CalibratedClassifierCV(estimator, method=method, ensemble=ensemble, cv=2),
        X, y, model=model, inside=inside,
    )  # fmt: skip

    machine = check_program(calibrated, schema_of(X, y), odd_rows(X))

    node = machine.program.node
    member = node.members[0] if ensemble else node
    assert isinstance(node, Vote) == ensemble
    assert isinstance(member, Sigmoids if method == "sigmoid" else Isotonic)


@pytest.mark.parametrize("target", ["text", "three"])
def test_calibration_reads_the_decision_values_of_boosted_trees(target):
    X = mixed_rows(100).drop(columns="remark")
    y = target_of(X, target)
    calibrated = around(
        lambda e: CalibratedClassifierCV(e.set_params(max_iter=3), cv=2, ensemble=False),
        X, y, model="gradient_boosting", inside=True,
    )  # fmt: skip

    machine = check_program(calibrated, schema_of(X, y), odd_rows(X))

    assert machine.program.node.member.head.link == "identity"


@pytest.mark.parametrize("inside", [True, False], ids=["in a pipeline", "around pipelines"])
@pytest.mark.parametrize("weights", [None, [3, 1]], ids=["equal", "weighted"])
def test_soft_votes_predict_as_scikit_learn_does(weights, inside):
    X = mixed_rows(100).drop(columns="remark")
    y = target_of(X, "three")

    def vote(estimator):
        other = estimator if not inside else GaussianNB()
        return VotingClassifier([("a", estimator), ("b", other)], voting="soft", weights=weights)

    voting = around(vote, X, y, model="linear_svm" if not inside else "naive_bayes", inside=inside)
    machine = check_program(voting, schema_of(X, y), odd_rows(X))

    assert machine.program.node.weights == ((0.5, 0.5) if weights is None else (0.75, 0.25))


def test_votes_of_regressors_predict_as_scikit_learn_does():
    X = mixed_rows(100).drop(columns="remark")
    y = target_of(X, "number")
    voting = around(
        lambda e: VotingRegressor([("a", e), ("b", Ridge(alpha=9.0)), ("c", "drop")], weights=[1, 2, 5]),
        X, y, model="ridge", inside=True,
    )  # fmt: skip

    machine = check_program(voting, schema_of(X, y), odd_rows(X))

    assert len(machine.program.node.members) == 2


@pytest.mark.parametrize("inside", [True, False], ids=["in a pipeline", "around pipelines"])
@pytest.mark.parametrize("tuned", [True, False], ids=["tuned", "fixed"])
@pytest.mark.parametrize("positive", ["yes", "no"])
def test_a_threshold_is_kept_beside_the_probabilities(tuned, positive, inside):
    X = mixed_rows(100).drop(columns="remark")
    y = target_of(X)

    def threshold(estimator):
        if tuned:
            from sklearn.metrics import f1_score, make_scorer

            return TunedThresholdClassifierCV(
                estimator, cv=2, thresholds=5, scoring=make_scorer(f1_score, pos_label=positive)
            )
        return FixedThresholdClassifier(estimator, threshold=0.3, pos_label=positive)

    pipeline = around(threshold, X, y, inside=inside)
    machine = check_program(pipeline, schema_of(X, y), odd_rows(X))

    program = machine.program
    assert isinstance(program.node, Model)
    assert program.positive == ["no", "yes"].index(positive)
    proba = pipeline.predict_proba(X)[:, program.positive]
    labels = np.where(proba >= program.threshold, positive, "no" if positive == "yes" else "yes")
    assert (labels == pipeline.predict(X)).all()


# --- what does not compile ------------------------------------------------------------------------------------------


def reason(pipeline, X, y):
    with pytest.raises(NotCompiled) as refused:
        translate(pipeline, schema_of(X, y))
    return refused.value.reason


def test_nearest_neighbours_say_why_they_do_not_compile():
    X = mixed_rows(100).drop(columns="remark")
    y = target_of(X)

    assert "keep every training row" in reason(fitted("nearest_neighbors", X, y), X, y)


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (lambda e: VotingClassifier([("a", e)], voting="hard"), "hard votes"),
        (lambda e: CalibratedClassifierCV(e, method="temperature", cv=2), "temperature"),
        (
            lambda e: FixedThresholdClassifier(e, response_method="decision_function", pos_label="yes"),
            "decision value",
        ),
        (lambda e: AdaBoostClassifier(e, n_estimators=2), "AdaBoostClassifier has no compiled form"),
        (lambda e: DummyClassifier(strategy="stratified"), "by chance"),
        (lambda e: Pipeline([("again", e)]), None),
    ],
    ids=["hard votes", "temperature", "threshold on a decision", "unknown", "chance", "a pipeline of one"],
)
def test_what_has_no_compiled_form_is_refused_with_a_reason(estimator, expected):
    X = mixed_rows(100).drop(columns="remark")
    y = target_of(X)
    pipeline = around(
        estimator, X, y, model="naive_bayes" if expected and "Ada" in expected else "logistic_regression", inside=True
    )

    if expected is None:
        check_program(pipeline, schema_of(X, y), X)
    else:
        assert expected in reason(pipeline, X, y)


def test_an_estimator_that_saw_too_few_classes_is_refused():
    X = mixed_rows()
    y = target_of(X, "three")
    pipeline = build_pipeline(config_of("logistic_regression"), schema_of(X, y))
    two = np.flatnonzero(y != "top")
    pipeline.fit(X.iloc[two], y[two])

    assert "2 of the 3 classes" in reason(pipeline, X, y)


def test_an_estimator_without_a_preprocessor_of_mlcli_is_refused():
    X = mixed_rows()
    y = target_of(X)
    numbers = X[["rooms"]]

    assert "no preprocessor" in reason(LogisticRegression().fit(numbers, y), numbers, y)


def test_a_planted_difference_fails_the_comparison():
    X = mixed_rows()
    y = target_of(X)
    pipeline = fitted("logistic_regression", X, y)
    other = fitted("logistic_regression", X, y)
    other.named_steps["estimator"].coef_ += 1e-6
    program = translate(pipeline, schema_of(X, y))

    assert program.node.head.coef is not pipeline.named_steps["estimator"].coef_
    with pytest.raises(AssertionError):
        check_program_of_other(pipeline, other, schema_of(X, y), X)
    assert worst_difference(np.array([[1e30]]), np.array([[1e30 * (1 + 1e-6)]])) > 1e-7


def check_program_of_other(pipeline, other, schema, X):
    """Hold the program of one pipeline against another pipeline."""
    from mlcli.data.frames import columns_from_frame
    from mlcli.inference.machine import Machine
    from mlcli.inference.predictor import PipelinePredictor

    actual = Machine(translate(pipeline, schema)).rows(columns_from_frame(X, schema))
    assert worst_difference(actual, PipelinePredictor(other, schema).outputs(X)) <= 1e-9
