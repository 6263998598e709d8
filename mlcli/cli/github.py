"""Results where GitHub Actions looks for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.cli.terminal import say, show_json

if TYPE_CHECKING:
    from mlcli.cli.evaluation_text import Judged

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Environment variable that names the file of a step's summary; the runner sets it."""


def write_for_github(judged: Judged, markdown: str, *, output: Path | None, as_json: bool, quiet: bool) -> None:
    """Print annotations on stdout, and put the Markdown where the run's page shows it.

    That is the file of ``--output``; else the summary that the runner names,
    at its end, since other steps write there too; else stdout, behind the annotations.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from mlcli.atomic import output_error, write_file
    from mlcli.evaluation.github import render_annotations

    annotations = render_annotations(judged.evaluation, name=judged.manifest.name, gates=judged.verdicts)
    summary = os.environ.get(SUMMARY)
    if as_json:
        # Stdout holds one document; the runner reads its commands on stderr as well.
        show_json(judged.document())
        sys.stderr.write(annotations)
    else:
        sys.stdout.write(annotations)
    if output is not None:
        write_file(output, markdown)
        if not quiet:
            say(f"wrote {output}")
    elif summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(markdown + "\n")
        except OSError as error:
            raise output_error(summary, error) from error
    elif not as_json:
        sys.stdout.write("\n" + markdown)
