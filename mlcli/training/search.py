"""What proposes the trials of a search and keeps those that are done, so that a killed search can go on."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from mlcli.atomic import write_file
from mlcli.spaces import Space, size_of
from mlcli.training.trials import Trial

logger = logging.getLogger(__name__)

TRIALS = "trials.json"
"""Name of the file that keeps the trials of a random search."""

_ATTEMPTS = 100
"""Draws for a point that was not tried before, until one is tried again."""


class Search(Protocol):
    """A search under way.

    What it proposes follows from the seed, the number of the trial and the
    trials kept before it: never from when, or how often, it was interrupted.
    """

    independent: bool
    """Whether a proposal follows from the seed and the number alone, so that several may be made at once."""

    def finished(self) -> list[Trial]:
        """Return the trials kept so far, in the order of their numbers."""

    def propose(self, number: int) -> dict[str, Any]:
        """Return the parameters to try as trial `number`, from 1: those of the space only."""

    def is_hopeless(self, values: Sequence[float]) -> bool:
        """Say whether the trial proposed last is worth no more folds, given its values on those so far."""

    def keep(self, trial: Trial) -> None:
        """Keep a trial, on the disk."""


@dataclass(frozen=True)
class Plan:
    """What is searched.

    Parameters
    ----------
    space : Space
        The dimensions.
    params : dict
        ``model.params`` of the config.
    start : dict
        Where the model stands before the search, in the dimensions of the space.
    n_trials : int
        Trials, the start included.
    n_folds : int
        Folds that a trial is judged on.
    random_state : int
        Seed.
    greater_is_better : bool
        Whether the metric is a score or an error.
    """

    space: Space
    params: Mapping[str, Any]
    start: Mapping[str, Any]
    n_trials: int
    n_folds: int
    random_state: int
    greater_is_better: bool


def plan_trials(wanted: int, space: Space, start: Mapping[str, Any]) -> int:
    """Return how many trials there can be: no more than the space has points, and the start."""
    size = size_of(space)
    if size is None:
        return wanted
    starts_inside = all(
        start[name] in dimension.values_in_order() for name, dimension in space.items() if name in start
    )
    return min(wanted, size if starts_inside else size + 1)


class RandomSearch:
    """Points drawn at random, each distinct from those before it; every trial is judged on all folds.

    Parameters
    ----------
    folder : Path
        Where the trials are kept.
    plan : Plan
        What is searched.
    """

    independent = True

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._path = folder / TRIALS
        self._points = _points(plan)
        self._trials = _read_trials(self._path)

    def finished(self) -> list[Trial]:
        """Return the trials kept so far, in the order of their numbers."""
        return list(self._trials)

    def propose(self, number: int) -> dict[str, Any]:
        """Return the parameters to try as trial `number`, from 1."""
        return self._points[number - 1]

    def is_hopeless(self, values: Sequence[float]) -> bool:  # noqa: ARG002 - the other search looks at them
        """Say no: every trial is judged on all folds."""
        return False

    def keep(self, trial: Trial) -> None:
        """Keep a trial, on the disk."""
        self._trials.append(trial)
        # Not msgspec's JSON: it writes null for a parameter that is infinite, such as C of no penalty.
        write_file(self._path, json.dumps(msgspec.to_builtins(self._trials)))


def _points(plan: Plan) -> list[dict[str, Any]]:
    """Return what to try after the start: all of a small space in random order, else points drawn at random."""
    import numpy as np

    n_points = plan.n_trials - 1
    size = size_of(plan.space)
    seen = {point_text(plan.start)}
    if size is not None and size <= plan.n_trials:
        every = itertools.product(*(dimension.values_in_order() for dimension in plan.space.values()))
        points = [dict(zip(plan.space, values, strict=True)) for values in every]
        order = np.random.default_rng(plan.random_state).permutation(len(points))
        return [points[at] for at in order if point_text(points[at]) not in seen][:n_points]
    drawn: list[dict[str, Any]] = []
    for number in range(1, n_points + 1):
        rng = np.random.default_rng((plan.random_state, number))
        point: dict[str, Any] = {}
        for _ in range(_ATTEMPTS):
            point = {name: dimension.at(rng.random()) for name, dimension in plan.space.items()}
            if point_text(point) not in seen:
                break
        seen.add(point_text(point))
        drawn.append(point)
    return drawn


def point_text(params: Mapping[str, Any]) -> str:
    """Return parameters as a text that is the same for the same values: 1, 1.0 and true are three."""
    return repr(sorted(params.items()))


def _read_trials(path: Path) -> list[Trial]:
    try:
        return msgspec.convert(json.loads(path.read_bytes()), list[Trial])
    except FileNotFoundError:
        return []
    except (ValueError, msgspec.ValidationError):
        logger.warning("%s cannot be read; the search begins anew", path)
        return []
