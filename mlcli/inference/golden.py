"""Rows stored with their predictions, predicted again when a model is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlcli.data.schema import ClassLabel, Schema
from mlcli.errors import ArtifactError
from mlcli.inference.predictor import Predictor

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
    predictions = predictor.predict(_to_frame(golden.rows, predictor.schema))
    n_wrong = sum(not same for same in _same(predictions, golden))
    if n_wrong:
        raise ArtifactError(
            f"the model must predict its {len(golden.rows)} stored rows as it did when it was trained. Got {n_wrong} that differ.",
            hint="Install the library versions that `mlcli inspect` lists, or train again.",
        )


def _same(predictions: Predictions, golden: Golden) -> list[bool]:
    import numpy as np

    if golden.y_proba is None:
        stored = np.asarray(golden.y_pred, dtype=np.float64)
        return list(np.isclose(predictions.y_pred, stored, rtol=TOLERANCE, atol=TOLERANCE))
    stored_proba = np.asarray(golden.y_proba, dtype=np.float64)
    if predictions.y_proba is None or predictions.y_proba.shape != stored_proba.shape:
        return [False] * len(golden.rows)
    return list(np.abs(predictions.y_proba - stored_proba).max(axis=1) <= TOLERANCE)


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


def _to_frame(rows: list[dict[str, Cell]], schema: Schema) -> pd.DataFrame:
    """Return the typed frame that `_to_cells` was given."""
    import pandas as pd

    dtypes: dict[str, Any] = {
        "number": "float64",
        "boolean": "float64",
        "category": "str",
        "text": "str",
        "date": "datetime64[us]",
    }
    return pd.DataFrame(
        {
            column.name: pd.Series([row[column.name] for row in rows], dtype=dtypes[column.kind])
            for column in schema.columns
        }
    )
