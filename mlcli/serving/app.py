"""A model to a Starlette app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mlcli.artifact.open import Artifact
from mlcli.serving.body import Receive
from mlcli.serving.call import Call, Problem, Reply
from mlcli.serving.dialects import Dialect, Endpoint, dialects
from mlcli.serving.endpoint import Address, Scope, Send, refusal, send_reply
from mlcli.serving.headers import Headers
from mlcli.serving.page.routes import page_endpoints
from mlcli.serving.served import Served, load_served, serve_artifact
from mlcli.serving.service import Service
from mlcli.serving.settings import ServeSettings
from mlcli.serving.short_way import ShortWay
from mlcli.serving.traffic import Traffic


class ServiceApp(Starlette):
    """The service as a Starlette app, with a short way to its fixed addresses.

    Starlette's middleware and router wrap a request eight calls deep, which costs as
    much as predicting a row. An app that stands alone and has no middleware added to it goes to the
    address at once; whatever is mounted, wrapped or has parameters in its
    path takes Starlette's own way, to the same address.

    Parameters
    ----------
    addresses : mapping of str to Address
        Those without parameters, by path.
    short_way : ShortWay
        What a server of our own may ask without a scope.
    **options
        As Starlette takes them.
    """

    def __init__(self, addresses: Mapping[str, Address], *, short_way: ShortWay, **options: Any) -> None:
        super().__init__(**options)
        self._addresses = dict(addresses)
        self._short_way = short_way

    @property
    def short_way(self) -> ShortWay | None:
        """The way that needs no scope; None where middleware wants to see each."""
        return None if self.user_middleware else self._short_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or whatever else the server says."""
        if scope["type"] == "http" and not scope.get("root_path") and not self.user_middleware:
            address = self._addresses.get(scope["path"])
            if address is not None:
                await address(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


class Elsewhere:
    """Answers every path that is no address, and what Starlette's routes raise.

    Parameters
    ----------
    families : sequence of Dialect
        Whose shapes errors below their prefixes have; the first, native one has all others.
    traffic : Traffic
        What all addresses share.
    """

    def __init__(self, families: Sequence[Dialect], *, traffic: Traffic) -> None:
        self._families = families
        self._traffic = traffic
        # One route for all of them: a client that tries paths must not fill the metrics.
        self._tally = traffic.service.metrics.tally("other")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say that there is nothing here."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        reply, request_id = self._refuse(
            scope, Problem(404, "the service must have an address of this path.", hint="GET /docs lists all of them.")
        )
        await send_reply(reply, request_id, scope=scope, receive=receive, send=send)

    async def on_http_exception(self, request: Request, error: Exception) -> Response:
        """Answer what a route of Starlette's own raised, such as 405, in the shape of the service."""
        assert isinstance(error, HTTPException)
        headers = tuple((error.headers or {}).items())
        reply, request_id = self._refuse(request.scope, Problem(error.status_code, f"{error.detail}.", headers=headers))
        response = Response(reply.body, reply.status, headers=dict(reply.headers), media_type=reply.content_type)
        response.headers["X-Request-ID"] = request_id.decode("latin-1")
        return response

    def _refuse(self, scope: Scope, problem: Problem) -> tuple[Reply, bytes]:
        headers = Headers(scope["headers"])
        request_id = self._traffic.request_id(headers.raw)
        call = Call(scope["method"], scope["path"], {}, {}, headers, b"", request_id.decode("latin-1"), 0.0)
        reply = refusal(problem, call.request_id, dialect=self._dialect(scope))
        self._traffic.finish(self._tally, reply, call, 0.0)
        return reply, request_id

    def _dialect(self, scope: Scope) -> Dialect:
        path: str = scope["path"].removeprefix(scope.get("root_path") or "")
        return dialect_of(path, self._families)


def dialect_of(path: str, families: Sequence[Dialect]) -> Dialect:
    """Return the dialect whose prefix a path stands below; the first, native one where there is none."""
    for dialect in families[1:]:
        for prefix in dialect.prefixes:
            if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                return dialect
    return families[0]


def create_app(model: Service | Served | Artifact | Path | str, *, settings: ServeSettings | None = None) -> ServiceApp:
    """Serve a model.

    Parameters
    ----------
    model : Service, Served, Artifact, Path or str
        A path is a run folder or a ``.mlcli`` file. It is loaded and proven now, once.
    settings : ServeSettings, optional
        Limits and manners. A `Service` has its own.

    Returns
    -------
    ServiceApp
        A Starlette app that needs no lifespan events, so that it can be mounted in
        another one. Its ``state.service`` is the service.

    Raises
    ------
    ArtifactError
        If the model cannot be used as it is.
    """
    service = _service(model, settings or ServeSettings())
    traffic = Traffic(service)
    families = dialects()
    addresses = _addresses(families, traffic)
    elsewhere = Elsewhere(families, traffic=traffic)
    routes: list[BaseRoute] = [Route(path, address) for path, address in addresses.items()]
    app = ServiceApp(
        {path: address for path, address in addresses.items() if "{" not in path},
        short_way=ShortWay([endpoint for family in families for endpoint in family.endpoints], traffic=traffic),
        routes=routes,
        middleware=_middleware(service.settings),
        exception_handlers={HTTPException: elsewhere.on_http_exception},
    )
    # A redirect to the path with a slash would be built from the client's own Host header.
    app.router.redirect_slashes = False
    app.router.default = elsewhere
    app.state.service = service
    return app


def _service(model: Service | Served | Artifact | Path | str, settings: ServeSettings) -> Service:
    match model:
        case Service():
            return model
        case Served():
            return Service(model, settings)
        case Artifact():
            return Service(serve_artifact(model, settings=settings), settings)
    return Service(load_served(Path(model), settings=settings), settings)


def _addresses(families: Sequence[Dialect], traffic: Traffic) -> dict[str, Address]:
    by_path: dict[str, tuple[Dialect, list[Endpoint]]] = {}
    found = [(dialect, endpoint) for dialect in families for endpoint in dialect.endpoints]
    for dialect, endpoint in [*found, *((families[0], endpoint) for endpoint in page_endpoints())]:
        by_path.setdefault(endpoint.path, (dialect, []))[1].append(endpoint)
    return {
        path: Address(path, endpoints, dialect=dialect, traffic=traffic)
        for path, (dialect, endpoints) in by_path.items()
    }


def _middleware(settings: ServeSettings) -> list[Middleware]:
    if not settings.cors:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    ]
