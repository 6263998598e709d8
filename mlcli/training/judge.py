"""A stored model, judged on its hold-out or on other rows."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from mlcli.artifact.open import Artifact
from mlcli.config.sections import EvaluateConfig
from mlcli.data.source import Source, fingerprint
from mlcli.errors import ArtifactError
from mlcli.evaluation.baseline import Baseline
from mlcli.evaluation.evaluate import evaluate
from mlcli.evaluation.results import Evaluation
from mlcli.training.train import HOLDOUT, Provenance

if TYPE_CHECKING:
    import pyarrow as pa

    from mlcli.data.dataset import Dataset
    from mlcli.data.predictions import Predictions
    from mlcli.data.schema import Schema

logger = logging.getLogger(__name__)


def evaluate_artifact(
    artifact: Artifact,
    *,
    data: Source | None,
    config: EvaluateConfig,
    stdin: BinaryIO | None = None,
    watch: Callable[[Dataset, Predictions], None] | None = None,
) -> Evaluation:
    """Evaluate a stored model.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    data : Source, optional
        Rows with a target. The hold-out of the run, when left out.
    config : EvaluateConfig
        Metrics and resampling.
    stdin : BinaryIO, optional
        Standard input; needed when `data` is standard input.
    watch : callable, optional
        Shown the rows and what the model says of them.

    Returns
    -------
    Evaluation
        Every metric with its interval, and the dummy's beside it.

    Raises
    ------
    ArtifactError
        If the hold-out is asked for and is not there, or not the true one.
    DataError
        If the rows break the data contract or carry no target.
    """
    from mlcli.artifact.predictor import load_predictor

    rows = read_holdout(artifact) if data is None else read_labelled(data, artifact, stdin=stdin)
    predictor = load_predictor(artifact)
    logger.info("evaluating %s on %d rows", artifact.manifest.model, len(rows))
    predictions = predictor.predict(rows.X)
    if watch is not None:
        watch(rows, predictions)
    return evaluate(
        rows.y_true,
        predictions,
        target=artifact.schema.target,
        baseline=msgspec.json.decode(artifact.baseline, type=Baseline),
        config=config,
        sample_weight=rows.sample_weight,
    )


def read_provenance(artifact: Artifact) -> Provenance:
    """Return how the artifact's rows were found, divided and judged."""
    return msgspec.json.decode(artifact.provenance, type=Provenance)


def read_holdout(artifact: Artifact, *, schema: Schema | None = None) -> Dataset:
    """Read the rows that were held out when the model was trained.

    Parameters
    ----------
    artifact : Artifact
        The model beside which they lie.
    schema : Schema, optional
        The contract of another model that held out the very same rows; the model's own, when left out.

    Raises
    ------
    ArtifactError
        If they are not beside the model, or were altered.
    """
    from mlcli.data.prepared import read_dataset

    path = artifact.path.parent / HOLDOUT
    if not path.is_file():
        raise ArtifactError(
            f"{artifact.path} must lie in its run folder, beside {HOLDOUT}. Got no such file.",
            hint="Name rows to judge on: --data FILE.",
        )
    if _sha256(path) != read_provenance(artifact).holdout_sha256:
        raise ArtifactError(
            f"{path} must be the hold-out that the model was trained beside. Its digest differs.",
            hint="Restore the run folder, train again, or name rows to judge on: --data FILE.",
        )
    return read_dataset(path, schema or artifact.schema)


def read_labelled(source: Source, artifact: Artifact, *, stdin: BinaryIO | None = None) -> Dataset:
    """Read rows with a target and hold them against the model's contract.

    Raises
    ------
    DataError
        If a row breaks the contract or the target is missing.
    """
    from mlcli.data.reading import read_table

    if not source.stdin and fingerprint(source) == artifact.manifest.data_fingerprint:
        logger.warning(
            "%s is the file that the model was trained from: most of its rows are known to it, and the scores say "
            "little about new ones",
            source.label,
        )
    return type_labelled(read_table(source, stdin=stdin), source, artifact)


def type_labelled(table: pa.Table, source: Source, artifact: Artifact) -> Dataset:
    """Hold rows with a target against the model's contract, and warn of what is new in them.

    Raises
    ------
    DataError
        If a row breaks the contract or the target is missing.
    """
    from mlcli.data.rows import type_rows

    typed = type_rows(table, artifact.schema, source=source.label, target="required")
    for column, count in typed.unseen.items():
        logger.warning("%s: %d rows hold a category of %r that training never saw", source.label, count, column)
    for column, count in typed.out_of_range.items():
        logger.warning("%s: %d rows lie outside the training range of %r", source.label, count, column)
    return typed.dataset


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
