"""Typed rows, some of them, and with a column altered: what a model is asked to be explained."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import Column
from mlcli.data.typed import TypedColumns, missing_code, unseen_code

Floats = NDArray[np.float64]

MISSING = "missing"
UNSEEN = "unseen in training"


def take_rows(columns: TypedColumns, indices: NDArray[np.intp]) -> TypedColumns:
    """Return the rows at `indices`, in that order."""
    return TypedColumns(tuple(take_cells(cells, indices) for cells in columns.columns), len(indices))


def take_cells(cells: Any, indices: NDArray[np.intp]) -> Any:
    """Return the cells of one column at `indices`."""
    return [cells[i] for i in indices] if isinstance(cells, list) else cells[indices]


def with_column(columns: TypedColumns, position: int, cells: Any) -> TypedColumns:
    """Return the same rows with other cells in one column."""
    return TypedColumns((*columns.columns[:position], cells, *columns.columns[position + 1 :]), columns.n_rows)


def choose_rows(n_rows: int, most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the positions of at most `most` rows, drawn by chance, in their order."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(rng.choice(n_rows, size=most, replace=False, shuffle=False))


_COMPARING = frozenset({"svm", "nearest_neighbors"})
"""Models that compare each row with the training rows."""


def row_cost(columns: Sequence[Column], *, models: Collection[str], n_train: int) -> int:
    """Return about what predicting one row costs, beside a row of numbers and a linear model.

    Parameters
    ----------
    columns : sequence of Column
        The model's columns; a text is cut into n-grams first.
    models : collection of str
        Names in the catalogue of what answers.
    n_train : int
        Rows that it learned from.
    """
    encoded = 1 + 30 * sum(column.kind == "text" for column in columns)
    return encoded * (1 + n_train // 100 if _COMPARING & set(models) else 1)


def level_name(column: Column, code: int) -> str:
    """Return what the code of a category column stands for."""
    if code == missing_code(column):
        return MISSING
    if code == unseen_code(column):
        return UNSEEN
    return list(column.categories or ())[code]


def date_text(microseconds: float) -> str:
    """Return a day as ISO 8601 text, from microseconds since 1970."""
    return str(np.datetime64(int(microseconds), "us").astype("datetime64[D]"))
