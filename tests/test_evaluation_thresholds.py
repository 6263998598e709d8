"""Curves of thresholds, the one that is chosen, and how good probabilities are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, log_loss, precision_score, recall_score

from mlcli.config.model_sections import ThresholdConfig
from mlcli.evaluation.calibration import (
    Observed,
    calibration_bins,
    expected_calibration_error,
    score_probabilities,
)
from mlcli.evaluation.decision import Calibration, Decision, LabelScores, ProbabilityScores, Threshold
from mlcli.evaluation.thresholds import (
    FEWEST_LABELLED,
    choose_threshold,
    cross_fitted,
    outcomes_at,
    sample_curve,
    threshold_curve,
    tidy,
)

F1 = ThresholdConfig(optimize="f1")
COSTS = ThresholdConfig.model_validate({"costs": {"false_positive": 1.0, "false_negative": 5.0}})


def rows(n_rows=300, *, seed=0, ties=False):
    """Rows whose probability of the positive class is about right."""
    rng = np.random.default_rng(seed)
    probability = rng.random(n_rows)
    codes = (rng.random(n_rows) < probability**2).astype(int)
    weight = rng.random(n_rows) + 0.1
    return Observed(codes, weight, 1), probability.round(1) if ties else probability


@st.composite
def samples(draw):
    n_rows = draw(st.integers(2, 40))
    values = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000000000000001, 0.9, 1.0]) | st.floats(0, 1)
    probability = np.array(draw(st.lists(values, min_size=n_rows, max_size=n_rows)))
    codes = np.array(draw(st.lists(st.integers(0, 1), min_size=n_rows, max_size=n_rows)))
    return Observed(codes, np.ones(n_rows), draw(st.integers(0, 1))), probability


@settings(deadline=None)
@given(samples())
def test_every_place_of_a_curve_has_the_outcomes_of_its_threshold(sample):
    observed, probability = sample
    curve = threshold_curve(observed, probability)

    for at in range(len(curve.most)):
        threshold = curve.threshold(at)
        direct = outcomes_at(observed, probability, threshold)
        assert 0.0 <= threshold <= 1.0
        assert (probability >= threshold).sum() == curve.labelled[at]
        for name in ("hits", "misses", "alarms", "passes"):
            assert getattr(direct, name)[0] == pytest.approx(getattr(curve.outcomes, name)[at])


@settings(deadline=None)
@given(samples())
def test_no_threshold_at_all_is_better_than_the_chosen_one(sample):
    observed, probability = sample
    curve = threshold_curve(observed, probability)
    tried = np.unique(np.concatenate([probability, probability + 1e-12, [0.0, 0.5, 1.0]])).clip(0, 1)
    every = [outcomes_at(observed, probability, threshold) for threshold in tried]

    for config, value in ((F1, lambda o: o.f1[0]), (COSTS, lambda o: -o.cost(COSTS)[0])):
        chosen = curve.threshold(choose_threshold(curve, config).at)
        assert value(outcomes_at(observed, probability, chosen)) >= max(map(value, every)) - 1e-12


def test_scores_are_those_of_scikit_learn():
    observed, probability = rows()
    labelled = probability >= 0.4
    found = outcomes_at(observed, probability, 0.4).scores(COSTS)
    truth, weight = observed.is_positive, observed.weight

    assert found.precision == pytest.approx(precision_score(truth, labelled, sample_weight=weight))
    assert found.recall == pytest.approx(recall_score(truth, labelled, sample_weight=weight))
    assert found.f1 == pytest.approx(f1_score(truth, labelled, sample_weight=weight))
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(truth, labelled, sample_weight=weight))
    wrong = weight @ (1.0 * (~truth & labelled) + 5.0 * (truth & ~labelled))
    assert found.cost == pytest.approx(wrong / weight.sum())


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "tied"])
def test_a_wanted_precision_is_reached_with_the_best_recall(ties):
    observed, probability = rows(ties=ties)
    curve = threshold_curve(observed, probability)
    config = ThresholdConfig(precision=0.8)

    chosen = choose_threshold(curve, config)

    reaching = (curve.outcomes.precision >= 0.8) & (curve.labelled >= FEWEST_LABELLED)
    assert chosen.reached
    assert curve.outcomes.precision[chosen.at] >= 0.8
    assert curve.outcomes.recall[chosen.at] == curve.outcomes.recall[reaching].max()


def test_a_wanted_recall_is_reached_with_the_best_precision():
    observed, probability = rows()
    curve = threshold_curve(observed, probability)

    chosen = choose_threshold(curve, ThresholdConfig(recall=0.9))

    reaching = curve.outcomes.recall >= 0.9
    assert chosen.reached
    assert curve.outcomes.recall[chosen.at] >= 0.9
    assert curve.outcomes.precision[chosen.at] == curve.outcomes.precision[reaching].max()


def test_a_recall_of_one_is_always_reached():
    observed, probability = rows()
    curve = threshold_curve(observed, probability)

    chosen = choose_threshold(curve, ThresholdConfig(recall=1.0))

    assert chosen.reached
    assert outcomes_at(observed, probability, curve.threshold(chosen.at)).recall[0] == 1.0


def test_a_precision_on_a_handful_of_rows_is_chance():
    rng = np.random.default_rng(0)
    probability = np.concatenate([[0.99, 0.98, 0.97], rng.random(397) * 0.9])
    codes = np.concatenate([[1, 1, 1], rng.random(397) < 0.4]).astype(int)
    curve = threshold_curve(Observed(codes, np.ones(400), 1), probability)

    chosen = choose_threshold(curve, ThresholdConfig(precision=0.95))

    assert (curve.outcomes.precision >= 0.95).any(), "three rows reach it"
    assert not chosen.reached
    assert curve.labelled[chosen.at] >= FEWEST_LABELLED
    counts = curve.labelled >= FEWEST_LABELLED
    assert curve.outcomes.precision[chosen.at] == curve.outcomes.precision[counts].max()


def test_few_positive_rows_lower_the_bar():
    observed, probability = rows(20)
    curve = threshold_curve(observed, probability)

    assert curve.least_labelled == max(1, int(observed.is_positive.sum()) // 4) < FEWEST_LABELLED


def test_dear_misses_lower_the_threshold_and_dear_alarms_raise_it():
    observed, probability = rows(2000)
    curve = threshold_curve(observed, probability)

    def chosen(false_positive, false_negative):
        costs = {"false_positive": false_positive, "false_negative": false_negative}
        return curve.threshold(choose_threshold(curve, ThresholdConfig.model_validate({"costs": costs})).at)

    # Where p**2 is the true probability, costs of 1 and 9 mean p**2 = 0.1.
    assert chosen(1.0, 9.0) == pytest.approx(0.1**0.5, abs=0.08)
    assert chosen(9.0, 1.0) == pytest.approx(0.9**0.5, abs=0.08)
    assert chosen(0.0, 1.0) == pytest.approx(0.0, abs=0.15), "an alarm that costs nothing is always raised"


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [
        (0.3, 0.32, 0.31),
        (0.3001, 0.3003, 0.3002),
        (0.0, 1.0, 0.5),
        (-1.0, 0.2, 0.0),
        (0.5, np.nextafter(0.5, 1), np.nextafter(0.5, 1)),
    ],
    ids=["between", "narrow", "all", "everything positive", "neighbours"],
)
def test_a_threshold_has_as_few_digits_as_there_is_room_for(least, most, expected):
    assert tidy(least, most) == expected


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_tidy_threshold_lies_where_it_gives_the_same_labels(a, b):
    least, most = sorted((a, b))
    if least < most:
        assert least < tidy(least, most) <= most


def test_a_fold_is_judged_by_thresholds_that_had_not_seen_it():
    # In fold 0 the classes part at 0.2, in folds 1 and 2 at 0.8: only there do the others choose well.
    probability = np.tile([0.1, 0.3, 0.7, 0.9], 3)
    fold = np.repeat([0, 1, 2], 4)
    codes = np.array([0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1])
    observed = Observed(codes, np.ones(12), 1)

    first = outcomes_at(observed.take(fold == 0), probability[fold == 0], 0.8)
    apart = cross_fitted(observed, probability, fold, ordered=False, config=F1)
    in_time = cross_fitted(observed, probability, fold, ordered=True, config=F1)

    assert apart.recall < 1.0
    assert first.recall[0] == pytest.approx(1 / 3)
    assert in_time.precision < 1.0, "fold 1 is judged by fold 0 alone"
    assert (
        cross_fitted(observed.take(fold == 0), probability[fold == 0], fold[fold == 0], ordered=False, config=F1)
        is None
    )


def test_a_curve_is_sampled_evenly_and_keeps_the_chosen_point():
    observed, probability = rows(3000)
    curve = threshold_curve(observed, probability)

    points = sample_curve(curve, COSTS, chosen=1234)

    assert len(points) in {200, 201}
    assert [point.threshold for point in points] == sorted({point.threshold for point in points})
    assert curve.threshold(1234) in [point.threshold for point in points]
    assert all(point.cost is not None for point in points)
    assert len(sample_curve(threshold_curve(*rows(5)), F1, chosen=None)) == 6


# --- probabilities ---------------------------------------------------------------------------------------------------


def test_probabilities_are_scored_as_scikit_learn_scores_them():
    observed, probability = rows()
    y_proba = np.column_stack([1 - probability, probability])

    found = score_probabilities(observed, y_proba)

    assert found.log_loss == pytest.approx(log_loss(observed.codes, y_proba, sample_weight=observed.weight))
    assert found.brier == pytest.approx(brier_score_loss(observed.codes, probability, sample_weight=observed.weight))


def test_three_classes_are_scored_by_the_likeliest():
    rng = np.random.default_rng(0)
    y_proba = rng.dirichlet([1, 1, 1], 500)
    codes = np.array([rng.choice(3, p=p) for p in y_proba])
    observed = Observed(codes, np.ones(500), None)

    found = score_probabilities(observed, y_proba)

    assert found.log_loss == pytest.approx(log_loss(codes, y_proba))
    assert found.brier == pytest.approx(((y_proba - np.eye(3)[codes]) ** 2).sum(axis=1).mean())
    assert found.calibration_error < 0.08


def test_the_calibration_error_is_the_mean_gap():
    codes = np.array([1, 0, 0, 0, 1, 1, 1, 1])
    probability = np.array([0.25] * 4 + [0.9] * 4)
    observed = Observed(codes, np.array([1.0] * 4 + [3.0] * 4), 1)
    y_proba = np.column_stack([1 - probability, probability])

    assert expected_calibration_error(observed, y_proba) == pytest.approx(0.75 * 0.1)
    low, high = calibration_bins(observed, y_proba)
    assert (low.probability, low.share, low.n_rows) == (0.25, 0.25, 4)
    assert (high.probability, high.share, high.n_rows) == (pytest.approx(0.9), 1.0, 4)


def test_a_certainty_lies_in_the_last_bin():
    observed = Observed(np.array([1, 0]), np.ones(2), 1)

    assert [bin_.probability for bin_ in calibration_bins(observed, np.array([[0.0, 1.0], [1.0, 0.0]]))] == [0.0, 1.0]


# --- lines for people ------------------------------------------------------------------------------------------------

BEFORE, AFTER = ProbabilityScores(0.512, 0.17, 0.05), ProbabilityScores(0.481, 0.16, 0.02)
FOUND, HALF = LabelScores(0.5, 0.8, 0.61, 0.7, 0.52), LabelScores(0.6, 0.5, 0.57, 0.66, 0.71)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            Calibration("isotonic", "auto", 800, 5, {"none": BEFORE, "isotonic": AFTER}),
            "calibrated: isotonic, log loss 0.5120 -> 0.4810 out-of-fold",
        ),
        (
            Calibration("none", "auto", 800, 5, {"none": AFTER, "sigmoid": BEFORE}),
            "calibrated: no, nothing beats log loss 0.4810 out-of-fold by more than chance (sigmoid 0.5120)",
        ),
        (
            Threshold(0.31, "bad", "optimize", "f1", True, FOUND, HALF),
            "threshold on bad: 0.31, F1 0.6100 out-of-fold (F1 0.5700 at 0.5)",
        ),
        (
            Threshold(0.31, True, "optimize", "balanced_accuracy", True, FOUND, HALF),
            "threshold on true: 0.31, balanced accuracy 0.7000 out-of-fold (balanced accuracy 0.6600 at 0.5)",
        ),
        (
            Threshold(0.31, 1, "precision", 0.5, True, FOUND, HALF),
            "threshold on 1: 0.31, precision 0.5000 and recall 0.8000 out-of-fold (precision 0.6000 and recall 0.5000 at 0.5)",
        ),
        (
            Threshold(0.31, "bad", "costs", None, True, FOUND, HALF),
            "threshold on bad: 0.31, cost 0.5200 a row out-of-fold (cost 0.7100 a row at 0.5)",
        ),
        (Threshold(0.31, "bad", "value"), "threshold on bad: 0.31, as the config says"),
        (Threshold(0.31, "bad", "costs"), "threshold on bad: 0.31"),
    ],
    ids=["calibrated", "left alone", "F1", "balanced accuracy", "precision", "costs", "given", "not judged"],
)
def test_a_line_says_what_was_decided(part, expected):
    assert part.message == expected


def test_a_decision_tells_its_parts_in_order():
    decision = Decision(
        Calibration("sigmoid", "sigmoid", 8, 2, {"none": AFTER, "sigmoid": BEFORE}, note="worse"),
        Threshold(0.3, "bad", "value"),
    )

    assert [line.split(":")[0] for line in decision.messages] == ["calibrated", "threshold on bad"]
    assert decision.notes == ("worse",)
    assert Decision().messages == ()
