"""Predictions and truth to an `Evaluation`: values, intervals, and the dummy beside them."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config.sections import EvaluateConfig
from mlcli.data.predictions import Predictions
from mlcli.data.schema import Target
from mlcli.errors import DataError
from mlcli.evaluation.baseline import Baseline
from mlcli.evaluation.bootstrap import Plan, plan_resampling
from mlcli.evaluation.classification import RANKED, ClassificationRows
from mlcli.evaluation.intervals import percentile_interval, score_interval
from mlcli.evaluation.metrics import Rows, rows_judged, rows_of_dummy
from mlcli.evaluation.paired import Pair, Spread, number_or_none, passes, spread_of
from mlcli.evaluation.regression import RegressionRows, RegressionScorer
from mlcli.evaluation.results import ClassResult, ConfusionMatrix, Estimate, Evaluation, MetricResult, Verdict
from mlcli.evaluation.support import Support
from mlcli.evaluation.verdict import advantage_of, judge
from mlcli.registry import METRICS, metric_names, require_metric

Floats = NDArray[np.float64]

logger = logging.getLogger(__name__)

JUDGED_ON = {"classification": ("log_loss", "accuracy"), "regression": ("rmse",)}
"""Metrics of the verdict, the main one first: a proper score, which a constant cannot flatter."""


def evaluate(
    y_true: NDArray[Any],
    predictions: Predictions,
    *,
    target: Target,
    baseline: Baseline,
    config: EvaluateConfig,
    sample_weight: Floats | None = None,
) -> Evaluation:
    """Judge predictions against the truth, with intervals and beside a dummy.

    Parameters
    ----------
    y_true : ndarray of shape (n_samples,)
        Truth, as ``Dataset.y``.
    predictions : Predictions
        What the model says of the same rows.
    target : Target
        The schema's target: task, classes, positive class.
    baseline : Baseline
        The dummy, learned from the training rows.
    config : EvaluateConfig
        Metrics shown, resamples, confidence, random state.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights >= 0 of the rows.

    Returns
    -------
    Evaluation
        The same for the same arguments.

    Raises
    ------
    DataError
        If there is no row, all weights are 0, or a label is none of the classes.
    ConfigError
        If `config` names a metric that is not known or measures another task.
    """
    started = time.perf_counter()
    for name in config.metrics or ():
        require_metric(name, task=target.task)
    _check(y_true, sample_weight)
    rows = rows_judged(y_true, predictions, target=target, sample_weight=sample_weight)
    judged = Pair(model=rows, rival=rows_of_dummy(rows, baseline))
    plan = plan_resampling(len(y_true), resamples=config.resamples, passes=passes(judged.model))
    spread = spread_of(judged, plan, random_state=config.random_state, rival_names=JUDGED_ON[target.task])
    build = _classification if isinstance(judged.model, ClassificationRows) else _regression
    parts = build(judged, spread, confidence=config.confidence)
    logger.info(
        "evaluated %d rows, %d resamples, in %.2f s", plan.n_rows, plan.resamples, time.perf_counter() - started
    )
    return Evaluation(
        task=target.task,
        n_rows=len(y_true),
        metrics=parts.metrics,
        shown=config.metrics or metrics_shown(judged.model),
        per_class=parts.per_class,
        confusion=parts.confusion,
        positive=None if parts.positive is None else (target.classes or ())[parts.positive],
        confidence=config.confidence,
        resamples=plan.resamples,
        resampled_rows=plan.rows,
        weighted=sample_weight is not None,
        verdict=parts.verdict,
        note=how_resampled(plan, config.resamples),
    )


@dataclass(frozen=True)
class _Parts:
    """What differs between the tasks."""

    metrics: tuple[MetricResult, ...]
    verdict: Verdict
    per_class: tuple[ClassResult, ...] = ()
    confusion: ConfusionMatrix | None = None
    positive: int | None = None


def _check(y_true: NDArray[Any], sample_weight: Floats | None) -> None:
    if len(y_true) == 0:
        raise DataError("the rows to evaluate must be at least one. Got none.")
    if sample_weight is not None and not sample_weight.sum() > 0:
        raise DataError(
            "sample weights of the rows to evaluate must not all be 0.",
            hint="Look at the column that data.weight names.",
        )


def _verdict(spread: Spread, task: str, *, confidence: float, support: float, moved: bool = False) -> Verdict:
    advantages = {
        name: advantage_of(
            name,
            model=(spread.value(name), spread.replicates[name]),
            rival=(spread.rival(name), spread.rival_replicates[name]),
            confidence=confidence,
            support=support,
        )
        for name in JUDGED_ON[task]
    }
    return judge(advantages, confidence=confidence, moved=moved)


def _result(name: str, estimate: Estimate, *, dummy: float | None, note: str | None) -> MetricResult:
    if estimate.value is None:
        note = note or "undefined on these rows"
    elif estimate.low is None:
        note = note or "too few rows for an interval"
    return MetricResult(name, estimate.value, estimate.low, estimate.high, dummy, METRICS[name].greater_is_better, note)


def _regression(judged: Pair, spread: Spread, *, confidence: float) -> _Parts:
    rows = judged.model
    assert isinstance(rows, RegressionRows)
    weight = np.ones(len(rows)) if rows.sample_weight is None else rows.sample_weight
    support = float(weight.sum() ** 2 / (weight**2).sum())
    scorer = RegressionScorer(rows)
    metrics = tuple(
        _result(
            name,
            percentile_interval(spread.value(name), spread.replicates[name], confidence=confidence, support=support),
            dummy=spread.rival(name),
            note=scorer.note(name),
        )
        for name in metric_names("regression")
    )
    return _Parts(metrics, _verdict(spread, "regression", confidence=confidence, support=support))


def _classification(judged: Pair, spread: Spread, *, confidence: float) -> _Parts:
    rows = judged.model
    assert isinstance(rows, ClassificationRows)
    support = Support(rows)
    metrics = []
    for name in metric_names("classification"):
        value, replicates = spread.value(name), spread.replicates[name]
        if METRICS[name].greater_is_better:
            estimate = score_interval(
                value, replicates, confidence=confidence, support=support.of(name), ranked=name in RANKED
            )
        else:
            estimate = percentile_interval(value, replicates, confidence=confidence, support=support.n_effective)
        note = support.note(name, why_no_proba="the model gives no probabilities that are numbers")
        metrics.append(_result(name, estimate, dummy=spread.rival(name), note=note))
    return _Parts(
        metrics=tuple(metrics),
        verdict=_verdict(
            spread,
            "classification",
            confidence=confidence,
            support=support.n_effective,
            moved=rows.y_proba is not None and bool((rows.y_pred != rows.y_proba.argmax(axis=1)).any()),
        ),
        per_class=_per_class(rows, spread, support, confidence=confidence),
        confusion=_confusion(rows),
        positive=rows.positive,
    )


def _per_class(
    rows: ClassificationRows, spread: Spread, support: Support, *, confidence: float
) -> tuple[ClassResult, ...]:
    behind = {"precision": support.predicted, "recall": support.true, "f1": support.either}
    found = []
    for code, label in enumerate(rows.classes):
        estimates = {
            name: score_interval(
                number_or_none(spread.values[f"class_{name}"][0, code]),
                spread.replicates[f"class_{name}"][:, code],
                confidence=confidence,
                support=float(behind[name][code]),
            )
            for name in behind
        }
        found.append(ClassResult(label=label, n_rows=int(support.n_true[code]), **estimates))
    return tuple(found)


def _confusion(rows: ClassificationRows) -> ConfusionMatrix:
    n_classes = len(rows.classes)
    cells = np.bincount(rows.y_true * n_classes + rows.y_pred, minlength=n_classes**2)
    return ConfusionMatrix(rows.classes, tuple(tuple(line) for line in cells.reshape(n_classes, n_classes).tolist()))


def metrics_shown(rows: Rows) -> tuple[str, ...]:
    """Return the metrics to show where the config names none."""
    if isinstance(rows, RegressionRows):
        return metric_names("regression")
    # With more than two classes precision, recall and F1 are the macro means already.
    twice = () if rows.positive is not None else ("precision_macro", "recall_macro", "f1_macro")
    return tuple(name for name in metric_names("classification") if name not in twice)


def how_resampled(plan: Plan, asked: int) -> str | None:
    """Return how the intervals were made, where not in the ordinary way."""
    if plan.resamples == asked and plan.rows == plan.n_rows:
        return None
    if plan.rows == plan.n_rows:
        return f"intervals from {plan.resamples:,} resamples instead of {asked:,}, because the rows are many"
    return (
        f"intervals from {plan.resamples:,} resamples of {plan.rows:,} of the {plan.n_rows:,} rows, "
        "brought to the scale of all rows"
    )
