"""Numbers to places in a chart, and the ticks that let a reader find the way back."""

from __future__ import annotations

import math
from dataclasses import dataclass

_FINEST = 1e-9
"""Least length of an axis, as a share of its greatest value; below it there is one value and rounding."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis.

    Parameters
    ----------
    value : float
        Where it stands.
    label : str
        What is written beside it.
    """

    value: float
    label: str


@dataclass(frozen=True)
class Axis:
    """One axis of a chart.

    Parameters
    ----------
    title : str
        What it measures, with the unit.
    low, high : float
        Its ends; `low` lies below `high`.
    ticks : tuple of Tick
        Its marks.
    """

    title: str
    low: float
    high: float
    ticks: tuple[Tick, ...]

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies, from 0 to 1."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def number_axis(title: str, low: float, high: float, *, count: int = 5, pad: float = 0.0) -> Axis:
    """Return an axis that holds all from `low` to `high`, with round ticks.

    Parameters
    ----------
    title : str
        What it measures.
    low, high : float
        Least and greatest value drawn; finite.
    count : int, default=5
        About how many ticks.
    pad : float, default=0
        Room at each end, as a share of the axis.
    """
    if not high - low > _FINEST * max(abs(low), abs(high), _FINEST):
        reach = max(abs(low) * 0.1, _FINEST) if low else 1.0
        low, high = low - reach, high + reach
    room = pad * (high - low)
    low, high = low - room, high + room
    step = _round_step((high - low) / count)
    places = min(max(0, -math.floor(math.log10(step) + 1e-9)), 15)
    if not math.isclose(step * 10.0**places, round(step * 10.0**places)):
        places += 1  # a step of 2.5
    # A year is no quantity: 2,009 would be misread.
    commas = max(abs(low), abs(high)) >= 10_000
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    ticks = tuple(Tick(at * step, tick_label(at * step, places, commas=commas)) for at in range(first, last + 1))
    return Axis(title, low, high, ticks)


def unit_axis(title: str) -> Axis:
    """Return an axis of shares, from 0 to 1."""
    return number_axis(title, 0.0, 1.0)


def tick_label(value: float, places: int, *, commas: bool) -> str:
    """Write a tick's value as short as it can be read."""
    size = abs(value)
    if size >= 1e15 or (0 < size < 1e-4):
        return f"{value:.1e}"
    for bound, mark in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if size >= bound:
            return f"{value / bound:.6g} {mark}"
    text = f"{value:,.{places}f}" if commas else f"{value:.{places}f}"
    return "0" if value == 0 else text.replace("-", "−")


def _round_step(step: float) -> float:
    """Return the next of 1, 2, 2.5, 5, 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * (1 - 1e-9))
