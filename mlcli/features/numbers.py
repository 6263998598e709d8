"""Numbers that no later step can choke on."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted, validate_data

LIMIT = 1e30
"""Greatest magnitude that reaches a model.

Trees compare float32 (up to 3.4e38) and distances square their input: 1e30
leaves room for both, and a cell beyond it carries no more news than its sign.
"""


class NumberLimiter(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Clip numbers to [-limit, limit]; missing ones stay missing.

    Parameters
    ----------
    limit : float, default=1e30
        Greatest magnitude, > 0.

    Attributes
    ----------
    n_features_in_ : int
        Columns seen in `fit`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"limit": [Interval(Real, 0.0, None, closed="neither")]}

    def __init__(self, *, limit: float = LIMIT) -> None:
        self.limit = limit

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  # the signature of every transformer
        """Remember the columns; there is nothing to learn."""
        validate_parameter_constraints(self._parameter_constraints, self.get_params(), type(self).__name__)
        validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the clipped numbers, of shape (n_samples, n_features), float64."""
        check_is_fitted(self)
        numbers = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        limited: NDArray[np.float64] = np.clip(numbers, -self.limit, self.limit)
        return limited

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether `fit` has seen columns."""
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self) -> Any:
        """Declare that missing numbers are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
