"""``mlcli models``."""

from typing import Annotated

import typer

from mlcli.cli.options import AsJson


def models_command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A model, to see its parameters.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the models a config may name, or one model's parameters and defaults."""
    from mlcli.cli.model_text import show_model, show_models

    if name is None:
        show_models(as_json=as_json)
    else:
        show_model(name, as_json=as_json)
