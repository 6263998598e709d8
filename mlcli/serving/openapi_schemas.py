"""The model's own columns, answers and errors as JSON Schemas (draft 2020-12)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlcli.data.cells import BOOLEAN_WORDS, canonical_number, parse_number
from mlcli.data.dates import FORMS, ISO
from mlcli.data.schema import Column, Schema
from mlcli.serving.settings import ServeSettings

Json = dict[str, Any]

MOST_EXAMPLES = 20
"""Categories that are listed as examples of a column, most frequent first."""

# As `mlcli.data.cells.NUMBER`, with at most two digits of exponent: a longer one may leave the range of a float.
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?|[nN][aA][nN]"


def row_schema(schema: Schema, settings: ServeSettings, examples: Sequence[Mapping[str, Any]]) -> Json:
    """Return the schema of one row as an object; other keys than the columns are ignored.

    Parameters
    ----------
    schema : Schema
        What training saw.
    settings : ServeSettings
        Whether what is new is refused, and the limits.
    examples : sequence of mapping
        Real rows, cells by column.
    """
    return {
        "type": "object",
        "title": "Row",
        "description": "One row: a cell for each column that the model was trained on. Other keys are ignored.",
        "properties": {column.name: cell_schema(column, schema, settings) for column in schema.columns},
        "required": schema.names,
        "examples": [dict(example) for example in examples],
    }


def features_schema(schema: Schema, settings: ServeSettings) -> Json:
    """Return the schema of one row as an array of cells in training order."""
    return {
        "type": "array",
        "title": "Features",
        "description": f"One row: its cells in this order: {', '.join(schema.names)}.",
        "prefixItems": [cell_schema(column, schema, settings) for column in schema.columns],
        "minItems": len(schema.columns),
        "maxItems": len(schema.columns),
    }


def cell_schema(column: Column, schema: Schema, settings: ServeSettings) -> Json:
    """Return the schema of the cells of one column: what is read, and what training saw."""
    missing = schema.missing_values
    match column.kind:
        case "number":
            accepted = _number(column, missing, strict=settings.out_of_range == "error")
        case "boolean":
            accepted = _boolean(missing)
        case "date":
            accepted = _date(column, missing)
        case "category" if settings.unseen == "error":
            accepted = {"enum": [*_levels(column), None, "", *missing]}
        case _:
            accepted = {"type": ["string", "number", "boolean", "null"], "maxLength": settings.max_cell}
    described: Json = {**accepted, "description": column_description(column, schema)}
    if examples := _examples(column):
        described["examples"] = examples
    return described


def column_description(column: Column, schema: Schema) -> str:
    """Say in a sentence or two what training saw of a column."""
    n_missing = f"Missing in {column.n_missing} of {schema.n_rows} training rows." if column.n_missing else ""
    facts = "Text."
    if column.number is not None:
        least, typical, most = (
            f"{value:.6g}" for value in (column.number.minimum, column.number.quantiles[3], column.number.maximum)
        )
        whole = "Whole number" if column.number.integer else "Number"
        facts = f"{whole}, {least} to {most} in training, typically {typical}."
    elif column.date is not None:
        facts = f"Date, {column.date.minimum} to {column.date.maximum} in training."
    elif column.categories is not None:
        facts = f"One of {len(column.categories)} categories in training."
    elif column.text is not None:
        facts = f"Text, typically {column.text.median:.0f} characters, at most {column.text.maximum} in training."
    elif column.kind == "boolean":
        facts = "True or false."
    return f"{facts} {n_missing}".strip()


def _number(column: Column, missing: Iterable[str], *, strict: bool) -> Json:
    if strict and column.number is not None:
        return {"type": ["number", "null"], "minimum": column.number.minimum, "maximum": column.number.maximum}
    return {"type": ["number", "string", "null"], "pattern": _whole_text(_NUMBER, missing)}


def _boolean(missing: Iterable[str]) -> Json:
    words = "|".join(_any_case(word) for pair in BOOLEAN_WORDS for word in pair)
    return {
        "anyOf": [
            {"type": ["boolean", "null"]},
            {"enum": [0, 1]},
            {"type": "string", "pattern": _whole_text(words, missing)},
        ]
    }


def _date(column: Column, missing: Iterable[str]) -> Json:
    forms: list[Json] = [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
    form = column.date.format if column.date is not None else None
    if form is not None and form != ISO:
        # Other regular expressions than Python's know no named groups of this spelling.
        forms.append(
            {"type": "string", "title": form, "pattern": f"^(?:{re.sub(r'[?]P<[A-Za-z]+>', '', FORMS[form])})$"}
        )
    return {
        "anyOf": [*forms, {"type": "string", "title": "missing", "pattern": _whole_text("", missing)}, {"type": "null"}]
    }


def _whole_text(pattern: str, missing: Iterable[str]) -> str:
    """Return the regular expression of a whole cell: the pattern, a text that means missing, or blank."""
    # Only syntax characters may be escaped in the regular expressions of JSON Schema.
    texts = [re.sub(r"([\\^$.*+?()\[\]{}|/])", r"\\\1", text) for text in missing]
    known = "|".join(part for part in (pattern, *texts) if part)
    return rf"^\s*(?:{known})?\s*$" if known else r"^\s*$"


def _any_case(word: str) -> str:
    return "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in word)


def _levels(column: Column) -> list[Any]:
    """Return the categories as texts, and as the values that they are the text of."""
    levels: list[Any] = list(column.categories or ())
    if column.storage == "number":
        levels += [number_of(level) for level in levels]
    if column.storage == "boolean":
        levels += [level == "true" for level in levels if level in {"true", "false"}]
    return levels


def number_of(level: str) -> float | str:
    """Return the number whose canonical text a category is; the text where no float says the same."""
    number = parse_number(level)
    if number is None or canonical_number(number) != level:
        return level
    return int(number) if number == int(number) else number


def _examples(column: Column) -> list[Any]:
    if column.number is not None:
        values = (column.number.minimum, column.number.quantiles[3], column.number.maximum)
        return [int(value) if value == int(value) else value for value in dict.fromkeys(values)]
    if column.categories is not None:
        levels = list(column.categories)[:MOST_EXAMPLES]
        return [number_of(level) for level in levels] if column.storage == "number" else list(levels)
    if column.date is not None:
        return [column.date.minimum, column.date.maximum]
    if column.kind == "boolean":
        return [True, False]
    return [column.example] if column.example is not None else []


def label_schema(schema: Schema) -> Json:
    """Return the schema of one prediction: a number, or one of the classes."""
    if schema.target.classes is None:
        return {"type": "number", "description": f"Predicted {schema.target.name}."}
    return {"enum": list(schema.target.classes), "description": f"Predicted {schema.target.name}."}


def problem_schema(body: Mapping[str, Any], *, family: str) -> Json:
    """Return the schema of an error.

    Parameters
    ----------
    body : mapping
        An error as the dialect writes it, from which the family's own keys are taken.
    family : str
        Name of the dialect, for the title.
    """
    text, whole = {"type": "string"}, {"type": "integer"}
    cell = {
        "type": "object",
        "properties": {
            "row": {"type": "integer", "minimum": 1, "description": "Number of the row in the request, from 1."},
            "column": {"type": "string", "description": "Name of the column."},
            "rule": {"type": "string", "description": "What the cell must be."},
        },
        "required": ["row", "column", "rule"],
        "additionalProperties": False,
    }
    own: Json = {
        "status": {**whole, "minimum": 400, "maximum": 599, "description": "The HTTP status."},
        "title": {**text, "description": "The status in words."},
        "detail": {**text, "description": "What is wrong: the place and the rule, never a value."},
        "request_id": {**text, "description": "Name of the request, as it stands in the log."},
        "hint": {**text, "description": "One thing to try."},
        "cells": {"type": "array", "items": cell, "description": "For 422: the bad cells."},
    }
    extra = {key: _type_of(value) for key, value in body.items() if key not in own}
    return {
        "type": "object",
        "title": f"{family} problem",
        "description": "What went wrong (RFC 9457).",
        "properties": {**own, **extra},
        "required": ["status", "title", "detail", "request_id", *extra],
        "additionalProperties": False,
    }


def _type_of(value: Any) -> Json:
    names: tuple[tuple[type, str], ...] = ((bool, "boolean"), (int, "integer"), (str, "string"))
    for kind, name in names:
        if isinstance(value, kind):
            return {"type": name}
    return {}
