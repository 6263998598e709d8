"""``mlcli report``."""

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import ArtifactPath, AsJson, ConfigFile, Overrides, Quiet, Verbose


def report_command(
    config: ConfigFile = None,
    artifact: ArtifactPath = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write the report. Left out: report.html beside the model.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Judge on these rows instead of the stored hold-out; - reads stdin.",
            show_default=False,
        ),
    ] = None,
    learning_curve: Annotated[
        bool,
        typer.Option("--learning-curve", help="Train again on parts of the training rows; needs the config."),
    ] = False,
    card: Annotated[bool, typer.Option("--card", help="Write a model card, model_card.md, beside it as well.")] = False,
    no_rows: Annotated[bool, typer.Option("--no-rows", help="Show no rows of the data.")] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Show in one HTML page how good a trained model is, what it leans on and where it is weak."""
    import sys

    from mlcli.cli.locate import find_model, read_config
    from mlcli.cli.report_text import report_line, show_reported
    from mlcli.cli.terminal import stages

    with stages(verbose=verbose, quiet=quiet):
        loaded = read_config(config, overrides) if learning_curve else None
        model = find_model(config, artifact, overrides, quiet=quiet)

        from mlcli.data.source import source_from_path
        from mlcli.training.report import Wanted
        from mlcli.training.report_files import write_report
        from mlcli.training.stored_config import stored_config

        rows = (
            None if data is None else source_from_path(data, like=stored_config(model, overrides=overrides or ()).data)
        )
        command = report_line(model.path, data=data, config=loaded.path if loaded else None, no_rows=no_rows)
        wanted = Wanted(rows=not no_rows, learning_from=loaded, command=command)
        reported = write_report(model, place=output, wanted=wanted, card=card, data=rows, stdin=sys.stdin.buffer)
    show_reported(reported, as_json=as_json, quiet=quiet)
