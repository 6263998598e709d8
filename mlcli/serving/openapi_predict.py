"""What ``POST /predict`` reads and answers, as an OpenAPI operation."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from mlcli.data.schema import Schema
from mlcli.serving.explained import MAX_ROWS
from mlcli.serving.openapi_explained import explained_schemas
from mlcli.serving.openapi_schemas import features_schema, label_schema, row_schema

if TYPE_CHECKING:
    from mlcli.serving.served import Served
    from mlcli.serving.service import Service

Json = dict[str, Any]

FORMATS = {
    "text/csv": "A header with the names of the columns, then a line for each row.",
    "text/tab-separated-values": "The same, separated by tabs.",
    "application/xml": "Rows as elements, each with an element per column.",
    "application/vnd.apache.arrow.stream": "An Arrow IPC stream with the columns of a row.",
    "application/vnd.apache.parquet": "A Parquet file with the columns of a row.",
}
"""Media types of rows beside JSON. No JSON Schema can say what stands in them, so they are bytes."""

_BYTES: Json = {"type": "string", "format": "binary"}


def predict_schemas(service: Service) -> dict[str, Json]:
    """Return the named schemas that the native operation speaks of."""
    served, settings = service.served, service.settings
    return {
        "Row": row_schema(served.schema, settings, served.examples),
        "Features": features_schema(served.schema, settings),
        "PredictRequest": _request(settings.max_rows),
        "PredictAnswer": _answer(served),
        "Warning": _warning(served.schema),
        **explained_schemas(served.schema, class_keys=served.class_keys),
    }


def describe_predict(service: Service) -> Json:
    """Return the operation by its method, with the model's own columns."""
    served = service.served
    row = dict(served.example)
    return {
        "post": {
            "operationId": "predict",
            "summary": f"Predict {served.schema.target.name}",
            "description": (
                "Predicts every row of the body, in its order. The body is JSON (rows as objects, rows as arrays in "
                "training order, or one object), CSV, XML, Arrow or Parquet; the answer is JSON, or by `Accept` CSV or "
                "XML. A cell that is null or blank is missing."
            ),
            "parameters": [
                {
                    "name": "probabilities",
                    "in": "query",
                    "description": "Whether the answer holds the probability of each class.",
                    "schema": {"type": "boolean", "default": True},
                },
                {
                    "name": "explain",
                    "in": "query",
                    "description": (
                        "Whether the answer says what each column contributes: to the predicted class, or with `all` "
                        f"to every class. At most {MAX_ROWS} rows; JSON alone."
                    ),
                    "schema": {"enum": ["false", "true", "all"], "default": "false"},
                },
            ],
            "requestBody": {"required": True, "content": _request_content(row)},
            "responses": {"200": {"description": "The predictions.", "content": _answer_content()}},
        }
    }


def _request_content(row: Json) -> Json:
    rows = {"summary": "Rows as objects", "value": {"rows": [row]}}
    features = {"summary": "Rows as arrays, in training order", "value": {"features": [list(row.values())]}}
    one = {"summary": "One row", "value": row}
    texts = {
        "text/csv": _as_csv(row, ","),
        "text/tab-separated-values": _as_csv(row, "\t"),
        "application/xml": _as_xml(row),
    }
    tables: Json = {name: {"schema": {**_BYTES, "description": said}} for name, said in FORMATS.items()}
    for name, text in texts.items():
        # Not among the examples: tools take those for values and write them once more in the media type.
        tables[name]["x-example"] = text
    return {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/PredictRequest"},
            "examples": {"rows": rows, "features": features, "one": one},
        },
        **tables,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "description": "One file in any of the other forms, as a browser uploads it.",
                "properties": {"file": _BYTES},
                "required": ["file"],
            },
            "encoding": {"file": {"contentType": "text/csv"}},
        },
    }


def _as_csv(row: Json, separator: str) -> str:
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=separator, lineterminator="\n")
    writer.writerow(row)
    writer.writerow(["" if cell is None else cell for cell in row.values()])
    return lines.getvalue()


def _as_xml(row: Json) -> str:
    cells = "".join(
        f"<column name={quoteattr(name)}>{'' if cell is None else escape(str(cell))}</column>"
        for name, cell in row.items()
    )
    return f"<rows><row>{cells}</row></rows>"


def _answer_content() -> Json:
    text = {"type": "string"}
    return {
        "application/json": {"schema": {"$ref": "#/components/schemas/PredictAnswer"}},
        "text/csv": {
            "schema": {**text, "description": "A header, then for each row its prediction and probabilities."}
        },
        "application/xml": {"schema": {**text, "description": "An element for each row."}},
    }


def _request(max_rows: int) -> Json:
    def many(items: str) -> Json:
        return {"type": "array", "items": {"$ref": f"#/components/schemas/{items}"}, "maxItems": max_rows}

    # anyOf, not oneOf: a model may have a column named `rows`, and then one body may be both.
    return {
        "title": "Rows to predict",
        "anyOf": [
            {
                "type": "object",
                "title": "Rows",
                "properties": {"rows": many("Row"), "features": False},
                "required": ["rows"],
            },
            {
                "type": "object",
                "title": "Features",
                "properties": {"features": many("Features"), "rows": False},
                "required": ["features"],
            },
            {"$ref": "#/components/schemas/Row"},
        ],
    }


def _answer(served: Served) -> Json:
    schema, class_keys = served.schema, served.class_keys
    properties: Json = {
        "model": {"type": "string", "description": "Name of the model."},
        "version": {"type": "string", "description": "Its version."},
        "predictions": {"type": "array", "items": label_schema(schema), "description": "One for each row, in order."},
        "warnings": {"type": "array", "items": {"$ref": "#/components/schemas/Warning"}},
    }
    required = list(properties)
    properties["explanations"] = {"$ref": "#/components/schemas/Explanations"}
    if class_keys:
        keys = list(class_keys)
        share = {"type": "number", "minimum": 0, "maximum": 1}
        properties["probabilities"] = {
            "type": "object",
            "description": "For each class its probability, row by row; left out where the query says so.",
            "properties": {key: {"type": "array", "items": share} for key in keys},
            "required": keys,
            "additionalProperties": False,
        }
    if served.threshold is not None:
        properties["threshold"] = _threshold(served.threshold)
        required.append("threshold")
    return {
        "type": "object",
        "title": "Predictions",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _threshold(threshold: Mapping[str, Any]) -> Json:
    return {
        "type": "object",
        "description": "From which probability on a row gets the class.",
        "properties": {name: {"const": value} for name, value in threshold.items()},
        "required": list(threshold),
        "additionalProperties": False,
    }


def _warning(schema: Schema) -> Json:
    properties: Json = {
        "kind": {
            "enum": ["unseen", "out_of_range"],
            "description": "A category that training never saw, or a value outside the training range.",
        },
        "column": {"enum": schema.names, "description": "Name of the column."},
        "rows": {"type": "integer", "minimum": 1, "description": "Rows of the request that it concerns."},
        "message": {"type": "string", "description": "The same as a sentence."},
    }
    return {
        "type": "object",
        "title": "Warning",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
