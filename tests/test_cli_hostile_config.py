"""A config that sets any string anywhere never executes or imports anything."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from cli_samples import desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mlcli.cli.boundary import run
from mlcli.config.json_schema import config_json_schema

MARK = "mlcli_was_here"
MODULE = "mlcli_hostile_module"
HOSTILE = {
    "a shell command": f"$(touch {MARK})",
    "a shell command in backticks": f"`touch {MARK}`",
    "a pipe": f"| touch {MARK}",
    "a call": f"__import__('os').system('touch {MARK}')",
    "a function's path": "os.system",
    "a class of scikit-learn": "sklearn.svm:SVC",
    "a module of its own": f"{MODULE}:Model",
    "a dotted module of its own": f"{MODULE}.Model",
    "a template": "{{ 7 * 7 }}{% import os %}",
    "a format": "{0.__class__.__mro__}",
    "an f-string": f"{{__import__('{MODULE}')}}",
    "a file address": "file:///etc/passwd",
    "a database with a driver of its own": f"{MODULE}://user@host/db",
    "an up path": "../../../../etc/passwd",
    "a pickle": "cos\nsystem\n(S'true'\ntR.",
}
TAGS = [
    f"!!python/object/apply:os.system ['touch {MARK}']",
    f"!!python/name:{MODULE}.Model",
    f"!!python/module:{MODULE} x",
    "!!python/object:os.system {}",
    "!exec x",
    f"!include /tmp/{MARK}",
]


def variants(schema):
    """Yield a schema and all that it stands for: alternatives, and the items of a list."""
    assert "$ref" not in schema, "references are not followed"
    yield schema
    for other in [*schema.get("anyOf", []), *schema.get("oneOf", []), schema.get("items", {})]:
        if other:
            yield from variants(other)


def string_keys(schema, path=()):
    """Yield the path of every key of the schema that may hold a string, as text or in a list."""
    kinds = list(variants(schema))
    if path and any("string" in str(kind.get("type", "")) or "enum" in kind for kind in kinds):
        yield path
    for kind in kinds:
        for key, value in kind.get("properties", {}).items():
            yield from string_keys(value, (*path, key))


SCHEMA = config_json_schema()
# What a section names freely is no key of the schema: a column, a parameter, a class, a metric.
FREE = [
    ("data", "columns", "age"),
    ("model", "params", "C"),
    ("model", "params", "solver"),
    ("model", "class_weight", "yes"),
    ("evaluate", "gates", "f1"),
    ("evaluate", "tolerances", "f1"),
]
PLACES = sorted({("extends",), *string_keys(SCHEMA), *FREE})
LISTS = {"id", "drop", "missing_values", "test_values", "parts", "metrics"}


def test_the_places_are_those_of_the_schema():
    assert {("name",), ("data", "path"), ("data", "id"), ("model", "name"), ("evaluate", "metrics")} <= set(PLACES)


def config_with(place, value):
    """Return a config in which `value` stands at `place`, all else being right."""
    text = str(value)
    content = {
        "name": "demo",
        "data": {"path": "good.csv", "target": "churn"},
        "model": {"name": "logistic_regression"},
        "evaluate": {"resamples": 100},
    }
    section = content
    for key in place[:-1]:
        section = section.setdefault(key, {})
    section[place[-1]] = [text] if place[-1] in LISTS else text
    return content


def as_yaml(content):
    buffer = io.StringIO()
    YAML(typ="safe").dump(content, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def trap(tmp_path_factory):
    """A desk with an importable module whose import leaves a mark."""
    folder = tmp_path_factory.mktemp("trap")
    at = desk(folder)
    at.put(f"{MODULE}.py", f"from pathlib import Path\nPath({str(folder / MARK)!r}).touch()\n")
    return at


@pytest.fixture
def watched(trap, monkeypatch):
    """Make the module importable, forbid running programs, and list the modules that a call brings in."""
    monkeypatch.syspath_prepend(str(trap.folder))

    def forbidden(*_words, **_options):
        raise AssertionError("a config has run a program")

    for owner, name in ((os, "system"), (os, "popen"), (subprocess, "Popen"), (os, "execv"), (os, "posix_spawn")):
        monkeypatch.setattr(owner, name, forbidden)
    return trap


def assert_harmless(code, err, at, before):
    assert code in {0, 2, 3}, err
    assert "Traceback" not in err
    assert "bug in mlcli" not in err
    assert MODULE not in sys.modules
    assert at.content() == before
    assert not list(at.folder.rglob(MARK))


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_a_hostile_text_is_an_error_or_only_text(place, watched, capsys):
    for value in HOSTILE.values():
        config = watched.put("c.yaml", as_yaml(config_with(place, value)))
        before = watched.content()

        code = run(["check", "--no-data", "-c", config, "--json"])

        assert_harmless(code, capsys.readouterr().err, watched, before)


@pytest.mark.parametrize("place", [place for place in PLACES if place[0] in {"data", "split"}], ids=".".join)
def test_a_hostile_text_is_harmless_where_the_data_is_read(place, watched, capsys):
    config = watched.put("c.yaml", as_yaml(config_with(place, HOSTILE["a module of its own"])))
    before = watched.content()

    code = run(["check", "-c", config, "--json"])

    assert_harmless(code, capsys.readouterr().err, watched, before)


@pytest.mark.parametrize("tag", TAGS)
def test_a_yaml_tag_makes_no_object(tag, watched, capsys):
    for place in (("name",), ("data", "path"), ("model", "name"), ("model", "params", "C")):
        text = as_yaml(config_with(place, "HOLE")).replace("[HOLE]", "HOLE").replace("HOLE", tag)
        config = watched.put("c.yaml", text)
        before = watched.content()

        code = run(["check", "--no-data", "-c", config])

        err = capsys.readouterr().err
        assert code == 2, (place, err)
        assert_harmless(code, err, watched, before)


@pytest.mark.parametrize("place", [("model", "name"), ("data", "target"), ("model", "params", "C")], ids=".".join)
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_override_is_an_error_or_only_text(place, value, watched, capsys):
    config = watched.config(model="logistic_regression")
    before = watched.content()

    code = run(["check", "--no-data", "-c", config, "--set", f"{'.'.join(place)}={value}"])

    assert_harmless(code, capsys.readouterr().err, watched, before)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from(PLACES),
    value=st.one_of(
        st.text(max_size=40), st.lists(st.sampled_from(list(HOSTILE.values())), min_size=1, max_size=3).map(" ".join)
    ),
)
def test_no_text_at_any_key_is_more_than_text(place, value, watched, capsys):
    config = watched.put("c.yaml", as_yaml(config_with(place, value)))
    before = watched.content()

    code = run(["check", "--no-data", "-c", config])

    assert_harmless(code, capsys.readouterr().err, watched, before)


def test_a_config_that_ran_something_would_be_seen(watched):
    before = watched.content()
    watched.put(MARK, "")

    with pytest.raises(AssertionError):
        assert_harmless(0, "", watched, before)
    (watched.folder / MARK).unlink()
