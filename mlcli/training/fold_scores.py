"""A model's parameters, judged on folds of the training rows.

The rows of a fold are preprocessed once, for all trials: what the preprocessor
learns does not depend on the model's parameters. Each fit takes one thread, so
that a score is the same to the last bit wherever it was computed.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlcli.config.model_sections import ModelConfig
from mlcli.config.sections import Config
from mlcli.data.schema import Schema
from mlcli.errors import MlcliError
from mlcli.features.preprocessed import KEPT_BYTES, Preprocessed, preprocess_rows
from mlcli.training.prepare import Fold, Prepared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldRows:
    """The rows of one fold, as the estimator sees them.

    Parameters
    ----------
    inputs : Preprocessed
        Those to learn from, and those to judge on.
    y, y_judged : ndarray
        Their targets.
    weights : ndarray, optional
        Weights of the rows to learn from: a row's own times its class's.
    judged_weight : ndarray, optional
        Weights of the rows to judge on.
    """

    inputs: Preprocessed
    y: NDArray[Any]
    weights: NDArray[np.float64] | None
    y_judged: NDArray[Any]
    judged_weight: NDArray[np.float64] | None


@dataclass(frozen=True)
class FoldScore:
    """What a set of parameters is worth on one fold.

    Parameters
    ----------
    value : float, optional
        The metric; None where the model refused, or the metric is undefined.
    seconds : float
        Time of fit and prediction.
    note : str, optional
        Why there is no value, or what the model's library said of the fit.
    """

    value: float | None
    seconds: float
    note: str | None = None


class FoldsOfRows:
    """The folds of the training rows, preprocessed when they are first asked for, and kept where memory allows.

    Parameters
    ----------
    config : Config
        Preprocessing and model.
    prepared : Prepared
        The training rows and the folds of the search.
    """

    def __init__(self, config: Config, prepared: Prepared) -> None:
        self._config = config
        self._prepared = prepared
        first = self._preprocessed(prepared.tune_folds[0])
        self.kept = first.inputs.nbytes * len(prepared.tune_folds) <= KEPT_BYTES
        self._rows = {0: first} if self.kept else {}

    def __len__(self) -> int:
        """Return the number of folds."""
        return len(self._prepared.tune_folds)

    def __getitem__(self, number: int) -> FoldRows:
        """Return the rows of a fold, counted from 0."""
        if number in self._rows:
            return self._rows[number]
        rows = self._preprocessed(self._prepared.tune_folds[number])
        if self.kept:
            self._rows[number] = rows
        return rows

    def _preprocessed(self, fold: Fold) -> FoldRows:
        import numpy as np

        from mlcli.models.pipeline import build_pipeline, fit_weights

        train = self._prepared.train.take(np.asarray(fold.train, dtype=np.intp))
        judged = self._prepared.train.take(np.asarray(fold.test, dtype=np.intp))
        schema = self._prepared.schema
        weights = fit_weights(train, model=self._config.model, classes=schema.target.classes)
        preprocess = build_pipeline(self._config, schema).named_steps["preprocess"]
        rows = replace(preprocess_rows(preprocess, train.X, train.y, judged=judged.X), preprocess=None)
        return FoldRows(rows, train.y_true, weights, judged.y_true, judged.sample_weight)


def score_fold(rows: FoldRows, model: ModelConfig, *, schema: Schema, metric: str) -> FoldScore:
    """Fit a model on a fold and judge it on the rows left out.

    Parameters
    ----------
    rows : FoldRows
        The fold.
    model : ModelConfig
        Name and parameters.
    schema : Schema
        The data contract: task and classes.
    metric : str
        Name of the metric.

    Returns
    -------
    FoldScore
        With a note instead of a value where the model refuses its parameters.
    """
    started = time.perf_counter()
    with _remarks() as remarks, warnings.catch_warnings():
        # A far point of the space may overflow on its way: its score tells.
        warnings.simplefilter("ignore")
        try:
            value = _score(rows, model, schema=schema, metric=metric)
        except (ValueError, TypeError, ArithmeticError, MemoryError) as error:
            return FoldScore(None, time.perf_counter() - started, _reason(error))
    note = None if value is None else next(iter(remarks), None)
    return FoldScore(value, time.perf_counter() - started, note)


def _score(rows: FoldRows, model: ModelConfig, *, schema: Schema, metric: str) -> float | None:
    import numpy as np

    from mlcli.evaluation.metrics import rows_judged, scorer_for
    from mlcli.inference.predictor import PipelinePredictor, predictions_from
    from mlcli.models.catalogue import build_estimator
    from mlcli.models.pipeline import fit_estimator

    target = schema.target
    estimator = build_estimator(model, task=target.task)
    if "n_jobs" in estimator.get_params(deep=False):
        estimator.set_params(n_jobs=1)
    fit_estimator(estimator, rows.inputs.features, rows.y, name=model.name, sample_weight=rows.weights)
    outputs = PipelinePredictor(estimator, schema).outputs(rows.inputs.judged)
    judged = rows_judged(
        rows.y_judged, predictions_from(outputs, schema), target=target, sample_weight=rows.judged_weight
    )
    value = float(scorer_for(judged, names=[metric]).scores()[metric][0])
    return value if np.isfinite(value) else None


class _Keep(logging.Handler):
    """Keeps the warnings that are logged."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record.getMessage())


@contextmanager
def _remarks() -> Iterator[list[str]]:
    """Yield the list that warnings about fits go to instead of a screen, which hundreds of fits would flood."""
    fits = logging.getLogger("mlcli.models")
    remarks: list[str] = []
    handler, before = _Keep(remarks), fits.propagate
    fits.addHandler(handler)
    fits.propagate = False
    try:
        yield remarks
    finally:
        fits.removeHandler(handler)
        fits.propagate = before


def _reason(error: BaseException) -> str:
    """Return in one line why a fit failed: what the library said, where it was the library."""
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    cause = error.__cause__ if isinstance(error, MlcliError) and error.__cause__ is not None else error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
