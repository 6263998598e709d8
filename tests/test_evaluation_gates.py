"""Gates hold or miss by the right number, and a gate that means nothing is refused."""

import pytest
from evaluation_samples import classes_sample, numbers_sample
from hypothesis import given
from hypothesis import strategies as st

from mlcli.errors import ConfigError
from mlcli.evaluation.gates import judge_gates, parse_gate
from mlcli.evaluation.numerals import format_number, tell_apart
from mlcli.evaluation.results import Evaluation, MetricResult, Verdict
from mlcli.registry import METRICS


def evaluation(name, value, low=None, high=None, note=None):
    """An evaluation of one metric."""
    entry = METRICS[name]
    result = MetricResult(name, value, low, high, 0.5, entry.greater_is_better, note)
    verdict = Verdict(name, "better", 0.1, 0.05, 0.15, "better than the dummy: by far")
    return Evaluation(
        task=entry.task,
        n_rows=100,
        metrics=(result,),
        shown=(name,),
        per_class=(),
        confusion=None,
        positive=None,
        confidence=0.95,
        resamples=1000,
        resampled_rows=100,
        weighted=False,
        verdict=verdict,
    )


@pytest.mark.parametrize(
    ("name", "value", "bound", "passed"),
    [
        ("f1", 0.75, 0.75, True),
        ("f1", 0.76, 0.75, True),
        ("f1", 0.7499, 0.75, False),
        ("rmse", 3.0, 3.0, True),
        ("rmse", 2.0, 3.0, True),
        ("rmse", 3.01, 3.0, False),
        ("f1", 0.1 + 0.2, 0.3, True),
        ("f1", 0.8 - 1e-16, 0.8, True),
        ("f1", 0.8 - 1e-9, 0.8, False),
    ],
)
def test_a_score_must_reach_its_gate_and_an_error_must_not_exceed_it(name, value, bound, passed):
    (verdict,) = judge_gates(evaluation(name, value), {name: bound})
    assert verdict.passed is passed


def test_a_missed_gate_says_by_how_much():
    (score,) = judge_gates(evaluation("f1", 0.712), {"f1": 0.75})
    assert score.message == "f1 0.712 missed its gate 0.75 by 0.038"
    (error,) = judge_gates(evaluation("mae", 12.5), {"mae": 10})
    assert error.message == "mae 12.5 missed its gate 10 by 2.5"
    (passed,) = judge_gates(evaluation("f1", 0.8), {"f1": 0.75})
    assert passed.message == "f1 0.8 passed its gate 0.75"


def test_a_gate_missed_by_a_hair_does_not_read_as_if_it_held():
    (verdict,) = judge_gates(evaluation("f1", 0.74999), {"f1": 0.75})
    assert verdict.message == "f1 0.74999 missed its gate 0.75 by 1e-05"


@pytest.mark.parametrize(
    ("name", "value", "low", "high", "bound"),
    [("f1", 0.80, 0.70, 0.88, 0.75), ("mae", 3.0, 2.5, 3.6, 3.2)],
    ids=["a score by its lower end", "an error by its upper end"],
)
def test_a_confident_gate_judges_the_unfavourable_end(name, value, low, high, bound):
    found = evaluation(name, value, low, high)
    assert judge_gates(found, {name: bound})[0].passed
    (verdict,) = judge_gates(found, {name: bound}, confident=True)
    assert not verdict.passed
    assert verdict.judged == (low if METRICS[name].greater_is_better else high)
    assert "end of the 95 % interval of" in verdict.message


@pytest.mark.parametrize("confident", [False, True])
def test_an_undefined_metric_never_passes_and_says_why(confident):
    found = evaluation("roc_auc", None, note="undefined: no row is 'spam'")
    (verdict,) = judge_gates(found, {"roc_auc": 0.1}, confident=confident)
    assert not verdict.passed
    assert verdict.judged is None
    assert "no row is 'spam'" in verdict.message


def test_a_confident_gate_without_an_interval_is_missed():
    (verdict,) = judge_gates(evaluation("mae", 1.0, note="too few rows"), {"mae": 5.0}, confident=True)
    assert not verdict.passed
    assert "too few rows" in verdict.message


@pytest.mark.parametrize("sample", [classes_sample(100), numbers_sample(100)], ids=["classes", "numbers"])
def test_every_metric_can_be_gated_on_both_sides(sample):
    found = sample.evaluate()
    for result in found.metrics:
        better = 1 if result.greater_is_better else -1
        step = 0.01 * abs(result.value)
        assert judge_gates(found, {result.name: result.value - better * step})[0].passed
        assert not judge_gates(found, {result.name: result.value + better * step})[0].passed


def test_gates_are_judged_in_their_order():
    found = classes_sample(100).evaluate()
    verdicts = judge_gates(found, {"recall": 0.1, "accuracy": 1.0})
    assert [(verdict.metric, verdict.passed) for verdict in verdicts] == [("recall", True), ("accuracy", False)]


@pytest.mark.parametrize(
    ("text", "parsed"), [("f1=0.75", ("f1", 0.75)), (" mae = 12 ", ("mae", 12.0)), ("r2=-0.5", ("r2", -0.5))]
)
def test_a_gate_is_read_from_the_command_line(text, parsed):
    assert parse_gate(text) == parsed


@pytest.mark.parametrize(
    ("text", "task", "message", "hint"),
    [
        ("f1", None, "must read METRIC=BOUND. Got 'f1'", "f1=0.75"),
        ("=0.5", None, "must read METRIC=BOUND", "f1=0.75"),
        ("f1=", None, "must read METRIC=BOUND", "f1=0.75"),
        ("f1=high", None, "gate of f1 must be a number. Got 'high'", "f1=0.75"),
        ("acuracy=0.9", None, "metric 'acuracy' is not known", "Did you mean 'accuracy'?"),
        ("mae=3", "classification", "'mae' measures regression. Got a classification task", "accuracy"),
        ("f1=75", None, r"gate of f1 must be in \[0, 1\] and finite. Got 75", "f1=0.75"),
        ("f1=nan", None, "gate of f1 must be", None),
        ("mae=inf", None, "gate of mae must be at least 0 and finite. Got inf", None),
        ("mae=-1", None, "gate of mae must be at least 0", None),
        ("r2=1.5", None, "gate of r2 must be at most 1", None),
    ],
)
def test_a_gate_that_means_nothing_is_refused_with_what_to_write(text, task, message, hint):
    with pytest.raises(ConfigError, match=message) as caught:
        parse_gate(text, task=task)
    if hint:
        assert hint in caught.value.hint


def test_a_gate_of_another_task_or_out_of_range_is_refused_when_judged():
    found = evaluation("f1", 0.8)
    with pytest.raises(ConfigError, match="measures regression"):
        judge_gates(found, {"rmse": 1.0})
    with pytest.raises(ConfigError, match="must be in"):
        judge_gates(found, {"f1": 2.0})


@given(value=st.floats(0, 1), bound=st.floats(0, 1))
def test_two_different_numbers_never_read_the_same(value, bound):
    if value != bound:
        one, other = tell_apart(value, bound)
        assert float(one) != bound
        assert float(other) == bound


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0.0000"),
        (0.71254, "0.7125"),
        (12.5, "12.50"),
        (15321.4, "15,321"),
        (-3.14159, "-3.142"),
        (3.2e-7, "3.20e-07"),
        (1e20, "1.00e+20"),
    ],
)
def test_numbers_are_written_for_people(value, text):
    assert format_number(value) == text
