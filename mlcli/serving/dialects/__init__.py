"""The table of dialects: the ways in which clients ask for the same predictions.

Each name of `NAMES` is a file of this folder that holds a `DIALECT`; what it
is made of stands beside it. To add one, write its file and add its name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from mlcli.serving.call import Call, Problem, Reply

if TYPE_CHECKING:
    from mlcli.data.row_reader import ReadRows
    from mlcli.serving.runner import Outcome, Runner
    from mlcli.serving.service import Service

Handler = Callable[["Service", Call], Awaitable[Reply]]
"""Answers one request; raises `Problem` for one that cannot be answered."""


class ReadBody(Protocol):
    """Reads the rows of a plain request; raises what `RowReader` raises."""

    def __call__(self, runner: Runner, body: bytes, *, max_rows: int) -> ReadRows:
        """Return the rows of a body."""


@dataclass(frozen=True)
class Quick:
    """How an endpoint answers plain requests where nothing has to be waited for, see `mlcli.serving.short_way`.

    Parameters
    ----------
    reads, accepted : set of bytes
        Values of Content-Type and Accept that are plain, the empty one for a missing field.
    content_type : bytes
        Of the answer.
    read : ReadBody
        From the body to rows.
    text : callable
        From what was read and predicted to the body of the answer: the same
        bytes that the handler gives.
    """

    reads: AbstractSet[bytes]
    accepted: AbstractSet[bytes]
    content_type: bytes
    read: ReadBody
    text: Callable[[Runner, ReadRows, Outcome], bytes]


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
    quick : Quick, optional
        How it answers plain requests at once.
    """

    path: str
    methods: tuple[str, ...]
    handler: Handler
    describe: Callable[[Service], dict[str, Any]] | None = None
    open: bool = False
    predicts: bool = False
    quick: Quick | None = None


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
