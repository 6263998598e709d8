"""``mlcli inspect``."""

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import AsJson, ConfigFile, Quiet


def inspect_command(
    artifact: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            help="A run folder or a .mlcli file. Left out: the newest run of the config.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show what a model is and where it came from, and verify every digest in it."""
    from mlcli.artifact.open import verify
    from mlcli.cli.inspect_text import show_artifact
    from mlcli.cli.locate import find_model

    model = find_model(config, artifact, quiet=quiet)
    show_artifact(model, verify(model.path), as_json=as_json)
