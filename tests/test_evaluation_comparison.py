"""Two models on the same rows: the difference, its interval, and when it is no evidence of anything."""

import numpy as np
import pytest
from evaluation_samples import as_labels, classes_sample, numbers_sample

from mlcli.config.sections import EvaluateConfig
from mlcli.data.predictions import Predictions
from mlcli.data.schema import Target
from mlcli.errors import ConfigError, DataError
from mlcli.evaluation.comparison import compare_predictions
from mlcli.evaluation.differing import Differing
from mlcli.evaluation.metrics import rows_judged
from mlcli.evaluation.paired import Pair
from mlcli.registry import METRICS, metric_names

TWO = ("ham", "spam")
OF_TWO = Target("target", "classification", "text", "", classes=TWO, positive="spam")


def compare(sample, a, b, **options):
    options = {"resamples": 200} | options
    return compare_predictions(
        sample.y, a, b, target=sample.target, config=EvaluateConfig(**options), sample_weight=sample.weight
    )


def noisy(predictions, noise, rng):
    """The same model with other noise in its scores."""
    if predictions.y_proba is None:
        return Predictions(predictions.y_pred + noise * rng.normal(size=len(predictions)), None)
    proba = np.exp(np.log(predictions.y_proba) + noise * rng.normal(size=predictions.y_proba.shape))
    proba /= proba.sum(axis=1, keepdims=True)
    return Predictions(as_labels(proba.argmax(axis=1), predictions.classes), proba, predictions.classes)


def labels(right, y):
    """Predict the class of each row, right or wrong."""
    return Predictions(np.where(right, y, np.where(y == "ham", "spam", "ham")).astype(object), None, TWO)


SAMPLES = {
    "two classes": lambda seed: classes_sample(120, seed=seed),
    "three classes": lambda seed: classes_sample(120, classes=("a", "b", "c"), seed=seed),
    "weighted": lambda seed: classes_sample(120, seed=seed, weighted=True),
    "numbers": lambda seed: numbers_sample(120, seed=seed),
}


@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)
def test_a_model_beside_itself_is_no_evidence_by_any_metric(make):
    for seed in range(25):
        sample = make(seed)
        found = compare(sample, sample.predictions, sample.predictions, resamples=100)
        assert {result.outcome for result in found.metrics} == {"no evidence"}
        assert {(result.difference, result.low, result.high) for result in found.metrics} == {(0, 0, 0)}
        assert "alike on every row" in found.message


@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)
def test_of_a_hundred_pairs_of_equal_models_about_five_are_told_apart(make):
    """A 95 % interval errs 5 times of 100 on average: of one hundred draws in 97 of 100 at most 9 times."""
    rng = np.random.default_rng(7)
    outcomes = []
    for seed in range(100):
        sample = make(seed)
        a, b = (noisy(sample.predictions, 0.7, rng) for _ in range(2))
        outcomes.append(compare(sample, a, b, resamples=200).outcome)
    assert outcomes.count("no evidence") >= 91


@pytest.mark.parametrize("n_rows", [200, 2000])
def test_copies_that_differ_on_a_few_rows_are_not_told_apart_too_often(n_rows):
    """Few rows that differ need wider quantiles, however many rows there are."""
    rng = np.random.default_rng(3)
    told = 0
    for seed in range(100):
        sample = classes_sample(n_rows, seed=seed)
        other = noisy(sample.predictions, 1.0, rng)
        few = rng.choice(n_rows, size=6, replace=False)
        y_pred = sample.predictions.y_pred.copy()
        y_pred[few] = other.y_pred[few]
        found = compare(
            sample, Predictions(sample.predictions.y_pred, None, TWO), Predictions(y_pred, None, TWO), resamples=200
        )
        told += found.metric("accuracy").outcome != "no evidence"
    assert told <= 5


@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)
def test_a_clearly_better_model_is_found_and_the_other_way_round_it_is_worse(make):
    sample = make(0)
    rng = np.random.default_rng(0)
    poor = noisy(sample.predictions, 3.0, rng)

    ahead, behind = compare(sample, poor, sample.predictions), compare(sample, sample.predictions, poor)

    assert (ahead.outcome, behind.outcome) == ("better", "worse")
    assert ahead.message.startswith("B is better than A: ")
    assert behind.message.startswith("B is worse than A: ")
    for one, other in zip(ahead.metrics, behind.metrics, strict=True):
        assert (one.a, one.b) == (other.b, other.a)
        assert one.difference == -other.difference


@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)
def test_values_are_those_of_an_evaluation_and_a_lead_is_positive_whatever_better_means(make):
    sample = make(1)
    other = noisy(sample.predictions, 1.0, np.random.default_rng(1))
    found = compare(sample, other, sample.predictions)
    evaluation = sample.evaluate()
    assert [result.name for result in found.metrics] == list(metric_names(sample.target.task))
    assert found.shown == evaluation.shown
    for result in found.metrics:
        assert result.b == pytest.approx(evaluation.metric(result.name).value)
        sign = 1 if METRICS[result.name].greater_is_better else -1
        assert result.difference == pytest.approx(sign * (result.b - result.a))
        assert result.low <= result.difference <= result.high


def test_four_rows_of_four_are_no_evidence_and_twelve_of_twelve_are():
    """Four heads of four coins happen to one coin in eight, to either side."""
    y = np.array(["ham", "spam"] * 500, dtype=object)
    right = np.arange(1000) % 5 > 0
    sample = classes_sample(1000)
    outcomes = {}
    for n_better in (1, 4, 12):
        better = right.copy()
        better[np.flatnonzero(~right)[:n_better]] = True
        found = compare_predictions(
            y, labels(right, y), labels(better, y), target=sample.target, config=EvaluateConfig(resamples=1000)
        )
        outcomes[n_better] = found.metric("accuracy").outcome
    assert outcomes == {1: "no evidence", 4: "no evidence", 12: "better"}


def test_models_of_one_opinion_on_few_rows_may_differ_on_the_next():
    """Nothing that differs among 69 rows leaves room for about three of the next 69; the same model leaves none."""
    sample = classes_sample(69)
    squeezed = Predictions(sample.predictions.y_pred, 0.5 + (sample.predictions.y_proba - 0.5) * 0.9, TWO)
    accuracy = compare(sample, squeezed, sample.predictions).metric("accuracy")
    assert accuracy.outcome == "no evidence"
    assert accuracy.high == -accuracy.low == pytest.approx(1 - 0.025 ** (1 / 69))
    one_more = sample.predictions.y_pred.copy()
    at = np.flatnonzero(one_more != sample.y)[0]
    one_more[at] = sample.y[at]
    accuracy = compare(sample, sample.predictions, Predictions(one_more, None, TWO)).metric("accuracy")
    assert accuracy.difference == pytest.approx(1 / 69)
    assert accuracy.low == pytest.approx(0.025 ** (1 / 69) - 1)
    rank = compare(sample, noisy(sample.predictions, 0.1, np.random.default_rng(0)), sample.predictions)
    assert rank.metric("roc_auc").low > 0.025 ** (1 / 69) - 1, "many rows that differ show their spread themselves"


def test_without_probabilities_the_classes_are_judged():
    sample = classes_sample(200)
    plain = Predictions(sample.predictions.y_pred, None, TWO)
    found = compare(sample, plain, sample.predictions)
    assert found.main == "accuracy"
    assert found.metric("log_loss").note == "undefined for A"
    assert found.metric("log_loss").difference is None


def test_too_few_rows_give_no_interval_and_say_so():
    sample = classes_sample(8, seed=1)
    found = compare(sample, noisy(sample.predictions, 2.0, np.random.default_rng(0)), sample.predictions)
    assert found.outcome == "no evidence"
    assert found.metric("log_loss").low is None
    assert "too few rows to tell (at least 10 are needed)" in found.message
    with pytest.raises(DataError, match="at least one"):
        compare(sample.take(np.arange(0)), *[sample.take(np.arange(0)).predictions] * 2)


def test_a_class_that_one_model_does_not_know_has_no_probability_there():
    sample = classes_sample(90, classes=("a", "b", "c"), seed=2)
    of_two = classes_sample(90, classes=("a", "b"), seed=3).predictions
    found = compare(sample, of_two, sample.predictions)
    assert found.outcome == "better"
    assert found.metric("log_loss").a > 5, "the class that never comes costs dearly"
    assert compare(sample, sample.predictions, of_two).outcome == "worse"


@pytest.mark.parametrize(("one", "other"), [(("1", "2"), (1, 2)), ((1, 2), (True, False))])
def test_classes_of_different_sorts_are_refused(one, other):
    sample = classes_sample(40, classes=one)
    with pytest.raises(DataError, match="must be of one sort"):
        compare(sample, classes_sample(40, classes=other).predictions, sample.predictions)


def test_a_metric_of_another_task_is_refused():
    sample = classes_sample(40)
    with pytest.raises(ConfigError, match="measures regression"):
        compare(sample, sample.predictions, sample.predictions, metrics=("rmse",))


def test_the_order_of_the_rows_plays_no_part():
    sample = classes_sample(150, seed=4)
    other = noisy(sample.predictions, 1.0, np.random.default_rng(4))
    order = np.random.default_rng(0).permutation(150)
    moved = Predictions(other.y_pred[order], other.y_proba[order], TWO)
    found = compare(sample, other, sample.predictions)
    shuffled = compare(sample.take(order), moved, sample.take(order).predictions)
    for one, two in zip(found.metrics, shuffled.metrics, strict=True):
        assert (one.difference, one.low, one.high) == pytest.approx((two.difference, two.low, two.high))


def test_very_many_rows_are_drawn_from_in_part_and_that_is_said():
    sample = numbers_sample(200_000)
    found = compare(
        sample, noisy(sample.predictions, 0.5, np.random.default_rng(0)), sample.predictions, resamples=1000
    )
    assert found.resampled_rows < found.n_rows
    assert "resamples" in found.note
    assert found.outcome == "better"


def test_a_difference_that_the_rows_drawn_do_not_show_is_no_evidence():
    sample = numbers_sample(200_000)
    changed = sample.predictions.y_pred.copy()
    changed[77_777] = sample.y[77_777]
    found = compare(sample, sample.predictions, Predictions(changed, None), resamples=1000)
    if found.metric("rmse").low is None:
        assert found.metric("rmse").note == "the models differ on too few rows to tell"
    assert found.outcome == "no evidence"


def differing(sample, other, metric):
    rows = (
        rows_judged(sample.y, found, target=sample.target, sample_weight=sample.weight)
        for found in (sample.predictions, other)
    )
    return Differing(Pair(*rows)).rows(metric)


def test_rows_that_differ_are_counted_as_each_metric_sees_them():
    sample = classes_sample(100)
    proba = sample.predictions.y_proba.copy()
    squeezed = 0.5 + (proba - 0.5) * 0.9
    same_order = Predictions(sample.predictions.y_pred, squeezed, TWO)
    assert differing(sample, same_order, "accuracy") == 0
    assert differing(sample, same_order, "roc_auc") == 0
    assert differing(sample, same_order, "log_loss") > 20
    y_pred = sample.predictions.y_pred.copy()
    y_pred[:5] = np.where(y_pred[:5] == "ham", "spam", "ham")
    relabelled = Predictions(y_pred, proba, TWO)
    assert differing(sample, relabelled, "accuracy") == pytest.approx(5)
    assert differing(sample, relabelled, "recall") == pytest.approx((sample.y[:5] == "spam").sum())
    assert differing(sample, relabelled, "brier") == 0


@pytest.mark.parametrize("metric", metric_names("regression"))
def test_one_huge_difference_counts_as_one_row(metric):
    sample = numbers_sample(100)
    changed = sample.predictions.y_pred + 1e-9
    changed[3] += 1e6
    assert differing(sample, Predictions(changed, None), metric) == pytest.approx(1, abs=0.01)
    assert differing(sample, sample.predictions, metric) == 0
