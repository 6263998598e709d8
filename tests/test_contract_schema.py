"""The schema that the training rows teach, and what it refuses to learn."""

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.config.sections import DataConfig
from mlcli.data.inference import infer_schema
from mlcli.data.rows import type_rows
from mlcli.data.schema import Schema
from mlcli.errors import ConfigError, DataError

N = 60


@pytest.fixture
def table():
    """One column of each kind, under names that files really have."""
    return pa.table(
        {
            "row id": [str(i) for i in range(N)],
            "age (1)": [str(20 + i % 40) for i in range(N)],
            "$ income": [("" if i % 7 == 0 else f" {i * 1.5}") for i in range(N)],
            "性别": [("男", "女")[i % 2] for i in range(N)],
            "member": [("yes", "no", "")[i % 3] for i in range(N)],
            "joined": [f"2011-01-{i % 28 + 1:02d}" for i in range(N)],
            "note": [f"customer number {i} called about {i * 3} things" for i in range(N)],
            "w": ["1.5"] * N,
            "empty": [None] * N,
            "y": [("good", "good", "bad")[i % 3] for i in range(N)],
        }
    )


def schema_of(table, *, task=None, **data):
    return infer_schema(table, DataConfig(path="t.csv", target="y", **data), task=task, source="t.csv")


def test_every_column_gets_its_kind_in_the_order_of_the_file(table):
    schema = schema_of(table, weight="w")

    assert [(column.name, column.kind) for column in schema.columns] == [
        ("age (1)", "number"),
        ("$ income", "number"),
        ("性别", "category"),
        ("member", "boolean"),
        ("joined", "date"),
        ("note", "text"),
    ]
    assert [column.name for column in schema.ignored] == ["row id", "w", "empty"]
    assert all(column.reason for column in (*schema.columns, *schema.ignored))


def test_the_schema_keeps_what_training_saw(table):
    age, income, sex, member, joined, note = schema_of(table, weight="w").columns

    assert (age.number.minimum, age.number.maximum, age.number.integer) == (20.0, 59.0, True)
    assert (income.n_missing, income.number.integer) == (9, False)
    assert sex.categories == {"女": 30, "男": 30}
    assert (member.n_missing, member.n_distinct) == (20, 2)
    assert (joined.date.minimum, joined.date.maximum, joined.date.format) == ("2011-01-01", "2011-01-28", "%Y-%m-%d")
    assert (note.n_distinct, note.text.spaced) == (N, True)


def test_a_schema_goes_through_json_unchanged(table):
    schema = schema_of(table, weight="w")

    assert Schema.from_json(schema.to_json()) == schema


@given(st.permutations(range(N)))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_the_order_of_the_rows_changes_no_kind(order):
    cells = pa.table({"a": [i % 9 for i in range(N)], "b": list(range(N)), "y": [i % 2 for i in range(N)]})
    straight, shuffled = schema_of(cells), schema_of(cells.take(list(order)))

    assert shuffled == straight


def test_levels_stand_most_frequent_first_then_by_name():
    cells = pa.table({"a": ["b", "c", "a", "c"] * 15, "y": [0, 1] * 30})

    assert list(schema_of(cells).columns[0].categories.items()) == [("c", 30), ("a", 15), ("b", 15)]


def test_thousands_of_levels_are_kept():
    cells = pa.table({"a": [f"l {i % 3000}" for i in range(9000)], "y": [0, 1] * 4500})

    assert len(schema_of(cells).columns[0].categories) == 3000


def test_the_config_corrects_drops_and_sets_aside(table):
    schema = schema_of(
        table,
        weight="w",
        id=("row id",),
        drop=("note",),
        columns={"age (1)": "category", "member": "ignore", "joined": "text"},
    )

    assert {column.name: (column.kind, column.storage) for column in schema.columns} == {
        "age (1)": ("category", "number"),
        "$ income": ("number", "number"),
        "性别": ("category", "text"),
        "joined": ("text", "text"),
    }
    assert (schema.id, schema.weight) == (("row id",), "w")
    assert {column.name for column in schema.ignored} == {"row id", "member", "note", "w", "empty"}


def test_a_correction_that_the_cells_break_names_row_and_value(table):
    with pytest.raises(DataError) as caught:
        schema_of(table, columns={"性别": "number"})

    assert caught.value.message.startswith(
        "t.csv: row 1, column '性别' must be a number, as data.columns says. Got '男'."
    )
    assert caught.value.message.endswith("... and 50 more")
    assert "missing_values" in caught.value.hint


def test_a_date_correction_names_only_the_cells_that_are_no_dates():
    cells = pa.table({"d": [*["31/12/2011", "01/02/2012"] * 5, "soon"], "y": [*["a", "b"] * 5, "a"]})

    with pytest.raises(DataError) as caught:
        schema_of(cells, columns={"d": "date"})

    assert caught.value.message == "t.csv: row 11, column 'd' must be a date, as data.columns says. Got 'soon'."


@pytest.mark.parametrize("native", [True, False])
def test_compact_dates_are_read_when_the_config_says_date(native):
    days = [20110131, 20110201] * 5
    cells = pa.table({"d": days if native else [str(day) for day in days], "y": [0, 1] * 5})

    schema = schema_of(cells, columns={"d": "date"})
    typed = type_rows(cells, schema, source="t.csv").dataset.X["d"]

    assert schema.columns[0].date.minimum == "2011-01-31"
    assert typed.iloc[1] == np.datetime64("2011-02-01")


def test_row_numbers_of_the_file_are_used_when_given():
    cells = pa.table({"a": ["1", "x", "3"], "y": ["a", "b", "a"]})
    config = DataConfig(path="t.csv", target="y", columns={"a": "number"})

    with pytest.raises(DataError, match="row 40, column 'a'"):
        infer_schema(cells, config, task=None, source="t.csv", rows=np.array([7, 40, 52]))


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"drop": ("nota",)}, "t.csv must have the column 'nota' that data.drop names. Did you mean 'note'?"),
        ({"id": ("rowid",)}, "t.csv must have the column 'rowid' that data.id names. Did you mean 'row id'?"),
        ({"weight": "zzz"}, "t.csv must have the column 'zzz' that data.weight names."),
        ({"columns": {"Member": "text"}}, "t.csv must have the column 'Member' that data.columns names. Did you mean"),
    ],
)
def test_a_column_that_the_file_lacks_is_named_with_the_nearest(table, data, line):
    with pytest.raises(DataError) as caught:
        schema_of(table, **data)

    assert caught.value.message.startswith(line)
    assert "age (1)" in caught.value.hint


def test_all_columns_that_the_file_lacks_are_named_at_once(table):
    with pytest.raises(DataError) as caught:
        schema_of(table, drop=("p", "q"), weight="r")

    assert len(caught.value.message.splitlines()) == 3


@pytest.mark.parametrize(
    "data",
    [
        {"columns": {"y": "category"}},
        {"columns": {"note": "text"}, "drop": ("note",)},
        {"columns": {"w": "number"}, "weight": "w"},
    ],
)
def test_a_column_cannot_be_two_things(table, data):
    with pytest.raises(ConfigError, match="must not"):
        schema_of(table, **data)


def test_a_dropped_column_may_be_ignored_twice(table):
    assert "note" not in schema_of(table, drop=("note",), columns={"note": "ignore"}).names


def test_a_table_without_a_usable_column_is_refused_with_the_reasons():
    cells = pa.table({"x": list(range(N)), "y": [i % 2 for i in range(N)]})

    with pytest.raises(DataError, match="Left out: 'x': id-like") as caught:
        schema_of(cells)

    assert "{x: number}" in caught.value.hint
    assert schema_of(cells, columns={"x": "number"}).names == ["x"]


def test_a_table_without_rows_or_columns_is_refused():
    with pytest.raises(DataError, match="must have rows"):
        schema_of(pa.table({"x": pa.array([], pa.string()), "y": pa.array([], pa.string())}))
    with pytest.raises(DataError, match="beside the target"):
        schema_of(pa.table({"y": [0, 1, 0, 1]}))


def test_a_column_named_twice_is_refused():
    cells = pa.Table.from_arrays([pa.array([1, 2]), pa.array([1, 2]), pa.array([0, 1])], names=["a", "a", "y"])

    with pytest.raises(DataError, match=r"must name each column once\. Got twice: a"):
        schema_of(cells)


def test_nested_cells_are_left_out_and_cannot_be_corrected():
    cells = pa.table({"a": [[1], [2]] * 10, "b": [1.5, 2.5] * 10, "y": [0, 1] * 10})

    assert schema_of(cells).names == ["b"]
    with pytest.raises(DataError, match="must hold plain cells"):
        schema_of(cells, columns={"a": "text"})


def test_a_forced_column_of_blanks_is_kept():
    cells = pa.table({"a": ["", None] * 10, "b": [1.5, 2.5] * 10, "y": [0, 1] * 10})
    kinds = ("number", "category", "boolean", "text", "date")

    for kind in kinds:
        column = schema_of(cells, columns={"a": kind}).columns[0]
        assert (column.kind, column.n_missing, column.n_distinct) == (kind, 20, 0)


def test_not_a_schema_is_not_read():
    with pytest.raises(msgspec.ValidationError):
        Schema.from_json(b"{}")
