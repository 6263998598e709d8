"""A ``.mlcli`` file to an `Artifact`, without running or trusting anything in it.

Opening reads plain data only: neither scikit-learn, pandas nor skops is
imported. The fitted pipeline is built by `load_pipeline`, and by nothing else.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from mlcli.archive import CHUNK, Member, read_content, read_layout
from mlcli.artifact.manifest import (
    ARRAYS,
    BASELINE,
    CONFIG,
    ESTIMATOR,
    FORMAT_VERSION,
    GOLDEN,
    MANIFEST,
    MEMBERS,
    METRICS,
    OPERATIONS,
    PROFILE,
    PROGRAM,
    PROVENANCE,
    SCHEMA,
    Manifest,
    members_digest,
    members_of,
)
from mlcli.artifact.runs import find_artifact
from mlcli.data.schema import Schema
from mlcli.errors import ArtifactError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from mlcli.data.distributions import Distributions
    from mlcli.inference.program import Program

_MEBIBYTE = 1 << 20
_CAPS: Mapping[str, int] = {
    OPERATIONS: 64 * _MEBIBYTE,
    MANIFEST: 4 * _MEBIBYTE,
    CONFIG: 4 * _MEBIBYTE,
    ESTIMATOR: 2**32,
    ARRAYS: 2**32,
}
"""Longest members, in bytes."""

_CAP = 256 * _MEBIBYTE
"""Longest of the other members, in bytes: a category of a million levels fits."""

_DAMAGED = "Copy the file again from where it was whole, or train again."


class _Version(msgspec.Struct):
    """The one field that every format version has."""

    format_version: int


@dataclass(frozen=True)
class Artifact:
    """An opened artifact: every member but estimator and program, checked.

    Parameters
    ----------
    path : Path
        The ``.mlcli`` file.
    manifest : Manifest
        What it says of itself.
    config_text : str
        The resolved config, as YAML.
    schema : Schema
        The data contract.
    metrics, baseline, golden, provenance : bytes
        JSON of the evaluation, of the dummy's, of rows with their predictions,
        and of how the rows were found and divided.
    profile : bytes, optional
        JSON of how the training values are spread, see `load_distributions`.
        None in format versions 1 and 2.
    """

    path: Path
    manifest: Manifest
    config_text: str
    schema: Schema
    metrics: bytes
    baseline: bytes
    golden: bytes
    provenance: bytes
    profile: bytes | None = None


class MemberCheck(msgspec.Struct, frozen=True):
    """Whether one member is what the manifest says.

    Parameters
    ----------
    name : str
        The member.
    size : int
        Its length in bytes.
    stated, sha256 : str
        SHA-256 that the manifest states, and that the bytes have.
    ok : bool
        Whether the two agree.
    """

    name: str
    size: int
    stated: str
    sha256: str
    ok: bool


def open_artifact(path: Path, *, check_estimator: bool = True) -> Artifact:
    """Open a stored model.

    Parameters
    ----------
    path : Path
        A run folder or a ``.mlcli`` file.
    check_estimator : bool, default=True
        Read the bytes of the fitted pipeline and of the program and check
        their digests now. False leaves that to `load_pipeline` and
        `load_program`, which do it in any case.

    Returns
    -------
    Artifact
        Its plain data.

    Raises
    ------
    ArtifactError
        If the file is missing, foreign, cut short, altered or of a newer format.
    """
    path = find_artifact(path)
    place = str(path)
    with _reading(path) as file:
        members, manifest = _read_manifest(file, place=place)
        content = {
            name: _read_member(file, members[name], manifest, place=place)
            for name in MEMBERS
            if name != ESTIMATOR and name in members
        }
        for name in (ESTIMATOR, *PROGRAM) if check_estimator else ():
            if name in members and _sha256(file, members[name]) != manifest.members[name].sha256:
                raise _altered(place, name)
    if hashlib.sha256(content[CONFIG]).hexdigest() != manifest.config_digest:
        raise _altered(place, CONFIG)
    try:
        schema = Schema.from_json(content[SCHEMA])
        config_text = content[CONFIG].decode("utf-8")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{place} must hold a data contract and a config. {error}.", hint="Train again.") from None
    return Artifact(
        path=path,
        manifest=manifest,
        config_text=config_text,
        schema=schema,
        metrics=content[METRICS],
        baseline=content[BASELINE],
        golden=content[GOLDEN],
        provenance=content[PROVENANCE],
        profile=content.get(PROFILE),
    )


def load_pipeline(artifact: Artifact) -> Pipeline:
    """Build the fitted pipeline of an artifact.

    Only types that `mlcli.models.trust` lists for the model are built.

    Returns
    -------
    Pipeline
        A fitted scikit-learn pipeline.

    Raises
    ------
    ArtifactError
        If the bytes are not those that were opened, hold another type, or
        hold arrays that point outside themselves.
    """
    from mlcli.artifact.estimator import load_estimator, warn_of_versions
    from mlcli.models.trust import trusted_types
    from mlcli.registry import AUTO, MODELS

    place = str(artifact.path)
    if artifact.manifest.model not in {AUTO, *MODELS}:
        raise ArtifactError(
            f"{place} must hold a model of the catalogue. Got {artifact.manifest.model!r}.",
            hint="Upgrade mlcli: pip install --upgrade mlcli",
        )
    (content,) = _read_again(artifact, (ESTIMATOR,))
    warn_of_versions(artifact.manifest.versions, place=place)
    return load_estimator(content, trusted=trusted_types(artifact.manifest.model), place=f"{place}: {ESTIMATOR}")


def load_program(artifact: Artifact) -> Program:
    """Read the proven program of an artifact; neither scikit-learn nor pandas is imported.

    Returns
    -------
    Program
        Checked: it points nowhere outside itself, and reads the columns of the data contract.

    Raises
    ------
    ArtifactError
        If there is none, the bytes are not those that were opened, or no sound program.
    """
    from mlcli.inference.sound import check_contract
    from mlcli.inference.stored import from_bytes

    place = str(artifact.path)
    if not artifact.manifest.compiled:
        raise ArtifactError(f"{place} must hold a proven program. It holds none.", hint="Train again.")
    operations, arrays = _read_again(artifact, PROGRAM)
    program = from_bytes(operations, arrays, place=f"{place}: program")
    check_contract(program, artifact.schema, place=place)
    return program


def load_distributions(artifact: Artifact) -> Distributions | None:
    """Read how the training values of an artifact are spread; None where its format held nothing of it.

    Raises
    ------
    ArtifactError
        If they are not those of its data contract.
    """
    from mlcli.data.distributions import Distributions

    if artifact.profile is None:
        return None
    try:
        return Distributions.from_json(artifact.profile, artifact.schema)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(
            f"{artifact.path}: {PROFILE} must hold the distributions of the training rows. {error}.",
            hint="Train again.",
        ) from None


def verify(path: Path) -> tuple[MemberCheck, ...]:
    """Read every member of an artifact and compare its digest with the manifest's.

    Parameters
    ----------
    path : Path
        A run folder or a ``.mlcli`` file.

    Returns
    -------
    tuple of MemberCheck
        One for each member but the manifest, in stored order.

    Raises
    ------
    ArtifactError
        If the file cannot be read as an artifact at all.
    """
    path = find_artifact(path)
    with _reading(path) as file:
        members, manifest = _read_manifest(file, place=str(path))
        names = [name for name in members if name != MANIFEST]
        actual = {name: _sha256(file, members[name]) for name in names}
    stated = {name: manifest.members[name].sha256 for name in names}
    return tuple(
        MemberCheck(name, members[name].size, stated[name], actual[name], stated[name] == actual[name])
        for name in names
    )


def _read_manifest(file: BinaryIO, *, place: str) -> tuple[dict[str, Member], Manifest]:
    """Return the members by name, and the manifest that agrees with them."""
    members = _by_name(file, place=place)
    if MANIFEST not in members:
        raise ArtifactError(
            f"{place} must be a file that `mlcli train` wrote. It holds no {MANIFEST}.",
            hint="Name a run folder or a .mlcli file.",
        )
    _check_cap(members[MANIFEST], place=place)
    content = read_content(file, members[MANIFEST], place=place)
    try:
        version = msgspec.json.decode(content, type=_Version).format_version
        if version > FORMAT_VERSION:
            raise ArtifactError(
                f"{place} must be of format version {FORMAT_VERSION} or older. Got {version}.",
                hint="Upgrade mlcli: pip install --upgrade mlcli",
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{place}: {MANIFEST} must be as mlcli writes it. {error}.", hint=_DAMAGED) from None
    names = members_of(version, compiled=manifest.compiled)
    if version < 1 or set(manifest.members) != set(names) or tuple(members) != (MANIFEST, *names):
        raise ArtifactError(
            f"{place} must hold {MANIFEST}, {', '.join(names)} and nothing else. Got {', '.join(list(members)[:12])}.",
            hint=_DAMAGED,
        )
    if members_digest(manifest.members) != manifest.digest:
        raise _altered(place, MANIFEST)
    for name, stated in manifest.members.items():
        _check_cap(members[name], place=place)
        if members[name].size != stated.size:
            raise _altered(place, name)
    return members, manifest


def _read_again(artifact: Artifact, names: tuple[str, ...]) -> list[bytes]:
    """Return members of an artifact that was opened before, checked against the manifest that was read then."""
    place = str(artifact.path)
    with _reading(artifact.path) as file:
        members = _by_name(file, place=place)
        for name in names:
            if name not in members:
                raise _altered(place, name)
            _check_cap(members[name], place=place)
        return [_read_member(file, members[name], artifact.manifest, place=place) for name in names]


def _by_name(file: BinaryIO, *, place: str) -> dict[str, Member]:
    return {member.name: member for member in read_layout(file, place=place)}


def _read_member(file: BinaryIO, member: Member, manifest: Manifest, *, place: str) -> bytes:
    """Return the bytes of one member: the very bytes whose digest was checked."""
    content = read_content(file, member, place=place)
    if hashlib.sha256(content).hexdigest() != manifest.members[member.name].sha256:
        raise _altered(place, member.name)
    return content


def _sha256(file: BinaryIO, member: Member) -> str:
    """Return the digest of a member, a piece at a time: a forest does not fit into memory twice."""
    digest = hashlib.sha256()
    file.seek(member.start)
    left = member.size
    while left and (piece := file.read(min(CHUNK, left))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def _check_cap(member: Member, *, place: str) -> None:
    cap = _CAPS.get(member.name, _CAP)
    if member.size > cap:
        raise ArtifactError(
            f"{place}: {member.name} must be at most {cap:,} bytes long. Got {member.size:,}.", hint=_DAMAGED
        )


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; a pipe or a device would wait for ever."""
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to would not return.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ArtifactError(
                    f"{path} must be a regular file. Got something else.", hint="Name a run folder or a .mlcli file."
                )
            yield file
    except OSError as error:
        raise ArtifactError(
            f"{path} must be readable. {error.strerror}.", hint="Check the path and the file's permissions."
        ) from None


def _altered(place: str, name: str) -> ArtifactError:
    return ArtifactError(
        f"{place}: {name} must have the digest that its manifest states. It was altered or damaged.", hint=_DAMAGED
    )
