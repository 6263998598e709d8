"""Several evaluations of a cross-validation as one line a metric."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

import msgspec

from mlcli.evaluation.results import Evaluation


class FoldSummary(msgspec.Struct, frozen=True):
    """One metric over the folds of a cross-validation.

    Parameters
    ----------
    name : str
        Name of the metric.
    mean : float, optional
        Mean of the folds where it is defined; None where it never is.
    standard_deviation : float, optional
        Of those folds, with n - 1; None for fewer than two.
    values : tuple of float or None
        Value on each fold, in order.
    greater_is_better : bool
        Whether it is a score or an error.
    """

    name: str
    mean: float | None
    standard_deviation: float | None
    values: tuple[float | None, ...]
    greater_is_better: bool


def summarise_folds(evaluations: Sequence[Evaluation]) -> tuple[FoldSummary, ...]:
    """Return mean and standard deviation of each metric over the folds.

    The folds share training rows, so the standard deviation tells how far a
    score moves from fold to fold, not how sure the mean is.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        One for each fold, of the same task.

    Returns
    -------
    tuple of FoldSummary
        One for each metric, in the order shown; empty without folds.

    References
    ----------
    .. [1] Bengio and Grandvalet (2004), "No Unbiased Estimator of the Variance
       of K-Fold Cross-Validation", JMLR 5.
    """
    if not evaluations:
        return ()
    summaries = []
    for result in evaluations[0].metrics:
        values = tuple(evaluation.metric(result.name).value for evaluation in evaluations)
        defined = [value for value in values if value is not None]
        summaries.append(
            FoldSummary(
                name=result.name,
                mean=fmean(defined) if defined else None,
                standard_deviation=stdev(defined) if len(defined) > 1 else None,
                values=values,
                greater_is_better=result.greater_is_better,
            )
        )
    return tuple(summaries)
