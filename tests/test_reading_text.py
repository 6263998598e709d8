import csv
import gzip
import io
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlcli.data.read_rows
import mlcli.data.read_text
from mlcli.config.sections import DataConfig
from mlcli.data.reading import iter_tables, read_table
from mlcli.data.source import Source, resolve_source
from mlcli.errors import ConfigError, DataError


@pytest.fixture
def source(tmp_path):
    """Build a source from the bytes of one file."""

    def build(content, *, name="t.csv", **settings):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return resolve_source(DataConfig(path=name, target="y", **settings), base=tmp_path)

    return build


def refused(source):
    """Return the one error that reading whole and in pieces both raise."""
    with pytest.raises((DataError, ConfigError)) as whole:
        read_table(source)
    with pytest.raises(type(whole.value)) as pieces:
        list(iter_tables(source, batch_rows=2))
    assert (str(pieces.value), pieces.value.hint) == (str(whole.value), whole.value.hint)
    assert whole.value.hint
    return whole.value


def read(source):
    """Return the columns that reading whole and in pieces both give."""
    table = read_table(source)
    rows = [row for piece in iter_tables(source, batch_rows=2) for row in piece.to_pylist()]
    assert rows == table.to_pylist()
    assert {str(kind) for kind in table.schema.types} == {"string"}
    return table.to_pydict()


ACCEPTED = {
    "plain": ("a,b\n1,x\n", {"a": ["1"], "b": ["x"]}),
    "no end of line": ("a,b\n1,x", {"a": ["1"], "b": ["x"]}),
    "windows line ends": ('a,b\r\n1,"x\r\ny"\r\n', {"a": ["1"], "b": ["x\r\ny"]}),
    "old mac line ends": ("a,b\r1,x\r", {"a": ["1"], "b": ["x"]}),
    "blank cells": ('a,b\n,""\n1,\n', {"a": [None, "1"], "b": [None, None]}),
    "words that mean nothing here": ("a,b\nNA,null\nNone,nan\n", {"a": ["NA", "None"], "b": ["null", "nan"]}),
    "white space is kept": ("a,b\n x ,y\n", {"a": [" x "], "b": ["y"]}),
    "blank lines": ("\n\na,b\n\n1,x\n\n\n2,y\n\n", {"a": ["1", "2"], "b": ["x", "y"]}),
    "quotes": ('a,b\n"x,1","say ""hi"""\n5" disk,y"z\n', {"a": ["x,1", '5" disk'], "b": ['say "hi"', 'y"z']}),
    "newline in quotes": ('a,b\n"x\n\ny",1\n', {"a": ["x\n\ny"], "b": ["1"]}),
    "newline in header": ('"a\nb",c\n1,2\n', {"a\nb": ["1"], "c": ["2"]}),
    "utf-8 mark": ("\ufeffa,b\n1,x\n", {"a": ["1"], "b": ["x"]}),
    "utf-16 mark": ("a,b\né,中\n".encode("utf-16"), {"a": ["é"], "b": ["中"]}),
    "utf-16 big-endian mark": ("\ufeffa,b\né,中\n".encode("utf-16-be"), {"a": ["é"], "b": ["中"]}),
    "utf-32 mark": ("a,b\né,中\n".encode("utf-32"), {"a": ["é"], "b": ["中"]}),
    "gzip by content": (gzip.compress(b"a,b\n1,x\n"), {"a": ["1"], "b": ["x"]}),
    "gzip in two members": (gzip.compress(b"a,b\n1,x\n") + gzip.compress(b"2,y\n"), {"a": ["1", "2"], "b": ["x", "y"]}),
    "semicolons and decimal commas": ("a;b\n1,5;2,5\n3,5;4\n", {"a": ["1,5", "3,5"], "b": ["2,5", "4"]}),
    "tabs": ("a\tb\n1,5\tx\n", {"a": ["1,5"], "b": ["x"]}),
    "bars": ("a|b\n1,5|x;y\n", {"a": ["1,5"], "b": ["x;y"]}),
    "separators in quotes": ('a;"b,c,d"\n"1,2,3,4";2\n', {"a": ["1,2,3,4"], "b,c,d": ["2"]}),
    "one column": ('a\n1\n""\n"x,y"\n', {"a": ["1", None, "x,y"]}),
    "blank names": (",x,\n0,1,2\n", {"Unnamed: 0": ["0"], "x": ["1"], "Unnamed: 2": ["2"]}),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_table_is_read_as_it_was_meant(case, source):
    content, expected = ACCEPTED[case]
    assert read(source(content)) == expected


REFUSED = {
    "empty": (b"", "empty file", "written"),
    "blank": (b"\n \r\n", "empty file", "written"),
    "header only": (b"a,b\n", "a header and no rows", "written"),
    "header and blank lines": (b"a,b\n\n\r\n", "a header and no rows", "written"),
    "two columns of one name": (b"a,b,a\n1,2,3\n", "'a' in columns 1, 3", "Rename"),
    "ragged": (
        b'a,b,c\n1,2,3\n"x\ny",2\n\n1,2,3,4\n1,2,3\n1\n1\n',
        "3 cells, as the header has. Got 2 in row 2 (line 3), 4 in row 3 (line 6), 1 in row 5 (line 8).",
        "data.separator",
    ),
    "ends with separators": (b"a,b\n1,2,\n3,4,\n", "Got 3 in row 1 (line 2)", "end with a separator"),
    "one column and a stray comma": (b"a\nx\nx,y\n", "1 cell, as the header has. Got 2 in row 2 (line 3)", "quote"),
    "quote never closed": (b'a,b\n"1,2\n3,4\n5,6\n', "begins in line 2", "Close the quote"),
    "quote never closed in the last column": (b'a,b\n0,0\n1,"2\n3,4\n5,6\n', "begins in line 3", "Close the quote"),
    "header quote never closed": (b'"a,b\n1,2\n3,4\n', "first line without an end", "never closed"),
    "NUL byte": (b"a,b\n1,\0\n", "NUL byte in line 2", "CSV"),
    "utf-16 without a mark": ("a,b\n1,2\n".encode("utf-16-le"), "NUL byte", "data.encoding: utf-16-le"),
    "zip": (b"PK\x03\x04....", "zip archive or an Excel workbook", "data.format: excel"),
    "parquet": (b"PAR1....", "a Parquet file", "data.format: parquet"),
    "picture": (b"\x89PNG\r\n....", "a PNG image", "CSV"),
    "sqlite": (b"SQLite format 3\0", "a SQLite database", "CSV"),
    "chinese": ("名,b\n张三是中国人,2\n".encode("gb18030"), "byte 0xc3 at offset 0 (line 1)", "data.encoding: gb18030"),
    "western": ("a,b\ncafé olé,garçon\n".encode("cp1252"), "byte 0xe9 at offset 7 (line 2)", "data.encoding: cp1252"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused_with_place_and_remedy(case, source):
    content, message, hint = REFUSED[case]
    error = refused(source(content))
    assert isinstance(error, DataError)
    assert message in str(error)
    assert hint in error.hint
    assert str(error).startswith("t.csv")


def test_the_encoding_that_the_hint_names_reads_the_file(source):
    for encoding, text in {"gb18030": "名\n张三是中国人\n", "cp1252": "a\ncafé olé\n"}.items():
        content = text.encode(encoding)
        assert f"data.encoding: {encoding}" in refused(source(content)).hint
        assert read(source(content, encoding=encoding)) == {text.split("\n")[0]: [text.split("\n")[1]]}


def test_a_file_in_utf8_named_otherwise_gets_utf8_as_the_hint(source):
    assert "data.encoding: utf-8" in refused(source("a,b\n“x”,Á\n", encoding="cp1252")).hint


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16", "shift_jis"])
def test_the_place_of_a_bad_byte_is_right_far_into_a_file(encoding, source):
    start = "a,b\n".encode(encoding)
    line = "中文,2\n".encode(encoding if encoding != "utf-16" else "utf-16-le")
    bad = {"utf-16": b"\x00\xdc1\x00"}.get(encoding, b"\xff\xff")
    offset = len(start) + 100_000 * len(line)

    error = refused(source(start + line * 100_000 + bad + line, encoding=encoding))

    assert f"at offset {offset} (line 100002)" in str(error)


@pytest.mark.parametrize(("encoding", "hint"), [("utf8x", "utf-8"), ("base64", "Common"), ("unicode_escape", "Common")])
def test_an_unknown_encoding_is_an_error_of_the_config(encoding, hint, source):
    error = refused(source("a\n1\n", encoding=encoding))
    assert isinstance(error, ConfigError)
    assert f"Got {encoding!r}" in str(error)
    assert hint in error.hint


@pytest.mark.parametrize("damage", ["truncated", "altered", "not gzip"])
def test_a_damaged_gzip_file_is_said(damage, source):
    whole = gzip.compress("".join(f"{i},{i * i}\n" for i in range(50_000)).encode())
    content = {
        "truncated": whole[: len(whole) // 2],
        "altered": whole[:-8] + b"x" * 8,
        "not gzip": b"a,b\n1,2\n",
    }[damage]

    error = refused(source(content, name="t.csv.gz"))

    assert "gzip" in str(error)


@pytest.mark.parametrize("separator", ['"', "\n", "§"])
def test_a_character_that_cannot_separate_is_an_error_of_the_config(separator, source):
    with pytest.raises(ConfigError, match=r"data\.separator"):
        source("a\n1\n", separator=separator)


def test_a_separator_that_is_given_is_not_searched(source, caplog):
    caplog.set_level(logging.INFO)
    assert read(source("a;b\n1;2\n", separator=",")) == {"a;b": ["1;2"]}
    assert "found from the first lines" not in caplog.text
    read(source("a;b\n1;2\n"))
    assert "cells are separated by ';', found from the first lines" in caplog.text


def test_a_tsv_file_is_separated_by_tabs_whatever_it_holds(source):
    assert read(source("a,b,c\n1,2,3\n", name="t.tsv")) == {"a,b,c": ["1,2,3"]}


def test_a_blank_name_is_logged(source, caplog):
    caplog.set_level(logging.INFO)
    read_table(source(",a\n0,1\n"))
    assert "column 1 has no name, called 'Unnamed: 0'" in caplog.text


@pytest.fixture
def block_size(monkeypatch):
    """Make the blocks that are parsed at a time small."""

    def change(size):
        monkeypatch.setattr(mlcli.data.read_text, "_BLOCK", size)
        monkeypatch.setattr(mlcli.data.read_text, "_WHOLE_BLOCK", size)

    return change


def test_a_row_larger_than_a_block_is_read(source, block_size):
    block_size(1000)
    rows = ["a,b", *(f"{i},y" for i in range(500)), "x" * 100_000 + ",z", "1,2"]

    table = read(source("\n".join(rows)))

    assert len(table["a"]) == 502
    assert table["a"][500] == "x" * 100_000
    assert table["a"][:500] == [str(i) for i in range(500)]


def test_a_row_without_an_end_is_refused(source, block_size, monkeypatch):
    block_size(1 << 20)
    monkeypatch.setattr(mlcli.data.read_rows, "LONGEST_ROW", 3 << 20)
    assert "Got a longer one in line 3." in str(refused(source("a,b\n1,2\n" + "x" * (9 << 20) + ",1\n")))


@pytest.mark.parametrize("quote", ['"', ""], ids=["quoted", "plain"])
@pytest.mark.parametrize("block", [1, 7, 64, 256])
def test_quoted_line_ends_survive_the_borders_of_blocks(block, quote, source, block_size):
    """A plain quote (5" disk) among them makes no difference."""
    block_size(block)
    cells = [f'{i}\n"\n,' if quote else f'{i}" disk' for i in range(60)]
    rows = "".join(
        f"{quote}{cell.replace(quote, quote * 2) if quote else cell}{quote},{i}\n" for i, cell in enumerate(cells)
    )
    mixed = '"x\n,""y""\n",5" disk\n' if not quote else ""

    table = read(source("a,b\n" + rows + mixed))

    assert table["a"][:60] == cells
    assert table["a"][60:] == (['x\n,"y"\n'] if mixed else [])


PIECE = st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "a", "é", '"a\n"', ',"b""c"', "\n\n"])


@settings(max_examples=50, deadline=None)
@given(st.lists(PIECE, max_size=25).map("".join), st.integers(1, 12))
def test_the_size_of_blocks_changes_nothing_whatever_the_text(text, size):
    """Well-formed or not: the same table, or the same error."""
    content = ("h,i\n" + text).encode()
    source = Source(label="t", format="csv", stdin=True, separator=",")

    def outcome(block):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mlcli.data.read_text, "_BLOCK", block)
            try:
                pieces = list(iter_tables(source, stdin=io.BytesIO(content)))
            except DataError as error:
                # Small blocks may show fewer of the bad rows, the first all the same.
                return str(error).split(")")[0]
            return [row for piece in pieces for row in piece.to_pylist()]

    assert outcome(size) == outcome(1 << 20)


def test_ragged_rows_are_placed_far_into_a_file(source):
    content = "a,b\n" + "1,2\n" * 100_000 + "1\n"
    assert "Got 1 in row 100001 (line 100002)" in str(refused(source(content)))


class TestStandardInput:
    """What can be read once only."""

    source = Source(label="standard input", format="csv", stdin=True)

    def test_rows_are_read_whole_and_in_pieces(self):
        content = "a,b\n" + "".join(f"{i},x\n" for i in range(10))
        table = read_table(self.source, stdin=io.BytesIO(content.encode()))
        pieces = list(iter_tables(self.source, batch_rows=4, stdin=io.BytesIO(gzip.compress(content.encode()))))
        assert [piece.num_rows for piece in pieces] == [4, 4, 2]
        assert [row for piece in pieces for row in piece.to_pylist()] == table.to_pylist()

    def test_ragged_rows_are_named(self):
        with pytest.raises(DataError, match=r"standard input: every row must have 2 cells.*Got 1 in row 2 \(line 3\)"):
            list(iter_tables(self.source, stdin=io.BytesIO(b"a,b\n1,2\n1\n")))

    def test_it_must_be_given(self):
        with pytest.raises(DataError, match="standard input must be given"):
            read_table(self.source)


@pytest.mark.parametrize("batch_rows", [7, 1000, 65536])
def test_pieces_have_at_most_the_rows_asked_for_and_join_to_the_table(batch_rows, data_dir):
    source = resolve_source(DataConfig(path="german_credit.csv", target="y"), base=data_dir)
    pieces = list(iter_tables(source, batch_rows=batch_rows))
    assert {piece.num_rows for piece in pieces[:-1]} <= {batch_rows}
    assert pieces[-1].num_rows <= batch_rows
    assert [row for piece in pieces for row in piece.to_pylist()] == read_table(source).to_pylist()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("titanic.csv", (891, 12)),
        ("census_income_20k.csv.gz", (20000, 42)),
        ("spam_emails.csv.gz", (2400, 3)),
        ("chinese_sentiment.csv.gz", (4000, 2)),
    ],
)
def test_sample_tables_have_their_known_shape(name, shape, data_dir):
    assert read_table(resolve_source(DataConfig(path=name, target="y"), base=data_dir)).shape == shape


CELL = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_the_csv_module_writes_is_read_back(rows, separator, encoding, quoting, line_end):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=line_end)
    writer.writerow(["a", "b b", "名"])
    writer.writerows(rows)
    stream = io.BytesIO(text.getvalue().encode(encoding))
    source = Source(label="-", format="csv", stdin=True, separator=separator, encoding=encoding)

    table = read_table(source, stdin=stream)

    assert table.column_names == ["a", "b b", "名"]
    assert [tuple(cell or "" for cell in row.values()) for row in table.to_pylist()] == rows
