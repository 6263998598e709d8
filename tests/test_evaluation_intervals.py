"""Intervals hold the truth about as often as they claim to, and cost a bounded amount of work."""

import numpy as np
import pytest
from evaluation_samples import Sample, classes_sample, numbers_sample
from scipy import stats

from mlcli.data.predictions import Predictions
from mlcli.data.schema import Target
from mlcli.evaluation import bootstrap as module
from mlcli.evaluation.bootstrap import Plan, bootstrap, plan_resampling
from mlcli.evaluation.intervals import percentile_interval, score_interval, t_quantile
from mlcli.evaluation.metrics import scorer_for

SIMULATIONS = 200


def binary(y, score, *, threshold=0.5):
    target = Target("y", "classification", "boolean", "", classes=(False, True), positive=True)
    proba = np.column_stack([1 - score, score])
    return Sample(y, Predictions(score > threshold, proba, (False, True)), target)


def share_held(simulate, truths):
    held = dict.fromkeys(truths, 0)
    for seed in range(SIMULATIONS):
        evaluation = simulate(np.random.default_rng(seed)).evaluate(resamples=200)
        for name, truth in truths.items():
            result = evaluation.metric(name)
            held[name] += result.low <= truth <= result.high
    return {name: count / SIMULATIONS for name, count in held.items()}


def test_the_interval_of_accuracy_holds_the_truth_as_often_as_it_claims():
    def simulate(rng):
        y = rng.random(70) < 0.4
        right = rng.random(70) < 0.95
        return binary(y, np.where(y == right, 0.8, 0.2))

    assert 0.90 <= share_held(simulate, {"accuracy": 0.95})["accuracy"] <= 0.99


def test_the_interval_of_the_area_holds_the_truth_as_often_as_it_claims():
    def simulate(rng):
        y = rng.random(150) < 0.2
        return binary(y, stats.norm.cdf(rng.normal(size=150) + 1.5 * y))

    truth = stats.norm.cdf(1.5 / np.sqrt(2))
    assert 0.90 <= share_held(simulate, {"roc_auc": truth})["roc_auc"] <= 0.99


def test_the_intervals_of_errors_hold_the_truth_as_often_as_they_claim():
    def simulate(rng):
        y = rng.normal(size=150)
        target = Target("y", "regression", "number", "")
        return Sample(y, Predictions(y + rng.normal(size=150), None), target)

    truths = {"mae": np.sqrt(2 / np.pi), "rmse": 1.0, "median_error": stats.norm.ppf(0.75)}
    for name, held in share_held(simulate, truths).items():
        assert 0.90 <= held <= 0.99, name


def test_a_model_that_guesses_is_seldom_called_better_than_the_dummy():
    """A guess with the class shares has the dummy's own log loss, up to noise."""
    outcomes = []
    for seed in range(SIMULATIONS):
        rng = np.random.default_rng(seed)
        y = rng.random(100) < 0.4
        noise = np.clip(0.4 + 0.02 * rng.normal(size=100), 0.01, 0.99)
        train = np.arange(10) < 4
        outcomes.append(binary(y, noise).evaluate(train, resamples=200).verdict.outcome)
    assert outcomes.count("better") / SIMULATIONS <= 0.05


def test_the_coverage_check_would_notice_percentiles_near_the_end_of_the_scale():
    """Of 70 rows, 97 % right: plain percentiles hold the truth too seldom, and the check must see it."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(SIMULATIONS):
        share = rng.binomial(70, 0.97) / 70
        low, high = np.quantile(rng.binomial(70, share, size=500) / 70, (0.025, 0.975))
        held += low <= 0.97 <= high
    assert held / SIMULATIONS < 0.90


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (1, 1), (60, 67), (700, 1000)])
def test_the_interval_of_a_share_is_wilsons(hits, n):
    rng = np.random.default_rng(0)
    replicates = rng.binomial(n, hits / n, size=100_000) / n
    found = score_interval(hits / n, replicates, confidence=0.95, support=n)
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=2e-3)


def test_a_perfect_score_on_few_rows_claims_no_certainty():
    found = score_interval(1.0, np.ones(1000), confidence=0.95, support=20)
    assert found.high == 1.0
    assert 0.80 < found.low < 0.87


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.3, 0.999, 1.0])
def test_an_interval_of_a_score_stays_in_its_range_and_holds_the_value(value, ranked):
    replicates = np.clip(np.random.default_rng(0).normal(value, 0.1, 500), 0, 1)
    found = score_interval(value, replicates, confidence=0.95, support=12, ranked=ranked)
    assert 0 <= found.low <= value <= found.high <= 1


def test_more_confidence_means_a_wider_interval():
    replicates = np.random.default_rng(0).normal(5, 1, 1000)
    narrow = percentile_interval(5.0, replicates, confidence=0.8, support=100)
    wide = percentile_interval(5.0, replicates, confidence=0.99, support=100)
    assert wide.low < narrow.low < 5.0 < narrow.high < wide.high


def test_percentiles_of_many_rows_are_the_plain_ones():
    replicates = np.random.default_rng(0).normal(5, 1, 1000)
    found = percentile_interval(5.0, replicates, confidence=0.95, support=1e9)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(replicates, (0.025, 0.975))), abs=1e-6)


def test_too_few_replicates_give_no_interval_instead_of_a_narrow_one():
    replicates = np.full(1000, np.nan)
    replicates[:5] = 1.0
    found = percentile_interval(1.0, replicates, confidence=0.95, support=50)
    assert (found.value, found.low, found.high) == (1.0, None, None)


@pytest.mark.parametrize("freedom", [4, 9, 30, 1000])
@pytest.mark.parametrize("probability", [0.8, 0.975, 0.995])
def test_the_t_quantile_is_students(probability, freedom):
    expected = stats.t.ppf(probability, freedom)
    assert t_quantile(probability, freedom=freedom) == pytest.approx(expected, rel=0.02)


def test_every_resample_is_drawn_for_ordinary_data():
    assert plan_resampling(20_000, resamples=1000, passes=2) == Plan(20_000, 1000, 20_000)


def test_many_rows_take_fewer_resamples_and_then_fewer_rows():
    fewer = plan_resampling(150_000, resamples=1000, passes=2)
    assert fewer == Plan(150_000, 500, 150_000)
    huge = plan_resampling(5_000_000, resamples=1000, passes=2)
    assert (huge.resamples, huge.rows) == (400, 187_500)


@pytest.mark.parametrize("n_rows", [10**6, 10**7, 10**9])
def test_the_work_does_not_grow_beyond_its_bound(n_rows):
    plan = plan_resampling(n_rows, resamples=1000, passes=2)
    assert plan.resamples * plan.rows * 2 <= 150_000_000


@pytest.mark.parametrize("make", [classes_sample, numbers_sample], ids=["classes", "numbers"])
def test_intervals_from_some_of_the_rows_are_as_wide_as_from_all(make, monkeypatch):
    sample = make(6000, seed=1)
    whole = sample.evaluate(resamples=1000)
    monkeypatch.setattr(module, "_CELLS_PER_RESAMPLE", 1600)
    monkeypatch.setattr(module, "_FEWEST_ROWS", 100)
    part = sample.evaluate(resamples=1000)
    assert (part.resamples, part.resampled_rows) == (400, 2000)
    assert part.note == "intervals from 400 resamples of 2,000 of the 6,000 rows, brought to the scale of all rows"
    for one, other in zip(whole.metrics, part.metrics, strict=True):
        assert other.value == one.value
        assert (other.high - other.low) / (one.high - one.low) == pytest.approx(1, abs=0.3)
    assert part.verdict.outcome == whole.verdict.outcome


def test_resamples_are_the_same_whatever_is_scored_on_them():
    """The pairing that a difference needs: one line, one resample, for every scorer."""
    sample = numbers_sample(50)
    full, part = scorer_for(sample.rows()), scorer_for(sample.rows(), names=("mae",))
    first, second = bootstrap((full, part), n_rows=50, resamples=120, rng=np.random.default_rng(0))
    (alone,) = bootstrap((part,), n_rows=50, resamples=120, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(first["mae"], second["mae"])
    np.testing.assert_array_equal(alone["mae"], second["mae"])


def test_chunks_leave_no_trace(monkeypatch):
    scorer = scorer_for(numbers_sample(50).rows())
    (one,) = bootstrap((scorer,), n_rows=50, resamples=100, rng=np.random.default_rng(0))
    monkeypatch.setattr(module, "_CELLS_PER_CHUNK", 350)
    (other,) = bootstrap((scorer,), n_rows=50, resamples=100, rng=np.random.default_rng(0))
    assert len(one["rmse"]) == len(other["rmse"]) == 100
    np.testing.assert_allclose(one["rmse"], other["rmse"], rtol=1e-13)


def test_a_resample_draws_as_many_rows_as_there_are():
    class Recorder:
        def scores(self, counts=None):
            return {"rows": counts.sum(axis=1), "first": counts[:, 0].copy()}

    (found,) = bootstrap((Recorder(),), n_rows=40, resamples=2000, rng=np.random.default_rng(0))
    assert set(found["rows"]) == {40.0}
    assert found["first"].mean() == pytest.approx(1.0, abs=0.1)
    assert found["first"].var() == pytest.approx(1.0, abs=0.15)
