"""What a search may try for each parameter of a model: the form in a config, and the defaults.

A space says for each parameter one of::

    [low, high]            a number between the two, both included
    [low, high, log]       likewise, as many below 1 as above for [0.1, 10, log]
    {choices: [a, b, c]}   one of these

A range holds whole numbers where both ends are whole and the parameter takes
whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mlcli.registry import MODELS, model_parameters

FORMS = "[low, high], [low, high, log] or {choices: [...]}"
"""What a dimension may look like, for messages."""

MAX_CHOICES = 1000


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, both included.

    Parameters
    ----------
    low, high : float
        The ends, low < high.
    log : bool
        Whether each factor is as likely, rather than each step.
    whole : bool
        Whether only whole numbers are meant.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def at(self, share: float) -> float:
        """Return the number at a share, in [0, 1), of the range; four digits are enough to tell models apart."""
        # Half a step beyond the ends, so that each whole number is as likely as its neighbours.
        half = 0.5 if self.whole else 0.0
        low, high = self.low - half, self.high + half
        value = low * (high / low) ** share if self.log else low + (high - low) * share
        return self.tidy(value)

    def tidy(self, value: float) -> float:
        """Return a number near `value` that reads well: whole where asked, else of four digits."""
        if self.whole:
            return min(max(round(value), int(self.low)), int(self.high))
        return min(max(float(f"{value:.4g}"), float(self.low)), float(self.high))

    @property
    def probes(self) -> tuple[float, ...]:
        """Values that stand for all: the ends and some between."""
        return tuple(
            dict.fromkeys((self.tidy(self.low), *(self.at(share) for share in (0.3, 0.7)), self.tidy(self.high)))
        )

    @property
    def size(self) -> int | None:
        """How many values there are; None for too many to count."""
        return int(self.high) - int(self.low) + 1 if self.whole else None

    def values_in_order(self) -> list[Any]:
        """Return every value of a range of whole numbers."""
        assert self.whole, "only whole numbers can be counted"
        return list(range(int(self.low), int(self.high) + 1))


@dataclass(frozen=True)
class Choices:
    """One of some values.

    Parameters
    ----------
    values : tuple of object
        Plain values, as a config holds them.
    """

    values: tuple[Any, ...]

    def at(self, share: float) -> Any:
        """Return the value at a share, in [0, 1), of the choices."""
        return self.values[int(share * len(self.values))]

    @property
    def probes(self) -> tuple[Any, ...]:
        """Every choice."""
        return self.values

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.values)

    def values_in_order(self) -> list[Any]:
        """Return every choice."""
        return list(self.values)


Dimension = Range | Choices
Space = Mapping[str, Dimension]
"""A dimension for each parameter that is searched."""


DEFAULT_SPACES: Mapping[str, Mapping[str, Any]] = {
    "ridge": {"alpha": [0.001, 1000.0, "log"]},
    "lasso": {"alpha": [0.00001, 1.0, "log"]},
    "elastic_net": {"alpha": [0.00001, 1.0, "log"], "l1_ratio": [0.05, 1.0]},
    "logistic_regression": {"C": [0.001, 100.0, "log"]},
    "decision_tree": {"max_depth": [2, 20], "min_samples_leaf": [1, 100, "log"]},
    # More trees are never worse, only slower: their number is no matter of search.
    "random_forest": {
        "max_features": {"choices": ["sqrt", 0.2, 0.4, 0.6, 0.8, 1.0]},
        "min_samples_leaf": [1, 30, "log"],
    },
    "extra_trees": {
        "max_features": {"choices": ["sqrt", 0.2, 0.4, 0.6, 0.8, 1.0]},
        "min_samples_leaf": [1, 30, "log"],
    },
    "gradient_boosting": {
        "learning_rate": [0.02, 0.3, "log"],
        "max_iter": [50, 400, "log"],
        "max_leaf_nodes": [4, 63, "log"],
        "min_samples_leaf": [5, 100, "log"],
        "l2_regularization": {"choices": [0.0, 0.1, 1.0, 10.0]},
        "max_features": [0.3, 1.0],
    },
    "svm": {
        "C": [0.01, 100.0, "log"],
        "gamma": {"choices": ["scale", 0.001, 0.003, 0.01, 0.03, 0.1, 0.3]},
        "epsilon": [0.01, 0.5, "log"],
    },
    "linear_svm": {"C": [0.001, 100.0, "log"], "epsilon": {"choices": [0.0, 0.05, 0.1, 0.2, 0.5]}},
    "nearest_neighbors": {
        "n_neighbors": [1, 50, "log"],
        "weights": {"choices": ["uniform", "distance"]},
        "p": {"choices": [1, 2]},
    },
    "naive_bayes": {"var_smoothing": [1e-10, 1.0, "log"]},
    "mlp": {
        "hidden_layer_sizes": {"choices": [[50], [100], [200], [50, 50], [100, 50]]},
        "alpha": [0.000001, 1.0, "log"],
        "learning_rate_init": [0.0002, 0.01, "log"],
    },
    "lightgbm": {
        "learning_rate": [0.02, 0.3, "log"],
        "n_estimators": [50, 400, "log"],
        "num_leaves": [4, 63, "log"],
        "min_child_samples": [5, 100, "log"],
        "colsample_bytree": [0.4, 1.0],
        "reg_lambda": {"choices": [0.0, 0.1, 1.0, 10.0]},
    },
    "xgboost": {
        "learning_rate": [0.02, 0.3, "log"],
        "n_estimators": [50, 400, "log"],
        "max_depth": [2, 10],
        "min_child_weight": [1.0, 30.0, "log"],
        "subsample": [0.5, 1.0],
        "colsample_bytree": [0.4, 1.0],
        "reg_lambda": [0.1, 10.0, "log"],
    },
    "catboost": {
        "depth": [3, 8],
        "iterations": [100, 600, "log"],
        "l2_leaf_reg": [1.0, 30.0, "log"],
        "random_strength": [0.1, 10.0, "log"],
    },
}
"""What is searched where a config gives no space, by model; each holds the model's own defaults."""

WITHOUT_SPACE: Mapping[str, str] = {
    "dummy": "it learns nothing that could be tuned",
    "linear": "it has no strength to set; ridge has",
}
"""Models without a default space, and why."""

NOT_SEARCHED: Mapping[str, str] = {
    "random_state": "a lucky seed is no better model",
    "n_jobs": "it changes the time, not the model",
}
"""Parameters that a search may not vary, and why."""


def default_space(model: str, task: str | None) -> dict[str, Any]:
    """Return what is searched of a model by default, in the form of a config.

    Parameters
    ----------
    model : str
        Name of the model.
    task : str or None
        What is predicted; None for every task of the model.
    """
    tasks = MODELS[model].tasks if task is None else (task,)
    known = {parameter for each in tasks for parameter in model_parameters(model, each) or {}}
    return {name: written for name, written in DEFAULT_SPACES.get(model, {}).items() if name in known}


def space_of(model: str, task: str | None, *, written: Mapping[str, Any], fixed: Collection[str]) -> Space:
    """Return the space that a config means.

    Parameters
    ----------
    model : str
        Name of the model.
    task : str or None
        What is predicted, where it is known.
    written : mapping
        The config's ``tune.space``; the default space where it is empty.
    fixed : collection of str
        What ``model.params`` sets: not searched, unless `written` says so.

    Raises
    ------
    ValueError
        If a dimension has no form of a dimension; the config's own check says where.
    """
    chosen = written or {name: form for name, form in default_space(model, task).items() if name not in fixed}
    return {name: read_dimension(form, whole=takes_whole(model, name, task)) for name, form in chosen.items()}


def size_of(space: Space) -> int | None:
    """Return how many points a space holds; None for too many to count."""
    sizes = [dimension.size for dimension in space.values()]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def takes_whole(model: str, parameter: str, task: str | None) -> bool:
    """Say whether a parameter takes whole numbers."""
    tasks = MODELS[model].tasks if task is None else (task,)
    facts = [(model_parameters(model, each) or {}).get(parameter) for each in tasks]
    return any("an int" in (fact["allowed"] or "") for fact in facts if fact)


def read_dimension(form: Any, *, whole: bool) -> Dimension:
    """Return the dimension that a config means.

    Parameters
    ----------
    form : object
        A list, or a mapping with the key ``choices``.
    whole : bool
        Whether the parameter takes whole numbers.

    Raises
    ------
    ValueError
        If it is neither; the text says the rule.
    """
    if isinstance(form, Mapping):
        return _choices(form)
    if not isinstance(form, list | tuple):
        raise ValueError(f"must be {FORMS}")  # noqa: TRY004 - a value of a config, whatever its type
    numbers = [value for value in form[:2] if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < 2 or len(form) > 3 or (len(form) == 3 and form[2] != "log"):
        raise ValueError(f"must be {FORMS}")
    low, high = numbers
    log = len(form) == 3
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("must have ends that are finite")
    if low >= high:
        raise ValueError(f"must have its lower end first, and below the upper one. Got {low} and {high}")
    if log and low <= 0:
        raise ValueError(f"must begin above 0 to be searched by factors (log). Got {low}")
    return Range(low, high, log=log, whole=whole and isinstance(low, int) and isinstance(high, int))


def _choices(form: Mapping[str, Any]) -> Choices:
    values = form.get("choices")
    if set(form) != {"choices"} or not isinstance(values, list | tuple):
        raise ValueError(f"must be {FORMS}")
    if not 1 <= len(values) <= MAX_CHOICES:
        raise ValueError(f"must give 1 to {MAX_CHOICES} choices. Got {len(values)}")
    # 1, 1.0 and true are equal to Python, and three things in a config.
    texts = [repr(value) for value in values]
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise ValueError(f"must give each choice once. Got {twice} twice")
    return Choices(tuple(values))
