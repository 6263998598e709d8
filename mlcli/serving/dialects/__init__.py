"""The table of dialects: the ways in which clients ask for the same predictions.

Each name of `NAMES` is a file of this folder that holds a `DIALECT`; what it
is made of stands beside it. To add one, write its file and add its name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlcli.serving.call import Call, Problem, Reply

if TYPE_CHECKING:
    from mlcli.serving.service import Service

Handler = Callable[["Service", Call], Awaitable[Reply]]
"""Answers one request; raises `Problem` for one that cannot be answered."""


@dataclass(frozen=True)
class Endpoint:
    """One address of a dialect.

    Parameters
    ----------
    path : str
        As Starlette writes it: ``/v2/models/{name}/infer``.
    methods : tuple of str
        Such as ``("POST",)``; HEAD comes with GET.
    handler : Handler
        What answers.
    describe : callable, optional
        From the service to the OpenAPI 3.1 operations of this path, by method
        in lower case.
    open : bool, default=False
        Whether it is answered without a token: health only.
    predicts : bool, default=False
        Whether it predicts: such requests are admitted, counted and bounded in time.
    """

    path: str
    methods: tuple[str, ...]
    handler: Handler
    describe: Callable[[Service], dict[str, Any]] | None = None
    open: bool = False
    predicts: bool = False


@dataclass(frozen=True)
class Dialect:
    """One way to ask for predictions.

    Parameters
    ----------
    name : str
        Its name, such as ``v2``.
    prefixes : tuple of str
        Beginnings of its paths, by which an error anywhere below finds its shape.
    endpoints : sequence of Endpoint
        Its addresses.
    error_body : callable
        From a problem and the request's id to the JSON object of the error:
        mlcli's own keys and the one that this family's clients read.
    """

    name: str
    prefixes: tuple[str, ...]
    endpoints: Sequence[Endpoint]
    error_body: Callable[[Problem, str], dict[str, Any]]


NAMES = ("native", "v2", "mlflow", "v1")
"""The dialects: files of this folder. The native one is last asked and answers for every other path."""


def dialects() -> tuple[Dialect, ...]:
    """Return every dialect, in the order of `NAMES`."""
    return tuple(import_module(f"{__name__}.{name}").DIALECT for name in NAMES)
