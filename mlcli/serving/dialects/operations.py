"""Pieces of OpenAPI operations that the protocols of other families share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlcli.serving.call import Problem
from mlcli.serving.openapi_schemas import problem_schema

if TYPE_CHECKING:
    from mlcli.serving.service import Service

Json = dict[str, Any]
Describe = Callable[["Service"], Json]
"""From the service to the operations of a path, by method."""


def closed(properties: Json, *, optional: Json | None = None) -> Json:
    """Return the schema of an object that has these properties and no other."""
    return {
        "type": "object",
        "properties": properties | (optional or {}),
        "required": list(properties),
        "additionalProperties": False,
    }


def answered(schema: Json, *, description: str, media_type: str = "application/json") -> Json:
    """Return a response with one body."""
    return {"description": description, "content": {media_type: {"schema": schema}}}


def not_ready_response(error_body: Callable[[Problem, str], Json], facts: Json, *, family: str) -> Json:
    """Return the response of a service that is not ready: the facts asked for, and the error."""
    body = facts | error_body(Problem(503, "", hint="h"), "id")
    return answered(problem_schema(body, family=family), description="The service is not ready, or about to stop.")


def named(service: Service, path: str) -> list[Json]:
    """Return the parameters of a path, with the one value that each may have."""
    values = {"name": service.served.name, "version": service.served.version}
    words = {"name": "Name of the model.", "version": "Version of the model."}
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": words[name],
            "schema": {"const": values[name], "type": "string"},
        }
        for name in values
        if f"{{{name}}}" in path
    ]
