"""Rows of a request mean what the same rows mean in a file, by whichever way they come."""

import math
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows_samples import (
    EVERY_KIND,
    LEVELS,
    MISSING_VALUES,
    category_column,
    column,
    date_column,
    json_cells,
    number_column,
    reader_of,
    schema_of,
    texts,
    told,
    told_rows,
)

from mlcli.data.cells import BadCell, Missing, read_boolean, read_date, read_level, read_number, read_text
from mlcli.data.frames import columns_from_frame
from mlcli.data.row_errors import LISTED
from mlcli.data.row_reader import MalformedRows, RowsRefused
from mlcli.data.rows import type_rows
from mlcli.data.typed import level_codes, missing_code, unseen_code
from mlcli.errors import DataError

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
EPOCH = datetime.fromisoformat("1970-01-01")


def by_the_rules(column, cell, missing):
    """Return what `mlcli.data.cells` makes of a cell, in the form of a typed cell; None for missing, "bad" for bad."""
    try:
        match column.kind:
            case "number":
                return read_number(cell, missing)
            case "boolean":
                value = read_boolean(cell, missing)
                return None if value is None else float(value)
            case "text":
                return read_text(cell, missing) or ""
            case "date":
                moment = read_date(cell, missing, form=column.date.format)
                return None if moment is None else (moment - EPOCH) // (datetime.resolution)
            case "category":
                level = read_level(cell, missing, storage=column.storage)
                codes = level_codes(column)
                return missing_code(column) if level is None else codes.get(level, unseen_code(column))
    except BadCell:
        return "bad"


def one_cell(reader, cell):
    try:
        return told(reader.read_features([[cell]]).as_columns().columns[0])[0]
    except RowsRefused as error:
        return "bad" if error.n_bad == len(error.cells) == 1 else error.cells


@pytest.mark.parametrize("missing_values", [(), MISSING_VALUES, ("0", "true", "1e2")], ids=["none", "some", "odd"])
@pytest.mark.parametrize("column", [*EVERY_KIND, date_column("iso")], ids=lambda column: column.name)
@given(cell=json_cells)
@PROPERTY
def test_a_cell_of_a_request_is_what_the_rules_say(column, missing_values, cell):
    reader = reader_of(column, missing_values=missing_values)

    assert one_cell(reader, cell) == by_the_rules(column, cell, Missing.of(missing_values))


def test_comparing_a_cell_with_the_rules_can_fail():
    reader = reader_of(number_column("age"), missing_values=("5",))

    assert one_cell(reader, 5.0) != by_the_rules(number_column("age"), 5.0, Missing())


@given(rows=st.lists(st.tuples(*[texts] * len(EVERY_KIND)), max_size=12))
@PROPERTY
def test_rows_of_texts_read_as_the_same_rows_of_a_file_do(rows):
    schema = schema_of(*EVERY_KIND, missing_values=MISSING_VALUES)
    columns = list(zip(*rows, strict=True)) or [()] * len(EVERY_KIND)
    table = pa.table({name: pa.array(cells, pa.string()) for name, cells in zip(schema.names, columns, strict=True)})
    try:
        typed = type_rows(table, schema, source="t.csv", target="none")
        expected = [told(cells) for cells in columns_from_frame(typed.dataset.X, schema).columns]
        expected = (expected, dict(typed.unseen), dict(typed.out_of_range))
    except DataError:
        expected = "refused"
    reader = reader_of(missing_values=MISSING_VALUES)
    try:
        found = told_rows(reader.read_records([dict(zip(schema.names, row, strict=True)) for row in rows]))
    except RowsRefused:
        found = "refused"

    assert found == expected


def outcome(read, *arguments):
    """Return what is read, or which cells are refused and why."""
    try:
        return told_rows(read(*arguments))
    except RowsRefused as error:
        return sorted(error.cells), error.n_bad


@given(rows=st.lists(st.tuples(*[json_cells] * len(EVERY_KIND)), min_size=1, max_size=14))
@PROPERTY
def test_rows_columns_and_arrays_of_the_same_cells_read_alike(rows):
    reader = reader_of(missing_values=MISSING_VALUES)
    names = [column.name for column in EVERY_KIND]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    columns = {name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}
    arrays = {name: np.array([*cells, None], dtype=object)[:-1] for name, cells in columns.items()}
    expected = outcome(reader.read_features, rows)

    assert outcome(reader.read_records, records) == expected
    assert outcome(reader.read_columns, columns, len(rows)) == expected
    assert outcome(reader.read_columns, arrays, len(rows)) == expected


@pytest.mark.parametrize("column", EVERY_KIND, ids=lambda column: column.name)
@given(cells=st.lists(st.one_of(st.none(), texts), max_size=12))
@PROPERTY
def test_an_arrow_column_of_texts_reads_as_its_cells_do(column, cells):
    reader = reader_of(column, missing_values=MISSING_VALUES)
    array = pa.array(cells, pa.string())
    expected = outcome(reader.read_columns, {column.name: cells}, len(cells))

    assert outcome(reader.read_columns, {column.name: array}, len(cells)) == expected
    assert outcome(reader.read_columns, {column.name: array.dictionary_encode()}, len(cells)) == expected
    assert outcome(reader.read_columns, {column.name: pa.chunked_array([array])}, len(cells)) == expected


NUMPY_ARRAYS = {
    "float64": np.array([1.0, 2.5, np.nan, -4.0, 100.0, np.inf, -0.0]),
    "float32": np.array([1.0, 2.5, np.nan, -4.0, 0.1], dtype=np.float32),
    "float16": np.array([1.0, 2.5, 60000.0], dtype=np.float16),
    "int8": np.array([1, -4, 0], dtype=np.int8),
    "uint64": np.array([1, 2**53 + 1, 2**64 - 1], dtype=np.uint64),
    "int64": np.array([1, 2**53 + 1, -(2**63)], dtype=np.int64),
    "bool": np.array([True, False, True]),
    "datetime64[ns]": np.array(["2011-01-31", "NaT", "1960-01-01T00:00:00.000000001"], dtype="datetime64[ns]"),
    "datetime64[D]": np.array(["2011-01-31", "NaT"], dtype="datetime64[D]"),
}


@pytest.mark.parametrize("column", EVERY_KIND, ids=lambda column: column.name)
@pytest.mark.parametrize("name", NUMPY_ARRAYS)
def test_a_numpy_array_reads_as_the_same_arrow_column_does(column, name):
    reader = reader_of(column, missing_values=("-4",))
    array = NUMPY_ARRAYS[name]
    as_arrow = pa.array(array.astype("datetime64[s]") if name == "datetime64[D]" else array)

    expected = outcome(reader.read_columns, {column.name: as_arrow}, len(array))

    assert outcome(reader.read_columns, {column.name: array}, len(array)) == expected


def test_numbers_whose_floats_are_equal_stay_different_levels():
    read = reader_of(category_column("size", "number")).read_columns({"size": np.array([2**53 + 1, 2**53])}, 2)

    assert told_rows(read)[0] == [[3, len(LEVELS["number"])]]
    assert read.unseen == {"size": 1}


def test_bytes_are_texts_in_utf_8_or_refused():
    reader = reader_of(category_column("colour"), column("note", "text"))
    cells = np.array([b"red", "naïve".encode()], dtype=object)

    assert told_rows(reader.read_columns({"colour": cells, "note": cells}, 2))[0] == [[0, 4], ["red", "naïve"]]
    with pytest.raises(RowsRefused, match="UTF-8") as caught:
        reader.read_columns({"colour": [b"red", b"\xff"], "note": cells}, 2)
    assert [(cell.row, cell.column) for cell in caught.value.cells] == [(2, "colour")]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (date(2011, 1, 31), 15005 * 86_400_000_000),
        (datetime(2011, 1, 31, 1, tzinfo=UTC), (15005 * 24 + 1) * 3_600_000_000),
        (np.datetime64("2011-01-31"), 15005 * 86_400_000_000),
        (np.str_("2011-01-31"), 15005 * 86_400_000_000),
    ],
    ids=str,
)
def test_a_date_may_be_a_python_or_a_numpy_value(cell, expected):
    assert one_cell(reader_of(date_column("joined")), cell) == expected


@pytest.mark.parametrize("cell", [np.float32(2.5), np.int8(3), Decimal("2.5"), np.float64(2.5)], ids=repr)
def test_a_number_may_be_a_scalar_of_another_make(cell):
    assert one_cell(reader_of(number_column("age")), cell) == float(cell)


@pytest.mark.parametrize(
    "cell", [[1], {"a": 1}, object(), 10**5000, math.inf, "1e400", True, 1j], ids=lambda cell: repr(type(cell))
)
def test_what_is_no_number_is_refused_in_a_number_column(cell):
    assert one_cell(reader_of(number_column("age")), cell) == "bad"


def test_every_bad_cell_is_named_by_row_and_column():
    reader = reader_of(number_column("age"), date_column("joined"))
    rows = [{"age": 1, "joined": "soon"}, {"age": "x"}, {"joined": None, "age": 2}, {"joined": [], "age": {}}]

    with pytest.raises(RowsRefused) as caught:
        reader.read_records(rows)

    assert [tuple(cell) for cell in caught.value.cells] == [
        (1, "joined", "must be a date"),
        (2, "age", "must be a number"),
        (2, "joined", "is missing"),
        (4, "age", "must be a plain value"),
        (4, "joined", "must be a plain value"),
    ]
    assert caught.value.n_bad == 5
    assert "soon" not in str(caught.value)


def test_no_more_than_a_thousand_bad_cells_are_listed():
    with pytest.raises(RowsRefused) as caught:
        reader_of(number_column("age")).read_features([["x"]] * (LISTED + 5))

    assert len(caught.value.cells) == LISTED
    assert caught.value.n_bad == LISTED + 5
    assert str(caught.value).endswith(f"and {LISTED} more.")


@pytest.mark.parametrize("n", [3, 20], ids=["few rows", "many rows"])
def test_a_row_of_another_length_is_named(n):
    rows = [["1", "2"]] * n + [["1"], ["1", "2", "3"]]

    with pytest.raises(RowsRefused) as caught:
        reader_of(number_column("a"), number_column("b")).read_features(rows)

    assert [(cell.row, cell.column) for cell in caught.value.cells] == [(n + 1, "b"), (n + 2, "b")]


@pytest.mark.parametrize("n", [1, 20], ids=["few rows", "many rows"])
def test_a_text_may_be_as_long_as_allowed_and_no_longer(n):
    columns = (category_column("colour"), column("note", "text"), date_column("joined"), number_column("age"))
    for one in columns:
        reader = reader_of(one, max_cell=6)
        long = "0000000" if one.kind == "number" else "overlong"
        with pytest.raises(RowsRefused, match="at most 6 characters"):
            reader.read_features([[long]] * n)
        with pytest.raises(RowsRefused, match="at most 6 characters"):
            reader.read_columns({one.name: pa.array([long] * n)}, n)
        if one.kind != "date":
            assert reader.read_features([["000007"]] * n).n_rows == n


def rows_out_of_the_ordinary(n):
    rows = [[1.0, "red", "2011-01-31"] for _ in range(n)]
    rows[1] = [11.0, "pink", "1999-01-01"]
    rows[2] = ["10", "", "2020-06-30T12:00:00.000001"]
    return rows


@pytest.mark.parametrize("n", [3, 20], ids=["few rows", "many rows"])
def test_unseen_and_outlying_cells_are_counted_by_column(n):
    reader = reader_of(number_column("age"), category_column("colour"), date_column("joined"))

    read = reader.read_features(rows_out_of_the_ordinary(n))

    assert (read.unseen, read.out_of_range) == ({"colour": 1}, {"age": 1, "joined": 2})


@pytest.mark.parametrize("n", [3, 20], ids=["few rows", "many rows"])
def test_unseen_and_outlying_cells_are_refused_where_the_service_says_so(n):
    columns = (number_column("age"), category_column("colour"), date_column("joined"))
    rows = rows_out_of_the_ordinary(n)

    with pytest.raises(RowsRefused) as unseen:
        reader_of(*columns, unseen="error").read_features(rows)
    with pytest.raises(RowsRefused) as outside:
        reader_of(*columns, out_of_range="error").read_features(rows)

    assert [tuple(cell) for cell in unseen.value.cells] == [
        (2, "colour", "must be a category that the model was trained on")
    ]
    assert [(cell.row, cell.column) for cell in outside.value.cells] == [(2, "age"), (2, "joined"), (3, "joined")]
    assert outside.value.cells[0].rule == "must be from -10 to 10, as in training"


def test_a_missing_column_is_refused_once():
    with pytest.raises(RowsRefused) as caught:
        reader_of(number_column("a"), number_column("b")).read_columns({"a": [1.0] * 50}, 50)

    assert [tuple(cell) for cell in caught.value.cells] == [(1, "b", "is missing")]


@pytest.mark.parametrize("cells", [[1.0], np.zeros((3, 2))], ids=["too few", "two dimensions"])
def test_columns_of_another_shape_are_malformed(cells):
    with pytest.raises(MalformedRows, match="'a'"):
        reader_of(number_column("a")).read_columns({"a": cells}, 3)


@pytest.mark.parametrize(
    "cells",
    [pa.array([[1], [2]]), pa.array([b"\xff", b"a"]), np.array([1j, 2j]), np.array([(1,), (2,)], dtype="i4,")],
    ids=["lists", "bytes", "complex", "records"],
)
def test_cells_that_are_no_plain_values_are_refused(cells):
    for one in EVERY_KIND:
        with pytest.raises(RowsRefused):
            reader_of(one).read_columns({one.name: cells}, 2)


def test_no_rows_are_read_as_no_rows():
    reader = reader_of()
    empty = {column.name: [] for column in EVERY_KIND}

    for read in (reader.read_records([]), reader.read_features([]), reader.read_columns(empty, 0)):
        assert read.n_rows == 0
        assert told_rows(read) == ([[]] * len(EVERY_KIND), {}, {})


def test_reading_changes_nothing_in_the_columns_that_were_given():
    numbers = np.array([1.0, -999.0, 5.0])
    numbers.setflags(write=False)

    read = reader_of(number_column("a"), missing_values=("-999",)).read_columns({"a": numbers}, 3)

    assert told_rows(read)[0] == [[1.0, None, 5.0]]
    assert numbers.tolist() == [1.0, -999.0, 5.0]


def test_reading_json_imports_nothing_heavy():
    code = (
        "import sys; import mlcli.data.row_reader, mlcli.data.cells;"
        "heavy = {'pydantic', 'pandas', 'pyarrow', 'sklearn', 'scipy', 'typer', 'ruamel'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr == ""
