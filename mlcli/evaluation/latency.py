"""How long a prediction takes, measured here and now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from mlcli.data.typed import Cell, TypedColumns
from mlcli.evaluation.altered import take_rows
from mlcli.evaluation.importance import Predict

MANY = 1_000
"""Rows of the larger measurement."""

_SECONDS = 0.4
_MOST_CALLS = 300


class Latency(msgspec.Struct, frozen=True):
    """Time of a prediction on the machine that made the report, in seconds.

    Parameters
    ----------
    row : float
        Median time of one row.
    slow_row : float
        Its 95 % quantile.
    thousand : float
        Median time of a thousand rows at once.
    """

    row: float
    slow_row: float
    thousand: float


def measure_latency(
    predict_row: Callable[[Sequence[Cell]], list[float]], predict: Predict, columns: TypedColumns
) -> Latency:
    """Time one row, row after row, and a thousand at once.

    Parameters
    ----------
    predict_row : callable
        Outputs for one typed row.
    predict : callable
        Predictions for typed rows.
    columns : TypedColumns
        Rows to predict; repeated where they are fewer than a thousand.
    """
    indices = np.resize(np.arange(len(columns)), MANY)
    many = take_rows(columns, indices)
    lines = [cells[:_MOST_CALLS] for cells in many.columns]
    rows = list(zip(*(line if isinstance(line, list) else line.tolist() for line in lines), strict=True))
    one = _timed(predict_row, rows)
    thousand = _timed(predict, [many] * _MOST_CALLS)
    return Latency(
        row=float(np.median(one)), slow_row=float(np.quantile(one, 0.95)), thousand=float(np.median(thousand))
    )


def _timed(call: Callable[[Any], object], arguments: Sequence[Any]) -> list[float]:
    """Return the seconds of each call, for as long as `_SECONDS` last; the first is a warm-up, where there is time."""
    times: list[float] = []
    for argument in (arguments[0], *arguments):
        before = time.perf_counter()
        call(argument)
        times.append(time.perf_counter() - before)
        if sum(times) > _SECONDS:
            break
    return times[1:] or times
