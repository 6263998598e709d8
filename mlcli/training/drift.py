"""New rows held against those that a stored model was trained on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, BinaryIO

from mlcli.artifact.open import Artifact, load_distributions
from mlcli.data.drift import DriftReport, TwoSample, judge_drift
from mlcli.data.schema import Schema
from mlcli.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd

    from mlcli.data.observed import Observed
    from mlcli.data.source import Source

logger = logging.getLogger(__name__)


def observe(artifact: Artifact) -> Observed:
    """Return what is to count new rows for an artifact.

    Raises
    ------
    ArtifactError
        If the artifact does not say how its training rows are spread.
    """
    distributions = load_distributions(artifact)
    if distributions is None:
        raise ArtifactError(
            f"{artifact.path} must say how its training rows are spread. "
            f"Format version {artifact.manifest.format_version} did not.",
            hint="Train again with this version of mlcli.",
        )
    from mlcli.data.observed import Observed

    return Observed(artifact.schema, distributions)


def observe_if_known(artifact: Artifact) -> Observed | None:
    """Return what is to count new rows for an artifact; None where its format held nothing to hold them against."""
    return None if artifact.profile is None else observe(artifact)


def compare_source(artifact: Artifact, source: Source, *, stdin: BinaryIO | None = None) -> DriftReport:
    """Read new rows, predict them, and judge how they differ from training.

    They are read table by table: memory does not grow with them.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    source : Source
        The new rows; the target in them is compared where every table has a good one.
    stdin : BinaryIO, optional
        Standard input; needed when `source` is standard input.

    Raises
    ------
    ArtifactError
        If the artifact does not say how its training rows are spread, or cannot predict.
    DataError
        If a row breaks the data contract.
    """
    from mlcli.artifact.predictor import load_predictor
    from mlcli.data.frames import columns_from_frame
    from mlcli.data.reading import iter_tables
    from mlcli.data.rows import type_rows

    observed = observe(artifact)
    predictor = load_predictor(artifact)
    kept = _Sample()
    for table in iter_tables(source, stdin=stdin):
        typed = type_rows(
            table, artifact.schema, source=source.label, first_row=observed.n_rows + 1, target="optional"
        ).dataset
        observed.add(columns_from_frame(typed.X, artifact.schema))
        observed.add_predictions(predictor.predict(typed.X))
        if typed.y is not None:
            observed.add_target(typed.y)
        kept.add(typed.X)
    logger.info("compared %d rows with %d training rows", observed.n_rows, observed.n_reference)
    return judge(artifact, observed, kept.rows())


def judge(artifact: Artifact, observed: Observed, X: pd.DataFrame | None) -> DriftReport:
    """Judge what was counted, with a classifier's word where the held-out rows lie beside the model.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    observed : Observed
        The new rows, counted.
    X : DataFrame, optional
        The new rows, or some of them.
    """
    two_sample, note = _ask_classifier(artifact, X)
    return judge_drift(observed, two_sample=two_sample, note=note)


def _ask_classifier(artifact: Artifact, X: pd.DataFrame | None) -> tuple[TwoSample | None, str | None]:
    """Return what a classifier says of the rows, or why it was not asked."""
    from mlcli.data.frames import columns_from_frame
    from mlcli.training.judge import read_holdout
    from mlcli.training.two_sample import LEAST_ROWS, tell_apart

    schema: Schema = artifact.schema
    left_out = "the classifier test was left out"
    if all(column.kind == "date" for column in schema.columns):
        return None, f"{left_out}: it reads no dates."
    try:
        held_out = read_holdout(artifact)
    except ArtifactError:
        # The file alone, without its run folder, is a good model; only this test needs rows.
        return None, f"{left_out}: the run's held-out rows do not lie beside {artifact.path}."
    n_new = 0 if X is None else len(X)
    if X is None or min(len(held_out), n_new) < LEAST_ROWS:
        return None, f"{left_out}: it needs {LEAST_ROWS} held-out and new rows. Got {len(held_out)} and {n_new}."
    logger.info("asking a classifier to tell %d rows from %d held out", n_new, len(held_out))
    return tell_apart(columns_from_frame(held_out.X, schema), columns_from_frame(X, schema), schema), None


class _Sample:
    """Some rows of a stream, each as likely as any other."""

    def __init__(self) -> None:
        import numpy as np

        self._rng = np.random.default_rng(0)
        self._rows: pd.DataFrame | None = None
        self._keys = np.zeros(0)

    def add(self, X: pd.DataFrame) -> None:
        """Take rows; those with the smallest random keys of all so far stay."""
        import numpy as np
        import pandas as pd

        from mlcli.training.two_sample import MOST_ROWS

        keys = self._rng.random(len(X))
        first = np.argsort(keys, kind="stable")[:MOST_ROWS]
        rows = X.iloc[first] if self._rows is None else pd.concat([self._rows, X.iloc[first]], ignore_index=True)
        both = np.concatenate([self._keys, keys[first]])
        best = np.sort(np.argsort(both, kind="stable")[:MOST_ROWS])
        self._rows, self._keys = rows.iloc[best].reset_index(drop=True), both[best]

    def rows(self) -> pd.DataFrame | None:
        """Return the rows, None where there were none."""
        return self._rows
