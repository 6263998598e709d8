"""How the catalogue of models is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from mlcli.cli.terminal import show, show_json
from mlcli.cli.tuning_text import show_default_space
from mlcli.config.kinds import Task
from mlcli.errors import ConfigError
from mlcli.registry import AUTO, MODELS, ModelEntry, did_you_mean, model_parameters
from mlcli.spaces import default_space

if TYPE_CHECKING:
    from rich.table import Table


def show_models(*, as_json: bool) -> None:
    """List every model with its tasks."""
    if as_json:
        from mlcli.cli.documents.catalogue import CatalogueModel, ModelsDocument

        show_json(
            ModelsDocument(
                models=tuple(
                    CatalogueModel(name=name, tasks=_tasks(entry), extra=entry.extra, summary=entry.summary)
                    for name, entry in MODELS.items()
                )
            )
        )
        return
    from rich.table import Table

    table = Table("model", "for", "what it is", box=None, pad_edge=False, header_style="bold")
    for name, entry in MODELS.items():
        extra = f" Needs the extra '{entry.extra}'." if entry.extra else ""
        table.add_row(name, "both" if len(entry.tasks) > 1 else entry.tasks[0], entry.summary + extra)
    show(
        table,
        "",
        "both: classification and regression. Parameters of one: mlcli models NAME",
        f"A config may also say {AUTO}, or a list of these: the best are chosen by cross-validation and combined.",
    )


def show_model(name: str, *, as_json: bool) -> None:
    """Show one model's parameters for each of its tasks.

    Raises
    ------
    ConfigError
        If there is no such model.
    """
    if name not in MODELS:
        close = did_you_mean(name, list(MODELS))
        hint = f"Did you mean {close!r}?" if close else "mlcli models lists them."
        if name == AUTO:
            hint = "auto is a choice between the models that mlcli models lists; it has no parameters of its own."
        raise ConfigError(f"NAME must be a model of the catalogue. Got {name!r}.", hint=hint)
    entry = MODELS[name]
    by_task = {task: model_parameters(name, task) or {} for task in entry.tasks}
    if as_json:
        import msgspec

        from mlcli.cli.documents.catalogue import ModelDocument, Parameter

        show_json(
            ModelDocument(
                name=name,
                tasks=_tasks(entry),
                extra=entry.extra,
                summary=entry.summary,
                parameters=msgspec.convert(by_task, dict[str, dict[str, Parameter]]),
                spaces={task: default_space(name, task) for task in entry.tasks},
            )
        )
        return
    show(f"[bold]{name}[/] ({', '.join(entry.tasks)}): {entry.summary}", "")
    rows = _rows(by_task)
    if not rows:
        show("It has no parameters.")
    else:
        show(_table(rows))
    show_default_space(name)
    show(f"\nIn a config:\n  model:\n    name: {name}{_example(rows)}")


def _tasks(entry: ModelEntry) -> tuple[Task, ...]:
    return tuple(task for task in get_args(Task) if task in entry.tasks)


def _rows(by_task: dict[str, dict[str, Any]]) -> list[tuple[str, Any, str]]:
    """Return name, default and rule of each parameter: once where the tasks agree, else once a task."""
    rows: list[tuple[str, Any, str]] = []
    for parameter in sorted({name for parameters in by_task.values() for name in parameters}):
        facts = {task: parameters.get(parameter) for task, parameters in by_task.items()}
        first = next(iter(facts.values()))
        agreed = first is not None and all(other == first for other in facts.values())
        for task, fact in facts.items():
            if fact is not None:
                name = parameter if agreed else f"{parameter} ({task})"
                rows.append((name, fact["default"], fact["allowed"]))
            if agreed:
                break
    return rows


def _table(rows: list[tuple[str, Any, str]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("parameter", "default", "allowed", box=None, pad_edge=False, header_style="bold")
    for name, default, allowed in rows:
        table.add_row(escape(name), escape(_yaml_text(default)), escape(allowed))
    return table


def _example(rows: list[tuple[str, Any, str]]) -> str:
    """Return a line of YAML that sets the first parameter with a plain number above 0 as its default."""
    for name, default, _ in rows:
        if isinstance(default, int | float) and not isinstance(default, bool) and default > 0:
            return f"\n    params: {{{name.partition(' ')[0]}: {default}}}"
    return ""


def _yaml_text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
