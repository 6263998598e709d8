"""Rows with predictions to judge, and scikit-learn's answers for them."""

from dataclasses import dataclass

import numpy as np
from sklearn import metrics as sk

from mlcli.config.sections import EvaluateConfig
from mlcli.data.predictions import Predictions
from mlcli.data.schema import Target
from mlcli.evaluation.baseline import baseline_from
from mlcli.evaluation.evaluate import evaluate
from mlcli.evaluation.metrics import rows_judged, scorer_for

LABELS = {
    "text": ("ham", "spam"),
    "bool": (False, True),
    "int": (0, 1),
    "float": (1.0, 2.0),
    "three texts": ("a", "b", "c"),
    "three ints": (3, 5, 10),
    "chinese": ("中", "好", "差", "评"),
}


@dataclass(frozen=True)
class Sample:
    y: np.ndarray
    predictions: Predictions
    target: Target
    weight: np.ndarray | None = None

    def rows(self):
        return rows_judged(self.y, self.predictions, target=self.target, sample_weight=self.weight)

    def scores(self, counts=None):
        return scorer_for(self.rows()).scores(counts)

    def evaluate(self, train=None, **options):
        options = {"resamples": 200} | options
        return evaluate(
            self.y,
            self.predictions,
            target=self.target,
            baseline=baseline_from(self.y if train is None else train, target=self.target),
            config=EvaluateConfig(**options),
            sample_weight=self.weight,
        )

    def take(self, order):
        p = self.predictions
        return Sample(
            self.y[order],
            Predictions(p.y_pred[order], None if p.y_proba is None else p.y_proba[order], p.classes),
            self.target,
            None if self.weight is None else self.weight[order],
        )


def as_labels(codes, classes):
    kind = object if isinstance(classes[0], str) else None
    return np.array(classes, dtype=kind)[codes]


def classes_sample(n=300, *, classes=("ham", "spam"), seed=0, strength=1.0, ties=False, weighted=False, share=None):
    rng = np.random.default_rng(seed)
    codes = rng.choice(len(classes), size=n, p=share)
    scores = rng.normal(size=(n, len(classes)))
    scores[np.arange(n), codes] += strength
    if ties:
        scores = np.round(scores)
    proba = np.exp(scores)
    proba /= proba.sum(axis=1, keepdims=True)
    classes = tuple(classes)
    storage = {"str": "text", "bool": "boolean"}.get(type(classes[0]).__name__, "number")
    target = Target(
        "target", "classification", storage, "", classes=classes, positive=classes[-1] if len(classes) == 2 else None
    )
    predictions = Predictions(as_labels(proba.argmax(axis=1), classes), proba, classes)
    weight = rng.integers(0, 4, n).astype(float) + rng.random(n) if weighted else None
    return Sample(as_labels(codes, classes), predictions, target, weight)


def numbers_sample(n=300, *, seed=0, noise=1.0, ties=False, weighted=False):
    rng = np.random.default_rng(seed)
    y = rng.gamma(2, 2, n) + 0.5
    y_pred = y + noise * rng.normal(size=n)
    if ties:
        y, y_pred = np.round(y), np.round(y_pred)
    weight = rng.integers(0, 4, n).astype(float) + rng.random(n) if weighted else None
    return Sample(y, Predictions(y_pred, None), Target("price", "regression", "number", ""), weight)


def assert_equal_metrics(found, expected, *, atol=1e-12):
    """Each name holds the same number, or NaN on both sides."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=atol, err_msg=name, equal_nan=True)


def scikit_learn(sample, weight):
    """Every metric of the sample's task, by scikit-learn's own functions."""
    if sample.target.task == "regression":
        return _regression(sample.y, sample.predictions.y_pred, weight)
    return _classification(sample, weight)


def _regression(y, y_pred, weight):
    return {
        "mae": sk.mean_absolute_error(y, y_pred, sample_weight=weight),
        "rmse": sk.root_mean_squared_error(y, y_pred, sample_weight=weight),
        "r2": sk.r2_score(y, y_pred, sample_weight=weight),
        "mape": sk.mean_absolute_percentage_error(y, y_pred, sample_weight=weight),
        "median_error": sk.median_absolute_error(y, y_pred, sample_weight=weight),
    }


def _classification(sample, weight):
    target, y_proba = sample.target, sample.predictions.y_proba
    # scikit-learn reads no object arrays of text; its own str arrays hold the same labels.
    y, y_pred = np.array(sample.y.tolist()), np.array(sample.predictions.y_pred.tolist())
    classes = list(target.classes)
    both = {"sample_weight": weight}
    macro = {"average": "macro", "zero_division": 0.0} | both
    if target.positive is None:
        of_two = macro
    else:
        of_two = {"average": "binary", "pos_label": target.positive, "zero_division": np.nan} | both
    ranked = [c for c in classes if (y == c).any()] if target.positive is None else [target.positive]
    column = {c: y_proba[:, classes.index(c)] for c in ranked}
    if target.positive is None:
        brier = sk.brier_score_loss(y, y_proba, labels=classes, **both)
    else:
        brier = sk.brier_score_loss(y == target.positive, column[target.positive], **both)
    return {
        "accuracy": sk.accuracy_score(y, y_pred, **both),
        "balanced_accuracy": sk.balanced_accuracy_score(y, y_pred, **both),
        "precision": sk.precision_score(y, y_pred, **of_two),
        "recall": sk.recall_score(y, y_pred, **of_two),
        "f1": sk.f1_score(y, y_pred, **of_two),
        "precision_macro": sk.precision_score(y, y_pred, **macro),
        "recall_macro": sk.recall_score(y, y_pred, **macro),
        "f1_macro": sk.f1_score(y, y_pred, **macro),
        "roc_auc": np.mean([sk.roc_auc_score(y == c, column[c], **both) for c in ranked]),
        "average_precision": np.mean([sk.average_precision_score(y == c, column[c], **both) for c in ranked]),
        "log_loss": sk.log_loss(y, y_proba, labels=classes, **both),
        "brier": brier,
    }
