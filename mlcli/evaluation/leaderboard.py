"""The models that a run tried, the best first."""

from __future__ import annotations

from typing import Any

import msgspec


class Candidate(msgspec.Struct, frozen=True):
    """One model that was tried on the training rows.

    Parameters
    ----------
    name : str
        What people call it, such as ``gradient_boosting (31 leaves)``; unique in a leaderboard.
    model : str
        Its name in the catalogue.
    params : dict
        Its parameters, where they are not the default.
    value : float, optional
        The metric on rows that it had not learned from; None where it failed.
    low, high : float, optional
        Ends of its interval.
    fit_seconds : float
        Time of all its fits together, in seconds.
    row_seconds, thousand_seconds : float, optional
        Time to predict one row, and a thousand, in seconds; None where it was not measured.
    weight : float
        Its share in what was chosen, in [0, 1]; 0 for those left out.
    note : str, optional
        What a reader must know, such as why it failed or was left out.
    """

    name: str
    model: str
    params: dict[str, Any]
    value: float | None
    low: float | None = None
    high: float | None = None
    fit_seconds: float = 0.0
    row_seconds: float | None = None
    thousand_seconds: float | None = None
    weight: float = 0.0
    note: str | None = None


class Leaderboard(msgspec.Struct, frozen=True):
    """What was tried, and how it was judged.

    Parameters
    ----------
    metric : str
        Name in ``mlcli.registry.METRICS``.
    greater_is_better : bool
        Whether it is a score or an error.
    judged_on : str
        The rows behind the values, for people: ``5 folds of 800 training rows``.
    candidates : tuple of Candidate
        The best first.
    note : str, optional
        What a reader must know of the whole search, such as that a clock cut it.
    """

    metric: str
    greater_is_better: bool
    judged_on: str
    candidates: tuple[Candidate, ...]
    note: str | None = None
