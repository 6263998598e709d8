"""A model keeps up with another, or falls behind by more than was allowed."""

import pytest

from mlcli.errors import ConfigError
from mlcli.evaluation.comparison import Comparison, MetricComparison, verdict_message
from mlcli.evaluation.tolerances import judge_tolerances, parse_tolerance
from mlcli.registry import METRICS


def comparison(name, a, b, low=None, high=None, note=None):
    """A comparison by one metric; the ends are those of B's lead."""
    entry = METRICS[name]
    lead = None if a is None or b is None else (b - a if entry.greater_is_better else a - b)
    outcome = "no evidence"
    if low is not None:
        outcome = "better" if low > 0 else "worse" if high < 0 else "no evidence"
    result = MetricComparison(name, a, b, lead, low, high, outcome, entry.greater_is_better, note)
    message = verdict_message(result, confidence=0.95)
    return Comparison(entry.task, 100, (result,), (name,), name, outcome, message, 0.95, 1000, 100, weighted=False)


@pytest.mark.parametrize(
    ("name", "a", "b", "tolerance", "passed"),
    [
        pytest.param("f1", 0.80, 0.795, 0.01, True, id="a score a little lower"),
        pytest.param("f1", 0.80, 0.79, 0.01, True, id="a score lower by just the tolerance"),
        pytest.param("f1", 0.80, 0.785, 0.01, False, id="a score lower by more"),
        pytest.param("f1", 0.80, 0.90, 0.0, True, id="a higher score"),
        pytest.param("rmse", 3.0, 3.2, 0.5, True, id="an error a little greater"),
        pytest.param("rmse", 3.0, 3.6, 0.5, False, id="an error greater by more"),
        pytest.param("rmse", 3.0, 2.0, 0.0, True, id="a smaller error"),
        pytest.param("f1", 0.8, 0.8, 0.0, True, id="equal"),
    ],
)
def test_a_metric_may_be_worse_by_its_tolerance_and_no_more(name, a, b, tolerance, passed):
    (verdict,) = judge_tolerances(comparison(name, a, b), {name: tolerance}, against="runs/x/001")
    assert verdict.passed is passed
    assert verdict.against == "runs/x/001"
    assert verdict.rule == f"{name} at most {tolerance:g} worse than runs/x/001"
    assert ("missed" in verdict.message) is not passed


def test_a_miss_says_both_values_and_by_how_much():
    (verdict,) = judge_tolerances(comparison("f1", 0.80, 0.785), {"f1": 0.01}, against="001")
    assert verdict.message == "f1 0.7850 against 0.8000 of 001 missed its tolerance 0.01: 0.015 worse"


def test_a_confident_tolerance_judges_the_unfavourable_end():
    found = comparison("f1", 0.80, 0.80, low=-0.03, high=0.03)
    assert judge_tolerances(found, {"f1": 0.01}, against="001")[0].passed
    (verdict,) = judge_tolerances(found, {"f1": 0.01}, against="001", confident=True)
    assert not verdict.passed
    assert verdict.judged == -0.03
    assert "perhaps 0.03 worse" in verdict.message
    assert judge_tolerances(found, {"f1": 0.05}, against="001", confident=True)[0].passed


@pytest.mark.parametrize(
    ("low", "high", "passed", "surely"),
    [
        pytest.param(-0.05, 0.02, True, False, id="perhaps worse"),
        pytest.param(-0.05, -0.01, False, False, id="surely worse"),
        pytest.param(0.01, 0.05, True, True, id="surely better"),
        pytest.param(0.0, 0.0, True, True, id="alike"),
    ],
)
def test_without_a_tolerance_the_main_metric_must_not_be_significantly_worse(low, high, passed, surely):
    found = comparison("log_loss", 0.5, 0.5 - (low + high) / 2, low=low, high=high)
    (verdict,) = judge_tolerances(found, {}, against="001")
    assert (verdict.metric, verdict.passed) == ("log_loss", passed)
    assert ("not significantly worse" in verdict.message) is passed
    (confident,) = judge_tolerances(found, {}, against="001", confident=True)
    assert confident.passed is surely


@pytest.mark.parametrize("tolerances", [{}, {"f1": 0.5}], ids=["none", "one"])
@pytest.mark.parametrize("confident", [False, True])
def test_what_cannot_be_told_is_missed(tolerances, confident):
    undefined = comparison("f1", None, 0.5, note="undefined for A")
    (verdict,) = judge_tolerances(undefined, tolerances, against="001", confident=confident)
    assert not verdict.passed
    assert verdict.judged is None
    assert "undefined for A" in verdict.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("f1", "tolerance must read METRIC=TOLERANCE. Got 'f1'"),
        ("f1=", "must read METRIC=TOLERANCE"),
        ("f1=much", "tolerance of f1 must be a number. Got 'much'"),
        ("f1=-0.1", "tolerance of f1 must be a finite number of 0 or more. Got -0.1"),
        ("f1=nan", "must be a finite number"),
        ("f2=0.1", "metric 'f2' is not known"),
        ("rmse=0.1", "measures regression"),
    ],
)
def test_a_tolerance_that_says_nothing_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_tolerance(text, task="classification")


def test_a_good_tolerance_is_read():
    assert parse_tolerance(" f1 = 0.01 ") == ("f1", 0.01)
    assert parse_tolerance("rmse=0", task="regression") == ("rmse", 0.0)
    with pytest.raises(ConfigError, match="measures regression"):
        judge_tolerances(comparison("f1", 0.5, 0.5), {"rmse": 1.0}, against="001")
    with pytest.raises(ConfigError, match="0 or more"):
        judge_tolerances(comparison("f1", 0.5, 0.5), {"f1": -1.0}, against="001")
