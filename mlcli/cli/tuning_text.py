"""How a search for a model's parameters, and what is searched by default, are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.cli.terminal import show
from mlcli.evaluation.numerals import format_number
from mlcli.registry import METRICS, MODELS
from mlcli.spaces import WITHOUT_SPACE, default_space

if TYPE_CHECKING:
    from mlcli.cli.documents.trained import TuningResult
    from mlcli.training.trials import Trial, Tuning

N_SHOWN = 5
"""Trials shown, the best first; the one as configured is shown beside them."""


def show_tuning(tuning: Tuning | None) -> None:
    """Show the best trials of a search beside the model as it was configured, and what was taken."""
    if tuning is None:
        return
    from rich.markup import escape
    from rich.table import Table

    title = METRICS[tuning.metric].title
    table = Table("trial", box=None, pad_edge=False, header_style="bold")
    table.add_column(title, justify="right", no_wrap=True)
    table.add_column("spread", justify="right", no_wrap=True)
    table.add_column("parameters", overflow="fold")
    shown = tuning.ranked[:N_SHOWN]
    if tuning.trials[0] not in shown:
        shown.append(tuning.trials[0])
    for trial in shown:
        value = format_number(trial.value) if trial.state == "done" else trial.state
        style = "bold" if trial.number == tuning.best else None
        spread = "" if trial.spread is None else format_number(trial.spread, digits=3)
        table.add_row(str(trial.number), value, spread, escape(_params(trial, tuning)), style=style)
    less = "" if tuning.greater_is_better else ", less is better"
    show(f"[bold]{len(tuning.trials)} trials on {tuning.judged_on}[/] ({tuning.metric}{less})", table)
    remarks = _remarks(tuning)
    if remarks:
        show(f"[dim]{escape(remarks)}[/]")
    show(escape(_taken(tuning)))


def tuning_result(tuning: Tuning | None) -> TuningResult | None:
    """Return what ``--json`` prints of a search."""
    if tuning is None:
        return None
    from mlcli.cli.documents.trained import BestTrial, TuningResult

    best = BestTrial(trial=tuning.best, params=tuning.winner.params, value=tuning.winner.value)
    return TuningResult(best=best, search=tuning)


def show_default_space(model: str) -> None:
    """Show what a search varies of a model where its config does not say."""
    from rich.markup import escape

    from mlcli.config.render import flow_text

    if model in WITHOUT_SPACE:
        show(f"\nNot searched by default (tune): {WITHOUT_SPACE[model]}.")
        return
    show("\nSearched by default (tune.space):")
    tasks = MODELS[model].tasks
    spaces = {task: default_space(model, task) for task in tasks}
    for name, form in default_space(model, None).items():
        only = [task for task in tasks if name in spaces[task]]
        remark = "" if len(only) == len(tasks) else f"  # {only[0]}"
        show(escape(f"  {name}: {flow_text(form)}{remark}"))


def _params(trial: Trial, tuning: Tuning) -> str:
    from mlcli.config.render import flow_text

    if trial.number == 0:
        return "as configured"
    return ", ".join(f"{name}: {flow_text(value)}" for name, value in trial.params.items() if name in tuning.space)


def _remarks(tuning: Tuning) -> str:
    """Return how many trials were not judged on all folds, and what else a reader must know."""
    stopped = sum(trial.state == "stopped" for trial in tuning.trials)
    failed = [trial for trial in tuning.trials if trial.state == "failed"]
    said = [f"{stopped} given up early, because others did better on the same folds"] if stopped else []
    if failed:
        said.append(f"{len(failed)} failed, such as trial {failed[0].number} ({failed[0].note})")
    if tuning.note:
        said.append(tuning.note)
    return "; ".join(said)


def _taken(tuning: Tuning) -> str:
    from mlcli.config.render import flow_text

    if tuning.best == 0:
        return "found nothing better than the model as configured; its parameters stay"
    return f"taken: model.params: {flow_text(tuning.winner.params)}"
