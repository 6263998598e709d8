"""Rows that are hard on trees, and ensembles run on them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlcli.inference.encode import Encoded, EncodedRow, Layout
from mlcli.inference.trees import TreesMachine, check_trees

N_FEATURES = 6
TASKS = {"two classes": 2, "three classes": 3, "a number": None}


def training_rows(*, gaps=True):
    """Return 600 rows of six features: plain, with gaps, tied, tiny and huge."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, N_FEATURES))
    X[:, 3] = rng.integers(0, 3, len(X))
    X[:, 4] *= 1e-30
    X[:, 5] *= 1e20
    if gaps:
        X[::5, 1] = np.nan
    return X


def target(X, n_classes):
    """Return a target of the task that `n_classes` stands for."""
    rng = np.random.default_rng(1)
    score = X[:, 0] + np.nan_to_num(X[:, 1]) * X[:, 3] + 0.3 * rng.normal(size=len(X))
    if n_classes is None:
        return 1000.0 * score
    return pd.Series(np.digitize(score, [0.0] if n_classes == 2 else [-0.5, 0.5])).to_numpy()


def hard_rows(head, X):
    """Return rows at the thresholds of `head` and one step beside them, in float64 and float32, gaps and extremes."""
    rng = np.random.default_rng(2)
    parts = [X]
    for feature in range(X.shape[1]):
        found = head.threshold[head.feature == feature]
        some = np.clip(rng.choice(found, min(60, len(found))) if len(found) else found, -1e30, 1e30)
        single = some.astype(np.float32)
        above, below = (np.nextafter(single, np.float32(end)).astype(np.float64) for end in (1e38, -1e38))
        half = single + (above - single) / 2
        beside = [np.nextafter(at, end) for at in (some, half) for end in (1e300, -1e300)]
        cells = np.concatenate([some, half, above, below, *beside, [np.nan, 0.0, -0.0, 1e30, -1e30, 1e-38, -1e-42]])
        rows = X[rng.integers(0, len(X), len(cells))].copy()
        rows[:, feature] = cells
        parts.append(rows)
    return np.concatenate([*parts, np.full((1, X.shape[1]), np.nan)])


def dense_layout(n_features=N_FEATURES):
    """Return the layout of features that are all plain numbers."""
    return Layout(n_features, np.arange(n_features), (), ())


def encoded(X):
    """Return plain numbers as encoded rows."""
    return Encoded(len(X), np.ascontiguousarray(X, dtype=np.float64), [], [])


def encoded_row(x):
    """Return plain numbers as one encoded row."""
    return EncodedRow(x.tolist(), [], [])


def outputs_of(head, X, **options):
    """Return what `head` says of the rows, checked first."""
    check_trees(head, X.shape[1])
    return TreesMachine(head, dense_layout(X.shape[1]), **options).rows(encoded(X))


def library_outputs(estimator, X, n_classes):
    """Return what the library says of the rows."""
    return estimator.predict(X)[:, None] if n_classes is None else estimator.predict_proba(X)


def assert_agree(ours, theirs, *, tolerance=1e-12):
    """Require equal outputs, up to `tolerance` of the greatest, and equal labels."""
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= tolerance * max(1.0, np.abs(theirs).max())
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()
