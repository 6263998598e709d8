"""Whether a model is better than the dummy, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.intervals import percentile_interval
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.results import Outcome, Verdict
from mlcli.registry import METRICS

Floats = NDArray[np.float64]

FEWEST_ROWS = 10
"""With fewer rows a model that guesses would too often look better on every resample."""


_ROUNDING = 1e-12
"""Share of a metric that its sum over rows may be off by; no difference of two models."""


@dataclass(frozen=True)
class Advantage:
    """How far a model is ahead of a rival by one metric; positive is better.

    Parameters
    ----------
    metric : str
        Name of the metric.
    model, rival : float
        Both values on all rows.
    difference : float
        Their difference, turned so that more is better.
    low, high : float, optional
        Its interval.
    """

    metric: str
    model: float
    rival: float
    difference: float
    low: float | None
    high: float | None

    @property
    def outcome(self) -> Outcome:
        """What the interval says."""
        if self.low is not None and self.low > 0:
            return "better"
        if self.high is not None and self.high < 0:
            return "worse"
        return "no evidence"


def advantage_of(
    metric: str,
    *,
    model: tuple[float | None, Floats],
    rival: tuple[float | None, Floats],
    confidence: float,
    support: float,
    differing: float | None = None,
) -> Advantage | None:
    """Compare a model with a rival by one metric, resample by resample.

    Parameters
    ----------
    metric : str
        Name of the metric.
    model, rival : tuple of float and ndarray of shape (resamples,)
        Value on all rows, and on each resample; the same resamples for both.
    confidence : float
        Probability that the interval is meant to hold.
    support : float
        Effective rows.
    differing : float, optional
        Effective rows on which the two differ, where they may be few: the
        interval is then as wide as so few rows call for, and errs to caution.

    Returns
    -------
    Advantage or None
        None where either value is undefined.
    """
    if model[0] is None or rival[0] is None:
        return None
    sign = 1.0 if METRICS[metric].greater_is_better else -1.0
    difference = sign * (model[0] - rival[0])
    behind = support if differing is None else max(min(support, differing), 2.0)
    interval = percentile_interval(
        difference,
        sign * (model[1] - rival[1]),
        confidence=confidence,
        support=behind,
        outward=differing is not None,
    )
    if support < FEWEST_ROWS:
        return Advantage(metric, model[0], rival[0], difference, None, None)
    rounding = _ROUNDING * max(abs(model[0]), abs(rival[0]))
    low, high = (_without_rounding(end, rounding) for end in (interval.low, interval.high))
    return Advantage(metric, model[0], rival[0], difference, low, high)


def _without_rounding(end: float | None, rounding: float) -> float | None:
    """Return 0 for an end that only rounding keeps from it."""
    return 0.0 if end is not None and abs(end) <= rounding else end


def judge(advantages: Mapping[str, Advantage | None], *, confidence: float, moved: bool = False) -> Verdict:
    """Say whether the model is better than the dummy.

    Parameters
    ----------
    advantages : mapping of str to Advantage
        By metric, the one to judge on first; an undefined one passes the
        judgement to the next.
    confidence : float
        Probability that the intervals are meant to hold.
    moved : bool, default=False
        Whether a threshold decides about labels, and not which class is likelier.

    Returns
    -------
    Verdict
        The judgement with its numbers.
    """
    defined = [advantage for advantage in advantages.values() if advantage is not None]
    if not defined:
        name = next(iter(advantages))
        message = f"no evidence that the model is better than the dummy: {name} is undefined on these rows"
        return Verdict(name, "no evidence", None, None, None, message)
    main = defined[0]
    return Verdict(
        metric=main.metric,
        outcome=main.outcome,
        difference=main.difference,
        low=main.low,
        high=main.high,
        message=_message(main, confidence),
        remarks=_remarks(main, defined[1:], moved=moved),
    )


def _message(main: Advantage, confidence: float) -> str:
    opening = {
        "better": "better than the dummy",
        "no evidence": "no evidence that the model is better than the dummy",
        "worse": "worse than the dummy",
    }[main.outcome]
    numbers = f"{main.metric} {format_number(main.model)} against {format_number(main.rival)}"
    if main.low is None or main.high is None:
        return f"{opening}: {numbers}, on too few rows to tell (at least {FEWEST_ROWS} are needed)"
    interval = f"{format_number(main.low)} to {format_number(main.high)}"
    return f"{opening}: {numbers}, ahead by {format_number(main.difference)} ({100 * confidence:.4g} % interval {interval})"


def _remarks(main: Advantage, others: list[Advantage], *, moved: bool) -> tuple[str, ...]:
    remarks = []
    # A threshold that was wanted for another reason than accuracy says nothing against the classes.
    why = (
        "the threshold weighs errors otherwise than accuracy does"
        if moved
        else "the probabilities are of use, the predicted classes hardly more than the most frequent one"
    )
    for other in others:
        numbers = f"{other.metric} {format_number(other.model)} against the dummy's {format_number(other.rival)}"
        if main.outcome != "better" and other.outcome == "better":
            remarks.append(
                f"{numbers} is better: the predicted classes are of use, the probabilities are not as they stand"
            )
        if main.outcome == "better" and other.outcome != "better":
            remarks.append(f"{numbers} is {'worse' if other.outcome == 'worse' else 'no better'}: {why}")
    return tuple(remarks)
