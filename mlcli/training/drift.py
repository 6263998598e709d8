"""New rows held against those that a stored model was trained on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, BinaryIO

from mlcli.artifact.open import Artifact, load_distributions
from mlcli.data.drift import DriftReport, TwoSample, judge_drift
from mlcli.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd

    from mlcli.data.dataset import Dataset
    from mlcli.data.observed import Observed
    from mlcli.data.predictions import Predictions
    from mlcli.data.source import Source

logger = logging.getLogger(__name__)


def observe(artifact: Artifact, *, required: bool) -> Observed | None:
    """Return what is to count new rows for an artifact.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    required : bool
        Refuse an artifact of a format that does not say how its training rows
        are spread; otherwise nothing is counted for it.

    Raises
    ------
    ArtifactError
        If it is refused, or its distributions are not those of its data contract.
    """
    from mlcli.data.observed import Observed

    distributions = load_distributions(artifact)
    if distributions is not None:
        return Observed(artifact.schema, distributions)
    if required:
        raise ArtifactError(
            f"{artifact.path} must say how its training rows are spread. "
            f"Format version {artifact.manifest.format_version} did not.",
            hint="Train again with this version of mlcli.",
        )
    return None


class Comparison:
    """Rows that come, held against those of training: counted, and a sample kept for the classifier.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    observed : Observed
        What counts them.
    """

    def __init__(self, artifact: Artifact, observed: Observed) -> None:
        self._artifact = artifact
        self._observed = observed
        self._sample = _Sample()

    @property
    def n_rows(self) -> int:
        """Rows so far."""
        return self._observed.n_rows

    def add(self, rows: Dataset, predictions: Predictions) -> None:
        """Count rows, their target where they carry one, and what the model says of them."""
        from mlcli.data.frames import columns_from_frame

        self._observed.add(columns_from_frame(rows.X, self._artifact.schema))
        self._observed.add_predictions(predictions)
        if rows.y is not None:
            self._observed.add_target(rows.y)
        self._sample.add(rows.X)

    def report(self) -> DriftReport:
        """Judge the rows, with a classifier's word where the held-out rows lie beside the model."""
        logger.info("compared %d rows with %d training rows", self.n_rows, self._observed.n_reference)
        two_sample, note = _ask_classifier(self._artifact, self._sample.rows())
        return judge_drift(self._observed, two_sample=two_sample, note=note)


def compare_with(artifact: Artifact, *, required: bool) -> Comparison | None:
    """Return a comparison of rows to come; see `observe` for what it needs of the artifact."""
    observed = observe(artifact, required=required)
    return None if observed is None else Comparison(artifact, observed)


def compare_source(artifact: Artifact, source: Source, *, stdin: BinaryIO | None = None) -> DriftReport:
    """Read new rows, predict them, and judge how they differ from training.

    They are read table by table: memory does not grow with them.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    source : Source
        The new rows; the target in them is compared where a table has a good one.
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
    from mlcli.data.reading import iter_tables
    from mlcli.data.rows import type_rows

    comparison = compare_with(artifact, required=True)
    assert comparison is not None, "an artifact that does not tell was refused"
    predictor = load_predictor(artifact)
    for table in iter_tables(source, stdin=stdin):
        first_row = comparison.n_rows + 1
        rows = type_rows(table, artifact.schema, source=source.label, first_row=first_row, target="optional").dataset
        comparison.add(rows, predictor.predict(rows.X))
    return comparison.report()


def _ask_classifier(artifact: Artifact, X: pd.DataFrame | None) -> tuple[TwoSample | None, str | None]:
    """Return what a classifier says of the rows, or why it was not asked."""
    from mlcli.data.frames import columns_from_frame
    from mlcli.training.judge import read_holdout
    from mlcli.training.two_sample import LEAST_ROWS, tell_apart

    schema = artifact.schema
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
