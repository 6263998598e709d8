"""What was counted of new rows, judged: which columns have drifted, how far, and whether chance explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from mlcli.config.kinds import Kind
from mlcli.data.distributions import FEW_BINS
from mlcli.data.drift_tests import chi_squared, holm, index_beyond_chance, kolmogorov_smirnov
from mlcli.data.drift_words import what_changed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlcli.data.observed import Counted, Observed

Verdict = Literal["alike", "notable", "major", "not judged"]
"""How much a column has drifted. Dates are not judged: new rows are of later days by nature."""

ALPHA = 0.01
"""Probability that any column is found to have drifted when none has."""

NOTABLE, MAJOR = 0.1, 0.25
"""Stability index from which a certain drift is notable, and from which it is major: the customary limits."""

LEAST_ROWS = 20
"""New rows from which they are judged."""


class ColumnDrift(msgspec.Struct, frozen=True):
    """How one column of new rows differs from training.

    Parameters
    ----------
    name : str
        The column; or the target; or what the model says: "prediction", or "probability of CLASS".
    role : {"column", "target", "prediction"}
        Which of these it is. Predictions are held against those of the held-out rows.
    kind : Kind
        How it is compared: by its numbers (texts: by their length) or its levels.
    psi : float
        Population stability index, less what chance gives on average.
    test : {"kolmogorov-smirnov", "chi-squared"}
        How chance was judged.
    statistic : float
        Greatest gap of the cumulative shares, or Cramer's V; in [0, 1].
    p_value : float
        How likely chance gives such a difference, corrected for all columns.
    missing_before, missing : float
        Share of rows without a value in training, and now.
    unseen : float
        Share of rows with a level that training never saw.
    change : str
        What changed most, in words.
    verdict : {"alike", "notable", "major", "not judged"}
        notable and major: beyond chance, and the index is at least 0.1 or 0.25.
    """

    name: str
    role: Literal["column", "target", "prediction"]
    kind: Kind
    psi: float
    test: Literal["kolmogorov-smirnov", "chi-squared"]
    statistic: float
    p_value: float
    missing_before: float
    missing: float
    unseen: float
    change: str
    verdict: Verdict


class TwoSample(msgspec.Struct, frozen=True):
    """How well a classifier tells new rows from held-out ones.

    Parameters
    ----------
    auc : float
        Area under its ROC curve on rows that it has not learned from; 0.5 for rows that are alike.
    p_value : float
        How likely chance gives such an area.
    n_reference, n_new : int
        Rows that it saw of each.
    columns : tuple of str
        Columns that it told them apart by, the most telling first; at most three.
    verdict : {"alike", "notable", "major"}
        notable and major: beyond chance, and the area is at least 0.6 or 0.65.
    """

    auc: float
    p_value: float
    n_reference: int
    n_new: int
    columns: tuple[str, ...]
    verdict: Verdict


class DriftReport(msgspec.Struct, frozen=True):
    """How new rows differ from training.

    Parameters
    ----------
    n_rows : int
        New rows.
    n_reference : int
        Training rows.
    verdict : {"alike", "notable", "major", "not judged"}
        The gravest of all; not judged where there are too few rows.
    columns : tuple of ColumnDrift
        Every column, the target where it is known, and the predictions; worst first.
    two_sample : TwoSample, optional
        Whether a classifier tells them apart, which sees columns together.
    note : str, optional
        Why something was left out.
    """

    n_rows: int
    n_reference: int
    verdict: Verdict
    columns: tuple[ColumnDrift, ...]
    two_sample: TwoSample | None = None
    note: str | None = None

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """The columns that have drifted, worst first."""
        return tuple(column for column in self.columns if column.verdict in {"notable", "major"})


def judge_drift(observed: Observed, *, two_sample: TwoSample | None = None, note: str | None = None) -> DriftReport:
    """Judge everything that was counted.

    Parameters
    ----------
    observed : Observed
        The new rows, in the bins of the training rows.
    two_sample : TwoSample, optional
        What a classifier says of them.
    note : str, optional
        Why it says nothing.
    """
    if observed.n_rows < LEAST_ROWS:
        note = f"at least {LEAST_ROWS} rows are needed to judge drift. Got {observed.n_rows}."
        return DriftReport(observed.n_rows, observed.n_reference, "not judged", (), note=note)
    judged = [counted for counted in observed.all if counted.kind != "date"]
    dates = [counted for counted in observed.all if counted.kind == "date"]
    tests = {id(counted): _test(counted) for counted in (*judged, *dates)}
    corrected = holm([tests[id(counted)][2] for counted in judged])
    found = [
        _describe(counted, tests[id(counted)], p_value) for counted, p_value in zip(judged, corrected, strict=True)
    ]
    found.sort(key=lambda drift: (-_GRAVITY.index(drift.verdict), -drift.psi))
    found += [_describe(counted, tests[id(counted)], tests[id(counted)][2]) for counted in dates]
    verdicts: list[Verdict] = [drift.verdict for drift in found] + ([two_sample.verdict] if two_sample else [])
    return DriftReport(
        observed.n_rows,
        observed.n_reference,
        max(verdicts, key=_GRAVITY.index, default="alike"),
        tuple(found),
        two_sample=two_sample,
        note=note,
    )


_GRAVITY: tuple[Verdict, ...] = ("not judged", "alike", "notable", "major")


def _test(counted: Counted) -> tuple[Literal["kolmogorov-smirnov", "chi-squared"], float, float]:
    """Return the test of a column, its statistic, and its p-value before correction."""
    import numpy as np

    reference, new = counted.reference.astype(float), counted.counts.astype(float)
    unseen = len(reference) - 2
    # Few distinct values are no curve: they are compared as levels are.
    if counted.bins is None or len(counted.bins.counts) <= FEW_BINS + 2:
        return "chi-squared", *chi_squared(reference, new, pooled=unseen)
    gap, p_value = kolmogorov_smirnov(reference[:-2], new[:-2])
    if not reference[-1] and not new[-1]:
        return "kolmogorov-smirnov", gap, p_value
    present = [np.array([counts[:-1].sum(), counts[-1]]) for counts in (reference, new)]
    # Two questions of one column: Bonferroni's rule for both.
    return "kolmogorov-smirnov", gap, min(1.0, 2 * min(p_value, chi_squared(*present)[1]))


def _describe(
    counted: Counted, test: tuple[Literal["kolmogorov-smirnov", "chi-squared"], float, float], p_value: float
) -> ColumnDrift:
    name, statistic, _ = test
    psi = index_beyond_chance(*counted.grouped())
    verdict: Verdict = "alike"
    if counted.kind == "date":
        verdict = "not judged"
    elif p_value < ALPHA and psi >= NOTABLE:
        verdict = "major" if psi >= MAJOR else "notable"
    return ColumnDrift(
        name=counted.name,
        role=counted.role,
        kind=counted.kind,
        psi=psi,
        test=name,
        statistic=statistic,
        p_value=p_value,
        missing_before=_share(counted.reference, -1),
        missing=_share(counted.counts, -1),
        unseen=_share(counted.counts, -2),
        change=what_changed(counted),
        verdict=verdict,
    )


def _share(counts: NDArray[np.int64], at: int) -> float:
    return float(counts[at]) / max(1.0, float(counts.sum()))
