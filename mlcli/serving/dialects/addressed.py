"""What the protocols of other families share: the model that a path names, and an error in one text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mlcli.serving.call import Call, Problem

if TYPE_CHECKING:
    from mlcli.serving.service import Service

T = TypeVar("T")

_LONG = 2**17
"""Longest body that is taken apart between two turns of the event loop, in bytes: about a millisecond."""

_MOST_NAME = 100
"""Longest name from a request that a message repeats, in characters."""


def check_address(service: Service, call: Call) -> None:
    """Refuse a path that names another model, or another version, than the one served.

    Raises
    ------
    Problem
        404, naming what is served.
    """
    served = service.served
    if call.path_params.get("name", served.name) != served.name:
        raise Problem(404, "the path must name the model served here.", hint=f"It is called {served.name!r}.")
    if call.path_params.get("version", served.version) != served.version:
        raise Problem(
            404,
            f"the path must name a version of {served.name!r} served here.",
            hint=f"It is version {served.version!r}; leave the version out for whichever is served.",
        )


def not_ready() -> Problem:
    """Return what a service that is about to stop says to a readiness probe."""
    return Problem(503, "the service is about to stop.", hint="Ask another instance.", headers=(("Retry-After", "1"),))


async def taken_apart(service: Service, function: Callable[..., T], call: Call, *args: object) -> T:
    """Return what `function` makes of the body of a request; a long one is left to another thread.

    Raises
    ------
    Problem
        Whatever `function` raises; 429 if too many long requests wait.
    """
    if len(call.body) > _LONG:
        return await service.aside(function, call, *args)
    return function(call, *args)


def error_text(problem: Problem) -> str:
    """Return an error as the one text that these families' clients show."""
    return f"{problem.message} {problem.hint}" if problem.hint else problem.message


def shown_name(name: str) -> str:
    """Return a name from a request as a message repeats it."""
    return repr(name if len(name) <= _MOST_NAME else name[:_MOST_NAME] + "…")
