"""``mlcli compare``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import AsJson, ConfigFile, Overrides, Quiet, Verbose


class ComparisonFormat(StrEnum):
    """How a comparison is written."""

    table = "table"
    json = "json"
    markdown = "markdown"


def compare_command(
    a: Annotated[
        Path | None,
        typer.Argument(
            metavar="A",
            help="The model that was there before: a run folder, a .mlcli file, or the number of a run of the config. "
            "Left out: the run before the newest.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    b: Annotated[
        Path | None,
        typer.Argument(
            metavar="B",
            help="The model that is judged. Left out: the newest run of the config.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    config: ConfigFile = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Compare on these rows instead of those that both held out; - reads stdin.",
            show_default=False,
        ),
    ] = None,
    as_format: Annotated[
        ComparisonFormat | None,
        typer.Option("--format", help="Left out: by the name of --output, else table.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the result to a file, such as compare.md, instead of stdout.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Compare two models on the same rows: the difference of each metric with an interval."""
    import sys

    from mlcli.cli.compared_text import write_compared
    from mlcli.cli.locate import evaluation_settings, find_model
    from mlcli.cli.runs_named import find_pair
    from mlcli.cli.terminal import stages

    with stages(verbose=verbose, quiet=quiet):
        pair = find_pair(a, b, config=config, overrides=overrides)
        before, after = (find_model(None, path, quiet=True) for path in pair)
        settings = evaluation_settings(after, config=config, artifact=b, overrides=overrides)

        from mlcli.data.source import source_from_path
        from mlcli.training.compare import compare_artifacts
        from mlcli.training.stored_config import stored_config

        like = stored_config(after).data
        rows = None if data is None else source_from_path(data, like=like)
        compared = compare_artifacts(before, after, data=rows, config=settings, stdin=sys.stdin.buffer)
    form = as_format.value if as_format else None
    write_compared(compared, form=form, as_json=as_json, output=output, quiet=quiet)
