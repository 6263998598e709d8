"""What an artifact says of itself: where it came from, what is in it, how good it is."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping

import msgspec

from mlcli.inference.proof import Proof

FORMAT_VERSION = 3
# The rule for changing it: raise it by one when a reader of the version before
# would refuse the file or misread it - a member added, renamed or removed, a
# manifest field that readers need, another layout of the zip. A new optional
# manifest field with a default does not raise it. Every version ever released
# stays readable: its file stands in tests/artifacts/ and a test opens it.
# 2: a proven program stands beside the pipeline.
# 3: the distributions of the training rows, for drift; a program holds what explanations need: covers of trees,
# means of features.

MANIFEST = "manifest.json"
CONFIG = "config.yaml"
SCHEMA = "schema.json"
METRICS = "metrics.json"
BASELINE = "baseline.json"
GOLDEN = "golden.json"
PROVENANCE = "provenance.json"
PROFILE = "profile.json"
ESTIMATOR = "estimator.skops"

MEMBERS = (CONFIG, SCHEMA, METRICS, BASELINE, GOLDEN, PROVENANCE, PROFILE, ESTIMATOR)
"""Every member of every artifact but the manifest, in the order in which they are stored."""

OPERATIONS = "program/operations.json"
ARRAYS = "program/arrays.npz"

PROGRAM = (OPERATIONS, ARRAYS)
"""Members behind those, where the program is proven."""

_ADDED = {PROFILE: 3}
"""Format version that brought a member, for those that the first did not have."""

LIBRARIES = (
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "joblib",
    "skops",
    "lightgbm",
    "xgboost",
    "catboost",
)
"""Distributions whose versions a manifest records, where they are installed."""

_DISTRIBUTION = {"xgboost": ("xgboost-cpu", "xgboost")}
"""Distributions that bring a library under another name, the likelier first."""


class MemberDigest(msgspec.Struct, frozen=True):
    """Digest and length of one member.

    Parameters
    ----------
    sha256 : str
        SHA-256 of its bytes, 64 hexadecimal digits.
    size : int
        Length in bytes.
    """

    sha256: str
    size: int


class MetricSummary(msgspec.Struct, frozen=True):
    """One metric on the hold-out.

    Parameters
    ----------
    value : float, optional
        The model's; None where it is not defined on these rows.
    low, high : float, optional
        Ends of its interval.
    dummy : float, optional
        The same metric of the dummy that every model must beat.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    dummy: float | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What an artifact says of itself.

    Parameters
    ----------
    format_version : int
        Version of the file format, see `FORMAT_VERSION`.
    mlcli_version : str
        Version of mlcli that wrote it.
    versions : dict of str to str
        Versions of Python and of the libraries it was trained with.
    name, task, model : str
        Name of the run, what it predicts, the model's name in the catalogue.
    created : str
        When it was written, UTC, ISO 8601. Not part of the digest.
    config_digest : str
        SHA-256 of the resolved config.
    data_fingerprint : str
        Digest of the source that was read.
    n_train, n_test : int
        Rows learnt from and rows held out.
    metrics : dict of str to MetricSummary
        Scores on the hold-out.
    members : dict of str to MemberDigest
        Every other member of the archive.
    digest : str
        Digest of the artifact, see `members_digest`.
    proof : Proof, optional
        Whether the artifact holds a program that answers as the pipeline does,
        and if not, why. None in format version 1, which had no programs.
    """

    format_version: int
    mlcli_version: str
    versions: dict[str, str]
    name: str
    task: str
    model: str
    created: str
    config_digest: str
    data_fingerprint: str
    n_train: int
    n_test: int
    metrics: dict[str, MetricSummary]
    members: dict[str, MemberDigest]
    digest: str
    proof: Proof | None = None

    @property
    def compiled(self) -> bool:
        """Whether the artifact holds a proven program."""
        return self.proof is not None and self.proof.proven

    def to_json(self) -> bytes:
        """Return the manifest as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


def members_of(version: int, *, compiled: bool) -> tuple[str, ...]:
    """Return the members of an artifact of a format version, in the order in which they are stored."""
    names = tuple(name for name in MEMBERS if _ADDED.get(name, 1) <= version)
    return (*names, *PROGRAM) if compiled and version >= 2 else names


def members_digest(members: Mapping[str, MemberDigest]) -> str:
    """Return the digest over all members.

    SHA-256 of the lines ``name sha256``, sorted, each ended by a newline. The
    manifest is not among them, so the time of training does not count: the
    same config, data and versions give the same digest.
    """
    lines = sorted(f"{name} {member.sha256}\n" for name, member in members.items())
    return hashlib.sha256("".join(lines).encode("ascii")).hexdigest()


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed `LIBRARIES`."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        for distribution in _DISTRIBUTION.get(library, (library,)):
            try:
                found[library] = version(distribution)
            except PackageNotFoundError:
                continue  # an extra that is not installed has no version to record
            break
    return found
