"""The one way to predict: `evaluate`, `predict` and the service all call it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from mlcli.data.predictions import Predictions
from mlcli.data.schema import Schema
from mlcli.data.typed import Cell, TypedColumns, columns_from_rows

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from mlcli.inference.compiled_features import CompiledFeatures
    from mlcli.inference.machine import Machine
    from mlcli.inference.program import Program

logger = logging.getLogger(__name__)


class FittedPipeline(Protocol):
    """What prediction needs of a fitted scikit-learn pipeline."""

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """Return a value or label for each row."""

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return the probability of each class for each row."""


@dataclass(frozen=True)
class Threshold:
    """What decides between two classes, where it is not which is likelier.

    Parameters
    ----------
    value : float
        Least probability of the class at `positive` that gives it as the label.
    positive : int
        Position of that class, 0 or 1.
    """

    value: float
    positive: int


class Predictor(Protocol):
    """A model with the contract it was trained under.

    A row predicts the same alone as among others, to the last bit for a
    compiled model.
    """

    @property
    def schema(self) -> Schema:
        """The data contract of the training rows."""

    @property
    def compiled(self) -> bool:
        """Whether a compiled program answers, and scikit-learn is not needed."""

    @property
    def threshold(self) -> Threshold | None:
        """What decides about the label of two classes; None for the likelier class."""

    def predict(self, X: pd.DataFrame) -> Predictions:
        """Predict typed rows in a frame, see `mlcli.data.dataset.Dataset`."""

    def predict_columns(self, columns: TypedColumns) -> Predictions:
        """Predict typed rows in plain columns."""

    def predict_row(self, row: Sequence[Cell]) -> list[float]:
        """Return the outputs of one typed row: the value alone, or the probability of each class."""

    def label(self, outputs: Sequence[float]) -> Any:
        """Return the prediction that the outputs of one row mean: the value, or a class."""


@dataclass(frozen=True)
class PipelinePredictor:
    """A fitted pipeline that answers through scikit-learn.

    Parameters
    ----------
    pipeline : FittedPipeline
        Fitted scikit-learn pipeline from typed columns to predictions.
    schema : Schema
        The data contract of its training rows.
    features : CompiledFeatures, optional
        What prepares plain columns for the last step of the pipeline, in the place of its own first.
    """

    pipeline: FittedPipeline
    schema: Schema
    compiled: bool = False
    features: CompiledFeatures | None = None

    def predict(self, X: pd.DataFrame) -> Predictions:
        """Predict typed rows.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            The columns of ``schema``, typed as `mlcli.data.dataset.Dataset` says.

        Returns
        -------
        Predictions
            One prediction for each row, in order. A class label is the one of
            the highest probability, the first in class order on a tie; where
            the pipeline holds a threshold, it decides.
        """
        return predictions_from(self.outputs(X), self.schema, self.threshold)

    @cached_property
    def threshold(self) -> Threshold | None:
        """The threshold that the pipeline ends in."""
        from mlcli.inference.translate import NotCompiled
        from mlcli.inference.translate_meta import find_threshold

        try:
            return find_threshold(self.pipeline)
        except NotCompiled:  # on decision values, which no config can ask for: the likelier class
            return None

    def outputs(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return the outputs of typed rows, of shape (n_samples, n_outputs)."""
        return self._asked(self.pipeline, X)

    def _asked(self, model: Any, X: Any) -> NDArray[np.float64]:
        """Return the outputs of the pipeline, or of its last step, for what that reads."""
        import numpy as np

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if self.schema.target.task == "regression":
                outputs = np.asarray(model.predict(X), dtype=np.float64).reshape(-1, 1)
            else:
                outputs = self._of_all_classes(np.asarray(model.predict_proba(X), dtype=np.float64), model)
        for warning in caught:
            # A library's remark is worth keeping for a bug report, never worth a user's screen.
            logger.debug("while predicting: %s", warning.message)
        return outputs

    def _of_all_classes(self, y_proba: NDArray[np.float64], model: Any) -> NDArray[np.float64]:
        """Return a probability for each class of the target: 0 for those that the model, of a fold, never saw."""
        import numpy as np

        from mlcli.evaluation.classification import encode_labels

        classes = self.schema.target.classes or ()
        known: Any = getattr(model, "classes_", ())
        if y_proba.shape[1] >= len(classes) or len(known) != y_proba.shape[1]:
            return y_proba
        full = np.zeros((len(y_proba), len(classes)))
        full[:, encode_labels(known, classes)] = y_proba
        return full

    def predict_columns(self, columns: TypedColumns) -> Predictions:
        """Predict typed rows in plain columns."""
        return predictions_from(self._outputs_of(columns), self.schema, self.threshold)

    def predict_row(self, row: Sequence[Cell]) -> list[float]:
        """Return the outputs of one typed row."""
        outputs: list[float] = self._outputs_of(columns_from_rows([row], self.schema.columns))[0].tolist()
        return outputs

    def _outputs_of(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the outputs of typed rows in plain columns."""
        if self.features is not None and columns.n_rows:
            pipeline: Any = self.pipeline
            return self._asked(pipeline.steps[-1][1], self.features.rows(columns))
        from mlcli.data.frames import frame_from_columns

        return self.outputs(frame_from_columns(columns, self.schema))

    def label(self, outputs: Sequence[float]) -> Any:
        """Return the prediction that the outputs of one row mean."""
        return label_of(outputs, self.schema, self.threshold)


@dataclass(frozen=True)
class ProgramPredictor:
    """A compiled program that answers by itself.

    Parameters
    ----------
    machine : Machine
        The program, ready to run.
    schema : Schema
        The data contract of its training rows.
    """

    machine: Machine
    schema: Schema
    compiled: bool = True

    def predict(self, X: pd.DataFrame) -> Predictions:
        """Predict typed rows in a frame."""
        from mlcli.data.frames import columns_from_frame

        return self.predict_columns(columns_from_frame(X, self.schema))

    def predict_columns(self, columns: TypedColumns) -> Predictions:
        """Predict typed rows in plain columns."""
        return predictions_from(self.machine.rows(columns), self.schema, self.threshold)

    @cached_property
    def threshold(self) -> Threshold | None:
        """The threshold of the program."""
        return threshold_of(self.machine.program)

    def predict_row(self, row: Sequence[Cell]) -> list[float]:
        """Return the outputs of one typed row."""
        return self.machine.row(row)

    def label(self, outputs: Sequence[float]) -> Any:
        """Return the prediction that the outputs of one row mean."""
        return label_of(outputs, self.schema, self.threshold)


def threshold_of(program: Program) -> Threshold | None:
    """Return the threshold of a program; None where it has none."""
    if program.threshold is None or program.positive is None:
        return None
    return Threshold(program.threshold, program.positive)


def predictions_from(outputs: NDArray[np.float64], schema: Schema, threshold: Threshold | None = None) -> Predictions:
    """Return what the outputs of rows mean.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_outputs)
        Values, or the probability of each class.
    schema : Schema
        The target's task and classes.
    threshold : Threshold, optional
        What decides between two classes. None: the likelier class, the first on a tie.
    """
    import numpy as np

    classes = schema.target.classes
    if schema.target.task == "regression":
        return Predictions(outputs[:, 0], None)
    assert classes is not None, "a classification schema names its classes"
    if threshold is None:
        chosen = np.argmax(outputs, axis=1)
    else:
        positive = threshold.positive
        chosen = np.where(outputs[:, positive] >= threshold.value, positive, 1 - positive)
    if isinstance(classes[0], str):
        labels = np.empty(len(classes), dtype=object)
        labels[:] = classes
    else:
        labels = np.asarray(classes)
    return Predictions(labels[chosen], outputs, classes)


def label_of(outputs: Sequence[float], schema: Schema, threshold: Threshold | None = None) -> Any:
    """Return what the outputs of one row mean, as `predictions_from` does for many."""
    classes = schema.target.classes
    if classes is None:
        return outputs[0]
    if threshold is None:
        best = max(outputs)
        return classes[next(i for i, output in enumerate(outputs) if output == best)]
    positive = threshold.positive
    return classes[positive if outputs[positive] >= threshold.value else 1 - positive]
