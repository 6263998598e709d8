"""The JSON Schema of a config file, for editors and other tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

from pydantic.fields import FieldInfo

from mlcli.config.fields import Shape, section_of, shape_of
from mlcli.config.model_sections import CandidateConfig, ModelConfig, TuneConfig
from mlcli.config.section import Section
from mlcli.config.sections import Config, EvaluateConfig
from mlcli.registry import AUTO, METRICS, MODELS, model_parameters
from mlcli.spaces import MAX_CHOICES

Node = dict[str, Any]

SCHEMA_ID = "https://mlcli.invalid/schema/config.json"
"""Identifier of the schema; a name, not an address."""

_VARIABLE: Node = {"type": "string", "pattern": r"^\$\{.*\}$"}

_DIMENSION: Node = {
    "anyOf": [
        {
            "type": "array",
            "description": "A range: [low, high] or [low, high, log].",
            "prefixItems": [{"anyOf": [{"type": "number"}, _VARIABLE]}] * 2 + [{"const": "log"}],
            "minItems": 2,
            "maxItems": 3,
        },
        {
            "type": "object",
            "description": "One of some values.",
            "properties": {"choices": {"type": "array", "minItems": 1, "maxItems": MAX_CHOICES}},
            "required": ["choices"],
            "additionalProperties": False,
        },
    ]
}
"""What a search may try for one parameter."""


def config_json_schema() -> Node:
    """Return the schema of a config file, in JSON Schema draft 2020-12.

    Every key has its description and default. Where a file extends another,
    keys that must be given may stand in the other.

    Returns
    -------
    dict
        The schema, ready for ``json.dumps``.
    """
    top = _section(Config)
    top["properties"]["extends"] = {
        "type": "string",
        "minLength": 1,
        "description": "Another config file, relative to this one, that this one is laid upon.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "mlcli config",
        **top,
        "allOf": [
            {"if": {"not": {"required": ["extends"]}}, "then": _required(Config)},
            *_task_rules(),
        ],
    }


def _section(section: type[Section]) -> Node:
    properties = {name: _key(name, field, section) for name, field in section.model_fields.items()}
    node: Node = {
        "type": "object",
        "description": (section.__doc__ or "").strip(),
        "properties": properties,
        "additionalProperties": False,
    }
    rules = list(_parameter_rules()) if section in {ModelConfig, CandidateConfig} else []
    return {**node, "allOf": rules} if rules else node


def _key(name: str, field: FieldInfo, section: type[Section]) -> Node:
    below = section_of(field)
    if below is not None:
        node = _section(below)
        # A section whose keys are all commented out is as if it were not there.
        node = {**node, "type": ["object", "null"], "description": field.description}
        return _or_short(node) if below is ModelConfig else node
    shape = shape_of(field)
    node = _shape(shape)
    if section in {ModelConfig, CandidateConfig} and name == "name":
        node = _model_name(MODELS if section is CandidateConfig else [AUTO, *MODELS])
    elif section is EvaluateConfig and name == "metrics":
        item: Node = {"anyOf": [{"enum": list(METRICS)}, _VARIABLE]}
        node = {"anyOf": [{"type": "array", "items": item, "uniqueItems": True}, {"type": "null"}]}
    elif section is TuneConfig and name == "metric":
        node = {"anyOf": [{"enum": list(METRICS)}, _VARIABLE, {"type": "null"}]}
    elif section is TuneConfig and name == "space":
        node = {**node, "additionalProperties": _DIMENSION}
    elif section is EvaluateConfig and name in {"gates", "tolerances"}:
        node = {**node, "propertyNames": {"enum": list(METRICS)}}
    described: Node = {**node, "description": field.description}
    if not field.is_required():
        default = field.get_default(call_default_factory=True)
        described["default"] = list(default) if isinstance(default, tuple) else default
    return described


def _or_short(section: Node) -> Node:
    """Return the schema of the model: its section, a name alone, or a list to choose from."""
    listed = section["properties"]["candidates"]["anyOf"][0]["items"]
    return {
        **section,
        "type": [*section["type"], "string", "array"],
        # Each of these speaks of one type and lets the others pass.
        "items": listed,
        "minItems": 1,
        "if": {"type": "string"},
        "then": _model_name([AUTO, *MODELS]),
    }


def _model_name(names: Iterable[str]) -> Node:
    return {"anyOf": [{"enum": list(names)}, _VARIABLE]}


def _shape(shape: Shape) -> Node:
    """Return the schema of a key's type; a variable may stand for any scalar."""
    choices: list[Node] = []
    if shape.literals:
        choices.append({"enum": list(shape.literals)})
    if object in shape.types:
        return {}
    choices += [_scalar(shape, kind) for kind in _scalar_types(shape)]
    if (shape.types or shape.literals) and str not in shape.types:
        choices.append(_VARIABLE)
    if shape.items is not None:
        choices.append({"type": "array", "items": _shape(shape.items)})
    if shape.values is not None:
        choices.append({"type": "object", "additionalProperties": _shape(shape.values)})
    # As for a section: a list or mapping without a value has its default.
    if shape.nullable or shape.items is not None or shape.values is not None:
        choices.append({"type": "null"})
    if all(choice.keys() == {"type"} for choice in choices):
        types = [choice["type"] for choice in choices]
        return {"type": types if len(types) > 1 else types[0]}
    if [choice.get("type") for choice in choices] == ["object", "null"]:
        return {**choices[0], "type": ["object", "null"]}
    return {"anyOf": choices} if len(choices) > 1 else choices[0]


def _scalar_types(shape: Shape) -> list[type]:
    return [kind for kind in shape.types if not (kind is int and float in shape.types)]


def _scalar(shape: Shape, kind: type) -> Node:
    bounds = shape.bounds
    if issubclass(kind, CandidateConfig):
        return {"anyOf": [_model_name(MODELS), _section(kind)]}
    if kind is bool:
        return {"type": "boolean"}
    if kind is str:
        # The pattern is left to mlcli: editors read \w as ASCII alone.
        return {"type": "string", **_given(minLength=bounds.min_length, maxLength=bounds.max_length)}
    limits = _given(minimum=bounds.ge, exclusiveMinimum=bounds.gt, maximum=bounds.le, exclusiveMaximum=bounds.lt)
    return {"type": "integer" if kind is int else "number", **limits}


def _given(**limits: float | None) -> Node:
    return {word: limit for word, limit in limits.items() if limit is not None}


def _required(section: type[Section]) -> Node:
    """Return the rule that the keys without a default stand in a section and in those below it."""
    node: Node = {"required": [name for name, field in section.model_fields.items() if field.is_required()]}
    properties = {}
    for name, field in section.model_fields.items():
        below = section_of(field)
        if below is not None and field.is_required():
            # `required` speaks of mappings only: a model in a short form is none.
            kinds = ["object", "string", "array"] if below is ModelConfig else "object"
            properties[name] = {"type": kinds, **_required(below)}
    return {**node, "properties": properties} if properties else node


def _parameter_rules() -> Iterator[Node]:
    """Yield, for each model whose parameters are recorded, which `params` may have."""
    for model, entry in MODELS.items():
        tables = [table for table in (model_parameters(model, task) for task in entry.tasks) if table is not None]
        if not tables:
            continue
        known: Node = {}
        for table in reversed(tables):
            known.update({parameter: _parameter(about) for parameter, about in table.items()})
        rule = {"properties": {"params": {"properties": dict(sorted(known.items())), "additionalProperties": False}}}
        yield {"if": {"properties": {"name": {"const": model}}, "required": ["name"]}, "then": rule}


def _parameter(about: Node) -> Node:
    node: Node = {}
    if about.get("allowed"):
        node["description"] = about["allowed"]
    default = about.get("default")
    # JSON has no NaN, which some libraries take for "missing".
    if "default" in about and not (isinstance(default, float) and not isfinite(default)):
        node["default"] = default
    return node


def _task_rules() -> Iterator[Node]:
    """Yield, for each task, the models and metrics that it offers."""
    for task in ("classification", "regression"):
        models = [model for model, entry in MODELS.items() if task in entry.tasks]
        metrics = [metric for metric, entry in METRICS.items() if entry.task == task]
        rule = {
            "model": {"properties": {"name": _model_name([AUTO, *models])}},
            "tune": {"properties": {"metric": {"anyOf": [{"enum": metrics}, _VARIABLE, {"type": "null"}]}}},
            "evaluate": {
                "properties": {
                    "metrics": {"items": {"anyOf": [{"enum": metrics}, _VARIABLE]}},
                    "gates": {"propertyNames": {"enum": metrics}},
                    "tolerances": {"propertyNames": {"enum": metrics}},
                }
            },
        }
        yield {"if": {"properties": {"task": {"const": task}}, "required": ["task"]}, "then": {"properties": rule}}
