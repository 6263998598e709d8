"""mlcli's own addresses: every way to send rows gives the same numbers, and no body is a fault of ours."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import io
import json
import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_samples import TARGETS, Stub, ask, run, sample_table, train_sample

from mlcli.artifact.open import load_pipeline, open_artifact
from mlcli.data.typed import columns_from_rows
from mlcli.inference.predictor import PipelinePredictor
from mlcli.serving import create_app
from mlcli.serving.call import Answer
from mlcli.serving.dialects.native import answer_body
from mlcli.serving.served import load_served
from mlcli.serving.settings import ServeSettings


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {target: train_sample(tmp_path_factory.mktemp(target), target=target) for target in TARGETS}


@pytest.fixture(scope="module")
def models(folders):
    return {target: load_served(folder, settings=ServeSettings()) for target, folder in folders.items()}


@pytest.fixture(scope="module")
def app(models):
    return create_app(models["left"])


@pytest.fixture(scope="module")
def rows():
    """Rows as a client would send them, with gaps."""
    table = sample_table(60).drop(columns=list(TARGETS)).astype(object)
    return table.where(table.notna(), None).to_dict("records")


@pytest.fixture(scope="module")
def row(models):
    return models["left"].example


# --- the same numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_every_way_to_send_rows_in_json_gives_what_the_predictor_says(models, rows, target):
    served = models[target]
    app = create_app(served)
    answer = run(ask(app, body={"rows": rows})).json()
    positional = run(ask(app, body={"features": [list(row.values()) for row in rows]})).json()
    typed = served.reader.read_records(rows)
    expected = served.predictor.predict_columns(typed.as_columns())

    assert answer == positional
    assert answer["predictions"] == expected.y_pred.tolist()
    if expected.y_proba is None:
        assert "probabilities" not in answer
    else:
        shares = list(answer["probabilities"].values())
        assert list(answer["probabilities"]) == [str(label) for label in served.schema.target.classes]
        assert list(map(list, zip(*shares, strict=True))) == expected.y_proba.tolist()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("n_rows", [1, 2, 8, 9, 60])
def test_a_row_is_answered_alone_as_among_others(models, rows, target, n_rows):
    app = create_app(models[target])
    together = run(ask(app, body={"rows": rows[:n_rows]})).json()
    alone = [run(ask(app, body=row)).json() for row in rows[:n_rows]]

    assert together["predictions"] == [each["predictions"][0] for each in alone]
    for key, shares in together.get("probabilities", {}).items():
        assert shares == [each["probabilities"][key][0] for each in alone]


def test_rows_at_once_are_answered_as_rows_one_by_one_by_a_fallback_too(folders, models, rows):
    artifact = open_artifact(folders["left"])
    fallback = PipelinePredictor(load_pipeline(artifact), artifact.schema)
    app = create_app(dataclasses.replace(models["left"], predictor=fallback))

    async def story():
        return await asyncio.gather(*(ask(app, body=row) for row in rows))

    compiled = run(ask(create_app(models["left"]), body={"rows": rows})).json()
    for i, answer in enumerate(run(story())):
        assert answer.json()["predictions"] == [compiled["predictions"][i]]
        assert answer.json()["probabilities"]["yes"][0] == pytest.approx(compiled["probabilities"]["yes"][i], abs=1e-9)


def test_the_golden_rows_are_answered_as_the_model_was_stored(models, folders):
    golden = json.loads(open_artifact(folders["left"]).golden)
    answer = run(ask(create_app(models["left"]), body={"rows": list(models["left"].examples)})).json()

    assert answer["predictions"] == golden["y_pred"]
    assert answer["warnings"] == [] or {warning["kind"] for warning in answer["warnings"]} == {"out_of_range"}


# --- the answer -------------------------------------------------------------------------------------------------------


def test_one_object_is_answered_by_lists_of_one(app, row):
    answer = run(ask(app, body=row))

    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["model", "version", "predictions", "probabilities", "warnings"]
    assert (answer.json()["model"], answer.json()["version"]) == ("left", "1")
    assert [len(shares) for shares in answer.json()["probabilities"].values()] == [1, 1]


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "with others"])
def test_a_row_has_the_same_answer_however_it_was_predicted(models, row, at_once):
    served = models["left"]
    app = create_app(served)
    runner = app.state.service.runner
    runner.quick, runner.at_once, runner.shares = True, at_once, not at_once
    y_pred, y_proba = runner.predict(served.reader.read_records([row]))
    usual = answer_body(served, Answer(y_pred, y_proba, served.schema.target.classes))

    assert run(ask(app, body=row)).body == json.dumps(usual, separators=(",", ":"), ensure_ascii=False).encode()


def test_no_rows_are_answered_by_empty_lists(app):
    answer = run(ask(app, body={"rows": []})).json()

    assert (answer["predictions"], answer["probabilities"]) == ([], {"no": [], "yes": []})


@pytest.mark.parametrize(
    ("query", "status", "there"), [("true", 200, True), ("false", 200, False), ("maybe", 400, None)]
)
@pytest.mark.parametrize("n_rows", [1, 3])
def test_probabilities_are_left_out_on_request(app, row, query, status, there, n_rows):
    answer = run(ask(app, body={"rows": [row] * n_rows}, query=f"probabilities={query}"))

    assert answer.status == status
    if status == 200:
        assert ("probabilities" in answer.json()) is there


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_output_that_is_no_number_is_null(models, row, value):
    app = create_app(dataclasses.replace(models["left"], predictor=Stub(models["left"].predictor, value=value)))

    assert run(ask(app, body={"rows": [row, row]})).json()["probabilities"]["yes"] == [None, None]


def test_what_is_unlike_training_is_told_with_the_answer(app, row):
    strange = {**row, "city": "Rome", "income": 1e6}
    answer = run(ask(app, body={"rows": [strange, row, strange]})).json()

    assert [{key: warning[key] for key in ("kind", "column", "rows")} for warning in answer["warnings"]] == [
        {"kind": "unseen", "column": "city", "rows": 2},
        {"kind": "out_of_range", "column": "income", "rows": 2},
    ]
    assert "'city'" in answer["warnings"][0]["message"]
    assert run(ask(app, body=row)).json()["warnings"] == []


@pytest.mark.parametrize(
    ("option", "cells"),
    [({"unseen": "error"}, {"city": "Rome"}), ({"out_of_range": "error"}, {"income": 1e6})],
    ids=["unseen", "out of range"],
)
def test_what_is_unlike_training_is_refused_where_the_settings_say_so(folders, row, option, cells):
    app = create_app(folders["left"], settings=ServeSettings(**option))

    assert run(ask(app, body=row)).status == 200
    refused = run(ask(app, body={**row, **cells}))
    assert refused.status == 422
    assert [cell["column"] for cell in refused.json()["cells"]] == list(cells)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_every_bad_cell_is_named_by_row_and_column_and_none_is_repeated(app, row):
    bad = {"rows": [row, {**row, "income": "s3cret"}, {**row, "since": "s3cret", "member": "s3cret"}]}
    answer = run(ask(app, body=bad))

    assert answer.status == 422
    assert [(cell["row"], cell["column"]) for cell in answer.json()["cells"]] == [
        (2, "income"),
        (3, "member"),
        (3, "since"),
    ]
    assert b"s3cret" not in answer.body


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b'{"rows": 3}', {}, 400),
        (b'{"rows": [' + b"{}," * 11 + b"{}]}", {}, 413),
        (b"rows", {"Content-Type": "text/plain"}, 415),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"\xff", {"Content-Type": "application/json; charset=utf-16"}, 415),
        (b"{}", {"Accept": "image/png"}, 406),
    ],
)
def test_a_body_that_cannot_be_answered_has_a_status_that_says_why(models, body, headers, status):
    app = create_app(models["left"], settings=ServeSettings(max_rows=10))
    answer = run(ask(app, body=body, headers=headers))

    assert answer.status == status, answer.body
    assert answer.json()["status"] == status


@pytest.mark.parametrize("path", ["/predict", "/invocations", "/v2/models/left/infer", "/v1/models/left:predict"])
@pytest.mark.parametrize("body", [b"[", b'{"rows":', b'{"income":[', b'{"instances":['])
def test_a_body_nested_very_deeply_is_malformed_in_every_dialect(app, path, body):
    assert run(ask(app, path, body=body * 30_000, headers={"Content-Type": "application/json"})).status == 400


@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(["rows", "features", "income", "city", "since"]) | st.text(max_size=4),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
@settings(max_examples=60, deadline=None)
def test_no_body_is_a_fault_of_ours(app, body):
    answer = run(ask(app, body=body))

    assert answer.status in {200, 400, 413, 422}
    answer.json()


# --- other formats ----------------------------------------------------------------------------------------------------


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def form(content, *, name="rows.csv", n_files=1):
    part = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode() + content + b"\r\n"
    field = b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    return field + part * n_files + b"--B--\r\n"


def test_rows_in_csv_and_in_an_uploaded_file_are_answered_as_those_in_json(app, rows):
    plain = run(ask(app, body={"rows": rows})).json()
    uploaded = {"Content-Type": "multipart/form-data; boundary=B"}

    assert run(ask(app, body=as_csv(rows), headers={"Content-Type": "text/csv"})).json() == plain
    assert run(ask(app, body=form(as_csv(rows)), headers=uploaded)).json() == plain
    assert (
        run(ask(app, body=form(json.dumps({"rows": rows}).encode(), name="r.json"), headers=uploaded)).json() == plain
    )


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (form(b"x", n_files=0), "; boundary=B"),
        (form(b"x", n_files=2), "; boundary=B"),
        (form(b"x")[:-8], "; boundary=B"),
        (b"x", "; boundary=B"),
        (form(b"x"), ""),
    ],
    ids=["no file", "two files", "cut short", "no form", "no boundary"],
)
def test_a_form_that_holds_not_one_whole_file_is_malformed(app, body, boundary):
    assert run(ask(app, body=body, headers={"Content-Type": f"multipart/form-data{boundary}"})).status == 400


def test_answers_in_csv_and_xml_say_the_same(app, rows):
    plain = run(ask(app, body={"rows": rows})).json()
    table = run(ask(app, body={"rows": rows}, headers={"Accept": "text/csv"}))
    tree = run(ask(app, body={"rows": rows}, headers={"Accept": "application/xml"}))

    lines = list(csv.DictReader(io.StringIO(table.body.decode())))
    assert [line["prediction"] for line in lines] == plain["predictions"]
    assert [float(line["probability_yes"]) for line in lines] == plain["probabilities"]["yes"]
    found = ET.fromstring(tree.body)
    assert [element.text for element in found.iter("prediction")] == plain["predictions"]


# --- the service about itself -----------------------------------------------------------------------------------------


def test_the_schema_names_the_columns_the_target_and_a_real_row(app, models):
    answer = run(ask(app, "/schema")).json()

    assert [column["name"] for column in answer["columns"]] == models["left"].schema.names
    assert answer["target"]["classes"] == ["no", "yes"]
    assert (answer["compiled"], answer["estimator"]) == (True, "logistic_regression")
    assert run(ask(app, body=answer["example"])).json()["warnings"] == []


def test_a_service_that_drains_is_not_ready_and_answers_all_the_same(models, row):
    app = create_app(models["left"])
    assert run(ask(app, "/readyz")).status == 200
    app.state.service.ready = False

    assert run(ask(app, "/readyz")).status == 503
    assert run(ask(app, "/livez")).status == 200
    assert run(ask(app, body=row)).status == 200


def test_examples_are_in_the_values_that_a_client_would_send(models):
    example = models["left"].example

    assert {name: type(cell) for name, cell in example.items()} == {
        "income": float,
        "age": int,
        "city": str,
        "member": bool,
        "since": str,
    }


def test_a_run_is_called_by_its_number_and_a_file_elsewhere_by_its_digest(folders, tmp_path):
    model = folders["left"] / "model.mlcli"
    copy = tmp_path / "churn.mlcli"
    copy.write_bytes(model.read_bytes())

    assert load_served(model, settings=ServeSettings()).version == "1"
    elsewhere = load_served(copy, settings=ServeSettings())
    assert elsewhere.version == elsewhere.manifest.digest[:12]


def test_the_stub_of_these_tests_answers_what_it_is_told(models, row):
    stub = Stub(models["left"].predictor, value=0.25)
    typed = models["left"].reader.read_records([row])

    assert stub.predict_row(typed.rows[0]) == [0.75, 0.25]
    assert stub.predict_columns(columns_from_rows(typed.rows, stub.schema.columns)).y_pred.tolist() == ["no"]
