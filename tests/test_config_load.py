"""A config file becomes a `Config`, or every problem is told with its place."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from mlcli import registry
from mlcli.config.fields import section_of, walk_sections
from mlcli.config.json_schema import config_json_schema
from mlcli.config.load import load_config, name_of
from mlcli.config.sections import Config
from mlcli.errors import ConfigError

CONFIGS = Path(__file__).parents[1] / "configs"

SMALL = "data: {path: a.csv, target: y}\nmodel: {name: dummy}\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a text as the config ``c.yaml``, named without its folder."""
    monkeypatch.chdir(tmp_path)

    def load(text, *overrides, environ=None):
        Path("c.yaml").write_text(text, encoding="utf-8")
        return load_config(Path("c.yaml"), overrides=overrides, environ=environ or {})

    return load


@pytest.fixture
def problems(load):
    """Return the problems of a text."""

    def problems(text, *overrides, environ=None):
        with pytest.raises(ConfigError) as caught:
            load(text, *overrides, environ=environ)
        assert str(caught.value) == "\n".join(caught.value.problems)
        assert caught.value.hint
        return list(caught.value.problems)

    return problems


def test_a_small_config_is_completed_with_the_defaults(load):
    loaded = load(SMALL)
    assert loaded.config == Config.model_validate(
        {"name": "c", "data": {"path": "a.csv", "target": "y"}, "model": {"name": "dummy"}}
    )
    assert loaded.path == Path("c.yaml")
    assert loaded.base == Path()


def test_a_loaded_config_is_frozen(load):
    with pytest.raises(FrozenInstanceError):
        load(SMALL).path = Path("other")


def test_a_database_address_is_not_shown(load):
    loaded = load("data: {url: 'sqlite:///secret.db', query: select 1, target: y}\nmodel: {name: dummy}\n")
    assert loaded.config.data.url == "sqlite:///secret.db"
    assert "secret" not in repr(loaded)


def test_lists_become_tuples_and_whole_numbers_serve_as_numbers(load):
    text = SMALL.replace("target: y", "target: y, drop: [a, b]") + "evaluate: {gates: {f1: 1}}\n"
    config = load(text).config
    assert config.data.drop == ("a", "b")
    assert config.evaluate.gates == {"f1": 1.0}


def test_all_problems_are_told_at_once_with_their_places(problems):
    text = """\
target: x
task: clasification
data:
  path: 3
  columns: {purpose: categorical}
  drop: [1, a]
  id: a
split: {test_size: 1.5, stratify: yes, columns: x}
preprocess:
  number:
    impute: medain
    scal: standard
model:
  name: logistc_regression
  class_weight: {a: -1, b: x}
evaluate:
  metrics: [acuracy]
  gates: {f1: high}
"""
    assert problems(text) == [
        "c.yaml:1:1: target: unknown key - it belongs under 'data'",
        (
            "c.yaml:2:7: task: must be one of classification, regression. Got 'clasification' - "
            "did you mean 'classification'?"
        ),
        "c.yaml:3:1: data.target: is missing. It must be given: the column to predict",
        "c.yaml:4:9: data.path: must be text or a list of texts. Got 3 - write '3' in quotes",
        (
            "c.yaml:5:22: data.columns.purpose: must be one of number, category, boolean, text, date, ignore. "
            "Got 'categorical' - did you mean 'category'?"
        ),
        "c.yaml:6:10: data.drop: item 1 must be text. Got 1 - write '1' in quotes",
        "c.yaml:7:7: data.id: must be a list of texts. Got 'a' - write [a]",
        "c.yaml:8:20: split.test_size: must be a number above 0 and below 1. Got 1.5",
        "c.yaml:8:35: split.stratify: must be true or false. Got 'yes' - YAML 1.2 reads 'yes' as text - write true",
        "c.yaml:8:40: split.columns: unknown key - did you mean 'column'? ('columns' belongs under 'data')",
        (
            "c.yaml:11:13: preprocess.number.impute: must be one of auto, median, mean, zero, none. "
            "Got 'medain' - did you mean 'median'?"
        ),
        "c.yaml:12:5: preprocess.number.scal: unknown key - did you mean 'scale'?",
        "c.yaml:14:9: model.name: unknown model 'logistc_regression' - did you mean 'logistic_regression'?",
        "c.yaml:15:21: model.class_weight.a: must be a number at least 0. Got -1",
        "c.yaml:15:28: model.class_weight.b: must be a number at least 0. Got 'x'",
        "c.yaml:17:13: evaluate.metrics: unknown metric 'acuracy' - did you mean 'accuracy'?",
        "c.yaml:18:15: evaluate.gates.f1: must be a number. Got 'high'",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("split: {stratify: off}", "YAML 1.2 reads 'off' as text - write false"),
        ("split: {stratify: 'true'}", "Got 'true' - write true without quotes"),
        ("split: {test_size: '0.3'}", "Got '0.3' - write 0.3 without quotes"),
        ("split: {random_state: 1_000}", "YAML 1.2 reads '1_000' as text - write 1000"),
        ("split: {random_state: 007}", "YAML 1.2 reads '007' as text - write 7"),
        (
            "split: {random_state: 1.0}",
            "must be a whole number at least 0 and at most 2,147,483,647. Got 1.0 - write 1",
        ),
        ("split: {random_state: -1}", "must be a whole number at least 0 and at most 2,147,483,647. Got -1"),
        ("split: {cv: 101}", "must be a whole number at least 0 and at most 100. Got 101"),
        ("split: {test_size: .nan}", "must be a number above 0 and below 1. Got .nan"),
        ("split: {test_size: }", "must be a number above 0 and below 1. Got nothing"),
        ("split: {cv: 1}", "'cv' must be 0 or at least 2"),
        ("split: {method: time}", "method 'time' needs 'column'"),
        ("split: 3", "must be a mapping of keys, such as split: {...}. Got 3"),
        ("preprocess: {number: {impute: }}", "Got nothing - did you mean 'none'?"),
        ("preprocess: {date: {parts: [year, dya]}}", "item 2 must be one of year"),
        ("name: ..", "starts with a letter or digit"),
        ("name: a/b", "starts with a letter or digit"),
        ("output: [a]", "must be text. Got a list"),
    ],
)
def test_a_wrong_value_is_told_with_what_to_write(problems, line, said):
    told = problems(SMALL + line + "\n")
    assert len(told) == 1
    assert said in told[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("target: y", "c.yaml:1:1: data: needs either 'path' or 'url' with 'query'"),
        ("target: y, path: a, drop: [y]", "c.yaml:1:34: data.drop: must not name the target 'y'"),
        ("target: y, path: a, weight: y", "c.yaml:1:36: data.weight: must not name the target 'y'"),
        ("target: y, path: a, separator: '||'", "c.yaml:1:39: data.separator: must be one character. Got '||'"),
        ("target: 2019, path: a", "c.yaml:1:16: data.target: must be text. Got 2019 - write '2019' in quotes"),
        ("target: y, path: [a, [b]]", "c.yaml:1:29: data.path: item 2 must be text. Got a list"),
    ],
)
def test_a_wrong_data_section_is_told_at_its_key(problems, data, said):
    assert [line.replace("1:7:", "1:1:") for line in problems(f"data: {{{data}}}\nmodel: {{name: dummy}}\n")] == [said]


def test_a_section_whose_keys_are_all_commented_out_has_its_defaults(load):
    text = SMALL + "preprocess:\n  number:\n    # impute: mean\nsplit:\nevaluate:\n  metrics:\n  gates:\n"
    assert load(text).config == load(SMALL).config


def test_an_empty_required_section_lacks_its_keys(problems):
    assert problems("data:\nmodel: {name: dummy}\n") == [
        "c.yaml:1:1: data: is missing. It must be given: where the rows come from and what their columns mean"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task: regression\nmodel: {name: logistic_regression}", "'logistic_regression' is for classification"),
        ("task: classification\nmodel: {name: ridge}", "'ridge' is for regression, and task is classification"),
        ("task: regression\nmodel: {name: ridge}\nevaluate: {metrics: [f1]}", "'f1' is a metric of classification"),
        (
            "model: {name: ridge}\nevaluate: {gates: {rsme: 1}}",
            "evaluate.gates.rsme: unknown metric 'rsme' - did you mean 'rmse'?",
        ),
        (
            "model: {name: ridge}\nevaluate: {tolerances: {rsme: 1}}",
            "evaluate.tolerances.rsme: unknown metric 'rsme' - did you mean 'rmse'?",
        ),
        (
            "model: {name: ridge}\nevaluate: {tolerances: {mae: -1}}",
            "evaluate.tolerances.mae: must be a number at least 0",
        ),
        ("model: {name: ridge}\nevaluate: {metrics: [mae, mae]}", "must name each metric once"),
        ("task: regression\nmodel: {name: ridge, class_weight: balanced}", "model.class_weight: is for classification"),
        ("model: {name: 'os:system'}", "unknown model 'os:system'. Known: dummy"),
        ("model: {name: sklearn.svm.SVC}", "unknown model 'sklearn.svm.SVC'"),
    ],
)
def test_a_name_that_does_not_fit_is_told(problems, text, said):
    told = problems("data: {path: a.csv, target: y}\n" + text + "\n")
    assert len(told) == 1
    assert said in told[0]


@pytest.fixture
def recorded(monkeypatch):
    """Record the parameters of one model, whatever the packaged table holds."""
    table = {"svm": {"classification": {"C": {"default": 1.0}, "kernel": {"default": "rbf"}}, "regression": {"C": {}}}}
    monkeypatch.setattr(registry, "_parameters", lambda: table)


@pytest.mark.usefixtures("recorded")
def test_a_parameter_that_the_model_lacks_is_told(load, problems):
    text = "data: {path: a.csv, target: y}\nmodel: {name: svm, params: {c: 1, kernel: rbf, random_state: 0, zzz: 1}}\n"
    assert problems(text) == [
        "c.yaml:2:29: model.params.c: unknown parameter of svm - did you mean 'C'?",
        "c.yaml:2:48: model.params.random_state: unknown parameter of svm - it belongs under 'model'",
        "c.yaml:2:65: model.params.zzz: unknown parameter of svm. Known: C, kernel",
    ]
    assert load(text.replace("c: 1", "C: 1").replace(", random_state: 0, zzz: 1", "")).config.model.params["C"] == 1


@pytest.mark.usefixtures("recorded")
def test_parameters_are_those_of_the_task(problems):
    text = "task: regression\ndata: {path: a.csv, target: y}\nmodel: {name: svm, params: {kernel: rbf}}\n"
    assert problems(text) == ["c.yaml:3:29: model.params.kernel: unknown parameter of svm. Known: C"]


@pytest.mark.usefixtures("recorded")
def test_parameters_of_a_model_that_was_overridden_are_told_with_a_way_out(load):
    text = SMALL.replace("dummy", "dummy, params: {strategy: prior}")
    with pytest.raises(ConfigError, match="strategy: unknown parameter of svm") as caught:
        load(text, "model.name=svm")
    assert "--set model.params={}" in caught.value.hint
    assert load(text, "model.name=svm", "model.params={}").config.model.params == {}


@pytest.mark.usefixtures("recorded")
def test_parameters_of_a_model_without_a_record_are_not_checked(load):
    assert load(SMALL.replace("dummy", "dummy, params: {anything: [1, {a: b}]}")).config.model.params == {
        "anything": [1, {"a": "b"}]
    }


def test_the_packaged_parameters_are_of_models_and_tasks_in_the_catalogue():
    for name, entry in registry.MODELS.items():
        for task in ("classification", "regression"):
            table = registry.model_parameters(name, task)
            assert table is None or task in entry.tasks
            assert table is None or all(isinstance(about, dict) for about in table.values())
    assert registry.model_parameters("no such model", "regression") is None


WRONG = {
    "a mapping": '{"a": {"b": 1}}',
    "a list of lists": "[[1]]",
    "a list of texts": '["zzz"]',
    "a number": "3.5",
    "a negative": "-7",
    "a huge number": "100000000000000000000",
    "a text": "zzz",
    "an empty text": '""',
    "nothing": "null",
    "true": "true",
    "infinity": ".inf",
}
KEYS = [
    (*key, name)
    for key, section in walk_sections()
    for name, field in section.model_fields.items()
    if section_of(field) is None or key or name in {"split", "preprocess", "evaluate"}
]


@pytest.fixture(scope="module")
def validator():
    """Judge by the JSON Schema."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(config_json_schema())


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_whatever_stands_at_a_key_is_taken_or_told_in_our_words_and_the_schema_agrees(key, tmp_path, validator):
    foreign = ("Input should", "Extra inputs", "Field required", "Value error", "_type", "pydantic", "validation")
    path = tmp_path / "c.yaml"
    for what, text in WRONG.items():
        document = {"data": {"path": "a.csv", "target": "y"}, "model": {"name": "dummy"}}
        above = document
        for part in key[:-1]:
            above = above.setdefault(part, {})
        above[key[-1]] = float("inf") if text == ".inf" else (json.loads(text) if text != "zzz" else text)
        path.write_text(json.dumps(document).replace("Infinity", ".inf"), encoding="utf-8")
        told = ()
        try:
            load_config(path, environ={})
        except ConfigError as error:
            told = error.problems
        assert not any(word in line for line in told for word in foreign), (what, told)
        assert all(f": {'.'.join(key[:1])}" in line for line in told), (what, told)
        of_type = [line for line in told if ": must be " in line or "item 1 must be" in line or ": unknown" in line]
        if what != "infinity" and "starts with a letter" not in str(told):
            assert validator.is_valid(document) == (not of_type), (what, told)


def test_no_text_anywhere_runs_or_imports_anything(load, tmp_path):
    marker = tmp_path / "ran"
    evil = [
        f"__import__('os').system('touch {marker}')",
        f"!!python/object/apply:os.system ['touch {marker}']",
    ]
    for text in evil:
        for key in KEYS:
            for written in (json.dumps(text), text):
                try:
                    load(SMALL, f"{'.'.join(key)}={written}")
                except ConfigError:
                    continue
    with pytest.raises(ConfigError, match="the tag"):
        load(f"data: !!python/object/apply:os.system ['touch {marker}']\n")
    assert not marker.exists()


def test_a_missing_file_is_told_with_its_neighbours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    with pytest.raises(ConfigError, match=r"^configs/credti.yaml does not exist") as caught:
        load_config(Path("configs/credti.yaml"), environ={})
    assert "mlcli init" in caught.value.hint
    Path("configs/credit.yaml").write_text(SMALL)
    for name in ("credti.yaml", "credit", "credit.yml"):
        with pytest.raises(ConfigError) as caught:
            load_config(Path("configs") / name, environ={})
        assert caught.value.hint == "Did you mean configs/credit.yaml?"
    with pytest.raises(ConfigError) as caught:
        load_config(Path("configs/other.yaml"), environ={})
    assert caught.value.hint == "There are: configs/credit.yaml"
    with pytest.raises(ConfigError, match="Got a folder") as caught:
        load_config(Path("configs"), environ={})
    assert "configs/credit.yaml" in caught.value.hint
    with pytest.raises(ConfigError, match="does not exist") as caught:
        load_config(Path("nowhere/credit.yaml"), environ={})
    assert caught.value.hint == "The folder nowhere does not exist."


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: File name too long"):
        load_config(tmp_path / ("x" * 300), environ={})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (SMALL.encode("utf-16"), "must be UTF-8. Got UTF-16"),
        ("name: a\ndata: {target: größe}".encode("latin-1"), "c.yaml:2:18: must be UTF-8. Got the byte 0xf6"),
        (b"#" * (1024 * 1024 + 1), "must be at most 1 MiB"),
    ],
)
def test_a_file_that_is_no_config_text_is_refused(tmp_path, content, said):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "c.yaml", environ={})
    assert said in str(caught.value)
    assert caught.value.hint


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path):
    (tmp_path / "c.yaml").write_text(SMALL, encoding="utf-8-sig")
    assert load_config(tmp_path / "c.yaml", environ={}).config.data.target == "y"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("credit.yaml", "credit"),
        ("模型 1.yaml", "模型 1"),
        ("a(1)#b.yaml", "a-1--b"),
        ("...yaml", "config"),
        ("²", "config"),
    ],
)
def test_a_config_without_a_name_is_called_by_its_file(file, name):
    assert name_of(Path("x") / file) == name
    Config.model_validate({"name": name, "data": {"path": "a", "target": "y"}, "model": {"name": "dummy"}})


def test_so_many_problems_are_cut_off(problems):
    told = problems(SMALL + "".join(f"unknown{n}: 1\n" for n in range(150)))
    assert len(told) == 101
    assert told[-1] == "... and 50 more problems"


def test_every_config_of_the_project_loads():
    for path in sorted(CONFIGS.glob("*.yaml")):
        assert load_config(path, environ={}).config.name


def test_loading_imports_no_heavy_library(tmp_path):
    (tmp_path / "c.yaml").write_text(SMALL + "task: classification\nevaluate: {metrics: [f1]}\n")
    program = (
        "import sys; from pathlib import Path; from mlcli.config.load import load_config\n"
        "from mlcli.config.json_schema import config_json_schema; config_json_schema()\n"
        "load_config(Path(sys.argv[1]), environ={}); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "c.yaml")], capture_output=True, text=True, check=True
    )
    imported = {module.partition(".")[0] for module in done.stdout.split()}
    assert not imported & {"sklearn", "pandas", "numpy", "pyarrow", "scipy", "skops", "rich", "typer"}
