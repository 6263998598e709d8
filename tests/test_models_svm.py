"""Support vector machines whose values become probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC, LinearSVC

from mlcli.models.svm import LinearSVMClassifier, SVMClassifier, SVMRegressor

IRIS = load_iris()


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    ("ours", "machine"),
    [(SVMClassifier(random_state=0), SVC()), (LinearSVMClassifier(random_state=0), LinearSVC(random_state=0))],
)
def test_probabilities_are_those_of_scikit_learns_calibration(ours, machine, classes):
    rows = IRIS.target < classes
    X, y = IRIS.data[rows], IRIS.target[rows]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    theirs = CalibratedClassifierCV(machine, cv=folds, ensemble=False).fit(X, y)

    found = ours.fit(X, y)

    np.testing.assert_allclose(found.predict_proba(X), theirs.predict_proba(X), atol=1e-12)
    np.testing.assert_array_equal(found.predict(X), theirs.predict(X))


@pytest.mark.parametrize("smallest", [1, 2, 4])
def test_a_class_with_fewer_rows_than_folds_can_be_fitted(smallest):
    rows = np.r_[0:50, 50 : 50 + smallest, 100:150]
    found = SVMClassifier(cv=5, random_state=0).fit(IRIS.data[rows], IRIS.target[rows])

    assert found.predict_proba(IRIS.data).shape == (150, 3)


def test_far_from_every_class_no_class_is_likelier():
    found = SVMClassifier(random_state=0).fit(IRIS.data, IRIS.target)
    found.slopes_[:], found.offsets_[:] = 0.0, 1e6  # sigmoids that all vanish

    np.testing.assert_allclose(found.predict_proba(IRIS.data[:2]), 1 / 3)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match=r"at least two classes. Got one class: 0"):
        SVMClassifier().fit(IRIS.data[:50], IRIS.target[:50])


def test_a_constant_target_is_predicted_as_it_is():
    found = SVMRegressor().fit(IRIS.data, np.full(150, 4.2))

    np.testing.assert_allclose(found.predict(IRIS.data), 4.2)
