"""How many rows stand behind each classification metric, and what to say where none does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import shown_label
from mlcli.evaluation.classification import OF_PROBABILITIES, RANKED, ClassificationRows

Floats = NDArray[np.float64]


class Support:
    """Rows behind each metric of some classification rows.

    Parameters
    ----------
    rows : ClassificationRows
        The rows judged.

    Attributes
    ----------
    n_true, n_predicted : ndarray of shape (n_classes,)
        Rows of each class, and rows predicted as it; weights play no part.
    true, predicted, either : ndarray of shape (n_classes,)
        Effective rows of each class, predicted as it, and one or the other:
        with weights w, (sum w)² / sum w².
    n_effective : float
        Effective rows altogether.

    References
    ----------
    .. [1] Kish (1965), "Survey Sampling", Wiley: the effective sample size.
    """

    def __init__(self, rows: ClassificationRows) -> None:
        self._rows = rows
        self.n_true, self.n_predicted, _ = _sums(rows, np.ones(len(rows)))
        weight = np.ones(len(rows)) if rows.sample_weight is None else rows.sample_weight
        true, predicted, hit = _sums(rows, weight)
        true2, predicted2, hit2 = _sums(rows, weight**2)
        self.true = _effective(true, true2)
        self.predicted = _effective(predicted, predicted2)
        self.either = _effective(true + predicted - hit, true2 + predicted2 - hit2)
        self.n_effective = float(_effective(true.sum(), true2.sum()))

    def of(self, name: str) -> float:
        """Return the effective rows that would decide a metric if all of them were right.

        For a mean over classes it is the smallest class that counts.
        """
        positive = self._rows.positive
        if name == "accuracy":
            return self.n_effective
        if positive is not None:
            if name in RANKED:
                return float(self.true.min())
            by_class = {"precision": self.predicted, "recall": self.true, "f1": self.either}
            if name in by_class:
                return float(by_class[name][positive])
        occurring = self.true[self.n_true > 0]
        return float(occurring.min())

    def note(self, name: str, *, why_no_proba: str) -> str | None:
        """Return what a reader must know about a metric of these rows, or None.

        Parameters
        ----------
        name : str
            Name of the metric.
        why_no_proba : str
            Why there are no probabilities, where there are none.
        """
        rows = self._rows
        if name in OF_PROBABILITIES and rows.y_proba is None:
            return f"undefined: {why_no_proba}"
        if rows.positive is not None and name in {"precision", "recall", "f1", *RANKED}:
            return self._note_of_two(name, rows.positive)
        if name in {"balanced_accuracy", *RANKED}:
            missing = _names(rows, self.n_true == 0)
            if name == "roc_auc" and np.count_nonzero(self.n_true) == 1:
                return f"undefined: every row is {rows.classes[int(self.n_true.argmax())]!r}"
            return f"mean over the classes that occur; no row is {missing}" if missing else None
        if name.removesuffix("_macro") in {"precision", "recall", "f1"}:
            return self._note_of_mean(name.removesuffix("_macro"))
        return None

    def _note_of_two(self, name: str, positive: int) -> str | None:
        label = self._rows.classes[positive]
        if name == "precision" and not self.predicted[positive]:
            return f"undefined: no row was predicted {shown_label(label)}"
        if name == "f1" and not self.either[positive]:
            return f"undefined: no row is {shown_label(label)}, and none was predicted so"
        if name in {"recall", *RANKED} and not self.true[positive]:
            return f"undefined: no row is {shown_label(label)}"
        if name == "roc_auc" and not self.true[1 - positive]:
            return f"undefined: every row is {shown_label(label)}"
        return None

    def _note_of_mean(self, name: str) -> str | None:
        never = _names(self._rows, (self.n_true > 0) & (self.n_predicted == 0))
        if name == "precision" and never:
            return f"never predicted, so counted as 0: {never}"
        absent = _names(self._rows, (self.n_true == 0) & (self.n_predicted > 0))
        if name == "recall" and absent:
            return f"predicted without a row of that class, so counted as 0: {absent}"
        return None


def _sums(rows: ClassificationRows, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Sum weights by class: true, predicted, both."""
    n_classes = len(rows.classes)
    hit = rows.y_true == rows.y_pred
    return (
        _by_class(rows.y_true, weight, n_classes),
        _by_class(rows.y_pred, weight, n_classes),
        _by_class(rows.y_true[hit], weight[hit], n_classes),
    )


def _by_class(codes: NDArray[np.intp], weight: Floats, n_classes: int) -> Floats:
    # bincount of no rows forgets the dtype of its weights.
    return np.bincount(codes, weights=weight, minlength=n_classes).astype(np.float64, copy=False)


def _effective(weight: Floats, squared: Floats) -> Floats:
    weight, squared = np.asarray(weight), np.asarray(squared)
    return np.divide(weight**2, squared, out=np.zeros(weight.shape), where=squared > 0)


def _names(rows: ClassificationRows, chosen: NDArray[np.bool_]) -> str:
    """Name the chosen classes, at most five of them."""
    labels = [shown_label(label) for label, choose in zip(rows.classes, chosen, strict=True) if choose]
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return ", ".join(labels[:5]) + more
