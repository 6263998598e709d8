"""What a choice will cost, said before it starts."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.data.schema import Schema
from mlcli.models.portfolio import ROUNDS, Recipe
from mlcli.training.greedy import MAX_MEMBERS

if TYPE_CHECKING:
    from mlcli.training.prepare import Fold

_WORTH_PROCESSES = 60.0
"""Seconds of fits from which processes beside this one pay: each imports scikit-learn first, for some seconds."""

_COST: Mapping[str, tuple[float, float]] = {
    "gradient_boosting": (0.3, 1e-4),
    "random_forest": (0.2, 1e-4),
    "extra_trees": (0.15, 8e-5),
    "svm": (0.02, 5e-5),
    "mlp": (0.1, 1e-4),
    "lightgbm": (0.2, 4e-5),
    "catboost": (0.6, 1e-4),
    "xgboost": (0.3, 6e-5),
}
"""By model, seconds of a fit: at least, and for each row times the root of the columns. For people, never for a choice."""

_LINEAR_COST = (0.02, 3e-6)

_SHARE_OF_CLASSES = 0.4
"""How much longer boosting takes for each class beyond two: its trees are as many, but end sooner."""


@dataclass(frozen=True)
class Plan:
    """How the fits will run.

    Parameters
    ----------
    n_jobs : int
        Fits beside each other.
    sentence : str
        The plan in a line.
    """

    n_jobs: int
    sentence: str


def plan_choice(recipes: Sequence[Recipe], schema: Schema, folds: Sequence[Fold]) -> Plan:
    """Count the fits of a choice and guess their time.

    Parameters
    ----------
    recipes : sequence of Recipe
        The candidates.
    schema : Schema
        Their columns and classes.
    folds : sequence of Fold
        The folds.
    """
    n_fits = len(recipes) * len(folds)
    work = sum(_seconds(recipe, schema, len(fold.train)) for recipe in recipes for fold in folds)
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    n_jobs = min(n_cores, n_fits) if work > _WORTH_PROCESSES else 1
    beside = f", {n_jobs} at once" if n_jobs > 1 else ""
    models, parts = _counted(len(recipes), "model"), _counted(len(folds), "fold")
    most = _counted(min(MAX_MEMBERS, len(recipes)), "fit")
    return Plan(
        n_jobs,
        f"{models} x {parts}, {_counted(n_fits, 'fit')}{beside}, then at most {most} on all rows; about {_about(work / n_jobs)}",
    )


def _seconds(recipe: Recipe, schema: Schema, n_rows: int) -> float:
    least, each = _COST.get(recipe.model.name, _LINEAR_COST)
    more = max(0, len(schema.target.classes or ()) - 2) if recipe.model.name in ROUNDS else 0
    return float((least + each * n_rows * math.sqrt(max(1, len(schema.columns)))) * (1 + _SHARE_OF_CLASSES * more))


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' if n != 1 else ''}"


def _about(seconds: float) -> str:
    """Return a guess in a few words, not more exact than it is."""
    if seconds < 10:
        return "10 s"
    if seconds < 90:
        return f"{10 * round(seconds / 10)} s"
    return f"{round(seconds / 60)} min"
