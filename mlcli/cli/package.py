"""``mlcli package``."""

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import ArtifactPath, ConfigFile, Overrides, Quiet


def package_command(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="The folder to make.", show_default=False, readable=False
        ),
    ],
    config: ConfigFile = None,
    artifact: ArtifactPath = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Answer only clients that show a token of a mounted secret.")
    ] = False,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Write what a container image of the service is built from, and a Kubernetes manifest."""
    from mlcli.cli.locate import find_served
    from mlcli.cli.terminal import say, show_line
    from mlcli.serving.launch import settings_from
    from mlcli.serving.package import write_package

    found = find_served(config, artifact, overrides)
    package = write_package(
        found.path, output, settings=settings_from(found.serve), workers=found.serve.workers, tokens=tokens
    )
    show_line(str(package.folder))
    if not quiet:
        say(f"model: {found.path} ({'compiled' if package.compiled else 'served by scikit-learn'})")
        say(f"build it: docker build -t {package.image} {package.folder}")
