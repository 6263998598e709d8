"""What a search may try: the forms in a config, the default of every model, and what is refused."""

from __future__ import annotations

import math

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcli.cli.boundary import run as run_mlcli
from mlcli.config.json_schema import config_json_schema
from mlcli.config.load import load_config
from mlcli.config.model_sections import ModelConfig, TuneConfig
from mlcli.config.render import render_config
from mlcli.config.sections import Config, DataConfig
from mlcli.errors import ConfigError, MissingExtraError
from mlcli.models.catalogue import check_parameters, model_parameters_of
from mlcli.models.search_check import check_search
from mlcli.registry import MODELS
from mlcli.spaces import (
    DEFAULT_SPACES,
    WITHOUT_SPACE,
    Choices,
    Range,
    default_space,
    read_dimension,
    size_of,
    space_of,
    takes_whole,
)

BOTH = [(name, task) for name, entry in MODELS.items() for task in entry.tasks]
SEARCHED = [(name, task) for name, task in BOTH if name not in WITHOUT_SPACE]


def space_for(name, task):
    return space_of(name, task, written={}, fixed=())


def test_every_model_has_a_space_or_a_reason_why_not():
    assert set(MODELS) == set(DEFAULT_SPACES) | set(WITHOUT_SPACE)
    assert not set(DEFAULT_SPACES) & set(WITHOUT_SPACE)


@pytest.mark.parametrize(("name", "task"), SEARCHED)
def test_every_parameter_of_a_default_space_is_one_of_the_model(name, task):
    known = {parameter.name for parameter in model_parameters_of(name, task)}

    assert space_for(name, task)
    assert set(space_for(name, task)) <= known
    of_some_task = {parameter for each in MODELS[name].tasks for parameter in space_for(name, each)}
    assert of_some_task == set(DEFAULT_SPACES[name])


@pytest.mark.parametrize(("name", "task"), SEARCHED)
def test_every_value_of_a_default_space_is_accepted_by_the_model(name, task):
    space = space_for(name, task)
    rng = np.random.default_rng(0)
    points = [{key: dimension.probes[end] for key, dimension in space.items()} for end in (0, -1)]
    points += [{key: dimension.at(rng.random()) for key, dimension in space.items()} for _ in range(3)]
    points += [
        {key: value} for key, dimension in space.items() if isinstance(dimension, Choices) for value in dimension.values
    ]

    for params in points:
        check_parameters(ModelConfig(name=name, params=params), task=task)


@pytest.mark.parametrize(("name", "task"), SEARCHED)
def test_the_model_as_it_is_by_default_lies_in_its_space(name, task):
    defaults = {parameter.name: parameter.default for parameter in model_parameters_of(name, task)}
    for key, dimension in space_for(name, task).items():
        if isinstance(dimension, Choices):
            assert defaults[key] in dimension.values, key
        else:
            assert dimension.low <= defaults[key] <= dimension.high, key


def test_what_the_config_sets_is_not_searched_by_default_but_may_be_by_name():
    fixed = {"max_depth": 3}

    assert set(space_of("decision_tree", "regression", written={}, fixed=fixed)) == {"min_samples_leaf"}
    assert set(space_of("decision_tree", "regression", written={"max_depth": [2, 5]}, fixed=fixed)) == {"max_depth"}


def test_the_space_of_one_task_holds_no_parameter_of_the_other():
    assert "epsilon" in default_space("svm", "regression")
    assert "epsilon" not in default_space("svm", "classification")
    assert "epsilon" in default_space("svm", None)


@pytest.mark.parametrize(
    ("form", "whole", "dimension"),
    [
        ([2, 10], True, Range(2, 10, whole=True)),
        ([2, 10], False, Range(2, 10)),
        ([0.1, 10], True, Range(0.1, 10)),
        ([0.01, 10, "log"], False, Range(0.01, 10, log=True)),
        ([-3.0, -1.0], False, Range(-3.0, -1.0)),
        ({"choices": ["l1", None, 3]}, False, Choices(("l1", None, 3))),
        ({"choices": [1, 1.0, True]}, True, Choices((1, 1.0, True))),
    ],
)
def test_a_dimension_is_read_as_it_is_written(form, whole, dimension):
    assert read_dimension(form, whole=whole) == dimension


@pytest.mark.parametrize(
    ("form", "rule"),
    [
        ([1], "must be [low, high]"),
        ([1, 2, 3], "must be [low, high]"),
        ([1, 2, "log", 4], "must be [low, high]"),
        ([1, 2, "Log"], "must be [low, high]"),
        (["a", "b"], "must be [low, high]"),
        ([True, False], "must be [low, high]"),
        (5, "must be [low, high]"),
        (None, "must be [low, high]"),
        ({"choice": [1]}, "must be [low, high]"),
        ({"choices": [1], "log": True}, "must be [low, high]"),
        ({"choices": 3}, "must be [low, high]"),
        ({"choices": []}, "1 to 1000 choices"),
        ({"choices": ["a", "b", "a"]}, "each choice once. Got 'a' twice"),
        ([2, 2], "lower end first"),
        ([3, 2], "lower end first"),
        ([0, 2, "log"], "above 0"),
        ([-1.0, 2.0, "log"], "above 0"),
        ([1, math.inf], "finite"),
    ],
)
def test_a_form_that_is_no_dimension_is_refused_with_the_rule(form, rule):
    with pytest.raises(ValueError, match=r".") as refused:
        read_dimension(form, whole=True)
    assert rule in str(refused.value)


def test_a_range_is_whole_only_where_its_ends_and_the_parameter_are():
    assert takes_whole("decision_tree", "max_depth", "regression")
    assert not takes_whole("logistic_regression", "C", "classification")
    assert takes_whole("decision_tree", "min_samples_leaf", None)


@given(st.floats(0, 1, exclude_max=True), st.booleans())
def test_a_range_gives_numbers_between_its_ends(share, log):
    assert 0.0123456 <= Range(0.0123456, 98.76543, log=log).at(share) <= 98.76543
    whole = Range(1, 7, log=log, whole=True).at(share)
    assert isinstance(whole, int)
    assert 1 <= whole <= 7


@pytest.mark.parametrize("log", [False, True])
def test_every_whole_number_of_a_range_can_be_drawn(log):
    shares = (np.arange(1000) + 0.5) / 1000

    assert {Range(1, 5, log=log, whole=True).at(share) for share in shares} == {1, 2, 3, 4, 5}


def test_a_range_by_factors_draws_as_often_below_its_middle_as_above():
    drawn = np.array([Range(0.01, 100.0, log=True).at(share) for share in (np.arange(1000) + 0.5) / 1000])

    assert (drawn < 1).mean() == pytest.approx(0.5, abs=0.01)
    assert (np.array([Range(0.01, 100.0).at(share) for share in (0.005, 0.5)]) < 1).mean() == 0.5


def test_a_space_is_counted_where_it_can_be():
    space = space_of("nearest_neighbors", "regression", written={}, fixed=())

    assert size_of(space) == 50 * 2 * 2
    assert size_of({**space, "leaf_size": Range(1.0, 2.0)}) is None


CONFIG = """\
data: {{path: t.csv, target: y}}
{task}model: {{name: {model}{params}}}
tune:
  space:
{space}
"""


def refusal(tmp_path, *space, model="gradient_boosting", task="", params="", overrides=()):
    """Return what is wrong with a config of these lines of tune.space."""
    path = tmp_path / "c.yaml"
    text = CONFIG.format(
        model=model,
        task=f"task: {task}\n" if task else "",
        params=params,
        space="\n".join(f"    {line}" for line in space),
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(path, overrides=overrides, environ={})
    return [problem.removeprefix(f"{path}:") for problem in refused.value.problems], refused.value.hint


def test_all_problems_of_a_space_are_told_at_once_each_with_its_place(tmp_path):
    problems, _ = refusal(
        tmp_path,
        "learning_rat: [0.1, 0.2]",
        "random_state: [1, 10]",
        "max_leaf_nodes: [31, 4]",
        "l2_regularization: [0, 10, log]",
        "max_features: [sqrt, log2]",
        "max_depth: 5",
    )

    assert problems == [
        "5:5: tune.space.learning_rat: unknown parameter of gradient_boosting - did you mean 'learning_rate'?",
        "6:5: tune.space.random_state: must be left out: a lucky seed is no better model",
        "7:21: tune.space.max_leaf_nodes: must have its lower end first, and below the upper one. Got 31 and 4",
        "8:24: tune.space.l2_regularization: must begin above 0 to be searched by factors (log). Got 0",
        (
            "9:19: tune.space.max_features: must be [low, high], [low, high, log] or {choices: [...]}. "
            "Got [sqrt, log2] - write {choices: [sqrt, log2]}"
        ),
        (
            "10:16: tune.space.max_depth: must be [low, high], [low, high, log] or {choices: [...]}. "
            "Got 5 - a value that is not searched belongs under model.params"
        ),
    ]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("trials: 0", "tune.trials: must be a whole number at least 1 and at most 1,000. Got 0"),
        ("cv: 1", "tune.cv: must be a whole number at least 2 and at most 100. Got 1"),
        ("method: tp", "tune.method: must be one of random, tpe. Got 'tp' - did you mean 'tpe'?"),
        ("metric: rmes", "tune.metric: unknown metric 'rmes' - did you mean 'rmse'?"),
        ("metric: rmse", "tune.metric: 'rmse' is a metric of regression, and task is classification"),
        ("trails: 3", "tune.trails: unknown key - did you mean 'trials'?"),
    ],
)
def test_a_key_of_the_search_that_is_wrong_is_told_with_its_place(tmp_path, line, text):
    path = tmp_path / "c.yaml"
    path.write_text(
        f"task: classification\ndata: {{path: t, target: y}}\nmodel: {{name: svm}}\ntune:\n  {line}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError) as refused:
        load_config(path, environ={})
    assert text in refused.value.message


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["model.name=dummy"], "tune: does not go with model 'dummy': it learns nothing that could be tuned"),
        (["model.name=ridge", "model.params={alpha: 2}"], "must leave something to search: model.params sets alpha"),
        (["model.name=auto"], "tune: does not go with model auto, which chooses parameters by itself"),
        (["tune=7"], "tune: must be a mapping of keys"),
    ],
)
def test_a_search_that_could_not_search_is_refused(tmp_path, overrides, text):
    path = tmp_path / "c.yaml"
    path.write_text("data: {path: t.csv, target: y}\nmodel: {name: ridge}\ntune: {}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(path, overrides=overrides, environ={})
    assert text in refused.value.message


@pytest.mark.parametrize(
    ("text", "tune"),
    [
        ("tune: {}", TuneConfig()),
        ("tune: {trials: 7}", TuneConfig(trials=7)),
        ("tune:\n  # trials: 7", None),
        ("tune: null", None),
        ("", None),
    ],
)
def test_a_config_searches_where_it_has_the_section_and_nowhere_else(tmp_path, text, tune):
    path = tmp_path / "c.yaml"
    path.write_text(f"data: {{path: t.csv, target: y}}\nmodel: {{name: ridge}}\n{text}\n", encoding="utf-8")

    assert load_config(path, environ={}).config.tune == tune


def test_the_space_of_another_model_is_not_inherited(tmp_path):
    (tmp_path / "base.yaml").write_text(
        "data: {path: t.csv, target: y}\nmodel: {name: ridge}\ntune: {trials: 9, space: {alpha: [1, 2]}}\n",
        encoding="utf-8",
    )
    same, other = tmp_path / "same.yaml", tmp_path / "other.yaml"
    same.write_text("extends: base.yaml\n", encoding="utf-8")
    other.write_text("extends: base.yaml\nmodel: {name: mlp}\n", encoding="utf-8")

    assert load_config(same, environ={}).config.tune == TuneConfig(trials=9, space={"alpha": [1, 2]})
    assert load_config(other, environ={}).config.tune == TuneConfig(trials=9)


def test_an_override_of_the_model_says_how_to_search_what_is_usual_of_it(tmp_path):
    problems, hint = refusal(tmp_path, "max_leaf_nodes: [2, 9]", overrides=["model.name=ridge"])

    assert "unknown parameter of ridge" in problems[0]
    assert "--set tune.space={}" in hint


def config_of(model, space, *, method="random", params=None):
    return Config(
        data=DataConfig(path="t.csv", target="y"),
        model=ModelConfig(name=model, params=params or {}),
        tune=TuneConfig(space=space, method=method),
    )


def test_values_that_the_model_would_refuse_are_all_told_before_data_is_read():
    config = config_of(
        "gradient_boosting",
        {"max_leaf_nodes": [1, 9], "learning_rate": [0.1, 0.2], "early_stopping": {"choices": [True, "maybe"]}},
    )
    with pytest.raises(ConfigError) as refused:
        check_search(config, task="classification", place=lambda key: f"c.yaml: {key}")

    assert refused.value.problems == (
        (
            "c.yaml: tune.space.max_leaf_nodes must hold values that the model accepts: an int in the range [2, inf) or "
            "null. Got 1 in it."
        ),
        (
            "c.yaml: tune.space.early_stopping must hold values that the model accepts: auto or true or false. "
            "Got 'maybe' in it."
        ),
    )


def test_a_space_must_suit_one_task_until_the_task_is_known():
    config = config_of("svm", {"epsilon": [0.1, 0.2]})

    check_search(config, task=None)
    check_search(config, task="regression")
    with pytest.raises(ConfigError, match=r"tune\.space\.epsilon .* a parameter of svm for classification"):
        check_search(config, task="classification")


def test_a_config_without_a_search_is_not_held_against_anything():
    check_search(config_of("ridge", {}).model_copy(update={"tune": None}), task="regression")


def test_a_search_by_optuna_without_optuna_names_the_extra(monkeypatch):
    config = config_of("ridge", {}, method="tpe")
    check_search(config, task="regression")
    monkeypatch.setattr("mlcli.models.search_check.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError) as refused:
        check_search(config, task="regression")
    assert refused.value.hint == "pip install 'mlcli[tune]'"
    check_search(config_of("ridge", {}), task="regression")


FORMS = [
    ({"C": [0.1, 1]}, True),
    ({"C": [0.1, 1, "log"]}, True),
    ({"C": {"choices": [1, None, "a", [5, 5]]}}, True),
    ({"C": [1]}, False),
    ({"C": ["a", "b"]}, False),
    ({"C": [1, 2, "lgo"]}, False),
    ({"C": {"choices": []}}, False),
    ({"C": {"choice": [1]}}, False),
    ({"C": 3}, False),
]


@pytest.mark.parametrize(("space", "accepted"), FORMS, ids=[str(space) for space, _ in FORMS])
def test_an_editor_refuses_the_forms_that_mlcli_refuses(space, accepted):
    config = {"data": {"path": "t.csv", "target": "y"}, "model": {"name": "svm"}, "tune": {"space": space}}
    validator = jsonschema.Draft202012Validator(config_json_schema())

    assert validator.is_valid(config) == accepted
    if accepted:
        read_dimension(space["C"], whole=True)
    else:
        with pytest.raises(ValueError, match=r"must"):
            read_dimension(space["C"], whole=True)


@pytest.mark.parametrize(
    ("tune", "accepted"), [({}, True), (None, True), ({"metric": "rmse"}, True), ({"metric": "x"}, False)]
)
def test_an_editor_knows_the_section(tune, accepted):
    config = {"data": {"path": "t.csv", "target": "y"}, "model": {"name": "svm"}, "tune": tune}

    assert jsonschema.Draft202012Validator(config_json_schema()).is_valid(config) == accepted


def test_a_config_with_a_space_is_written_and_read_back(tmp_path):
    config = config_of(
        "mlp",
        {
            "alpha": [0.1, 1, "log"],
            "hidden_layer_sizes": {"choices": [[5], [5, 5]]},
            "solver": {"choices": ["adam", "sgd"]},
        },
    )
    path = tmp_path / "c.yaml"
    path.write_text(render_config(config, complete=True), encoding="utf-8")

    assert load_config(path, environ={}).config.tune == config.tune


def test_a_section_of_defaults_alone_is_written_and_read_back(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(render_config(config_of("mlp", {})), encoding="utf-8")

    assert path.read_text(encoding="utf-8").splitlines()[-1] == "tune: {}"
    assert load_config(path, environ={}).config.tune == TuneConfig()


def test_check_refuses_what_the_search_would_be_refused_for(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{i % 7 / 2}\n" for i in range(60)), encoding="utf-8")
    path = tmp_path / "c.yaml"
    path.write_text(
        "data: {path: t.csv, target: y}\nmodel: {name: ridge}\ntune: {space: {alpha: [-1.0, 1.0]}}\n", encoding="utf-8"
    )

    assert run_mlcli(["check", "--config", str(path)]) == 2
    assert (
        "tune.space.alpha must hold values that the model accepts: a float in the range [0.0, inf)"
        in capsys.readouterr().err
    )
