"""Gates: what a metric must reach for a model to pass."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import msgspec

from mlcli.config.sections import Task
from mlcli.errors import ConfigError
from mlcli.evaluation.numerals import tell_apart
from mlcli.evaluation.results import Evaluation, MetricResult
from mlcli.registry import METRICS, MetricEntry, require_metric

_ROUNDING = 1e-12
"""A mean of exact shares may end one unit in the last place below its bound."""


class GateVerdict(msgspec.Struct, frozen=True):
    """Whether one metric passed its gate.

    Parameters
    ----------
    metric : str
        Name of the metric.
    bound : float
        Least value of a score, greatest of an error.
    judged : float, optional
        The number judged: the value, or the unfavourable end of its interval;
        None when it is undefined.
    confident : bool
        Whether the end of the interval was judged.
    passed : bool
        Whether `judged` keeps the bound; an undefined number never does.
    message : str
        The judgement as a sentence with its numbers.
    rule : str
        What was asked for, such as ``f1 ≥ 0.75``.
    against : str, optional
        The model that it must not fall behind; then `bound` is its least lead,
        and `judged` its lead.
    """

    metric: str
    bound: float
    judged: float | None
    confident: bool
    passed: bool
    message: str
    rule: str
    against: str | None = None


def parse_gate(text: str, *, task: Task | None = None) -> tuple[str, float]:
    """Read a gate from the command line.

    Parameters
    ----------
    text : str
        ``METRIC=BOUND``, such as ``f1=0.75``.
    task : Task, optional
        When it is known, the metric must measure it.

    Returns
    -------
    tuple of str and float
        The metric's name and its bound.

    Raises
    ------
    ConfigError
        If the text is malformed, the metric is not known or measures another
        task, or the bound can never decide anything.
    """
    name, bound = read_assignment(text, what="gate", form="METRIC=BOUND", example="0.75", task=task)
    _check_bound(name, require_metric(name, task=task), bound)
    return name, bound


def read_assignment(text: str, *, what: str, form: str, example: str, task: Task | None) -> tuple[str, float]:
    """Read ``METRIC=NUMBER``.

    Parameters
    ----------
    text : str
        From the command line.
    what, form, example : str
        What it is called, how it must read, and a number that it may hold; for messages.
    task : Task, optional
        When it is known, the metric must measure it.

    Raises
    ------
    ConfigError
        If the text is malformed, or the metric is not known or measures another task.
    """
    name, sign, number = (part.strip() for part in text.partition("="))
    if not (name and sign and number):
        raise ConfigError(f"{what} must read {form}. Got {text!r}.", hint=f"Write, for example, f1={example}.")
    require_metric(name, task=task)
    try:
        return name, float(number)
    except ValueError:
        raise ConfigError(
            f"{what} of {name} must be a number. Got {number!r}.", hint=f"Write, for example, {name}={example}."
        ) from None


def judge_gates(
    evaluation: Evaluation, gates: Mapping[str, float], *, confident: bool = False
) -> tuple[GateVerdict, ...]:
    """Judge every gate: scores must reach their bound, errors must not exceed theirs.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    gates : mapping of str to float
        Bound of each metric.
    confident : bool, default=False
        Judge the unfavourable end of the interval instead of the value.

    Returns
    -------
    tuple of GateVerdict
        One for each gate, in their order.

    Raises
    ------
    ConfigError
        If a metric is not known or measures another task, or a bound can never
        decide anything.
    """
    for name, bound in gates.items():
        _check_bound(name, require_metric(name, task=evaluation.task), bound)
    return tuple(
        _judge(evaluation.metric(name), bound, confident=confident, confidence=evaluation.confidence)
        for name, bound in gates.items()
    )


def _check_bound(name: str, entry: MetricEntry, bound: float) -> None:
    low, high = entry.minimum, entry.maximum
    if isfinite(bound) and (low is None or bound >= low) and (high is None or bound <= high):
        return
    ends = {
        (True, True): f"in [{low:g}, {high:g}]" if low is not None and high is not None else "",
        (True, False): f"at least {low:g}" if low is not None else "",
        (False, True): f"at most {high:g}" if high is not None else "",
    }.get((low is not None, high is not None), "finite")
    hint = None
    if high == 1.0 and isfinite(bound) and 2 <= bound <= 100:
        hint = f"Write a share, not per cent: {name}={bound / 100:g}."
    raise ConfigError(f"gate of {name} must be {ends} and finite. Got {bound:g}.", hint=hint)


def _judge(result: MetricResult, bound: float, *, confident: bool, confidence: float) -> GateVerdict:
    judged = result.value
    what = result.name
    rule = f"{result.name} {gate_sign(result.name)} {bound:g}"
    if confident:
        judged = result.low if result.greater_is_better else result.high
        end = "lower" if result.greater_is_better else "upper"
        what = f"{end} end of the {100 * confidence:.4g} % interval of {result.name}"
    if judged is None:
        reason = f": {result.note}" if result.note else ""
        message = f"{what} has no value and missed its gate {bound:g}{reason}"
        return GateVerdict(result.name, bound, None, confident, passed=False, message=message, rule=rule)
    shortfall = bound - judged if result.greater_is_better else judged - bound
    passed = shortfall <= _ROUNDING * max(1.0, abs(bound))
    value, limit = (f"{judged:.4g}", f"{bound:g}") if passed else tell_apart(judged, bound)
    message = (
        f"{what} {value} {f'passed its gate {limit}' if passed else f'missed its gate {limit} by {shortfall:.2g}'}"
    )
    return GateVerdict(result.name, bound, judged, confident, passed=passed, message=message, rule=rule)


def gate_sign(name: str) -> str:
    """Return how a metric must stand to its gate: ``≥`` for a score, ``≤`` for an error."""
    return "≥" if METRICS[name].greater_is_better else "≤"
