"""What ``mlcli inspect`` prints with ``--json``."""

from __future__ import annotations

from mlcli.artifact.manifest import Manifest
from mlcli.artifact.open import MemberCheck
from mlcli.cli.documents.document import Document
from mlcli.data.schema import Schema
from mlcli.evaluation.decision import Decision


class InspectDocument(Document, frozen=True, tag="inspect/1"):
    """What a stored model is, where it came from, and whether it is intact.

    Parameters
    ----------
    path : str
        The artifact.
    manifest : Manifest
        What it says of itself.
    decision : Decision, optional
        Calibration and threshold; null where it has neither.
    schema : Schema
        The columns that it asks for, and its target.
    members : tuple of MemberCheck
        Every member, held against its stated digest.
    """

    path: str
    manifest: Manifest
    decision: Decision | None
    schema: Schema
    members: tuple[MemberCheck, ...]
