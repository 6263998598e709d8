"""The baseline is scikit-learn's dummy, without scikit-learn."""

import numpy as np
import pytest
from evaluation_samples import LABELS, classes_sample, numbers_sample
from sklearn.dummy import DummyClassifier, DummyRegressor

from mlcli.data.schema import Target
from mlcli.errors import DataError
from mlcli.evaluation.baseline import baseline_from


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("labels", LABELS)
def test_the_baseline_of_classes_predicts_what_the_prior_dummy_predicts(labels, weighted):
    sample = classes_sample(101, classes=LABELS[labels], weighted=weighted)
    X = np.zeros((101, 1))
    dummy = DummyClassifier(strategy="prior").fit(X, sample.y, sample_weight=sample.weight)
    found = baseline_from(sample.y, target=sample.target, sample_weight=sample.weight).predict(101)
    assert found.y_pred.tolist() == dummy.predict(X).tolist()
    assert found.y_pred.dtype == sample.y.dtype
    assert found.classes == sample.target.classes
    np.testing.assert_allclose(found.y_proba, dummy.predict_proba(X), rtol=1e-13)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_the_baseline_of_numbers_predicts_what_the_mean_dummy_predicts(weighted):
    sample = numbers_sample(101, weighted=weighted)
    X = np.zeros((101, 1))
    dummy = DummyRegressor().fit(X, sample.y, sample_weight=sample.weight)
    found = baseline_from(sample.y, target=sample.target, sample_weight=sample.weight).predict(3)
    np.testing.assert_allclose(found.y_pred, dummy.predict(X)[:3], rtol=1e-13)
    assert found.y_proba is None
    assert len(found) == 3


def test_a_class_without_a_training_row_has_share_0():
    target = Target("t", "classification", "text", "", classes=("a", "b", "c"))
    baseline = baseline_from(np.array(["a", "c", "c"], dtype=object), target=target)
    assert baseline.priors == pytest.approx((1 / 3, 0, 2 / 3))
    assert baseline.predict(1).y_pred.tolist() == ["c"]


@pytest.mark.parametrize(
    ("y", "weight", "message"),
    [([], None, "at least one"), ([1.0, 2.0], [0.0, 0.0], "must not all be 0")],
    ids=["no row", "no weight"],
)
def test_nothing_to_learn_from_is_an_error(y, weight, message):
    target = Target("t", "regression", "number", "")
    weight = None if weight is None else np.array(weight)
    with pytest.raises(DataError, match=message):
        baseline_from(np.array(y), target=target, sample_weight=weight)
