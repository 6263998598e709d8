"""What an evaluation found, as plain data that JSON can hold.

A number that is not defined is None (``null``), never NaN or infinity, and a
note says why.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from mlcli.config.sections import Task
from mlcli.data.schema import ClassLabel

Outcome = Literal["better", "no evidence", "worse"]
"""What the rows say of the model against the dummy."""


class Estimate(msgspec.Struct, frozen=True):
    """One number with its interval; None where undefined.

    Parameters
    ----------
    value : float, optional
        The number on all rows.
    low, high : float, optional
        Ends of the interval.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


class MetricResult(msgspec.Struct, frozen=True):
    """One metric of a model, with its interval and the dummy's value.

    Parameters
    ----------
    name : str
        Name in ``mlcli.registry.METRICS``.
    value : float, optional
        On all rows; None when undefined, and `note` says why.
    low, high : float, optional
        Ends of the interval; they hold `value` between them.
    dummy : float, optional
        What the baseline reaches on the same rows.
    greater_is_better : bool
        Whether it is a score or an error.
    note : str, optional
        What a reader must know about this number.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    dummy: float | None
    greater_is_better: bool
    note: str | None = None


class ClassResult(msgspec.Struct, frozen=True):
    """How well one class is told from the others.

    Parameters
    ----------
    label : label
        The class.
    n_rows : int
        Rows that are of this class.
    precision, recall, f1 : Estimate
        With the class as the positive one.
    """

    label: ClassLabel
    n_rows: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


class ConfusionMatrix(msgspec.Struct, frozen=True):
    """Rows counted by true and predicted class; weights play no part.

    Parameters
    ----------
    labels : tuple of label
        The classes, in the order of both axes.
    counts : tuple of tuple of int
        ``counts[i][j]`` rows are `labels[i]` and were predicted `labels[j]`.
    """

    labels: tuple[ClassLabel, ...]
    counts: tuple[tuple[int, ...], ...]


class Verdict(msgspec.Struct, frozen=True):
    """Whether the model beats the dummy, row by row on the same rows.

    Parameters
    ----------
    metric : str
        The metric judged on: log_loss (accuracy without probabilities) or rmse.
    outcome : Outcome
        better or worse when the interval of the difference leaves 0 out.
    difference : float, optional
        Advantage of the model in the metric's unit; positive is better.
    low, high : float, optional
        Interval of the difference, from paired resamples.
    message : str
        The verdict as a sentence with its numbers.
    remarks : tuple of str
        What else a reader should know, such as classes that are right with
        probabilities that are not.
    """

    metric: str
    outcome: Outcome
    difference: float | None
    low: float | None
    high: float | None
    message: str
    remarks: tuple[str, ...] = ()


class Evaluation(msgspec.Struct, frozen=True):
    """How good a model is on rows that it has not learned from.

    Parameters
    ----------
    task : Task
        Classification or regression.
    n_rows : int
        Rows judged.
    metrics : tuple of MetricResult
        Every metric of the task.
    shown : tuple of str
        The metrics to show, in this order.
    per_class : tuple of ClassResult
        One for each class; empty for regression.
    confusion : ConfusionMatrix, optional
        None for regression.
    positive : label, optional
        The class that precision, recall and F1 are about, of two.
    confidence : float
        Probability that an interval is meant to hold, in (0.5, 1).
    resamples : int
        Bootstrap resamples behind the intervals.
    resampled_rows : int
        Rows that they were drawn from; fewer than `n_rows` for very many rows.
    weighted : bool
        Whether sample weights were used.
    verdict : Verdict
        The comparison with the dummy.
    note : str, optional
        How the intervals were made, where not in the ordinary way.
    """

    task: Task
    n_rows: int
    metrics: tuple[MetricResult, ...]
    shown: tuple[str, ...]
    per_class: tuple[ClassResult, ...]
    confusion: ConfusionMatrix | None
    positive: ClassLabel | None
    confidence: float
    resamples: int
    resampled_rows: int
    weighted: bool
    verdict: Verdict
    note: str | None = None

    def metric(self, name: str) -> MetricResult:
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
    def shown_metrics(self) -> tuple[MetricResult, ...]:
        """The results to show, in the order asked for."""
        return tuple(self.metric(name) for name in self.shown)

    def to_json(self) -> bytes:
        """Return the evaluation as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @classmethod
    def from_json(cls, text: bytes) -> Evaluation:
        """Read an evaluation that `to_json` wrote.

        Raises
        ------
        msgspec.ValidationError
            If `text` is not an evaluation.
        """
        return msgspec.json.decode(text, type=cls)
