"""The catalogue: a model's name and parameters to an unfitted estimator."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from numbers import Integral
from typing import Any, cast

from mlcli.config.model_sections import ModelConfig
from mlcli.config.section import MAX_SEED
from mlcli.config.sections import Task
from mlcli.errors import ConfigError, MissingExtraError
from mlcli.registry import MODELS, ModelEntry, did_you_mean


@dataclass(frozen=True)
class Preference:
    """A default that differs from the library's, and why.

    Parameters
    ----------
    param : str
        Name of the parameter.
    value : object
        The default.
    reason : str
        Why the library's own serves a first model badly, for people.
    tasks : tuple of str
        Tasks for which it holds.
    """

    param: str
    value: Any
    reason: str
    tasks: tuple[str, ...] = ("classification", "regression")


PREFERENCES: Mapping[str, tuple[Preference, ...]] = {
    "logistic_regression": (Preference("max_iter", 1000, "100 steps end too early on wide tables."),),
    "lasso": (
        Preference("alpha", 0.001, "In standard deviations of the target; 1 would leave every column out."),
        Preference("max_iter", 10_000, "1000 steps end too early where columns say nearly the same."),
    ),
    "elastic_net": (
        Preference("alpha", 0.001, "In standard deviations of the target; 1 would leave every column out."),
        Preference("max_iter", 10_000, "1000 steps end too early where columns say nearly the same."),
    ),
    "decision_tree": (
        Preference("max_depth", 8, "A tree without limit learns the training rows by heart."),
        Preference("min_samples_leaf", 5, "A leaf of one row gives probabilities of 0 and 1."),
    ),
    "random_forest": (Preference("min_samples_leaf", 2, "Half the nodes, surer probabilities, as good a score."),),
    "extra_trees": (Preference("min_samples_leaf", 2, "Half the nodes, surer probabilities, as good a score."),),
    "gradient_boosting": (
        Preference("early_stopping", False, "100 trees do not overfit enough to hold back a tenth of the rows."),
    ),
    "linear_svm": (Preference("max_iter", 10_000, "1000 steps end too early on most tables."),),
    "mlp": (Preference("max_iter", 300, "200 rounds end too early on small tables."),),
}
"""Defaults of ours, by model. Those of our own estimators stand in their signatures."""

_SEED = Preference("random_state", ModelConfig.model_fields["random_state"].default, "That of model.random_state.")

LEFT_OUT: Mapping[str, str] = {
    "class_weight": "Use model.class_weight, which every model that takes weights obeys.",
    "verbose": "Use -v on the command line.",
    "warm_start": "Every fit starts afresh.",
    "copy_X": "The model may always overwrite its copy of the data.",
    "precompute": "It is chosen by the library.",
    "oob_score": "Rows held out are chosen by `split`.",
    "monotonic_cst": "Columns cannot be named to the library.",
    "interaction_cst": "Columns cannot be named to the library.",
    "categorical_features": "Use preprocess.category.",
    "metric_params": "Choose a metric that needs none.",
    "scoring": "The library's own loss decides.",
}
"""Parameters of the libraries that a config may not set, and what to do instead."""

LEFT_OUT_OF: Mapping[str, Mapping[str, str]] = {
    # Both are on their way out of scikit-learn and warn when set.
    "logistic_regression": {
        "penalty": "Use l1_ratio: 0 for the L2 penalty, 1 for L1; and a very large C for none.",
        "n_jobs": "It has no effect.",
    },
}
"""More of the same, by model."""

REFUSED: Mapping[str, frozenset[str]] = {
    "kernel": frozenset({"precomputed"}),  # needs distances between rows instead of rows
    "metric": frozenset(
        {"precomputed", "pyfunc", "nan_euclidean", "infinity", "p"}  # not for rows as we give them, or second names
        | {"haversine", "mahalanobis", "seuclidean"}  # need two columns, or arrays that a config cannot give
        # Look at nothing but whether a cell is 0.
        | {"dice", "jaccard", "rogerstanimoto", "russellrao", "sokalmichener", "sokalsneath", "yule"}
    ),
    "strategy": frozenset({"stratified", "uniform"}),  # answers by chance, so never the same twice
}
"""Values that scikit-learn takes and a config may not say, by parameter."""

_HANGS_ON_DATA = frozenset({"priors", "constant", "validation_fraction", "max_samples", "max_features"})
"""Parameters that only the true rows can judge."""


@dataclass(frozen=True)
class Parameter:
    """One parameter that a config may set.

    Parameters
    ----------
    name : str
        Its name below ``model.params``.
    default : object
        Its value when left out, as JSON would hold it.
    allowed : str
        What it accepts, in words.
    reason : str, optional
        Why the default differs from the library's.
    """

    name: str
    default: Any
    allowed: str
    reason: str | None = None


def model_entry(name: str, *, place: Callable[[str], str] = str) -> ModelEntry:
    """Return the registry's entry of a model.

    Parameters
    ----------
    name : str
        Name of the model.
    place : callable, optional
        From a dotted key to what an error message calls its place.

    Raises
    ------
    ConfigError
        If there is no such model, with the nearest name as the hint.
    """
    if name not in MODELS:
        close = did_you_mean(name, sorted(MODELS))
        raise ConfigError(
            f"{place('model.name')} must be one of {', '.join(sorted(MODELS))}. Got {name!r}.",
            hint=f"Did you mean {close!r}?" if close else None,
        )
    return MODELS[name]


def build_estimator(config: ModelConfig, *, task: Task) -> Any:
    """Return the unfitted estimator that `config` names.

    Its parameters are those of the config, then our preferences, then the
    library's defaults. The seed is `config.random_state` where the estimator
    has one. ``n_jobs`` stays None unless the config sets it: `fit_pipeline`
    uses every core for a forest, and a prediction one, so that its sums are
    always taken in the same order.

    Parameters
    ----------
    config : ModelConfig
        Name and parameters; check them with `check_parameters` first.
    task : {"classification", "regression"}
        What is predicted.

    Returns
    -------
    estimator
        Compatible with scikit-learn.

    Raises
    ------
    ConfigError
        If the model is not known or does not solve the task.
    MissingExtraError
        If its library is not installed.
    """
    estimator_class = _estimator_class(config.name, task)
    params = {preference.param: preference.value for preference in _preferences(config.name, task)}
    if "random_state" in _defaults(estimator_class):
        params["random_state"] = config.random_state
    return estimator_class(**{**params, **config.params})


def model_parameters_of(name: str, task: Task) -> tuple[Parameter, ...]:
    """Return the parameters that a config may set for a model, in alphabetical order.

    Parameters
    ----------
    name : str
        Name of the model.
    task : {"classification", "regression"}
        What is predicted.

    Raises
    ------
    ConfigError
        If the model is not known or does not solve the task.
    """
    from mlcli.models.constraints import allowed_text

    estimator_class = _estimator_class(name, task)
    defaults = _defaults(estimator_class)
    preferences = {preference.param: preference for preference in _preferences(name, task)}
    parameters = []
    for param, constraints in sorted(_constraints(name, estimator_class).items()):
        preference = _SEED if param == "random_state" else preferences.get(param)
        default = preference.value if preference else defaults[param]
        parameters.append(
            Parameter(
                param,
                list(default) if isinstance(default, tuple) else default,
                allowed_text(constraints, refused=REFUSED.get(param, ())),
                preference.reason if preference else None,
            )
        )
    return tuple(parameters)


def check_parameters(config: ModelConfig, *, task: Task | None, place: Callable[[str], str] = str) -> None:
    """Refuse a model or parameters that could not be fitted, before any data is read.

    Parameters
    ----------
    config : ModelConfig
        Name and parameters.
    task : {"classification", "regression"} or None
        What is predicted; None where only the data will tell: then the
        parameters must suit one of the model's tasks.
    place : callable, optional
        From a dotted key, such as ``model.params.C``, to what an error
        message calls its place. Left out: the key itself.

    Raises
    ------
    ConfigError
        If the model is not known or does not solve the task, if a parameter
        is not known or its value not accepted (all of them in one error), or
        if the values do not go together.
    MissingExtraError
        If the model's library is not installed.
    """
    tasks = model_entry(config.name, place=place).tasks if task is None else (task,)
    refusals: list[ConfigError] = []
    for possible in tasks:
        try:
            _check_for_task(config, cast("Task", possible), place)
        except ConfigError as refusal:
            refusals.append(refusal)
    if len(refusals) == len(tasks):
        raise refusals[0]


def refusal_of(name: str, param: str, value: Any, *, task: Task) -> str | None:
    """Return what a parameter of a model must be where it does not accept `value`, in words; else None.

    Raises
    ------
    ConfigError
        If the model is not known or does not solve the task.
    MissingExtraError
        If its library is not installed.
    """
    from mlcli.models.constraints import accepts, allowed_text

    constraints = _constraints(name, _estimator_class(name, task)).get(param)
    if constraints is None:
        return f"a parameter of {name} for {task}"
    refused = REFUSED.get(param, ())
    return None if accepts(constraints, value, refused=refused) else allowed_text(constraints, refused=refused)


def _check_for_task(config: ModelConfig, task: Task, place: Callable[[str], str]) -> None:
    from mlcli.models.constraints import accepts, allowed_text

    constraints = _constraints(config.name, _estimator_class(config.name, task, place=place))
    if task == "regression" and config.class_weight is not None:
        raise ConfigError(
            f"{place('model.class_weight')} must be left out: a regression has no classes. Got {config.class_weight!r}.",
            hint="Use data.weight to weigh rows.",
        )
    problems: list[str] = []
    hints: list[str] = []
    for param, value in config.params.items():
        where = place(f"model.params.{param}")
        if param not in constraints:
            problem, hint = _unknown(config.name, param, list(constraints))
            problems.append(f"{where} {problem}")
            hints.append(hint)
        elif not accepts(constraints[param], value, refused=REFUSED.get(param, ())):
            allowed = allowed_text(constraints[param], refused=REFUSED.get(param, ()))
            problems.append(f"{where} must be {allowed}. Got {value!r}.")
            hints.append(f"`mlcli models {config.name}` lists the parameters.")
    if problems:
        raise ConfigError("\n".join(problems), hint=hints[0], problems=problems)
    _rehearse(config, task, place)


def _unknown(name: str, param: str, known: list[str]) -> tuple[str, str]:
    """Return what is wrong with a parameter that is not on offer, and the way out."""
    instead = LEFT_OUT_OF.get(name, {}).get(param) or LEFT_OUT.get(param)
    if instead:
        return "must be left out. Got a value.", instead
    close = did_you_mean(param, known)
    hint = f"Did you mean {close!r}?" if close else f"`mlcli models {name}` lists the parameters."
    return f"must be a parameter of {name}. Got {param!r}.", hint


def _rehearse(config: ModelConfig, task: Task, place: Callable[[str], str]) -> None:
    """Fit a few made-up rows: whether values go together is known to the libraries alone, and only in `fit`."""
    import numpy as np

    if _HANGS_ON_DATA & config.params.keys():
        return
    estimator = build_estimator(config, task=task)
    short = {"n_estimators": 2, "iterations": 2, "max_iter": 5, "max_fun": 50}
    given = estimator.get_params(deep=False)
    estimator.set_params(**{k: v for k, v in short.items() if k in given and (given[k] is None or given[k] > v)})
    rng = np.random.default_rng(0)
    X = rng.uniform(1.0, 2.0, size=(60, 4))
    y = X[:, 0] if task == "regression" else (X[:, 0] > np.median(X[:, 0])).astype(np.int64)
    with warnings.catch_warnings():
        # That five steps on made-up rows do not converge is no news.
        warnings.simplefilter("ignore")
        try:
            estimator.fit(X, y)
        except (ValueError, TypeError) as error:
            values = ", ".join(f"{key}: {value!r}" for key, value in config.params.items()) or "the defaults"
            raise ConfigError(
                f"{place('model.params')} must go together. Got {values}, of which {config.name} says: {_first_line(error)}",
                hint=f"`mlcli models {config.name}` lists the parameters.",
            ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0]


def _preferences(name: str, task: Task) -> list[Preference]:
    return [preference for preference in PREFERENCES.get(name, ()) if task in preference.tasks]


def _defaults(estimator_class: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = estimator_class().get_params(deep=False)
    return defaults


def _constraints(name: str, estimator_class: Any) -> dict[str, Any]:
    """Return what each parameter on offer accepts."""
    from sklearn.utils._param_validation import Interval

    declared = estimator_class._parameter_constraints  # noqa: SLF001  # scikit-learn has no public way to ask
    left_out = {*LEFT_OUT, *LEFT_OUT_OF.get(name, {})}
    on_offer = {param: declared[param] for param in _defaults(estimator_class) if param not in left_out}
    if "random_state" in on_offer:
        # Never null: the same config must give the same model.
        on_offer["random_state"] = [Interval(Integral, 0, MAX_SEED, closed="both")]
    return on_offer


def _estimator_class(name: str, task: Task, *, place: Callable[[str], str] = str) -> Any:
    entry = model_entry(name, place=place)
    target = entry.classification if task == "classification" else entry.regression
    if target is None:
        others = [other for other in MODELS if task in MODELS[other].tasks and other != "dummy"]
        raise ConfigError(
            f"{place('model.name')} must be a model for {task}. Got {name!r}.",
            hint=f"Choose one of {', '.join(sorted(others))}.",
        )
    # A model that needs an extra carries the name of its library.
    if entry.extra is not None and find_spec(name) is None:
        raise MissingExtraError(f"model {name!r}", extra=entry.extra)
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
