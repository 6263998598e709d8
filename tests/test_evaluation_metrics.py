"""Every metric equals scikit-learn's, for all rows and for each resample of them."""

import numpy as np
import pytest
from evaluation_samples import LABELS, assert_equal_metrics, classes_sample, numbers_sample, scikit_learn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mlcli.errors import DataError
from mlcli.evaluation.classification import PER_CLASS, encode_labels
from mlcli.registry import METRICS, metric_names


def values(sample, counts=None, line=0):
    return {name: found[line] for name, found in sample.scores(counts).items() if name in METRICS}


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "tied"])
@pytest.mark.parametrize("labels", LABELS)
def test_every_classification_metric_equals_that_of_scikit_learn(labels, ties, weighted):
    sample = classes_sample(classes=LABELS[labels], ties=ties, weighted=weighted)
    found = values(sample)
    assert tuple(found) == metric_names("classification")
    assert_equal_metrics(found, scikit_learn(sample, sample.weight))


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "tied"])
@pytest.mark.parametrize("n", [2, 3, 127, 128, 129, 257, 1000])
def test_every_regression_metric_equals_that_of_scikit_learn(n, ties, weighted):
    sample = numbers_sample(n, ties=ties, weighted=weighted, seed=n)
    found = values(sample)
    assert tuple(found) == metric_names("regression")
    expected = scikit_learn(sample, sample.weight)
    if (sample.y == 0).any():
        expected["mape"] = np.nan
    assert_equal_metrics(found, expected)


@pytest.mark.parametrize("make", [classes_sample, numbers_sample], ids=["classes", "numbers"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_a_resample_scores_what_scikit_learn_gives_with_its_counts_as_weights(make, weighted):
    sample = make(150, weighted=weighted, seed=3)
    counts = np.random.default_rng(0).poisson(1.0, size=(6, 150)).astype(float)
    for line in range(len(counts)):
        weight = counts[line] if sample.weight is None else counts[line] * sample.weight
        assert_equal_metrics(values(sample, counts, line), scikit_learn(sample, weight))


def test_a_resample_of_several_classes_scores_what_scikit_learn_gives_for_its_rows():
    sample = classes_sample(80, classes=("a", "b", "c"), seed=5)
    rng = np.random.default_rng(1)
    for _ in range(4):
        drawn = rng.integers(0, 80, 80)
        counts = np.bincount(drawn, minlength=80)[None].astype(float)
        assert_equal_metrics(values(sample, counts), scikit_learn(sample.take(drawn), None))


def test_the_macro_mean_of_the_areas_is_one_against_the_rest():
    sample = classes_sample(classes=("a", "b", "c"))
    y, proba = np.array(sample.y.tolist()), sample.predictions.y_proba
    expected = sk.roc_auc_score(y, proba, multi_class="ovr", average="macro")
    assert values(sample)["roc_auc"] == pytest.approx(expected, abs=1e-12)


def test_each_class_has_the_precision_recall_and_f1_of_scikit_learn():
    sample = classes_sample(classes=("a", "b", "c"), weighted=True)
    found = sample.scores()
    expected = sk.precision_recall_fscore_support(
        sample.y.tolist(), sample.predictions.y_pred.tolist(), sample_weight=sample.weight
    )
    for name, by_class in zip(PER_CLASS, expected[:3], strict=True):
        np.testing.assert_allclose(found[name][0], by_class, rtol=1e-12)


def test_probabilities_of_0_for_the_true_class_cost_what_they_cost_in_scikit_learn():
    sample = classes_sample(50)
    sample.predictions.y_proba[:] = np.eye(2)[np.arange(50) % 2]
    assert_equal_metrics(values(sample), scikit_learn(sample, None))


@given(
    y=st.lists(st.booleans(), min_size=2, max_size=40),
    seed=st.integers(0, 10**6),
    levels=st.integers(1, 6),
)
@settings(max_examples=50, deadline=None)
def test_areas_equal_those_of_scikit_learn_however_many_scores_tie(y, seed, levels):
    sample = classes_sample(len(y), classes=(False, True), seed=seed)
    sample.y[:] = y
    share = np.random.default_rng(seed).integers(0, levels, len(y)) / levels
    sample.predictions.y_proba[:] = np.column_stack([1 - share, share])
    found = values(sample)
    both = 0 < sum(y) < len(y)
    expected = sk.roc_auc_score(y, share) if both else np.nan
    assert_equal_metrics({"roc_auc": found["roc_auc"]}, {"roc_auc": expected})
    expected = sk.average_precision_score(y, share) if any(y) else np.nan
    assert_equal_metrics({"ap": found["average_precision"]}, {"ap": expected})


@given(
    errors=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    data=st.data(),
)
@settings(max_examples=50, deadline=None)
def test_the_median_error_of_a_resample_is_the_median_of_its_rows(errors, data):
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(errors), max_size=len(errors)))
    sample = numbers_sample(len(errors))
    sample.predictions.y_pred[:] = sample.y + np.array(errors) * 0.5
    found = values(sample, np.array([counts], dtype=float))["median_error"]
    expected = np.median(np.repeat(np.array(errors) * 0.5, counts)) if sum(counts) else np.nan
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_median_between_rows_far_apart_in_the_order_is_their_mean():
    """More than a block of rows without weight may stand between the two middle rows."""
    sample = numbers_sample(1000)
    sample.predictions.y_pred[:] = sample.y + np.arange(1000.0)
    counts = np.zeros((1, 1000))
    counts[0, [10, 990]] = 1.0
    assert values(sample, counts)["median_error"] == pytest.approx(500.0)


def test_r2_survives_a_target_far_from_zero():
    sample = numbers_sample(200)
    far = numbers_sample(200)
    far.y[:] += 1e9
    far.predictions.y_pred[:] += 1e9
    assert values(far)["r2"] == pytest.approx(values(sample)["r2"], abs=1e-5)


def test_a_resample_of_one_value_has_no_r2():
    counts = np.zeros((2, 30))
    counts[0, 4] = 30.0
    counts[1] = 1.0
    found = numbers_sample(30).scores(counts)["r2"]
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


def test_a_resample_without_one_of_two_classes_has_no_area_and_warns_of_nothing():
    sample = classes_sample(30, classes=(0, 1))
    counts = np.array([sample.y == 0, sample.y == 1, np.ones(30)], dtype=float)
    found = sample.scores(counts)
    assert np.isnan(found["roc_auc"]).tolist() == [True, True, False]
    assert np.isnan(found["average_precision"]).tolist() == [True, False, False]
    assert np.isnan(found["recall"]).tolist() == [True, False, False]


@pytest.mark.parametrize("labels", LABELS)
def test_labels_are_found_among_their_classes(labels):
    classes = LABELS[labels]
    codes = np.arange(len(classes)).repeat(2)
    assert encode_labels(np.array(classes)[codes], classes).tolist() == codes.tolist()


@pytest.mark.parametrize(
    ("y", "classes", "seen"),
    [
        (np.array(["a", "z"], dtype=object), ("a", "b"), "'z'"),
        (np.array([1, 7]), (1, 2), "7"),
        (np.array([1.0, np.nan]), (1.0, 2.0), "nan"),
        (np.array(["1"], dtype=object), (1, 2), "'1'"),
    ],
    ids=["text", "number", "missing", "text for a number"],
)
def test_a_label_that_training_never_saw_is_named_with_its_row(y, classes, seen):
    with pytest.raises(DataError, match=rf"Got {seen} in row {len(y)} of {len(y)}") as caught:
        encode_labels(y, classes)
    assert "Leave such rows out" in caught.value.hint


@pytest.mark.parametrize("wrong", [0.5 + 1e-9, np.nan], ids=["a little off", "undefined"])
def test_the_comparison_of_metrics_fails_when_they_differ(wrong):
    with pytest.raises(AssertionError, match="f1"):
        assert_equal_metrics({"f1": wrong}, {"f1": 0.5})


def test_the_comparison_of_metrics_fails_when_one_is_missing():
    with pytest.raises(AssertionError):
        assert_equal_metrics({"f1": 0.5}, {"f1": 0.5, "recall": 0.5})
