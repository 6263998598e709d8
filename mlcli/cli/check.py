"""``mlcli check``."""

from typing import Annotated

import typer

from mlcli.cli.options import AsJson, ConfigFile, Overrides, Quiet, Verbose


def check_command(
    config: ConfigFile = None,
    no_data: Annotated[bool, typer.Option("--no-data", help="Check the config only; read no data.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Leave with exit code 3 on warnings too, not only on errors.")
    ] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Check the config and the data without training, and list the findings."""
    from mlcli.cli.locate import read_config
    from mlcli.cli.shortfall import ShortfallError
    from mlcli.cli.show import show_config_is_valid, show_findings
    from mlcli.cli.terminal import stages
    from mlcli.errors import DataError

    loaded = read_config(config, overrides)
    if no_data:
        show_config_is_valid(loaded, as_json=as_json)
        return
    with stages(verbose=verbose, quiet=quiet):
        from mlcli.models.catalogue import check_parameters
        from mlcli.training.prepare import prepare

        check_parameters(loaded.config.model, task=loaded.config.task, place=loaded.place)
        prepared = prepare(loaded)
        check_parameters(loaded.config.model, task=prepared.schema.target.task, place=loaded.place)
    show_findings(prepared.findings, schema=prepared.schema, as_json=as_json)
    refused = [f for f in prepared.findings if f.severity == "error" or (strict and f.severity == "warning")]
    if refused:
        codes = ", ".join(dict.fromkeys(finding.code for finding in refused))
        raise ShortfallError(
            DataError(f"{loaded.path}: these findings must be settled: {codes}.", hint=refused[0].advice)
        )
