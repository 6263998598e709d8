"""What ``POST /predict?explain=true`` answers besides, as JSON Schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlcli.data.schema import Schema

Json = dict[str, Any]

_SCALES = {
    "target": "the predicted number",
    "log_target": "its logarithm",
    "probability": "the class's probability",
    "log_odds": "the logarithm of p / (1 - p)",
    "score": "the class's score before it is made a probability",
}
_METHODS = ("constant", "linear", "tree_shap", "enumerated", "sampled")


def explained_schemas(schema: Schema, *, class_keys: Sequence[str]) -> dict[str, Json]:
    """Return the named schemas of explanations.

    Parameters
    ----------
    schema : Schema
        The data contract: contributions are told for its columns.
    class_keys : sequence of str
        Each class as the key of a JSON object; empty for regression.
    """
    numbers: Json = {"type": "array", "items": {"type": "number"}}
    columns: Json = {
        "type": "object",
        "properties": dict.fromkeys(schema.names, numbers),
        "required": list(schema.names),
        "additionalProperties": False,
    }
    contributions: Json = {
        "base": {**numbers, "description": "For each row, what its contributions begin at."},
        "contributions": {**columns, "description": "For each column what it adds, row by row."},
        "errors": {**columns, "description": "Their standard errors, where they are sampled."},
    }
    to_class: Json = {
        "type": "object",
        "title": "Contributions",
        "properties": contributions,
        "required": ["base", "contributions"],
        "additionalProperties": False,
    }
    told: Json = {
        "method": {"enum": list(_METHODS), "description": "How contributions are found."},
        "scale": {"enum": list(_SCALES), "description": f"They add up to: {_said(_SCALES)}."},
        "background_rows": {"type": "integer", "minimum": 0, "description": "Rows compared with; 0 where exact."},
    }
    classes: Json = {
        "type": "object",
        "description": "With `explain=all`: contributions to each class.",
        "properties": {key: {"$ref": "#/components/schemas/Contributions"} for key in class_keys},
        "required": list(class_keys),
        "additionalProperties": False,
    }
    either: Json = {"anyOf": [{"required": ["base", "contributions"]}, {"required": ["classes"]}]} if class_keys else {}
    explanations: Json = {
        "type": "object",
        "title": "Explanations",
        "description": "With `explain=true` or `all`: contributions that add up to each prediction.",
        "properties": {**told, **contributions, **({"classes": classes} if class_keys else {})},
        "required": list(told) if class_keys else [*told, "base", "contributions"],
        "additionalProperties": False,
        **either,
    }
    return {"Explanations": explanations, "Contributions": to_class}


def _said(meanings: dict[str, str]) -> str:
    return "; ".join(f"{name}, {meaning}" for name, meaning in meanings.items())
