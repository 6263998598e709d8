"""What a model says of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlcli.data.schema import ClassLabel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Predictions:
    """Predictions for rows, in the rows' order.

    Parameters
    ----------
    y_pred : ndarray of shape (n_samples,)
        Predicted value (float64) or class label (dtype of ``Dataset.y``).
    y_proba : ndarray of shape (n_samples, n_classes), optional
        Probability of each class in [0, 1], columns in the order of `classes`;
        None for regression.
    classes : tuple of label
        The classes, as ``Schema.target.classes``; empty for regression.
    """

    y_pred: NDArray[Any]
    y_proba: NDArray[np.float64] | None
    classes: tuple[ClassLabel, ...] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.y_pred)
