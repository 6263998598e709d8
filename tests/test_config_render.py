"""A config that is written reads back as it was, and the JSON Schema and the reference know it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mlcli import registry
from mlcli.config.fields import section_of, shape_of, walk_sections
from mlcli.config.json_schema import config_json_schema
from mlcli.config.keys import join_key
from mlcli.config.load import load_config, parse_config
from mlcli.config.reference import render_reference
from mlcli.config.render import render_config, scalar_text
from mlcli.config.sections import Config
from mlcli.config.tree import plain_values
from mlcli.config.yaml_nodes import read_yaml
from mlcli.errors import ConfigError
from mlcli.registry import AUTO, METRICS, MODELS
from mlcli.spaces import WITHOUT_SPACE

ROOT = Path(__file__).parents[1]

AWKWARD = st.sampled_from(
    [
        *("yes", "No", "on", "y", "null", "~", "", "true", "1", "1.0", "0123", "1_000", "1e3", ".5", ".inf", "0x1f"),
        *("12:30", "2024-01-31", "=", "<<", "- a", "a: b", "a #b", "#", "*x", "&x", "!t", "%", "@", "`", "'", '"'),
        *(
            "${A}",
            "$${A}",
            "${",
            "$",
            "a\nb",
            "\ttab",
            " lead",
            "trail ",
            "C:\\data",
            "[a]",
            "{a: b}",
            "a, b",
            "?",
            "-",
        ),
        *(
            "价格 (元)",
            "Größe",
            "Monthly Charges ($)",
            "a.b",
            "x=y",
            "\u2028",
            "\x00",
            "\x85",
            "\ufeff",
            "😀",
            "a\u0301",
            "²",
        ),
    ]
)
TEXT = AWKWARD | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBER = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False)
FREE = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(bool), inner, max_size=3),
    max_leaves=5,
)
DIMENSION = st.sampled_from([[1, 2], [0.5, 7.0], [0.1, 10, "log"]]) | st.lists(
    FREE, min_size=1, max_size=3, unique_by=repr
).map(lambda values: {"choices": values})
NAME = st.from_regex(r"\A(?:[A-Za-z0-9_é模][A-Za-z0-9_.\- 模]{0,9})\Z")


def value_of(shape):
    """Draw values that a key of this shape takes."""
    bounds = shape.bounds
    low = bounds.ge if bounds.ge is not None else bounds.gt
    high = bounds.le if bounds.le is not None else bounds.lt
    draws = [st.sampled_from(shape.literals)] if shape.literals else []
    for kind in shape.types:
        if kind is str:
            draws.append(NAME if bounds.pattern else TEXT.filter(lambda text: shape_fits(bounds, text)))
        elif kind is bool:
            draws.append(st.booleans())
        elif kind is int:
            most = max(1000, int(low or 0) + 1000) if high is None else int(high)
            draws.append(st.integers(None if low is None else int(low), most))
        elif kind is float:
            draws.append(st.floats(low, high, allow_nan=False, allow_infinity=False).filter(bounds.admit))
        else:
            draws.append(FREE)
    if shape.items is not None:
        draws.append(st.lists(value_of(shape.items), max_size=3).map(tuple))
    if shape.values is not None:
        draws.append(st.dictionaries(TEXT.filter(bool), value_of(shape.values), max_size=3))
    return st.one_of([st.none()] * shape.nullable + draws)


def shape_fits(bounds, text):
    """Say whether a text has the length that a key asks for."""
    return (bounds.min_length or 0) <= len(text) and (bounds.max_length is None or len(text) <= bounds.max_length)


def section_values(section):
    """Draw the keys of a section."""
    required, optional = {}, {}
    for name, field in section.model_fields.items():
        below = section_of(field)
        draw = value_of(shape_of(field)) if below is None else section_values(below)
        (required if field.is_required() else optional)[name] = draw
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def models(draw):
    """Draw one model, or a choice between several."""
    name = draw(st.sampled_from([AUTO, *sorted(MODELS)]))
    if name != AUTO:
        alone = {"candidates": (), "effort": "standard", "boost": "auto", "max_minutes": None, "max_latency": None}
        return {"name": name, **alone}
    listed = draw(st.lists(st.sampled_from(sorted(MODELS)), unique=True, max_size=3))
    return {
        "name": name,
        "params": {},
        "candidates": tuple({"name": each, "params": {"C": [1, 2.5]}} for each in listed),
        "boost": "auto" if listed else draw(st.sampled_from(["auto", "always", "never"])),
        "max_latency": draw(st.sampled_from([None, "1ms", "0.5 s"])),
    }


@st.composite
def configs(draw):
    """Draw a config that keeps every rule."""
    values = draw(section_values(Config))
    values["name"] = draw(NAME)
    data, split = values["data"], values.setdefault("split", {})
    data |= draw(
        st.sampled_from(
            [{"path": ("a.csv", "b"), "url": None, "query": None}, {"path": None, "url": "u", "query": "q"}]
        )
    )
    for key in ("id", "drop"):
        data[key] = tuple(name for name in data.get(key, ()) if name != data["target"])
    data["weight"] = None
    method = split.setdefault("method", "random")
    split["column"] = None if method in {"random", "files"} else draw(TEXT)
    split["test_path"] = draw(TEXT) if method == "files" else None
    split["cv"] = draw(st.sampled_from([0, 5]))
    values["model"] |= draw(models())
    evaluate = values.setdefault("evaluate", {})
    evaluate["metrics"] = draw(st.none() | st.lists(st.sampled_from(sorted(METRICS)), unique=True).map(tuple))
    evaluate["gates"] = draw(st.dictionaries(st.sampled_from(sorted(METRICS)), st.floats(-9, 9), max_size=2))
    ways = [{}, {"optimize": "f1"}, {"recall": 0.8}, {"costs": {"false_positive": 1.0, "false_negative": 0.5}}]
    values["threshold"] = draw(st.sampled_from(ways))
    if values["model"]["name"] in {AUTO, *WITHOUT_SPACE}:
        values.pop("tune", None)
    if "tune" in values:
        values["tune"]["metric"] = draw(st.none() | st.sampled_from(sorted(METRICS)))
        values["tune"]["space"] = draw(st.dictionaries(TEXT.filter(bool), DIMENSION, max_size=3))
    evaluate["tolerances"] = draw(st.dictionaries(st.sampled_from(sorted(METRICS)), st.floats(0, 9), max_size=2))
    values["task"] = None
    return Config.model_validate(values)


@pytest.fixture
def unrecorded(monkeypatch):
    """Check no parameters of models, so that any may be written."""
    monkeypatch.setattr(registry, "_parameters", dict)


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.parametrize("complete", [False, True])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(config=configs())
def test_a_written_config_reads_back_as_it_was(config, complete, tmp_path):
    path = tmp_path / "other.yaml"
    comments = {"data.target": "x" * 150, "model": "Which\nmodel?", "split.cv": "folds: \x00 #"}
    path.write_text(render_config(config, complete=complete, comments=comments, header=["a\nb"]), encoding="utf-8")
    assert load_config(path, environ={"A": "wrong"}).config == config
    assert parse_config(path.read_text(encoding="utf-8"), name="stored") == config


@pytest.mark.usefixtures("unrecorded")
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(config=configs())
def test_the_json_schema_takes_every_config_that_is_taken(config):
    tree = read_yaml(render_config(config), source="f", problems=[])
    Draft202012Validator(config_json_schema()).validate(json.loads(json.dumps(plain_values(tree))))


SMALL = Config.model_validate(
    {"name": "c", "data": {"path": "data/a.csv", "target": "risk"}, "model": {"name": "svm", "params": {"C": 2.0}}}
)


def test_a_column_with_a_very_long_name_reads_back(tmp_path):
    columns = {"x" * 1500: "text", "y: " * 500: "number"}
    config = SMALL.model_copy(update={"data": SMALL.data.model_copy(update={"columns": columns})})
    (tmp_path / "c.yaml").write_text(render_config(config))
    assert load_config(tmp_path / "c.yaml", environ={}).config == config


def test_only_what_differs_from_the_defaults_is_written():
    assert render_config(SMALL) == (
        "name: c\n\ndata:\n  path: data/a.csv\n  target: risk\n\nmodel:\n  name: svm\n  params:\n    C: 2.0\n"
    )


def test_a_complete_config_writes_every_key():
    tree = read_yaml(render_config(SMALL, complete=True), source="f", problems=[])
    assert Config.model_validate(plain_values(tree)) == SMALL
    assert plain_values(tree).keys() == Config.model_fields.keys()
    assert {key: type(value) for key, value in plain_values(tree)["split"].items()}["column"] is type(None)


def test_comments_stand_at_the_end_or_above_and_bring_their_key():
    text = render_config(
        SMALL,
        header=["yaml-language-server: $schema=mlcli.schema.json", "# two"],
        comments={
            "split": "How rows are held out",
            "split.test_size": "a fifth",
            "data.target": "long " * 30,
            "model.params.C": "less is stronger",
            "preprocess": "all defaults",
        },
    )
    assert text == (
        "# yaml-language-server: $schema=mlcli.schema.json\n# two\n\nname: c\n\n"
        f"data:\n  path: data/a.csv\n  # {('long ' * 19).strip()}\n  # {('long ' * 11).strip()}\n  target: risk\n\n"
        "split:  # How rows are held out\n  test_size: 0.2  # a fifth\n\npreprocess:  # all defaults\n\n"
        "model:\n  name: svm\n  params:\n    C: 2.0  # less is stronger\n"
    )


def test_a_comment_on_a_key_that_is_not_there_is_our_mistake():
    with pytest.raises(ValueError, match=r"data\.colour, model\.params\.c"):
        render_config(SMALL, comments={"data.colour": "x", "model.params.c": "y"})


def test_a_secret_is_written_as_it_stood_in_the_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "data:\n  url: 'db://u:${PASSWORD}@h'\n  query: select 1\n  target: y\n"
        "model:\n  name: svm\n  params:\n    C: ${C:-3}\n    gamma: '${C:-a b}'\n"
    )
    loaded = load_config(path, environ={"PASSWORD": "hunter2"})
    text = render_config(loaded.config, written=loaded.written, complete=True)
    assert "hunter2" not in text
    path.write_text(text)
    assert load_config(path, environ={"PASSWORD": "hunter2"}).config == loaded.config


def test_a_stored_config_is_read_without_the_environment_or_other_files():
    text = "data:\n  url: ${DB}\n  query: $${x}\n  target: y\nmodel: {name: svm}\n"
    config = parse_config(text, name="model.mlcli: config.yaml")
    assert (config.data.url, config.data.query, config.name) == ("${DB}", "${x}", "")
    with pytest.raises(ConfigError, match=r"^stored:6:1: extends: unknown key"):
        parse_config(text + "extends: base.yaml\n", name="stored")
    with pytest.raises(ConfigError, match=r"^stored:7:7: split\.cv: must be a whole number .* Got '\$\{N\}'$"):
        parse_config(text + "split:\n  cv: ${N}\n", name="stored")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (0.1, "0.1"),
        (1e-5, "1.0e-05"),
        (1.5e300, "1.5e+300"),
        (float("-inf"), "-.inf"),
        ("one_hot", "one_hot"),
        ("data/*.csv", '"data/*.csv"'),
        ("../a b.csv", "../a b.csv"),
        ("价格 (元)", "价格 (元)"),
        ("no", '"no"'),
        ("12", '"12"'),
        ("a\nb", '"a\\nb"'),
        ("${A}", '"$${A}"'),
        ("\U0001f600\x85", '"\U0001f600\\x85"'),
    ],
)
def test_a_scalar_is_quoted_where_it_would_be_misread(value, text):
    assert scalar_text(value) == text


def schema_problems(text):
    """Return what the JSON Schema says of a YAML text."""
    document = json.loads(json.dumps(plain_values(read_yaml(text, source="f", problems=[]))))
    return [error.message for error in Draft202012Validator(config_json_schema()).iter_errors(document)]


BASIC = "data: {path: a.csv, target: y}\n"


@pytest.mark.parametrize(
    "text",
    [
        BASIC + "model: {name: svm}\n",
        BASIC + "model: {name: svm}\nsplit: {test_size: '${SIZE}', stratify: '${S:-true}', method: '${M}'}\n",
        BASIC + "model: {name: '${MODEL}'}\npreprocess:\nsplit:\n  test_values:\n",
        "extends: base.yaml\n",
        "extends: base.yaml\ndata: {drop: [a]}\nmodel: {params: {C: 1}}\n",
        BASIC + "task: regression\nmodel: {name: ridge}\nevaluate: {metrics: [mae], gates: {rmse: 3}}\n",
    ],
)
def test_the_json_schema_takes(text):
    assert schema_problems(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BASIC, "'model' is a required property"),
        ("data: {path: a}\nmodel: {name: svm}\n", "'target' is a required property"),
        (BASIC + "model: {name: svm}\ntarget: y\n", "'target' was unexpected"),
        (BASIC + "model: {name: svm}\npreprocess: {number: {scal: none}}\n", "'scal' was unexpected"),
        (BASIC + "model: {name: svn}\n", "'svn'"),
        (BASIC + "model: {name: svm}\nevaluate: {metrics: [f2]}\n", "f2"),
        (BASIC + "model: {name: svm}\nevaluate: {gates: {f2: 1}}\n", "'f2'"),
        (BASIC + "task: regression\nmodel: {name: logistic_regression}\n", "'logistic_regression'"),
        (BASIC + "task: classification\nmodel: {name: svm}\nevaluate: {metrics: [mae]}\n", "mae"),
    ],
)
def test_the_json_schema_refuses(text, said):
    assert any(said in message for message in schema_problems(text))


def test_the_json_schema_knows_the_parameters_of_each_model(monkeypatch):
    table = {
        "svm": {
            "classification": {"C": {"default": 1.0, "allowed": "a number above 0"}},
            "regression": {"epsilon": {"default": 0.1}},
        }
    }
    monkeypatch.setattr(registry, "_parameters", lambda: table)
    assert schema_problems(BASIC + "model: {name: svm, params: {C: 1, epsilon: 2}}\n") == []
    assert schema_problems(BASIC + "model: {name: dummy, params: {c: 1}}\n") == []
    assert any(
        "'c' was unexpected" in message for message in schema_problems(BASIC + "model: {name: svm, params: {c: 1}}\n")
    )
    rule = config_json_schema()["properties"]["model"]["allOf"][0]["then"]["properties"]["params"]
    assert rule["properties"]["C"] == {"description": "a number above 0", "default": 1.0}


def test_the_json_schema_is_one_and_describes_every_key():
    schema = config_json_schema()
    Draft202012Validator.check_schema(schema)
    json.dumps(schema, allow_nan=False)
    for key, section in walk_sections():
        node = schema
        for part in key:
            node = node["properties"][part]
        for name, field in section.model_fields.items():
            assert node["properties"][name]["description"] == field.description
            if not field.is_required() and section_of(field) is None:
                assert "default" in node["properties"][name]


def test_every_config_of_the_project_keeps_the_json_schema():
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        assert schema_problems(path.read_text(encoding="utf-8")) == [], path.name


def test_the_reference_in_the_docs_is_that_of_the_classes():
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == render_reference(), (
        "write it anew: python -m mlcli.config.reference > docs/config.md"
    )


def test_the_reference_names_every_key_with_its_meaning():
    text = render_reference()
    for key, section in walk_sections():
        assert f"## `{join_key(key)}`" in text or not key
        for name, field in section.model_fields.items():
            assert f"| `{name}` |" in text
            assert field.description.replace("|", "\\|") in text
