"""TensorFlow Serving's and KServe's protocol, version 1."""

from __future__ import annotations

import json

import pytest
from dialect_samples import mixed_sample, price_sample
from starlette.testclient import TestClient

from mlcli.serving.app import create_app

MODEL = "/v1/models/Mixte%20d%C3%A9mo"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return mixed_sample(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def mixed_app(mixed):
    return create_app(mixed.run)


@pytest.fixture(scope="module")
def client(mixed_app):
    return TestClient(mixed_app)


def ask(client, body, *, path=f"{MODEL}:predict"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content)


def refusal(reply, status=400):
    body = reply.json()
    assert (reply.status_code, body["status"]) == (status, status), body
    assert body["error"].startswith(body["detail"])
    return body["error"]


def test_the_models_are_listed(client):
    assert client.get("/v1/models").json() == {"models": ["Mixte démo"]}


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/1", "/v1/models/Mixte démo"])
def test_the_state_is_said_as_both_servers_say_it(client, path):
    assert client.get(path).json() == {
        "name": "Mixte démo",
        "ready": True,
        "model_version_status": [
            {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ],
    }


def test_a_model_that_drains_is_not_ready(client, mixed_app):
    mixed_app.state.service.ready = False
    try:
        reply = client.get(MODEL)
    finally:
        mixed_app.state.service.ready = True
    assert "about to stop" in refusal(reply, 503)
    assert reply.json()["ready"] is False
    assert reply.json()["model_version_status"][0]["state"] == "UNLOADING"


@pytest.mark.parametrize("path", [f"{MODEL}:predict", f"{MODEL}%3Apredict", f"{MODEL}/versions/1:predict"])
def test_rows_and_columns_are_predicted_as_the_command_does(client, mixed, path):
    labels, shares = mixed.predicted
    columns = {name: [row[name] for row in mixed.rows] for name in mixed.columns}
    cells = [list(row.values()) for row in mixed.rows]
    assert ask(client, {"instances": mixed.rows}, path=path).json() == {"predictions": labels}
    assert ask(client, {"instances": cells}, path=path).json() == {"predictions": labels}
    assert ask(client, {"inputs": columns}, path=path).json() == {"outputs": labels}
    assert ask(client, {"inputs": cells}, path=path).json() == {"outputs": labels}
    named = {"instances": mixed.rows, "signature_name": "serving_default"}
    assert ask(client, named, path=path).json() == {"predictions": labels}
    asked = {"instances": mixed.rows, "signature_name": "predict_proba"}
    assert ask(client, asked, path=path).json() == {"predictions": shares}


def test_an_empty_batch_is_answered_empty(client, mixed):
    assert ask(client, {"instances": []}).json() == {"predictions": []}
    assert ask(client, {"inputs": {name: [] for name in mixed.columns}}).json() == {"outputs": []}


def test_a_regression_is_answered_in_numbers_and_has_no_probabilities(tmp_path_factory):
    sample = price_sample(tmp_path_factory.getbasetemp())
    client = TestClient(create_app(sample.run))
    path = "/v1/models/prices:predict"
    assert ask(client, {"instances": sample.rows}, path=path).json() == {"predictions": sample.predicted[0]}
    asked = {"instances": sample.rows, "signature_name": "predict_proba"}
    assert "the model predicts a number" in refusal(ask(client, asked, path=path))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body must be JSON"),
        (b"{}", "exactly one of 'instances' and 'inputs'"),
        (b'{"instances": [], "inputs": {}}', "exactly one of 'instances' and 'inputs'"),
        (b'{"instances": [1]}', "Expected `object | array`, got `int` - at `$[0]`"),
        (b'{"instances": {}}', "Expected `array`, got `object`"),
        (b'{"instances": [[], {}]}', "must hold objects alone, or arrays alone"),
        (b'{"inputs": {"age": [1], "city": []}}', "'city' holds 0, 'age' 1."),
        (b'{"inputs": "x"}', "Expected `array`, got `str`"),
        (b'{"instances": [], "signature_name": 1}', "Expected `str | null`"),
    ],
)
def test_a_body_that_is_no_request_is_refused(client, body, message):
    assert message in refusal(ask(client, body))


def test_a_bad_cell_is_named_by_row_and_column_without_its_value(client, mixed):
    reply = ask(client, {"instances": [{**mixed.rows[0], "joined": "secret"}]})
    assert "row 1, column 'joined'" in refusal(reply, 422)
    assert "secret" not in reply.text


@pytest.mark.parametrize("path", ["/v1/models/other:predict", f"{MODEL}/versions/9:predict"])
def test_another_model_or_version_is_not_found(client, path):
    assert "path must name" in refusal(ask(client, {"instances": []}, path=path), 404)


def test_a_prediction_is_asked_for_with_post_alone(client):
    reply = client.get(f"{MODEL}:predict")
    refusal(reply, 405)
    assert reply.headers["allow"] == "POST"
