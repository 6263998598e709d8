import csv
import datetime as dt
import gzip
import io
import json
import logging
import sqlite3

import msgspec
import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import mlcli.data.read_jsonl
from mlcli.config.sections import DataConfig
from mlcli.data.reading import iter_tables, read_table
from mlcli.data.source import Source, fingerprint, resolve_source
from mlcli.errors import ConfigError, DataError, MissingExtraError

moment = dt.datetime.fromisoformat

COLUMNS = ("n", "whole", "text", "flag", "day")


def write_csv(path, rows, *, separator=",", encoding="utf-8", opener=open):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    with opener(path, "wb") as file:
        file.write(text.getvalue().encode(encoding))


def write_parquet(path, rows):
    kinds = [pa.float64(), pa.int64(), pa.dictionary(pa.int32(), pa.string()), pa.bool_(), pa.date32()]
    cells = list(zip(*rows, strict=True))
    parquet.write_table(pa.table({c: pa.array(v, k) for c, v, k in zip(COLUMNS, cells, kinds, strict=True)}), path)


def write_jsonl(path, rows):
    # A missing cell is a missing key, except in the first row: pandas writes null, others leave the key out.
    dicts = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    path.write_bytes(
        b"\n".join(
            msgspec.json.encode({k: v for k, v in d.items() if i == 0 or v is not None}) for i, d in enumerate(dicts)
        )
    )


def write_json_array(path, rows):
    path.write_bytes(msgspec.json.format(msgspec.json.encode([dict(zip(COLUMNS, row, strict=True)) for row in rows])))


def write_excel(path, rows):
    workbook = openpyxl.Workbook()
    workbook.active.append(COLUMNS)
    for row in rows:
        workbook.active.append(row)
    workbook.save(path)


def write_sqlite(path, rows):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (n REAL, whole INTEGER, text TEXT, flag BOOLEAN, day TEXT)")
        database.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?, ?)",
            [(*row[:4], None if row[4] is None else row[4].isoformat()) for row in rows],
        )
    database.close()


WRITERS = {
    "t.csv": write_csv,
    "t.tsv": lambda path, rows: write_csv(path, rows, separator="\t"),
    "t.csv.gz": lambda path, rows: write_csv(path, rows, opener=gzip.open),
    "semicolon.csv": lambda path, rows: write_csv(path, rows, separator=";"),
    "utf16.csv": lambda path, rows: write_csv(path, rows, encoding="utf-16"),
    "t.parquet": write_parquet,
    "t.jsonl": write_jsonl,
    "t.json": write_json_array,
    "t.xlsx": write_excel,
    "t.sqlite": write_sqlite,
}


def config_for(name):
    if name.endswith(".sqlite"):
        return DataConfig(url=f"sqlite:///{name}", query="SELECT * FROM t", target="n")
    return DataConfig(path=name, target="n")


def plain(value, column):
    """Return a cell as the contract would type it, whatever the format made of it."""
    if value is None or value == "":
        return None
    if column in {"n", "whole"}:
        return float(value)
    if column == "flag":
        return str(value).lower() in {"true", "1"}
    if column == "day":
        return str(value)[:10]
    return value


def canonical(tables):
    return [tuple(plain(row[column], column) for column in COLUMNS) for table in tables for row in table.to_pylist()]


# Fifteen digits: openpyxl writes no more than sixteen.
NUMBER = st.floats(-1e300, 1e300).map(lambda number: float(f"{number:.15g}"))
# No blank texts: every text format reads them as missing. openpyxl refuses control characters, Excel strips line ends.
TEXT = st.text(
    st.one_of(
        st.sampled_from(list(",;|\t\"\n' ")),
        st.characters(min_codepoint=33, max_codepoint=0xFFEF, exclude_categories=["C"]),
    ),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip() and text[0] != "=" and "_x" not in text)
ROW = st.tuples(
    st.none() | NUMBER,
    st.none() | st.integers(-(2**53), 2**53),
    st.none() | TEXT,
    st.none() | st.booleans(),
    st.none() | st.dates(dt.date(1905, 1, 1), dt.date(2200, 1, 1)),
)


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(ROW.filter(lambda row: any(cell is not None for cell in row)), min_size=1, max_size=6))
def test_every_format_gives_the_same_table_for_the_same_content(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("same")
    expected = [tuple(plain(cell, column) for cell, column in zip(row, COLUMNS, strict=True)) for row in rows]
    for name, write in WRITERS.items():
        write(folder / name, rows)
        source = resolve_source(config_for(name), base=folder)

        table = read_table(source)

        assert table.column_names == list(COLUMNS), name
        assert canonical([table]) == expected, name
        assert canonical(iter_tables(source, batch_rows=2)) == expected, name


ROWS = [
    (1.5, 1, 'x,"y"\nz', True, dt.date(2020, 1, 2)),
    (None, None, None, None, None),
    (2.0, 3, "中", False, dt.date(2021, 1, 1)),
]


@pytest.fixture
def write(tmp_path):
    """Write one file and return its source."""

    def build(name, content, **settings):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return resolve_source(DataConfig(path=name, target="y", **settings), base=tmp_path)

    return build


def refused(source, kind=DataError):
    with pytest.raises(kind) as whole:
        read_table(source)
    with pytest.raises(kind) as pieces:
        list(iter_tables(source))
    assert str(pieces.value) == str(whole.value)
    assert whole.value.hint
    return str(whole.value)


class TestJsonLines:
    def test_texts_that_look_like_dates_stay_texts(self, write):
        table = read_table(write("t.jsonl", '{"a": 1, "day": "2020-01-02", "b": "x"}\n{"a": 2, "day": null}\n'))
        assert table.to_pydict() == {"a": [1, 2], "day": ["2020-01-02", None], "b": ["x", None]}
        assert table.schema.field("day").type == pa.string()

    def test_a_column_of_several_types_is_text(self, write, caplog):
        caplog.set_level(logging.INFO)
        table = read_table(write("t.jsonl", '{"a": 1}\n{"a": "x"}\n{"a": true}\n{"a": 2.5}\n{"a": null}\n{"a": 3.0}\n'))
        assert table["a"].to_pylist() == ["1", "x", "true", "2.5", None, "3"]
        assert "column 'a' holds values of several types" in caplog.text

    def test_types_that_change_between_blocks_meet(self, write, monkeypatch):
        monkeypatch.setattr(mlcli.data.read_jsonl, "_BLOCK", 64)
        lines = [{"a": i, "b": i, "d": "2020-01-01"} for i in range(30)]
        lines += [{"a": 0.5, "b": "x", "d": "later"}, {"late": True}]
        source = write("t.jsonl", "\n".join(map(json.dumps, lines)))

        table = read_table(source)
        pieces = list(iter_tables(source, batch_rows=5))

        assert table.schema.types == [pa.float64(), pa.string(), pa.string(), pa.bool_()]
        assert table["b"].to_pylist() == [*map(str, range(30)), "x", None]
        assert table["late"].to_pylist() == [None] * 31 + [True]
        assert {tuple(piece.column_names) for piece in pieces} == {("a", "b", "d", "late")}
        assert sum(piece.num_rows for piece in pieces) == 32

    def test_standard_input_is_streamed(self):
        source = Source(label="standard input", format="jsonl", stdin=True)
        pieces = list(iter_tables(source, stdin=io.BytesIO(b'{"a": 1}\n{"a": 2}\n')))
        assert [piece.to_pydict() for piece in pieces] == [{"a": [1, 2]}]

    def test_nan_is_missing(self, write):
        assert read_table(write("t.jsonl", '{"a": NaN, "b": "x"}\n{"a": "y", "b": 1}')).to_pydict() == {
            "a": [None, "y"],
            "b": ["x", "1"],
        }

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ('{"a": 1}\n\n{"a":\n', "line 3 must be one JSON object"),
            ('{"a": 1}\n[1]\n', "line 2 must be one JSON object. Got a JSON list"),
            ("1\n", "line 1 must be one JSON object. Got a JSON int"),
            ('{"a": 1}\n{"a": {"b": 1}}\n', "column 'a' must hold plain values"),
            ('{"a": [1]}\n', "Got a list in line 1"),
            ('{"a": 1, "a": 2}\n', "Got 'a' twice in line 1"),
            ('{"a": "\\ud800"}\n', "surrogate"),
            ('{"a": "x", "b": ' + "9" * 5000 + '}\n{"b": "x"}', "line 1 must be one JSON object"),
            ("[" * 100_000, "nested too deep"),
            ("", "empty file"),
            ("{}\n", "named values"),
            ("[]", "no rows"),
            ('[{"a": 1}, 2]', "element 2 of the array must be an object"),
            ('[{"a": 1},\n {"b":]', "line 2, character 7"),
            ('[{"a": {}}]', "column 'a' must hold plain values"),
        ],
    )
    def test_a_bad_line_is_named(self, content, message, write):
        assert message in refused(write("t.jsonl", content))

    def test_the_bad_line_is_right_far_into_a_file(self, write, monkeypatch):
        monkeypatch.setattr(mlcli.data.read_jsonl, "_BLOCK", 1000)
        assert "line 5001 must" in refused(write("t.jsonl", '{"a": 1}\n' * 5000 + "oops\n"))


class TestParquet:
    def test_types_become_plain(self, tmp_path):
        kinds = {
            "large": pa.large_string(),
            "view": pa.string_view(),
            "bytes": pa.binary(),
            "levels": pa.dictionary(pa.int8(), pa.string()),
        }
        columns = {name: pa.array(["x", None], kind) for name, kind in kinds.items()}
        columns["price"] = pa.array([1, None]).cast(pa.decimal128(21, 2))
        parquet.write_table(pa.table(columns), tmp_path / "t.parquet")

        table = read_table(resolve_source(DataConfig(path="t.parquet", target="y"), base=tmp_path))

        assert set(table.schema.types) == {pa.string(), pa.float64()}
        assert table.to_pylist()[0] == {"large": "x", "view": "x", "bytes": "x", "levels": "x", "price": 1.0}

    @pytest.mark.parametrize(
        "values",
        [pa.array([[1]]), pa.array([{"a": 1}]), pa.array([b"\xff"]), pa.array([1], pa.duration("s"))],
        ids=["list", "struct", "bytes", "duration"],
    )
    def test_a_column_without_plain_values_is_refused_by_name(self, values, tmp_path):
        parquet.write_table(pa.table({"odd one": values}), tmp_path / "t.parquet")
        source = resolve_source(DataConfig(path="t.parquet", target="y"), base=tmp_path)
        assert "column 'odd one' must hold plain values" in refused(source)

    @pytest.mark.parametrize("damage", ["empty", "text", "truncated", "altered", "zip"])
    def test_a_damaged_file_is_refused(self, damage, tmp_path, write):
        write_parquet(tmp_path / "t.parquet", ROWS * 1000)
        whole = (tmp_path / "t.parquet").read_bytes()
        content = {
            "empty": b"",
            "text": b"a,b\n1,2\n",
            "truncated": whole[:-100],
            "altered": whole[:10] + bytes(255 - byte for byte in whole[10:1000]) + whole[1000:],
            "zip": b"PK\x03\x04....",
        }[damage]
        message = refused(write("t.parquet", content))
        assert "t.parquet must be a whole Parquet file" in message
        assert ("zip archive" in message) == (damage == "zip")

    def test_a_file_without_rows_is_refused(self, tmp_path):
        parquet.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "t.parquet")
        assert "no rows" in refused(resolve_source(DataConfig(path="t.parquet", target="y"), base=tmp_path))

    def test_folder_names_are_no_columns(self, tmp_path):
        (tmp_path / "year=2024").mkdir()
        write_parquet(tmp_path / "year=2024" / "t.parquet", ROWS)
        table = read_table(resolve_source(DataConfig(path="year=2024/t.parquet", target="y"), base=tmp_path))
        assert table.column_names == list(COLUMNS)


class TestExcel:
    @pytest.fixture
    def book(self, tmp_path):
        workbook = openpyxl.Workbook()
        first = workbook.active
        first.title = "People"
        for row in [
            [],
            ["age", "score", "when", "mixed", None, "error", 2020],
            [1, 1.5, moment("2020-01-02T03:04"), 1, None, "#N/A", True],
            [],
            [2, 2, moment("2020-01-03T00:00"), "x", None, "ok", False],
        ]:
            first.append(row)
        workbook.create_sheet("Other").append(["a"])
        workbook.create_sheet("Empty")
        workbook.save(tmp_path / "t.xlsx")

        return lambda **settings: resolve_source(DataConfig(path="t.xlsx", target="y", **settings), base=tmp_path)

    def test_cells_keep_their_types(self, book):
        table = read_table(book())
        assert table.to_pydict() == {
            "age": [1, 2],
            "score": [1.5, 2.0],
            "when": [moment("2020-01-02T03:04"), moment("2020-01-03T00:00")],
            "mixed": ["1", "x"],
            "error": [None, "ok"],
            "2020": [True, False],
        }
        assert table.schema.field("age").type == pa.int64()

    @pytest.mark.parametrize(
        ("sheet", "message", "hint"),
        [
            ("peple", "Got 'peple'; it has 'People', 'Other', 'Empty'", "Did you mean 'People'?"),
            ("zzz", "Got 'zzz'", "Leave data.sheet out"),
            ("Other", "no rows", "written"),
            ("Empty", "empty sheet", "data.sheet"),
        ],
    )
    def test_a_sheet_that_cannot_be_used_is_said(self, sheet, message, hint, book):
        with pytest.raises(DataError) as caught:
            read_table(book(sheet=sheet))
        assert message in str(caught.value)
        assert hint in caught.value.hint

    @pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PK\x03\x04....", b"PAR1"])
    def test_what_is_no_workbook_is_refused(self, content, write):
        assert "t.xlsx must be an Excel workbook" in refused(write("t.xlsx", content))

    def test_the_extra_is_named_where_it_is_missing(self, book, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
        with pytest.raises(MissingExtraError, match=r"reading t\.xlsx needs the extra 'excel'"):
            read_table(book())


class TestSql:
    @pytest.fixture
    def database(self, tmp_path):
        write_sqlite(tmp_path / "t.sqlite", ROWS)

        def build(query="SELECT * FROM t", url="sqlite:///t.sqlite"):
            return resolve_source(DataConfig(url=url, query=query, target="n"), base=tmp_path)

        return build

    def test_rows_come_in_the_order_of_the_query(self, database):
        table = read_table(database("SELECT whole, text FROM t WHERE whole IS NOT NULL ORDER BY whole DESC"))
        assert table.to_pydict() == {"whole": [3, 1], "text": ["中", 'x,"y"\nz']}

    def test_a_colon_or_percent_sign_in_the_query_is_no_parameter(self, database):
        table = read_table(database("SELECT ':x' AS a, '12:30' AS b, '%s' AS c, '\\' AS d -- :y"))
        assert table.to_pylist() == [{"a": ":x", "b": "12:30", "c": "%s", "d": "\\"}]

    @pytest.mark.parametrize(
        "query", ["  -- rows\n select 1 AS a", "WITH q AS (SELECT 1 AS a) SELECT * FROM q", "/* rows */ VALUES (1)"]
    )
    def test_queries_that_read_are_run(self, query, database):
        assert list(read_table(database(query)).to_pydict().values()) == [[1]]

    @pytest.mark.parametrize(
        "query", ["DELETE FROM t", "DROP TABLE t", "", "-- select\nDROP TABLE t", "UPDATE t SET n = 1"]
    )
    def test_a_query_that_changes_something_is_never_run(self, query, database):
        assert "data.query must only read" in refused(database(query), ConfigError)
        assert read_table(database()).num_rows == 3

    def test_what_the_database_says_is_passed_on(self, database):
        assert "no such column: oops" in refused(database("SELECT oops FROM t"))

    def test_a_query_without_rows_is_refused(self, database):
        assert "at least one row" in refused(database("SELECT * FROM t WHERE 0"))

    def test_two_columns_of_one_name_are_refused(self, database):
        assert "'n' in columns 1, 2" in refused(database("SELECT n, n FROM t"))

    def test_a_database_file_that_is_missing_is_not_made(self, database, tmp_path):
        with pytest.raises(DataError, match="must exist"):
            database(url="sqlite:///other.sqlite")
        assert not (tmp_path / "other.sqlite").exists()

    @pytest.mark.parametrize("url", ["nonsense", "nosuchdb://host/x", "sqlite://"])
    def test_a_url_that_is_none_never_ends_in_a_traceback(self, url, database):
        with pytest.raises((ConfigError, DataError)) as caught:
            read_table(database(url=url))
        assert caught.value.hint

    def test_a_missing_driver_is_named(self, database):
        message = refused(database(url="postgresql+psycopg2://user:s3cret@host/x"), ConfigError)
        assert "driver 'psycopg2'" in message
        assert "s3cret" not in message

    def test_no_password_is_ever_shown(self, database):
        source = database(url="postgresql+psycopg2://user:s3cr@t@host/x?password=s3cr@t")
        assert "s3cr" not in repr(source) + source.label
        assert source.label == "postgresql+psycopg2://user:***@host/x?password=***"

    def test_the_fingerprint_follows_query_and_rows(self, database, tmp_path):
        before = fingerprint(database())
        assert fingerprint(database()) == before
        assert fingerprint(database("SELECT * FROM t WHERE 1")) != before
        with sqlite3.connect(tmp_path / "t.sqlite") as connection:
            connection.execute("UPDATE t SET whole = 4 WHERE whole = 3")
        connection.close()
        assert fingerprint(database()) != before

    def test_the_extra_is_named_where_it_is_missing(self, database, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
        assert "needs the extra 'sql'" in refused(database(), MissingExtraError)

    def test_values_of_several_types_in_one_column_are_text(self, database):
        table = read_table(database("SELECT 1 AS a UNION ALL SELECT 'x' UNION ALL SELECT 2.5"))
        assert sorted(table["a"].to_pylist()) == ["1", "2.5", "x"]

    def test_bytes_are_refused_by_name(self, database):
        assert "column 'a' must hold plain values" in refused(database("SELECT x'ff' AS a"))


class TestSeveralFiles:
    def test_rows_follow_in_the_order_of_the_names_with_the_columns_of_the_first(self, tmp_path):
        (tmp_path / "b.csv").write_text("y,x\n3,4\n")
        (tmp_path / "a.csv").write_text("x;y\n1;2\n")
        source = resolve_source(DataConfig(path="*.csv", target="y"), base=tmp_path)
        assert read_table(source).to_pydict() == {"x": ["1", "4"], "y": ["2", "3"]}
        assert [piece.to_pydict() for piece in iter_tables(source, batch_rows=1)] == [
            {"x": ["1"], "y": ["2"]},
            {"x": ["4"], "y": ["3"]},
        ]

    @pytest.mark.parametrize(
        ("header", "message", "hint"),
        [
            ("x\n1\n", "b.csv lacks 'y'", "Narrow"),
            ("x,y,z\n1,2,3\n", "b.csv has 'z' as well", "Narrow"),
            ("x,yy\n1,2\n", "b.csv lacks 'y'; b.csv has 'yy' as well", "Is 'yy' meant to be 'y'?"),
        ],
    )
    def test_a_file_with_other_columns_is_named(self, header, message, hint, tmp_path):
        (tmp_path / "a.csv").write_text("x,y\n1,2\n")
        (tmp_path / "b.csv").write_text(header)
        source = resolve_source(DataConfig(path=("a.csv", "b.csv"), target="y"), base=tmp_path)
        assert message in refused(source)
        with pytest.raises(DataError) as caught:
            read_table(source)
        assert hint in caught.value.hint

    def test_files_with_other_types_meet(self, tmp_path):
        parquet.write_table(
            pa.table({"a": [1], "b": [1], "c": pa.array([dt.date(2020, 1, 1)])}), tmp_path / "1.parquet"
        )
        parquet.write_table(
            pa.table({"a": [0.5], "b": ["x"], "c": pa.array([moment("2020-01-01T05:00")], pa.timestamp("ns"))}),
            tmp_path / "2.parquet",
        )
        table = read_table(resolve_source(DataConfig(path="*.parquet", target="y"), base=tmp_path))
        assert table.to_pydict() == {
            "a": [1.0, 0.5],
            "b": ["1", "x"],
            "c": [moment("2020-01-01T00:00"), moment("2020-01-01T05:00")],
        }
