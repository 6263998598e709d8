"""What a parameter accepts, for people and for checking, from scikit-learn's own declarations.

A config holds plain values only (null, booleans, numbers, texts, lists,
mappings), so of each declaration only the part that such values can meet is
told and tested: never a callable, an estimator or a random generator.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, Options, StrOptions, make_constraint

_TYPES: Mapping[type, str] = {
    bool: "true or false",
    str: "a text",
    int: "an int",
    float: "a float",
    list: "a list",
    dict: "a mapping",
}

_NUMBERS: Mapping[type, type] = {Integral: int, Real: float}


def allowed_text(constraints: Sequence[Any], *, refused: Collection[str] = ()) -> str:
    """Describe in words what a parameter accepts from a config.

    Parameters
    ----------
    constraints : sequence
        One entry of an estimator's ``_parameter_constraints``.
    refused : collection of str, default=()
        Texts that scikit-learn takes and a config may not say.

    Returns
    -------
    str
        Such as ``"an int in the range [1, inf) or null"``.
    """
    words = list(dict.fromkeys(_words(constraints, refused)))
    if "null" in words:  # last, where it reads best
        words = [word for word in words if word != "null"] + ["null"]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 2 else words)


def accepts(constraints: Sequence[Any], value: Any, *, refused: Collection[str] = ()) -> bool:
    """Say whether a parameter accepts a plain value.

    Parameters
    ----------
    constraints : sequence
        One entry of an estimator's ``_parameter_constraints``.
    value : object
        A value as a config holds it.
    refused : collection of str, default=()
        Texts that scikit-learn takes and a config may not say.
    """
    if isinstance(value, str) and value in refused:
        return False
    return any(_meets(constraint, value) for constraint in _plain(constraints))


def _plain(constraints: Sequence[Any]) -> Iterator[Any]:
    """Yield the constraints that a plain value can meet; "random_state" and "verbose" as what they stand for."""
    for constraint in constraints:
        if isinstance(constraint, str) and constraint == "random_state":
            yield Interval(Integral, 0, 2**32 - 1, closed="both")
            yield None
        elif isinstance(constraint, str) and constraint == "boolean":
            yield bool
        elif isinstance(constraint, str) and constraint == "array-like":
            yield list
        elif isinstance(constraint, type):
            known = _NUMBERS.get(constraint, constraint)
            if known in _TYPES:
                yield known
        elif constraint is None or (isinstance(constraint, (Interval, Options)) and not constraint.hidden):
            yield constraint


def _words(constraints: Sequence[Any], refused: Collection[str]) -> Iterator[str]:
    for constraint in _plain(constraints):
        if constraint is None:
            yield "null"
        elif isinstance(constraint, type):
            yield _TYPES[constraint]
        elif isinstance(constraint, Options):
            options = [option for option in constraint.options if option not in refused]
            # Sorted: scikit-learn holds a set, which has another order in every process.
            names = sorted(map(str, options))
            yield names[0] if len(names) == 1 else f"one of {', '.join(names)}"
        else:
            yield str(constraint)


def _meets(constraint: Any, value: Any) -> bool:
    if constraint is None or value is None:
        return constraint is None and value is None
    if isinstance(value, bool) or constraint is bool:
        # Python counts True as the number 1; n_estimators: true is a mistake all the same.
        return isinstance(value, bool) and constraint is bool
    if isinstance(constraint, type):
        return isinstance(value, (list, tuple) if constraint is list else constraint)
    if isinstance(constraint, StrOptions) != isinstance(value, str) or isinstance(value, (list, tuple, dict)):
        return False
    return bool(make_constraint(constraint).is_satisfied_by(value))
