"""How the rows of a run are spread, and what its model says of those held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.data.distributions import Distributions, measure_distributions

if TYPE_CHECKING:
    from mlcli.inference.predictor import Predictor
    from mlcli.training.prepare import Prepared

_JUDGED = 10_000
"""Held-out rows whose predictions are counted; more tell little more, and cost their prediction."""


def describe_rows(prepared: Prepared, predictor: Predictor) -> Distributions:
    """Count the training rows in bins, and the predictions for held-out rows.

    Parameters
    ----------
    prepared : Prepared
        The rows of the run.
    predictor : Predictor
        What will serve.
    """
    import numpy as np

    from mlcli.data.frames import columns_from_frame

    test = prepared.test
    some = test.take(np.arange(0, len(test), -(-len(test) // _JUDGED), dtype=np.intp))
    return measure_distributions(
        columns_from_frame(prepared.train.X, prepared.schema),
        prepared.train.y_true,
        prepared.schema,
        judged=predictor.predict(some.X),
    )
