"""The Open Inference Protocol's operations as OpenAPI describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcli.data.schema import Column, Schema
from mlcli.serving.dialects.operations import Describe, answered, closed, named
from mlcli.serving.dialects.v2_rows import PREDICT, PREDICT_PROBA
from mlcli.serving.dialects.v2_types import DATATYPES, datatype_of, input_datatype
from mlcli.serving.openapi_schemas import cell_schema, label_schema
from mlcli.serving.settings import ServeSettings

if TYPE_CHECKING:
    from mlcli.serving.service import Service

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_SHAPE: Json = {"type": "array", "items": {"type": "integer", "minimum": -1}, "minItems": 1}


def describe_server(_: Service) -> Json:
    """Return the operation that says what the server is."""
    names = {"type": "array", "items": _TEXT}
    body = closed({"name": _TEXT, "version": _TEXT, "extensions": names})
    return {"get": {"summary": "What the server is", "responses": {"200": answered(body, description="The server.")}}}


def describe_live(_: Service) -> Json:
    """Return the operation that says that the process answers."""
    body = closed({"live": {"const": True}})
    return {
        "get": {"summary": "Whether the process answers", "responses": {"200": answered(body, description="It does.")}}
    }


def describe_ready(path: str, not_ready: Json) -> Describe:
    """Return what describes a readiness probe; `not_ready` is its answer with 503."""

    def describe(service: Service) -> Json:
        facts: Json = {"name": {"const": service.served.name}} if "{name}" in path else {}
        body = closed({**facts, "ready": {"const": True}})
        return {
            "get": {
                "summary": "Whether predictions are answered",
                "parameters": named(service, path),
                "responses": {"200": answered(body, description="They are."), "503": not_ready},
            }
        }

    return describe


def describe_model(path: str) -> Describe:
    """Return what describes the metadata of the model."""
    tensor = closed({"name": _TEXT, "datatype": {"enum": list(DATATYPES)}, "shape": _SHAPE})
    tensors = {"type": "array", "items": tensor}
    body = closed(
        {
            "name": _TEXT,
            "versions": {"type": "array", "items": _TEXT},
            "platform": _TEXT,
            "inputs": tensors,
            "outputs": tensors,
            "properties": {"type": "object", "additionalProperties": _TEXT},
        }
    )

    def describe(service: Service) -> Json:
        return {
            "get": {
                "summary": "What the model reads and answers",
                "parameters": named(service, path),
                "responses": {"200": answered(body, description="The model.")},
            }
        }

    return describe


def describe_infer(path: str) -> Describe:
    """Return what describes an inference request."""

    def describe(service: Service) -> Json:
        schema = service.served.schema
        return {
            "post": {
                "summary": f"Predict {schema.target.name}",
                "description": (
                    "One tensor for each column, in any order; a null is a missing cell. The schema shows one row: "
                    "n rows have the shape [n] or [n, 1] and n cells. Any datatype that holds the cells may be used. "
                    "Where every column is a number, a single tensor of the shape [rows, columns] in training order "
                    "is read too. Data may also follow the JSON as bytes (binary tensor data extension)."
                ),
                "parameters": named(service, path),
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": _request(schema, service.settings),
                            "examples": {"row": {"summary": "One row", "value": example_request(service)}},
                        }
                    },
                },
                "responses": {"200": _answer(schema)},
            }
        }

    return describe


def example_request(service: Service) -> Json:
    """Return an inference request that holds a real row."""
    example = service.served.example
    return {
        "inputs": [
            {"name": column.name, "shape": [1], "datatype": input_datatype(column), "data": [_cell(example, column)]}
            for column in service.served.schema.columns
        ]
    }


def _cell(example: Json, column: Column) -> Any:
    """Return a cell of the example in its column's datatype."""
    cell = example.get(column.name)
    if cell is None or input_datatype(column) != "BYTES" or isinstance(cell, str):
        return cell
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _request(schema: Schema, settings: ServeSettings) -> Json:
    names = [PREDICT] if schema.target.classes is None else [PREDICT, PREDICT_PROBA]
    anything = {"type": ["object", "null"]}
    output = {"type": "object", "properties": {"name": {"enum": names}, "parameters": anything}, "required": ["name"]}
    return {
        "type": "object",
        "title": "Inference request of one row",
        "properties": {
            "id": {"type": ["string", "null"], "description": "Comes back in the answer."},
            "parameters": anything,
            "inputs": {
                "type": "array",
                "prefixItems": [_input(column, schema, settings) for column in schema.columns],
                "minItems": len(schema.columns),
                "maxItems": len(schema.columns),
            },
            "outputs": {
                "type": ["array", "null"],
                "items": output,
                "description": "Outputs to answer with, in this order; left out: all of them.",
            },
        },
        "required": ["inputs"],
    }


def _input(column: Column, schema: Schema, settings: ServeSettings) -> Json:
    datatype = input_datatype(column)
    cell = cell_schema(column, schema, settings)
    if column.kind == "number":
        bounds: Json = {key: cell[key] for key in ("minimum", "maximum") if key in cell}
        cell = {"type": ["number", "null"], **bounds, "description": cell["description"]}
    elif column.kind == "boolean":
        cell = {"anyOf": [{"type": ["boolean", "null"]}, {"enum": [0, 1]}], "description": cell["description"]}
    cell.pop("examples", None)
    properties = {
        "name": {"const": column.name},
        "shape": {"const": [1]},
        "datatype": {"const": datatype},
        "data": {"type": "array", "prefixItems": [cell], "minItems": 1, "maxItems": 1},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _answer(schema: Schema) -> Json:
    classes = schema.target.classes
    datatype = datatype_of(classes) if classes else "FP64"
    label = {"enum": [str(value) for value in classes]} if classes and datatype == "BYTES" else label_schema(schema)
    outputs = [_output(PREDICT, datatype, label)]
    if classes:
        outputs.append(_output(PREDICT_PROBA, "FP64", {"type": "number", "minimum": 0, "maximum": 1}))
    counts = {
        "type": "object",
        "additionalProperties": {"type": "integer", "minimum": 1},
        "description": "Rows unlike training: `unseen:COLUMN` and `out_of_range:COLUMN`.",
    }
    body = closed(
        {"model_name": _TEXT, "model_version": _TEXT, "outputs": {"type": "array", "items": {"anyOf": outputs}}},
        optional={"id": _TEXT, "parameters": counts},
    )
    response = answered(body, description="The predictions; with binary outputs, JSON and then bytes.")
    response["content"]["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    return response


def _output(name: str, datatype: str, cell: Json) -> Json:
    data: Json = {"type": "array", "items": cell}
    shape = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2}
    return closed(
        {"name": {"const": name}, "datatype": {"const": datatype}, "shape": shape},
        optional={"data": data, "parameters": closed({"binary_data_size": {"type": "integer", "minimum": 0}})},
    )
