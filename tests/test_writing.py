import csv
import datetime as dt
import io
import json
import math
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from mlcli.data.writing import OUTPUT_FORMATS, format_of, open_writer
from mlcli.errors import ConfigError, OutputError

FORMATS = sorted(set(OUTPUT_FORMATS.values()))

TABLE = pa.table(
    {
        "id": ["a", "b,c", 'say "hi"', "x\ny", None, "中"],
        "prediction": [1.0, 0.1, 1e300, math.nan, 5e-324, -0.5],
        "n": pa.array([1, None, -3, 2**53, 0, 7]),
        "flag": [True, False, None, True, False, True],
        "day": pa.array([dt.date(2020, 1, 2)] * 5 + [None]),
        "nothing": pa.nulls(6),
        'odd, "name"': ["", "", "", "", "", ""],
    }
)


def written(form, *tables):
    stream = io.BytesIO()
    with open_writer(stream, format=form) as writer:
        for table in tables:
            writer.write(table)
    return stream.getvalue()


def test_csv_quotes_only_where_it_must():
    assert written("csv", TABLE).decode().split("\n", 3)[:3] == [
        'id,prediction,n,flag,day,nothing,"odd, ""name"""',
        "a,1,1,true,2020-01-02,,",
        '"b,c",0.1,,false,2020-01-02,,',
    ]


def test_csv_is_read_back_by_the_csv_module():
    rows = list(csv.reader(io.StringIO(written("csv", TABLE).decode(), newline="")))
    assert rows[0] == TABLE.column_names
    assert [row[0] for row in rows[1:]] == ["a", "b,c", 'say "hi"', "x\ny", "", "中"]
    assert [row[1] for row in rows[1:]] == ["1", "0.1", "1e+300", "", "5e-324", "-0.5"]


def test_a_lone_missing_cell_is_a_row_of_csv():
    assert written("csv", pa.table({"a": ["x", None, ""]})) == b'a\nx\n""\n""\n'


def test_json_lines_has_null_and_never_nan():
    lines = written("jsonl", TABLE).decode().splitlines()
    rows = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    expected = TABLE.to_pylist()
    expected[3]["prediction"] = None
    for row in expected:
        row["day"] = row["day"] and row["day"].isoformat()
    assert rows == expected
    assert '"中"' in lines[5]
    assert lines[0].startswith('{"id":"a","prediction":1,')


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_missing_in_text(value):
    table = pa.table({"a": [value], "b": [1]})
    assert written("jsonl", table) == b'{"a":null,"b":1}\n'
    assert written("csv", table) == b"a,b\n,1\n"


def test_parquet_keeps_types_and_joins_batches():
    stream = io.BytesIO(written("parquet", TABLE.slice(0, 2), TABLE.slice(2)))
    table = parquet.read_table(stream)
    assert table.schema.types == TABLE.schema.types
    assert table.drop_columns("prediction").equals(TABLE.drop_columns("prediction"))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_batches_change_nothing(form):
    assert written(form, TABLE) == written(form, *(TABLE.slice(i, 1) for i in range(6)), TABLE.slice(0, 0))


@pytest.mark.parametrize("form", FORMATS)
def test_other_columns_are_refused(form):
    with pytest.raises(ValueError, match="every table must have the columns"):
        written(form, TABLE, TABLE.drop_columns("n"))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_text_and_number_comes_back_exactly(rows):
    table = pa.table(
        {"text": pa.array([t for t, _ in rows], pa.string()), "number": pa.array([n for _, n in rows], pa.float64())}
    )

    from_json = [json.loads(line) for line in written("jsonl", table).decode().split("\n")[:-1]]
    from_csv = list(csv.DictReader(io.StringIO(written("csv", table).decode(), newline="")))

    assert from_json == table.to_pylist()
    assert [row["text"] for row in from_csv] == [text or "" for text, _ in rows]
    assert [float(row["number"]) if row["number"] else None for row in from_csv] == [number for _, number in rows]


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_appears_whole(form, tmp_path):
    path = tmp_path / "new" / "scored.x"
    with open_writer(path, format=form) as writer:
        writer.write(TABLE)
        assert not path.exists()
    assert path.read_bytes() == written(form, TABLE)
    assert [entry.name for entry in path.parent.iterdir()] == ["scored.x"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_crash_leaves_what_was_there(form, error, tmp_path):
    (tmp_path / "scored").write_text("old")

    def crash():
        with open_writer(tmp_path / "scored", format=form) as writer:
            writer.write(TABLE)
            raise error

    with pytest.raises(error):
        crash()
    assert [entry.name for entry in tmp_path.iterdir()] == ["scored"]
    assert (tmp_path / "scored").read_text() == "old"


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_is_said_whether_it_is_a_file_or_a_stream(form, tmp_path):
    big = pa.concat_tables([TABLE] * 20_000)

    def fill(target):
        with open_writer(target, format=form) as writer:
            for start in range(0, big.num_rows, 1000):
                writer.write(big.slice(start, 1000))

    with pytest.raises(OutputError, match=r"/dev/full must be writable\. Got: the disk is full"):
        fill(Path("/dev/full"))
    with (
        pytest.raises(OutputError, match="standard output must be writable"),
        Path("/dev/full").open("wb", buffering=0) as stream,
    ):
        fill(stream)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_grows_too_large_is_absent(form, tmp_path):
    code = (
        "import sys; from pathlib import Path; import pyarrow as pa\n"
        "from mlcli.data.writing import open_writer; from mlcli.errors import OutputError\n"
        "try:\n"
        "    with open_writer(Path(sys.argv[1]), format=sys.argv[2]) as writer:\n"
        "        for i in range(20): writer.write(pa.table({'a': [str(j * j) for j in range(i * 9999, i * 9999 + 9999)]}))\n"
        "except OutputError as error: sys.exit(str(error))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out"), form],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (run.returncode, run.stderr.strip()) == (
        1,
        f"{tmp_path / 'out'} must be writable. Got: the file would be larger than allowed.",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_reader_that_leaves_is_told_apart_from_a_failure(form):
    read, write = os.pipe()
    os.close(read)

    def send():
        with os.fdopen(write, "wb", buffering=0) as stream, open_writer(stream, format=form) as writer:
            writer.write(TABLE)

    with pytest.raises(BrokenPipeError) as caught:
        send()
    assert not isinstance(caught.value, OutputError)


def test_a_pipe_is_written_as_a_stream(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    with open_writer(tmp_path / "pipe", format="csv") as writer:
        writer.write(TABLE)
    reader.join(timeout=30)
    assert got == [written("csv", TABLE)]
    assert (tmp_path / "pipe").is_fifo()


def test_a_stream_stays_open():
    stream = io.BytesIO()
    with open_writer(stream, format="parquet") as writer:
        writer.write(TABLE)
    assert not stream.closed


def test_a_place_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="something above it is a file"),
        open_writer(tmp_path / "file" / "out", format="csv"),
    ):
        pytest.fail("the block must not run")
    with pytest.raises(OutputError, match="it is a folder"), open_writer(tmp_path, format="csv"):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("ending", OUTPUT_FORMATS)
def test_a_known_ending_tells_the_format(ending, tmp_path):
    assert format_of(tmp_path / f"a.b{ending.upper()}") == OUTPUT_FORMATS[ending]


@pytest.mark.parametrize("name", ["scored", "scored.tsv", "scored.csv.gz", ".csv"])
def test_an_unknown_ending_names_the_known_ones(name, tmp_path):
    with pytest.raises(ConfigError, match=r"\.csv, \.jsonl, \.ndjson, \.parquet") as caught:
        format_of(tmp_path / name)
    assert "--format" in caught.value.hint


def test_a_stream_without_a_buffer_gets_every_byte():
    """A pipe takes what fits; the rest must follow."""
    big = pa.concat_tables([TABLE] * 5000)
    expected = written("csv", big)
    read, write = os.pipe()
    got = []

    def drain():
        with os.fdopen(read, "rb") as stream:
            got.append(stream.read())

    reader = threading.Thread(target=drain)
    reader.start()
    with os.fdopen(write, "wb", buffering=0) as stream, open_writer(stream, format="csv") as writer:
        writer.write(big)
    reader.join(timeout=30)
    assert len(got[0]) == len(expected)
    assert hash(got[0]) == hash(expected), "the bytes differ"


def test_half_a_parquet_file_on_a_stream_does_not_look_whole():
    stream = io.BytesIO()

    def crash():
        with open_writer(stream, format="parquet") as writer:
            writer.write(TABLE)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    with pytest.raises(pa.ArrowInvalid):
        parquet.read_table(io.BytesIO(stream.getvalue()))


def test_a_column_of_json_is_written_as_json_and_not_as_a_text_of_it(tmp_path):
    texts = pa.array(['{"a":[1,null]}', None], pa.large_string())
    table = pa.table({"why": pa.ExtensionArray.from_storage(pa.json_(pa.large_string()), texts), "text": texts})
    with open_writer(tmp_path / "out.jsonl", format="jsonl") as writer:
        writer.write(table)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == [{"why": {"a": [1, None]}, "text": '{"a":[1,null]}'}, {"why": None, "text": None}]
