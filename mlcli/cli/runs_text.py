"""How runs are listed, and what their pruning removes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlcli.cli.terminal import say, show, show_json
from mlcli.evaluation.numerals import format_number
from mlcli.registry import METRICS

if TYPE_CHECKING:
    from rich.table import Table

    from mlcli.training.prune import PrunePlan
    from mlcli.training.runs import RunFolder, RunRecord

_UNITS = ("B", "kB", "MB", "GB", "TB")

_MOST_METRICS = 3
"""Metrics beside each other that leave room for the rest in 100 columns."""


def show_runs(folders: Sequence[RunFolder], *, sort: str | None, as_json: bool) -> None:
    """List the runs of some folders."""
    if as_json:
        show_json({"folders": folders})
        return
    from rich.markup import escape

    for at, folder in enumerate(folders):
        show(*([""] if at else []), f"[bold]{escape(folder.folder)}[/]", _table(folder, sorted_by=sort))
        for run in folder.runs:
            if run.problem is not None:
                show(f"[bold red]{run.number:03d} is damaged:[/] {escape(run.problem)}")
        if not folder.same_rows:
            show("[dim]The runs were judged on different rows: mlcli compare finds those that two of them share.[/]")


def show_plan(folder: RunFolder, plan: PrunePlan) -> None:
    """Show which runs stay, and why, and which would go."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    table.add_column("model", overflow="fold")
    for header in (METRICS[folder.metric].title if folder.metric else "", "size"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    reasons = {run.number: reason for run, reason in plan.kept}
    for run in folder.runs:
        value = run.value(folder.metric) if folder.metric else None
        reason = reasons.get(run.number)
        table.add_row(
            f"{run.number:03d}",
            run.model or "",
            format_number(value) if value is not None else "",
            size_text(run.size),
            "[red]remove[/]" if reason is None else f"keep: {reason}",
        )
    show(f"[bold]{escape(folder.folder)}[/]", table)
    if plan.removed and not folder.same_rows:
        say("warning: the runs were judged on different rows, so the best by its score need not be the best model")


def show_removed(plan: PrunePlan, *, removed: bool, dry_run: bool, as_json: bool) -> None:
    """Say what was removed."""
    if as_json:
        show_json(
            {
                "kept": [{"run": run.run, "why": why, "size": run.size} for run, why in plan.kept],
                "removed": [{"run": run.run, "size": run.size} for run in plan.removed],
                "size": plan.size,
                "dry_run": dry_run,
            }
        )
        return
    what = f"{len(plan.removed)} {'run' if len(plan.removed) == 1 else 'runs'}"
    if not plan.removed:
        say("nothing to remove")
    elif removed:
        say(f"removed {what}, {size_text(plan.size)}")
    else:
        say(f"would remove {what}, {size_text(plan.size)}" if dry_run else "nothing was removed")


def size_text(size: int) -> str:
    """Write a number of bytes as people read it."""
    number, power = float(size), 0
    while number >= 1000 and power < len(_UNITS) - 1:
        number, power = number / 1000, power + 1
    return f"{number:.0f} {_UNITS[power]}" if number >= 100 or power == 0 else f"{number:.1f} {_UNITS[power]}"


def _table(folder: RunFolder, *, sorted_by: str | None) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    table.add_column("trained", no_wrap=True)
    table.add_column("model", overflow="fold")
    table.add_column("digest", no_wrap=True)
    shown = folder.shown[:_MOST_METRICS]
    for at, name in enumerate(shown):
        table.add_column(METRICS[name].title, justify="right", no_wrap=True)
        if at == 0:
            table.add_column("interval", justify="right", no_wrap=True)
    table.add_column("gates", no_wrap=True)
    table.add_column("", no_wrap=True)
    damaged = [run for run in folder.runs if run.problem is not None]
    for run in [*folder.ranked(), *damaged] if sorted_by else folder.runs:
        table.add_row(*_cells(run, shown))
    return table


def _cells(run: RunRecord, shown: Sequence[str]) -> list[str]:
    number = f"{run.number:03d}"
    if run.problem is not None:
        blank = [""] * (len(shown) + bool(shown))
        return [f"[red]{number}[/]", "", "[red]damaged[/]", "", *blank, "", ""]
    cells = [number, (run.created or "")[:16].replace("T", " "), run.model or "", (run.digest or "")[:12]]
    for at, name in enumerate(shown):
        cells.append(format_number(run.value(name)))
        if at == 0:
            found = run.metrics.get(name)
            known = found is not None and found.low is not None
            cells.append(f"{format_number(found.low)} to {format_number(found.high)}" if found and known else "–")
    marks = [*(["[green]best[/]"] if run.best else []), *(["newest"] if run.newest else [])]
    return [*cells, _gates(run), ", ".join(marks)]


def _gates(run: RunRecord) -> str:
    missed = sum(not gate.passed for gate in run.gates)
    if missed:
        return f"[red]{missed} of {len(run.gates)} missed[/]"
    return f"{len(run.gates)} passed" if run.gates else ""
