"""The greedy choice of an ensemble."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.training.greedy import Judge, select_greedily

TRUTH = np.array([1.0, 2.0, 3.0, 4.0])
VALUES = Judge(TRUTH, np.ones(4))


def test_a_perfect_candidate_is_taken_alone():
    assert select_greedily([TRUTH + 1, TRUTH], VALUES) == (0.0, 1.0)


def test_errors_that_cancel_are_combined():
    assert select_greedily([TRUTH + 1, TRUTH - 1, TRUTH + 9], VALUES) == (0.5, 0.5, 0.0)


def test_of_equals_the_first_is_taken():
    assert select_greedily([TRUTH + 1, TRUTH + 1], VALUES) == (1.0, 0.0)


def test_no_more_members_than_allowed():
    errors = np.eye(4) * 4 - 1  # only the mean of all four is right

    four = select_greedily([TRUTH + error for error in errors], VALUES, max_members=4)
    two = select_greedily([TRUTH + error for error in errors], VALUES, max_members=2)

    assert four == pytest.approx([0.25] * 4)
    assert sum(weight > 0 for weight in two) <= 2


def test_what_is_not_affordable_is_left_out():
    cheap = select_greedily([TRUTH + 2, TRUTH], VALUES, affordable=lambda members: members <= {0})

    assert cheap == (1.0, 0.0)


def test_nothing_affordable_is_an_error():
    with pytest.raises(ValueError, match="affordable alone"):
        select_greedily([TRUTH], VALUES, affordable=lambda _members: False)


def test_a_prediction_that_is_no_number_is_never_taken():
    assert select_greedily([np.full(4, np.nan), TRUTH + 5], VALUES) == (0.0, 1.0)


def test_a_class_that_was_ruled_out_costs_much_but_not_everything():
    judge = Judge(None, np.ones(2))

    assert np.isfinite(judge.score(np.array([0.0, 1.0])))
    assert judge.score(np.array([0.0, 1.0])) > judge.score(np.array([0.1, 1.0]))


def test_weights_of_rows_decide_what_counts():
    first_only = Judge(TRUTH, np.array([1.0, 0.0, 0.0, 0.0]))
    right_on_first = np.array([1.0, 9.0, 9.0, 9.0])

    assert select_greedily([TRUTH + 0.5, right_on_first], first_only) == (0.0, 1.0)
    assert select_greedily([TRUTH + 0.5, right_on_first], VALUES) == (1.0, 0.0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.booleans())
def test_an_ensemble_is_never_worse_than_its_best_candidate(seed, n_candidates, classes):
    rng = np.random.default_rng(seed)
    judge = Judge(None if classes else rng.normal(size=30), rng.uniform(0.1, 2, 30))
    predicted = [rng.uniform(size=30) if classes else rng.normal(size=30) for _ in range(n_candidates)]

    weights = select_greedily(predicted, judge)

    assert sum(weights) == pytest.approx(1.0)
    assert sum(weight > 0 for weight in weights) <= 4
    mixed = sum(weight * each for weight, each in zip(weights, predicted, strict=True))
    assert judge.score(mixed) <= min(judge.score(each) for each in predicted) + 1e-12
