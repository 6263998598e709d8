"""How runs are listed, and what their pruning removes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlcli.cli.terminal import say, show, show_json, stdout_console
from mlcli.evaluation.numerals import format_number
from mlcli.registry import METRICS

if TYPE_CHECKING:
    from rich.table import Table

    from mlcli.artifact.manifest import MetricSummary
    from mlcli.training.prune import PrunePlan
    from mlcli.training.runs import RunFolder, RunRecord

_UNITS = ("B", "kB", "MB", "GB", "TB")


def show_runs(folders: Sequence[RunFolder], *, sort: str | None, as_json: bool) -> None:
    """List the runs of some folders."""
    if as_json:
        from mlcli.cli.documents.listed import RunsDocument

        show_json(RunsDocument(folders=tuple(folders)))
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
        from mlcli.cli.documents.listed import KeptRun, PruneDocument, RemovedRun

        show_json(
            PruneDocument(
                kept=tuple(KeptRun(run=run.run, why=why, size=run.size) for run, why in plan.kept),
                removed=tuple(RemovedRun(run=run.run, size=run.size) for run in plan.removed),
                size=plan.size,
                dry_run=dry_run,
            )
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
    """Return the runs with as much of each as the screen is wide; ``--json`` has all of it."""
    console = stdout_console()
    # Measured on a screen that any table fits: on its own a table never asks for more than there is.
    wide = console.options.update_width(1000)
    n_shown = len(folder.shown)
    for n_metrics, digest in ((n_shown, True), (min(n_shown, 2), True), (min(n_shown, 1), True)):
        table = _table_of(folder, folder.shown[:n_metrics], digest=digest, sorted_by=sorted_by)
        if console.measure(table, options=wide).maximum <= console.width:
            return table
    return _table_of(folder, folder.shown[:1], digest=False, sorted_by=sorted_by)


def _table_of(folder: RunFolder, shown: Sequence[str], *, digest: bool, sorted_by: str | None) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    table.add_column("trained", no_wrap=True)
    table.add_column("model", overflow="fold")
    if digest:
        table.add_column("digest", no_wrap=True)
    for name in shown:
        table.add_column(METRICS[name].title, no_wrap=True)
    table.add_column("gates", no_wrap=True)
    table.add_column("", no_wrap=True)
    damaged = [run for run in folder.runs if run.problem is not None]
    for run in [*folder.ranked(), *damaged] if sorted_by else folder.runs:
        table.add_row(*_cells(run, shown, digest=digest))
    return table


def _cells(run: RunRecord, shown: Sequence[str], *, digest: bool) -> list[str]:
    number = f"{run.number:03d}"
    if run.problem is not None:
        return [f"[red]{number}[/]", "", "[red]damaged[/]"]
    cells = [number, (run.created or "")[:16].replace("T", " "), run.model or ""]
    if digest:
        cells.append((run.digest or "")[:12])
    cells += [_score(run.metrics.get(name)) for name in shown]
    marks = [*(["[green]best[/]"] if run.best else []), *(["newest"] if run.newest else [])]
    return [*cells, _gates(run), ", ".join(marks)]


def _score(found: MetricSummary | None) -> str:
    """Return a metric with its interval, short enough for several beside each other."""
    if found is None or found.low is None or found.high is None:
        return format_number(None if found is None else found.value)
    low, high = (format_number(end, digits=3) for end in (found.low, found.high))
    return f"{format_number(found.value)} [dim]({low}-{high})[/]"


def _gates(run: RunRecord) -> str:
    missed = sum(not gate.passed for gate in run.gates)
    if missed:
        return f"[red]{missed} missed[/]"
    return "passed" if run.gates else ""
