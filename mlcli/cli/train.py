"""``mlcli train``."""

from typing import Annotated

import typer

from mlcli.cli.options import AsJson, ConfigFile, Overrides, Quiet, Verbose


def train_command(
    config: ConfigFile = None,
    report: Annotated[
        bool, typer.Option("--report", help="Write report.html and model_card.md into the run as well.")
    ] = False,
    overrides: Overrides = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a search for parameters (section tune) that was killed.")
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Fit the model, judge it on held-out rows, and store it as a run."""
    from mlcli.cli.locate import output_folder, read_config
    from mlcli.cli.report_text import report_on
    from mlcli.cli.shortfall import ShortfallError
    from mlcli.cli.show import show_run
    from mlcli.cli.terminal import stages

    loaded = read_config(config, overrides)
    with stages(verbose=verbose, quiet=quiet):
        from mlcli.errors import OutputError
        from mlcli.training.track import require_tracking, track_run
        from mlcli.training.train import train  # scikit-learn is paid for here, not by --help

        require_tracking(loaded.config)
        run = train(loaded, output=output_folder(loaded), resume=resume)
        reported = report_on(run) if report else None
        try:
            tracked = track_run(run, loaded.config)
        except OutputError as error:
            # Nothing is lost: the run is stored, and shown.
            show_run(run, as_json=as_json, quiet=quiet, reported=reported)
            raise ShortfallError(error) from None
    show_run(run, tracked, as_json=as_json, quiet=quiet, reported=reported)
