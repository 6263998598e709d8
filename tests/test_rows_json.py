"""The JSON body of a request: three shapes, one meaning, and a reason for every refusal."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows_samples import (
    EVERY_KIND,
    MISSING_VALUES,
    category_column,
    column,
    json_cells,
    number_column,
    reader_of,
    told_rows,
)

from mlcli.data.row_reader import MalformedRows, RowsRefused, TooManyRows

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
NAMES = [column.name for column in EVERY_KIND]
ROW = dict(zip(NAMES, [1.5, 2, True, "red", 2.5, False, "2011-01-31", "some text"], strict=True))


@pytest.fixture(scope="module")
def reader():
    return reader_of(missing_values=MISSING_VALUES)


def outcome(read, *arguments, **options):
    """Return what is read, or which cells are refused and why."""
    try:
        return told_rows(read(*arguments, **options))
    except RowsRefused as error:
        return sorted(error.cells), error.n_bad


def bodies(rows):
    """Return the same rows in every shape and order in which a body may hold them."""
    records = [dict(zip(NAMES, row, strict=True)) for row in rows]
    yield json.dumps({"rows": records})
    yield json.dumps({"features": rows})
    yield json.dumps({"id": [1, {"rows": 2}], "rows": records}, ensure_ascii=False)
    yield json.dumps({"rows": [{"more": [None], **dict(reversed(row.items()))} for row in records]}, indent=1)
    if len(records) == 1:
        yield json.dumps(records[0])
        yield json.dumps({"z": [{}], **records[0]})


@given(rows=st.lists(st.lists(json_cells, min_size=len(NAMES), max_size=len(NAMES)), max_size=12))
@PROPERTY
def test_a_body_reads_as_its_rows_do(rows):
    reader = reader_of(missing_values=MISSING_VALUES)
    expected = outcome(reader.read_features, rows)

    for body in bodies(rows):
        # What JSON cannot hold (half a surrogate pair) is refused as malformed, not misread.
        try:
            text = body.encode()
            found = outcome(reader.read_json, text, max_rows=12)
        except (UnicodeEncodeError, MalformedRows):
            assert any(0xD800 <= ord(letter) < 0xE000 for row in rows for cell in row for letter in str(cell))
        else:
            assert found == expected


@pytest.mark.parametrize("n", [1, 10], ids=["one row", "many rows"])
@given(data=st.data())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_usual_cells_take_the_quick_way_to_the_same_answer(n, data):
    usual = st.tuples(
        st.one_of(st.none(), st.floats(-20, 20)),
        st.one_of(st.none(), st.floats(-1e9, 1e9), st.integers(-(2**60), 2**60)),
        st.sampled_from([None, True, False, "yes", 0, 1.0]),
        st.sampled_from([None, "red", "green", "pink", "", " red", "7", "naïve"]),
        st.sampled_from([None, 1, 2.5, -4, 8, "1.0", 2**53 + 1, 2**53, 1.0]),
        st.sampled_from([None, True, False, "TRUE", "maybe"]),
        st.sampled_from([None, "2011-01-31", "31/01/2011", "1999-01-01T05:00:00"]),
        st.sampled_from([None, "", " a text ", "NA"]),
    )
    rows = data.draw(st.lists(usual, min_size=n, max_size=n))
    reader = reader_of(missing_values=data.draw(st.sampled_from([(), ("NA", "-4")])))
    records = [dict(zip(NAMES, row, strict=True)) for row in rows]

    assert reader._typed.rows(json.dumps({"rows": records}).encode()) is not None
    assert outcome(reader.read_json, json.dumps({"rows": records}).encode(), max_rows=n) == outcome(
        reader.read_records, records
    )


@pytest.mark.parametrize("n", [2, 20], ids=["few rows", "many rows"])
def test_a_null_is_missing_and_an_absent_cell_is_an_error(n):
    reader = reader_of(number_column("a"), number_column("b"))
    rows = [{"a": None, "b": 1}] * n

    assert told_rows(reader.read_json(json.dumps({"rows": rows}).encode(), max_rows=n))[0][0] == [None] * n
    with pytest.raises(RowsRefused) as caught:
        reader.read_json(json.dumps({"rows": [*rows, {"a": "x"}]}).encode(), max_rows=n + 1)
    assert [tuple(cell) for cell in caught.value.cells] == [
        (n + 1, "a", "must be a number"),
        (n + 1, "b", "is missing"),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "truncated"),
        (b"nope", "Invalid character (byte 4)"),
        (b'{"a": 1', "truncated"),
        (b'{"a": 1} 2', "Trailing characters"),
        (b'{"a": NaN}', "byte 6"),
        (b'{"a": -Infinity}', "byte 7"),
        (b'{"rows": [{"a": 01}]}', "byte 17"),
        (b'{"rows": [{"a": 1, "z": "\xff"}]}', "offset 25"),
        (b'{"rows": [{"a": "\\ud800"}]}', "JSON"),
        (b'{"rows": [{"a": 1}], "features": [[1]]}', "Got both"),
        (b'{"features": [], "rows": []}', "Got both"),
        (b'{"rows": {"a": 1}}', '"rows" must be an array'),
        (b'{"features": 1}', '"features" must be an array'),
        (b'{"rows": [1]}', "Row 1 must be an object"),
        (b'{"rows": [{"a": 1}, [1]]}', "Row 2 must be an object"),
        (b'{"features": [[1], {"a": 1}]}', "Row 2 must be an array"),
        (b"[[1]]", "JSON object"),
        (b"3", "JSON object"),
        (b'{"rows": ' + b"[" * 200_000, "nested"),
        (b'{"z": ' * 200_000, "nested"),
    ],
    ids=lambda part: part[:24].decode("latin-1") if isinstance(part, bytes) else part,
)
def test_a_malformed_body_is_refused_with_its_reason(body, said):
    with pytest.raises(MalformedRows) as caught:
        reader_of(number_column("a")).read_json(body, max_rows=100_000)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["1", "1.0", '"1"', '" 1.0 "', "1e0", "10e-1", '"+1"', "0.1e1"],
)
def test_a_number_may_be_written_in_any_way(text):
    reader = reader_of(number_column("a"), category_column("size", "number"))

    for body in (f'{{"a": {text}, "size": {text}}}', f'{{"rows": [{{"size": {text}, "a": {text}}}]}}'):
        assert told_rows(reader.read_json(body.encode(), max_rows=1))[0] == [[1.0], [0]]


@pytest.mark.parametrize(
    ("text", "number", "code"),
    [
        ("9007199254740993", 9007199254740992.0, 3),
        ("9007199254740993.0", 9007199254740992.0, 5),
        ("100000000000000000000", 1e20, 4),
        ("1e20", 1e20, 4),
        ("123456789012345678901234567890", 1.2345678901234568e29, 5),
        ("-0", 0.0, 5),
    ],
)
def test_whole_numbers_of_any_size_are_read(text, number, code):
    reader = reader_of(column("n", "number"), category_column("size", "number"))
    body = f'{{"n": {text}, "size": {text}}}'.encode()

    assert told_rows(reader.read_json(body, max_rows=1))[0] == [[number], [code]]


@pytest.mark.parametrize("text", ["1e400", "-1e999", "9" * 400, "9" * 5000], ids=lambda text: text[:6])
def test_a_number_that_no_float_holds_is_a_bad_cell_not_a_malformed_body(text):
    with pytest.raises(RowsRefused, match="row 2, column 'n' must be a number"):
        reader_of(column("n", "number"), max_cell=5000).read_json(
            b'{"rows": [{"n": 1}, {"n": %b}]}' % text.encode(), max_rows=2
        )

    read = reader_of(category_column("size", "number"), max_cell=5000).read_json(
        b'{"size": %b}' % text.encode(), max_rows=1
    )
    assert read.unseen == {"size": 1}


@pytest.mark.parametrize("text", ["true", "[1]", '{"a": 1}', "[]", '"x"'])
def test_what_is_no_number_is_a_bad_cell(text):
    for body in (f'{{"a": {text}}}', f'{{"rows": [{{"a": {text}}}]}}', f'{{"features": [[{text}]]}}'):
        with pytest.raises(RowsRefused, match="row 1, column 'a'"):
            reader_of(number_column("a")).read_json(body.encode(), max_rows=1)


def test_of_a_name_given_twice_the_last_counts():
    reader = reader_of(number_column("a"))

    for body in (b'{"a": 1, "a": 2}', b'{"a": "x", "a": 2}', b'{"rows": [{"a": [], "a": "2"}]}'):
        assert told_rows(reader.read_json(body, max_rows=1))[0] == [[2.0]]


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "", "rows", "features", "c0", "日本", "__class__", "class"])
def test_a_column_may_have_any_name(name):
    reader = reader_of(number_column(name), number_column("other"))
    row = {name: 1.5, "other": 2}

    for body in ({"rows": [row]}, row, {"features": [[1.5, 2]]}):
        assert told_rows(reader.read_json(json.dumps(body).encode(), max_rows=1))[0] == [[1.5], [2.0]]


def test_a_byte_order_mark_is_passed_over():
    assert reader_of(number_column("a")).read_json(b'\xef\xbb\xbf{"a": 1}', max_rows=1).n_rows == 1


@pytest.mark.parametrize("body", [b'{"rows": []}', b'{"features": []}', b' {"rows" : [ ] , "x": 1}'])
def test_an_empty_list_holds_no_rows(body):
    assert told_rows(reader_of().read_json(body, max_rows=1)) == ([[]] * len(NAMES), {}, {})


@pytest.mark.parametrize("cell", ["1", '"1"'], ids=["quick way", "slow way"])
@pytest.mark.parametrize("shape", ['{{"rows": [{}]}}', '{{"features": [{}]}}'], ids=["rows", "features"])
def test_a_body_may_have_so_many_rows_and_no_more(shape, cell):
    reader = reader_of(number_column("a"))
    row = f'{{"a": {cell}}}' if "rows" in shape else f"[{cell}]"

    assert reader.read_json(shape.format(", ".join([row] * 20)).encode(), max_rows=20).n_rows == 20
    for n in (21, 5000):
        with pytest.raises(TooManyRows, match="at most 20 rows"):
            reader.read_json(shape.format(", ".join([row] * n)).encode(), max_rows=20)


@pytest.mark.parametrize(
    "text", ['{[\\"', '{"', "[\\\\", "{日"], ids=["escaped", "quoted", "backslashes", "long letters"]
)
def test_brackets_inside_texts_are_no_rows(text):
    rows = [{"note": text * 500}] * 3
    body = json.dumps({"rows": rows}, ensure_ascii=False).encode()

    reader = reader_of(column("note", "text"), max_cell=10_000)

    assert reader.read_json(body, max_rows=3).as_columns().columns[0] == [text * 500] * 3
    with pytest.raises(TooManyRows):
        reader.read_json(json.dumps({"rows": rows, "x": [[]] * 500}).encode(), max_rows=3)


@pytest.mark.parametrize("n_rows", [1, 3])
def test_rows_may_have_thousands_of_cells_that_nobody_asks_for_and_no_more(n_rows):
    reader = reader_of(number_column("a"))

    def body(n_cells):
        stray = {f"column of another table {i}": i for i in range(n_cells)}
        return json.dumps({"rows": [{"a": 1, **stray}] * n_rows}).encode()

    assert reader.read_json(body(9_000), max_rows=3).n_rows == n_rows
    with pytest.raises(MalformedRows, match="at most 10,000 cells that are no column"):
        reader.read_json(body(50_000), max_rows=3)


def test_commas_inside_texts_are_no_cells():
    text = 'a, "quoted"; ' * 20_000 + "end"
    reader = reader_of(column("note", "text"), max_cell=10**6)

    assert reader.read_json(json.dumps({"rows": [{"note": text}]}).encode(), max_rows=3).as_columns().columns[0] == [
        text
    ]


def test_a_text_is_measured_in_characters_not_bytes():
    reader = reader_of(column("note", "text"), max_cell=3)

    assert reader.read_json(json.dumps({"note": "日本語"}).encode(), max_rows=1).n_rows == 1
    with pytest.raises(RowsRefused, match="row 1, column 'note' must have at most 3 characters"):
        reader.read_json(json.dumps({"note": "日本語!"}).encode(), max_rows=1)


def test_few_rows_come_as_rows_and_many_as_columns():
    reader = reader_of()

    few = reader.read_json(json.dumps({"rows": [ROW]}).encode(), max_rows=50)
    many = reader.read_json(json.dumps({"rows": [ROW] * 50}).encode(), max_rows=50)

    assert few.columns is None
    assert [len(row) for row in few.rows] == [len(NAMES)]
    assert many.rows is None
    assert len(many.columns) == 50
    assert all(cells.flags.c_contiguous for cells in many.columns.columns[:-1])


def read_or_refused(reader, body):
    """Return what was read, or the message of the one of three errors that may be raised."""
    try:
        return reader.read_json(body, max_rows=3)
    except (RowsRefused, MalformedRows, TooManyRows) as error:
        return error.message


@given(st.one_of(st.binary(max_size=60), st.text(alphabet='{}[]":,rowsfeatu 1.e\\x', max_size=60).map(str.encode)))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_body_does_more_than_be_refused(reader, body):
    for text in (body, b'{"rows": [' + body, b'{"rows": [{"age": ' + body + b"}]}"):
        assert read_or_refused(reader, text)


@given(where=st.integers(0, 10_000), byte=st.integers(0, 255))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_body_with_one_byte_changed_is_read_or_refused(reader, where, byte):
    body = bytearray(json.dumps({"rows": [ROW, ROW]}).encode())
    body[where % len(body)] = byte
    assert read_or_refused(reader, bytes(body))
