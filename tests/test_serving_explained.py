"""`/predict?explain=true`: contributions of the columns in the answer, whatever the body's format, and nowhere else."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
import time
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
from serving_samples import TARGETS, ask, run, sample_table, train_sample

from mlcli.artifact.open import load_pipeline, open_artifact
from mlcli.inference.predictor import PipelinePredictor
from mlcli.serving import create_app
from mlcli.serving.explained import MAX_ROWS
from mlcli.serving.openapi import openapi_document
from mlcli.serving.served import load_served
from mlcli.serving.service import Service
from mlcli.serving.settings import ServeSettings


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {target: train_sample(tmp_path_factory.mktemp(target), target=target) for target in TARGETS}
    made["boosting"] = train_sample(tmp_path_factory.mktemp("boosting"), model="gradient_boosting")
    made["bayes"] = train_sample(tmp_path_factory.mktemp("bayes"), target="size", model="naive_bayes")
    return made


@pytest.fixture(scope="module")
def models(folders):
    return {name: load_served(folder, settings=ServeSettings()) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def rows():
    """Rows as a client would send them, with gaps, and a category that training never saw."""
    table = sample_table(40).drop(columns=list(TARGETS)).astype(object)
    found = table.where(table.notna(), None).to_dict("records")
    return [*found[:9], {**found[9], "city": "Atlantis"}]


NAMES = ("left", "size", "spent", "boosting", "bayes")


def total(told, row):
    return told["base"][row] + sum(sizes[row] for sizes in told["contributions"].values())


def as_probabilities(scale, totals):
    """Return what totals of all classes mean."""
    if scale == "probability":
        return totals
    powers = np.exp(totals) if scale == "score" else 1.0 / (1.0 + np.exp(-np.asarray(totals)))
    return powers / powers.sum()


@pytest.mark.parametrize("name", NAMES)
def test_contributions_add_up_to_the_answer_beside_them(models, rows, name):
    app = create_app(models[name])
    plain = run(ask(app, body={"rows": rows})).json()
    answer = run(ask(app, body={"rows": rows}, query="explain=true")).json()
    told = answer.pop("explanations")
    every = run(ask(app, body={"rows": rows}, query="explain=all")).json()["explanations"]

    assert answer == plain
    assert list(told["contributions"]) == models[name].schema.names
    if name == "spent":
        assert every == told
        assert [total(told, i) for i in range(len(rows))] == pytest.approx(plain["predictions"], abs=1e-9)
        return
    for i, prediction in enumerate(plain["predictions"]):
        chosen = every["classes"][prediction]
        assert told["base"][i] == chosen["base"][i]
        assert {name: sizes[i] for name, sizes in told["contributions"].items()} == {
            name: sizes[i] for name, sizes in chosen["contributions"].items()
        }
        shares = as_probabilities(told["scale"], [total(of, i) for of in every["classes"].values()])
        assert shares == pytest.approx([share[i] for share in plain["probabilities"].values()], abs=1e-9)


@pytest.mark.parametrize(
    ("name", "method", "scale", "compared"),
    [
        ("left", "linear", "log_odds", 0),
        ("size", "linear", "score", 0),
        ("spent", "linear", "target", 0),
        ("boosting", "tree_shap", "log_odds", 0),
        ("bayes", "enumerated", "probability", 20),
    ],
)
def test_the_answer_says_how_contributions_were_found_and_what_they_add_up_to(
    models, rows, name, method, scale, compared
):
    told = run(ask(create_app(models[name]), body={"rows": rows}, query="explain=true")).json()["explanations"]
    assert (told["method"], told["scale"], told["background_rows"]) == (method, scale, compared)
    assert "errors" not in told


def test_sampled_contributions_come_with_their_errors(folders, rows, monkeypatch):
    monkeypatch.setattr("mlcli.inference.explain.BUDGET", 300)
    app = create_app(load_served(folders["bayes"], settings=ServeSettings()))
    told = run(ask(app, body={"rows": rows}, query="explain=true")).json()["explanations"]
    assert told["method"] == "sampled"
    assert told["errors"].keys() == told["contributions"].keys()
    assert max(max(sizes) for sizes in told["errors"].values()) > 0


def test_scikit_learns_answers_are_explained_too(folders, models, rows):
    artifact = open_artifact(folders["left"])
    fallback = replace(models["left"], predictor=PipelinePredictor(load_pipeline(artifact), artifact.schema))
    answer = run(ask(create_app(fallback), body={"rows": rows[:2]}, query="explain=true")).json()
    told = answer["explanations"]
    assert (told["method"], told["scale"], told["background_rows"]) == ("enumerated", "probability", 20)
    for i, prediction in enumerate(answer["predictions"]):
        assert total(told, i) == pytest.approx(answer["probabilities"][prediction][i], abs=1e-9)


@pytest.mark.parametrize("query", ["", "explain=false", "explain=false&probabilities=true"])
def test_nothing_is_explained_unasked(models, rows, query):
    answer = run(ask(create_app(models["left"]), body={"rows": rows}, query=query))
    assert "explanations" not in answer.json()


@pytest.mark.parametrize("value", ["", "1", "yes", "True", "none", "%00"])
def test_another_value_is_refused(models, rows, value):
    answer = run(ask(create_app(models["left"]), body={"rows": rows}, query=f"explain={value}"))
    assert answer.status == 400
    assert "'explain' must be true, false or all" in answer.json()["detail"]


def test_probabilities_may_be_left_out_beside_explanations(models, rows):
    query = "explain=true&probabilities=false"
    answer = run(ask(create_app(models["left"]), body={"rows": rows}, query=query)).json()
    assert "probabilities" not in answer
    assert "explanations" in answer


def test_a_body_of_another_format_is_explained_in_json(models, rows):
    app = create_app(models["left"])
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    sent = run(ask(app, body=text.getvalue().encode(), headers={"content-type": "text/csv"}, query="explain=true"))
    assert sent.json() == run(ask(app, body={"rows": rows}, query="explain=true")).json()


@pytest.mark.parametrize(
    ("accept", "status"),
    [("text/csv", 406), ("application/xml", 406), ("text/csv, application/json;q=0.1", 200), ("*/*", 200)],
)
def test_an_explanation_is_json_alone(models, rows, accept, status):
    answer = run(ask(create_app(models["left"]), body={"rows": rows}, headers={"accept": accept}, query="explain=true"))
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("n_rows", "status"), [(MAX_ROWS, 200), (MAX_ROWS + 1, 413)])
def test_so_many_rows_are_explained_and_no_more(models, rows, n_rows, status):
    answer = run(ask(create_app(models["left"]), body={"rows": (rows * MAX_ROWS)[:n_rows]}, query="explain=true"))
    assert answer.status == status
    if status == 413:
        assert "mlcli predict --explain" in answer.json()["hint"]
        assert f"Got {n_rows}" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["explain=true", "explain=all"])
@pytest.mark.parametrize("name", NAMES)
def test_no_rows_are_explained_by_empty_lists(models, name, query):
    told = run(ask(create_app(models[name]), body={"rows": []}, query=query)).json()["explanations"]
    for part in told.get("classes", {"": told}).values():
        assert part["base"] == []
        assert part["contributions"] == {column: [] for column in models[name].schema.names}


def test_a_bad_row_is_refused_as_ever(models, rows):
    answer = run(ask(create_app(models["left"]), body={"rows": [{**rows[0], "age": "old"}]}, query="explain=true"))
    assert answer.status == 422
    assert answer.json()["cells"][0]["column"] == "age"


def test_a_row_is_explained_alone_as_among_others(models, rows):
    app = create_app(models["boosting"])
    together = run(ask(app, body={"rows": rows}, query="explain=true")).json()["explanations"]
    for i, row in enumerate(rows):
        alone = run(ask(app, body=row, query="explain=true")).json()["explanations"]
        assert alone["base"] == [together["base"][i]]
        for column, sizes in alone["contributions"].items():
            assert sizes == [together["contributions"][column][i]]


@pytest.mark.parametrize("change", ["gone", "another"])
def test_a_file_that_is_no_longer_what_was_loaded_is_said_and_predictions_go_on(folders, tmp_path, rows, change):
    place = tmp_path / "model.mlcli"
    shutil.copy(folders["left"] / "model.mlcli", place)
    app = create_app(load_served(place, settings=ServeSettings()))
    if change == "gone":
        place.unlink()
    else:
        shutil.copy(folders["boosting"] / "model.mlcli", place)
    answer = run(ask(app, body={"rows": rows}, query="explain=true"))
    assert answer.status == 503
    assert "file" in answer.json()["detail"]
    assert answer.headers["retry-after"]
    assert run(ask(app, body={"rows": rows})).status == 200
    shutil.copy(folders["left"] / "model.mlcli", place)
    assert run(ask(app, body={"rows": rows}, query="explain=true")).status == 200


def slowed(served, seconds):
    """Return a model whose explanations take their time, and the numbers of rows that they were asked for."""
    explainer, asked = served.explainer(), []

    class Slow:
        n_background = 20

        def __getattr__(self, name):
            return getattr(explainer, name)

        def explain(self, columns):
            asked.append(columns.n_rows)
            time.sleep(seconds)
            return explainer.explain(columns)

    other = replace(served)
    other.__dict__["_explainer"] = Slow()
    return other, asked


def test_the_service_answers_others_while_it_explains(models, rows):
    served, _ = slowed(models["bayes"], 0.05)
    app = create_app(served)

    async def story():
        explained = asyncio.create_task(ask(app, body={"rows": rows}, query="explain=true"))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        assert (await ask(app, body=rows[0])).status == 200
        quick = time.monotonic() - began
        assert not explained.done()
        return quick, await explained

    quick, answer = run(story())
    assert quick < 0.2
    assert answer.status == 200


def test_a_late_explanation_is_given_up_between_rows(models, rows):
    served, asked = slowed(models["bayes"], 0.1)
    app = create_app(served, settings=ServeSettings(deadline=0.35))
    answer = run(ask(app, body={"rows": rows}, query="explain=true"))
    assert answer.status == 504
    time.sleep(0.3)
    assert set(asked) == {1}
    assert 1 < len(asked) < len(rows)


@pytest.mark.parametrize("query", ["explain=true", "explain=all", "explain=false"])
@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_what_the_openapi_document_says(folders, models, rows, name, query, monkeypatch):
    document = openapi_document(Service(models[name], ServeSettings()), own=())
    parameters = {each["name"]: each for each in document["paths"]["/predict"]["post"]["parameters"]}
    assert parameters["explain"]["schema"]["enum"] == ["false", "true", "all"]
    schema = {"$ref": "#/components/schemas/PredictAnswer", "components": document["components"]}
    check = jsonschema.Draft202012Validator(json.loads(json.dumps(schema)))
    answer = run(ask(create_app(models[name]), body={"rows": rows}, query=query)).json()
    check.validate(answer)
    if "explanations" in answer:
        with pytest.raises(jsonschema.ValidationError):
            check.validate({**answer, "explanations": {**answer["explanations"], "scale": "percent"}})
    monkeypatch.setattr("mlcli.inference.explain.BUDGET", 300)
    again = create_app(load_served(folders[name], settings=ServeSettings()))
    check.validate(run(ask(again, body={"rows": rows}, query=query)).json())
