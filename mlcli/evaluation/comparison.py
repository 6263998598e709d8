"""Whether one model is better than another on the same rows, and how sure that is."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.config.sections import EvaluateConfig, Task
from mlcli.data.predictions import Predictions
from mlcli.data.schema import ClassLabel, Target, shown_label
from mlcli.errors import DataError
from mlcli.evaluation.bootstrap import plan_resampling
from mlcli.evaluation.classification import ClassificationRows
from mlcli.evaluation.differing import Differing
from mlcli.evaluation.evaluate import JUDGED_ON, how_resampled, metrics_shown
from mlcli.evaluation.metrics import Rows, rows_judged
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.paired import Pair, Spread, passes, spread_of
from mlcli.evaluation.regression import RegressionRows
from mlcli.evaluation.results import Outcome
from mlcli.evaluation.support import Support
from mlcli.evaluation.verdict import FEWEST_ROWS, advantage_of
from mlcli.registry import METRICS, metric_names, require_metric

Floats = NDArray[np.float64]


class MetricComparison(msgspec.Struct, frozen=True):
    """One metric of two models on the same rows.

    Parameters
    ----------
    name : str
        Name in ``mlcli.registry.METRICS``.
    a, b : float, optional
        Of either model, on all rows; None where undefined.
    difference : float, optional
        How far B is ahead of A, in the metric's unit; positive is better, also
        where less is better.
    low, high : float, optional
        Interval of the difference, from paired resamples.
    outcome : Outcome
        What the interval says of B.
    greater_is_better : bool
        Whether it is a score or an error.
    note : str, optional
        What a reader must know about this number.
    """

    name: str
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    outcome: Outcome
    greater_is_better: bool
    note: str | None = None


class Comparison(msgspec.Struct, frozen=True):
    """Two models on the same rows: A, which was there before, and B, which is judged.

    Parameters
    ----------
    task : Task
        Classification or regression.
    n_rows : int
        Rows that both were judged on.
    metrics : tuple of MetricComparison
        Every metric of the task.
    shown : tuple of str
        The metrics to show, in this order.
    main : str
        The metric that the verdict is about.
    outcome : Outcome
        Whether B is better than A by the main metric.
    message : str
        The verdict as a sentence with its numbers.
    confidence : float
        Probability that an interval is meant to hold.
    resamples, resampled_rows : int
        Bootstrap resamples, and the rows that they were drawn from.
    weighted : bool
        Whether sample weights were used.
    note : str, optional
        How the intervals were made, where not in the ordinary way.
    """

    task: Task
    n_rows: int
    metrics: tuple[MetricComparison, ...]
    shown: tuple[str, ...]
    main: str
    outcome: Outcome
    message: str
    confidence: float
    resamples: int
    resampled_rows: int
    weighted: bool
    note: str | None = None

    def metric(self, name: str) -> MetricComparison:
        """Return the result of one metric.

        Raises
        ------
        KeyError
            If the task has no such metric.
        """
        for result in self.metrics:
            if result.name == name:
                return result
        raise KeyError(name)

    @property
    def shown_metrics(self) -> tuple[MetricComparison, ...]:
        """The results to show, in the order asked for."""
        return tuple(self.metric(name) for name in self.shown)


def compare_predictions(
    y_true: NDArray[Any],
    a: Predictions,
    b: Predictions,
    *,
    target: Target,
    config: EvaluateConfig,
    sample_weight: Floats | None = None,
) -> Comparison:
    """Compare the predictions of two models for the same rows.

    Parameters
    ----------
    y_true : ndarray of shape (n_samples,)
        Truth, as ``Dataset.y``.
    a, b : Predictions
        What the models say of these rows, in their order. Their classes may differ.
    target : Target
        The target of B: task and positive class.
    config : EvaluateConfig
        Metrics shown, resamples, confidence, random state.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights >= 0 of the rows.

    Returns
    -------
    Comparison
        The same for the same arguments.

    Raises
    ------
    DataError
        If there is no row, or the classes of the two are of different sorts.
    ConfigError
        If `config` names a metric that is not known or measures another task.
    """
    for name in config.metrics or ():
        require_metric(name, task=target.task)
    if len(y_true) == 0:
        raise DataError("the rows to compare on must be at least one. Got none.")
    pair = _pair(y_true, a, b, target=target, sample_weight=sample_weight)
    plan = plan_resampling(len(y_true), resamples=config.resamples, passes=passes(pair.model) + passes(pair.rival))
    spread = spread_of(pair, plan, random_state=config.random_state)
    judging = _Judging(pair, spread, confidence=config.confidence, all_drawn=plan.rows == plan.n_rows)
    metrics = tuple(judging.compare(name) for name in metric_names(target.task))
    main = next((m for m in metrics if m.name in JUDGED_ON[target.task][:1] and m.difference is not None), None)
    main = main or next(m for m in metrics if m.name == JUDGED_ON[target.task][-1])
    return Comparison(
        task=target.task,
        n_rows=len(y_true),
        metrics=metrics,
        shown=config.metrics or metrics_shown(pair.model),
        main=main.name,
        outcome=main.outcome,
        message=verdict_message(main, confidence=config.confidence),
        confidence=config.confidence,
        resamples=plan.resamples,
        resampled_rows=plan.rows,
        weighted=sample_weight is not None,
        note=how_resampled(plan, config.resamples),
    )


def verdict_message(main: MetricComparison, *, confidence: float) -> str:
    """Say in a sentence with its numbers whether B is better than A."""
    opening = {
        "better": "B is better than A",
        "no evidence": "no evidence that B is better or worse than A",
        "worse": "B is worse than A",
    }[main.outcome]
    numbers = f"{main.name} {format_number(main.b)} against {format_number(main.a)}"
    if main.difference is None or main.low is None or main.high is None:
        return f"{opening}: {numbers}, {main.note or 'without an interval'}"
    if main.low == main.high == 0:
        return f"{opening}: {numbers}, alike on every row"
    ahead = f"{'ahead' if main.difference >= 0 else 'behind'} by {format_number(abs(main.difference))}"
    interval = f"{format_number(main.low)} to {format_number(main.high)}"
    return f"{opening}: {numbers}, {ahead} ({100 * confidence:.4g} % interval of the difference {interval})"


def _pair(
    y_true: NDArray[Any], a: Predictions, b: Predictions, *, target: Target, sample_weight: Floats | None
) -> Pair:
    """Bring both into one form: of classes, those that either model knows."""
    if target.task == "regression":
        rows = [rows_judged(y_true, found, target=target, sample_weight=sample_weight) for found in (b, a)]
        return Pair(*rows)
    classes = _all_classes(a.classes, b.classes)
    both = msgspec.structs.replace(target, classes=classes, positive=target.positive if len(classes) == 2 else None)
    found = (_spread_over(predictions, classes) for predictions in (b, a))
    return Pair(*(rows_judged(y_true, one, target=both, sample_weight=sample_weight) for one in found))


def _all_classes(a: tuple[ClassLabel, ...], b: tuple[ClassLabel, ...]) -> tuple[ClassLabel, ...]:
    labels: set[Any] = {*a, *b}
    # 1, 1.0 and True are equal in Python, and no such thing in a file.
    if len({str if isinstance(label, str) else type(label) for label in labels}) > 1:
        raise DataError(
            "the classes of both models must be of one sort. "
            f"Got {', '.join(map(shown_label, a[:5]))} against {', '.join(map(shown_label, b[:5]))}.",
            hint="Train one of them again with the other's kind of target.",
        )
    return tuple(sorted(labels))


def _spread_over(predictions: Predictions, classes: tuple[ClassLabel, ...]) -> Predictions:
    """Give a class that a model does not know the probability 0."""
    if predictions.classes == classes or predictions.y_proba is None:
        return Predictions(predictions.y_pred, predictions.y_proba, classes)
    proba = np.zeros((len(predictions), len(classes)))
    proba[:, [classes.index(label) for label in predictions.classes]] = predictions.y_proba
    return Predictions(predictions.y_pred, proba, classes)


class _Judging:
    """One metric after the other, from one set of paired resamples."""

    def __init__(self, pair: Pair, spread: Spread, *, confidence: float, all_drawn: bool) -> None:
        self._pair = pair
        self._spread = spread
        self._confidence = confidence
        self._all_drawn = all_drawn
        self._differing = Differing(spread.drawn)
        self._alike_everywhere = _alike(pair.model, pair.rival)
        self._support = Support(pair.model) if isinstance(pair.model, ClassificationRows) else None

    def compare(self, name: str) -> MetricComparison:
        """Compare by one metric."""
        a, b = self._spread.rival(name), self._spread.value(name)
        better = METRICS[name].greater_is_better
        if a is None or b is None:
            which = " and ".join(side for side, value in (("A", a), ("B", b)) if value is None)
            return MetricComparison(name, a, b, None, None, None, "no evidence", better, f"undefined for {which}")
        differing = self._differing.rows(name)
        if differing == 0:
            return self._alike(name, a, b)
        advantage = advantage_of(
            name,
            model=(b, self._spread.replicates[name]),
            rival=(a, self._spread.rival_replicates[name]),
            confidence=self._confidence,
            support=self._rows_behind(name),
            differing=differing,
        )
        assert advantage is not None, "both values are defined"
        low, high = advantage.low, advantage.high
        if low is None or high is None:
            note = f"too few rows to tell (at least {FEWEST_ROWS} are needed)"
            return MetricComparison(name, a, b, advantage.difference, None, None, "no evidence", better, note)
        # Enough rows that differ show their spread themselves.
        unseen = self._unseen(name) if differing < FEWEST_ROWS else 0.0
        low, high = min(low, -unseen) if low <= 0 else low, max(high, unseen) if high >= 0 else high
        return MetricComparison(name, a, b, advantage.difference, low, high, advantage.outcome, better)

    def _alike(self, name: str, a: float, b: float) -> MetricComparison:
        """Return the comparison by a metric that sees no difference on the rows that were drawn."""
        better = METRICS[name].greater_is_better
        if self._all_drawn:
            unseen = self._unseen(name)
            return MetricComparison(name, a, b, 0.0, 0.0 - unseen, unseen, "no evidence", better)
        difference = b - a if better else a - b
        note = "the models differ on too few rows to tell"
        return MetricComparison(name, a, b, difference, None, None, "no evidence", better, note)

    def _unseen(self, name: str) -> float:
        """Return how far a share may still be off by rows of a sort that did not occur; 0 for other metrics.

        Of two models that gave one class to each of 69 rows, the next 69 may
        hold three that they call differently. No resample can show those.

        References
        ----------
        .. [1] Hanley and Lippman-Hand (1983), "If Nothing Goes Wrong, Is
           Everything All Right?", JAMA 249: the rule of three.
        """
        if self._alike_everywhere or self._support is None or not METRICS[name].greater_is_better:
            return 0.0
        tail = (1.0 - self._confidence) / 2.0
        return float(1.0 - tail ** (1.0 / max(self._rows_behind(name), 1.0)))

    def _rows_behind(self, name: str) -> float:
        """Return the effective rows behind a metric of either model."""
        if self._support is not None:
            return self._support.of(name) if METRICS[name].greater_is_better else self._support.n_effective
        weight = self._pair.model.sample_weight
        return float(len(self._pair.model) if weight is None else weight.sum() ** 2 / (weight**2).sum())


def _alike(one: Rows, other: Rows) -> bool:
    """Return whether two models say the very same of every row: then they are one model, as far as anybody can tell."""
    if not np.array_equal(one.y_pred, other.y_pred):
        return False
    if isinstance(one, RegressionRows) or isinstance(other, RegressionRows):
        return True
    if one.y_proba is None or other.y_proba is None:
        return one.y_proba is other.y_proba
    return np.array_equal(one.y_proba, other.y_proba)
