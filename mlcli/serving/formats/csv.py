"""CSV and TSV: a header, then a row a line; every cell as text."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mlcli.data.read_header import find_separator
from mlcli.serving.call import Columns, Problem
from mlcli.serving.formats.charset import decode_text
from mlcli.serving.settings import ServeSettings

_SAMPLE = 2**16


def decode_csv(body: bytes, parameters: Mapping[str, str], settings: ServeSettings) -> Columns:
    """Read CSV; cells are separated by the comma, or what the first lines show.

    Parameters
    ----------
    body : bytes
        The text.
    parameters : mapping of str to str
        ``charset``; UTF-8 where it is absent.
    settings : ServeSettings
        Limits of the service.

    Returns
    -------
    Columns
        Cells as text, blank cells None.

    Raises
    ------
    Problem
        400 if it is no table, 413 for too many rows, 415 for an unknown charset.

    References
    ----------
    .. [1] RFC 4180, "Common Format and MIME Type for CSV Files".
    """
    if parameters.get("header") == "absent":
        raise Problem(400, "the first line must name the columns.", hint="Send a header.")
    text = decode_text(body, parameters.get("charset"))
    return _read(text, find_separator(text[:_SAMPLE], whole=len(text) <= _SAMPLE), settings)


def decode_tsv(body: bytes, parameters: Mapping[str, str], settings: ServeSettings) -> Columns:
    """Read text whose cells are separated by tabs, as `decode_csv` does."""
    return _read(decode_text(body, parameters.get("charset")), "\t", settings)


def _read(text: str, separator: str, settings: ServeSettings) -> Columns:
    # Python's reader refuses cells beyond one limit for the whole process. It is only ever raised: put back, it
    # would fail a body that another thread is reading. The length of a body is bounded already.
    if csv.field_size_limit() <= len(text):
        csv.field_size_limit(max(len(text), settings.max_body) + 1)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        names = next((line for line in lines if line), None)
        if names is None:
            raise Problem(400, "the body must begin with a line of column names.")
        _check_names(names)
        rows = list(_rows(lines, len(names), settings.max_rows))
    except csv.Error:
        raise Problem(
            400, f"the body must be CSV. Line {lines.line_num} is not.", hint="Are all quotes closed?"
        ) from None
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    blank = {"": None}
    return Columns(
        {name: [blank.get(cell, cell) for cell in cells] for name, cells in zip(names, columns, strict=True)}, len(rows)
    )


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1 and name.strip()]
    if twice:
        first, second = [i + 1 for i, name in enumerate(names) if name == twice[0]][:2]
        raise Problem(400, f"the header must name each column once. Columns {first} and {second} have one name.")


def _rows(lines: Iterator[list[str]], n_columns: int, max_rows: int) -> Iterator[list[str]]:
    """Yield the rows, whose number and lengths are judged before they take more memory."""
    n_rows = 0
    for line in lines:
        if not line:  # a blank line is no row
            continue
        n_rows += 1
        if n_rows > max_rows:
            raise Problem(
                413,
                f"a request must have at most {max_rows} rows. Got more.",
                hint="Send the rows in several requests.",
            )
        if len(line) != n_columns:
            raise Problem(400, f"row {n_rows} must have {n_columns} cells, as the header has. Got {len(line)}.")
        yield line
