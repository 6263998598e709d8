"""What --json prints: every document holds its own published schema, and a change of it is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import jsonschema
import pytest
from cli_samples import GOOD, command_lines, desk, trained_run
from msgspec.structs import fields

from mlcli.cli.boundary import run
from mlcli.cli.documents.document import Document, given, version_of
from mlcli.cli.documents.json_schema import document_schema
from mlcli.cli.documents.table import DOCUMENTS, document_class
from mlcli.errors import ConfigError

GOLDEN = Path(__file__).parent / "documents"
NAMES = list(DOCUMENTS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def at(tmp_path, trained):
    return desk(tmp_path, trained=trained)


@pytest.fixture
def lines(at):
    """A command line that prints each document."""
    words = command_lines(at)
    good = str(at.folder / "good.csv")
    return {
        **{name: words[name] for name in NAMES if name in words},
        "check-config": [*words["check"], "--no-data"],
        "check-drift": ["check", "--against", str(at.trained), good],
        "models": ["models"],
        "model": words["models"],
        "runs-prune": words["runs prune"],
        "error": ["train", "--config", str(at.folder / "none.yaml")],
    }


def not_json(text):
    raise AssertionError(f"{text} is not JSON")


def printed(words, capsys, *, code=0):
    """Return the one document that a command prints; NaN and infinity are none of JSON."""
    assert run([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out, parse_constant=not_json)


def check_of(name):
    return jsonschema.Draft202012Validator(document_schema(name))


def own_check(document):
    """Return what holds a document against the schema that it names."""
    return check_of(document["document"])


# Every document against its schema


@pytest.mark.parametrize("name", NAMES)
def test_a_document_begins_with_its_name_and_version_and_is_what_its_schema_says(name, lines, capsys):
    document = printed(lines[name], capsys, code=2 if name == "error" else 0)

    assert next(iter(document)) == "document"
    assert document["document"] == version_of(document_class(name))
    assert document["document"].split("/")[0] == name
    check_of(name).validate(document)


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_a_wrong_type_or_that_is_missing_is_refused_and_a_new_one_is_not(name, lines, capsys):
    document = printed(lines[name], capsys, code=2 if name == "error" else 0)
    check = check_of(name)

    check.validate({**document, "later": {"than": "this version"}})
    for field in document:
        for wrong in ({"odd": 1}, [[["odd"]]]):
            assert not check.is_valid({**document, field: wrong}), f"{field}: {wrong}"
        assert not check.is_valid({key: value for key, value in document.items() if key != field}), field


def test_a_wrong_type_deep_in_a_document_is_refused(lines, capsys):
    document = printed(lines["evaluate"], capsys)
    text = deepcopy(document)
    text["evaluation"]["metrics"][0]["value"] = "0.9"
    undefined = deepcopy(document)
    undefined["evaluation"]["metrics"][0]["value"] = None

    assert not own_check(document).is_valid(text)
    assert own_check(document).is_valid(undefined), "a metric may be undefined"


def test_a_document_of_another_version_is_refused(lines, capsys):
    document = printed(lines["runs"], capsys)

    assert not check_of("runs").is_valid({**document, "document": "runs/2"})


MORE = {
    "train a regression": ["train", "--set", "data.target=age", "--set", "split.random_state=1"],
    "train with a search": ["train", "--set", "model.name=ridge", "--set", "data.target=age", "--set", "tune.trials=2"],
    "train a choice": ["train", "--set", "model=[dummy,logistic_regression]", "--set", "split.random_state=2"],
    "train with a decision": [
        "train", "--set", "model.name=logistic_regression", "--set", "calibrate.method=sigmoid",
        "--set", "threshold.optimize=f1",
    ],
    "train with folds": ["train", "--set", "split.cv=3", "--set", "model.name=logistic_regression"],
}  # fmt: skip
"""Trainings whose documents hold what the plainest does not."""


@pytest.mark.parametrize("words", MORE.values(), ids=list(MORE))
def test_what_else_a_training_has_to_tell_is_in_its_schema_and_in_those_behind_it(words, at, capsys):
    config = at.config()
    document = printed([*words, "--config", config], capsys)
    own_check(document).validate(document)

    model = ["--artifact", document["run"]]
    for behind in (
        ["evaluate", *model, "--data", str(at.folder / "good.csv"), "--baseline", document["run"]],
        ["report", *model, "--output", str(at.folder / "r.html"), "--card"],
        ["inspect", document["run"]],
        ["runs", str(at.folder / "runs")],
    ):
        told = printed(behind, capsys)
        own_check(told).validate(told)


def test_the_parts_that_may_be_left_out_were_there(at, capsys):
    """Else the test above could not fail for them."""
    config = at.config()

    assert "leaderboard" in printed([*MORE["train a choice"], "--config", config], capsys)
    assert "tuning" in printed([*MORE["train with a search"], "--config", config], capsys)
    judged = ["evaluate", "-a", str(at.trained), "--data", str(at.folder / "good.csv"), "--baseline", str(at.trained)]
    assert {"compared", "drift"} <= set(printed(judged, capsys))


def test_where_a_run_is_tracked_is_in_the_schema_too(lines, capsys):
    document = printed(lines["train"], capsys)
    tracked = {"server": "http://localhost:5000", "experiment": "demo", "run_id": "1"}

    own_check(document).validate({**document, "tracked": tracked})
    assert not own_check(document).is_valid({**document, "tracked": {**tracked, "run_id": 1}})


def test_two_models_that_differ_in_all_hold_the_schema_too(at, capsys):
    header, *rows = GOOD.splitlines()
    lines = [f"{header},branch", *(f"{row.replace('Oslo', 'Riga')},{n % 3}" for n, row in enumerate(rows))]
    both = at.put("both.csv", "\n".join(lines))
    config = at.config("both.csv", model="random_forest", params="  params: {n_estimators: 5}\n")
    other = printed(["train", "--config", config], capsys)["run"]

    document = printed(["compare", str(at.trained), other, "--data", both], capsys)

    own_check(document).validate(document)
    assert document["config"]
    assert document["schema"]["added"] == ["branch"]
    assert document["schema"]["levels"]
    assert any("old" not in change or "new" not in change for change in document["config"])


def test_a_damaged_run_is_told_within_the_schema(at, capsys):
    run_ = Path(printed(["train", "--config", at.config()], capsys)["run"])
    (run_ / "model.mlcli").write_bytes(b"no model")

    document = printed(["runs", str(run_.parent)], capsys)

    own_check(document).validate(document)
    assert document["folders"][0]["runs"][0]["problem"]


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        pytest.param(["train", "--confg", "x"], 2, "UsageError", id="a mistyped option"),
        pytest.param(["inspect", "none"], 4, "ArtifactError", id="no artifact"),
        pytest.param(["models", "rigde"], 2, "ConfigError", id="no such model"),
    ],
)
def test_an_error_is_a_document_of_its_own_whatever_the_command(words, code, kind, capsys):
    document = printed(words, capsys, code=code)

    check_of("error").validate(document)
    assert document["error"]["exit_code"] == code
    assert document["error"]["kind"] == kind


def test_an_error_about_a_name_that_is_no_utf_8_is_a_document_still():
    done = subprocess.run(
        [sys.executable, "-m", "mlcli", "inspect", b"no\xff", "--json"], capture_output=True, check=False
    )

    document = json.loads(done.stdout.decode("utf-8"))
    check_of("error").validate(document)
    assert done.returncode == document["error"]["exit_code"] == 4
    assert document["error"]["problems"][0].startswith("no? must be")


# The schemas


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_explains_every_field(name):
    schema = document_schema(name)

    jsonschema.Draft202012Validator.check_schema(schema)
    known, _, version = version_of(document_class(name)).partition("/")
    assert schema["$id"] == f"mlcli:{known}:{version}"
    assert schema["title"]
    for title, node in {name: schema, **schema.get("$defs", {})}.items():
        assert node["description"].endswith("."), title
        assert node["type"] == "object"
        for field, about in node["properties"].items():
            assert about.get("description", "").endswith((".", "...")), f"{title}.{field}"
            assert "None" not in about["description"].split(), f"{title}.{field}: JSON has null"


def test_every_document_is_in_the_table_once():
    classes = [document_class(name) for name in NAMES]

    assert set(Document.__subclasses__()) == set(classes)
    assert [version_of(kind).split("/")[0] for kind in classes] == NAMES
    assert all(version_of(kind).split("/")[1].isdecimal() for kind in classes)


def test_the_commands_of_the_table_are_those_with_json(at):
    from test_cli_contract import KEYS

    assert {entry.command.removeprefix("mlcli ").split(" -")[0].removesuffix(" NAME") for entry in DOCUMENTS.values()} == {
        *KEYS, "any command that fails",
    }  # fmt: skip


def test_a_value_that_is_not_there_leaves_its_field_out():
    assert given(0) == 0
    assert not given(None)
    tracked = next(field for field in fields(document_class("train")) if field.name == "tracked")
    assert given(None) is tracked.default


# Golden files


def breaks(old, new, place="#"):
    """Yield why a document of the new schema may not be what a reader of the old one asks for."""
    told = {"title", "description", "$id"}
    for word in old.keys() - told:
        if word in {"properties", "$defs"}:
            for name, node in old[word].items():
                below = f"{place}/{word}/{name}"
                yield from breaks(node, new[word][name], below) if name in new.get(word, {}) else [f"{below} is gone"]
        elif word == "required":
            yield from (f"{place}/{name} may be left out" for name in old[word] if name not in new.get(word, ()))
        elif old[word] != new.get(word):
            yield f"{place}: {word} is not {old[word]}"
    yield from (f"{place}: {word} is new" for word in new.keys() - old.keys() - told - {"$defs"})


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_the_one_that_was_published(name):
    old, new = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8")), document_schema(name)

    if old["$id"] == new["$id"]:
        assert not list(breaks(old, new)), "a reader may break: raise the version in the tag of the document's class"
    assert new == old, f"to publish it: mlcli schema --document {name} > tests/documents/{name}.json"


def test_the_folder_holds_no_other_schema():
    assert {path.name for path in GOLDEN.iterdir()} == {f"{name}.json" for name in NAMES}


def removed(schema):
    del schema["properties"]["split"]


def retyped(schema):
    schema["properties"]["n_train"]["type"] = "number"


def optional(schema):
    schema["required"].remove("split")


def deep(schema):
    del schema["$defs"]["Finding"]["properties"]["code"]


def narrowed(schema):
    schema["properties"]["n_train"]["maximum"] = 10


def added(schema):
    schema["properties"]["later"] = {"$ref": "#/$defs/Later"}
    schema["required"].append("later")
    schema["$defs"]["Later"] = {"type": "object"}


def said_otherwise(schema):
    schema["properties"]["split"]["description"] = "Otherwise."


@pytest.mark.parametrize("change", [removed, retyped, optional, deep, narrowed])
def test_a_change_that_breaks_readers_is_seen(change):
    schema = document_schema("preprocess")
    change(schema)

    assert len(list(breaks(document_schema("preprocess"), schema))) == 1


@pytest.mark.parametrize("change", [added, said_otherwise])
def test_a_change_that_breaks_no_reader_is_none_of_those(change):
    schema = document_schema("preprocess")
    change(schema)

    assert schema != document_schema("preprocess")
    assert not list(breaks(document_schema("preprocess"), schema))


# The command


@pytest.mark.parametrize("name", ["train", "train/1"])
def test_the_command_prints_the_schema_by_name_or_by_the_first_field_of_a_document(name, capsys):
    assert run(["schema", "--document", name]) == 0
    assert json.loads(capsys.readouterr().out) == document_schema("train")


def test_the_command_lists_every_document(capsys):
    assert run(["schema", "--documents"]) == 0

    out = capsys.readouterr().out
    for name, entry in DOCUMENTS.items():
        (line,) = [line for line in out.splitlines() if line.startswith(f"{name}/")]
        assert entry.command in line


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        pytest.param(["--document", "trian"], "Got 'trian'", "Did you mean 'train'?", id="a typo"),
        pytest.param(["--document", "qqq"], "Got 'qqq'", "mlcli schema --documents", id="nothing like it"),
        pytest.param(["--document", "train/7"], "Got 'train/7'", "It prints 'train/1'.", id="another version"),
        pytest.param(["--document", "runs", "--documents"], "`--documents` must stand", "Leave one", id="both"),
    ],
)
def test_a_wrong_name_is_refused_with_what_to_do(words, message, hint, capsys):
    assert run(["schema", *words]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert hint in err


def test_an_empty_name_is_none():
    with pytest.raises(ConfigError):
        document_class("")


def test_a_schema_costs_no_heavy_import():
    code = (
        "import sys\nfrom mlcli.cli.boundary import run\ncode = run(['schema', '--document', 'train'])\n"
        "sys.exit(code or ' '.join({'sklearn', 'pandas', 'scipy', 'skops', 'pyarrow'} & set(sys.modules)) or None)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
