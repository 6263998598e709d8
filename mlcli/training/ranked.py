"""What was tried, as a leaderboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlcli.config.sections import Config
from mlcli.evaluation.leaderboard import Candidate, Leaderboard
from mlcli.inference.latency import Latency
from mlcli.registry import AUTO
from mlcli.training.candidates import Tried
from mlcli.training.greedy import Judge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlcli.evaluation.results import Estimate

ENSEMBLE = "ensemble"
"""Name of the combination of several candidates."""


def rank(
    tried: Sequence[Tried],
    *,
    chosen_weights: Mapping[str, float],
    latency: Latency,
    judge: Judge,
    rows: NDArray[np.intp],
    metric: str,
    judged_on: str,
    config: Config,
    libraries: str | None = None,
) -> Leaderboard:
    """Order the candidates by their scores, with the ensemble among them.

    Parameters
    ----------
    tried : sequence of Tried
        The candidates.
    chosen_weights : mapping of str to float
        Weights of those chosen, by name.
    latency : Latency
        Of what was chosen, fitted on all training rows.
    judge : Judge
        The truth about the rows held out.
    rows : ndarray of shape (n_judged,)
        Position of each of them among the training rows.
    metric : str
        Name of what `judge` measures.
    judged_on : str
        The rows behind the values, for people.
    config : Config
        For the confidence and the seed of the intervals, and what the choice hung on.
    libraries : str, optional
        Which libraries decided what was tried, for people.

    Returns
    -------
    Leaderboard
        Candidates without a value last.
    """
    import numpy as np

    able = [candidate for candidate in tried if candidate.error is None]
    predicted = {candidate.recipe.name: candidate.predicted() for candidate in able}
    if len(chosen_weights) > 1:
        predicted[ENSEMBLE] = np.sum([w * predicted[name] for name, w in chosen_weights.items()], axis=0)
    estimates = dict(zip(predicted, _estimates(list(predicted.values()), judge, rows, config), strict=True))
    candidates = [_candidate(each, estimates, chosen_weights) for each in tried]
    if ENSEMBLE in estimates:
        estimate = estimates[ENSEMBLE]
        candidates.append(
            Candidate(
                name=ENSEMBLE,
                model=AUTO,
                params={},
                value=estimate.value,
                low=estimate.low,
                high=estimate.high,
                row_seconds=latency.row_seconds,
                thousand_seconds=latency.thousand_seconds,
                weight=1.0,
                note=None if latency.compiled else "served by scikit-learn",
            )
        )
    # An ensemble stands before a member of the same score: it is what was chosen.
    candidates.sort(key=lambda c: (c.value is None, c.value or 0.0, c.name != ENSEMBLE, -c.weight))
    return Leaderboard(
        metric=metric,
        greater_is_better=False,
        judged_on=judged_on,
        candidates=tuple(candidates),
        note=_note(tried, config, libraries),
    )


def _candidate(tried: Tried, estimates: Mapping[str, Estimate], weights: Mapping[str, float]) -> Candidate:
    recipe, latency = tried.recipe, tried.latency
    estimate = estimates.get(recipe.name)
    note = tried.error
    if note is None and latency is not None and not latency.compiled:
        note = "served by scikit-learn"
    return Candidate(
        name=recipe.name,
        model=recipe.model.name,
        params=dict(recipe.model.params),
        value=None if estimate is None else estimate.value,
        low=None if estimate is None else estimate.low,
        high=None if estimate is None else estimate.high,
        fit_seconds=round(tried.seconds, 3),
        row_seconds=None if latency is None else latency.row_seconds,
        thousand_seconds=None if latency is None else latency.thousand_seconds,
        weight=weights.get(recipe.name, 0.0),
        note=note,
    )


def _note(tried: Sequence[Tried], config: Config, libraries: str | None) -> str | None:
    """Return what a reader must know of the whole search: whether it hung on a clock, or on what is installed."""
    notes = [] if libraries is None else [f"{libraries}."]
    n_cut = sum(candidate.cut for candidate in tried)
    if n_cut:
        notes.append(
            f"model.max_minutes cut the search: {n_cut} of {len(tried)} models were not tried, and another run may choose differently."
        )
    if config.model.max_latency is not None:
        notes.append(
            f"model.max_latency: {config.model.max_latency} limited the choice by times measured on this machine; another run may choose differently."
        )
    return " ".join(notes) or None


def _estimates(
    predicted: Sequence[NDArray[np.float64]], judge: Judge, rows: NDArray[np.intp], config: Config
) -> list[Estimate]:
    """Return each score with its interval, from resamples of the rows that are the same for all."""
    import numpy as np

    from mlcli.evaluation.bootstrap import bootstrap, plan_resampling
    from mlcli.evaluation.intervals import percentile_interval

    distinct, of_row = np.unique(rows, return_inverse=True)
    weight = _summed(judge.weight, of_row)
    # A row that was held out several times is drawn as one: its losses are not independent.
    losses = np.stack([_summed(judge.weight * judge.losses(each), of_row) for each in predicted])
    plan = plan_resampling(len(distinct), resamples=config.evaluate.resamples, passes=1 + len(predicted) // 8)
    rng = np.random.default_rng(config.evaluate.random_state)
    drawn = plan.choose_rows(rng)
    scorer = _LossScorer(losses[:, drawn], weight[drawn], root=judge.y is not None)
    (replicates,) = bootstrap([scorer], n_rows=len(drawn), resamples=plan.resamples, rng=rng)
    found = []
    for i, each in enumerate(predicted):
        value = judge.score(each)
        around = value + (replicates[str(i)] - np.median(replicates[str(i)])) * plan.shrink
        spread = replicates[str(i)] if plan.shrink == 1.0 else around
        found.append(
            percentile_interval(
                value if np.isfinite(value) else None,
                spread,
                confidence=config.evaluate.confidence,
                support=float(len(distinct)),
            )
        )
    return found


def _summed(values: NDArray[np.float64], of_row: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the sum of the values of each row."""
    import numpy as np

    return np.bincount(of_row, values).astype(np.float64)


class _LossScorer:
    """The scores of several candidates for weightings of the rows."""

    def __init__(self, losses: NDArray[np.float64], weight: NDArray[np.float64], *, root: bool) -> None:
        self._losses = losses
        self._weight = weight
        self._root = root

    def scores(self, counts: Any = None) -> dict[str, NDArray[np.float64]]:
        """Return each candidate's score for each line of `counts`, by its position."""
        import numpy as np

        counts = np.ones((1, len(self._weight))) if counts is None else counts
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (counts @ self._losses.T) / (counts @ self._weight)[:, None]
        values = np.sqrt(means) if self._root else means
        return {str(i): values[:, i] for i in range(values.shape[1])}
