"""The rows that a model gets most wrong."""

from __future__ import annotations

import msgspec
import numpy as np

from mlcli.data.dataset import Dataset
from mlcli.data.schema import ClassLabel, Schema
from mlcli.data.typed import NAT, TypedColumns
from mlcli.evaluation.altered import MISSING, date_text, level_name
from mlcli.evaluation.classification import ClassificationRows
from mlcli.evaluation.losses import row_losses
from mlcli.evaluation.metrics import Rows
from mlcli.evaluation.numerals import format_value

MOST_ROWS = 10
"""Rows listed."""

LONGEST_TEXT = 200
"""Characters of a cell that are shown."""


class HardRow(msgspec.Struct, frozen=True):
    """One row that was predicted badly.

    Parameters
    ----------
    row : int
        Its number in the source, from 1 after the header.
    ids : tuple of str
        Its id columns.
    true, predicted : label or float
        Truth and prediction.
    probability : float, optional
        What the model gave the true class; None for a regression.
    cells : tuple of str
        The row's cells, cut to `LONGEST_TEXT` characters; empty for missing.
    """

    row: int
    ids: tuple[str, ...]
    true: ClassLabel
    predicted: ClassLabel
    probability: float | None
    cells: tuple[str, ...]


def hardest_rows(
    dataset: Dataset, columns: TypedColumns, rows: Rows, *, schema: Schema, metric: str
) -> tuple[HardRow, ...]:
    """Return the rows with the greatest loss, the hardest first.

    Parameters
    ----------
    dataset : Dataset
        The rows judged.
    columns : TypedColumns
        Their cells.
    rows : ClassificationRows or RegressionRows
        Their truth and predictions.
    schema : Schema
        The data contract; cells stand in the order of its columns.
    metric : str
        ``log_loss``, ``accuracy`` or ``rmse``.
    """
    losses = -row_losses(rows, metric) if metric == "accuracy" else row_losses(rows, metric)
    found = []
    for at in np.argsort(-losses, kind="stable")[:MOST_ROWS].tolist():
        if isinstance(rows, ClassificationRows):
            true: ClassLabel = rows.classes[rows.y_true[at]]
            predicted: ClassLabel = rows.classes[rows.y_pred[at]]
            probability = None if rows.y_proba is None else float(rows.y_proba[at, rows.y_true[at]])
        else:
            true, predicted, probability = float(rows.y_true[at]), float(rows.y_pred[at]), None
        found.append(
            HardRow(
                row=int(dataset.rows[at]),
                ids=tuple("" if text != text else _cut(str(text)) for text in dataset.ids.iloc[at].tolist()),  # noqa: PLR0124
                true=true,
                predicted=predicted,
                probability=probability,
                cells=_cells(columns, at, schema),
            )
        )
    return tuple(found)


def _cells(columns: TypedColumns, at: int, schema: Schema) -> tuple[str, ...]:
    texts = []
    for column, cells in zip(schema.columns, columns.columns, strict=True):
        cell = cells[at]
        match column.kind:
            case "number":
                texts.append("" if np.isnan(cell) else format_value(float(cell)))
            case "boolean":
                texts.append("" if np.isnan(cell) else str(bool(cell)).lower())
            case "date":
                texts.append("" if cell == NAT else date_text(cell))
            case "category":
                level = level_name(column, int(cell))
                texts.append("" if level == MISSING else level)
            case "text":
                texts.append(_cut(cell))
    return tuple(_cut(text) for text in texts)


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
