"""The model card says what is known of a model, in the form that model hubs read."""

from __future__ import annotations

import json
import re

import pytest
from report_samples import HOSTILE, hostile_table, plain_table, trained
from ruamel.yaml import YAML

from mlcli.artifact.open import open_artifact
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.report.card import pipeline_tag, render_card
from mlcli.training.report import Wanted, report_content


def content_of(run):
    return report_content(open_artifact(run.folder), wanted=Wanted())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("card"), plain_table(), target="price")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return trained(
        tmp_path_factory.mktemp("hostile"),
        hostile_table(),
        target="tgt",
        model="random_forest, params: {n_estimators: 5}",
        data=", columns: {note: text, when: date}",
    )


@pytest.fixture(scope="module")
def card(run):
    return render_card(content_of(run))


def split(card):
    """Return the front matter as data, and the Markdown behind it."""
    opening, front, body = card.split("---\n", 2)
    assert opening == ""
    return YAML(typ="safe", pure=True).load(front), body


def test_the_front_matter_is_what_model_hubs_read(card, run):
    metadata, _ = split(card)
    stored = json.loads((run.folder / "metrics.json").read_text())

    assert metadata["library_name"] == "mlcli"
    assert metadata["pipeline_tag"] == "tabular-regression"
    assert {"mlcli", "tabular-regression", "ridge"} <= set(metadata["tags"])
    assert metadata["datasets"] == ["table"]
    assert metadata["metrics"] == stored["shown"]
    (model,) = metadata["model-index"]
    (result,) = model["results"]
    assert model["name"] == "demo"
    assert result["task"]["type"] == "tabular-regression"
    assert set(result["dataset"]) == {"type", "name", "split"}
    values = {metric["name"]: metric["value"] for metric in stored["metrics"]}
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {
        name: values[name] for name in stored["shown"]
    }


def test_the_licence_is_left_to_the_owner(card):
    assert "license" not in split(card)[0]
    assert "\n# license: add yours here" in card


def test_the_text_tells_the_scores_the_weak_places_and_how_it_was_made(card, run):
    _, body = split(card)
    stored = json.loads((run.folder / "metrics.json").read_text())

    for metric in stored["metrics"]:
        assert f"| {format_number(metric['value'])} |" in body
    for heading in ("Evaluation", "Where it is weak", "What it leans on", "Data", "How to use it", "How it was made"):
        assert f"\n## {heading}\n" in body
    assert run.manifest.digest in body
    assert re.search(r"\| size \| [\d,.]+ \|", body)


def test_the_same_run_gives_the_same_card(run):
    assert render_card(content_of(run)) == render_card(content_of(run))


def test_names_from_the_data_are_text_in_the_card(hostile):
    card = render_card(content_of(hostile))
    metadata, body = split(card)

    assert "<script" not in card
    assert "<b>" not in body
    assert metadata["model-index"][0]["results"][0]["task"]["name"] == "classification of tgt"
    listed = next(part for part in body.split("\n\n") if part.startswith("| Column | Kind |")).splitlines()[2:]
    assert len(listed) == len(HOSTILE) + 2
    for line in listed:
        assert len(re.findall(r"(?<!\\)\|", line)) == 4, line


def test_a_hostile_target_is_text_in_the_front_matter(tmp_path):
    target = "a: b\\n- {x: 1} # é"
    text = plain_table(60).replace("price", f'"{target}"', 1)
    card = render_card(content_of(trained(tmp_path, text, target=f"'{target}'")))

    assert split(card)[0]["model-index"][0]["results"][0]["task"]["name"] == f"regression of {target}"


def test_a_table_of_texts_is_a_task_of_texts(run, hostile):
    texts = hostile.schema.columns[-1:]
    alone = type(hostile.schema)(
        columns=texts, target=hostile.schema.target, ignored=(), id=(), weight=None, missing_values=(), n_rows=1
    )

    assert [column.kind for column in texts] == ["text"]
    assert pipeline_tag(alone) == "text-classification"
    assert pipeline_tag(hostile.schema) == "tabular-classification"
    assert pipeline_tag(run.schema) == "tabular-regression"
