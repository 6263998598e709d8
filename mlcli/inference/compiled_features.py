"""The preprocessing of a pipeline as a program, where its estimator has no compiled form."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import Schema
from mlcli.data.typed import TypedColumns
from mlcli.inference.encode import Encoder, full_matrix
from mlcli.inference.program import Constant, Model, Program, ProgramColumn

logger = logging.getLogger(__name__)

PROVEN_ROWS = 2_000
"""Rows on which the features are held against the fitted preprocessor's, each time that a model is loaded."""


class CompiledFeatures:
    """Makes the features that a fitted preprocessor makes, without a DataFrame.

    Parameters
    ----------
    model : Model
        Its feature operations; the head is not asked.
    """

    def __init__(self, model: Model) -> None:
        self._encoder = Encoder(model.features, model.n_features)

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the features of typed rows, of shape (n_rows, n_features)."""
        return full_matrix(self._encoder.rows(columns), self._encoder.layout)


def compile_features(pipeline: Any, schema: Schema, rows: TypedColumns) -> CompiledFeatures | None:
    """Compile the preprocessor of a fitted pipeline.

    Parameters
    ----------
    pipeline : Pipeline
        A preprocessor and an estimator, fitted.
    schema : Schema
        The data contract of its training rows.
    rows : TypedColumns
        Some rows like those of training.

    Returns
    -------
    CompiledFeatures or None
        None where a part has no compiled form, where texts are most of the
        features, or where one feature of one row of the proof differs in its last bit.
    """
    from mlcli.data.frames import frame_from_columns
    from mlcli.inference.proof_rows import proof_rows
    from mlcli.inference.translate import NotCompiled
    from mlcli.inference.translate_features import translate_features

    if len(pipeline.steps) != 2 or not rows.n_rows:
        return None
    preprocess = pipeline.steps[0][1]
    try:
        features = translate_features(preprocess, schema)
    except NotCompiled as error:
        logger.debug("the features are left to scikit-learn: %s", error.reason)
        return None
    model = Model(features.n_features, features.operations, Constant(np.zeros(1)))
    compiled = CompiledFeatures(model)
    columns = tuple(ProgramColumn(c.name, c.kind, len(c.categories or ())) for c in schema.columns)
    proof = proof_rows(Program(schema.target.task, columns, 1, model), schema, rows, n_rows=PROVEN_ROWS)
    expected = preprocess.transform(frame_from_columns(proof, schema))
    if not isinstance(expected, np.ndarray) or expected.dtype != np.float64:
        return None
    same = np.array_equal(compiled.rows(proof), expected, equal_nan=True)
    logger.debug("the features are %s on %d rows", "the same" if same else "not the same", proof.n_rows)
    return compiled if same else None
