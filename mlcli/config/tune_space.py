"""The section ``tune`` of a config: which parameters a search may vary, and over what."""

from __future__ import annotations

from collections.abc import Iterator

from mlcli.config.problems import got, unknown_key
from mlcli.config.tree import Entries, Entry, Items, Leaf, Problem, Tree, find, plain_values, pointed
from mlcli.registry import MODELS, model_parameters
from mlcli.spaces import NOT_SEARCHED, WITHOUT_SPACE, default_space, read_dimension, takes_whole


def tune_problems(tree: Entries, task: str | None) -> Iterator[Problem]:
    """Yield what is wrong with the section ``tune``, beside its types and its metric."""
    key = ("tune",)
    entry = find(tree, key)
    if entry is None or not isinstance(entry.value, Entries):
        return
    model = find(tree, ("model", "name"))
    name = model.value.value if model is not None and isinstance(model.value, Leaf) else None
    if name == "auto":
        text = "does not go with model auto, which chooses parameters by itself"
        yield Problem(entry.place, key, text, "Name one model to tune, or leave out the section tune.")
    if not isinstance(name, str) or name not in MODELS:
        return
    tasks = (task,) if task in MODELS[name].tasks else MODELS[name].tasks
    space = entry.value.entries.get("space")
    if space is not None and isinstance(space.value, Entries) and space.value.entries:
        yield from _space_problems(tree, name, tasks, space.value)
    elif space is None or isinstance(space.value, Entries) or plain_values(space.value) is None:
        yield from _default_space_problems(tree, name, task, entry)


def _space_problems(tree: Entries, model: str, tasks: tuple[str, ...], space: Entries) -> Iterator[Problem]:
    """Yield what is wrong with the dimensions that are written; what the values must be, the catalogue says."""
    known = sorted({parameter for task in tasks for parameter in model_parameters(model, task) or {}})
    searched = [parameter for parameter in known if parameter not in NOT_SEARCHED]
    name = find(tree, ("model", "name"))
    hint = f"`mlcli models {model}` shows its parameters and what is searched by default."
    if name is not None and not name.place.line and space.place.line:
        hint = "`--set tune.space={}` searches what is searched of that model by default."
    for parameter, below in space.entries.items():
        key = ("tune", "space", parameter)
        if known and parameter not in known:
            problem = unknown_key(key, tree, known=searched, what=f"parameter of {model}")
            yield Problem(below.place, key, problem.text, hint)
        elif parameter in NOT_SEARCHED:
            yield Problem(below.place, key, f"must be left out: {NOT_SEARCHED[parameter]}", hint)
        else:
            whole = any(takes_whole(model, parameter, task) for task in tasks)
            try:
                read_dimension(plain_values(below.value, key), whole=whole)
            except ValueError as error:
                text = str(error)
                shown = "" if "Got" in text else f". Got {_shown(below.value)}{_choices_advice(below.value)}"
                yield Problem(pointed(below), key, text + shown)


def _shown(node: Tree) -> str:
    """Say what was written in the place of a dimension; a short list as it stands."""
    if isinstance(node, Items) and len(node.items) <= 4 and all(isinstance(item, Leaf) for item in node.items):
        return f"[{', '.join(got(item).strip(chr(39)) for item in node.items)}]"
    return got(node)


def _choices_advice(node: Tree) -> str:
    """Return what to write instead of a list that is no range, or of a single value."""
    if isinstance(node, Items) and any(isinstance(item, Leaf) and isinstance(item.value, str) for item in node.items):
        return f" - write {{choices: {_shown(node)}}}" if _shown(node).startswith("[") else ""
    if isinstance(node, Leaf) and node.value is not None:
        return " - a value that is not searched belongs under model.params"
    return ""


def _default_space_problems(tree: Entries, model: str, task: str | None, tune: Entry) -> Iterator[Problem]:
    """Yield why the default space of a model leaves nothing to search."""
    if model in WITHOUT_SPACE:
        text = f"does not go with model {model!r}: {WITHOUT_SPACE[model]}"
        yield Problem(tune.place, ("tune",), text, "Name another model, or say in tune.space what to search.")
        return
    params = find(tree, ("model", "params"))
    fixed = set(params.value.entries) if params is not None and isinstance(params.value, Entries) else set()
    searched = default_space(model, task if task in MODELS[model].tasks else None)
    if searched and not set(searched) - fixed:
        text = f"must leave something to search: model.params sets {', '.join(searched)}"
        yield Problem(tune.place, ("tune",), text, "Say in tune.space what to search.")
