"""Which distributions a served model needs, and in which versions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from mlcli.registry import AUTO

if TYPE_CHECKING:
    from mlcli.serving.served import Served

SERVING = (
    "numpy",
    "msgspec",
    "starlette",
    "uvicorn",
    "uvloop",
    "httptools",
    "prometheus-client",
    "python-multipart",
    "defusedxml",
)
"""What a compiled model is served with."""

FALLBACK = ("scikit-learn", "scipy", "pandas", "pyarrow", "joblib", "skops")
"""What else a model needs that scikit-learn serves."""

_BOOSTING = {"lightgbm": ("lightgbm",), "xgboost": ("xgboost-cpu", "xgboost"), "catboost": ("catboost",)}


def pinned(served: Served) -> list[str]:
    """Return everything that serving this model needs, as exact pins of what is installed here and has just proven it.

    Parameters
    ----------
    served : Served
        The model.

    Returns
    -------
    list of str
        ``name==version`` each, in alphabetical order, what they need in turn included.
    """
    roots = list(SERVING)
    if not served.predictor.compiled:
        roots += FALLBACK
        roots += [name for key, names in _BOOSTING.items() if served.manifest.model in {key, AUTO} for name in names]
    versions: dict[str, str] = {}
    for root in roots:
        versions.update(_closure(root, versions))
    return [f"{name}=={versions[name]}" for name in sorted(versions)]


def _closure(name: str, known: dict[str, str]) -> dict[str, str]:
    """Return the versions of a distribution and of all that it needs here."""
    found: dict[str, str] = {}
    pending = [name]
    while pending:
        key = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if key in known or key in found:
            continue
        try:
            found[key] = distribution(key).version
        except PackageNotFoundError:
            continue  # one of several names of a library
        pending += _needs(key)
    return found


def _needs(name: str) -> Iterator[str]:
    # Comes with skops; only packaging a model needs it, serving one does not.
    from packaging.requirements import Requirement

    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name
