"""A data contract with a column of each kind and storage, and cells of every make for it."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from mlcli.data.row_reader import RowReader
from mlcli.data.schema import Column, DateRange, NumberRange, Schema, Target, TextLength
from mlcli.data.typed import NAT

MISSING_VALUES = ("NA", "-999", "2000-01-01")
LEVELS = {
    "text": {"red": 3, "green": 2, "dark blue": 1, "7": 1, "naïve": 1},
    "number": {"1": 3, "2.5": 2, "-4": 1, "9007199254740993": 1, "100000000000000000000": 1},
    "boolean": {"true": 3, "false": 2},
}


def column(name, kind, storage=None, **seen):
    return Column(name=name, kind=kind, storage=storage or kind, reason="", n_missing=1, n_distinct=3, **seen)


def number_column(name, least=-10.0, greatest=10.0):
    return column(name, "number", number=NumberRange(least, greatest, (0.0,) * 7, integer=False))


def date_column(name, form=None):
    return column(name, "date", date=DateRange("2001-01-01", "2020-06-30T12:00:00", form))


def category_column(name, storage="text"):
    return column(name, "category", storage, categories=LEVELS[storage])


EVERY_KIND = (
    number_column("age"),
    column("any number", "number"),
    column("member?", "boolean"),
    category_column("colour"),
    category_column("size", "number"),
    category_column("flag", "boolean"),
    date_column("joined", "%d/%m/%Y"),
    column("备注", "text", text=TextLength(10.0, 50, spaced=True)),
)


def schema_of(*columns, missing_values=()):
    target = Target(name="y", task="regression", storage="number", reason="")
    return Schema(
        columns=columns, target=target, ignored=(), id=(), weight=None, missing_values=missing_values, n_rows=10
    )


def reader_of(*columns, missing_values=(), max_cell=1000, unseen="warn", out_of_range="warn"):
    schema = schema_of(*(columns or EVERY_KIND), missing_values=missing_values)
    return RowReader(schema, max_cell=max_cell, unseen=unseen, out_of_range=out_of_range)


def told(cells):
    """Return typed cells in a form that compares: missing ones as None."""
    values = cells.tolist() if isinstance(cells, np.ndarray) else list(cells)
    return [None if value == NAT or (isinstance(value, float) and math.isnan(value)) else value for value in values]


def told_rows(read):
    """Return what was read, column by column, and what was new in it."""
    return [told(cells) for cells in read.as_columns().columns], read.unseen, read.out_of_range


texts = st.one_of(
    st.text(max_size=8),
    st.text(alphabet="0123456789+-.eE naiNfF_", max_size=8),
    st.floats().map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(
        ["NA", " NA", "-999", "-999.0", "", " ", "nan", "NaN", "inf", "Infinity", "1e400", "0x1", "+1", "1_0", "٣", "."]
    ),
    st.sampled_from(["true", "FALSE", "Yes", "n", "1", "0", "1.0", "2.50", " red", "red ", "dark blue", "naïve"]),
    st.sampled_from(["2011-01-31", "2011-02-30", "2000-01-01", "2011-01-31T24:00:00", "2011-01-31 07:05:09"]),
    st.sampled_from(["2011-01-31T07:05:09.25Z", "31/01/2011", "0000-01-01", "2011-W01-1", "١١١١-١١-١١", "9999-12-31"]),
)

json_cells = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-20, 20),
    st.integers(-(10**25), 10**25),
    st.sampled_from([0, 1, 1.0, 0.0, -0.0, 7, 2.5, -4, 2**53, 2**53 + 1, float(2**53), 10**20, 1e20, 20110131, -999]),
)
