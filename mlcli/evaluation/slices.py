"""The metric on parts of the rows: each category, and each quarter of a number."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import Column, Schema
from mlcli.data.typed import NAT, TypedColumns
from mlcli.evaluation.altered import MISSING, choose_rows, date_text, level_name
from mlcli.evaluation.intervals import percentile_interval, score_interval
from mlcli.evaluation.losses import effective, mean_metric, metric_from, resample_means, row_losses, weights_of
from mlcli.evaluation.metrics import Rows
from mlcli.evaluation.numerals import format_value
from mlcli.registry import METRICS

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEWEST_ROWS = 20
"""A smaller part says nothing: its interval would be wider than anything it could show."""

MOST_SLICES = 300
"""Slices judged; those of the most important columns go first."""

_LEVELS = 20
_QUARTERS = 4
_MOST_ROWS = 20_000


class Slice(msgspec.Struct, frozen=True):
    """The metric on the rows that share something.

    Parameters
    ----------
    column, part : str
        The column, and which of its cells.
    n_rows : int
        Rows held out that are part of it.
    value : float, optional
        The metric on them.
    low, high : float, optional
        Its interval.
    worse : bool
        Whether it differs for the worse from all other rows by more than
        chance among all slices would bring (Holm's correction).
    """

    column: str
    part: str
    n_rows: int
    value: float | None
    low: float | None
    high: float | None
    worse: bool


class Slices(msgspec.Struct, frozen=True):
    """The metric on every slice, the worst first.

    Parameters
    ----------
    metric : str
        The metric.
    overall : float, optional
        On all rows.
    slices : tuple of Slice
        The worst first.
    n_small : int
        Slices left out, because they hold fewer than `FEWEST_ROWS` rows.
    """

    metric: str
    overall: float | None
    slices: tuple[Slice, ...]
    n_small: int


def judge_slices(
    columns: TypedColumns,
    rows: Rows,
    names: tuple[str, ...],
    *,
    schema: Schema,
    metric: str,
    confidence: float,
    random_state: int,
) -> Slices:
    """Judge each category, and each quarter of each number, date and text length, by itself.

    Parameters
    ----------
    columns : TypedColumns
        The rows judged.
    rows : ClassificationRows or RegressionRows
        Their truth and predictions.
    names : tuple of str
        The columns to slice by, the most important first.
    schema : Schema
        The data contract of the columns.
    metric : str
        ``log_loss``, ``accuracy`` or ``rmse``.
    confidence : float
        Probability that an interval is meant to hold.
    random_state : int
        Seed of the resamples.
    """
    position_of = {column.name: position for position, column in enumerate(schema.columns)}
    losses, weight = row_losses(rows, metric), weights_of(rows)
    parts: list[tuple[str, str, Mask]] = []
    n_small = 0
    for name in names:
        for part, inside in _parts(schema.columns[position_of[name]], columns.columns[position_of[name]]):
            n_rows = int(inside.sum())
            if n_rows < FEWEST_ROWS or not weight[inside].sum() > 0:
                n_small += 0 < n_rows < FEWEST_ROWS
            elif n_rows < len(rows) and len(parts) < MOST_SLICES:
                parts.append((name, part, inside))
    overall = mean_metric(losses, weight, metric)
    if not parts:
        return Slices(metric, overall, (), n_small)
    found = _judged(parts, losses, weight, metric=metric, confidence=confidence, random_state=random_state)
    sign = 1.0 if METRICS[metric].greater_is_better else -1.0
    found.sort(key=lambda one: sign * one.value if one.value is not None else np.inf)
    return Slices(metric, overall, tuple(found), n_small)


def _judged(
    parts: list[tuple[str, str, Mask]],
    losses: Floats,
    weight: Floats,
    *,
    metric: str,
    confidence: float,
    random_state: int,
) -> list[Slice]:
    rng = np.random.default_rng(random_state)
    drawn = choose_rows(len(losses), _MOST_ROWS, rng)
    shrink = float(np.sqrt(len(drawn) / len(losses)))
    member = np.column_stack([inside[drawn] for _, _, inside in parts]) * weight[drawn, None]
    drawn_losses = np.broadcast_to(losses[drawn, None], member.shape)
    spread = metric_from(resample_means(drawn_losses, member, rng).replicates, metric)
    worse = _worse([_z_score(inside, losses, weight) for _, _, inside in parts], metric, confidence=confidence)
    found = []
    for position, (name, part, inside) in enumerate(parts):
        value = mean_metric(losses[inside], weight[inside], metric)
        replicates = spread[:, position]
        if value is not None and shrink < 1:
            replicates = value + shrink * (replicates - np.nanmedian(replicates))
        interval = score_interval if METRICS[metric].greater_is_better else percentile_interval
        estimate = interval(value, replicates, confidence=confidence, support=effective(weight[inside]))
        found.append(Slice(name, part, int(inside.sum()), value, estimate.low, estimate.high, worse[position]))
    return found


def _z_score(inside: Mask, losses: Floats, weight: Floats) -> float:
    """Return how many standard errors the mean loss of a slice lies above that of all other rows."""
    mean, variance = _mean_and_variance(losses[inside], weight[inside])
    mean_of_rest, variance_of_rest = _mean_and_variance(losses[~inside], weight[~inside])
    error = np.sqrt(variance + variance_of_rest)
    return float((mean - mean_of_rest) / error) if error > 0 else 0.0


def _mean_and_variance(losses: Floats, weight: Floats) -> tuple[float, float]:
    """Return the weighted mean, and the variance of that mean."""
    n = effective(weight)
    if n <= 1:
        return float("nan"), float("nan")
    mean = float(np.average(losses, weights=weight))
    return mean, float(np.average((losses - mean) ** 2, weights=weight)) / (n - 1)


def _worse(z_scores: list[float], metric: str, *, confidence: float) -> list[bool]:
    """Say which slices are worse than chance among so many explains.

    References
    ----------
    .. [1] Holm (1979), "A Simple Sequentially Rejective Multiple Test
       Procedure", Scandinavian Journal of Statistics 6(2).
    """
    sign = -1.0 if METRICS[metric].greater_is_better else 1.0
    chance = [2 * NormalDist().cdf(-abs(z)) for z in z_scores]
    order = sorted(range(len(chance)), key=lambda position: chance[position])
    found = [False] * len(chance)
    for step, position in enumerate(order):
        if not chance[position] <= (1 - confidence) / (len(order) - step):
            break
        found[position] = sign * z_scores[position] > 0
    return found


def _parts(column: Column, cells: Any) -> Iterator[tuple[str, Mask]]:
    """Yield the parts of a column: what they are called, and which rows they hold."""
    match column.kind:
        case "category":
            codes, counts = np.unique(cells, return_counts=True)
            for code in codes[np.argsort(-counts, kind="stable")][:_LEVELS]:
                yield level_name(column, int(code)), cells == code
        case "boolean":
            yield "true", cells == 1
            yield "false", cells == 0
            yield MISSING, np.isnan(cells)
        case "number":
            yield from _quarters(cells, np.isnan(cells), format_value)
        case "date":
            yield from _quarters(cells.astype(np.float64), cells == NAT, date_text)
        case "text":
            lengths = np.array([len(text) for text in cells], dtype=np.float64)
            yield from _quarters(lengths, lengths == 0, format_value, unit=" characters")


def _quarters(
    values: Floats, absent: Mask, name: Callable[[float], str], *, unit: str = ""
) -> Iterator[tuple[str, Mask]]:
    """Yield about equally full parts of a column with an order, and its missing cells."""
    present = values[~absent]
    if len(present):
        distinct = np.unique(present)
        if len(distinct) <= _QUARTERS + 1:
            for value in distinct:
                yield f"{name(value)}{unit}", ~absent & (values == value)
        else:
            edges = np.unique(np.quantile(present, np.linspace(0, 1, _QUARTERS + 1), method="nearest"))
            for low, high in itertools.pairwise(edges):
                last = high == edges[-1]
                inside = ~absent & (values >= low) & ((values <= high) if last else (values < high))
                yield f"{name(low)} {'to' if last else 'to below'} {name(high)}{unit}", inside
    yield MISSING, absent
