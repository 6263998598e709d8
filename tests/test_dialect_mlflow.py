"""MLflow's scoring protocol: its client unmodified, its five forms, its errors."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from dialect_samples import mixed_sample, number_sample, price_sample, running
from starlette.testclient import TestClient

from mlcli import __version__
from mlcli.serving.app import create_app
from mlcli.serving.call import Problem
from mlcli.serving.dialects import dialects
from mlcli.serving.dialects.mlflow import ERROR_CODES, error_body


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return mixed_sample(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def mixed_app(mixed):
    return create_app(mixed.run)


@pytest.fixture(scope="module")
def client(mixed_app):
    return TestClient(mixed_app)


@pytest.fixture(scope="module")
def number_client(tmp_path_factory):
    return TestClient(create_app(number_sample(tmp_path_factory.getbasetemp()).run))


def ask(client, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/invocations", content=content, headers={"content-type": "application/json", **headers})


def predicted(reply):
    assert reply.status_code == 200, reply.text
    assert list(reply.json()) == ["predictions"]
    return reply.json()["predictions"]


def refusal(reply, status=400, code="BAD_REQUEST"):
    body = reply.json()
    assert (reply.status_code, body["status"], body["error_code"]) == (status, status, code), body
    assert body["message"].startswith(body["detail"])
    return body["message"]


def forms(sample):
    """Return the rows in every JSON form that the protocol knows."""
    columns = {name: [row[name] for row in sample.rows] for name in sample.columns}
    cells = [list(row.values()) for row in sample.rows]
    turned = sample.columns[::-1]
    return {
        "split": {"dataframe_split": {"columns": sample.columns, "data": cells, "index": [7, 7, 7, 7, 7]}},
        "split in another order": {"dataframe_split": {"columns": turned, "data": [row[::-1] for row in cells]}},
        "split without names": {"dataframe_split": {"data": cells}},
        "split with numbers for names": {"dataframe_split": {"columns": [0, 1, 2, 3, 4], "data": cells}},
        "records": {"dataframe_records": sample.rows},
        "records with more": {"dataframe_records": [{**row, "churn": "yes", "id": 1} for row in sample.rows]},
        "instances": {"instances": sample.rows},
        "instances as arrays": {"instances": cells},
        "inputs": {"inputs": columns},
        "inputs as rows": {"inputs": sample.rows, "params": {"temperature": 1}, "else": 2},
    }


FORMS = ("split", "split in another order", "split without names", "split with numbers for names", "records", "records with more", "instances", "instances as arrays", "inputs", "inputs as rows")  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_predicted_as_the_command_does(client, mixed, form):
    assert predicted(ask(client, forms(mixed)[form])) == mixed.predicted[0]


def test_the_forms_tested_are_all_that_there_are(mixed):
    assert tuple(forms(mixed)) == FORMS


def test_csv_is_predicted_with_or_without_an_index_and_a_byte_order_mark(client, mixed):
    text = mixed.csv()
    header, *lines = text.splitlines()
    indexed = "\n".join([f",{header}", *(f"{row},{line}" for row, line in enumerate(lines))])
    for body in (text, "\ufeff" + text, indexed, text.replace("\n", "\r\n") + "\r\n"):
        for kind in ("text/csv", "text/csv; charset=utf-8", 'TEXT/CSV;charset="UTF-8"'):
            assert predicted(ask(client, body.encode(), **{"content-type": kind})) == mixed.predicted[0]


def test_parquet_is_predicted(client, mixed):
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(mixed.rows), content)
    body = content.getvalue().to_pybytes()
    reply = ask(client, body, **{"content-type": "application/vnd.apache.parquet"})
    assert predicted(reply) == mixed.predicted[0]


def test_a_body_without_a_content_type_is_json(client, mixed):
    reply = client.post("/invocations", content=json.dumps(forms(mixed)["records"]).encode())
    assert predicted(reply) == mixed.predicted[0]


@pytest.mark.parametrize("form", ["dataframe_records", "instances", "inputs"])
def test_an_empty_list_is_answered_empty(client, form):
    assert predicted(ask(client, {form: []})) == []


def test_an_empty_frame_is_answered_empty(client, mixed):
    assert predicted(ask(client, {"dataframe_split": {"columns": mixed.columns, "data": []}})) == []
    assert predicted(ask(client, mixed.csv().splitlines()[0].encode(), **{"content-type": "text/csv"})) == []


def test_a_regression_is_answered_in_numbers(tmp_path_factory):
    sample = price_sample(tmp_path_factory.getbasetemp())
    client = TestClient(create_app(sample.run))
    assert predicted(ask(client, {"dataframe_records": sample.rows})) == sample.predicted[0]


def test_whole_numbered_classes_are_answered_in_numbers(number_client):
    assert set(predicted(ask(number_client, {"instances": [[0.1, 2, 1], [-3, -3, 0]]}))) <= {0, 1, 2}


def test_the_probes_answer_in_plain_text(mixed_app, client):
    assert client.get("/ping").text == client.get("/health").text == "\n"
    assert client.get("/version").text == __version__
    mixed_app.state.service.ready = False
    try:
        assert "about to stop" in refusal(client.get("/ping"), 503, "TEMPORARILY_UNAVAILABLE")
    finally:
        mixed_app.state.service.ready = True


def test_mlflows_client_does_everything_it_can(mixed, mixed_app, number_client):
    scoring = pytest.importorskip("mlflow.pyfunc.scoring_server.client")
    import pandas as pd

    frame = pd.DataFrame(mixed.rows)
    assert math.isnan(frame["age"][2])  # which this client writes as NaN, and no JSON knows
    with running(mixed_app) as port:
        client = scoring.ScoringServerClient("127.0.0.1", port)
        client.wait_server_ready(timeout=5)
        client.ping()
        assert client.get_version() == __version__
        answer = client.invoke(frame, params={"any": 1})
        assert answer.get_predictions()[0].tolist() == mixed.predicted[0]
        assert client.invoke(mixed.rows).get_predictions("ndarray").tolist() == mixed.predicted[0]
        with pytest.raises(Exception, match="error code 422"):
            client.invoke(frame.drop(columns="age"))
    with running(number_client.app) as port:
        client = scoring.ScoringServerClient("127.0.0.1", port)
        matrix = np.array([[0.1, 2, 1], [np.nan, -3, 0]])
        unnamed = client.invoke(pd.DataFrame(matrix)).get_predictions("ndarray").tolist()
        assert client.invoke(matrix).get_predictions("ndarray").tolist() == unnamed


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body must be JSON"),
        (b"[1]", "Expected `object`, got `array`"),
        (b"{}", "exactly one of dataframe_split, dataframe_records, instances, inputs. It holds none of them."),
        (b'{"instances": [], "inputs": []}', "It holds instances, inputs."),
        (b'{"dataframe_records": {}}', "dataframe_records must be of the documented form. Expected `array`"),
        (b'{"dataframe_records": [1]}', "Expected `object`, got `int` - at `$[0]`"),
        (b'{"dataframe_split": []}', "Expected `object`, got `array`"),
        (b'{"dataframe_split": {"columns": ["a"]}}', "missing required field `data`"),
        (b'{"dataframe_split": {"data": [], "rows": 1}}', "unknown field `rows`"),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": []}}', "It names 'a' twice."),
        (b'{"dataframe_split": {"columns": ["a"], "data": [[1], [1, 2]]}}', "row 2 must hold 1 cells"),
        (b'{"dataframe_split": {"columns": [0, 2], "data": []}}', "or the numbers from 0 in order"),
        (b'{"dataframe_split": {"columns": ["a", 0], "data": []}}', "or the numbers from 0 in order"),
        (b'{"instances": [{}, []]}', "instances must hold objects alone, or arrays alone"),
        (b'{"instances": 3}', "Expected `array`, got `int`"),
        (b'{"inputs": {"a": [1], "b": [1, 2]}}', "'b' holds 2, 'a' 1."),
        (b'{"inputs": {"a": 1}}', "Expected `array`, got `int`"),
        (b'{"inputs": [[' + b"[" * 100_000, "inputs"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_table_is_refused(client, body, message):
    text = refusal(ask(client, body))
    assert message in text or (message == "inputs" and "must be JSON" in text)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "must begin with a line of column names"),
        (b"\xff", "must be text in utf-8"),
        (b'a,b\n"1,2', "the body must be CSV"),
        (b"a,b\n1,2\n1", "row 2 must have 2 cells"),
        (b"a,a\n1,2", "must name each column once"),
    ],
)
def test_text_that_is_no_csv_is_refused(client, body, message):
    assert message in refusal(ask(client, body, **{"content-type": "text/csv"}))


@pytest.mark.parametrize("kind", ["text/plain", "image/png", "text/csv; charset=none", "application/json;charset=utf-16"])  # fmt: skip
def test_another_content_type_is_refused(client, kind):
    refusal(ask(client, b"a\n1", **{"content-type": kind}), 415)


def test_a_bad_cell_is_named_by_row_and_column_without_its_value(client, mixed):
    rows = [mixed.rows[0], {**mixed.rows[1], "age": "secret"}]
    reply = ask(client, {"dataframe_records": rows})
    assert "row 2, column 'age' must be a number" in refusal(reply, 422, "INVALID_PARAMETER_VALUE")
    assert "secret" not in reply.text


@pytest.mark.parametrize("status", [400, 401, 404, 405, 406, 413, 415, 422, 429, 500, 503, 504])
def test_every_error_has_a_code_that_mlflow_knows(status):
    pb2 = pytest.importorskip("mlflow.protos.databricks_pb2")
    code = error_body(Problem(status, "x"), "id")["error_code"]
    assert code in pb2.ErrorCode.keys()  # noqa: SIM118 - an enum wrapper of protobuf, not a dict
    assert (code == ERROR_CODES.get(status)) == (status in ERROR_CODES)


def test_an_address_below_invocations_is_refused_in_the_same_shape(client):
    assert refusal(client.get("/invocations"), 405)
    assert refusal(client.get("/invocations/x"), 404, "ENDPOINT_NOT_FOUND")
    assert [dialect.name for dialect in dialects()].count("mlflow") == 1
