"""How drift is shown, said and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcli.cli.shortfall import ShortfallError
from mlcli.cli.terminal import say, show
from mlcli.errors import DataError, GateError, MlcliError

if TYPE_CHECKING:
    from rich.table import Table

    from mlcli.data.drift import ColumnDrift, DriftReport

_STYLES = {"major": "bold red", "notable": "yellow", "alike": "dim", "not judged": "dim"}

_ALIKE_SHOWN = 12
"""Lines of the table that are shown at least, alike or not."""

_SAID = 5
"""Columns that are named on stderr."""

_ROLES = {"column": "", "target": " (target)", "prediction": " (model)"}

_HINT = "Train again on rows like these, or find out what changed: mlcli check --against RUN DATA"


def show_drift(report: DriftReport, *, title: str) -> None:
    """Show how new rows differ from training: a table, worst first, and the verdict.

    Parameters
    ----------
    report : DriftReport
        What was found.
    title : str
        The rows and the model in a line.
    """
    from rich.markup import escape

    parts: list[Any] = [f"[bold]{escape(title)}[/]", ""]
    if report.columns:
        n_shown = max(_ALIKE_SHOWN, len(report.drifted))
        parts.append(_table(report.columns[:n_shown]))
        if len(report.columns) > n_shown:
            parts.append(f"[dim]and {len(report.columns) - n_shown} more that are alike: --json lists them[/]")
        parts.append("")
    if report.two_sample is not None:
        parts.append(escape(_classifier(report)))
    if report.note is not None:
        parts.append(f"[dim]{escape(report.note)}[/]")
    parts.append(f"[{_STYLES[report.verdict]}]{escape(_verdict(report))}[/]")
    show(*parts)


def _table(columns: tuple[ColumnDrift, ...]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from mlcli.data.drift import ALPHA

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("column", overflow="fold")
    table.add_column("PSI", justify="right", no_wrap=True)
    table.add_column("what changed", overflow="fold")
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for drift in columns:
        style = _STYLES[drift.verdict]
        table.add_row(
            f"{escape(drift.name)}[dim]{_ROLES[drift.role]}[/]",
            f"{drift.psi:.2f}",
            # Of columns that chance explains, the greatest change says nothing.
            "" if drift.p_value >= ALPHA else escape(drift.change),
            "" if drift.verdict == "not judged" else _shown_p(drift.p_value),
            f"[{style}]{drift.verdict}[/]",
        )
    return table


def _shown_p(p_value: float) -> str:
    return "<0.0001" if p_value < 0.0001 else f"{p_value:.2g}" if p_value < 0.1 else f"{p_value:.2f}"


def _classifier(report: DriftReport) -> str:
    found = report.two_sample
    assert found is not None, "asked where there is one"
    by = f", most of all by {', '.join(found.columns)}" if found.columns else ""
    figures = f"AUC {found.auc:.3f}, p {_shown_p(found.p_value)}"
    if found.verdict == "alike":
        return f"A classifier cannot tell the new rows from {found.n_reference:,} held-out ones ({figures})."
    return f"A classifier tells the new rows from {found.n_reference:,} held-out ones ({figures}){by}: {found.verdict}."


def _verdict(report: DriftReport) -> str:
    """Return the whole report in a sentence."""
    drifted = report.drifted
    if report.verdict == "not judged":
        return "drift: not judged"
    if report.verdict == "alike":
        return f"no drift: {report.n_rows:,} rows are like the {report.n_reference:,} that the model was trained on"
    if not drifted:
        return f"{report.verdict} drift: no column alone, but columns together"
    return f"{report.verdict} drift in {_counted(report)}"


def _counted(report: DriftReport) -> str:
    """Return how many columns have drifted, and whether target and predictions have."""
    columns = [drift for drift in report.columns if drift.role == "column"]
    n_drifted = sum(drift.role == "column" for drift in report.drifted)
    parts = [f"{n_drifted} of {len(columns)} columns"] if n_drifted else []
    parts += ["the target"] if any(drift.role == "target" for drift in report.drifted) else []
    parts += ["the predictions"] if any(drift.role == "prediction" for drift in report.drifted) else []
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def say_drift(report: DriftReport | None, *, quiet: bool) -> None:
    """Say on stderr what has drifted, in a few lines."""
    if report is None or report.verdict == "not judged":
        return
    if report.verdict == "alike":
        if not quiet:
            say(_verdict(report))
        return
    say(f"warning: {_verdict(report)}")
    for drift in report.drifted[:_SAID]:
        say(f"warning: drift of {drift.name!r}: {drift.change} (PSI {drift.psi:.2f}, {drift.verdict})")
    if len(report.drifted) > _SAID:
        say(f"warning: drift of {len(report.drifted) - _SAID} more: mlcli check --against RUN DATA")
    if report.two_sample is not None and report.two_sample.verdict != "alike":
        say(f"warning: {_classifier(report)}")


def refuse_drift(report: DriftReport | None, *, source: str, gate: bool, strict: bool = False) -> None:
    """Refuse rows that have drifted, where that was asked for.

    Parameters
    ----------
    report : DriftReport, optional
        What was found.
    source : str
        What the rows are called.
    gate : bool
        Whether major drift is a missed gate.
    strict : bool, default=False
        Whether notable drift counts as well; without a gate, as findings that must be settled.

    Raises
    ------
    ShortfallError
        If the rows have drifted.
    """
    refused = {"major", "notable"} if strict else {"major"}
    if report is None or not (gate or strict) or report.verdict not in refused:
        return
    what = _verdict(report)
    drifted = [repr(drift.name) for drift in report.drifted if drift.verdict in refused]
    names = ", ".join(drifted[:_SAID]) + (f" and {len(drifted) - _SAID} more" if len(drifted) > _SAID else "")
    message = (
        f"{source} must be like the rows that the model was trained on. Got {what}{f': {names}' if names else ''}."
    )
    error: MlcliError = GateError(message, hint=_HINT) if gate else DataError(message, hint=_HINT)
    raise ShortfallError(error)
