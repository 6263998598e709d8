"""An evaluation is complete, honest where a number is undefined, and the same for the same rows."""

import json
import subprocess
import sys
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from evaluation_samples import Sample, as_labels, classes_sample, numbers_sample, scikit_learn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mlcli.data.predictions import Predictions
from mlcli.data.schema import Target
from mlcli.errors import ConfigError, DataError
from mlcli.evaluation.folds import summarise_folds
from mlcli.evaluation.results import Evaluation
from mlcli.registry import METRICS, metric_names

SAMPLES = {
    "two classes": classes_sample(120),
    "weighted classes": classes_sample(120, weighted=True),
    "three classes": classes_sample(120, classes=(1, 2, 3)),
    "one row": classes_sample(1),
    "two rows": classes_sample(2, classes=("a", "b", "c")),
    "numbers": numbers_sample(120),
    "weighted numbers": numbers_sample(120, weighted=True),
    "one number": numbers_sample(1),
}


def close(found, expected):
    """Equal but for rounding in the last places."""
    if isinstance(expected, float) and isinstance(found, float):
        return found == pytest.approx(expected, rel=1e-9, abs=1e-9)
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    if isinstance(expected, dict) and isinstance(found, dict):
        return found.keys() == expected.keys() and all(close(found[key], expected[key]) for key in expected)
    return found == expected


def plain(evaluation, *, without=()):
    fields = json.loads(evaluation.to_json())
    return {name: value for name, value in fields.items() if name not in without}


def test_the_comparison_of_evaluations_fails_when_a_number_differs():
    plain_one = plain(numbers_sample(50).evaluate())
    assert close(plain_one, plain_one)
    other = json.loads(json.dumps(plain_one))
    other["metrics"][0]["low"] += 1e-6
    assert not close(other, plain_one)
    other["metrics"][0]["low"] = None
    assert not close(other, plain_one)


@pytest.mark.parametrize("name", SAMPLES)
def test_an_evaluation_holds_every_metric_of_its_task_in_its_interval(name):
    sample = SAMPLES[name]
    evaluation = sample.evaluate()
    assert tuple(result.name for result in evaluation.metrics) == metric_names(sample.target.task)
    for result in evaluation.metrics:
        assert result.greater_is_better == METRICS[result.name].greater_is_better
        if result.value is None or result.low is None:
            assert result.note
        else:
            assert result.low <= result.value <= result.high


@pytest.mark.parametrize("name", ["two classes", "weighted classes", "three classes", "numbers", "weighted numbers"])
def test_values_and_dummy_values_are_those_of_scikit_learn(name):
    sample = SAMPLES[name]
    baseline = sample.evaluate()
    dummy = replace(sample, predictions=_dummy_predictions(sample))
    for values, expected in (
        ({r.name: r.value for r in baseline.metrics}, scikit_learn(sample, sample.weight)),
        ({r.name: r.dummy for r in baseline.metrics}, scikit_learn(dummy, sample.weight)),
    ):
        for metric, value in expected.items():
            assert values[metric] == (None if np.isnan(value) else pytest.approx(value, abs=1e-12)), metric


def _dummy_predictions(sample):
    n = len(sample.y)
    if sample.target.task == "regression":
        return Predictions(np.full(n, sample.y.mean()), None)
    classes = sample.target.classes
    shares = np.array([(sample.y == label).mean() for label in classes])
    proba = np.tile(shares, (n, 1))
    return Predictions(as_labels(proba.argmax(axis=1), classes), proba, classes)


@pytest.mark.parametrize("name", SAMPLES)
def test_json_holds_the_whole_evaluation_and_no_number_that_json_lacks(name):
    evaluation = SAMPLES[name].evaluate()
    text = evaluation.to_json()
    assert Evaluation.from_json(text) == evaluation

    def refuse(constant):
        raise AssertionError(constant)

    json.loads(text, parse_constant=refuse)


def test_text_that_is_no_evaluation_is_refused():
    with pytest.raises(msgspec.ValidationError):
        Evaluation.from_json(b"{}")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_rows_give_the_same_bytes(name):
    assert SAMPLES[name].evaluate().to_json() == SAMPLES[name].evaluate().to_json()


def test_another_random_state_moves_the_intervals_and_not_the_values():
    sample = SAMPLES["numbers"]
    one, other = sample.evaluate(random_state=0), sample.evaluate(random_state=1)
    assert [r.value for r in one.metrics] == [r.value for r in other.metrics]
    assert [r.low for r in one.metrics] != [r.low for r in other.metrics]


@pytest.mark.parametrize("make", [classes_sample, numbers_sample], ids=["classes", "numbers"])
@given(seed=st.integers(0, 1000), weighted=st.booleans(), ties=st.booleans())
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_rows_does_not_matter(make, seed, weighted, ties):
    sample = make(40, seed=seed, weighted=weighted, ties=ties)
    order = np.random.default_rng(seed).permutation(40)
    train = sample.y
    assert close(plain(sample.take(order).evaluate(train, resamples=100)), plain(sample.evaluate(train, resamples=100)))


def test_the_order_of_the_rows_does_not_matter_to_the_values_of_several_classes():
    sample = SAMPLES["three classes"]
    turned = sample.take(np.arange(120)[::-1]).evaluate(sample.y)
    values = [r.value for r in sample.evaluate().metrics]
    assert [r.value for r in turned.metrics] == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize("name", ["two classes", "three classes", "numbers"])
def test_weights_of_one_change_nothing(name):
    sample = SAMPLES[name]
    weighted = replace(sample, weight=np.ones(len(sample.y))).evaluate()
    assert weighted.weighted
    assert close(plain(weighted, without=["weighted"]), plain(sample.evaluate(), without=["weighted"]))


def test_whole_weights_count_as_repeated_rows():
    sample = classes_sample(60, seed=4)
    weight = np.random.default_rng(0).integers(0, 4, 60)
    weighted = replace(sample, weight=weight.astype(float)).evaluate(sample.y)
    repeated = sample.take(np.repeat(np.arange(60), weight)).evaluate(sample.y)
    for one, other in zip(weighted.metrics, repeated.metrics, strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-12)


@given(seed=st.integers(0, 1000), names=st.sampled_from([("bad", "good"), (0, 1), (False, True), ("x|y", "中")]))
@settings(max_examples=15, deadline=None)
def test_the_names_of_the_classes_do_not_matter(seed, names):
    sample = classes_sample(40, seed=seed)
    renamed = Sample(
        as_labels((sample.y == "spam").astype(int), names),
        Predictions(
            as_labels((sample.predictions.y_pred == "spam").astype(int), names), sample.predictions.y_proba, names
        ),
        Target("t", "classification", "text", "", classes=names, positive=names[1]),
    )
    one, other = sample.evaluate(resamples=100), renamed.evaluate(resamples=100)
    assert plain(one)["metrics"] == plain(other)["metrics"]
    assert one.confusion.counts == other.confusion.counts
    assert other.positive == names[1]
    assert [found.label for found in other.per_class] == list(names)


def test_the_other_positive_class_swaps_the_metrics_of_the_two_classes():
    sample = SAMPLES["two classes"]
    other = replace(sample, target=msgspec.structs.replace(sample.target, positive="ham"))
    one, two = sample.evaluate(), other.evaluate()
    assert two.metric("recall").value == one.per_class[0].recall.value
    assert two.metric("recall").value != one.metric("recall").value
    assert two.metric("roc_auc").value == pytest.approx(one.metric("roc_auc").value, abs=1e-12)
    assert two.metric("accuracy").value == one.metric("accuracy").value


def test_the_confusion_matrix_counts_rows_by_true_and_predicted_class():
    sample = SAMPLES["weighted classes"]
    matrix = sample.evaluate().confusion
    assert matrix.labels == ("ham", "spam")
    y, y_pred = sample.y, sample.predictions.y_pred
    assert matrix.counts[0][1] == ((y == "ham") & (y_pred == "spam")).sum()
    assert sum(map(sum, matrix.counts)) == 120


def test_only_one_class_in_the_rows_leaves_the_area_undefined_and_says_so():
    sample = SAMPLES["two classes"]
    only = sample.take(np.flatnonzero(sample.y == "ham")).evaluate(sample.y)
    area = only.metric("roc_auc")
    assert (area.value, area.low, area.high, area.dummy) == (None, None, None, None)
    assert area.note == "undefined: no row is 'spam'"
    assert only.metric("recall").note == "undefined: no row is 'spam'"
    assert only.metric("log_loss").value is not None
    other = sample.take(np.flatnonzero(sample.y == "spam")).evaluate(sample.y)
    assert other.metric("roc_auc").note == "undefined: every row is 'spam'"
    assert other.metric("average_precision").value == pytest.approx(1.0)


def test_a_class_missing_from_the_rows_is_left_out_of_the_mean_and_named():
    sample = SAMPLES["three classes"]
    part = sample.take(np.flatnonzero(sample.y != 2))
    evaluation = part.evaluate(sample.y)
    areas = [roc_auc_score(part.y == label, part.predictions.y_proba[:, label - 1]) for label in (1, 3)]
    assert evaluation.metric("roc_auc").value == pytest.approx(np.mean(areas), abs=1e-12)
    assert evaluation.metric("balanced_accuracy").note == "mean over the classes that occur; no row is 2"
    assert evaluation.metric("recall").note == "predicted without a row of that class, so counted as 0: 2"
    missing = evaluation.per_class[1]
    assert (missing.label, missing.n_rows, missing.recall.value) == (2, 0, None)
    assert missing.precision.value == 0


def test_a_class_never_predicted_is_named():
    sample = SAMPLES["three classes"]
    y_pred = np.where(sample.predictions.y_pred == 3, 1, sample.predictions.y_pred)
    evaluation = replace(sample, predictions=replace(sample.predictions, y_pred=y_pred)).evaluate()
    assert evaluation.metric("precision").note == "never predicted, so counted as 0: 3"
    assert evaluation.per_class[2].precision.value is None


def test_no_positive_prediction_leaves_precision_undefined_and_says_so():
    sample = SAMPLES["two classes"]
    y_pred = np.full(120, "ham", dtype=object)
    evaluation = replace(sample, predictions=replace(sample.predictions, y_pred=y_pred)).evaluate()
    assert evaluation.metric("precision").note == "undefined: no row was predicted 'spam'"
    assert evaluation.metric("f1").value == 0


def test_a_true_value_of_zero_leaves_the_share_of_it_undefined_and_says_so():
    sample = numbers_sample(50)
    sample.y[[3, 7]] = 0.0
    result = sample.evaluate().metric("mape")
    assert (result.value, result.note) == (None, "undefined: the true value is 0 in 2 rows")


def test_one_true_value_leaves_r2_undefined_and_says_so():
    sample = numbers_sample(50)
    sample.y[:] = 0.1
    assert sample.evaluate().metric("r2").note == "undefined: every true value is the same"
    assert numbers_sample(1).evaluate().metric("r2").note == "undefined: one row"


def test_a_prediction_that_is_no_number_is_said_and_never_written_as_one():
    sample = numbers_sample(50)
    sample.predictions.y_pred[4] = np.inf
    evaluation = sample.evaluate()
    assert {result.note for result in evaluation.metrics} == {"undefined: a predicted value is not a finite number"}
    assert evaluation.verdict.outcome == "no evidence"


@pytest.mark.parametrize("broken", ["absent", "nan"])
def test_without_probabilities_the_verdict_rests_on_accuracy(broken):
    sample = classes_sample(200, strength=3)
    proba = None if broken == "absent" else np.full((200, 2), np.nan)
    evaluation = replace(sample, predictions=replace(sample.predictions, y_proba=proba)).evaluate()
    assert evaluation.metric("brier").note == "undefined: the model gives no probabilities that are numbers"
    assert (evaluation.verdict.metric, evaluation.verdict.outcome) == ("accuracy", "better")


@pytest.mark.parametrize("name", ["one row", "one number"])
def test_a_single_row_proves_nothing(name):
    verdict = SAMPLES[name].evaluate().verdict
    assert verdict.outcome == "no evidence"
    assert verdict.low is None
    assert "too few rows" in verdict.message


@pytest.mark.parametrize("make", [classes_sample, numbers_sample], ids=["classes", "numbers"])
def test_rows_or_weights_must_be_there(make):
    sample = make(20)
    with pytest.raises(DataError, match="at least one"):
        sample.take(np.arange(0)).evaluate(sample.y)
    with pytest.raises(DataError, match="must not all be 0"):
        replace(sample, weight=np.zeros(20)).evaluate()


def test_metrics_are_shown_in_the_order_asked_for_and_all_are_kept():
    evaluation = SAMPLES["two classes"].evaluate(metrics=("f1", "accuracy"))
    assert [result.name for result in evaluation.shown_metrics] == ["f1", "accuracy"]
    assert evaluation.metric("brier").value is not None
    with pytest.raises(KeyError):
        evaluation.metric("mae")


def test_metrics_that_would_stand_twice_are_shown_once():
    assert "f1_macro" in SAMPLES["two classes"].evaluate().shown
    assert "f1_macro" not in SAMPLES["three classes"].evaluate().shown


def test_a_metric_of_another_task_is_refused():
    with pytest.raises(ConfigError, match="'mae' measures regression"):
        SAMPLES["two classes"].evaluate(metrics=("mae",))


@pytest.mark.parametrize("make", [classes_sample, numbers_sample], ids=["classes", "numbers"])
def test_a_good_model_is_better_than_the_dummy_with_the_numbers(make):
    verdict = make(200).evaluate().verdict
    assert verdict.outcome == "better"
    assert 0 < verdict.low < verdict.difference < verdict.high
    assert verdict.message.startswith(f"better than the dummy: {verdict.metric} ")
    assert "95 % interval" in verdict.message


def test_the_difference_is_that_of_the_metric():
    evaluation = SAMPLES["numbers"].evaluate()
    rmse = evaluation.metric("rmse")
    assert evaluation.verdict.difference == pytest.approx(rmse.dummy - rmse.value)


def test_a_model_that_is_the_dummy_is_not_better():
    sample = SAMPLES["two classes"]
    same = replace(sample, predictions=_dummy_predictions(sample)).evaluate()
    assert (same.verdict.outcome, same.verdict.difference) == ("no evidence", 0)


def test_a_sure_and_wrong_model_is_worse_than_the_dummy():
    sample = SAMPLES["two classes"]
    proba = np.where(sample.y == "ham", 0.99, 0.01)
    wrong = Predictions(sample.predictions.y_pred, np.column_stack([1 - proba, proba]), ("ham", "spam"))
    evaluation = replace(sample, predictions=wrong).evaluate()
    assert evaluation.verdict.outcome == "worse"
    assert evaluation.verdict.high < 0
    assert evaluation.metric("accuracy").value > evaluation.metric("accuracy").dummy
    assert "the predicted classes are of use" in evaluation.verdict.remarks[0]


def test_probabilities_of_use_behind_classes_of_none_are_remarked():
    """A rare class that never reaches one half is still ranked well."""
    rng = np.random.default_rng(0)
    y = rng.random(2000) < 0.1
    score = np.where(y, 0.3, 0.07) + 0.02 * rng.random(2000)
    target = Target("t", "classification", "boolean", "", classes=(False, True), positive=True)
    sample = Sample(y, Predictions(score > 0.5, np.column_stack([1 - score, score]), (False, True)), target)
    verdict = sample.evaluate().verdict
    assert verdict.outcome == "better"
    assert "the probabilities are of use" in verdict.remarks[0]


def test_women_first_beats_the_dummy_on_the_titanic(data_dir):
    """A rule of one column on a real table: better than the dummy, and intervals that do not meet it."""
    import pandas as pd

    table = pd.read_csv(data_dir / "titanic.csv")
    columns = {name.lower(): name for name in table.columns}
    y = table[columns["survived"]].to_numpy()
    women = (table[columns["sex"]] == "female").to_numpy()
    proba = np.where(women, 0.7, 0.2)
    target = Target("survived", "classification", "number", "", classes=(0, 1), positive=1)
    sample = Sample(y, Predictions(women.astype(np.int64), np.column_stack([1 - proba, proba]), (0, 1)), target)
    evaluation = sample.evaluate()
    accuracy = evaluation.metric("accuracy")
    assert evaluation.verdict.outcome == "better"
    assert accuracy.dummy < accuracy.low < 0.79 < accuracy.high
    assert not evaluation.verdict.remarks


def test_folds_are_summed_up_by_mean_and_standard_deviation():
    folds = [numbers_sample(50, seed=seed).evaluate() for seed in range(4)]
    summary = {found.name: found for found in summarise_folds(folds)}
    values = [fold.metric("rmse").value for fold in folds]
    assert tuple(summary) == metric_names("regression")
    assert summary["rmse"].values == tuple(values)  # noqa: PD011 - a field of ours, not of pandas
    assert summary["rmse"].mean == pytest.approx(np.mean(values))
    assert summary["rmse"].standard_deviation == pytest.approx(np.std(values, ddof=1))


def test_a_fold_where_a_metric_is_undefined_is_left_out_of_its_mean():
    whole = SAMPLES["two classes"]
    only = whole.take(np.flatnonzero(whole.y == "ham"))
    both = summarise_folds([whole.evaluate(), only.evaluate(whole.y)])
    area = next(found for found in both if found.name == "roc_auc")
    assert area.values == (whole.evaluate().metric("roc_auc").value, None)  # noqa: PD011 - as above
    assert area.mean == whole.evaluate().metric("roc_auc").value
    assert area.standard_deviation is None
    assert summarise_folds([]) == ()


def test_an_evaluation_needs_neither_scikit_learn_nor_pandas_nor_scipy():
    """A service judges and serves without them; importing them takes seconds."""
    script = """
import sys
import numpy as np
from mlcli.config.sections import EvaluateConfig
from mlcli.data.predictions import Predictions
from mlcli.data.schema import Target
from mlcli.evaluation.baseline import baseline_from
from mlcli.evaluation.evaluate import evaluate
from mlcli.evaluation.markdown import render_markdown
y = np.arange(20) % 2
proba = np.column_stack([1 - y * 0.8, y * 0.8])
target = Target("t", "classification", "number", "", classes=(0, 1), positive=1)
found = evaluate(y, Predictions(y, proba, (0, 1)), target=target, baseline=baseline_from(y, target=target),
                 config=EvaluateConfig())
render_markdown(found, title="t")
print(sorted({"sklearn", "pandas", "scipy", "pyarrow"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
