"""Gates on another model: how far behind it a model may fall."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from mlcli.config.sections import Task
from mlcli.errors import ConfigError
from mlcli.evaluation.comparison import Comparison, MetricComparison
from mlcli.evaluation.gates import GateVerdict, read_assignment
from mlcli.evaluation.numerals import format_number, tell_apart
from mlcli.registry import require_metric

_ROUNDING = 1e-12
"""A mean of exact shares may end one unit in the last place below its bound."""


def parse_tolerance(text: str, *, task: Task | None = None) -> tuple[str, float]:
    """Read a tolerance from the command line.

    Parameters
    ----------
    text : str
        ``METRIC=TOLERANCE``, such as ``f1=0.01``.
    task : Task, optional
        When it is known, the metric must measure it.

    Returns
    -------
    tuple of str and float
        The metric's name, and by how much it may be worse, in its unit.

    Raises
    ------
    ConfigError
        If the text is malformed, the metric is not known or measures another
        task, or the tolerance is no number of 0 or more.
    """
    name, tolerance = read_assignment(text, what="tolerance", form="METRIC=TOLERANCE", example="0.01", task=task)
    _check(name, tolerance)
    return name, tolerance


def judge_tolerances(
    comparison: Comparison, tolerances: Mapping[str, float], *, against: str, confident: bool = False
) -> tuple[GateVerdict, ...]:
    """Judge whether B keeps up with A.

    Parameters
    ----------
    comparison : Comparison
        Of A, which was there before, and B.
    tolerances : mapping of str to float
        By how much each metric may be worse, in its unit. With none, B must
        not be significantly worse by the main metric.
    against : str
        What A is called in the messages.
    confident : bool, default=False
        Judge the unfavourable end of the difference's interval instead of the
        difference; without a tolerance, B must be as good as A even there.

    Returns
    -------
    tuple of GateVerdict
        One for each tolerance, or the one on the main metric.

    Raises
    ------
    ConfigError
        If a metric is not known or measures another task, or a tolerance is
        no number of 0 or more.
    """
    for name, tolerance in tolerances.items():
        require_metric(name, task=comparison.task)
        _check(name, tolerance)
    if not tolerances and not confident:
        return (_judge_main(comparison, against),)
    asked = tolerances or {comparison.main: 0.0}
    return tuple(_judge(comparison, name, tolerance, against, confident) for name, tolerance in asked.items())


def _check(name: str, tolerance: float) -> None:
    if isfinite(tolerance) and tolerance >= 0:
        return
    raise ConfigError(
        f"tolerance of {name} must be a finite number of 0 or more. Got {tolerance:g}.",
        hint=f"Write by how much {name} may be worse, for example {name}=0.01.",
    )


def _judge_main(comparison: Comparison, against: str) -> GateVerdict:
    """Judge that B is not significantly worse."""
    main = comparison.metric(comparison.main)
    rule = f"{main.name} not significantly worse than {against}"
    numbers = f"{main.name} {format_number(main.b)} against {format_number(main.a)} of {against}"
    if main.high is None:
        message = f"{numbers} missed its gate: {main.note or 'the difference has no interval'}"
        return GateVerdict(
            main.name, 0.0, None, confident=False, passed=False, message=message, rule=rule, against=against
        )
    passed = main.outcome != "worse"
    interval = f"{100 * comparison.confidence:.4g} % interval of the difference {_ends(main)}"
    message = f"{numbers} is {'not ' if passed else ''}significantly worse ({interval})"
    return GateVerdict(
        main.name, 0.0, main.high, confident=False, passed=passed, message=message, rule=rule, against=against
    )


def _judge(comparison: Comparison, name: str, tolerance: float, against: str, confident: bool) -> GateVerdict:
    """Judge that one metric is not worse by more than its tolerance."""
    result = comparison.metric(name)
    lead = result.low if confident else result.difference
    rule = f"{name} at most {tolerance:g} worse than {against}"
    what = f"{name} {format_number(result.b)} against {format_number(result.a)} of {against}"
    if confident:
        what += f", {100 * comparison.confidence:.4g} % interval of the difference {_ends(result)},"
    if lead is None:
        message = f"{what} missed its tolerance {tolerance:g}: {result.note or 'the difference has no interval'}"
        return GateVerdict(name, -tolerance, None, confident, passed=False, message=message, rule=rule, against=against)
    behind = 0.0 - lead
    passed = behind - tolerance <= _ROUNDING * max(1.0, abs(tolerance), abs(result.a or 0.0))
    if passed:
        message = f"{what} kept its tolerance {tolerance:g}"
    else:
        found, limit = tell_apart(behind, tolerance)
        message = f"{what} missed its tolerance {limit}: {'perhaps ' if confident else ''}{found} worse"
    return GateVerdict(name, -tolerance, lead, confident, passed=passed, message=message, rule=rule, against=against)


def _ends(result: MetricComparison) -> str:
    """Return the interval as people read it."""
    return "–" if result.low is None else f"{format_number(result.low)} to {format_number(result.high)}"
