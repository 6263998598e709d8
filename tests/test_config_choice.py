"""A model in a config may be auto, or a list to choose from, in short and in full."""

from __future__ import annotations

import jsonschema
import pytest

from mlcli.config.json_schema import config_json_schema
from mlcli.config.load import load_config, parse_config
from mlcli.config.model_sections import CandidateConfig, ModelConfig
from mlcli.config.render import render_config
from mlcli.config.tree import plain_values
from mlcli.config.yaml_nodes import read_yaml
from mlcli.errors import ConfigError

HEAD = "task: classification\ndata: {path: a.csv, target: y}\n"


@pytest.fixture
def model_of(tmp_path):
    """Return what a model's text means, with overrides."""

    def load(text, *overrides, base=""):
        path = tmp_path / "c.yaml"
        path.write_text(f"{HEAD}model: {text}\n", encoding="utf-8")
        if base:
            (tmp_path / "base.yaml").write_text(f"{HEAD}model: {base}\n", encoding="utf-8")
            path.write_text(f"extends: base.yaml\nmodel: {text}\n", encoding="utf-8")
        return load_config(path, overrides=overrides, environ={}).config.model

    return load


FOREST = CandidateConfig(name="random_forest", params={"n_estimators": 10})
LISTED = ModelConfig(name="auto", candidates=(CandidateConfig(name="logistic_regression"), FOREST))
SHORT_LIST = "[logistic_regression, {name: random_forest, params: {n_estimators: 10}}]"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("auto", ModelConfig(name="auto")),
        ("svm", ModelConfig(name="svm")),
        ("{name: auto, effort: quick}", ModelConfig(name="auto", effort="quick")),
        (SHORT_LIST, LISTED),
        (f"{{name: auto, candidates: {SHORT_LIST}}}", LISTED),
        ("{name: auto, candidates: [{name: svm, params: }]}", ModelConfig(name="auto", candidates=({"name": "svm"},))),
    ],
)
def test_short_forms_mean_the_section_that_they_stand_for(text, meant, model_of):
    assert model_of(text) == meant


def test_lists_in_the_parameters_of_a_candidate_stay_lists(model_of):
    model = model_of("[{name: mlp, params: {hidden_layer_sizes: [5, 5]}}]")

    assert model.candidates[0].params == {"hidden_layer_sizes": [5, 5]}


@pytest.mark.parametrize(
    ("text", "seconds"), [("1ms", 1e-3), ("500us", 5e-4), ("0.01s", 0.01), ("2 s", 2.0), ("1.5 ms", 1.5e-3)]
)
def test_a_latency_is_a_number_with_its_unit(text, seconds, model_of):
    assert model_of(f"{{name: auto, max_latency: {text}}}").max_row_seconds == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["1", "1h", "ms", "0ms", "-1ms", "1e3us", "one ms"])
def test_anything_else_is_no_latency(text, model_of):
    with pytest.raises(ConfigError, match=r"c\.yaml:3:34: model\.max_latency: must be"):
        model_of(f"{{name: auto, max_latency: '{text}'}}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("autoo", "3:8: model.name: unknown model 'autoo' - did you mean 'auto'?"),
        ("{name: svm, effort: quick}", "3:28: model.effort: is for a choice of models, and model.name is not auto"),
        ("{name: svm, boost: never}", "model.boost: is for a choice of models"),
        ("{name: auto, boost: yes}", "model.boost: must be one of auto, always, never"),
        (
            "{name: auto, candidates: [svm], boost: never}",
            "model.boost: must be left out where model.candidates names the models",
        ),
        ("{name: svm, max_minutes: 1}", "model.max_minutes: is for a choice of models"),
        ("{name: svm, max_latency: 1ms}", "model.max_latency: is for a choice of models"),
        ("{name: svm, candidates: [svm]}", "model.candidates: is for a choice of models"),
        ("{name: auto, params: {C: 1}}", "model.params: must be left out with auto"),
        ("{name: auto, max_minutes: 0}", "model.max_minutes: must be a number above 0"),
        ("{name: auto, effort: fast}", "3:29: model.effort: must be one of quick, standard, thorough"),
        ("[logistic_regressio]", "3:9: model.candidates.0.name: unknown model"),
        ("[svm, auto]", "3:14: model.candidates.1.name: must name a model to choose from"),
        ("[svm, 3]", "3:14: model.candidates.1: must be a model's name, or a mapping"),
        ("[svm, [mlp]]", "3:14: model.candidates.1: must be a model's name, or a mapping"),
        ("[svm, svm]", "3:14: model.candidates.1: must not stand twice in the list"),
        ("[{params: {C: 1}}]", "3:9: model.candidates.0.name: is missing"),
        ("[{name: 3}]", "model.candidates.0.name: must be text. Got 3"),
        ("[{name: svm, parms: {C: 1}}]", "model.candidates.0.parms: unknown key - did you mean 'params'?"),
        ("[{name: svm, params: [1]}]", "model.candidates.0.params: must be a mapping of parameters. Got a list"),
        ("[{name: svm, params: {c: 1}}]", "model.candidates.0.params.c: unknown parameter of svm - did you mean 'C'?"),
        ("[svm, ridge]", "3:14: model.candidates.1.name: 'ridge' is for regression, and task is classification"),
        ("[]", "3:8: model: must be a mapping of keys"),
    ],
)
def test_what_is_wrong_with_a_choice_is_said_at_its_place(text, problem, model_of):
    with pytest.raises(ConfigError) as caught:
        model_of(text)

    assert problem in caught.value.message
    assert len(caught.value.problems) == 1


def test_all_problems_of_a_list_are_told_at_once(model_of):
    with pytest.raises(ConfigError) as caught:
        model_of("[svn, 3, {name: svm, params: {D: 1}}]")

    assert len(caught.value.problems) == 3


def test_an_override_may_turn_any_model_into_a_choice(model_of):
    assert model_of("{name: svm, params: {C: 2}}", "model=auto") == ModelConfig(name="auto")
    assert model_of("auto", "model.effort=quick") == ModelConfig(name="auto", effort="quick")
    assert model_of("auto", f"model={SHORT_LIST}") == LISTED


def test_an_override_that_names_one_model_ends_the_choice_of_the_file(model_of):
    choice = "{name: auto, effort: quick, boost: never, max_minutes: 3, max_latency: 1ms}"

    assert model_of(choice, "model.name=svm") == model_of(choice, "model=svm") == ModelConfig(name="svm")
    assert model_of(choice, "model.name=auto").effort == "quick"
    with pytest.raises(ConfigError, match=r"model\.effort: is for a choice of models"):
        model_of(choice, "model.name=svm", "model.effort=quick")


def test_a_file_that_names_another_model_inherits_nothing_of_a_choice(model_of):
    assert model_of("{name: svm}", base=f"{{name: auto, effort: quick, candidates: {SHORT_LIST}}}") == ModelConfig(
        name="svm"
    )


def test_a_short_form_replaces_what_the_other_file_says(model_of):
    assert model_of("auto", base=SHORT_LIST) == ModelConfig(name="auto")


def test_a_mapping_adds_to_what_the_other_file_says(model_of):
    assert model_of("{effort: quick}", base="auto") == ModelConfig(name="auto", effort="quick")


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize(
    "text", ["auto", SHORT_LIST, "{name: auto, effort: quick, boost: never, max_minutes: 10, max_latency: 1ms}"]
)
def test_a_choice_is_written_as_it_is_read(text, complete, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(f"{HEAD}model: {text}\n", encoding="utf-8")
    config = load_config(path, environ={}).config

    assert parse_config(render_config(config, complete=complete), name="again") == config


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("auto", True),
        ("svm", True),
        (SHORT_LIST, True),
        ("{name: auto, candidates: [svm, {name: mlp}], effort: quick}", True),
        ("nothing", False),
        ("[]", False),
        ("[auto]", False),
        ("[{name: svm, parms: {}}]", False),
        ("{name: auto, effort: fast}", False),
    ],
)
def test_the_schema_for_editors_knows_the_forms(text, valid):
    document = plain_values(read_yaml(f"{HEAD}model: {text}\n", source="c.yaml", problems=[]))
    document["model"] = list(document["model"]) if isinstance(document["model"], tuple) else document["model"]
    if isinstance(document["model"], dict) and "candidates" in document["model"]:
        document["model"]["candidates"] = list(document["model"]["candidates"])

    assert jsonschema.Draft202012Validator(config_json_schema()).is_valid(document) is valid
