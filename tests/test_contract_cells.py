"""One cell, one meaning: alone or in a column, whatever type carried it."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.data.arrays import type_cells
from mlcli.data.cells import (
    BadCell,
    Missing,
    canonical,
    parse_boolean,
    parse_number,
    read_boolean,
    read_date,
    read_level,
    read_number,
    read_text,
    text_of,
)
from mlcli.data.dates import FORMS, ISO, parse_date

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True)
MISSING = Missing.of(["NA", " ? ", "-999"])

texts = st.one_of(
    st.text(max_size=12),
    st.text(alphabet="0123456789+-.eE naiNfF_", max_size=8),
    st.floats().map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(
        ["NA", " NA", "?", "-999", "-999.0", "", " ", "nan", "NaN", "nan(1)", "inf", "Infinity", "1e400", "0x1", "+1"]
    ),
    st.sampled_from(["true", "FALSE", "Yes", "n", "1", "0", "1.0", "TRUE ", "on"]),
)
clock = st.builds(
    "{}{:02d}{}{}{}".format,
    st.sampled_from([" ", "T", ", ", "  "]),
    st.integers(0, 25),
    st.sampled_from(["", ":00", ":59", ":60"]),
    st.sampled_from(["", ":07", ":07.5", ":59.1234567", " PM", "am"]),
    st.sampled_from(["", "Z", "+01:00", "-0530", " UTC", "+24:00", "-09"]),
)
day = st.builds(
    lambda form, y, m, d: form.format(y=y, m=m, d=d),
    st.sampled_from(
        [
            "{y:04d}-{m:02d}-{d:02d}",
            "{y}-{m}-{d}",
            "{d}/{m}/{y}",
            "{m}/{d}/{y}",
            "{y}/{m}/{d}",
            "{d}.{m}.{y}",
            "Mon, {d} Feb {y}",
            "Sept {d}, {y}",
            "Foo {d} {y}",
            "{y:04d}{m:02d}{d:02d}",
            "{m}/{y}",
            "{y}年{m}月{d}日",
        ]
    ),
    st.sampled_from([0, 1, 11, 69, 1900, 2000, 2011, 9999]),
    st.integers(0, 13),
    st.integers(0, 32),
)
date_texts = st.one_of(st.builds("{}{}".format, day, st.one_of(st.just(""), clock)), texts)


def alone(read, cells):
    """Return each cell read by itself: its value, None for missing, "bad" for a bad one."""
    values = []
    for cell in cells:
        try:
            values.append(read(cell))
        except BadCell:
            values.append("bad")
    return values


def together(cells, kind, *, storage=None, form=None, column=None):
    """Return the same cells read as a column."""
    column = pa.chunked_array([pa.array(cells, pa.string())]) if column is None else column
    typed = type_cells(column, MISSING, kind=kind, storage=storage or kind, form=form)
    bad = np.zeros(len(column), dtype=bool) if typed.bad is None else typed.bad
    values = typed.cells.tolist() if isinstance(typed.cells, np.ndarray) else typed.cells.to_pylist()
    return [
        "bad" if is_bad else None if value is None or value != value else value
        for value, is_bad in zip(values, bad, strict=True)
    ]


@pytest.mark.parametrize("size", [1, 12])
@given(data=st.data())
@PROPERTY
def test_a_column_of_numbers_reads_as_its_cells_do(size, data):
    cells = data.draw(st.lists(texts, min_size=size, max_size=size))

    assert together(cells, "number") == alone(lambda cell: read_number(cell, MISSING), cells)


@given(st.lists(texts, max_size=12))
@PROPERTY
def test_a_column_of_booleans_reads_as_its_cells_do(cells):
    assert together(cells, "boolean") == alone(lambda cell: read_boolean(cell, MISSING), cells)


@pytest.mark.parametrize("storage", ["text", "number", "boolean"])
@given(cells=st.lists(texts, max_size=12))
@PROPERTY
def test_a_column_of_categories_reads_as_its_cells_do(storage, cells):
    expected = alone(lambda cell: read_level(cell, MISSING, storage=storage), cells)

    assert together(cells, "category", storage=storage) == expected


@given(st.lists(texts, max_size=12))
@PROPERTY
def test_a_column_of_texts_reads_as_its_cells_do(cells):
    assert together(cells, "text") == alone(lambda cell: read_text(cell, MISSING), cells)


@pytest.mark.parametrize("size", [1, 12])
@given(data=st.data())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_a_column_of_dates_reads_as_its_cells_do(size, data):
    form = data.draw(st.sampled_from([None, *FORMS]))
    cells = data.draw(st.lists(date_texts, min_size=size, max_size=size))

    assert together(cells, "date", form=form) == alone(lambda cell: read_date(cell, MISSING, form=form), cells)


def test_comparing_a_column_with_its_cells_can_fail():
    """The comparison that the properties rest on tells a difference."""
    assert together(["1", "x"], "number") == [1.0, "bad"]
    assert together(["1"], "number") != alone(lambda cell: read_number(cell, MISSING), ["2"])


def carriers_of_whole_numbers(numbers):
    filled = [0 if n is None else n for n in numbers]
    yield pa.array([None if n is None else str(n) for n in numbers], pa.string())
    yield pa.array([None if n is None else f" {n} " for n in numbers], pa.large_string())
    yield pa.array([None if n is None else f"{n}.0" for n in numbers]).dictionary_encode()
    yield pa.array(numbers, pa.int32())
    yield pa.array(numbers, pa.float64())
    yield pa.array([float("nan") if n is None else n for n in numbers], pa.float64())
    yield pa.array(numbers, pa.float64()).dictionary_encode()
    yield pa.array([None if n is None else Decimal(n) for n in numbers], pa.decimal128(20, 3))
    if all(-128 <= n < 128 for n in filled):
        yield pa.array(numbers, pa.int8())
    if all(n >= 0 for n in filled):
        yield pa.array(numbers, pa.uint64())


@pytest.mark.parametrize("kind", ["number", "category"])
@given(numbers=st.lists(st.one_of(st.none(), st.integers(-1000, 1000), st.integers(-5, 5)), max_size=8))
@PROPERTY
def test_a_number_means_the_same_whatever_type_carries_it(kind, numbers):
    columns = [together(None, kind, storage="number", column=array) for array in carriers_of_whole_numbers(numbers)]

    assert all(column == columns[0] for column in columns)


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), max_size=8))
@PROPERTY
def test_a_float_and_its_text_are_the_same_number_and_the_same_category(numbers):
    as_text = pa.array([None if n is None else repr(n) for n in numbers], pa.string())
    as_float = pa.array(numbers, pa.float64())

    for kind in ("number", "category"):
        assert together(None, kind, storage="number", column=as_text) == together(
            None, kind, storage="number", column=as_float
        )


@pytest.mark.parametrize("kind", ["boolean", "category"])
@given(values=st.lists(st.sampled_from([None, True, False]), max_size=8))
@PROPERTY
def test_true_and_false_mean_the_same_as_text_and_as_truth_value(kind, values):
    words = pa.array([None if v is None else str(v) for v in values], pa.string())
    truths = pa.array(values, pa.bool_())

    assert together(None, kind, storage="boolean", column=words) == together(
        None, kind, storage="boolean", column=truths
    )


@given(
    st.lists(
        st.one_of(st.none(), st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))),  # noqa: DTZ001 - what arrow holds
        max_size=8,
    )
)
@PROPERTY
def test_a_moment_means_the_same_whatever_type_carries_it(moments):
    aware = [None if m is None else m.replace(tzinfo=UTC) for m in moments]
    east = timezone(timedelta(hours=5, minutes=30))
    carriers = [
        pa.array([None if m is None else m.isoformat() for m in moments], pa.string()),
        pa.array([None if m is None else str(m) for m in moments], pa.large_string()),
        pa.array([None if m is None else f"{m.isoformat()}Z" for m in moments], pa.string()),
        pa.array([None if m is None else m.astimezone(east).isoformat() for m in aware], pa.string()),
        pa.array(moments, pa.timestamp("us")),
        pa.array(moments, pa.timestamp("ns")),
        pa.array(aware, pa.timestamp("us", tz="Asia/Tokyo")),
        pa.array(moments, pa.timestamp("us")).dictionary_encode(),
    ]
    columns = [together(None, "date", form=ISO, column=array) for array in carriers]

    assert columns[0] == moments
    assert all(column == columns[0] for column in columns)


def test_a_day_means_the_same_as_text_date_and_midnight():
    carriers = [
        pa.array(["2011-01-02"]),
        pa.array([date(2011, 1, 2)], pa.date32()),
        pa.array([date(2011, 1, 2)], pa.date64()),
        pa.array([datetime(2011, 1, 2)], pa.timestamp("s")),  # noqa: DTZ001 - what arrow holds
    ]

    for kind in ("date", "category", "text"):
        columns = [together(None, kind, storage="text", column=array) for array in carriers]
        assert all(column == columns[0] for column in columns)


def test_a_time_of_day_means_the_same_as_text_and_as_time():
    times = pa.array([time(3, 4, 5), None], pa.time64("us"))

    assert together(None, "category", storage="text", column=times) == ["03:04:05", None]
    assert text_of(time(3, 4, 5)) == "03:04:05"


def test_a_native_date_outside_the_calendar_is_a_bad_cell():
    assert together(None, "date", column=pa.array([10**17, 0], pa.timestamp("s"))) == ["bad", datetime(1970, 1, 1)]  # noqa: DTZ001 - what arrow holds


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3.0), ("+3.", 3.0), (".5", 0.5), ("1E-2", 0.01), ("007", 7.0), ("-0", 0.0)],
)
def test_texts_that_are_numbers(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "1,5", "1_000", "0x10", "1e", "e1", ".", "--1", "٣", "inf", "1e400", "nan", "1\n"]
)
def test_texts_that_are_no_numbers(text):
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("3", "3"),
        ("3.0", "3"),
        ("+03", "3"),
        ("-0", "0"),
        ("1e3", "1000"),
        ("0.10", "0.1"),
        ("9007199254740993", "9007199254740993"),
        ("x", "x"),
    ],
)
def test_a_number_has_one_text(text, one):
    assert canonical(text) == one


def test_a_number_of_thousands_of_digits_is_a_text_like_any_other():
    assert canonical("1" * 5000) == "1" * 5000
    assert parse_number("1" * 5000) is None


@pytest.mark.parametrize("word", ["true", "True", "YES", "y", "T", "1", "1.0"])
def test_words_for_true(word):
    assert parse_boolean(word) is True


@pytest.mark.parametrize("word", ["maybe", "", "2", "on", "yess"])
def test_words_that_are_neither_true_nor_false(word):
    assert parse_boolean(word) is None


def test_only_blank_cells_are_missing_unless_the_config_says_more():
    plain = Missing.of([])

    assert [text_of(cell) for cell in (None, "", "  ", float("nan"))] == [None] * 4
    assert [read_text(cell, plain) for cell in ("NA", "None", "Unknown", "nan")] == ["NA", "None", "Unknown", "nan"]
    assert read_text(" NA ", MISSING) is None
    assert read_text("NAN", MISSING) == "NAN"


def test_a_missing_number_is_missing_however_it_is_written():
    assert [read_number(cell, MISSING) for cell in ("-999", "-999.0", -999, -999.0, "nan")] == [None] * 5
    assert read_number("-99", MISSING) == -99


@pytest.mark.parametrize("cell", [[1], {"a": 1}, b"x"])
def test_nested_cells_are_refused(cell):
    with pytest.raises(BadCell):
        text_of(cell)


@pytest.mark.parametrize(
    ("text", "form", "moment"),
    [
        ("2011-01-02", None, (2011, 1, 2)),
        ("2011-01-02T03:04:05.25Z", None, (2011, 1, 2, 3, 4, 5, 250000)),
        ("2011-01-02 03:04+02:00", None, (2011, 1, 2, 1, 4)),
        ("31/01/2011", "%d/%m/%Y", (2011, 1, 31)),
        ("01/31/2011 9:05 PM", "%m/%d/%Y", (2011, 1, 31, 21, 5)),
        ("31.01.2011", "%d.%m.%Y", (2011, 1, 31)),
        ("Jan 2 2011", "%b %d %Y", (2011, 1, 2)),
        ("January 2nd, 2011", "%b %d %Y", (2011, 1, 2)),
        ("Mon, 22 Jul 2002 10:00:00 +0200", "%d %b %Y", (2002, 7, 22, 8)),
        ("02-Jan-69", "%d %b %Y", (1969, 1, 2)),
        ("20110102", "%Y%m%d", (2011, 1, 2)),
        ("01/20", "%m/%y", (2020, 1, 1)),
        ("2011年1月2日", "%Y年%m月%d日", (2011, 1, 2)),
        ("2011-01-02", "%d/%m/%Y", (2011, 1, 2)),
    ],
)
def test_dates_in_many_forms(text, form, moment):
    assert parse_date(text, form=form) == datetime(*moment)  # noqa: DTZ001 - the contract's dates have no zone


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2011-02-30", None),
        ("0000-01-01", None),
        ("2011-01-02 24:00", None),
        ("2011-01-02 23:60", None),
        ("2011-01-02 23:59:60", None),
        ("2011-01-02 13:00 PM", None),
        ("2011-01-02Z", None),
        ("31/01/2011", None),
        ("31/01/2011", "%m/%d/%Y"),
        ("Foo 2 2011", "%b %d %Y"),
        ("20110102", None),
    ],
)
def test_texts_that_are_no_dates(text, form):
    assert parse_date(text, form=form) is None
    # The zone sends the whole column the slow way, by regular expressions.
    assert together([text, "2011-01-01 00:00Z"], "date", form=form)[0] == "bad"
