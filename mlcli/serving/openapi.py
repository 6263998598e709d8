"""The service described to machines: one OpenAPI document over every dialect.

Each endpoint describes its own request and answer; what holds for all of them
(errors, tokens, names, tags) is added here, once.

References
----------
.. [1] OpenAPI Specification 3.1.1, https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import mlcli
from mlcli.serving.call import Problem
from mlcli.serving.dialects import Dialect, Endpoint, dialects
from mlcli.serving.openapi_predict import predict_schemas
from mlcli.serving.openapi_schemas import problem_schema

if TYPE_CHECKING:
    from mlcli.serving.service import Service

Json = dict[str, Any]

VERSION = "3.1.1"
"""Version of the OpenAPI Specification that the document follows."""

OF_PREDICTIONS = (400, 406, 413, 415, 422, 429, 503, 504)
"""Errors that any request for predictions may meet."""

MEANINGS = {
    400: "The body is malformed.",
    401: "A token is needed, and the request has none that is known.",
    404: "There is no such address, model or version.",
    405: "The address does not answer this method.",
    406: "None of the accepted media types can be answered in.",
    413: "The body, a cell, or the number of rows is too large.",
    415: "The body's media type or encoding is not read.",
    422: "Cells are not what their columns must hold; every one is listed.",
    429: "Too many requests are waiting.",
    503: "The service is not ready, or about to stop.",
    504: "The deadline passed before the prediction was made.",
}
"""What each error says, for people."""

TAGS = {
    "native": "mlcli's own: JSON, CSV, XML, Arrow or Parquet in; JSON, CSV or XML out.",
    "v2": "The Open Inference Protocol, version 2, in JSON and binary tensors.",
    "mlflow": "MLflow's scoring protocol.",
    "v1": "TensorFlow Serving's and KServe's protocol, version 1.",
    "service": "The service about itself.",
}
"""What each group of operations is, for people."""


def openapi_document(
    service: Service, *, families: Sequence[Dialect] | None = None, own: Sequence[Endpoint] = ()
) -> Json:
    """Describe the service with the model's own columns.

    Parameters
    ----------
    service : Service
        The model in service, and its settings.
    families : sequence of Dialect, optional
        The dialects that are answered. None: all of `mlcli.serving.dialects`.
    own : sequence of Endpoint
        Further endpoints of the service, described with the native errors.

    Returns
    -------
    dict
        An OpenAPI 3.1 document. An endpoint without a description is left out.
    """
    served = service.served
    families = dialects() if families is None else families
    native = next(dialect for dialect in families if dialect.name == "native")
    paths: Json = {}
    for dialect, tag, endpoint in _endpoints(families, native, own):
        if endpoint.describe is None:
            continue
        for method, operation in endpoint.describe(service).items():
            name = re.sub(r":\w+}", "}", endpoint.path)  # Starlette's converters are not OpenAPI's
            paths.setdefault(name, {})[method] = _operation(
                operation, path=name, method=method, tag=tag, dialect=dialect, endpoint=endpoint, service=service
            )
    used = {tag for operations in paths.values() for operation in operations.values() for tag in operation["tags"]}
    document: Json = {
        "openapi": VERSION,
        "info": _info(service),
        "servers": [{"url": "./", "description": "Where this document is served."}],
        "tags": [{"name": name, "description": TAGS.get(name, name)} for name in sorted(used, key=_tag_order)],
        "paths": paths,
        "components": {
            "schemas": predict_schemas(service) | {_problem_name(dialect): _problem(dialect) for dialect in families}
        },
    }
    if service.settings.tokens:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    document["info"]["x-model"] = {"name": served.name, "version": served.version, "digest": served.manifest.digest}
    return document


def _endpoints(
    families: Sequence[Dialect], native: Dialect, own: Sequence[Endpoint]
) -> Iterator[tuple[Dialect, str, Endpoint]]:
    """Yield every endpoint with the dialect of its errors and the tag it stands under."""
    for dialect in families:
        for endpoint in dialect.endpoints:
            yield dialect, dialect.name, endpoint
    for endpoint in own:
        yield native, "service", endpoint


def _tag_order(name: str) -> tuple[int, str]:
    names = list(TAGS)
    return (names.index(name) if name in names else len(names), name)


def _info(service: Service) -> Json:
    served = service.served
    target = served.schema.target
    return {
        "title": served.name,
        "version": served.version,
        "description": (
            f"Predicts {target.name} ({target.task}) from {len(served.schema.columns)} columns. "
            f"Model {served.manifest.model}, trained on {served.manifest.n_train} rows by mlcli "
            f"{served.manifest.mlcli_version}, served by mlcli {mlcli.__version__}. Any method that an address does "
            "not answer gets 405, and any other address 404, with the error body that is described here."
        ),
    }


def _operation(
    described: Json, *, path: str, method: str, tag: str, dialect: Dialect, endpoint: Endpoint, service: Service
) -> Json:
    """Complete what an endpoint says of itself."""
    operation = {"operationId": _slug(tag, method, path), "tags": [tag], **described}
    named = {parameter.get("name") for parameter in operation.get("parameters", ())}
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
        if name not in named
    ]
    if in_path:
        operation["parameters"] = [*in_path, *operation.get("parameters", ())]
    responses = dict(operation.get("responses", {}))
    for status in _statuses(endpoint, path, tokens=bool(service.settings.tokens)):
        responses.setdefault(str(status), _problem_response(status, dialect))
    operation["responses"] = dict(sorted(responses.items()))
    if endpoint.open and service.settings.tokens:
        operation["security"] = []
    return operation


def _statuses(endpoint: Endpoint, path: str, *, tokens: bool) -> Iterator[int]:
    if tokens and not endpoint.open:
        yield 401
    if "{" in path:
        yield 404
    if endpoint.predicts:
        yield from OF_PREDICTIONS


def _problem_name(dialect: Dialect) -> str:
    return "Problem" if dialect.name == "native" else f"Problem_{dialect.name}"


def _problem(dialect: Dialect) -> Json:
    return problem_schema(dialect.error_body(Problem(422, "", hint="h"), "id"), family=dialect.name)


def _problem_response(status: int, dialect: Dialect) -> Json:
    response: Json = {
        "description": MEANINGS.get(status, HTTPStatus(status).phrase),
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{_problem_name(dialect)}"}}},
    }
    if status in {429, 503}:
        response["headers"] = {
            "Retry-After": {"description": "Seconds until another try makes sense.", "schema": {"type": "integer"}}
        }
    return response


def _slug(tag: str, method: str, path: str) -> str:
    """Return a name that the same service always gives the same operation."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", path).strip("_") or "root"
    return f"{tag}_{method}_{words}"
