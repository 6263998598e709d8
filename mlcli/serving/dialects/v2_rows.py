"""Tensors to rows, and predictions to tensors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from mlcli.data.schema import Schema
from mlcli.serving.call import Answer, Columns, Problem, Records
from mlcli.serving.dialects.addressed import shown_name
from mlcli.serving.dialects.tables import first_repeated, of_columns
from mlcli.serving.dialects.v2_types import Cells, RequestOutput, Tensor, datatype_of

PREDICT = "predict"
"""The output that holds the predicted value or label of each row."""

PREDICT_PROBA = "predict_proba"
"""The output that holds the probability of each class, in class order."""


def rows_of(tensors: Sequence[Tensor], schema: Schema) -> Columns | Records:
    """Return the rows that the inputs of a request hold.

    Either one tensor for each column, of shape [rows] or [rows, 1] and in any
    order, or a single tensor of shape [rows, columns] under another name, in
    training order. Columns of the training file that the model does not see
    (the target, ids, ignored ones) may come along.

    Raises
    ------
    Problem
        400, if an input is unknown, missing, there twice, or of another shape.
    """
    names = schema.names
    if len(tensors) == 1 and tensors[0].name not in names and len(tensors[0].shape) == 2:
        return _matrix(tensors[0], schema)
    if (twice := first_repeated(tensor.name for tensor in tensors)) is not None:
        raise Problem(400, f"inputs must name each tensor once. {shown_name(twice)} stands twice.")
    hint = f"One tensor a column: {', '.join(names)}."
    known = {*names, *_silent(schema)}
    if unknown := [tensor.name for tensor in tensors if tensor.name not in known]:
        raise Problem(400, f"inputs must be columns of the model. Unknown: {_list(unknown)}.", hint=hint)
    given = {tensor.name: tensor for tensor in tensors}
    if missing := [name for name in names if name not in given]:
        raise Problem(400, f"inputs must hold every column of the model. Missing: {_list(missing)}.", hint=hint)
    n_rows = given[names[0]].shape[0]
    for name in names:
        shape = given[name].shape
        if shape not in {(n_rows,), (n_rows, 1)}:
            raise Problem(
                400,
                f"input {shown_name(name)}: shape must be [rows] or [rows, 1], with the same rows in every input.",
                hint=f"Input {shown_name(names[0])} holds {n_rows} rows.",
            )
    return of_columns({name: given[name].cells for name in names}, n_rows)


def output_tensors(answer: Answer, asked: Sequence[RequestOutput] | None) -> list[Tensor]:
    """Return the outputs that a request asks for, each once and in its order; all of them where it names none.

    Parameters
    ----------
    answer : Answer
        What the model says of the rows.
    asked : sequence of RequestOutput, optional
        Outputs that `check_outputs` let through.
    """
    n_rows = len(answer.y_pred)
    datatype = datatype_of(answer.classes) if answer.classes else "FP64"
    labels = [str(label) for label in answer.y_pred] if datatype == "BYTES" else answer.y_pred
    tensors = {PREDICT: Tensor(PREDICT, datatype, (n_rows,), labels)}
    if answer.y_proba is not None:
        cells: Cells = list(chain.from_iterable(answer.y_proba))
        tensors[PREDICT_PROBA] = Tensor(PREDICT_PROBA, "FP64", (n_rows, len(answer.classes)), cells)
    if not asked:
        return list(tensors.values())
    return [tensors[name] for name in dict.fromkeys(output.name for output in asked)]


def check_outputs(asked: Sequence[RequestOutput] | None, schema: Schema) -> None:
    """Refuse a request for an output that the model does not have, before anything is predicted.

    Raises
    ------
    Problem
        400, naming it.
    """
    known = output_names(schema)
    unknown = [output.name for output in asked or () if output.name not in known]
    if unknown:
        raise Problem(400, f"outputs must be outputs of the model. Unknown: {_list(unknown)}.", hint=_have(known))


def output_names(schema: Schema) -> tuple[str, ...]:
    """Return the outputs of a model, in the order in which they are answered."""
    return (PREDICT,) if schema.target.classes is None else (PREDICT, PREDICT_PROBA)


def _matrix(tensor: Tensor, schema: Schema) -> Columns | Records:
    """Return one tensor of all columns, column by column."""
    names = schema.names
    n_rows, n_columns = tensor.shape
    if n_columns != len(names):
        raise Problem(
            400,
            f"input {shown_name(tensor.name)} must be a column of the model, or hold all {len(names)} of them "
            f"in the shape [rows, {len(names)}].",
            hint=f"One tensor a column: {', '.join(names)}.",
        )
    texts = [column.name for column in schema.columns if column.storage not in {"number", "boolean"}]
    if texts and tensor.datatype != "BYTES":
        raise Problem(
            400,
            f"input {shown_name(tensor.name)} must be BYTES, or one tensor a column: {_list(texts)} hold no numbers.",
        )
    cells: Any = tensor.cells
    columns = {
        name: np.ascontiguousarray(cells[position::n_columns])
        if isinstance(cells, np.ndarray)
        else cells[position::n_columns]
        for position, name in enumerate(names)
    }
    return of_columns(columns, n_rows)


def _silent(schema: Schema) -> list[str]:
    """Return the columns of the training file that the model does not see."""
    weight = [schema.weight] if schema.weight else []
    return [schema.target.name, *(column.name for column in schema.ignored), *schema.id, *weight]


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(shown_name(name) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


def _have(names: Sequence[str]) -> str:
    return f"This model has {' and '.join(map(repr, names))}."
