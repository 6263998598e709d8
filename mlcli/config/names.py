"""Names in a config that the catalogue must know: models, their parameters, metrics."""

from __future__ import annotations

from collections.abc import Iterator

from mlcli.config.keys import Key
from mlcli.config.model_sections import CandidateConfig
from mlcli.config.problems import got, unknown_key
from mlcli.config.tree import Entries, Items, Leaf, Place, Problem, Tree, find, plain_values
from mlcli.config.tune_space import tune_problems
from mlcli.registry import AUTO, METRICS, MODELS, did_you_mean, model_parameters

_TASKS = ("classification", "regression")


def check_names(tree: Entries) -> list[Problem]:
    """Return what is wrong with the names in `tree`, whatever else is wrong with it."""
    task = _text(tree, ("task",))
    task = task if task in _TASKS else None
    return [*_model_problems(tree, task), *tune_problems(tree, task), *_metric_problems(tree, task)]


def _model_problems(tree: Entries, task: str | None) -> Iterator[Problem]:
    yield from _one_model_problems(tree, ("model",), task)
    yield from _candidate_problems(tree, task)


def _candidate_problems(tree: Entries, task: str | None) -> Iterator[Problem]:
    """Yield what is wrong with each model of a list, which has places but no keys of its own."""
    entry = find(tree, ("model", "candidates"))
    if entry is None or not isinstance(entry.value, Items):
        return
    seen: set[str] = set()
    for position, item in enumerate(entry.value.items):
        key = ("model", "candidates", str(position))
        found = [*_shape_problems(item, key), *_one_model_problems(tree, key, task)]
        said = repr(plain_values(item, ("model", "candidates")))
        if not found and said in seen:
            found = [Problem(item.place, key, "must not stand twice in the list")]
        seen.add(said)
        yield from found


def _shape_problems(item: Tree, key: Key) -> Iterator[Problem]:
    known = tuple(CandidateConfig.model_fields)
    if not isinstance(item, Entries):
        text = f"must be a model's name, or a mapping such as {{name: svm, params: {{C: 2}}}}. Got {got(item)}"
        yield Problem(item.place, key, text)
        return
    for name, entry in item.entries.items():
        if name not in known:
            close = did_you_mean(name, known)
            advice = f" - did you mean {close!r}?" if close else f". Known: {', '.join(known)}"
            yield Problem(entry.place, (*key, name), f"unknown key{advice}")
    named, params = item.entries.get("name"), item.entries.get("params")
    if named is None:
        yield Problem(item.place, (*key, "name"), "is missing. It must be given: a name from `mlcli models`")
    elif not isinstance(named.value, Leaf) or not isinstance(named.value.value, str):
        yield Problem(named.value.place, (*key, "name"), f"must be text. Got {got(named.value)}")
    elif named.value.value == AUTO:
        text = "must name a model to choose from. Got 'auto', which is the choice itself"
        yield Problem(named.value.place, (*key, "name"), text)
    if params is not None and not isinstance(params.value, Entries):
        yield Problem(params.value.place, (*key, "params"), f"must be a mapping of parameters. Got {got(params.value)}")


def _one_model_problems(tree: Entries, model: Key, task: str | None) -> Iterator[Problem]:
    key = (*model, "name")
    name = _text(tree, key)
    entry = find(tree, key)
    if name is None or entry is None or name == AUTO:
        return
    if name not in MODELS:
        known = list(MODELS) if len(model) > 1 else [*MODELS, AUTO]
        advice = _advice(name, known, entry.value) or f". Known: {', '.join(known)}"
        yield Problem(entry.value.place, key, f"unknown model {got(entry.value)}{advice}")
        return
    tasks = MODELS[name].tasks
    if task is not None and task not in tasks:
        text = f"{name!r} is for {' and '.join(tasks)}, and task is {task}"
        able = [other for other, offered in MODELS.items() if task in offered.tasks and other != "dummy"]
        hint = f"Models for {task}: {', '.join(able)}."
        yield Problem(entry.value.place, key, text, hint)
        return
    yield from _parameter_problems(tree, model, name, (task,) if task else tasks)


def _parameter_problems(tree: Entries, model: Key, name: str, tasks: tuple[str, ...]) -> Iterator[Problem]:
    tables = [table for table in (model_parameters(name, task) for task in tasks) if table is not None]
    entry = find(tree, (*model, "params"))
    if not tables or entry is None or not isinstance(entry.value, Entries):
        return
    known = sorted({parameter for table in tables for parameter in table})
    named = find(tree, (*model, "name"))
    hint = f"`mlcli models {name}` lists its parameters with their defaults."
    if named is not None and not named.place.line and entry.place.line:
        hint = "`--set model.params={}` leaves out the parameters that the file gives its own model."
    for parameter, below in entry.value.entries.items():
        if parameter in known:
            continue
        problem = unknown_key((*model, "params", parameter), tree, known=known, what=f"parameter of {name}")
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
