"""How a leaderboard is shown: what was tried, how well and how quickly each answers, and what was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.cli.terminal import show
from mlcli.evaluation.numerals import format_number
from mlcli.registry import AUTO, METRICS

if TYPE_CHECKING:
    from rich.table import Table

    from mlcli.evaluation.leaderboard import Candidate, Leaderboard

_UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))


def show_leaderboard(leaderboard: Leaderboard) -> None:
    """Show what was tried, the best first, and on which rows it was judged."""
    from rich.markup import escape

    show(leaderboard_table(leaderboard), f"[dim]judged on {escape(leaderboard.judged_on)}; less is better[/]")
    if leaderboard.note is not None:
        show(f"[yellow]{escape(leaderboard.note)}[/]")
    show("")


def leaderboard_table(leaderboard: Leaderboard) -> Table:
    """Return a leaderboard as a table; in bold what was chosen, dim what failed."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("model", box=None, pad_edge=False, header_style="bold")
    title = METRICS[leaderboard.metric].title
    for header in (title, "interval", "weight", "fit", "1 row", "1,000 rows"):
        table.add_column(header, justify="right", no_wrap=True)
    for candidate in leaderboard.candidates:
        weight = f"{candidate.weight:.2f}" if candidate.weight else ""
        table.add_row(
            escape(_name(candidate)),
            format_number(candidate.value),
            _interval(candidate),
            "" if candidate.model == AUTO else weight,
            _time(candidate.fit_seconds) if candidate.fit_seconds else "",
            _time(candidate.row_seconds),
            _time(candidate.thousand_seconds),
            style="dim" if candidate.value is None else "bold" if candidate.weight else "",
        )
    return table


def _name(candidate: Candidate) -> str:
    return candidate.name if candidate.note is None else f"{candidate.name} - {candidate.note}"


def _interval(candidate: Candidate) -> str:
    if candidate.low is None or candidate.high is None:
        return ""
    return f"{format_number(candidate.low)} to {format_number(candidate.high)}"


def _time(seconds: float | None) -> str:
    """Return a time in the unit that suits it, to two digits."""
    if seconds is None:
        return ""
    unit, factor = next(((unit, factor) for unit, factor in _UNITS if seconds >= factor), _UNITS[-1])
    value = seconds / factor
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
