"""What models say of rows that they had not seen, and what can be learned from that."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import Target, shown_label
from mlcli.errors import ConfigError, DataError
from mlcli.evaluation.calibration import Observed
from mlcli.evaluation.classification import encode_labels
from mlcli.inference.predictor import PipelinePredictor

if TYPE_CHECKING:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.pipeline import Pipeline

    from mlcli.data.dataset import Dataset
    from mlcli.data.schema import Schema
    from mlcli.training.prepare import Fold

Floats = NDArray[np.float64]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OutOfFold:
    """Training rows as models saw them that were fitted on other rows.

    Parameters
    ----------
    observed : Observed
        The truth.
    y : ndarray of shape (n_samples,)
        The same as labels.
    sample_weight : ndarray of shape (n_samples,), optional
        The weights as data gave them; those of classes play no part, since
        what is learned here is to agree with the rows as they are.
    scores : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        From `mlcli.models.decided.raw_scores`.
    y_proba : ndarray of shape (n_samples, n_classes)
        Probabilities.
    fold : ndarray of shape (n_samples,)
        Fold of each row.
    ordered : bool
        Whether the folds follow each other in time.
    """

    observed: Observed
    y: NDArray[Any]
    sample_weight: Floats | None
    scores: Floats
    y_proba: Floats
    fold: NDArray[np.intp]
    ordered: bool

    def calibration(
        self, method: Literal["sigmoid", "isotonic"], rows: NDArray[np.bool_] | None = None
    ) -> CalibratedClassifierCV:
        """Fit a calibration on the rows, or on some of them."""
        from mlcli.models.decided import fit_calibration

        used = np.ones(len(self.fold), dtype=bool) if rows is None else rows
        weight = None if self.sample_weight is None else self.sample_weight[used]
        return fit_calibration(self.scores[used], self.y[used], method=method, sample_weight=weight)

    def calibrated(self, method: Literal["sigmoid", "isotonic"]) -> Floats:
        """Return probabilities by calibrations that had not seen the row either.

        A fold's calibration is fitted on the other folds; in time on the
        earlier ones, so that the first fold has none: NaN.
        """
        y_proba = np.full(self.y_proba.shape, np.nan)
        for number in np.unique(self.fold):
            here = self.fold == number
            others = self.fold < number if self.ordered else ~here
            if others.any():
                y_proba[here] = self.calibration(method, others).predict_proba(self.scores[here])
        return y_proba


def predict_folds(
    fit: Callable[[Dataset], Pipeline], train: Dataset, folds: Sequence[Fold], *, schema: Schema, ordered: bool
) -> OutOfFold:
    """Fit a model on each fold's training rows and let it predict the others.

    Parameters
    ----------
    fit : callable
        From rows to a fitted pipeline.
    train : Dataset
        The training rows.
    folds : sequence of Fold
        Positions in `train`.
    schema : Schema
        The data contract, with the target's classes.
    ordered : bool
        Whether the folds follow each other in time.

    Raises
    ------
    DataError
        If a fold lacks a class to learn from, or all weights are 0.
    ConfigError
        If the model gives probabilities that are no numbers.
    """
    from mlcli.models.decided import raw_scores

    rows, scores, probabilities, numbers = [], [], [], []
    for number, fold in enumerate(folds, start=1):
        logger.info("fold %d of %d", number, len(folds))
        learned, judged = (train.take(np.asarray(part, dtype=np.intp)) for part in (fold.train, fold.test))
        _require_classes(learned.y_true, schema.target, where=f"fold {number} of {len(folds)} learns from")
        pipeline = fit(learned)
        rows.append(np.asarray(fold.test, dtype=np.intp))
        scores.append(raw_scores(pipeline, judged.X))
        probabilities.append(PipelinePredictor(pipeline, schema).outputs(judged.X))
        numbers.append(np.full(len(judged), number))
    at = np.concatenate(rows)
    weight = None if train.sample_weight is None else train.sample_weight[at]
    y = train.y_true[at]
    judged_all = OutOfFold(
        observed=_observed(y, weight, schema.target),
        y=y,
        sample_weight=weight,
        scores=np.concatenate(scores),
        y_proba=np.concatenate(probabilities),
        fold=np.concatenate(numbers),
        ordered=ordered,
    )
    _require_usable(judged_all, schema.target)
    return judged_all


def positive_code(target: Target) -> int | None:
    """Return the position of the positive class, of two; None for any other number of classes."""
    classes = target.classes or ()
    if len(classes) != 2:
        return None
    return 1 if target.positive is None else classes.index(target.positive)


def _observed(y: NDArray[Any], weight: Floats | None, target: Target) -> Observed:
    codes = encode_labels(y, target.classes or ())
    return Observed(codes, np.ones(len(y)) if weight is None else weight, positive_code(target))


def _require_usable(rows: OutOfFold, target: Target) -> None:
    """There are weights, numbers, and every class wherever something is fitted."""
    if not rows.observed.weight.sum() > 0:
        raise DataError(
            "sample weights of the training rows must not all be 0.", hint="Look at the column that data.weight names."
        )
    if not (np.isfinite(rows.scores).all() and np.isfinite(rows.y_proba).all()):
        raise ConfigError(
            "calibrate and threshold need a model whose probabilities are numbers. Got some that are not.",
            hint="Choose another model, or leave calibrate and threshold out.",
        )
    for number in np.unique(rows.fold):
        others = rows.fold < number if rows.ordered else rows.fold != number
        if others.any():
            where = f"the folds {'before' if rows.ordered else 'beside'} fold {number} hold"
            _require_classes(rows.y[others], target, where=where)


def _require_classes(y: NDArray[Any], target: Target, *, where: str) -> None:
    present = set(y.tolist())
    absent = [label for label in target.classes or () if label not in present]
    if absent:
        raise DataError(
            f"calibration and threshold must be learned from rows of every class of {target.name!r}. "
            f"Got none of {shown_label(absent[0])} among the rows that {where}.",
            hint="Set calibrate.cv to another number of folds, or leave calibrate and threshold out.",
        )
