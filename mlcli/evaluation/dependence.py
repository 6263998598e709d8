"""How the prediction moves with one column, all others as they are: partial dependence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import ClassLabel, Column, Schema
from mlcli.data.typed import NAT, TypedColumns, unseen_code
from mlcli.evaluation.altered import choose_rows, date_text, level_name, take_rows, with_column
from mlcli.evaluation.importance import Predict
from mlcli.evaluation.numerals import format_value

Floats = NDArray[np.float64]

MOST_COLUMNS = 6
"""Columns shown."""

_ROWS = 300
_POINTS = 20
_LEVELS = 12
_CLASSES = 5
_DEAR = 10
_ROWS_WHERE_DEAR = 60


class DependenceLine(msgspec.Struct, frozen=True):
    """The mean prediction at each point of a column.

    Parameters
    ----------
    label : label, optional
        The class whose probability it is; None for a regression.
    mean : tuple of float
        Mean prediction of the rows at each point.
    low, high : tuple of float
        Between them lie the predictions of the middle 80 % of the rows.
    """

    label: ClassLabel | None
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Dependence(msgspec.Struct, frozen=True):
    """How the prediction moves with one column.

    Parameters
    ----------
    column : str
        The column, as the file calls it.
    scale : str
        Whether the points are levels, numbers or days.
    points : tuple of float
        Where the column was put: numbers, days since 1970, or 0, 1, ... for levels.
    names : tuple of str
        The points as people read them.
    lines : tuple of DependenceLine
        One for a regression or two classes, else one for each common class.
    n_rows : int
        Rows averaged.
    """

    column: str
    scale: Literal["level", "number", "date"]
    points: tuple[float, ...]
    names: tuple[str, ...]
    lines: tuple[DependenceLine, ...]
    n_rows: int


@dataclass(frozen=True)
class _Grid:
    """The points of one column: how they are drawn, named, and written into cells."""

    scale: Literal["level", "number", "date"]
    points: Floats
    names: tuple[str, ...]
    cells: NDArray[Any]


def partial_dependence(
    predict: Predict, columns: TypedColumns, names: tuple[str, ...], *, schema: Schema, random_state: int, cost: int = 1
) -> tuple[Dependence, ...]:
    """Put every row's cell of a column to one value after another and average the predictions.

    Parameters
    ----------
    predict : callable
        Predictions for typed rows.
    columns : TypedColumns
        Rows that the model has not learned from.
    names : tuple of str
        The columns asked for, the most important first; texts and columns of
        one value are passed over, and at most `MOST_COLUMNS` shown.
    schema : Schema
        The data contract of the columns.
    random_state : int
        Seed of the choice of rows.
    cost : int, default=1
        What predicting a row costs, see `row_cost`: fewer rows are averaged where it is dear.

    Returns
    -------
    tuple of Dependence
        In the order of `names`.

    References
    ----------
    .. [1] Friedman (2001), "Greedy Function Approximation: A Gradient Boosting
       Machine", Annals of Statistics 29(5).
    """
    rng = np.random.default_rng(random_state)
    most = _ROWS if cost < _DEAR else _ROWS_WHERE_DEAR
    rows = take_rows(columns, choose_rows(len(columns), most, rng))
    position_of = {column.name: position for position, column in enumerate(schema.columns)}
    found: list[Dependence] = []
    for name in names:
        position = position_of[name]
        grid = _grid(schema.columns[position], columns.columns[position])
        if grid is None or len(found) == MOST_COLUMNS:
            continue
        lines = _lines(predict, rows, position, grid, schema)
        found.append(Dependence(name, grid.scale, tuple(grid.points.tolist()), grid.names, lines, len(rows)))
    return tuple(found)


def _lines(
    predict: Predict, rows: TypedColumns, position: int, grid: _Grid, schema: Schema
) -> tuple[DependenceLine, ...]:
    """Average the predictions of all rows at every point of the grid."""
    n_points, n_rows = len(grid.points), len(rows)
    asked = with_column(take_rows(rows, np.tile(np.arange(n_rows), n_points)), position, np.repeat(grid.cells, n_rows))
    predictions = predict(asked)
    outputs = predictions.y_pred if schema.target.task == "regression" else predictions.y_proba
    if outputs is None or not np.isfinite(outputs).all():
        return ()
    if predictions.y_proba is None:
        return (_line(None, np.asarray(outputs, dtype=np.float64).reshape(n_points, n_rows)),)
    classes = predictions.classes
    if len(classes) == 2:
        positive = 1 if schema.target.positive is None else classes.index(schema.target.positive)
        shown = [positive]
    else:
        counts = schema.target.counts or (0,) * len(classes)
        shown = sorted(sorted(range(len(classes)), key=lambda code: -counts[code])[:_CLASSES])
    proba = predictions.y_proba.reshape(n_points, n_rows, len(classes))
    return tuple(_line(classes[code], proba[:, :, code]) for code in shown)


def _line(label: ClassLabel | None, predicted: Floats) -> DependenceLine:
    low, high = np.quantile(predicted, (0.1, 0.9), axis=1)
    return DependenceLine(label, tuple(predicted.mean(axis=1).tolist()), tuple(low.tolist()), tuple(high.tolist()))


def _grid(column: Column, cells: Any) -> _Grid | None:
    """Return the points of a column, None where there are not two."""
    match column.kind:
        case "number":
            present = np.unique(cells[np.isfinite(cells)])
            points = present if len(present) <= _POINTS else _quantiles(cells[np.isfinite(cells)])
            return _two_or_none(_Grid("number", points, tuple(map(format_value, points.tolist())), points))
        case "boolean":
            points = np.array([0.0, 1.0])
            return _Grid("level", points, ("false", "true"), points)
        case "date":
            present = cells[cells != NAT].astype(np.float64)
            if not len(present):
                return None
            points = _quantiles(present)
            days = points / 86_400e6
            return _two_or_none(_Grid("date", days, tuple(map(date_text, points)), points.astype(np.int64)))
        case "category":
            codes = np.unique(cells)
            codes = codes[codes != unseen_code(column)]
            # The commonest levels have the lowest codes.
            codes = codes[:_LEVELS]
            names = tuple(level_name(column, code) for code in codes)
            return _two_or_none(_Grid("level", np.arange(len(codes), dtype=np.float64), names, codes))
        case _:
            return None


def _quantiles(values: Floats) -> Floats:
    """Return points that follow the values, without the outermost 1 % on either side."""
    return np.unique(np.quantile(values, np.linspace(0.01, 0.99, _POINTS), method="nearest"))


def _two_or_none(grid: _Grid) -> _Grid | None:
    return grid if len(grid.points) > 1 else None
