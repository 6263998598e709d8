"""Calibration and threshold of a model, learned on training rows that it had not seen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.config.load import LoadedConfig
from mlcli.config.model_sections import CalibrateConfig, ThresholdConfig
from mlcli.config.sections import Config
from mlcli.data.schema import ClassLabel, Target, shown_label
from mlcli.errors import ConfigError
from mlcli.evaluation.calibration import Observed, calibration_bins, row_losses, score_probabilities
from mlcli.evaluation.decision import Calibration, Decision, DecisionCurves, Method, Threshold, ThresholdPoint
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.thresholds import (
    Chosen,
    ThresholdCurve,
    choose_threshold,
    cross_fitted,
    outcomes_at,
    sample_curve,
    threshold_curve,
)
from mlcli.training.out_of_fold import OutOfFold, positive_code, predict_folds

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from mlcli.data.dataset import Dataset
    from mlcli.data.schema import Schema
    from mlcli.training.prepare import Fold

Floats = NDArray[np.float64]

logger = logging.getLogger(__name__)

ISOTONIC_ROWS = 1000
"""Rows from which on `auto` tries an isotonic calibration: with fewer it learns the rows by heart."""


@dataclass(frozen=True)
class Decided:
    """A fitted pipeline with what was decided about it.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted on all training rows, with calibration and threshold in it.
    curves : DecisionCurves, optional
        How they were found; None where nothing was asked for.
    """

    pipeline: Pipeline
    curves: DecisionCurves | None = None

    @property
    def decision(self) -> Decision | None:
        """What the artifact stores."""
        return None if self.curves is None else self.curves.decision


def require_decidable(loaded: LoadedConfig, target: Target) -> None:
    """Refuse a calibration of numbers, and a threshold of other than two classes.

    Raises
    ------
    ConfigError
        If the config asks for what the target cannot have.
    """
    config = loaded.config
    if config.calibrate.method != "none" and target.classes is None:
        raise ConfigError(
            f"{loaded.place('calibrate.method')} must be for a target of classes. Got numbers in {target.name!r}.",
            hint="Leave calibrate out, or set task to classification.",
        )
    rule = config.threshold.rule
    n_classes = len(target.classes or ())
    if rule is not None and n_classes != 2:
        held = f"{n_classes} classes" if n_classes else "numbers"
        raise ConfigError(
            f"{loaded.place(f'threshold.{rule}')} must be for a target of two classes. Got {held} in {target.name!r}.",
            hint="Leave threshold out; the likeliest class is the label.",
        )


def decide(
    fit: Callable[[Dataset], Pipeline],
    train: Dataset,
    folds: Sequence[Fold],
    *,
    config: Config,
    schema: Schema,
    fitted: Pipeline | None = None,
) -> Decided:
    """Fit a model, and learn its calibration and threshold from fits that leave rows out.

    Parameters
    ----------
    fit : callable
        From rows to a fitted pipeline of any kind that gives probabilities.
        Called once for all rows, and once for each fold.
    train : Dataset
        The training rows.
    folds : sequence of Fold
        Positions in `train`; none are needed where nothing is learned.
    config : Config
        What to calibrate and which threshold to look for.
    schema : Schema
        The data contract, with classes and positive class.
    fitted : Pipeline, optional
        What `fit` would make of all rows, where that is known already.

    Returns
    -------
    Decided
        The pipeline that `fit` makes of all rows, with what was learned in it.

    Raises
    ------
    DataError
        If a fold lacks a class, so that nothing can be learned of it.
    ConfigError
        If the model gives probabilities that are no numbers.
    """
    pipeline = fit(train) if fitted is None else fitted
    if config.calibrate.method == "none" and config.threshold.rule is None:
        return Decided(pipeline)
    positive = positive_code(schema.target)
    label = None if positive is None else (schema.target.classes or ())[positive]
    if not config.decision_cv:
        return _with_fixed(pipeline, config.threshold, label)
    logger.info("learning on %d folds how to decide", len(folds))
    ordered = config.split.method == "time"
    judged = predict_folds(fit, train, folds, schema=schema, ordered=ordered)
    tried = _try_methods(judged, config.calibrate)
    calibration = _choose_calibration(tried, config.calibrate)
    method = "none" if calibration is None else calibration.method
    threshold, points = _choose_threshold(tried, tried.y_proba[method], config.threshold, label)
    curves = DecisionCurves(
        Decision(calibration, threshold),
        before=calibration_bins(tried.observed, tried.y_proba["none"]),
        after=calibration_bins(tried.observed, tried.y_proba[method]),
        thresholds=points,
    )
    for note in curves.decision.notes:
        logger.warning("%s", note)
    return Decided(_decided_pipeline(pipeline, judged, method, threshold), curves)


def _with_fixed(pipeline: Pipeline, config: ThresholdConfig, label: ClassLabel | None) -> Decided:
    """Put the config's own threshold around a pipeline."""
    from mlcli.models.decided import decided_pipeline

    assert config.value is not None, "any other rule is learned"
    assert label is not None, "a threshold is for two classes"
    decided = decided_pipeline(pipeline, threshold=config.value, positive=label)
    return Decided(decided, DecisionCurves(Decision(threshold=Threshold(config.value, label, rule="value"))))


def _decided_pipeline(pipeline: Pipeline, judged: OutOfFold, method: Method, threshold: Threshold | None) -> Pipeline:
    """Put what was chosen around a pipeline, the calibration fitted on all rows out-of-fold."""
    from mlcli.models.decided import decided_pipeline

    return decided_pipeline(
        pipeline,
        calibration=None if method == "none" else judged.calibration(method),
        threshold=None if threshold is None else threshold.value,
        positive=None if threshold is None else threshold.label,
    )


@dataclass(frozen=True)
class _Tried:
    """Rows with the probabilities of every method, none of which had seen them."""

    observed: Observed
    fold: NDArray[np.intp]
    ordered: bool
    y_proba: Mapping[Method, Floats]


def _try_methods(judged: OutOfFold, config: CalibrateConfig) -> _Tried:
    """Return the rows that every method in question could judge."""
    y_proba: dict[Method, Floats] = {"none": judged.y_proba}
    if config.method in {"auto", "sigmoid"}:
        y_proba["sigmoid"] = judged.calibrated("sigmoid")
    if config.method == "isotonic" or (config.method == "auto" and len(judged.fold) >= ISOTONIC_ROWS):
        y_proba["isotonic"] = judged.calibrated("isotonic")
    rows = np.logical_and.reduce([np.isfinite(each).all(axis=1) for each in y_proba.values()])
    return _Tried(
        judged.observed.take(rows),
        judged.fold[rows],
        judged.ordered,
        {method: each[rows] for method, each in y_proba.items()},
    )


def _choose_calibration(tried: _Tried, config: CalibrateConfig) -> Calibration | None:
    """Return the method that the config names, or the one of the least log loss."""
    if config.method == "none":
        return None
    method: Method = _best(tried) if config.method == "auto" else config.method
    scores = {name: score_probabilities(tried.observed, y_proba) for name, y_proba in tried.y_proba.items()}
    before, after = scores["none"].log_loss, scores[method].log_loss
    note = None
    if after > before:
        note = (
            f"calibration by {method} makes the log loss worse out-of-fold, from {format_number(before)} to "
            f"{format_number(after)}; calibrate.method: auto leaves it out"
        )
    n_folds = len(np.unique(tried.fold))
    return Calibration(method, config.method, len(tried.fold), n_folds, scores, note)


def _best(tried: _Tried) -> Method:
    """Return the method of the least log loss; a freer one must win by more than its standard error."""
    weight = tried.observed.weight
    best: Method = "none"
    for method in tried.y_proba:
        gain = row_losses(tried.observed, tried.y_proba[best]) - row_losses(tried.observed, tried.y_proba[method])
        mean = float(gain @ weight / weight.sum())
        error = float(np.sqrt(((gain - mean) ** 2) @ weight**2) / weight.sum())
        if mean > error:
            best = method
    return best


def _choose_threshold(
    tried: _Tried, y_proba: Floats, config: ThresholdConfig, label: ClassLabel | None
) -> tuple[Threshold | None, tuple[ThresholdPoint, ...]]:
    """Return the threshold that does what is wanted, and points of the curve that it lies on."""
    rule, positive = config.rule, tried.observed.positive
    if rule is None:
        return None, ()
    assert label is not None, "a threshold is for two classes"
    assert positive is not None, "a threshold is for two classes"
    probability = y_proba[:, positive]
    curve = threshold_curve(tried.observed, probability)
    chosen = None if rule == "value" else choose_threshold(curve, config)
    value = config.value if chosen is None else curve.threshold(chosen.at)
    assert value is not None, "given, or chosen"
    # The same rows as `cross_fitted` can judge.
    rows = tried.fold > tried.fold.min() if tried.ordered else np.ones(len(tried.fold), dtype=bool)
    at_half = outcomes_at(tried.observed.take(rows), probability[rows], 0.5).scores(config) if rows.any() else None
    reached = chosen is None or chosen.reached
    threshold = Threshold(
        value=value,
        label=label,
        rule=rule,
        wanted=config.optimize or config.precision or config.recall,
        reached=reached,
        out_of_fold=cross_fitted(tried.observed, probability, tried.fold, ordered=tried.ordered, config=config),
        at_half=at_half,
        note=_shortfall(config, curve, chosen, value) or _one_label(rule, probability >= value, value, label),
    )
    return threshold, sample_curve(curve, config, chosen=None if chosen is None else chosen.at)


def _shortfall(config: ThresholdConfig, curve: ThresholdCurve, chosen: Chosen | None, value: float) -> str | None:
    """Say by how much a wanted precision is missed; a recall never is."""
    if chosen is None or chosen.reached:
        return None
    best = curve.outcomes.scores(config, chosen.at)
    return (
        f"precision {config.precision:g} is not reached out-of-fold on {curve.least_labelled} rows or more: the threshold "
        f"{value:g} is taken, where it is best, with precision {format_number(best.precision)} and recall "
        f"{format_number(best.recall)}; evaluate.gates: {{precision: {config.precision:g}}} refuses such a model"
    )


def _one_label(rule: str, labelled: NDArray[np.bool_], value: float, label: ClassLabel) -> str | None:
    """Say that a threshold which was learned decides nothing."""
    if rule == "value" or (labelled.any() and not labelled.all()):
        return None
    rows = "every training row" if labelled.any() else "no training row"
    return f"the threshold {value:g} gives {rows} the class {shown_label(label)}"
