"""``mlcli preprocess``."""

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import AsJson, ConfigFile, Overrides, Quiet, Verbose


def preprocess_command(
    config: ConfigFile = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Left out: prepared/ beside the config's runs, where train finds it.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Read, type, clean and split the data; write what the model will see as Parquet."""
    from mlcli.cli.locate import output_folder, read_config
    from mlcli.cli.show import show_prepared
    from mlcli.cli.terminal import stages

    loaded = read_config(config, overrides)
    folder = output or output_folder(loaded) / "prepared"
    with stages(verbose=verbose, quiet=quiet):
        from mlcli.training.place import require_writable
        from mlcli.training.prepare import prepare
        from mlcli.training.prepared_folder import save_prepared

        require_writable(folder)
        prepared = prepare(loaded)
        save_prepared(prepared, folder)
    show_prepared(prepared, folder=folder, as_json=as_json, quiet=quiet)
