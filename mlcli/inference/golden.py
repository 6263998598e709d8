"""Rows stored with their predictions, predicted again when a model is loaded."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from mlcli.data.schema import ClassLabel, Column, Schema
from mlcli.data.typed import NAT, TypedColumns, columns_from_rows, level_codes, missing_code, unseen_code
from mlcli.data.typed import Cell as TypedCell
from mlcli.errors import ArtifactError
from mlcli.inference.predictor import Predictor, Threshold

if TYPE_CHECKING:
    import pandas as pd

    from mlcli.data.dataset import Dataset
    from mlcli.data.predictions import Predictions

# Summation order may differ between BLAS builds; labels and everything beyond rounding may not.
TOLERANCE = 1e-6

Cell = float | str | None


class Golden(msgspec.Struct, frozen=True):
    """Typed rows with what the model said of them at training time.

    Parameters
    ----------
    rows : list of dict
        Cells by column: numbers and booleans as numbers, dates as ISO text,
        missing as null.
    y_pred : list
        Predicted value or label of each row.
    y_proba : list of list of float, optional
        Class probabilities of each row, in class order.
    """

    rows: list[dict[str, Cell]]
    y_pred: list[ClassLabel]
    y_proba: list[list[float]] | None


def record_golden(predictor: Predictor, dataset: Dataset, *, n_rows: int) -> Golden:
    """Return the first `n_rows` rows of `dataset` with their predictions."""
    X = dataset.X.head(n_rows)
    predictions = predictor.predict(X)
    return Golden(
        rows=_to_cells(X),
        y_pred=predictions.y_pred.tolist(),
        y_proba=None if predictions.y_proba is None else predictions.y_proba.tolist(),
    )


def check_golden(predictor: Predictor, golden: Golden) -> None:
    """Predict the golden rows again.

    Raises
    ------
    ArtifactError
        If a prediction differs from the stored one: the model is not what it
        was, or the libraries here compute something else.
    """
    if not golden.rows:
        return
    predictions = predictor.predict_columns(_to_columns(golden.rows, predictor.schema))
    n_wrong = sum(not same for same in _same(predictions, golden, predictor.threshold))
    if n_wrong:
        raise ArtifactError(
            f"the model must predict its {len(golden.rows)} stored rows as it did when it was trained. Got {n_wrong} that differ.",
            hint="Install the library versions that `mlcli inspect` lists, or train again.",
        )


def golden_columns(golden: Golden, schema: Schema) -> TypedColumns:
    """Return the golden rows as a model reads them."""
    return _to_columns(golden.rows, schema)


def _same(predictions: Predictions, golden: Golden, threshold: Threshold | None) -> list[bool]:
    import numpy as np

    if golden.y_proba is None:
        stored = np.asarray(golden.y_pred, dtype=np.float64)
        return list(np.isclose(predictions.y_pred, stored, rtol=TOLERANCE, atol=TOLERANCE))
    stored_proba = np.asarray(golden.y_proba, dtype=np.float64)
    if predictions.y_proba is None or predictions.y_proba.shape != stored_proba.shape:
        return [False] * len(golden.rows)
    alike = np.abs(predictions.y_proba - stored_proba).max(axis=1) <= TOLERANCE
    if threshold is None:
        best = np.sort(stored_proba, axis=1)
        is_tie = best[:, -1] - best[:, -2] <= 2 * TOLERANCE if best.shape[1] > 1 else np.ones(len(best), dtype=bool)
    else:
        is_tie = np.abs(stored_proba[:, threshold.positive] - threshold.value) <= TOLERANCE
    same_label = [ours == theirs for ours, theirs in zip(predictions.y_pred.tolist(), golden.y_pred, strict=True)]
    return list(alike & (is_tie | np.array(same_label)))


def _to_cells(X: pd.DataFrame) -> list[dict[str, Cell]]:
    """Return the rows of a typed frame as JSON-able cells."""
    import pandas as pd

    columns: dict[str, list[Cell]] = {}
    for name in X.columns:
        column = X[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            columns[name] = [None if pd.isna(value) else value.isoformat() for value in column]
        else:
            columns[name] = [None if pd.isna(value) else value for value in column.tolist()]
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _to_columns(rows: list[dict[str, Cell]], schema: Schema) -> TypedColumns:
    """Return the typed rows that `_to_cells` was given, without pandas."""
    cells = [[row[column.name] for row in rows] for column in schema.columns]
    typed = [_typed(values, column) for values, column in zip(cells, schema.columns, strict=True)]
    return columns_from_rows(list(zip(*typed, strict=True)), schema.columns)


def _typed(cells: list[Cell], column: Column) -> list[TypedCell]:
    match column.kind:
        case "number" | "boolean":
            return [math.nan if cell is None else float(cell) for cell in cells]
        case "date":
            return [NAT if cell is None else _microseconds(str(cell)) for cell in cells]
        case "text":
            return ["" if cell is None else str(cell) for cell in cells]
        case "category":
            codes, unseen = level_codes(column), unseen_code(column)
            return [missing_code(column) if cell is None else codes.get(str(cell), unseen) for cell in cells]


def _microseconds(date: str) -> int:
    return (datetime.fromisoformat(date) - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 -- UTC by contract
