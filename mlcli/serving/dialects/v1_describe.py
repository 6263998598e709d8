"""TensorFlow Serving's and KServe's operations as OpenAPI describes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlcli.data.schema import Schema
from mlcli.serving.call import Problem
from mlcli.serving.dialects.operations import Describe, answered, closed, named, not_ready_response
from mlcli.serving.openapi_schemas import cell_schema, label_schema
from mlcli.serving.settings import ServeSettings

if TYPE_CHECKING:
    from mlcli.serving.service import Service

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
ROWS: Json = {
    "anyOf": [
        {"type": "array", "title": "Objects", "items": {"$ref": "#/components/schemas/Row"}},
        {"type": "array", "title": "Arrays", "items": {"$ref": "#/components/schemas/Features"}},
    ]
}
"""A list of rows: objects, or arrays in training order."""


def describe_list(_: Service) -> Json:
    """Return the operation that lists the models."""
    body = closed({"models": {"type": "array", "items": _TEXT}})
    return {"get": {"summary": "The models", "responses": {"200": answered(body, description="One name.")}}}


def describe_status(path: str, error_body: Callable[[Problem, str], Json]) -> Describe:
    """Return what describes the state of the model."""

    def describe(service: Service) -> Json:
        state = closed(
            {
                "version": _TEXT,
                "state": {"const": "AVAILABLE"},
                "status": closed({"error_code": {"const": "OK"}, "error_message": _TEXT}),
            }
        )
        facts = {"name": {"const": service.served.name}, "ready": {"const": True}}
        body = closed({**facts, "model_version_status": {"type": "array", "items": state}})
        unready = {"name": "n", "ready": False, "model_version_status": []}
        return {
            "get": {
                "summary": "Whether the model answers",
                "parameters": named(service, path),
                "responses": {
                    "200": answered(body, description="It does."),
                    "503": not_ready_response(error_body, unready, family="v1"),
                },
            }
        }

    return describe


def describe_predict(path: str) -> Describe:
    """Return what describes a request for predictions."""

    def describe(service: Service) -> Json:
        schema = service.served.schema
        example = dict(service.served.example)
        columns = {name: [example.get(name)] for name in schema.names}
        label = said(schema)
        examples = {
            "rows": {"summary": "Rows", "value": {"instances": [example]}},
            "columns": {"summary": "Columns", "value": {"inputs": columns}},
        }
        return {
            "post": {
                "summary": f"Predict {schema.target.name}",
                "description": (
                    "Rows as `instances`, answered with `predictions`; or columns as `inputs`, answered with "
                    "`outputs`, all of one length (the schema shows one row). The signature `predict_proba` asks for "
                    "the probability of each class; every other `signature_name` is ignored."
                ),
                "parameters": named(service, path),
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _request(service), "examples": examples}},
                },
                "responses": {
                    "200": answered(
                        {"oneOf": [closed({"predictions": label}), closed({"outputs": label})]},
                        description="One prediction for each row, in order.",
                    )
                },
            }
        }

    return describe


def said(schema: Schema) -> Json:
    """Return the schema of predictions: labels or values, or a list of probabilities for each row."""
    labels: Json = {"type": "array", "items": label_schema(schema)}
    if schema.target.classes is None:
        return labels
    n_classes = len(schema.target.classes)
    shares = {
        "type": "array",
        "items": {"type": "number", "minimum": 0, "maximum": 1},
        "minItems": n_classes,
        "maxItems": n_classes,
    }
    return {"anyOf": [labels, {"type": "array", "items": shares}]}


def one_row_columns(schema: Schema, settings: ServeSettings) -> Json:
    """Return the schema of columns by name that hold one row."""
    columns = {
        column.name: {
            "type": "array",
            "prefixItems": [cell_schema(column, schema, settings)],
            "minItems": 1,
            "maxItems": 1,
        }
        for column in schema.columns
    }
    # Other columns are ignored, but must be of the same length: they are left out of the description.
    return closed(columns)


def _request(service: Service) -> Json:
    schema = service.served.schema
    signature: Json = {"type": ["string", "null"]}
    if schema.target.classes is None:
        signature = {"type": ["string", "null"], "not": {"const": "predict_proba"}}
    columns = {"anyOf": [one_row_columns(schema, service.settings), *ROWS["anyOf"]]}
    return {
        "title": "Rows or columns",
        "type": "object",
        "properties": {"signature_name": signature, "instances": ROWS, "inputs": columns},
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
    }
