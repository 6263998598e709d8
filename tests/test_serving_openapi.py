"""The OpenAPI document says what the service reads and answers, and says it in valid OpenAPI."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace

import jsonschema
import pytest
from serving_samples import ask, train_sample

from mlcli.data.row_reader import RowReader, RowsRefused
from mlcli.data.schema import Column, DateRange, NumberRange, TextLength
from mlcli.serving import create_app
from mlcli.serving.call import Problem
from mlcli.serving.dialects import dialects
from mlcli.serving.openapi import OF_PREDICTIONS, openapi_document
from mlcli.serving.openapi_schemas import cell_schema, problem_schema, row_schema
from mlcli.serving.page.routes import page_endpoints
from mlcli.serving.served import load_served
from mlcli.serving.service import Service
from mlcli.serving.settings import ServeSettings

FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date")
def _is_date(text):
    return not isinstance(text, str) or re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d)", text) is not None


@FORMATS.checks("date-time")
def _is_moment(text):
    day = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d)"
    return (
        not isinstance(text, str) or re.fullmatch(rf"{day}T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text) is not None
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    return {target: train_sample(folder / target, target=target) for target in ("left", "spent")}


@pytest.fixture(scope="module")
def service_of(runs):
    def build(target="left", **options):
        settings = ServeSettings(**options)
        return Service(load_served(runs[target], settings=settings), settings)

    return build


@pytest.fixture(scope="module")
def document(service_of):
    return openapi_document(service_of(), own=page_endpoints())


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def validator(schema, document):
    """Return what checks values against a schema that may refer to the document's components."""
    rooted = {**schema, "components": document["components"]}
    return jsonschema.Draft202012Validator(rooted, format_checker=FORMATS)


def references(part):
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for child in part.values():
            yield from references(child)
    elif isinstance(part, list):
        for child in part:
            yield from references(child)


def schemas(part):
    """Yield every schema that stands in operations and components."""
    if isinstance(part, dict):
        if isinstance(part.get("schema"), dict):
            yield part["schema"]
        for child in part.values():
            yield from schemas(child)
    elif isinstance(part, list):
        for child in part:
            yield from schemas(child)


@pytest.mark.parametrize("target", ["left", "spent"])
@pytest.mark.parametrize("options", [{}, {"unseen": "error", "out_of_range": "error"}, {"tokens": ("t",)}])
def test_the_document_is_valid_openapi_whatever_the_model_and_the_settings(service_of, target, options):
    from schemathesis.specs.openapi.definitions import OPENAPI_31

    document = openapi_document(service_of(target, **options), own=page_endpoints())
    as_sent = json.loads(json.dumps(document))
    jsonschema.Draft202012Validator(OPENAPI_31).validate(as_sent)
    for schema in [*schemas(as_sent), *as_sent["components"]["schemas"].values()]:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_document_that_is_not_openapi_is_found_out(document):
    from schemathesis.specs.openapi.definitions import OPENAPI_31

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(OPENAPI_31).validate({**document, "paths": {"predict": []}})


def test_every_reference_leads_somewhere(document):
    found = set(references(document))
    assert "#/components/schemas/Row" in found
    for reference in found:
        part = document
        for key in reference.removeprefix("#/").split("/"):
            part = part[key]


def test_every_described_endpoint_of_every_dialect_is_there(service_of, document):
    service = service_of()
    endpoints = [endpoint for dialect in dialects() for endpoint in dialect.endpoints] + list(page_endpoints())
    expected = {
        (re.sub(r":\w+}", "}", endpoint.path), method)
        for endpoint in endpoints
        if endpoint.describe
        for method in endpoint.describe(service)
    }
    assert {(path, method) for path, method, _ in operations(document)} == expected
    assert {"/predict", "/model", "/openapi.json"} <= set(document["paths"])


def test_operations_have_one_name_each_and_the_same_each_time(service_of, document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert document == openapi_document(service_of(), own=page_endpoints())


def test_operations_stand_under_a_tag_that_is_explained(document):
    explained = {tag["name"] for tag in document["tags"]}
    assert all(set(operation["tags"]) <= explained for _, _, operation in operations(document))


def test_operations_that_predict_say_every_error_they_may_meet(document):
    predicting = {endpoint.path for dialect in dialects() for endpoint in dialect.endpoints if endpoint.predicts}
    assert "/predict" in predicting
    for path in predicting:
        for operation in document["paths"][path].values():
            assert {str(status) for status in OF_PREDICTIONS} <= set(operation["responses"])


def test_tokens_are_asked_for_everywhere_but_where_an_endpoint_is_open(service_of, document):
    assert "security" not in document
    locked = openapi_document(service_of(tokens=("t",)), own=page_endpoints())
    assert locked["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    for path, _, operation in operations(locked):
        is_open = path in {"/livez", "/readyz"} or operation.get("security") == []
        assert ("401" in operation["responses"]) is not is_open
    assert "401" in locked["paths"]["/predict"]["post"]["responses"]


@pytest.mark.parametrize("family", dialects(), ids=lambda family: family.name)
@pytest.mark.parametrize(
    "problem", [Problem(422, "bad", hint="h", cells=[{"row": 1, "column": "a", "rule": "r"}]), Problem(404, "none")]
)
def test_an_error_of_each_dialect_has_the_shape_that_is_described(document, family, problem):
    name = "Problem" if family.name == "native" else f"Problem_{family.name}"
    check = validator(document["components"]["schemas"][name], document)
    body = family.error_body(problem, "id")
    check.validate(body)
    with pytest.raises(jsonschema.ValidationError):
        check.validate({**body, "trace": "line 1"})


def test_an_error_lists_bad_cells_only_as_they_are_described():
    schema = problem_schema({"status": 1, "error": "text"}, family="v2")
    assert schema["properties"]["error"] == {"type": "string"}
    body = {"status": 422, "title": "", "detail": "", "request_id": "", "error": ""}
    jsonschema.Draft202012Validator(schema).validate(body)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**body, "cells": [{"row": 0, "column": "a", "rule": "r"}]})


@pytest.mark.parametrize("target", ["left", "spent"])
@pytest.mark.parametrize("query", ["", "probabilities=false"])
def test_answers_have_the_shape_that_is_described(service_of, target, query):
    service = service_of(target)
    document = openapi_document(service)
    odd = {**service.served.example, "city": "Atlantis", "age": 1e6}
    app = create_app(service)
    for body in ({"rows": [service.served.example, odd]}, {"rows": []}, odd):
        response = asyncio.run(ask(app, body=body, query=query))
        assert response.status == 200
        validator({"$ref": "#/components/schemas/PredictAnswer"}, document).validate(response.json())


def test_examples_are_read_by_the_service_and_fit_their_schema(service_of):
    service = service_of()
    document = openapi_document(service)
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    app = create_app(service)
    for example in content["examples"].values():
        validator(content["schema"], document).validate(example["value"])
        assert asyncio.run(ask(app, body=example["value"])).status == 200


NUMBER = Column("c", "number", "number", "", 0, 3, number=NumberRange(0, 9, (0, 1, 2, 3, 4, 5, 9), integer=True))
COLUMNS = {
    "number": NUMBER,
    "boolean": Column("c", "boolean", "boolean", "", 0, 2),
    "date": Column("c", "date", "date", "", 0, 2, date=DateRange("2020-01-01", "2020-02-01", "%Y-%m-%d")),
    "dotted date": Column("c", "date", "date", "", 0, 2, date=DateRange("2020-01-01", "2020-02-01", "%d.%m.%Y")),
    "category": Column("c", "category", "text", "", 0, 2, categories={"a": 3, "b": 1}),
    "numbered category": Column("c", "category", "number", "", 0, 2, categories={"3": 3, "1.5": 1}),
    "text": Column("c", "text", "text", "", 0, 2, text=TextLength(3, 9, spaced=True)),
}
CELLS = [
    None, "", "  ", 0, 1, 3, 1.5, -2.5e3, True, False, "1", " 2.5 ", "+.5e-3", "1e5", "nan", "NaN", "x", "a", "b", "3",
    "yes", "No", "TRUE", "t", "maybe", "2020-01-05", "2020-13-05", "2020-01-05T10:00:00Z", "31.01.2020", "NA", "n/a",
    [], {}, [1], {"a": 1}, "0x10", "1,5", "é", "1\n",
]  # fmt: skip


@pytest.mark.parametrize("missing", [(), ("NA", "n/a")])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", COLUMNS)
def test_the_schema_of_a_cell_allows_what_the_reader_reads(service_of, kind, strict, missing):
    """And refuses what the reader refuses: the document promises neither more nor less."""
    policy = "error" if strict else "warn"
    schema = replace_schema(service_of().served.schema, COLUMNS[kind], missing)
    settings = ServeSettings(unseen=policy, out_of_range=policy)
    check = jsonschema.Draft202012Validator(cell_schema(COLUMNS[kind], schema, settings), format_checker=FORMATS)
    reader = RowReader(schema, max_cell=settings.max_cell, unseen=policy, out_of_range=policy)
    differing = [
        cell
        for cell in CELLS
        if check.is_valid(cell) is not is_read(reader, cell) and not is_left_out(cell, kind, strict)
    ]
    assert differing == []


def replace_schema(schema, column, missing):
    import msgspec

    return msgspec.structs.replace(schema, columns=(column,), missing_values=missing)


def is_read(reader, cell):
    try:
        reader.read_records([{"c": cell}])
    except RowsRefused:
        return False
    return True


def is_left_out(cell, kind, strict):
    """Return whether the reader is milder with a cell than the schema can say."""
    if not strict:
        return False
    # Where values are bounded, numbers as text and blanks around categories are read but not described.
    return isinstance(cell, str) or (kind == "numbered category" and isinstance(cell, float)) or kind == "date"


def test_a_row_needs_every_column_and_may_have_more(service_of):
    service = service_of()
    served = service.served
    check = jsonschema.Draft202012Validator(row_schema(served.schema, service.settings, served.examples))
    assert check.is_valid({**served.example, "more": []})
    for name in served.schema.names:
        assert not check.is_valid({key: cell for key, cell in served.example.items() if key != name})


def test_what_is_new_is_an_error_in_the_schema_only_where_it_is_one_in_the_service(service_of):
    column = next(column for column in service_of().served.schema.columns if column.name == "city")
    schema = service_of().served.schema
    mild, strict = (cell_schema(column, schema, ServeSettings(unseen=policy)) for policy in ("warn", "error"))
    assert "enum" not in mild
    assert set(column.categories) == set(mild["examples"])
    assert set(column.categories) <= set(strict["enum"])
    bounded = cell_schema(NUMBER, schema, replace(ServeSettings(), out_of_range="error"))
    assert (bounded["minimum"], bounded["maximum"]) == (0, 9)
    assert "minimum" not in cell_schema(NUMBER, schema, ServeSettings())
