"""The one way to predict: `evaluate`, `predict` and the service all call it."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlcli.data.predictions import Predictions
from mlcli.data.schema import Schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)


class FittedPipeline(Protocol):
    """What prediction needs of a fitted scikit-learn pipeline."""

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """Return a value or label for each row."""

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return the probability of each class for each row."""


@dataclass(frozen=True)
class Predictor:
    """A fitted pipeline with the contract it was trained under.

    Parameters
    ----------
    pipeline : FittedPipeline
        Fitted scikit-learn pipeline from typed columns to predictions.
    schema : Schema
        The data contract of its training rows.
    """

    pipeline: FittedPipeline
    schema: Schema

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
            the highest probability, the first in class order on a tie.
        """
        import numpy as np

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if self.schema.target.task == "regression":
                predictions = Predictions(np.asarray(self.pipeline.predict(X), dtype=np.float64).reshape(-1), None)
            else:
                predictions = self._predict_classes(X)
        for warning in caught:
            # A library's remark is worth keeping for a bug report, never worth a user's screen.
            logger.debug("while predicting: %s", warning.message)
        return predictions

    def _predict_classes(self, X: pd.DataFrame) -> Predictions:
        """Predict labels and probabilities from one pass through the pipeline."""
        import numpy as np

        classes = self.schema.target.classes
        assert classes is not None, "a classification schema names its classes"
        y_proba = np.asarray(self.pipeline.predict_proba(X), dtype=np.float64)
        labels = np.empty(len(classes), dtype=object) if isinstance(classes[0], str) else None
        if labels is None:
            labels = np.asarray(classes)
        else:
            labels[:] = classes
        return Predictions(labels[np.argmax(y_proba, axis=1)], y_proba, classes)
