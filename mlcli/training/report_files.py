"""The report and the model card of a run as files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mlcli.artifact.open import Artifact
from mlcli.atomic import write_file
from mlcli.data.source import Source
from mlcli.errors import OutputError
from mlcli.evaluation.report.card import CARD, render_card
from mlcli.evaluation.report.content import Content
from mlcli.evaluation.report.page import render_report
from mlcli.training.place import require_writable
from mlcli.training.report import Wanted, report_content

REPORT = "report.html"
"""Name of the report in a run folder."""


@dataclass(frozen=True)
class Reported:
    """A report that was written.

    Parameters
    ----------
    report : Path
        The page.
    card : Path, optional
        The model card; None where none was wanted.
    content : Content
        What they show.
    n_bytes : int
        Length of the page.
    seconds : float
        Time from the stored run to the files.
    """

    report: Path
    card: Path | None
    content: Content
    n_bytes: int
    seconds: float


def write_report(
    artifact: Artifact,
    *,
    wanted: Wanted,
    place: Path | None = None,
    card: bool = False,
    data: Source | None = None,
    stdin: BinaryIO | None = None,
) -> Reported:
    """Write the report of a stored run, and its model card beside it.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    wanted : Wanted
        What the report is to hold.
    place : Path, optional
        Where to write the report. Beside the model, when left out.
    card : bool, default=False
        Write a model card as well.
    data : Source, optional
        Rows with a target to judge on. The hold-out of the run, when left out.
    stdin : BinaryIO, optional
        Standard input; needed when `data` is standard input.

    Raises
    ------
    ArtifactError
        If the hold-out is not there, or something in the run folder is damaged.
    DataError
        If the rows break the data contract or carry no target.
    OutputError
        If a file cannot be written, or a card that somebody edited stands there.
    """
    started = time.perf_counter()
    place = place or artifact.path.parent / REPORT
    if place.is_dir():
        raise OutputError(
            f"{place} must be a file. Got a folder.", hint=f"Name a file in it: --output {place / REPORT}"
        )
    require_writable(place.parent)
    content = report_content(artifact, wanted=wanted, data=data, stdin=stdin)
    page = render_report(content)
    # The card goes first: one that must not be replaced leaves the report as it was.
    card_place = _write_card(content, place.parent / CARD) if card else None
    write_file(place, page)
    n_bytes = len(page.encode())
    return Reported(place, card_place, content, n_bytes, time.perf_counter() - started)


def _write_card(content: Content, place: Path) -> Path:
    """Write the card; one that is there already and says something else may have been edited."""
    text = render_card(content)
    if place.is_file() and place.read_bytes() != text.encode():
        raise OutputError(
            f"{place} must be as mlcli wrote it, to be written again. It says something else.",
            hint="Move it away to get a fresh one, or write elsewhere: --output FOLDER/report.html",
        )
    write_file(place, text)
    return place
