"""What schemathesis cannot know: bodies of the media types that no JSON Schema describes, made from rows of the model."""

from __future__ import annotations

import csv
import io
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import schemathesis
from hypothesis import strategies as st

EXAMPLES = json.loads(os.environ["MODEL_EXAMPLES"])


def separated(separator):
    def write(rows):
        text = io.StringIO()
        writer = csv.DictWriter(text, EXAMPLES[0].keys(), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()

    return write


def parquet(rows):
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def arrow(rows):
    table, file = pa.Table.from_pylist(rows), io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def xml(rows):
    cells = ["".join(f'<column name="{name}">{cell}</column>' for name, cell in row.items()) for row in rows]
    return f"<rows>{''.join(f'<row>{row}</row>' for row in cells)}</rows>".encode()


FORMATS = {
    "text/csv": separated(","),
    "text/tab-separated-values": separated("\t"),
    "application/xml": xml,
    "application/vnd.apache.arrow.stream": arrow,
    "application/vnd.apache.parquet": parquet,
}
for media_type, write in FORMATS.items():
    rows = st.lists(st.sampled_from(EXAMPLES), min_size=1, max_size=3)
    schemathesis.openapi.media_type(media_type, rows.map(write))
