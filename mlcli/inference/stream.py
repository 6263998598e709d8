"""Predictions for a table of any length, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlcli.data.frames import columns_from_frame
from mlcli.data.rows import type_rows
from mlcli.data.schema import Schema
from mlcli.inference.predictor import Predictor

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mlcli.data.observed import Observed
    from mlcli.data.predictions import Predictions
    from mlcli.data.rows import TypedRows
    from mlcli.inference.explain_table import ExplainedTable


@dataclass
class Remarks:
    """What was unusual about the rows so far: allowed, counted, said at the end.

    Parameters
    ----------
    n_rows : int
        Rows predicted.
    unseen : Counter
        Rows with a category that training never saw, by column.
    out_of_range : Counter
        Rows with a number or date outside the training range, by column.
    """

    n_rows: int = 0
    unseen: Counter[str] = field(default_factory=Counter)
    out_of_range: Counter[str] = field(default_factory=Counter)

    def add(self, typed: TypedRows) -> None:
        """Count what was unusual about `typed`."""
        self.n_rows += len(typed.dataset)
        self.unseen.update(typed.unseen)
        self.out_of_range.update(typed.out_of_range)


def predict_tables(
    predictor: Predictor,
    tables: Iterable[pa.Table],
    *,
    source: str,
    keep: tuple[str, ...] | None,
    remarks: Remarks,
    observed: Observed | None = None,
    explained: ExplainedTable | None = None,
) -> Iterator[pa.Table]:
    """Predict tables one after another.

    Parameters
    ----------
    predictor : Predictor
        The model.
    tables : iterable of Table
        Raw tables in the order of the source's rows.
    source : str
        What the rows are called in an error message.
    keep : tuple of str, optional
        Columns of the input that stand before the predictions, as they were
        read; None keeps every column.
    remarks : Remarks
        Filled in on the way.
    observed : Observed, optional
        Counts the rows and what the model says of them, likewise.
    explained : ExplainedTable, optional
        Puts the contributions of the columns behind the predictions.

    Yields
    ------
    Table
        For each table one of the same length and order: the kept columns,
        ``prediction``, and for classes one ``probability_CLASS`` each. Where no
        column is kept, ``row`` counts the rows from 1.

    Raises
    ------
    DataError
        If a row breaks the data contract.
    """
    for table in tables if explained is None else explained.parts(tables):
        first_row = remarks.n_rows + 1
        typed = type_rows(table, predictor.schema, source=source, first_row=first_row, target="none")
        remarks.add(typed)
        predictions = _predict(predictor, typed.dataset.X, observed)
        predicted = predictions_table(table, predictions, schema=predictor.schema, keep=keep, first_row=first_row)
        yield predicted if explained is None else explained.beside(predicted, typed.dataset.X, predictions)


def _predict(predictor: Predictor, X: pd.DataFrame, observed: Observed | None) -> Predictions:
    if observed is None:
        return predictor.predict(X)
    columns = columns_from_frame(X, predictor.schema)
    # A program reads these columns, and need not make them again.
    predictions = predictor.predict_columns(columns) if predictor.compiled else predictor.predict(X)
    observed.add(columns)
    observed.add_predictions(predictions)
    return predictions


def kept_columns(keep: str, schema: Schema) -> tuple[str, ...] | None:
    """Return the input columns that ``--keep`` names: the ids, none, or None for all."""
    if keep == "all":
        return None
    return schema.id if keep == "ids" else ()


def predictions_table(
    table: pa.Table, predictions: Predictions, *, schema: Schema, keep: tuple[str, ...] | None, first_row: int
) -> pa.Table:
    """Put predictions beside the kept columns of their rows."""
    import pyarrow as pa

    # An id column that the rows do not have cannot be kept; the model never needed it.
    kept = table if keep is None else table.select([name for name in keep if name in table.column_names])
    if kept.num_columns == 0:
        kept = pa.table({"row": pa.array(range(first_row, first_row + table.num_rows), type=pa.int64())})
    columns = {name: kept.column(name) for name in kept.column_names}
    for name, values in _prediction_columns(predictions, schema):
        columns[_free_name(name, columns)] = pa.array(values)
    return pa.table(columns)


def _prediction_columns(predictions: Predictions, schema: Schema) -> Iterator[tuple[str, object]]:
    yield "prediction", predictions.y_pred
    if predictions.y_proba is not None:
        for position, label in enumerate(schema.target.classes or ()):
            # A column of its own: a slice of the row-major matrix would keep all of it alive.
            yield f"probability_{_label_text(label)}", predictions.y_proba[:, position].copy()


def _label_text(label: object) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _free_name(name: str, taken: dict[str, object]) -> str:
    """Return `name`, or the name with underscores behind it when the input has such a column."""
    while name in taken:
        name += "_"
    return name
