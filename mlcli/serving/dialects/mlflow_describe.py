"""MLflow's scoring operations as OpenAPI describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcli.serving.dialects.operations import answered, closed
from mlcli.serving.dialects.v1_describe import ROWS, one_row_columns
from mlcli.serving.openapi_schemas import label_schema

if TYPE_CHECKING:
    from mlcli.serving.service import Service

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_TABLES = {
    "text/csv": "A header with the names of the columns, then a line for each row.",
    "application/vnd.apache.parquet": "A Parquet file with the columns of a row.",
}


def describe_health(_: Service) -> Json:
    """Return the operation that says whether predictions are answered."""
    return {
        "get": {
            "summary": "Whether predictions are answered",
            "responses": {
                "200": answered(_TEXT, description="They are.", media_type="text/plain"),
                "503": answered(
                    {"$ref": "#/components/schemas/Problem_mlflow"},
                    description="The service is not ready, or about to stop.",
                ),
            },
        }
    }


def describe_version(_: Service) -> Json:
    """Return the operation that says which version of mlcli answers."""
    response = answered(_TEXT, description="The version.", media_type="text/plain")
    return {"get": {"summary": "The version of mlcli", "responses": {"200": response}}}


def describe_invocations(service: Service) -> Json:
    """Return the operation that predicts."""
    schema = service.served.schema
    labels: Json = {"type": "array", "items": label_schema(schema)}
    return {
        "post": {
            "summary": f"Predict {schema.target.name}",
            "description": (
                "Rows in one of MLflow's forms, CSV with a header, or Parquet. A split frame may name its columns in any "
                "order; columns as `inputs` are all of one length (the schema shows one row). `params` are ignored: "
                "the model takes none."
            ),
            "requestBody": {"required": True, "content": _content(service)},
            "responses": {
                "200": answered(closed({"predictions": labels}), description="One prediction for each row, in order.")
            },
        }
    }


def _content(service: Service) -> Json:
    schema = service.served.schema
    example = dict(service.served.example)
    cells = [example.get(name) for name in schema.names]
    split: Json = {
        "type": "object",
        "properties": {
            "columns": {"enum": [schema.names, list(range(len(schema.names))), None]},
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/Features"}},
            "index": {"description": "Ignored."},
        },
        "required": ["data"],
        "additionalProperties": False,
    }
    body: Json = {
        "title": "Rows in one of four forms",
        "type": "object",
        "properties": {
            "dataframe_split": split,
            "dataframe_records": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}},
            "instances": ROWS,
            "inputs": {"anyOf": [one_row_columns(schema, service.settings), *ROWS["anyOf"]]},
            "params": {"description": "Ignored."},
        },
        "oneOf": [{"required": [key]} for key in ("dataframe_split", "dataframe_records", "instances", "inputs")],
    }
    split_example = {"dataframe_split": {"columns": schema.names, "data": [cells]}}
    examples = {
        "split": {"summary": "A frame in split form", "value": split_example},
        "records": {"summary": "Records", "value": {"dataframe_records": [example]}},
    }
    return {
        "application/json": {"schema": body, "examples": examples},
        **{
            # No JSON Schema can say what stands in them: they are bytes.
            name: {"schema": {**_TEXT, "format": "binary", "description": said}}
            for name, said in _TABLES.items()
        },
    }
