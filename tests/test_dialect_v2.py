"""The Open Inference Protocol V2: its clients unmodified, its tensors in every form, its errors."""

from __future__ import annotations

import json
import math
import struct
import time
from itertools import chain
from typing import Any

import httpx
import numpy as np
import pytest
from dialect_samples import BIG, mixed_sample, number_sample, price_sample, running
from hypothesis import given, settings
from hypothesis import strategies as st
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.core.api_error import ApiError
from open_inference.openapi.errors import BadRequestError, NotFoundError, ServiceUnavailableError
from open_inference.openapi.types import InferenceRequest, RequestInput, RequestOutput
from starlette.testclient import TestClient

from mlcli import __version__
from mlcli.serving.app import create_app
from mlcli.serving.call import Call, Problem
from mlcli.serving.dialects.json_text import decode_json
from mlcli.serving.dialects.v2_binary import divide_body, read_binary_tensor, write_binary
from mlcli.serving.dialects.v2_json import read_json_tensor
from mlcli.serving.dialects.v2_types import DATATYPES, NUMBERS, InferRequest, Tensor, datatype_of
from mlcli.serving.dialects.v2_types import RequestInput as Input
from mlcli.serving.settings import ServeSettings

HEADER = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return mixed_sample(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    return number_sample(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def mixed_app(mixed):
    return create_app(mixed.run)


@pytest.fixture(scope="module")
def mixed_client(mixed_app):
    return TestClient(mixed_app)


@pytest.fixture(scope="module")
def number_client(numbers):
    return TestClient(create_app(numbers.run))


@pytest.fixture(scope="module")
def price_client(tmp_path_factory):
    return TestClient(create_app(price_sample(tmp_path_factory.getbasetemp()).run))


def tensors(sample, rows=None):
    """Return the rows as one JSON tensor a column."""
    rows = sample.rows if rows is None else rows
    kinds = {"age": "FP64", "city": "BYTES", "account": "INT64", "member": "BOOL", "joined": "BYTES"}
    kinds |= {"a": "FP64", "b": "FP64", "c": "BOOL"}
    return [
        {"name": name, "shape": [len(rows)], "datatype": kinds[name], "data": [row[name] for row in rows]}
        for name in sample.columns
    ]


def infer(client, body, *, name="Mixte démo", headers=None, version=""):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"/v2/models/{name}{version}/infer", content=content, headers=headers)


def outputs(reply):
    assert reply.status_code == 200, reply.text
    return {output["name"]: output["data"] for output in reply.json()["outputs"]}


def refusal(reply, status=400):
    """Return the text that the family's clients read, of an error in its one shape."""
    body = reply.json()
    assert (reply.status_code, body["status"]) == (status, status), body
    assert body["error"].startswith(body["detail"])
    return body["error"]


# What the server and the model are


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_says_what_it_is(mixed_client, path):
    assert mixed_client.get(path).json() == {
        "name": "mlcli",
        "version": __version__,
        "extensions": ["binary_tensor_data"],
    }


@pytest.mark.parametrize("path", ["/v2/models/Mixte démo", "/v2/models/Mixte%20d%C3%A9mo/versions/1"])
def test_the_model_says_what_it_reads_and_answers(mixed_client, path):
    body = mixed_client.get(path).json()
    assert (body["name"], body["versions"], body["platform"]) == ("Mixte démo", ["1"], "mlcli")
    assert [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in body["inputs"]] == [
        ("age", "FP64", [-1]),
        ("city", "BYTES", [-1]),
        ("account", "BYTES", [-1]),
        ("member", "BOOL", [-1]),
        ("joined", "BYTES", [-1]),
    ]
    assert body["outputs"] == [
        {"name": "predict", "datatype": "BYTES", "shape": [-1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
    ]
    assert body["properties"] == {"task": "classification", "target": "churn", "classes": '["no","yes"]'}


def test_a_regression_has_one_output(price_client):
    body = price_client.get("/v2/models/prices").json()
    assert body["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [-1]}]


@pytest.mark.parametrize(
    "path",
    ["/v2/models/other", "/v2/models/other/ready", "/v2/models/Mixte démo/versions/2", "/v2/models/mixte démo/ready"],
)
def test_another_model_or_version_is_not_found(mixed_client, path):
    assert "path must name" in refusal(mixed_client.get(path), 404)


def test_a_service_that_drains_is_live_and_not_ready(mixed_app, mixed_client):
    paths = ["/v2/health/ready", "/v2/models/Mixte démo/ready", "/v2/models/Mixte démo/versions/1/ready"]
    assert [mixed_client.get(path).json() for path in paths] == [
        {"ready": True},
        {"name": "Mixte démo", "ready": True},
        {"name": "Mixte démo", "ready": True},
    ]
    mixed_app.state.service.ready = False
    try:
        assert mixed_client.get("/v2/health/live").json() == {"live": True}
        for path in paths:
            reply = mixed_client.get(path)
            assert "about to stop" in refusal(reply, 503)
            assert reply.json()["ready"] is False
    finally:
        mixed_app.state.service.ready = True


# The clients of the family, as they are installed


def test_tritonclient_reads_what_the_server_says(mixed_app):
    triton = pytest.importorskip("tritonclient.http")
    with running(mixed_app) as port, triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("Mixte démo")
        assert client.is_model_ready("Mixte démo", "1")
        assert not client.is_model_ready("other")
        assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
        assert client.get_model_metadata("Mixte démo", "1")["versions"] == ["1"]


@pytest.mark.parametrize("binary_in", [True, False], ids=["binary in", "json in"])
@pytest.mark.parametrize("binary_out", [True, False, None], ids=["binary out", "json out", "all out"])
def test_tritonclient_predicts_a_mixed_table(mixed, mixed_app, binary_in, binary_out):
    triton = pytest.importorskip("tritonclient.http")
    predictions, shares = mixed.predicted
    columns = {
        "age": np.array([math.nan if row["age"] is None else row["age"] for row in mixed.rows]),
        "city": np.array([row["city"] or "" for row in mixed.rows], dtype=object),
        "account": np.array([str(row["account"] or "") for row in mixed.rows], dtype=object),
        "member": np.array(
            [str(row["member"] if row["member"] is not None else "") for row in mixed.rows], dtype=object
        ),
        "joined": np.array([(row["joined"] or "").encode() for row in mixed.rows], dtype=object),
    }
    inputs = []
    for name, cells in columns.items():
        tensor = triton.InferInput(name, list(cells.shape), "FP64" if name == "age" else "BYTES")
        inputs.append(tensor.set_data_from_numpy(cells, binary_data=binary_in))
    asked = None
    if binary_out is not None:
        asked = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("predict_proba", "predict")]
    with running(mixed_app) as port, triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        result = client.infer("Mixte démo", inputs, request_id="seven", outputs=asked, model_version="1")
        zipped = client.infer("Mixte démo", inputs, outputs=asked, request_compression_algorithm="gzip")
    labels = [text if isinstance(text, str) else text.decode() for text in result.as_numpy("predict")]
    assert labels == predictions
    np.testing.assert_array_equal(result.as_numpy("predict_proba"), shares)
    np.testing.assert_array_equal(zipped.as_numpy("predict_proba"), shares)
    assert result.get_response()["id"] == "seven"


def test_tritonclient_is_told_what_is_wrong(mixed_app):
    triton = pytest.importorskip("tritonclient.http")
    tensor = triton.InferInput("age", [1], "FP64").set_data_from_numpy(np.array([1.0]))
    with running(mixed_app) as port, triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        with pytest.raises(Exception, match="Missing: 'city', 'account', 'member', 'joined'") as error:
            client.infer("Mixte démo", [tensor])
        assert error.value.status() == "400"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint64"])
def test_tritonclient_predicts_a_matrix(numbers, number_client, dtype):
    triton = pytest.importorskip("tritonclient.http")
    cells = np.array([[1, 2, 0], [0, 3, 1]], dtype=dtype)
    kind = {"float16": "FP16", "float32": "FP32", "float64": "FP64", "int8": "INT8", "uint64": "UINT64"}[dtype]
    tensor = triton.InferInput("anything", [2, 3], kind).set_data_from_numpy(cells)
    with running(number_client.app) as port, triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        result = client.infer("numbers", [tensor])
    rows = [{"a": 1, "b": 2, "c": False}, {"a": 0, "b": 3, "c": True}]
    reply = outputs(infer(number_client, {"inputs": tensors(numbers, rows)}, name="numbers"))
    assert result.as_numpy("predict").tolist() == reply["predict"]
    assert result.as_numpy("predict_proba").ravel().tolist() == reply["predict_proba"]


def test_the_open_inference_client_does_everything_it_can(mixed, mixed_app):
    # This client's models hold no null, and turn true to 1.0 and a text of digits to a float.
    predictions, shares = (said[1:2] for said in mixed.predicted)
    request = InferenceRequest(
        id="7",
        inputs=[RequestInput(**tensor) for tensor in tensors(mixed, mixed.rows[1:2])],
        outputs=[RequestOutput(name="predict_proba"), RequestOutput(name="predict")],
    )
    wrong = InferenceRequest(inputs=[RequestInput(name="wage", shape=[1], datatype="FP64", data=[1.0])])
    with running(mixed_app) as port, httpx.Client() as http:
        client = OpenInferenceClient(base_url=f"http://127.0.0.1:{port}", httpx_client=http)
        client.check_server_liveness()
        client.check_server_readiness()
        client.check_model_readiness("Mixte démo")
        client.check_model_version_readiness("Mixte démo", "1")
        assert client.read_server_metadata().name == "mlcli"
        assert client.read_model_version_metadata("Mixte démo", "1") == client.read_model_metadata("Mixte démo")
        answer = client.model_infer("Mixte démo", request=request)
        assert client.model_version_infer("Mixte démo", "1", request=request) == answer
        with pytest.raises(NotFoundError):
            client.check_model_readiness("other")
        with pytest.raises(BadRequestError) as error:
            client.model_infer("Mixte démo", request=wrong)
        assert "Unknown: 'wage'" in error.value.body["error"]
        with pytest.raises(ApiError):
            client.model_infer("other", request=request)
        mixed_app.state.service.ready = False
        with pytest.raises(ServiceUnavailableError):
            client.check_server_readiness()
        mixed_app.state.service.ready = True
    assert (answer.id, answer.model_name, answer.model_version) == ("7", "Mixte démo", "1")
    assert [output.name for output in answer.outputs] == ["predict_proba", "predict"]
    share, label = (output.data.__root__ for output in answer.outputs)
    assert (answer.outputs[0].shape, answer.outputs[1].shape) == ([1, 2], [1])
    assert [share] == shares
    assert label == predictions


# The forms of a request


def test_inputs_come_in_any_order_flat_or_nested_and_with_columns_of_the_file(mixed, mixed_client):
    plain = outputs(infer(mixed_client, {"inputs": tensors(mixed)}))
    other = [{**tensor, "shape": [5, 1], "data": [[cell] for cell in tensor["data"]]} for tensor in tensors(mixed)]
    extra = [{"name": name, "shape": [5], "datatype": "BYTES", "data": ["?"] * 5} for name in ("id", "remark", "churn")]
    assert outputs(infer(mixed_client, {"inputs": [*extra, *reversed(other)]})) == plain


def test_no_content_type_is_needed_and_parameters_are_ignored(mixed, mixed_client):
    body = {"id": "é", "parameters": {"x": [1]}, "inputs": [{**one, "parameters": {"y": {}}} for one in tensors(mixed)]}
    for headers in ({}, {"content-type": "text/plain"}, {"content-type": "application/octet-stream"}):
        reply = infer(mixed_client, body, headers=headers)
        assert reply.json()["id"] == "é"
        assert "id" not in infer(mixed_client, {"inputs": tensors(mixed)}).json()


def test_rows_unlike_training_are_counted_in_the_parameters(mixed, mixed_client):
    reply = infer(mixed_client, {"inputs": tensors(mixed)}).json()
    assert reply["parameters"] == {"unseen:city": 1, "out_of_range:age": 1, "out_of_range:joined": 1}
    usual = tensors(mixed, mixed.rows[:1])
    assert "parameters" not in infer(mixed_client, {"inputs": usual}).json()


@pytest.mark.parametrize("asked", [["predict"], ["predict_proba"], ["predict_proba", "predict"], []])
def test_the_outputs_asked_for_are_answered_in_their_order(mixed, mixed_client, asked):
    body = {"inputs": tensors(mixed), "outputs": [{"name": name} for name in asked]}
    names = [output["name"] for output in infer(mixed_client, body).json()["outputs"]]
    assert names == (asked or ["predict", "predict_proba"])


def test_an_output_asked_for_a_million_times_is_answered_once(number_client, numbers):
    body = {"inputs": tensors(numbers), "outputs": [{"name": "predict"}] * 10_000}
    assert len(infer(number_client, body, name="numbers").json()["outputs"]) == 1


@pytest.mark.parametrize("kind", [kind for kind in DATATYPES if kind != "BYTES"])
def test_a_matrix_of_every_datatype_holds_all_columns_in_training_order(numbers, number_client, kind):
    cells = [[True, False, True], [False, True, False]] if kind == "BOOL" else [[1, 2, 0], [0, 3, 1]]
    rows = [dict(zip("abc", row, strict=True)) for row in cells]
    nested = {"inputs": [{"name": "x", "shape": [2, 3], "datatype": kind, "data": cells}]}
    flat = {"inputs": [{"name": "x", "shape": [2, 3], "datatype": kind, "data": list(chain.from_iterable(cells))}]}
    if kind == "BOOL":
        assert "column 'a' must be a number" in refusal(infer(number_client, nested, name="numbers"), 422)
        return
    expected = outputs(
        infer(number_client, {"inputs": tensors(numbers, [{**r, "c": bool(r["c"])} for r in rows])}, name="numbers")
    )
    assert outputs(infer(number_client, nested, name="numbers")) == expected
    assert outputs(infer(number_client, flat, name="numbers")) == expected


def test_digits_sent_as_fp32_in_json_are_not_rounded(numbers, number_client):
    wide = tensors(numbers)
    narrow = [{**tensor, "datatype": "FP32"} if tensor["datatype"] == "FP64" else tensor for tensor in wide]
    assert outputs(infer(number_client, {"inputs": narrow}, name="numbers")) == outputs(
        infer(number_client, {"inputs": wide}, name="numbers")
    )


def test_nan_and_null_are_missing(mixed, mixed_client):
    body = json.dumps({"inputs": tensors(mixed)})
    assert "null" in body
    age = [tensor for tensor in tensors(mixed) if tensor["name"] == "age"]
    with_nan = body.replace(json.dumps(age[0]["data"]), json.dumps(age[0]["data"]).replace("null", "NaN"))
    assert "NaN" in with_nan
    assert outputs(infer(mixed_client, with_nan.encode())) == outputs(infer(mixed_client, body.encode()))


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
def test_whole_numbers_beyond_2_to_53_keep_every_digit(mixed, mixed_client, binary):
    rows = [mixed.rows[0] | {"account": BIG}, mixed.rows[0] | {"account": BIG + 1}]
    inputs = tensors(mixed, rows)
    content = b""
    if binary:
        content = struct.pack("<2q", BIG, BIG + 1)
        inputs[2] = {"name": "account", "shape": [2], "datatype": "INT64", "parameters": {"binary_data_size": 16}}
    header = json.dumps({"inputs": inputs}).encode()
    reply = infer(mixed_client, header + content, headers={HEADER: str(len(header))} if binary else {})
    first, _, second, _ = outputs(reply)["predict_proba"]
    assert first != second
    assert not any("unseen" in key for key in reply.json().get("parameters", ()))


def test_an_empty_batch_is_answered_empty(mixed, mixed_client, number_client):
    reply = infer(mixed_client, {"inputs": tensors(mixed, [])}).json()
    assert [(output["shape"], output["data"]) for output in reply["outputs"]] == [([0], []), ([0, 2], [])]
    matrix = {"inputs": [{"name": "x", "shape": [0, 3], "datatype": "FP32", "data": []}]}
    reply = infer(number_client, matrix, name="numbers").json()
    assert [output["shape"] for output in reply["outputs"]] == [[0], [0, 3]]


def test_a_hundred_thousand_rows_are_answered_and_one_more_refused(numbers, number_client):
    cells = np.random.default_rng(0).normal(size=(100_001, 3))
    cells[:, 2] = 1

    def ask(n_rows):
        size = n_rows * 24
        tensor = {"name": "x", "shape": [n_rows, 3], "datatype": "FP64", "parameters": {"binary_data_size": size}}
        header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
        content = header + cells[:n_rows].tobytes()
        return infer(number_client, content, name="numbers", headers={HEADER: str(len(header))})

    reply = ask(100_000)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/octet-stream"
    length = int(reply.headers[HEADER])
    label, share = json.loads(reply.content[:length])["outputs"]
    assert (label["datatype"], label["parameters"]["binary_data_size"]) == ("INT64", 800_000)
    shares = np.frombuffer(reply.content[length + 800_000 :]).reshape(share["shape"])
    np.testing.assert_array_equal(
        np.frombuffer(reply.content[length : length + 800_000], dtype="<i8"), shares.argmax(axis=1)
    )
    refusal(ask(100_001), 413)


# What is refused


def with_tensor(sample, **change):
    inputs = tensors(sample, sample.rows[:2])
    return {"inputs": [{**inputs[0], **change}, *inputs[1:]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"datatype": "FP128"}, "input 'age': datatype must be one of BOOL,"),
        ({"shape": []}, "input 'age': shape must be [rows]"),
        ({"shape": [-1]}, "input 'age': shape must be [rows]"),
        ({"shape": [3]}, "data must hold as many values as the shape says, 3. It holds 2."),
        ({"shape": [10**9] * 4}, "more than 2^63. It holds 2."),
        ({"shape": [10**30]}, "shape"),
        ({"shape": [1, 2]}, "input 'age': shape must be [rows] or [rows, 1]"),
        ({"data": [1.0]}, "as the shape says, 2. It holds 1."),
        ({"data": [[1.0, 2.0], [3.0]]}, "lists of equal lengths"),
        ({"shape": [2, 1], "data": [[1.0, 2.0]]}, "nested data must have the shape"),
        ({"data": ["1", "2"]}, "data must hold finite numbers, or null"),
        ({"data": [{}, 1]}, "data must hold finite numbers, or null"),
        ({"datatype": "INT8", "data": [1, 200]}, "data must hold whole numbers of its datatype"),
        ({"datatype": "UINT64", "data": [1, -1]}, "data must hold whole numbers of its datatype"),
        ({"datatype": "INT64", "data": [None, 2**63]}, "data must hold whole numbers of its datatype"),
        ({"datatype": "INT64", "data": [1.5, 2]}, "data must hold whole numbers of its datatype"),
        ({"datatype": "BOOL", "data": [True, 2]}, "data must hold true or false"),
        ({"datatype": "BYTES", "data": [{}, "a"]}, "data must hold texts or other plain values"),
        ({"datatype": "BOOL", "data": [0.5, 1.0]}, "data must hold true or false"),
        ({"data": None}, "input 'age': data"),
        ({"name": "wage"}, "inputs must be columns of the model. Unknown: 'wage'. One tensor a column: age,"),
        ({"name": "city"}, "inputs must name each tensor once. 'city' stands twice."),
        ({"name": "churn"}, "inputs must hold every column of the model. Missing: 'age'."),
        ({"parameters": {"shared_memory_region": "x"}, "data": ...}, "Shared memory is not supported."),
        ({"parameters": {"binary_data_size": 16}}, "in the JSON or after it, not both"),
        ({"parameters": {"binary_data_size": -1}, "data": ...}, "must be a number of bytes"),
        ({"parameters": {"binary_data_size": 16}, "data": ...}, "must hold all the bytes"),
        ({"name": 3}, "Expected `str`, got `int` - at `$.inputs[0].name`"),
    ],
)  # fmt: skip
def test_an_input_that_does_not_fit_is_refused_by_name(mixed, mixed_client, change, message):
    body = with_tensor(mixed, **change)
    body["inputs"][0] = {key: value for key, value in body["inputs"][0].items() if value is not ...}
    assert message in refusal(infer(mixed_client, body))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body must be JSON"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `inputs`"),
        (b'{"inputs": []}', "Missing: 'age', 'city'"),
        (b'{"inputs": {}}', "Expected `array`"),
        (b'{"inputs": [], "id": 1}', "Expected `str | null`"),
        (b"\xff\xfe", "the body must be JSON"),
        (b'{"inputs": ' + b"[" * 100_000, "the body must be of the documented form"),
        (b'{"inputs": [], "outputs": [{"name": "probs"}]}', "Unknown: 'probs'. This model has 'predict' and"),
        (b'{"inputs": [{"name": "m", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}', "hold all 5 of them"),
        (b'{"inputs": [{"name": "m", "shape": [1, 5], "datatype": "INT8", "data": [1, 2, 3, 4, 5]}]}', "must be BYTES"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_request_is_refused(mixed_client, body, message):
    assert message in refusal(infer(mixed_client, body))


def test_a_matrix_of_texts_holds_columns_of_every_kind(mixed, mixed_client):
    texts = [["" if cell is None else str(cell) for cell in row.values()] for row in mixed.rows]
    body = {"inputs": [{"name": "m", "shape": [5, 5], "datatype": "BYTES", "data": texts}]}
    assert outputs(infer(mixed_client, body)) == outputs(infer(mixed_client, {"inputs": tensors(mixed)}))


def test_a_bad_cell_is_named_by_row_and_column_without_its_value(mixed, mixed_client):
    inputs = tensors(mixed)
    inputs[4]["data"] = ["2024-01-01", "soonish", None, None, "later"]
    reply = infer(mixed_client, {"inputs": inputs})
    assert "row 2, column 'joined'" in refusal(reply, 422)
    assert [(cell["row"], cell["column"]) for cell in reply.json()["cells"]] == [(2, "joined"), (5, "joined")]
    assert "soonish" not in reply.text


def test_an_output_that_a_regression_lacks_is_refused(price_client):
    body = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 1]}]}
    assert len(outputs(infer(price_client, body, name="prices"))["predict"]) == 1
    body["outputs"] = [{"name": "predict_proba"}]
    assert "Unknown: 'predict_proba'. This model has 'predict'." in refusal(infer(price_client, body, name="prices"))


@pytest.mark.parametrize("stated", ["-1", "x", "9999", "1e2", "²", "0" * 5000, " "])
def test_a_header_that_is_no_length_within_the_body_is_refused(stated):
    call = Call("POST", "/", {}, {}, {HEADER.lower(): stated}, b"{}", "id", 0.0)
    with pytest.raises(Problem, match="must be the length of the JSON"):
        divide_body(call)


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("FP64", b"1234567", "whole elements of 8 bytes"),
        ("FP64", bytes(16), "as the shape says, 1. It holds 2."),
        ("BYTES", b"\x01\x00\x00", "follow its length, 4 bytes"),
        ("BYTES", b"\xff\xff\xff\xffab", "text 1 must be as long as the 4 bytes before it say"),
        ("BYTES", b"\x01\x00\x00\x00\xff", "text 1 must be UTF-8"),
        ("BYTES", b"", "as the shape says, 1. It holds 0."),
    ],
)
def test_bytes_that_are_no_tensor_are_refused(kind, content, message):
    with pytest.raises(Problem, match=message):
        read_binary_tensor(Input("x", [1], kind), memoryview(content))


def test_bytes_that_no_input_takes_are_refused(numbers, number_client):
    header = json.dumps({"inputs": tensors(numbers)}).encode()
    reply = infer(number_client, header + b"more", name="numbers", headers={HEADER: str(len(header))})
    assert "It goes on" in refusal(reply)


# Properties


@given(data=st.data(), kind=st.sampled_from([kind for kind in DATATYPES if kind != "BOOL"]))
@settings(max_examples=60, deadline=None)
def test_a_tensor_written_as_bytes_reads_as_it_was(data, kind):
    if kind == "BYTES":
        cells = data.draw(st.lists(st.text()))
    else:
        dtype = np.dtype(NUMBERS[kind])
        width = {"f": st.floats(width=8 * dtype.itemsize)}.get(dtype.kind)
        limits = np.iinfo(dtype) if width is None else None
        cells = data.draw(st.lists(width if limits is None else st.integers(int(limits.min), int(limits.max))))
    written = write_binary(Tensor("x", kind, (len(cells),), cells))
    read = read_binary_tensor(Input("x", [len(cells)], kind), memoryview(written))
    # As numbers, NaN equals NaN; as objects it does not.
    compared = object if kind == "BYTES" else dtype
    np.testing.assert_array_equal(np.asarray(read.cells, dtype=compared), np.asarray(cells, dtype=compared))


@given(cells=st.lists(st.lists(st.floats(allow_infinity=False) | st.none(), min_size=2, max_size=2)))
@settings(max_examples=60, deadline=None)
def test_nested_and_flat_data_are_the_same_tensor(cells):
    nested, flat = (
        decode_json(json.dumps({"inputs": [{"name": "x", "shape": [len(cells), 2], "datatype": "FP64", "data": data}]}).encode(), InferRequest)
        for data in (cells, list(chain.from_iterable(cells)))
    )  # fmt: skip
    first, second = read_json_tensor(nested.inputs[0]), read_json_tensor(flat.inputs[0])
    np.testing.assert_array_equal(first.cells, second.cells)
    expected = [math.nan if cell is None else cell for row in cells for cell in row]
    np.testing.assert_array_equal(first.cells, expected)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [((True, False), "BOOL"), ((1, 2), "INT64"), ((1, 2**63), "BYTES"), ((0.5, 1.5), "FP64"), (("a", "b"), "BYTES")],
)
def test_the_labels_have_the_datatype_that_holds_them(labels, kind):
    assert datatype_of(labels) == kind


def test_a_hostile_text_of_quotes_is_read_in_linear_time():
    began = time.perf_counter()
    with pytest.raises(Problem, match="must be JSON"):
        decode_json(b'{"x": NaN, ' + b'"' * 400_001 + b'\\"' * 400_000, dict)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('[NaN, "NaN", "a\\"NaN", -Infinity, Infinity]', [None, "NaN", 'a"NaN', "Infinity", "Infinity"]),
        ('{"NaN": [NaN]}', {"NaN": [None]}),
    ],
)
def test_nan_is_null_and_infinity_no_number_outside_of_texts_alone(text, value):
    assert decode_json(text.encode(), type(value)) == value


@pytest.mark.parametrize("text", ["[-NaN]", "[xNaN]", '["NaN]', "[NaNs]", "NaN NaN"])
def test_what_only_looks_like_nan_is_no_json(text):
    with pytest.raises(Problem, match="must be JSON"):
        decode_json(text.encode(), Any)


def test_strict_settings_refuse_what_is_unlike_training(mixed):
    client = TestClient(create_app(mixed.run, settings=ServeSettings(unseen="error")))
    assert "row 4, column 'city'" in refusal(infer(client, {"inputs": tensors(mixed)}), 422)
