"""YAML text becomes values with places, and nothing else."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.config.keys import join_key, split_key
from mlcli.config.tree import find, plain_values
from mlcli.config.yaml_nodes import MAX_VALUES, read_yaml, resolve_plain
from mlcli.errors import ConfigError


def read(text):
    """Return the plain values of `text` and the problems found."""
    problems = []
    tree = read_yaml(text, source="f.yaml", problems=problems)
    return plain_values(tree), [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("Null", None),
        ("12", 12),
        ("+3", 3),
        ("0x1f", 31),
        ("0o17", 15),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
    ],
)
def test_a_plain_scalar_is_read_by_the_core_schema(text, value):
    read_value = resolve_plain(text)
    assert read_value == value
    assert type(read_value) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "no",
        "on",
        "off",
        "y",
        "0123",
        "-007",
        "1_000",
        "12:30",
        "2024-01-31",
        "0b1",
        "1.2.3",
        "nan",
        "inf",
        "<<",
        "=",
    ],
)
def test_what_older_yaml_would_convert_stays_text(text):
    assert resolve_plain(text) == text


def test_not_a_number_is_read_in_its_yaml_spelling():
    assert math.isnan(resolve_plain(".nan"))


def test_a_text_in_quotes_stays_text():
    assert read("a: '1'\nb: \"true\"\nc: !!str 3\n") == ({"a": "1", "b": "true", "c": "3"}, [])


def test_a_core_tag_converts_what_it_names():
    assert read("a: !!float 1\nb: !!int '3'\nc: !!null ''\n") == ({"a": 1.0, "b": 3, "c": None}, [])


def test_keys_are_texts_as_written():
    values, problems = read("2019: a\ntrue: b\n'x y': c\n1.50: d\n")
    assert list(values) == ["2019", "true", "x y", "1.50"]
    assert problems == []


def test_every_value_and_key_knows_its_line_and_column():
    tree = read_yaml("data:\n  目标: x\n  list: [1, 二]\n", source="f.yaml", problems=[])
    target, items = find(tree, ("data", "目标")), find(tree, ("data", "list"))
    assert (str(target.place), str(target.value.place)) == ("f.yaml:2:3", "f.yaml:2:7")
    assert str(items.value.items[1].place) == "f.yaml:3:13"


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['x']",
        "!!python/name:os.system ''",
        "!custom x",
        "!!set {a}",
        "!!omap [a: 1]",
        "!!binary aGk=",
        "!!timestamp 2024-01-01",
        "!<tag:example.org,2024:x> y",
        "!!int x",
    ],
)
def test_a_tag_that_is_not_of_plain_values_is_refused(value):
    _, problems = read(f"a: {value}\n")
    assert len(problems) == 1
    assert problems[0].startswith("f.yaml:1:4: a: the tag !")
    assert "is not allowed" in problems[0]


def test_duplicate_keys_are_told_with_both_places():
    values, problems = read("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n'b': 4\n")
    assert values == {"a": 1, "b": {"c": 1}}
    assert problems == [
        "f.yaml:4:3: b.c: duplicate key; it stands at line 3, column 3 already",
        "f.yaml:5:1: a: duplicate key; it stands at line 1, column 1 already",
        "f.yaml:6:1: b: duplicate key; it stands at line 2, column 1 already",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<<: {a: 1}", "merge key"),
        ("? [a]\n: b", "must be a text"),
        ("{{a}}: b", "must be a text"),
        (": x", "must not be empty"),
    ],
)
def test_a_key_that_is_no_text_is_refused(text, said):
    _, problems = read(text)
    assert len(problems) == 1
    assert said in problems[0]


def test_an_alias_stands_for_its_whole_value():
    assert read("a: &x [1, 2]\nb: *x\n") == ({"a": (1, 2), "b": (1, 2)}, [])


def test_aliases_that_unfold_without_end_are_refused():
    lines = ["a0: &a0 [1]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match=f"more than {MAX_VALUES:,} values"):
        read("\n".join(lines))


def test_an_alias_that_holds_itself_is_refused():
    with pytest.raises(ConfigError, match=r"f\.yaml:1:4: a: an alias must not hold itself"):
        read("a: &x [*x]\n")


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 200 + "]" * 200, "\n".join(f"a{n}: &a{n} [{f'*a{n - 1}' if n else ''}]" for n in range(40))]
)
def test_values_that_are_nested_too_deeply_are_refused(text):
    with pytest.raises(ConfigError, match="nested too deeply"):
        read(text)


@pytest.mark.parametrize("number", ["1e999", "9" * 101, "-" + "9" * 5000])
def test_a_number_that_is_too_large_is_a_problem(number):
    _, problems = read(f"a: {number}\n")
    assert len(problems) == 1
    assert "is too large" in problems[0]


@pytest.mark.parametrize(
    ("text", "place", "said", "tried"),
    [
        ("a:\n\tb: 1\n", "2:1", "a tab cannot indent", "spaces"),
        ("a: [b, c\n", "2:1", "the '[' opened at line 1, column 4", "Close it"),
        ("a: {b: 1\nc: 2\n", "2:2", "", ""),
        ("a: 1\n b: 2\n", "2:3", "indented unlike", "same indentation"),
        ("a: b: c\n", "1:5", "a second ': '", "quotes"),
        ('a: "x\n', "2:1", "opened at line 1, column 4, is not closed", "Close the quote"),
        ('a: "C:\\data"\n', "1:8", "a backslash starts an escape", "single quotes"),
        ("a: *.csv\n", "1:4", "names no anchor", "quotes"),
        ("a: * b\n", "1:5", "start an alias or an anchor", "glob"),
        ("a: @b\n", "1:4", "cannot start with '@'", "quotes"),
        ("- a\nb: c\n", "2:1", "does not fit the lines above", "indentation"),
        ("a: 1\nb\nc: 2\n", "3:1", "", ""),
        ("a: 1\n---\nb: 2\n", "2:1", "a second document", "---"),
        ("%YAML 1.1\n---\na: 1\n", "1:1", "must be YAML 1.2", "Remove"),
        ("a: \x07\n", "1:4", "U+0007", "escape"),
    ],
)
def test_a_syntax_error_has_its_place_and_one_thing_to_try(text, place, said, tried):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value).startswith(f"f.yaml:{place}: ")
    assert said in str(caught.value)
    assert tried in caught.value.hint


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n...\n"])
def test_a_file_without_a_value_is_refused(text):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value).startswith("f.yaml")


@pytest.mark.parametrize("text", ["- a\n", "text\n", "3\n"])
def test_a_document_that_is_no_mapping_is_refused(text):
    with pytest.raises(ConfigError, match="must be a mapping of keys"):
        read(text)


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}!&*#|>'\"%@` \t\n,?.~1<=\\\ufeff\x85\u2028中"), max_size=30))
def test_any_text_is_read_or_refused_with_its_place(text):
    told, hint = "f.yaml", "none needed"
    try:
        read(text)
    except ConfigError as error:
        told, hint = str(error), error.hint
    assert told.startswith("f.yaml")
    assert hint


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=8), min_size=1, max_size=4).map(tuple))
def test_a_dotted_key_reads_back_as_it_was(key):
    assert split_key(join_key(key)) == key


@pytest.mark.parametrize("text", ["", "a..b", ".a", "a.", '"a', "a=b", '"a"b'])
def test_a_text_that_is_no_dotted_key_is_refused(text):
    with pytest.raises(ValueError, match="Got"):
        split_key(text)
