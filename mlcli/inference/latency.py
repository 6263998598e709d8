"""How long a model takes to answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from mlcli.data.schema import Schema
from mlcli.errors import ArtifactError
from mlcli.inference.predictor import PipelinePredictor, Predictor, ProgramPredictor

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

MANY = 1_000
"""Rows of the longer measurement."""

_ONES = 40
"""Rows asked one by one."""

_LONGEST = 0.2
"""Seconds after which no more rows are asked."""


class Latency(msgspec.Struct, frozen=True):
    """How long a model takes, on this machine and at this moment.

    Parameters
    ----------
    row_seconds : float
        To predict one typed row, in seconds: the median of some.
    thousand_seconds : float
        To predict a thousand, in seconds: the best of two.
    compiled : bool
        Whether a program was asked, or scikit-learn.
    """

    row_seconds: float
    thousand_seconds: float
    compiled: bool


def measure_latency(pipeline: Pipeline, schema: Schema, X: pd.DataFrame) -> Latency:
    """Time a fitted pipeline as it would serve: through its program where it has one.

    The program is not proven here, which would cost more than the fit.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    schema : Schema
        The data contract.
    X : DataFrame of shape (n_samples, n_features)
        Typed rows to ask about, at least one; repeated up to a thousand.
    """
    import numpy as np

    from mlcli.data.frames import columns_from_frame
    from mlcli.inference.proof_rows import cells_of

    X = X.iloc[np.arange(MANY) % len(X)].reset_index(drop=True)
    columns = columns_from_frame(X, schema)
    predictor = _predictor(pipeline, schema)
    rows = [cells_of(columns, i) for i in range(_ONES)]
    predictor.predict_row(rows[0])  # what is built at the first call is no part of the others
    ones: list[float] = []
    while len(ones) < len(rows) and sum(ones) < _LONGEST:
        row = rows[len(ones)]
        ones.append(_seconds(lambda row=row: predictor.predict_row(row)))  # type: ignore[misc]
    many = min(_seconds(lambda: predictor.predict_columns(columns)) for _ in range(2))
    return Latency(float(np.median(ones)), many, predictor.compiled)


def _predictor(pipeline: Pipeline, schema: Schema) -> Predictor:
    from mlcli.inference.machine import Machine
    from mlcli.inference.translate import NotCompiled, translate

    try:
        return ProgramPredictor(Machine(translate(pipeline, schema)), schema)
    except (NotCompiled, ArtifactError):
        return PipelinePredictor(pipeline, schema)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
