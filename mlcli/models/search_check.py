"""A search for parameters, held against what the model accepts."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import cast

from mlcli.config.sections import Config, Task
from mlcli.errors import ConfigError, MissingExtraError
from mlcli.models.catalogue import model_entry, refusal_of
from mlcli.spaces import Dimension, space_of


def check_search(config: Config, *, task: Task | None, place: Callable[[str], str] = str) -> None:
    """Refuse a search that could not be made, before any data is read.

    Parameters
    ----------
    config : Config
        Model and search; nothing is refused of a config without a search.
    task : {"classification", "regression"} or None
        What is predicted; None where only the data will tell: then the space
        must suit one of the model's tasks.
    place : callable, optional
        From a dotted key to what an error message calls its place.

    Raises
    ------
    ConfigError
        If a value of the space is not accepted by the model; all of them in one error.
    MissingExtraError
        If Optuna is needed and not installed.
    """
    if config.tune is None:
        return
    if config.tune.method == "tpe" and find_spec("optuna") is None:
        raise MissingExtraError("tune.method 'tpe'", extra="tune")
    tasks = model_entry(config.model.name, place=place).tasks if task is None else (task,)
    found = [_problems(config, cast("Task", possible), place) for possible in tasks]
    if all(found):
        hint = f"`mlcli models {config.model.name}` lists the parameters."
        raise ConfigError("\n".join(found[0]), hint=hint, problems=found[0])


def _problems(config: Config, task: Task, place: Callable[[str], str]) -> list[str]:
    """Return what the model does not accept of the space, for one task."""
    assert config.tune is not None, "asked before"
    model = config.model
    space = space_of(model.name, task, written=config.tune.space, fixed=model.params)
    told = (_problem(model.name, param, dimension, task) for param, dimension in space.items())
    return [
        f"{place(f'tune.space.{param}')} {text}" for param, text in zip(space, told, strict=True) if text is not None
    ]


def _problem(name: str, param: str, dimension: Dimension, task: Task) -> str | None:
    for value in dimension.probes:
        allowed = refusal_of(name, param, value, task=task)
        if allowed is not None:
            return f"must hold values that the model accepts: {allowed}. Got {value!r} in it."
    return None
