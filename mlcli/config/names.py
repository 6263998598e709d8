"""Names in a config that the catalogue must know: models, their parameters, metrics."""

from __future__ import annotations

from collections.abc import Iterator

from mlcli.config.keys import Key
from mlcli.config.problems import got, unknown_key
from mlcli.config.tree import Entries, Items, Leaf, Place, Problem, Tree, find
from mlcli.config.tune_space import tune_problems
from mlcli.registry import METRICS, MODELS, did_you_mean, model_parameters

_TASKS = ("classification", "regression")


def check_names(tree: Entries) -> list[Problem]:
    """Return what is wrong with the names in `tree`, whatever else is wrong with it."""
    task = _text(tree, ("task",))
    task = task if task in _TASKS else None
    return [*_model_problems(tree, task), *tune_problems(tree, task), *_metric_problems(tree, task)]


def _model_problems(tree: Entries, task: str | None) -> Iterator[Problem]:
    key = ("model", "name")
    name = _text(tree, key)
    entry = find(tree, key)
    if name is None or entry is None:
        return
    if name not in MODELS:
        advice = _advice(name, list(MODELS), entry.value) or f". Known: {', '.join(MODELS)}"
        yield Problem(entry.value.place, key, f"unknown model {got(entry.value)}{advice}")
        return
    tasks = MODELS[name].tasks
    if task is not None and task not in tasks:
        text = f"{name!r} is for {' and '.join(tasks)}, and task is {task}"
        able = [other for other, model in MODELS.items() if task in model.tasks and other != "dummy"]
        hint = f"Models for {task}: {', '.join(able)}."
        yield Problem(entry.value.place, key, text, hint)
        return
    yield from _parameter_problems(tree, name, (task,) if task else tasks)


def _parameter_problems(tree: Entries, model: str, tasks: tuple[str, ...]) -> Iterator[Problem]:
    tables = [table for table in (model_parameters(model, task) for task in tasks) if table is not None]
    entry = find(tree, ("model", "params"))
    if not tables or entry is None or not isinstance(entry.value, Entries):
        return
    known = sorted({parameter for table in tables for parameter in table})
    name = find(tree, ("model", "name"))
    hint = f"`mlcli models {model}` lists its parameters with their defaults."
    if name is not None and not name.place.line and entry.place.line:
        hint = "`--set model.params={}` leaves out the parameters that the file gives its own model."
    for parameter, below in entry.value.entries.items():
        if parameter in known:
            continue
        problem = unknown_key(("model", "params", parameter), tree, known=known, what=f"parameter of {model}")
        yield Problem(below.place, problem.key, problem.text, hint)


def _metric_problems(tree: Entries, task: str | None) -> Iterator[Problem]:
    metrics = find(tree, ("evaluate", "metrics"))
    if metrics is not None and isinstance(metrics.value, Items):
        seen: set[str] = set()
        for item in metrics.value.items:
            if isinstance(item, Leaf) and isinstance(item.value, str):
                key = ("evaluate", "metrics")
                yield from _metric_problem(item.value, item, item.place, key, task)
                if item.value in seen:
                    yield Problem(item.place, key, f"must name each metric once. Got {item.value!r} twice")
                seen.add(item.value)
    tuned_by = find(tree, ("tune", "metric"))
    if tuned_by is not None and isinstance(tuned_by.value, Leaf) and isinstance(tuned_by.value.value, str):
        leaf = tuned_by.value
        yield from _metric_problem(tuned_by.value.value, leaf, leaf.place, ("tune", "metric"), task)
    for section in ("gates", "tolerances"):
        bounds = find(tree, ("evaluate", section))
        if bounds is not None and isinstance(bounds.value, Entries):
            for name, entry in bounds.value.entries.items():
                yield from _metric_problem(name, None, entry.place, ("evaluate", section, name), task)


def _metric_problem(name: str, node: Tree | None, place: Place, key: Key, task: str | None) -> Iterator[Problem]:
    shown = got(node) if node is not None else repr(name)
    if name not in METRICS:
        fitting = [metric for metric, entry in METRICS.items() if task in {None, entry.task}]
        advice = _advice(name, list(METRICS), node) or f". Known: {', '.join(fitting)}"
        yield Problem(place, key, f"unknown metric {shown}{advice}")
    elif task is not None and METRICS[name].task != task:
        fitting = [metric for metric, entry in METRICS.items() if entry.task == task]
        text = f"{name!r} is a metric of {METRICS[name].task}, and task is {task}. Metrics of {task}: "
        yield Problem(place, key, text + ", ".join(fitting))


def _advice(name: str, known: list[str], node: Tree | None) -> str:
    if isinstance(node, Leaf) and node.written is not None:
        return ""
    close = did_you_mean(name, known)
    return f" - did you mean {close!r}?" if close else ""


def _text(tree: Entries, key: Key) -> str | None:
    entry = find(tree, key)
    value = entry.value.value if entry is not None and isinstance(entry.value, Leaf) else None
    return value if isinstance(value, str) else None
