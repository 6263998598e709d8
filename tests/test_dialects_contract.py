"""What holds of every dialect in the table: equal numbers, one shape of error, a true description, no 5xx."""

from __future__ import annotations

import asyncio
import json
import random
import re
import struct
from itertools import chain
from pathlib import Path

import jsonschema
import pytest
from dialect_samples import mixed_sample, number_sample, price_sample
from starlette.testclient import TestClient

from mlcli.cli.boundary import run
from mlcli.serving.app import create_app
from mlcli.serving.call import Call, Problem
from mlcli.serving.dialects import NAMES, dialects
from mlcli.serving.errors import problem_of
from mlcli.serving.openapi import openapi_document

SAMPLES = {"mixed": mixed_sample, "numbers": number_sample, "prices": price_sample}
TENSORS = {"age": "FP64", "account": "INT64", "member": "BOOL", "a": "FP64", "b": "FP64", "c": "BOOL"}


@pytest.fixture(scope="module", params=SAMPLES)
def sample(request, tmp_path_factory):
    return SAMPLES[request.param](tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def client(sample):
    return TestClient(create_app(sample.run))


def post(client, path, body):
    reply = client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert reply.status_code == 200, reply.text
    return reply.json()


def columns(sample):
    return {name: [row[name] for row in sample.rows] for name in sample.columns}


def native(client, sample):
    body = post(client, "/predict", {"rows": sample.rows})
    shares = body.get("probabilities")
    return body["predictions"], [] if shares is None else [list(row) for row in zip(*shares.values(), strict=True)]


def v2_inputs(sample):
    return [
        {"name": name, "shape": [len(cells)], "datatype": TENSORS.get(name, "BYTES"), "data": cells}
        for name, cells in columns(sample).items()
    ]


def v2(client, sample):
    body = post(client, f"/v2/models/{sample.name}/infer", {"inputs": v2_inputs(sample)})
    label, *share = body["outputs"]
    if not share:
        return label["data"], []
    width = share[0]["shape"][1]
    return label["data"], [share[0]["data"][i : i + width] for i in range(0, len(share[0]["data"]), width)]


def v2_binary(client, sample):
    inputs = v2_inputs(sample)
    content = b""
    for tensor in inputs:
        if tensor["datatype"] == "FP64":
            cells = [float("nan") if cell is None else cell for cell in tensor.pop("data")]
            raw = struct.pack(f"<{len(cells)}d", *cells)
        else:
            tensor["datatype"] = "BYTES"
            texts = ["" if cell is None else str(cell).encode() for cell in tensor.pop("data")]
            raw = b"".join(chain.from_iterable((struct.pack("<I", len(text)), text or b"") for text in texts))
        tensor["parameters"] = {"binary_data_size": len(raw)}
        content += raw
    header = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    length = {"Inference-Header-Content-Length": str(len(header))}
    reply = client.post(f"/v2/models/{sample.name}/infer", content=header + content, headers=length)
    assert reply.status_code == 200, reply.text
    end = int(reply.headers["inference-header-content-length"])
    outputs = json.loads(reply.content[:end])["outputs"]
    read = []
    for output in outputs:
        raw = reply.content[end : end + output["parameters"]["binary_data_size"]]
        end += len(raw)
        read.append(list(cells_of(raw, output["datatype"])))
    assert end == len(reply.content)
    if len(read) == 1:
        return read[0], []
    width = outputs[1]["shape"][1]
    return read[0], [read[1][i : i + width] for i in range(0, len(read[1]), width)]


def cells_of(raw, datatype):
    if datatype != "BYTES":
        yield from (cell for (cell,) in struct.iter_unpack({"FP64": "<d", "INT64": "<q"}[datatype], raw))
        return
    while raw:
        (length,) = struct.unpack_from("<I", raw)
        yield raw[4 : 4 + length].decode()
        raw = raw[4 + length :]


def mlflow(client, sample):
    return post(client, "/invocations", {"dataframe_records": sample.rows})["predictions"], None


def v1(client, sample):
    path = f"/v1/models/{sample.name}:predict"
    labels = post(client, path, {"instances": sample.rows})["predictions"]
    if not sample.predicted[1][0]:
        return labels, []
    asked = {"inputs": columns(sample), "signature_name": "predict_proba"}
    return labels, post(client, path, asked)["outputs"]


ASK = {"native": native, "v2": v2, "v2 binary": v2_binary, "mlflow": mlflow, "v1": v1}
"""For each dialect, and each of its ways: predictions and probabilities of the rows; None where it tells none."""


def test_every_dialect_of_the_table_is_asked_here():
    assert {name.split(" ")[0] for name in ASK} == set(NAMES)
    assert [dialect.name for dialect in dialects()] == list(NAMES)


@pytest.mark.parametrize("way", ASK)
def test_every_dialect_says_what_the_command_says(client, sample, way):
    labels, shares = ASK[way](client, sample)
    assert_said_alike(labels, shares, sample.predicted)


def assert_said_alike(labels, shares, predicted):
    assert labels == predicted[0]
    if shares is not None:
        assert [list(row) for row in shares] == [row for row in predicted[1] if row]


@pytest.mark.parametrize(
    ("labels", "shares"),
    [(["a", "c"], [[0.1, 0.9], [0.5, 0.5]]), (["a", "b"], [[0.1, 0.9], [0.5, 0.5000000000000001]]), (["a"], None)],
)
def test_the_comparison_sees_the_least_difference(labels, shares):
    with pytest.raises(AssertionError):
        assert_said_alike(labels, shares, (["a", "b"], [[0.1, 0.9], [0.5, 0.5]]))


@pytest.mark.parametrize("dialect", dialects(), ids=lambda dialect: dialect.name)
def test_every_error_has_the_one_shape_and_the_family_adds_keys_alone(dialect):
    problem = Problem(422, "what is wrong.", hint="do this.", cells=[{"row": 1, "column": "a", "rule": "must be b"}])
    body = dialect.error_body(problem, "seven")
    assert {key: body[key] for key in ("status", "title", "detail", "request_id", "hint", "cells")} == {
        "status": 422,
        "title": "Unprocessable Entity" if "Content" not in body["title"] else body["title"],
        "detail": "what is wrong.",
        "request_id": "seven",
        "hint": "do this.",
        "cells": [{"row": 1, "column": "a", "rule": "must be b"}],
    }
    assert "hint" not in dialect.error_body(Problem(400, "x"), "id")


@pytest.mark.parametrize("dialect", dialects(), ids=lambda dialect: dialect.name)
def test_every_address_stands_below_the_dialects_prefixes(dialect):
    for endpoint in dialect.endpoints:
        assert any(
            endpoint.path == prefix or endpoint.path.startswith(prefix.rstrip("/") + "/") for prefix in dialect.prefixes
        )
        assert endpoint.describe is not None or endpoint.path == "/v2/"


# The description


def document(client):
    return openapi_document(client.app.state.service)


def schema_of(document, node):
    return {**node, "components": document["components"]}


def test_the_examples_of_the_description_are_valid_and_predicted(client):
    described = document(client)
    n_examples = 0
    for path, operations in described["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        for example in content.get("examples", {}).values():
            jsonschema.validate(example["value"], schema_of(described, content["schema"]))
            reply = client.post(filled(client, path), json=example["value"])
            assert reply.status_code == 200, (path, reply.text)
            answer = operations["post"]["responses"]["200"]["content"]["application/json"]["schema"]
            jsonschema.validate(reply.json(), schema_of(described, answer))
            n_examples += 1
    assert n_examples >= 7


def test_what_the_addresses_say_of_the_service_is_as_described(client):
    described = document(client)
    service = client.app.state.service
    try:
        for service.ready in (True, False):
            for path, operations in described["paths"].items():
                if "get" not in operations:
                    continue
                reply = client.get(filled(client, path))
                response = operations["get"]["responses"][str(reply.status_code)]
                kind = reply.headers["content-type"].partition(";")[0]
                if kind == "application/json" and "schema" in response["content"][kind]:
                    jsonschema.validate(reply.json(), schema_of(described, response["content"][kind]["schema"]))
    finally:
        service.ready = True


@pytest.mark.parametrize("change", ["no rows", "both", "type", "length", "cell"])
def test_what_the_description_forbids_is_refused(client, change):
    described = document(client)
    for path, operations in described["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        for example in content.get("examples", {}).values() if path != "/predict" else ():
            body = altered(example["value"], change)
            if body is None:
                continue
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(body, schema_of(described, content["schema"]))
            assert client.post(filled(client, path), json=body).status_code in {400, 422}, (path, body)


def altered(body, change):
    """Return an example with one thing wrong, None where that thing cannot be wrong in it."""
    key = next(key for key in body)
    match change:
        case "no rows":
            return {}
        case "both":
            return {**body, "instances": [], "inputs": []} if key != "inputs" or isinstance(body[key], dict) else None
        case "type":
            return {key: "x"}
        case "length" if key in {"instances", "dataframe_records"}:
            return {key: [*body[key], []]}
        case "cell" if key in {"instances", "dataframe_records"}:
            return {key: [{name: {} for name in body[key][0]}]}
    return None


def filled(client, path):
    served = client.app.state.service.served
    return path.format(name=served.name, version=served.version)


# Odd requests


def odd_bodies(seed, n_bodies, *, sample):
    """Yield bodies that range from noise to requests with one thing changed."""
    chance = random.Random(seed)
    values = [None, True, 0, -1, 1.5, 2**70, 1e308, "", "x", "\ud7ff", [], {}, [[]], [{}], [None], {"": None}]
    keys = ["inputs", "outputs", "instances", "name", "shape", "datatype", "data", "parameters", "binary_data_size", "dataframe_split", "dataframe_records", "columns", "index", "signature_name", "id", "rows", "features", "age", "a"]  # fmt: skip
    seeds = [
        {"inputs": v2_inputs(sample)},
        {"instances": sample.rows},
        {"inputs": columns(sample)},
        {"dataframe_split": {"columns": sample.columns, "data": [list(row.values()) for row in sample.rows]}},
        {"rows": sample.rows},
    ]

    def value(depth):
        if depth == 0 or chance.random() < 0.4:
            return chance.choice(values)
        if chance.random() < 0.5:
            return [value(depth - 1) for _ in range(chance.randrange(4))]
        return {chance.choice(keys): value(depth - 1) for _ in range(chance.randrange(4))}

    def changed(node):
        if chance.random() < 0.15:
            return value(2)
        if isinstance(node, dict):
            key = chance.choice(list(node) or [""])
            return {**node, key: changed(node.get(key))}
        if isinstance(node, list) and node:
            at = chance.randrange(len(node))
            return [*node[:at], changed(node[at]), *node[at + 1 :]]
        return value(1)

    for _ in range(n_bodies):
        kind = chance.random()
        if kind < 0.1:
            yield chance.randbytes(chance.randrange(60))
        elif kind < 0.25:
            yield json.dumps(value(5)).encode()
        elif kind < 0.35:
            text = json.dumps(chance.choice(seeds)).encode()
            at = chance.randrange(len(text))
            yield text[:at] + chance.choice([b"", b"\x00", b'"', b"NaN", b"]", b"1e999", b"\xff"]) + text[at + 1 :]
        elif kind < 0.4:
            yield chance.choice(["a,b\n1,2", sample.csv(), '"', "\n\n", ",,,\n"]).encode()
        elif kind < 0.5:
            yield json.dumps(chance.choice(seeds)).encode()
        else:
            yield json.dumps(changed(chance.choice(seeds))).encode()


def odd_calls(seed, n_bodies, *, sample, endpoint):
    chance = random.Random(seed)
    lengths = ["0", "-1", "x", "2", "40", "99999999999", "²"]
    for body in odd_bodies(seed, n_bodies, sample=sample):
        headers = {}
        if chance.random() < 0.1:
            headers["content-type"] = chance.choice(["text/csv", "application/json; charset=x", "text/html", ";", ""])
        if chance.random() < 0.2:
            headers["inference-header-content-length"] = chance.choice([*lengths, str(len(body) // 2), str(len(body))])
        names = {"name": sample.name, "version": "1"}
        yield Call(endpoint.methods[0], endpoint.path, {}, names, headers, body, "id", float("inf"))


def statuses(service, endpoint, calls):
    """Return how often each status was answered; whatever is not meant for a client is raised."""

    async def answered():
        found = {}
        for call in calls:
            try:
                status = (await endpoint.handler(service, call)).status
            except Exception as error:
                problem = problem_of(error)
                if problem is None:
                    raise AssertionError(call) from error
                json.dumps(problem.message).encode()
                status = problem.status
            found[status] = found.get(status, 0) + 1
        return found

    return asyncio.run(answered())


PREDICTING = [
    (dialect.name, endpoint) for dialect in dialects() if dialect.name != "native" for endpoint in dialect.endpoints if endpoint.predicts
]  # fmt: skip


@pytest.mark.parametrize(("name", "endpoint"), PREDICTING, ids=lambda value: getattr(value, "path", value))
def test_no_body_makes_a_server_error(client, sample, name, endpoint):
    service = client.app.state.service
    found = statuses(service, endpoint, odd_calls(1, 150, sample=sample, endpoint=endpoint))
    assert set(found) <= {200, 400, 413, 415, 422}
    assert {200, 400} <= set(found)


def test_a_planted_fault_is_not_taken_for_the_clients(client, sample):
    async def broken(_service, _call):
        raise KeyError("ours")

    endpoint = type(PREDICTING[0][1])("/x", ("POST",), broken)
    with pytest.raises(AssertionError):
        statuses(client.app.state.service, endpoint, odd_calls(1, 1, sample=sample, endpoint=endpoint))


# The page

PAGE = Path(__file__).parent.parent / "docs" / "protocols.md"
EXAMPLE = re.compile(r"^```http\n(?P<request>.*?)^```\n\n```json\n(?P<answer>.*?)^```$", re.MULTILINE | re.DOTALL)


def exchange(client, request):
    """Send a request as the page writes it."""
    line, _, content = request.partition("\n")
    method, path = line.split()
    kind = {"content-type": "application/json", "x-request-id": "e81f2a5c"}
    return client.request(method, path, content=content.encode(), headers=kind)


def assert_alike(found, shown):
    """Compare JSON values; numbers up to their last digits, which another processor may round otherwise."""
    if isinstance(shown, dict):
        assert list(found) == list(shown)
        for key, value in shown.items():
            assert_alike(found[key], value)
    elif isinstance(shown, list):
        assert len(found) == len(shown)
        for one, other in zip(found, shown, strict=True):
            assert_alike(one, other)
    else:
        assert found == (pytest.approx(shown, rel=1e-9) if isinstance(shown, float) else shown)


@pytest.mark.parametrize("found", [{"a": [1.0, "y"]}, {"a": [1.0]}, {"b": [1.0, "x"]}, {"a": [1.00001, "x"]}])
def test_the_comparison_with_the_page_sees_what_differs(found):
    with pytest.raises(AssertionError):
        assert_alike(found, {"a": [1.0, "x"]})


def test_every_example_of_the_page_is_answered_as_it_shows(tmp_path):
    config = PAGE.parent.parent / "configs" / "penguins.yaml"
    assert run(["train", "--config", str(config), "--set", f"output={tmp_path}", "-q"]) == 0
    client = TestClient(create_app(tmp_path / "001"))
    text = PAGE.read_text(encoding="utf-8")
    examples = list(EXAMPLE.finditer(text))
    assert len(examples) == text.count("```http") == 8
    for example in examples:
        found, shown = exchange(client, example["request"]).json(), json.loads(example["answer"])
        # Python 3.13 has another name for 422.
        assert (found.pop("title", None) is None) == (shown.pop("title", None) is None)
        assert_alike(found, shown)
