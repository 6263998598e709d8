"""A fitted pipeline with all that belongs to it, to one ``.mlcli`` file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlcli import __version__
from mlcli.archive import write_archive
from mlcli.artifact.canonical import canonical_dump
from mlcli.artifact.manifest import (
    ARRAYS,
    BASELINE,
    CONFIG,
    ESTIMATOR,
    FORMAT_VERSION,
    GOLDEN,
    MANIFEST,
    METRICS,
    OPERATIONS,
    PROFILE,
    PROVENANCE,
    SCHEMA,
    Manifest,
    MemberDigest,
    MetricSummary,
    library_versions,
    members_digest,
)
from mlcli.atomic import atomic_file
from mlcli.data.schema import Schema
from mlcli.inference.proof import Proof

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class ArtifactParts:
    """Everything that goes into an artifact.

    Parameters
    ----------
    name, task, model : str
        Name of the run, what it predicts, the model's name in the catalogue.
    config_text : str
        The resolved config, as YAML.
    schema : Schema
        The data contract.
    pipeline : Pipeline
        The fitted scikit-learn pipeline.
    metrics : bytes
        JSON of an evaluation: an object whose ``metrics`` lists name, value,
        low, high and dummy of each.
    baseline, golden, provenance, profile : bytes
        JSON of the dummy, of rows with their predictions, of how the rows were
        found and divided, and of how their values are spread.
    data_fingerprint : str
        Digest of the source that was read.
    n_train, n_test : int
        Rows learnt from and rows held out.
    proof : Proof, optional
        Whether the program answers as the pipeline does.
    operations, arrays : bytes, optional
        The program as `mlcli.inference.stored` writes it, where that is proven.
    """

    name: str
    task: str
    model: str
    config_text: str
    schema: Schema
    pipeline: Pipeline
    metrics: bytes
    baseline: bytes
    golden: bytes
    provenance: bytes
    profile: bytes
    data_fingerprint: str
    n_train: int
    n_test: int
    proof: Proof | None = None
    operations: bytes | None = None
    arrays: bytes | None = None


class _Metric(msgspec.Struct):
    """What the manifest repeats of one metric."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    dummy: float | None = None


class _Scores(msgspec.Struct):
    """What the manifest reads of an evaluation."""

    metrics: tuple[_Metric, ...] = ()


def write_artifact(path: Path, parts: ArtifactParts, *, created: datetime) -> Manifest:
    """Write an artifact, whole or not at all.

    The same parts and `created` give the same bytes, in every process.

    Parameters
    ----------
    path : Path
        The ``.mlcli`` file to write or replace.
    parts : ArtifactParts
        What goes into it.
    created : datetime
        Time of the training, with its time zone; stored in UTC, to the second.

    Returns
    -------
    Manifest
        What the artifact says of itself.

    Raises
    ------
    ArtifactError
        If a part of the pipeline cannot be stored without code.
    OutputError
        If the file cannot be written.
    """
    if created.tzinfo is None:
        raise ValueError("created must have a time zone")
    if (parts.proof is not None and parts.proof.proven) != (parts.operations is not None and parts.arrays is not None):
        raise ValueError("a program must be stored where it is proven, and nowhere else")
    contents = {  # in the order of MEMBERS
        CONFIG: parts.config_text.encode("utf-8"),
        SCHEMA: parts.schema.to_json(),
        METRICS: parts.metrics,
        BASELINE: parts.baseline,
        GOLDEN: parts.golden,
        PROVENANCE: parts.provenance,
        PROFILE: parts.profile,
        ESTIMATOR: canonical_dump(parts.pipeline),
    }
    if parts.operations is not None and parts.arrays is not None:
        contents |= {OPERATIONS: parts.operations, ARRAYS: parts.arrays}
    manifest = _describe(parts, contents, created=created)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        write_archive(file, [(MANIFEST, manifest.to_json()), *contents.items()])
    return manifest


def _describe(parts: ArtifactParts, contents: dict[str, bytes], *, created: datetime) -> Manifest:
    members = {name: MemberDigest(hashlib.sha256(data).hexdigest(), len(data)) for name, data in contents.items()}
    scores = msgspec.json.decode(parts.metrics, type=_Scores)
    return Manifest(
        format_version=FORMAT_VERSION,
        mlcli_version=__version__,
        versions=library_versions(),
        name=parts.name,
        task=parts.task,
        model=parts.model,
        created=created.astimezone(UTC).isoformat(timespec="seconds"),
        config_digest=members[CONFIG].sha256,
        data_fingerprint=parts.data_fingerprint,
        n_train=parts.n_train,
        n_test=parts.n_test,
        metrics={m.name: MetricSummary(m.value, m.low, m.high, m.dummy) for m in scores.metrics},
        members=members,
        digest=members_digest(members),
        proof=parts.proof,
    )
