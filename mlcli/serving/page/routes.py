"""The page's addresses: static files of this package, the model card and the OpenAPI document."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from mlcli.serving.call import Call, Problem, Reply
from mlcli.serving.dialects import Endpoint
from mlcli.serving.openapi import openapi_document
from mlcli.serving.page.card import model_card

if TYPE_CHECKING:
    from mlcli.serving.service import Service

STATIC = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "card.js": "text/javascript; charset=utf-8",
    "fields.js": "text/javascript; charset=utf-8",
    "form.js": "text/javascript; charset=utf-8",
    "answer.js": "text/javascript; charset=utf-8",
    "recent.js": "text/javascript; charset=utf-8",
    "upload.js": "text/javascript; charset=utf-8",
    "client.js": "text/javascript; charset=utf-8",
    "elements.js": "text/javascript; charset=utf-8",
    "snippets.js": "text/javascript; charset=utf-8",
    "csv.js": "text/javascript; charset=utf-8",
    "token.js": "text/javascript; charset=utf-8",
    "why.js": "text/javascript; charset=utf-8",
    "docs.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "schema.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The files that pages load, with their media types. No other name is opened."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content security policy: nothing from elsewhere, nothing inline, and no text ever becomes markup."""

SAFE = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
"""Headers of everything that a browser loads from here."""


def page_endpoints() -> tuple[Endpoint, ...]:
    """Return the addresses of the page, to stand beside those of the dialects.

    The pages and their files hold nothing of the model and are answered
    without a token; the model card and the OpenAPI document are not.
    """
    return (
        Endpoint("/", ("GET",), _index, open=True),
        Endpoint("/docs", ("GET",), _docs, open=True),
        Endpoint("/static/{name}", ("GET",), _static, open=True),
        Endpoint("/model", ("GET",), _card, _describe_card),
        Endpoint("/openapi.json", ("GET",), _openapi, _describe_openapi),
    )


async def _index(_service: Service, call: Call) -> Reply:
    return _cached(_read("index.html"), "text/html; charset=utf-8", call)


async def _docs(_service: Service, call: Call) -> Reply:
    return _cached(_read("docs.html"), "text/html; charset=utf-8", call)


async def _static(_service: Service, call: Call) -> Reply:
    name = call.path_params["name"]
    if name not in STATIC:
        raise Problem(404, "There is no such file.")
    return _cached(_read(name), STATIC[name], call)


async def _card(service: Service, call: Call) -> Reply:
    return _cached(msgspec.json.encode(model_card(service)), "application/json", call)


async def _openapi(service: Service, call: Call) -> Reply:
    document = openapi_document(service, own=page_endpoints())
    return _cached(msgspec.json.encode(document), "application/json", call)


def _read(name: str) -> bytes:
    # Not pkg_resources and not a path beside __file__: the package may be a zip.
    return files("mlcli.serving.page").joinpath("static", name).read_bytes()


def _cached(body: bytes, content_type: str, call: Call) -> Reply:
    """Answer with a body, or with 304 where the client has that very one.

    A browser asks again each time, so that a page never runs with another version's script.
    """
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = (*SAFE, ("ETag", tag), ("Cache-Control", "no-cache"))
    known = [value.strip().removeprefix("W/") for value in call.headers.get("if-none-match", "").split(",")]
    if tag in known:
        return Reply(304, b"", content_type, headers)
    return Reply(200, body, content_type, headers)


def _describe_card(_service: Service) -> dict[str, Any]:
    return _describe_json(
        "model_card", "What the model is", "Scores beside the dummy's, columns with what training saw, example rows."
    )


def _describe_openapi(_service: Service) -> dict[str, Any]:
    return _describe_json("openapi", "This document", "The service described with the model's own columns.")


def _describe_json(name: str, summary: str, description: str) -> dict[str, Any]:
    tag = {"ETag": {"description": "Changes when the answer does.", "schema": {"type": "string"}}}
    found = {
        "description": description,
        "headers": tag,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    return {"get": {"operationId": name, "summary": summary, "responses": {"200": found}}}
