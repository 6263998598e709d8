"""``mlcli runs`` and ``mlcli runs prune``."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mlcli.cli.options import AsJson, ConfigFile, Overrides

RunsFolder = Annotated[
    Path | None,
    typer.Argument(
        metavar="FOLDER",
        help="A folder of runs. Left out: that of the config, else every one below ./runs.",
        show_default=False,
        readable=False,
    ),
]


class _FolderOrCommand(TyperGroup):
    """A group whose one argument may be left out, also before the name of a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the first word for a command where it is one, and else for the folder."""
        if args[:1] and args[0] in self.commands:
            # Without an empty folder before it, the parser would take the command's name for the folder.
            return super().parse_args(ctx, ["", *args])
        # Options may follow the folder; behind a command they are the command's own.
        ctx.allow_interspersed_args = True
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        """Leave the folder out of the usage of the commands below, which have one of their own."""
        params: list[Any] = super().get_params(ctx)
        return params if ctx.command is self else [param for param in params if param.param_type_name != "argument"]


runs_app = typer.Typer(cls=_FolderOrCommand, rich_markup_mode=None, subcommand_metavar="[COMMAND]")


@runs_app.callback(invoke_without_command=True)
def runs_command(
    context: typer.Context,
    folder: RunsFolder = None,
    config: ConfigFile = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="METRIC",
            help="The best by this metric first. Left out: the oldest first.",
            show_default=False,
        ),
    ] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """List runs with their scores and gates; the best and the newest are marked."""
    if context.invoked_subcommand is not None:
        _require_nothing_before(context)
        return
    from mlcli.cli.runs_text import show_runs
    from mlcli.cli.runs_wanted import read_wanted

    show_runs(read_wanted(folder, config=config, overrides=overrides, metric=sort), sort=sort, as_json=as_json)


def _require_nothing_before(context: typer.Context) -> None:
    """Refuse a folder or an option in front of a command, which would not reach it."""
    from mlcli.errors import ConfigError

    given = [name for name, value in context.params.items() if value and str(value) != "."]
    if given:
        command = context.invoked_subcommand
        raise ConfigError(
            f"folder and options must stand behind `{command}`. Got {', '.join(given)} in front of it.",
            hint=f"mlcli runs {command} FOLDER, or mlcli runs {command} --config FILE",
        )


@runs_app.command("prune", short_help="Remove all but the best and the newest runs.")
def prune_command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="A folder of runs. Left out: that of the config.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    config: ConfigFile = None,
    keep_best: Annotated[int, typer.Option("--keep-best", metavar="N", min=0, help="Best runs to keep.")] = 1,
    keep_newest: Annotated[int, typer.Option("--keep-newest", metavar="N", min=1, help="Newest runs to keep.")] = 3,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="METRIC",
            help="What the best are best by. Left out: the metric of the verdict beside the dummy.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Remove all but the best and the newest runs of a config, after asking."""
    from mlcli.cli.runs_text import show_plan, show_removed
    from mlcli.cli.runs_wanted import agreed, read_one
    from mlcli.training.prune import plan_pruning, remove_runs

    runs = read_one(folder, config=config, overrides=overrides, metric=metric)
    plan = plan_pruning(runs, keep_best=keep_best, keep_newest=keep_newest)
    if not as_json:
        show_plan(runs, plan)
    wanted = bool(plan.removed) and not dry_run and agreed(plan, yes=yes, as_json=as_json)
    if wanted:
        remove_runs(plan)
    show_removed(plan, removed=wanted, dry_run=dry_run, as_json=as_json)
