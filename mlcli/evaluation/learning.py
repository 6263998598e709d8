"""How good the model is with fewer training rows: whether more rows would help."""

from __future__ import annotations

import msgspec


class LearningPoint(msgspec.Struct, frozen=True):
    """The model trained on some of the training rows.

    Parameters
    ----------
    n_rows : int
        Training rows.
    train : float, optional
        The metric on those rows.
    test : float, optional
        The metric on the hold-out.
    low, high : float, optional
        Interval of `test`.
    """

    n_rows: int
    train: float | None
    test: float | None
    low: float | None
    high: float | None


class LearningCurve(msgspec.Struct, frozen=True):
    """The metric against the number of training rows.

    Parameters
    ----------
    metric : str
        The metric.
    points : tuple of LearningPoint
        Rising in rows.
    """

    metric: str
    points: tuple[LearningPoint, ...]
