"""New rows held against the schema: typed, or refused by row and column."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlcli.config.sections import DataConfig
from mlcli.data.inference import infer_schema
from mlcli.data.rows import type_rows
from mlcli.errors import DataError

N = 60


def raw(n=N, **changes):
    """Return rows with a column of each kind; `changes` replaces or (None) removes columns."""
    columns = {
        "key": [f"k-{i}" for i in range(n)],
        "age": [str(20 + i % 40) for i in range(n)],
        "colour": [("red", "green", "blue")[i % 3] for i in range(n)],
        "member": [("yes", "no")[i % 2] for i in range(n)],
        "joined": [f"2011-01-{i % 28 + 1:02d}" for i in range(n)],
        "note": [f"customer number {i} called about {i * 3} things" for i in range(n)],
        "w": ["1.5"] * n,
        "y": [("good", "good", "bad")[i % 3] for i in range(n)],
    } | changes
    return pa.table({name: cells for name, cells in columns.items() if cells is not None})


@pytest.fixture(scope="module")
def schema():
    config = DataConfig(path="t.csv", target="y", id=("key",), weight="w", missing_values=("NA",))
    return infer_schema(raw(), config, task=None, source="t.csv")


def message_of(table, schema, **options):
    with pytest.raises(DataError) as caught:
        type_rows(table, schema, source="new.csv", **options)
    return caught.value


def test_typed_columns_have_the_dtypes_of_the_contract(schema):
    dataset = type_rows(raw(), schema, source="t.csv").dataset

    assert dataset.X.dtypes.astype(str).to_dict() == {
        "age": "float64",
        "colour": "str",
        "member": "float64",
        "joined": "datetime64[us]",
        "note": "str",
    }
    assert dataset.y.dtype == object
    assert dataset.sample_weight.tolist() == [1.5] * N
    assert dataset.ids["key"].tolist() == [f"k-{i}" for i in range(N)]
    assert dataset.rows.tolist() == list(range(1, N + 1))


def test_missing_cells_are_nan_in_every_kind(schema):
    cells = ["", None, " NA "]
    X = type_rows(raw(3, age=cells, colour=cells, member=cells, joined=cells, note=cells), schema, source="t").dataset.X

    assert X.isna().to_numpy().all()
    assert X.dtypes.astype(str).tolist() == ["float64", "str", "float64", "datetime64[us]", "str"]


def test_a_row_alone_is_typed_as_it_is_in_a_batch(schema):
    table = raw(5, age=["3", " 4.0", "", "NA", "5"])
    batch = type_rows(table, schema, source="t").dataset

    for i in range(5):
        alone = type_rows(table.slice(i, 1), schema, source="t", first_row=i + 1).dataset
        pd.testing.assert_frame_equal(alone.X, batch.X.iloc[[i]].reset_index(drop=True))
        assert alone.rows[0] == batch.rows[i]


def test_chunks_and_dictionaries_change_nothing(schema):
    table = raw()
    pieces = pa.concat_tables([table.slice(0, 7), table.slice(7)])
    encoded = pa.table({name: table[name].dictionary_encode() for name in table.column_names})

    expected = type_rows(table, schema, source="t").dataset.X
    for same in (pieces, encoded, table.select(table.column_names[::-1])):
        pd.testing.assert_frame_equal(type_rows(same, schema, source="t").dataset.X, expected)


def test_no_rows_are_typed_to_no_rows(schema):
    typed = type_rows(raw().slice(0, 0), schema, source="t")

    assert len(typed.dataset) == 0
    assert typed.dataset.X.columns.tolist() == schema.names


def test_extra_columns_are_ignored(schema):
    assert type_rows(raw(extra=["?"] * N), schema, source="t").dataset.X.columns.tolist() == schema.names


def test_unseen_categories_and_values_out_of_range_are_counted(schema):
    table = raw(
        3, colour=["red", "mauve", "pink"], age=["19.5", "30", "99"], joined=["2010-12-31", "2011-01-28", "2011-01-29"]
    )

    typed = type_rows(table, schema, source="t")

    assert typed.unseen == {"colour": 2}
    assert typed.out_of_range == {"age": 2, "joined": 2}
    assert typed.dataset.X["colour"].tolist() == ["red", "mauve", "pink"]


def test_training_rows_hold_nothing_new(schema):
    typed = type_rows(raw(), schema, source="t")

    assert (typed.unseen, typed.out_of_range) == ({}, {})


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("age", "abc", "column 'age' must be a number. Got 'abc'."),
        ("age", "inf", "column 'age' must be a number. Got 'inf'."),
        ("age", "1,5", "column 'age' must be a number. Got '1,5'."),
        ("member", "maybe", "column 'member' must be true or false. Got 'maybe'."),
        ("joined", "2011-02-30", "column 'joined' must be a date. Got '2011-02-30'."),
        ("joined", "x" * 99, f"column 'joined' must be a date. Got '{'x' * 59}…'."),
        ("w", "-1", "column 'w' must be a weight of 0 or more. Got '-1'."),
        ("w", "", "column 'w' must be a weight of 0 or more. Got ''."),
        ("y", "meh", "column 'y' must be one of the classes 'bad', 'good'. Got 'meh'."),
        ("y", "", "column 'y' must be one of the classes 'bad', 'good'. Got ''."),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(schema, column, cell, message):
    cells = raw()[column].to_pylist()
    cells[16] = cell

    error = message_of(raw(**{column: cells}), schema)

    assert error.message == f"new.csv: row 17, {message}"
    assert error.hint


def test_bad_cells_are_listed_by_row_and_the_rest_counted(schema):
    error = message_of(raw(age=["x"] * N, member=["?"] * N), schema, first_row=1001)
    lines = error.message.splitlines()

    assert len(lines) == 11
    assert lines[:3] == [
        "new.csv: row 1001, column 'age' must be a number. Got 'x'.",
        "new.csv: row 1001, column 'member' must be true or false. Got '?'.",
        "new.csv: row 1002, column 'age' must be a number. Got 'x'.",
    ]
    assert lines[-1] == "... and 110 more"


def test_ten_bad_cells_are_all_listed(schema):
    error = message_of(raw(10, age=["x"] * 10), schema)

    assert len(error.message.splitlines()) == 10


def test_given_row_numbers_are_the_ones_that_are_named(schema):
    error = message_of(raw(2, age=["1", "x"]), schema, rows=np.array([5, 99]))

    assert "row 99" in error.message


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (pa.array([True]), "must be a number. Got 'true'"),
        (pa.array([np.datetime64("2011-01-02", "us")]), "must be a number. Got '2011-01-02"),
        (pa.array([float("inf")]), "must be a number. Got 'inf'"),
        (pa.array([[1]]), "must hold plain cells. Got list"),
    ],
)
def test_a_wrong_type_is_refused(schema, cells, message):
    assert message in message_of(raw(1, age=cells), schema).message


def test_a_native_date_beyond_the_calendar_is_refused_by_row(schema):
    error = message_of(raw(1, joined=pa.array([10**14], pa.timestamp("s"))), schema)

    assert error.message.startswith("new.csv: row 1, column 'joined' must be a date. Got ")


def test_all_missing_columns_are_named_with_what_the_model_was_trained_on(schema):
    error = message_of(raw(age=None, colour=None, Age=["1"] * N), schema, target="none")

    assert "Missing: 'age', 'colour'." in error.message
    assert "rename 'Age' to 'age'" in error.hint
    assert "The model was trained on: age, colour, member, joined, note." in error.hint


def test_target_and_weight_are_needed_only_where_they_are_required(schema):
    bare = raw(y=None, w=None, key=None)

    error = message_of(bare, schema)
    typed = type_rows(bare, schema, source="t", target="optional").dataset

    assert "Missing: 'y', 'w'." in error.message
    assert (typed.y, typed.sample_weight) == (None, None)
    assert typed.ids.shape == (N, 0)


def test_an_optional_target_is_kept_when_it_is_whole_and_left_out_when_not(schema):
    whole = type_rows(raw(), schema, source="t", target="optional").dataset
    blank = type_rows(raw(y=[""] * N), schema, source="t", target="optional").dataset
    unread = type_rows(raw(), schema, source="t", target="none").dataset

    assert whole.y.tolist() == raw()["y"].to_pylist()
    assert (blank.y, unread.y, unread.sample_weight) == (None, None, None)


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (pa.array([2**53 + 1, None]), [str(2**53 + 1), None]),
        (pa.array([3.0, 2.5]), ["3", "2.5"]),
        (pa.array([" 007 ", "NA"]), [" 007 ", "NA"]),
    ],
)
def test_ids_are_kept_as_text(schema, cells, kept):
    ids = type_rows(raw(2, key=cells), schema, source="t").dataset.ids["key"]

    assert ids.dtype == "str"
    assert [None if pd.isna(cell) else cell for cell in ids] == kept


def test_whole_numbers_above_double_precision_stay_different_categories():
    keys = [2**53, 2**53 + 1] * 30
    table = pa.table({"k": keys, "y": [0, 1] * 30})
    config = DataConfig(path="t.csv", target="y", columns={"k": "category"})

    schema = infer_schema(table, config, task=None, source="t")

    assert schema.columns[0].categories == {str(2**53): 30, str(2**53 + 1): 30}


def test_numbers_as_categories_are_known_by_one_text():
    config = DataConfig(path="t.csv", target="y", columns={"k": "category"})
    schema = infer_schema(pa.table({"k": ["1", "2"] * 9, "y": [0, 1] * 9}), config, task=None, source="t")

    for cells in (["1", "3"], ["1.0", "+3"], [1, 3], [1.0, 3.0]):
        typed = type_rows(pa.table({"k": cells}), schema, source="t", target="none")
        assert typed.dataset.X["k"].tolist() == ["1", "3"]
        assert typed.unseen == {"k": 1}


def test_dates_are_read_in_the_form_that_training_had():
    training = pa.table({"d": ["31/12/2011", "01/02/2012"] * 9, "y": [0, 1] * 9})
    schema = infer_schema(training, DataConfig(path="t.csv", target="y"), task=None, source="t")

    typed = type_rows(pa.table({"d": ["03/02/2012", "2012-02-03"]}), schema, source="t", target="none").dataset

    assert typed.X["d"].tolist() == [pd.Timestamp("2012-02-03")] * 2
