"""One part of a report, with its place in the table of contents."""

from __future__ import annotations

from dataclasses import dataclass

from mlcli.evaluation.report.markup import Markup, el
from mlcli.evaluation.numerals import format_number


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Parameters
    ----------
    key : str
        Its anchor.
    title : str
        Its heading.
    body : Markup
        What it holds.
    """

    key: str
    title: str
    body: Markup

    def render(self) -> Markup:
        """Return the part with its heading."""
        return el("section", el("h2", self.title), self.body, id=self.key)


def interval(low: float | None, high: float | None) -> str:
    """Write an interval, or a dash where there is none."""
    return "–" if low is None or high is None else f"{format_number(low)} to {format_number(high)}"


def milliseconds(seconds: float | None) -> str:
    """Write a short time in the unit in which it can be read."""
    if seconds is None:
        return "–"
    if seconds < 1e-3:
        return f"{1e6 * seconds:.3g} µs"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
