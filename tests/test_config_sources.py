"""What stands in other places than the file: its base, the environment, the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.config.environment import escape, expand
from mlcli.config.load import load_config
from mlcli.config.tree import Leaf, Place
from mlcli.errors import ConfigError

SMALL = "data: {path: a.csv, target: y}\nmodel: {name: svm}\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write files, by name, into the working folder, and load the first."""
    monkeypatch.chdir(tmp_path)

    def files(*overrides, environ=None, **texts):
        paths = []
        for name, text in texts.items():
            path = Path(name.replace("__", "/") + ".yaml")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            paths.append(path)
        return load_config(paths[0], overrides=overrides, environ=environ or {})

    return files


def told(call, *args, **kwargs):
    """Return the problems that `call` raises."""
    with pytest.raises(ConfigError) as caught:
        call(*args, **kwargs)
    assert caught.value.hint
    return list(caught.value.problems)


# extends


def test_a_file_is_laid_upon_the_one_it_extends(files):
    loaded = files(
        configs__child="extends: ../shared/base.yaml\ndata: {target: z, drop: [c]}\nmodel: {params: {C: 2}}\n",
        shared__base="extends: root.yaml\nmodel: {name: svm, params: {kernel: linear}}\n",
        shared__root="data: {path: a.csv, target: y, drop: [a, b]}\nmodel: {params: {C: 1}}\nname: root\n",
    )
    config = loaded.config
    assert config.name == "root"
    assert config.data.drop == ("c",)
    assert config.model.params == {"C": 2, "kernel": "linear"}
    assert loaded.place("data.target") == "configs/child.yaml:2:16: data.target"
    assert loaded.place("model.params.kernel") == "shared/base.yaml:2:37: model.params.kernel"
    assert loaded.place("data.path") == "shared/root.yaml:1:14: data.path"
    assert loaded.place("data.weight") == "configs/child.yaml: data.weight"


def test_paths_of_a_base_stay_relative_to_it(files):
    loaded = files(
        configs__child="extends: ../shared/base.yaml\n",
        shared__base=(
            "data: {path: ['d/*.csv', '/abs/x.csv', ../up.csv], target: y}\nmodel: {name: svm}\noutput: runs\n"
            "split: {method: files, test_path: t.csv}\n"
        ),
    )
    assert loaded.base == Path("configs")
    assert loaded.config.data.path == ("../shared/d/*.csv", "/abs/x.csv", "../up.csv")
    assert loaded.config.split.test_path == "../shared/t.csv"
    assert loaded.config.output == "../shared/runs"


def test_paths_of_a_base_in_the_same_folder_are_left_as_they_are(files):
    loaded = files(child="extends: ./base.yaml\n", base=SMALL.replace("a.csv", "./x/../a.csv"))
    assert loaded.config.data.path == "./x/../a.csv"


def test_parameters_of_another_model_are_not_inherited(files):
    base = SMALL.replace("svm", "svm, params: {C: 1}, random_state: 7")
    config = files(child="extends: base.yaml\nmodel: {name: dummy}\n", base=base).config
    assert config.model.params == {}
    assert config.model.random_state == 7
    assert files(child="extends: base.yaml\nmodel: {name: svm}\n", base=base).config.model.params == {"C": 1}


def test_a_problem_of_the_base_is_told_there_and_after_those_of_the_file(files):
    assert told(files, child="extends: base.yaml\nsplit: {cv: x}\n", base=SMALL + "zzz: 1\n") == [
        "child.yaml:2:13: split.cv: must be a whole number at least 0 and at most 100. Got 'x'",
        "base.yaml:3:1: zzz: unknown key. Known: name, task, output, data, split, preprocess, model, calibrate, threshold, tune, evaluate, serve, track, extends",
    ]


@pytest.mark.parametrize(
    ("child", "said"),
    [
        ("extends: bsae.yaml", "child.yaml:1:10: extends: bsae.yaml does not exist."),
        (
            "extends: child.yaml",
            "child.yaml:1:10: extends: must not lead back to itself. Got child.yaml -> child.yaml.",
        ),
        ("extends: [base.yaml]", "child.yaml:1:10: extends: must be the path of one config file"),
        ("extends: ", "child.yaml:1:1: extends: must be the path of one config file"),
        ('extends: "a\\0b"', "child.yaml:1:10: extends: must be the path of one config file"),
        ("extends: ${NOPE}", "child.yaml:1:10: extends: the environment variable 'NOPE' is not set"),
        ("extends: .", "child.yaml:1:10: extends: must be the path"),
        ("data: {extends: base.yaml}", "child.yaml:1:8: data.extends: unknown key"),
    ],
)
def test_an_extends_that_names_no_file_is_told_at_its_place(files, child, said):
    assert any(line.startswith(said) for line in told(files, child=child + "\n", base=SMALL))


def test_a_circle_of_files_is_refused(files):
    assert "a.yaml -> b.yaml -> a.yaml" in told(files, a="extends: b.yaml\n", b="extends: ./x/../a.yaml\n")[0]


def test_a_chain_that_is_too_long_is_refused(files):
    texts = {f"c{n}": f"extends: c{n + 1}.yaml\n" for n in range(12)}
    assert "must chain at most 10 files" in told(files, **texts)[0]


# the environment


def test_variables_are_put_into_texts(files):
    text = SMALL.replace("a.csv", "'${FOLDER}/${NAME:-x}.csv'")
    assert files(c=text, environ={"FOLDER": "/d"}).config.data.path == "/d/x.csv"
    assert files(c=text, environ={"FOLDER": "/d", "NAME": "n"}).config.data.path == "/d/n.csv"
    assert files(c=text, environ={"FOLDER": "/d", "NAME": ""}).config.data.path == "/d/x.csv"


def test_a_plain_scalar_that_is_one_variable_is_read_again(files):
    text = SMALL.replace("{name: svm}", "\n  name: ${MODEL}\n  params:\n    C: ${C}\n    gamma: '${C}'\n")
    config = files(c=text, environ={"MODEL": "svm", "C": "0.5"}).config
    assert config.model.name == "svm"
    assert config.model.params == {"C": 0.5, "gamma": "0.5"}


def test_what_is_put_in_never_becomes_structure(files):
    text = SMALL + "output: ${X}\n"
    for value in ("[a, b]", "{a: b}", "a\nsplit: {cv: 5}", "*x", "!!python/name:os.system x", "${Y}"):
        config = files(c=text, environ={"X": value, "Y": "no"}).config
        assert config.output == value
        assert config.split.cv == 0


def test_an_unset_variable_is_told_once_with_its_place(files):
    assert told(files, c=SMALL + "split:\n  cv: ${FOLD}\n", environ={"FOLDS": "5"}) == [
        (
            "c.yaml:4:7: split.cv: the environment variable 'FOLD' is not set - did you mean 'FOLDS'? Else set it, "
            "or write ${FOLD:-default}"
        )
    ]


@pytest.mark.parametrize("text", ["${}", "${1}", "${A", "${A B}", "${A:=x}"])
def test_a_malformed_variable_is_told(files, text):
    assert "'${' must start ${NAME}" in told(files, c=SMALL + f"output: '{text}'\n", environ={"A": "x"})[0]


def test_a_secret_is_not_shown_when_it_is_wrong(files):
    lines = told(files, c=SMALL + "split:\n  method: ${M}\n  cv: ${N}\n", environ={"M": "hunter2", "N": "hunter2"})
    assert lines == [
        "c.yaml:4:11: split.method: must be one of random, time, group, hash, column, files. Got text from ${M}",
        "c.yaml:5:7: split.cv: must be a whole number at least 0 and at most 100. Got text from ${N}",
    ]


def test_what_stood_before_the_environment_was_put_in_is_kept(files):
    text = "data:\n  url: ${DB}\n  query: select 1\n  target: y\nmodel: {name: dummy}\n"
    loaded = files(c=text, environ={"DB": "sqlite:///x"})
    assert loaded.written == {"data.url": "${DB}"}


def test_a_path_from_the_environment_in_a_base_is_kept_relative_to_the_file(files):
    loaded = files(
        child="extends: sub/base.yaml\n", sub__base=SMALL.replace("a.csv", "'${D}/a.csv'"), environ={"D": "d"}
    )
    assert loaded.config.data.path == "sub/d/a.csv"
    assert loaded.written == {"data.path": "sub/${D}/a.csv"}


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="$a{}:-", max_size=12))
def test_an_escaped_text_is_what_it_was(text):
    problems = []
    leaf = Leaf(escape(text), "", plain=False, place=Place("f"))
    assert expand(leaf, {"a": "value"}, problems).value == text
    assert problems == []


# --set


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("model.params.C=0.1", 0.1),
        ("model.params.C=1e-3", 0.001),
        ("model.params.C='1'", "1"),
        ("model.params.C=yes", "yes"),
        ("model.params.C=true", True),
        ("model.params.C=", None),
        ("model.params.C= a b ", "a b"),
        ("model.params.C=a: b", "a: b"),
        ("model.params.C=#1", "#1"),
        ("model.params.C=a #b", "a #b"),
        ("model.params.C=*.csv", "*.csv"),
        ("model.params.C=!!python/name:os.system", "!!python/name:os.system"),
        ("model.params.C=a=b", "a=b"),
        ("model.params.C=[1, {a: b}]", [1, {"a": "b"}]),
        ("model.params={C: 3}", 3),
        ("model={name: svm, params: {C: 4}}", 4),
        ('"model"."params"."C"=5', 5),
        ("model.params.C=${X}", 6),
        ("model.params.C=$${X}", "${X}"),
    ],
)
def test_an_override_sets_a_value(files, override, value):
    loaded = files(override, c=SMALL, environ={"X": "6"})
    assert loaded.config.model.params["C"] == value
    assert loaded.place("model.params.C") == f"`--set {override}`: model.params.C"


def test_the_last_override_wins(files):
    assert files("split.cv=3", "split.cv=5", c=SMALL).config.split.cv == 5


def test_an_override_wins_over_what_the_file_got_wrong(files):
    assert files("split.cv=3", c=SMALL + "split: {cv: x}\n").config.split.cv == 3
    assert files("split.cv=3", c=SMALL + "split: x\n").config.split.cv == 3


def test_an_override_may_name_a_column_with_dots_and_signs(files):
    columns = files(
        "data.columns.a.b=text", 'data.columns."c=d"=date', "data.columns.Größe $ (1)=number", c=SMALL
    ).config.data.columns
    assert columns == {"a.b": "text", "c=d": "date", "Größe $ (1)": "number"}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.parms.C=x", "`--set model.parms.C=x`: model.parms: unknown key - did you mean 'params'?"),
        ("split.test_size=high", "split.test_size: must be a number above 0 and below 1. Got 'high'"),
        ("target=x", "target: unknown key - it belongs under 'data'"),
        ("task.x=1", "task: must be one of classification, regression. Got a mapping"),
        ("model.name=svn", "model.name: unknown model 'svn' - did you mean 'svm'?"),
        ("extends=x", "extends: can be given in a file only"),
        ("foo", "must read KEY=VALUE, such as model.params.C=0.1. Got no '='"),
        ("=3", "must read KEY=VALUE"),
        ("a..b=1", "must read KEY=VALUE"),
        ('data."a=1', "its quote is not closed"),
        ("data.drop=[a", "the value must be YAML; the '[' opened at line 1, column 1"),
        ("data.drop=[a] b", "the value must be YAML"),
        ("data.drop=[!!python/name:os.system a]", "the tag !!python/name:os.system is not allowed"),
        ("data.drop={a: 1, a: 2}", "duplicate key"),
        ("data.target=${NOPE}", "data.target: the environment variable 'NOPE' is not set"),
        ("data.target=\udc80", "must be valid UTF-8"),
    ],
)
def test_a_wrong_override_is_told_by_its_text(files, override, said):
    lines = told(files, override, c=SMALL)
    assert all(line.startswith(f"`--set {override}`: ") for line in lines)
    assert said in lines[0]
