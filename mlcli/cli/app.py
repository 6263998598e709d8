"""The commands, in the order of a model's life.

The command files go without ``from __future__ import annotations``: typer would
compile every annotation from its text again, at a quarter of the time of ``--help``.
"""

from __future__ import annotations

from typing import Annotated

import typer

from mlcli.cli.check import check_command
from mlcli.cli.compare import compare_command
from mlcli.cli.evaluate import evaluate_command
from mlcli.cli.init import init_command
from mlcli.cli.inspect import inspect_command
from mlcli.cli.models import models_command
from mlcli.cli.package import package_command
from mlcli.cli.predict import predict_command
from mlcli.cli.preprocess import preprocess_command
from mlcli.cli.report import report_command
from mlcli.cli.runs import runs_app
from mlcli.cli.schema import schema_command
from mlcli.cli.serve import serve_command
from mlcli.cli.train import train_command

EPILOG = (
    "Exit codes: 0 done, 1 a bug of ours, 2 command line or config, 3 data, 4 artifact, "
    "5 a gate was missed, 130 interrupted."
)

# Plain help: rich markup would cost more start-up time than everything else in --help.
app = typer.Typer(
    name="mlcli",
    help="From a table to an evaluated model, by one YAML file and no code.",
    epilog=EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(value: bool) -> None:
    if value:
        from mlcli import __version__

        typer.echo(f"mlcli {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """From a table to an evaluated model, by one YAML file and no code."""


# The short helps fit one line of the overview; each command's own help says more.
app.command("init", short_help="Look at data and write a commented config.")(init_command)
app.command("check", short_help="Check config and data without training.")(check_command)
app.command("preprocess", short_help="Write what the model will see, as Parquet.")(preprocess_command)
app.command("train", short_help="Fit, judge and store a model.")(train_command)
app.command("evaluate", short_help="Judge a stored model; gates for CI.")(evaluate_command)
app.command("compare", short_help="Compare two models on the same rows.")(compare_command)
app.command("report", short_help="Show a model's strengths and weaknesses in a page.")(report_command)
app.command("predict", short_help="Predict every row of a file of any size.")(predict_command)
app.command("serve", short_help="Answer over HTTP, and show a page to try it.")(serve_command)
app.command("package", short_help="Write a container context and a manifest.")(package_command)
app.command("inspect", short_help="Show a stored model and verify it.")(inspect_command)
app.command("models", short_help="List models, or one model's parameters.")(models_command)
app.command("schema", short_help="Print the JSON Schema of a config.")(schema_command)
app.add_typer(runs_app, name="runs", short_help="List runs with their scores; prune old ones.")
