"""How a report that was written is shown, and the command that writes it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.artifact.runs import MODEL
from mlcli.cli.terminal import say, show_json, show_line

if TYPE_CHECKING:
    from mlcli.training.report_files import Reported
    from mlcli.training.train import Run


def report_line(artifact: Path, *, data: str | None = None, config: Path | None = None, no_rows: bool = False) -> str:
    """Return the command that makes a report, as it would be typed.

    Parameters
    ----------
    artifact : Path
        A run folder or a ``.mlcli`` file.
    data : str, optional
        Rows to judge on, instead of the hold-out.
    config : Path, optional
        The config that leads to the training rows, for a learning curve.
    no_rows : bool, default=False
        Whether to show no rows of the data.
    """
    words = ["mlcli", "report", "--artifact", str(artifact.parent if artifact.name == MODEL else artifact)]
    words += ["--data", data] if data is not None else []
    words += ["--config", str(config), "--learning-curve"] if config is not None else []
    words += ["--no-rows"] if no_rows else []
    return shlex.join(words)


def report_on(run: Run) -> Reported:
    """Write the report and the model card of a run that was just trained into its folder."""
    from mlcli.artifact.open import open_artifact
    from mlcli.training.report import Wanted
    from mlcli.training.report_files import write_report

    model = open_artifact(run.folder)
    return write_report(model, wanted=Wanted(command=report_line(run.folder)), card=True)


def show_reported(reported: Reported, *, as_json: bool, quiet: bool) -> None:
    """Show where a report went; as JSON, with everything that it shows."""
    if as_json:
        from mlcli.cli.documents.judged import ReportDocument

        show_json(
            ReportDocument(
                report=str(reported.report),
                card=None if reported.card is None else str(reported.card),
                bytes=reported.n_bytes,
                seconds=round(reported.seconds, 3),
                content=reported.content,
            )
        )
    else:
        show_line(str(reported.report))
        if reported.card is not None:
            show_line(str(reported.card))
    if not quiet:
        say_reported(reported)


def say_reported(reported: Reported) -> None:
    """Say how large a report is, and whether it holds rows of the data."""
    rows = "" if reported.content.hardest is None else "; it shows rows of the data, --no-rows leaves them out"
    say(f"report: {reported.n_bytes / 1e6:.2f} MB in {reported.seconds:.1f} s{rows}")


def say_report_of(run: Run, reported: Reported | None) -> None:
    """Say where the report of a training went, or how to get one."""
    if reported is None:
        say(f"report: {report_line(run.folder)}")
    else:
        say(f"report: {reported.report} ({reported.n_bytes / 1e6:.2f} MB, {reported.seconds:.1f} s)")
