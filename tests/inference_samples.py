"""Typed rows with every oddity, and what a program makes of them beside scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from mlcli.data.frames import columns_from_frame
from mlcli.data.typed import TypedColumns
from mlcli.inference.machine import Machine
from mlcli.inference.predictor import PipelinePredictor
from mlcli.inference.translate import translate

ODD_NUMBERS = [0.0, -0.0, 1e300, -1e300, 1.7e308, 5e-324, 1e-12, 1e30, -1e30, 3000.0, np.nan]
ODD_TEXTS = ["", " ", "good", "Good  GOOD\tbad", "İstanbul ΑΣ ß", "🎉 ﬀ", "a", "\x00 a\x00b", "很好 不好", "x" * 5000]


def odd_rows(X, *, seed=1):
    """Rows like `X` in which every sort of oddity comes up, column by column."""
    rng = np.random.default_rng(seed)
    n_rows = 60
    odd = X.iloc[rng.integers(0, len(X), n_rows)].reset_index(drop=True)
    for i, name in enumerate(odd):
        column = odd[name].copy()
        if pd.api.types.is_datetime64_any_dtype(column):
            column.iloc[::5] = pd.NaT
            column.iloc[1] = pd.Timestamp("0001-01-01")
            column.iloc[2] = pd.Timestamp("9999-12-31T23:59:59.999999")
            column.iloc[3] = pd.Timestamp("1969-12-31T23:59:59.999999")
        elif column.dtype == np.float64 and set(column.dropna()) <= {0.0, 1.0}:
            column.iloc[::4] = np.nan
        elif column.dtype == np.float64:
            column.iloc[: len(ODD_NUMBERS)] = ODD_NUMBERS
        else:
            texts = np.asarray(column, dtype=object)
            texts[:9] = ["never seen", *ODD_TEXTS[:8]]
            texts[9::7] = None
            column = pd.Series(texts, dtype="str")
        odd[name] = column.sample(frac=1, random_state=seed + i, ignore_index=True)
    return odd


def cells_of(columns):
    """Typed columns as rows of typed cells."""
    return list(zip(*[c.tolist() if hasattr(c, "tolist") else c for c in columns.columns], strict=True))


def taken(columns, rows):
    """Some of the rows, in this order."""
    parts = tuple([c[i] for i in rows] if isinstance(c, list) else c[rows] for c in columns.columns)
    return TypedColumns(parts, len(rows))


def same_bits(a, b):
    """Whether two arrays of floats hold the same bits, any NaN being like any other."""
    a, b = np.ascontiguousarray(a, dtype=np.float64), np.ascontiguousarray(b, dtype=np.float64)
    return a.shape == b.shape and bool(((a.view(np.int64) == b.view(np.int64)) | (np.isnan(a) & np.isnan(b))).all())


def worst_difference(actual, expected):
    """The largest difference, relative where values are above 1: a prediction of 1e30 is not exact to 1e-9."""
    assert actual.shape == expected.shape
    return float((np.abs(actual - expected) / np.maximum(1.0, np.abs(expected))).max(initial=0.0))


def check_program(pipeline, schema, X, *, tolerance=1e-9):
    """Hold the program against the pipeline, and its two ways against each other; return the machine."""
    machine = Machine(translate(pipeline, schema))
    columns = columns_from_frame(X, schema)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that scikit-learn meets huge numbers is what is asked of it
        expected = PipelinePredictor(pipeline, schema).outputs(X)
    actual = machine.rows(columns)
    assert worst_difference(actual, expected) <= tolerance
    assert same_bits(actual, np.array([machine.row(cells) for cells in cells_of(columns)]))
    return machine
