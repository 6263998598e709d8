"""``mlcli check``."""

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import AsJson, ConfigFile, FailOnDrift, Overrides, Quiet, Verbose


def check_command(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="With --against: the new rows; a file, a glob, or - for stdin.",
            show_default=False,
        ),
    ] = None,
    config: ConfigFile = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="RUN",
            help="Hold new rows against those that this run, or .mlcli file, was trained on.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    no_data: Annotated[bool, typer.Option("--no-data", help="Check the config only; read no data.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Leave with exit code 3 on warnings too, not only on errors.")
    ] = False,
    fail_on_drift: FailOnDrift = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Check the config and the data without training, and list the findings; or new rows for drift."""
    from mlcli.cli.locate import read_config
    from mlcli.cli.shortfall import ShortfallError
    from mlcli.cli.show import show_config_is_valid, show_findings
    from mlcli.cli.terminal import stages
    from mlcli.errors import ConfigError, DataError

    if against is not None or data is not None or fail_on_drift:
        if config is not None or no_data:
            raise ConfigError(
                "`--against RUN` must stand without --config and --no-data: the run knows its own config.",
                hint="mlcli check --against RUN DATA",
            )
        from mlcli.cli.check_drift import check_drift

        check_drift(
            data, against, overrides=overrides, gate=fail_on_drift, strict=strict, as_json=as_json,
            verbose=verbose, quiet=quiet,
        )  # fmt: skip
        return
    loaded = read_config(config, overrides)
    if no_data:
        show_config_is_valid(loaded, as_json=as_json)
        return
    with stages(verbose=verbose, quiet=quiet):
        from mlcli.models.search_check import check_search
        from mlcli.training.choose import check_models
        from mlcli.training.prepare import prepare

        check_models(loaded, task=loaded.config.task)
        check_search(loaded.config, task=loaded.config.task, place=loaded.place)
        prepared = prepare(loaded)
        check_models(loaded, task=prepared.schema.target.task)
        check_search(loaded.config, task=prepared.schema.target.task, place=loaded.place)
    show_findings(prepared.findings, schema=prepared.schema, as_json=as_json)
    refused = [f for f in prepared.findings if f.severity == "error" or (strict and f.severity == "warning")]
    if refused:
        codes = ", ".join(dict.fromkeys(finding.code for finding in refused))
        raise ShortfallError(
            DataError(f"{loaded.path}: these findings must be settled: {codes}.", hint=refused[0].advice)
        )
