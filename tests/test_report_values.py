"""What a report computes: curves, importance, dependence, slices, hard rows, times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import CLASSES, COLUMNS, VALUES, N, classify, columns, estimate, labels_drawn
from sklearn import metrics as sk

from mlcli.data.dataset import Dataset
from mlcli.data.typed import TypedColumns
from mlcli.evaluation.altered import row_cost
from mlcli.evaluation.curves import class_curves
from mlcli.evaluation.dependence import MOST_COLUMNS, partial_dependence
from mlcli.evaluation.hardest import LONGEST_TEXT, MOST_ROWS, hardest_rows
from mlcli.evaluation.holdout_thresholds import threshold_curve, threshold_in_use
from mlcli.evaluation.importance import permutation_importance
from mlcli.evaluation.latency import measure_latency
from mlcli.evaluation.metrics import rows_judged
from mlcli.evaluation.regression import RegressionRows
from mlcli.evaluation.reliability import reliability
from mlcli.evaluation.residuals import MOST_POINTS, residuals
from mlcli.evaluation.slices import FEWEST_ROWS, judge_slices

NAMES = tuple(column.name for column in COLUMNS)


def class_rows(y=None, weight=None):
    rows = columns()
    return rows_judged(
        labels_drawn(rows) if y is None else y, classify(rows), target=CLASSES.target, sample_weight=weight
    )


def value_rows(noise=1.0, n_rows=N):
    rows = columns(n_rows)
    truth = estimate(rows).y_pred + noise * np.random.default_rng(3).normal(size=n_rows)
    return rows_judged(truth, estimate(rows), target=VALUES.target)


def dataset(rows, y):
    n_rows = len(rows)
    return Dataset(pd.DataFrame(index=range(n_rows)), y, None, pd.DataFrame(index=range(n_rows)), np.arange(n_rows) + 1)


# Importance


def importance(predict=classify, schema=CLASSES, metric="log_loss", y=None, rows=None, **options):
    rows = rows or columns()
    y = labels_drawn(rows) if y is None else y
    options = {"sample_weight": None, "confidence": 0.95, "random_state": 0} | options
    return permutation_importance(predict, rows, y, schema=schema, metric=metric, **options)


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
def test_the_column_that_a_classifier_reads_is_the_one_that_matters(metric):
    found = importance(metric=metric)

    assert found.columns[0].name == "signal"
    assert found.columns[0].low > 0.1
    assert found.columns[0].low < found.columns[0].value < found.columns[0].high


def test_a_column_that_the_model_does_not_read_costs_nothing_at_all():
    found = {one.name: one for one in importance().columns}

    assert {name for name, one in found.items() if one.value == 0} == set(NAMES) - {"signal"}


def test_columns_of_a_regression_stand_in_the_order_of_what_they_do():
    rows = columns()
    found = importance(estimate, VALUES, "rmse", y=estimate(rows).y_pred)

    assert [one.name for one in found.columns[:2]] == ["signal", "city"]
    # Shuffled, two draws of the same spread lie the root of two times it apart.
    assert found.columns[0].value == pytest.approx(10 * np.sqrt(2), rel=0.15)


def test_importance_is_the_same_twice_and_another_with_another_seed():
    assert importance() == importance()
    assert importance() != importance(random_state=1)


def test_many_columns_are_shuffled_among_fewer_rows():
    asked = []

    def counting(rows):
        asked.append(len(rows))
        return classify(rows)

    rows = columns(8_000)
    found = importance(counting, rows=rows)

    assert found.n_rows < 8_000
    assert sum(asked) <= 250_000
    assert importance(rows=rows, cost=30).n_rows < found.n_rows


def test_texts_and_models_that_compare_rows_are_dear():
    numbers = COLUMNS[:2]
    assert row_cost(numbers, models=["ridge"], n_train=10_000) == 1
    assert row_cost(COLUMNS, models=["ridge"], n_train=10_000) > 10
    assert row_cost(numbers, models=["auto", "svm"], n_train=10_000) > 10


def test_a_row_of_weight_0_plays_no_part_in_importance():
    rows, y = columns(), labels_drawn(columns())
    weight = np.ones(N)
    weight[::2] = 0
    spoiled = np.where(np.arange(N) % 2 == 0, "yes", y)

    assert importance(y=spoiled, sample_weight=weight).columns[0] == importance(y=y, sample_weight=weight).columns[0]
    assert importance(y=spoiled).columns[0] != importance(rows=rows, y=y).columns[0]


# Dependence


def test_the_dependence_on_a_number_is_the_mean_of_the_predictions_there():
    (found,) = partial_dependence(estimate, columns(), ("signal",), schema=VALUES, random_state=0)

    in_oslo = (columns().columns[2] == 1).mean()
    assert found.scale == "number"
    assert len(found.points) <= 20
    assert list(found.points) == sorted(found.points)
    np.testing.assert_allclose(found.lines[0].mean, [10 * x + 5 * in_oslo for x in found.points], atol=0.5)
    assert all(low <= mean <= high for low, mean, high in zip(*_ends(found.lines[0]), strict=True))


def _ends(line):
    return line.low, line.mean, line.high


def test_the_dependence_on_a_category_names_its_levels():
    (found,) = partial_dependence(estimate, columns(), ("city",), schema=VALUES, random_state=0)

    rome, oslo, bern = found.lines[0].mean
    assert found.names == ("Rome", "Oslo", "Bern")
    assert oslo - rome == pytest.approx(5)
    assert bern == pytest.approx(rome)


def test_a_classifier_shows_the_probability_of_the_positive_class():
    (found,) = partial_dependence(classify, columns(), ("signal",), schema=CLASSES, random_state=0)

    assert [line.label for line in found.lines] == ["yes"]
    np.testing.assert_allclose(found.lines[0].mean, [1 / (1 + np.exp(-3 * x)) for x in found.points])


def test_texts_and_columns_of_one_value_are_passed_over():
    rows = columns()
    constant = TypedColumns((np.zeros(N), *rows.columns[1:]), N)

    found = partial_dependence(estimate, constant, NAMES, schema=VALUES, random_state=0)

    assert [one.column for one in found] == ["noise", "city", "member", "since"]
    assert len(found) <= MOST_COLUMNS


def test_predictions_that_are_no_numbers_draw_no_line():
    def broken(rows):
        predictions = estimate(rows)
        predictions.y_pred[0] = np.inf
        return predictions

    (found,) = partial_dependence(broken, columns(), ("signal",), schema=VALUES, random_state=0)

    assert found.lines == ()


# Curves


def test_the_curves_are_those_of_scikit_learn():
    rows = class_rows()
    (found,) = class_curves(rows, confidence=0.95, random_state=0)

    fpr, tpr, _ = sk.roc_curve(rows.y_true == 1, rows.y_proba[:, 1], drop_intermediate=False)
    assert sk.auc(found.roc.x, found.roc.y) == pytest.approx(sk.auc(fpr, tpr), abs=2e-3)
    precision, recall, _ = sk.precision_recall_curve(rows.y_true == 1, rows.y_proba[:, 1])
    for x, y in list(zip(found.precision_recall.x, found.precision_recall.y, strict=True))[1:]:
        assert np.any(np.isclose(recall, x) & np.isclose(precision, y))


def test_the_band_holds_the_curve_and_narrows_with_confidence():
    rows = class_rows()
    (wide,), (narrow,) = (class_curves(rows, confidence=level, random_state=0) for level in (0.99, 0.6))

    for found in (wide.roc, narrow.roc, wide.precision_recall):
        assert all(0 <= low <= high <= 1 for low, high in zip(found.low, found.high, strict=True))
    gap = np.subtract(wide.roc.high, wide.roc.low) - np.subtract(narrow.roc.high, narrow.roc.low)
    assert (gap >= -1e-12).all()
    assert gap.mean() > 0.01
    at = np.interp(wide.roc.band_x, wide.roc.x, wide.roc.y)
    assert np.mean((np.array(wide.roc.low) <= at + 1e-9) & (at <= np.array(wide.roc.high) + 1e-9)) > 0.95


def test_a_perfect_curve_does_not_claim_to_be_certain():
    y = classify(columns()).y_pred
    (found,) = class_curves(class_rows(y), confidence=0.95, random_state=0)

    assert min(found.roc.y[1:]) >= 0
    assert sk.auc(found.roc.x, found.roc.y) == pytest.approx(1)
    assert found.roc.low[25] < 0.999


def test_weights_move_the_curves_as_repeated_rows_do():
    rows = class_rows()
    twice = np.repeat(np.arange(N), np.arange(N) % 2 + 1)
    weighted = class_rows(weight=(np.arange(N) % 2 + 1).astype(float))

    (a,), (b,) = (class_curves(one, confidence=0.95, random_state=0) for one in (rows.take(twice), weighted))
    assert a.share == pytest.approx(b.share)
    np.testing.assert_allclose(a.roc.y, b.roc.y)


def test_a_class_without_rows_has_no_curve():
    assert class_curves(class_rows(np.full(N, "no", dtype=object)), confidence=0.95, random_state=0) == ()


# Thresholds


@given(threshold=st.floats(0.01, 0.99), positive=st.sampled_from([0, 1]))
def test_the_threshold_in_use_is_found_by_asking(threshold, positive):
    classes = ("no", "yes")

    def label(outputs):
        return classes[positive if outputs[positive] >= threshold else 1 - positive]

    found = threshold_in_use(label, positive=positive, label_of=classes[positive])
    assert found == pytest.approx(threshold, abs=1e-8)


def test_the_threshold_of_the_likelier_class_is_one_half():
    def label(outputs):
        return ("no", "yes")[int(np.argmax(outputs))]

    assert threshold_in_use(label, positive=1, label_of="yes") == 0.5


def test_the_threshold_curve_is_what_scikit_learn_counts():
    rows = class_rows()
    found = threshold_curve(rows, in_use=0.37)

    assert 0.37 in found.threshold
    for t, precision, recall, f1, called in zip(
        found.threshold, found.precision, found.recall, found.f1, found.called, strict=True
    ):
        said = rows.y_proba[:, 1] >= t
        assert called == pytest.approx(said.mean())
        assert recall == pytest.approx(sk.recall_score(rows.y_true, said))
        assert f1 == pytest.approx(sk.f1_score(rows.y_true, said, zero_division=0))
        assert precision == (pytest.approx(sk.precision_score(rows.y_true, said)) if said.any() else None)


def test_without_a_positive_row_there_is_no_threshold_curve():
    assert threshold_curve(class_rows(np.full(N, "no", dtype=object)), in_use=0.5) is None


# Calibration


def test_probabilities_that_hold_have_a_small_gap_and_wrong_ones_a_large():
    good = reliability(class_rows(), confidence=0.95)
    bad = reliability(class_rows(labels_drawn(columns())[::-1].copy()), confidence=0.95)

    assert good.expected_error < 0.06 < 0.2 < bad.expected_error
    assert sum(one.low <= one.predicted <= one.high for one in good.bins) >= len(good.bins) - 2


def test_every_row_stands_in_one_bin():
    found = reliability(class_rows(), confidence=0.95)

    assert sum(one.n_rows for one in found.bins) == sum(found.counts) == N
    assert found.label == "yes"


# Residuals


def test_every_row_stands_in_one_bar_and_one_bin():
    found = residuals(value_rows(), confidence=0.95, random_state=0)

    assert sum(found.counts) == sum(one.n_rows for one in found.by_size) == N
    assert sum(one.n_rows for one in found.by_prediction) == N
    for one in found.by_size:
        assert one.low <= one.error <= one.high


def test_many_rows_are_drawn_by_chance_and_few_all():
    many, few = (residuals(value_rows(n_rows=n), confidence=0.95, random_state=0) for n in (5_000, 50))

    assert (len(many.true), many.n_rows) == (MOST_POINTS, 5_000)
    assert (len(few.true), few.n_rows) == (50, 50)


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_a_handful_of_rows_and_one_and_the_same_value_are_no_failure(n_rows):
    same = RegressionRows(np.full(n_rows, 3.0), np.full(n_rows, 3.0))

    found = residuals(same, confidence=0.95, random_state=0)

    assert sum(found.counts) == n_rows
    assert found.by_size[0].error == 0


def test_predictions_that_are_no_numbers_have_no_residuals():
    assert residuals(RegressionRows(np.zeros(2), np.array([0, np.inf])), confidence=0.95, random_state=0) is None


# Slices


def slices(rows, metric="rmse", schema=VALUES, seed=0):
    return judge_slices(columns(), rows, NAMES, schema=schema, metric=metric, confidence=0.95, random_state=seed)


def test_a_planted_weakness_is_first_and_marked():
    rows = value_rows()
    off = np.where(columns().columns[2] == 2, 8.0, 0.0)
    found = slices(RegressionRows(rows.y_true + off * np.sign(np.arange(N) % 2 - 0.5), rows.y_pred))

    worst = found.slices[0]
    assert (worst.column, worst.part, worst.worse) == ("city", "Bern", True)
    assert worst.low <= worst.value <= worst.high
    assert {(one.column, one.part) for one in found.slices if one.worse} == {("city", "Bern")}


def test_slices_stand_from_the_worst_to_the_best():
    errors = [one.value for one in slices(value_rows()).slices]
    rates = [one.value for one in slices(class_rows(), "accuracy", CLASSES).slices]

    assert errors == sorted(errors, reverse=True)
    assert rates == sorted(rates)


def test_without_a_weakness_slices_are_rarely_marked():
    """Holm's correction holds the chance of any false mark below 5 %; 60 draws may show up to 8."""
    false = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = estimate(columns()).y_pred + rng.normal(size=N)
        false += any(one.worse for one in slices(RegressionRows(truth, estimate(columns()).y_pred)).slices)
    assert false <= 8


def test_a_slice_is_the_metric_of_its_rows():
    rows = class_rows()
    found = {(one.column, one.part): one for one in slices(rows, "log_loss", CLASSES).slices}

    inside = columns().columns[2] == 0
    assert found["city", "Rome"].n_rows == inside.sum()
    assert found["city", "Rome"].value == pytest.approx(
        sk.log_loss(rows.y_true[inside], rows.y_proba[inside], labels=[0, 1])
    )


def test_parts_too_small_to_tell_are_counted_and_left_out():
    rows = columns()
    codes = np.array([2] * (FEWEST_ROWS - 1) + [0] * (N - FEWEST_ROWS + 1), dtype=np.intp)
    rare = TypedColumns((*rows.columns[:2], codes, *rows.columns[3:]), N)

    found = judge_slices(rare, value_rows(), ("city",), schema=VALUES, metric="rmse", confidence=0.95, random_state=0)

    assert [one.part for one in found.slices] == ["Rome"]
    assert found.n_small == 1


def test_missing_cells_are_a_part_of_their_own():
    rows = columns()
    gappy = TypedColumns((np.where(np.arange(N) < 50, np.nan, rows.columns[0]), *rows.columns[1:]), N)

    found = judge_slices(
        gappy, value_rows(), ("signal",), schema=VALUES, metric="rmse", confidence=0.95, random_state=0
    )

    assert {one.part: one.n_rows for one in found.slices}["missing"] == 50
    assert sum(one.n_rows for one in found.slices) == N


# Hard rows


def test_the_hardest_rows_are_those_with_the_greatest_loss():
    rows = value_rows()
    found = hardest_rows(dataset(columns(), None), columns(), rows, schema=VALUES, metric="rmse")

    errors = np.abs(rows.y_true - rows.y_pred)
    assert len(found) == MOST_ROWS
    assert [row.row - 1 for row in found] == np.argsort(-errors)[:MOST_ROWS].tolist()
    assert found[0].cells[2] in {"Rome", "Oslo", "Bern"}
    assert found[0].cells[4].startswith("20")


def test_a_wrong_class_is_shown_with_the_probability_of_the_true_one():
    rows = class_rows()
    found = hardest_rows(dataset(columns(), None), columns(), rows, schema=CLASSES, metric="log_loss")

    assert found[0].probability == pytest.approx(rows.y_proba[np.arange(N), rows.y_true].min())
    assert found[0].true != found[0].predicted


def test_long_texts_are_cut():
    rows = columns()
    long = TypedColumns((*rows.columns[:5], ["x" * 5_000] * N), N)

    found = hardest_rows(dataset(long, None), long, value_rows(), schema=VALUES, metric="rmse")

    assert len(found[0].cells[5]) == LONGEST_TEXT


# Latency


def test_latency_is_measured_on_as_many_rows_as_it_says():
    asked = []

    def predict(rows):
        asked.append(len(rows))
        return classify(rows)

    found = measure_latency(lambda row: [float(row[0])], predict, columns())

    assert set(asked) == {1000}
    assert 0 < found.row <= found.slow_row
    assert found.thousand > 0
