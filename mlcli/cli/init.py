"""``mlcli init``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import Quiet, Verbose


def init_command(
    data: Annotated[str, typer.Argument(metavar="DATA", help="The table: a file or a glob.")],
    target: Annotated[str, typer.Option("--target", "-t", metavar="COLUMN", help="The column to predict.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the config here instead of stdout.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --output.")] = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Look at the data and write a commented config that trains without an edit."""
    from mlcli.cli.terminal import say, stages
    from mlcli.errors import ConfigError

    if output is not None and output.exists() and not force:
        raise ConfigError(f"{output} must not exist yet.", hint="Name another file, or add --force to overwrite it.")
    place = output or _redirected_to()
    with stages(verbose=verbose, quiet=quiet):
        from mlcli.training.suggest import suggest_config

        text = suggest_config(data, target=target, place=place)
    if output is None:
        typer.echo(text, nl=False)
        return
    from mlcli.atomic import write_file

    write_file(output, text)
    if not quiet:
        say(f"wrote {output}; next: mlcli train --config {output}")


def _redirected_to() -> Path | None:
    """Return the file that stdout goes to, as in ``> configs/credit.yaml``, where the system tells.

    Paths in a config are relative to it, so init must know where it will lie.
    """
    if sys.stdout.isatty():
        return None
    try:
        target = Path(f"/proc/self/fd/{sys.stdout.fileno()}").readlink()
        return target if target.is_file() else None
    except (OSError, ValueError):  # no /proc, no descriptor, or a folder that may not be looked into
        return None
