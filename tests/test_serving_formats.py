"""Rows in other formats than JSON, and predictions in them: the same numbers, and a reason for every refusal."""

import csv
import io
import json
import struct
from xml.etree import ElementTree as ET

import defusedxml.ElementTree as Safe
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet
from serving_samples import ask, run, sample_table, train_sample

from mlcli.cli.boundary import run as run_command
from mlcli.serving import create_app
from mlcli.serving.call import Answer, Columns, Problem
from mlcli.serving.formats import DECODERS, decode, media_type, negotiate
from mlcli.serving.formats.accept import OFFERED
from mlcli.serving.formats.answer import encode_csv, encode_xml, number_text
from mlcli.serving.formats.parquet_size import parquet_size
from mlcli.serving.settings import ServeSettings

LIMITS = ServeSettings(max_body=2**20, max_rows=50)
STREAM = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
FUZZ = settings(max_examples=60, deadline=None, derandomize=True)

TABLE = pa.table(
    {
        "number": [1.5, None, -3.0],
        "text": ["x", None, 'naïve, "quoted"\nlines'],
        "code": pa.array(["u", "v", "u"]).dictionary_encode(),
        "when": pa.array([0, None, 10**15], pa.timestamp("us")),
        "a.b": pa.array([1, 2, 3], pa.uint64()),
    }
)


def stream_of(table, **options):
    sink = io.BytesIO()
    with ipc.new_stream(sink, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def file_of(table, **options):
    sink = io.BytesIO()
    with ipc.new_file(sink, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def parquet_of(table, **options):
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


def xml_of(frame):
    root = ET.Element("rows")
    for _, row in frame.iterrows():
        element = ET.SubElement(root, "row")
        for name, cell in row.items():
            ET.SubElement(element, "column", name=name).text = None if pd.isna(cell) else str(cell)
    return ET.tostring(root)


def problem_of(body, content_type, limits=LIMITS):
    with pytest.raises(Problem) as caught:
        decode(body, content_type, limits)
    return caught.value


# Through the service


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    return {target: train_sample(folder / target, target=target) for target in ("left", "spent")}


@pytest.fixture(scope="module", params=["left", "spent"], ids=["classes", "regression"])
def served_run(request, runs):
    return runs[request.param]


@pytest.fixture(scope="module")
def app(served_run):
    return create_app(served_run)


@pytest.fixture(scope="module")
def frame():
    frame = sample_table(40)[["income", "age", "city", "member", "since"]]
    frame.loc[3, "city"] = "Nuuk"
    return frame


def bodies(frame):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\n\r\n%b\r\n--b--\r\n'
    return {
        "csv": ("text/csv", frame.to_csv(index=False).encode()),
        "csv in gb18030": ("text/csv; charset=gb18030", frame.to_csv(index=False).encode("gb18030")),
        "csv with semicolons": (
            "text/csv;header=present",
            b"\xef\xbb\xbf" + frame.to_csv(index=False, sep=";").encode(),
        ),
        "tsv": ("text/tab-separated-values", frame.to_csv(index=False, sep="\t").encode()),
        "xml": ("application/xml", xml_of(frame)),
        "xml with tags": (
            "text/xml; charset=utf-8",
            frame.to_xml(index=False, root_name="rows", parser="etree").encode(),
        ),
        "arrow stream": (STREAM, stream_of(table, compression="zstd")),
        "arrow file": ("application/vnd.apache.arrow.file", file_of(table)),
        "parquet": (PARQUET, frame.to_parquet(index=False)),
        "json": (
            "application/json; charset=UTF-8",
            json.dumps({"rows": json.loads(frame.to_json(orient="records"))}).encode(),
        ),
        "form": ("multipart/form-data; boundary=b", form % frame.to_csv(index=False).encode()),
    }


@pytest.fixture(scope="module")
def expected(app, frame):
    return run(ask(app, body={"rows": json.loads(frame.to_json(orient="records"))})).json()


@pytest.mark.parametrize("name", bodies(sample_table(1)))
def test_rows_of_any_format_are_predicted_alike(app, frame, expected, name):
    content_type, body = bodies(frame)[name]

    response = run(ask(app, body=body, headers={"content-type": content_type}))

    assert (response.status, response.json()) == (200, expected)


def test_an_answer_in_csv_is_what_the_predict_command_writes(served_run, app, frame, tmp_path):
    source, output = tmp_path / "rows.csv", tmp_path / "scored.csv"
    frame.to_csv(source, index=False)
    words = ["predict", str(source), "--artifact", str(served_run), "--output", str(output), "--keep", "none", "-q"]
    assert run_command(words) == 0

    response = run(ask(app, body=source.read_bytes(), headers={"content-type": "text/csv", "accept": "text/csv"}))

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    written = output.read_bytes().splitlines(keepends=True)
    assert response.body == b"".join(line.split(b",", 1)[1] for line in written)


@pytest.mark.parametrize("media", ["application/xml", "text/xml"])
def test_an_answer_in_xml_says_what_the_one_in_json_says(app, frame, expected, media):
    body = frame.to_csv(index=False).encode()

    response = run(ask(app, body=body, headers={"content-type": "text/csv", "accept": media}))

    root = Safe.fromstring(response.body)
    assert response.headers["content-type"] == f"{media}; charset=utf-8"
    assert root.attrib == {"model": expected["model"], "version": expected["version"]}
    said = [row.findtext("prediction") for row in root.iter("row")]
    assert (said if "probabilities" in expected else list(map(float, said))) == expected["predictions"]
    for name, shares in expected.get("probabilities", {}).items():
        found = [float(share.text) for share in root.iter("probability") if share.get("class") == name]
        assert found == list(shares)
    warnings = [(one.get("kind"), one.get("column"), int(one.get("rows"))) for one in root.iter("warning")]
    assert warnings == [(one["kind"], one["column"], one["rows"]) for one in expected["warnings"]]


def test_probabilities_are_left_out_where_they_are_not_wanted(app, frame):
    body = frame.to_csv(index=False).encode()
    headers = {"content-type": "text/csv", "accept": "text/csv"}

    response = run(ask(app, body=body, headers=headers, query="probabilities=false"))

    assert response.body.splitlines()[0] == b"prediction"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-type": "text/csv", "accept": "image/png"}, b"a\n1\n", 406),
        ({"content-type": "image/png"}, b"", 415),
        ({"content-type": "application/json; charset=utf-16"}, b"{}", 415),
        ({"content-type": "text/csv"}, b"income\n1\n", 422),
        ({"content-type": "text/csv"}, b"", 400),
        ({"content-type": "multipart/form-data"}, b"", 400),
        ({"content-type": PARQUET}, b"PAR1PAR1PAR1", 400),
    ],
)
def test_what_cannot_be_answered_has_its_own_status(app, headers, body, status):
    response = run(ask(app, method="POST", body=body, headers=headers))

    assert (response.status, response.json()["status"]) == (status, status)


# Reading


@pytest.mark.parametrize(
    "body",
    [
        stream_of(TABLE),
        stream_of(TABLE, compression="zstd"),
        stream_of(TABLE, compression="lz4"),
        file_of(TABLE),
        file_of(TABLE, compression="lz4"),
    ],
    ids=["stream", "zstd", "lz4", "file", "file in lz4"],
)
def test_an_arrow_table_is_read_whole(body):
    found = decode(body, STREAM, LIMITS)

    assert pa.table(found.columns).equals(TABLE)
    assert found.n_rows == 3


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd", "data_page_version": "2.0"},
        {"compression": "none", "use_dictionary": False, "write_page_checksum": True},
        {"compression": "gzip", "row_group_size": 1, "write_page_index": True},
        {"compression": "snappy", "store_decimal_as_integer": True, "version": "1.0"},
    ],
    ids=["usual", "second pages", "plain", "many groups", "first version"],
)
def test_a_parquet_table_is_read_whole(options):
    table = TABLE.append_column("price", pa.array([1, None, -2], pa.int8()).cast(pa.decimal128(20, 2)))

    found = decode(parquet_of(table, **options), PARQUET, LIMITS)

    assert found.n_rows == 3
    assert {name: cells.to_pylist() for name, cells in found.columns.items()} == table.to_pydict()


def test_a_table_without_rows_is_read_as_no_rows():
    for body, media in ((stream_of(TABLE.slice(0, 0)), STREAM), (parquet_of(TABLE.slice(0, 0)), PARQUET)):
        found = decode(body, media, LIMITS)
        assert (found.n_rows, list(found.columns)) == (0, TABLE.column_names)
    assert decode(b"a,b\n", "text/csv", LIMITS) == Columns({"a": [], "b": []}, 0)
    assert decode(b"<rows/>", "text/xml", LIMITS).rows == []


def test_columns_of_lists_are_left_out_of_a_parquet_file():
    table = pa.table(
        {"a": [1], "list": [[1, 2]], "group": [{"x": 1}], "a.b": [2], "map": pa.array([[(1, 2)]], pa.map_("i4", "i4"))}
    )

    assert list(decode(parquet_of(table), PARQUET, LIMITS).columns) == ["a", "a.b"]
    # Asked for "group.x", Arrow would read both columns.
    assert problem_of(parquet_of(pa.table({"group": [{"x": 1}], "group.x": [2]})), PARQUET).status == 400


def test_texts_written_as_differences_are_refused_since_they_cannot_be_measured():
    body = parquet_of(LONG, use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY")

    assert problem_of(body, PARQUET, ServeSettings()).status == 400


LONG = pa.table({"a": ["x" * 100_000] * 40})
# Forty views of one text: the length, its beginning, which buffer, where in it.
VIEWS = pa.Array.from_buffers(
    pa.string_view(),
    40,
    [None, pa.py_buffer(struct.pack("<i4sii", 100_000, b"xxxx", 0, 0) * 40), pa.py_buffer(b"x" * 100_000)],
)
TOO_LONG = {
    "arrow, compressed": (stream_of(LONG, compression="zstd"), STREAM),
    "arrow, a dictionary": (stream_of(pa.table({"a": LONG["a"].combine_chunks().dictionary_encode()})), STREAM),
    "arrow, views": (stream_of(pa.table({"a": VIEWS})), STREAM),
    "parquet, compressed": (parquet_of(LONG, compression="zstd", use_dictionary=False), PARQUET),
    "parquet, a dictionary": (parquet_of(LONG), PARQUET),
    "parquet, fixed lengths": (parquet_of(pa.table({"a": LONG["a"].cast(pa.binary(100_000))})), PARQUET),
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_a_body_that_unpacks_to_more_than_allowed_is_refused(name):
    body, media = TOO_LONG[name]

    assert problem_of(body, media).status == 413
    assert decode(body, media, ServeSettings(max_body=2**26)).n_rows == 40


ROWS = pa.table({"a": pa.array([None] * 51, pa.int8())})
TOO_MANY = {
    "csv": (b"a,b\n" + b",\n" * 51, "text/csv"),
    "xml": (b"<rows>" + b"<row/>" * 51 + b"</rows>", "text/xml"),
    "arrow": (stream_of(ROWS), STREAM),
    "arrow, no values": (stream_of(pa.table({"a": pa.nulls(51)})), STREAM),
    "parquet": (parquet_of(ROWS), PARQUET),
    "parquet, many groups": (parquet_of(ROWS, row_group_size=5), PARQUET),
}


@pytest.mark.parametrize("name", TOO_MANY)
def test_a_body_may_have_so_many_rows_and_no_more(name):
    body, media = TOO_MANY[name]

    problem = problem_of(body, media)

    assert (problem.status, problem.message) == (413, "a request must have at most 50 rows. Got more.")
    assert decode(body, media, ServeSettings(max_rows=51)) is not None


def test_a_parquet_page_is_measured_by_its_own_header():
    body = parquet_of(LONG, compression="zstd", use_dictionary=False)
    lying = body.replace(_varint(4_000_160), _varint(4_000))  # the footer's sizes are varints of this form

    size = parquet_size(body, most=2**40)

    assert size.unpacked >= 40 * 100_000
    assert size.columns == size.texts == ("a",)
    assert parquet_size(body, most=1000).unpacked > 1000
    assert problem_of(lying, PARQUET).status in {400, 413}


def _varint(number):
    number *= 2
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        (b"a,b\n1,x\n", {"a": ["1"], "b": ["x"]}),
        (b"a;b\r\n1,5;x\r\n", {"a": ["1,5"], "b": ["x"]}),
        (b"a\tb\n1\tx", {"a": ["1"], "b": ["x"]}),
        (b'\n"a ""q""",b\n\n"x\ny",\n', {'a "q"': ["x\ny"], "b": [None]}),
        (b'a\n""\n \n', {"a": [None, " "]}),
        ("\ufeffa,é\n1,ü".encode("utf-16-le"), {"a": ["1"], "é": ["ü"]}),
    ],
    ids=["commas", "semicolons", "tabs", "quotes", "one column", "utf-16"],
)
def test_csv_is_read_as_texts(body, columns):
    assert decode(body, "text/csv", LIMITS).columns == columns


def test_a_cell_of_a_csv_may_be_long():
    assert decode(b"a,b\n1," + b"x" * 500_000, "text/csv", LIMITS).columns["b"] == ["x" * 500_000]


@pytest.mark.parametrize(
    ("body", "parameters", "status", "said"),
    [
        (b"", "", 400, "line of column names"),
        (b"\n\n", "", 400, "line of column names"),
        (b"a,b,a\n1,2,3", "", 400, "Columns 1 and 3"),
        (b"a,b\n1,2\n3\n", "", 400, "row 2 must have 2 cells, as the header has. Got 1"),
        (b'a,b\n"1,2\n', "", 400, "CSV"),
        (b"a,b\n1,\xff\n", "", 400, "byte 6"),
        (b"a,b\n1,\x00\n", "", 400, "NUL"),
        (b"a\n1", "; charset=klingon", 415, "charset"),
        (b"a\n1", "; charset=base64", 415, "charset"),
        (b"a\n1", "; charset=idna", 415, "charset"),
        (b"1,2\n", "; header=absent", 400, "first line"),
    ],
)
def test_a_csv_that_is_no_table_is_refused_with_its_reason(body, parameters, status, said):
    problem = problem_of(body, f"text/csv{parameters}")

    assert problem.status == status
    assert said in problem.message


def test_xml_names_a_column_by_an_attribute_or_by_its_tag():
    body = b'<rows>\n<row><column name="age now">37</column><b>x &amp; <![CDATA[<y>]]></b><c/></row><row/></rows>'

    assert decode(body, "application/xml", LIMITS).rows == [{"age now": "37", "b": "x & <y>", "c": ""}, {}]
    assert decode(b"<row><a>1</a></row>", "text/xml", LIMITS).rows == [{"a": "1"}]
    assert decode(b'<x:rows xmlns:x="u"><x:row><x:a>1</x:a></x:row></x:rows>', "text/xml", LIMITS).rows == [{"a": "1"}]


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f'<!DOCTYPE r [<!ENTITY l0 "ha">{LAUGHS}]><rows><row><a>&l9;</a></row></rows>', "no entities"),
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rows><row><a>&x;</a></row></rows>', "no entities"),
        ('<!DOCTYPE rows SYSTEM "http://example.org/x.dtd"><rows/>', "no entities"),
        ("<rows>" * 100_000, "'row' alone"),
        ("<rows><row><a>" + "<a>" * 100_000, "row 1: a column must hold text"),
        ("<rows><row></rows>", "line 1, column 14"),
        ("", "well-formed"),
        ("<table/>", "root must be 'rows'"),
        ("<rows><column/></rows>", "'row' alone"),
        ("<rows><row>37</row></rows>", "inside columns"),
        ("<rows><row><a>1</a><a>2</a></row></rows>", "row 1 must hold each column once"),
        ("<rows><row><a>\x01</a></row></rows>", "well-formed"),
        ('<?xml version="1.0" encoding="klingon"?><rows/>', "encoding"),
        ('<?xml version="1.0" encoding="gbk"?><rows/>', "encoding"),
    ],
    ids=lambda part: part[:20],
)
def test_xml_that_holds_no_rows_is_refused_with_its_reason(body, said):
    problem = problem_of(body.encode(), "application/xml")

    assert problem.status == 400
    assert said in problem.message


SEEDS = {
    "text/csv": b'a,b\n1,"x"\n2,y\n',
    "application/xml": b'<rows><row><column name="a">1</column><b>x</b></row></rows>',
    STREAM: stream_of(TABLE),
    "application/vnd.apache.arrow.file": file_of(TABLE, compression="zstd"),
    PARQUET: parquet_of(TABLE.select(["number", "text"])),
}


def status_of(body, media):
    try:
        decode(body, media, LIMITS)
    except Problem as problem:
        return problem.status
    return 200


@pytest.mark.parametrize("media", DECODERS)
@given(body=st.binary(max_size=80))
@FUZZ
def test_random_bytes_are_refused_in_every_format(media, body):
    assert status_of(body, media) in {200, 400, 413, 415}


@pytest.mark.parametrize("media", SEEDS)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    keep=st.floats(0.5, 1),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_damaged_body_is_read_or_refused(media, changes, keep):
    body = bytearray(SEEDS[media])
    for place, byte in changes:
        body[int(place * len(body))] = byte
    assert status_of(bytes(body), media) in {200, 400, 413, 415}
    assert status_of(bytes(body[: int(keep * len(body))]), media) in {200, 400, 413, 415}


@pytest.mark.parametrize("media", SEEDS)
def test_the_undamaged_body_is_read(media):
    assert decode(SEEDS[media], media, LIMITS) is not None


def test_a_header_of_an_arrow_message_that_points_outside_is_refused():
    body = bytearray(stream_of(TABLE))
    for place in range(8, 200, 4):
        struct.pack_into("<I", body, place, 0x7FFFFFFF)
        assert status_of(bytes(body), STREAM) in {200, 400, 413, 415}


@given(st.text(max_size=40))
@FUZZ
def test_any_content_type_and_accept_is_understood_or_refused(header):
    assert negotiate(header) in {*OFFERED, None}
    assert media_type(header).name == media_type(header).name.strip().lower()
    assert problem_of(b"", f"x{header}").status == 415


# Writing


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; header=present", "text/csv"),
        ("text/*", "text/csv"),
        ("application/*", "application/json"),
        ("application/xml;q=0.5, text/csv;q=0.4", "application/xml"),
        ("application/json;q=0, */*", "text/csv"),
        ("*/*;q=0.1, text/xml", "text/xml"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/xml"),
        ("text/csv;q=0.5, text/csv;level=1;q=1, */*;q=0.7", "text/csv"),
        ("image/png", None),
        ("*/*;q=0", None),
        ("text/csv;q=0", None),
        ("text/csv;q=2", None),
        (",,;", None),
    ],
)
def test_the_format_is_the_one_that_the_client_would_rather_have(accept, media):
    assert negotiate(accept) == media


@given(st.one_of(st.floats(), st.integers(-(10**18), 10**18).map(float), st.floats(1e-9, 1e-3), st.floats(1e8, 1e12)))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_number_has_the_digits_that_arrow_writes(number):
    text = number_text(number)

    assert text == (
        "" if number != number or abs(number) == float("inf") else pa.scalar(number).cast(pa.string()).as_py()
    )


CLASSES = ('a "b", c', "", "\x01\ufffe\ud800", "<&>'", "line\r\nend", "日本")


def test_any_label_is_well_formed_in_xml_and_comes_back():
    answer = Answer(list(CLASSES), [[0.5] + [0.1] * 5] * 6, CLASSES, unseen={"<a>": 2})

    root = Safe.fromstring(encode_xml(answer, model="<m>", version='"1"'))

    told = [row.find("prediction") for row in root.iter("row")]
    assert tuple(json.loads(one.text) if one.get("encoding") == "json" else one.text or "" for one in told) == CLASSES
    names = list(root.find("row").iter("probability"))
    assert (
        tuple(
            json.loads(one.get("class")) if one.get("class-encoding") == "json" else one.get("class") for one in names
        )
        == CLASSES
    )
    assert root.find("warning").get("column") == "<a>"


def test_labels_in_csv_are_quoted_where_they_must_be():
    answer = Answer(['a "b", c', "x", True, 1.0, 3], [[0.25, 0.75]] * 5, ('a "b", c', True))

    rows = list(csv.reader(io.StringIO(encode_csv(answer).decode(), newline="")))

    assert rows[0] == ["prediction", 'probability_a "b", c', "probability_true"]
    assert [row[0] for row in rows[1:]] == ['a "b", c', "x", "true", "1", "3"]


def test_a_lone_blank_prediction_is_still_a_line():
    assert encode_csv(Answer([float("nan"), 1.5], None, ())) == b'prediction\n""\n1.5\n'
