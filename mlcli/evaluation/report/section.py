"""One part of a report, with its place in the table of contents."""

from __future__ import annotations

from dataclasses import dataclass

from mlcli.evaluation.report.markup import Markup, el


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


def milliseconds(seconds: float | None) -> str:
    """Write a short time in the unit in which it can be read."""
    if seconds is None:
        return "–"
    if seconds < 1e-3:
        return f"{1e6 * seconds:.3g} µs"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def in_sentence(title: str) -> str:
    """Write a metric's title inside a sentence: log loss, but RMSE."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]
