"""What ``mlcli check`` prints with ``--json``."""

from __future__ import annotations

from mlcli.cli.documents.document import Document
from mlcli.data.drift import DriftReport
from mlcli.data.findings import Finding
from mlcli.data.schema import Schema


class CheckDocument(Document, frozen=True, tag="check/1"):
    """What a look at the data found, and the columns as the model would see them.

    Parameters
    ----------
    findings : tuple of Finding
        What was found, the gravest first.
    schema : Schema
        The columns and the target.
    """

    findings: tuple[Finding, ...]
    schema: Schema


class ConfigCheckDocument(Document, frozen=True, tag="check-config/1"):
    """That a config holds; no data was read.

    Parameters
    ----------
    config : str
        The file.
    valid : bool
        Always true: a config that does not hold is an error.
    name : str
        Name of its runs.
    model : str
        Name of the model in the catalogue.
    """

    config: str
    valid: bool
    name: str
    model: str


class DriftCheckDocument(Document, frozen=True, tag="check-drift/1"):
    """How new rows differ from those that a model was trained on.

    Parameters
    ----------
    name : str
        Name of the run.
    digest : str
        Which artifact it is.
    data : str
        The rows, as they were named.
    drift : DriftReport
        What differs, column by column and together.
    """

    name: str
    digest: str
    data: str
    drift: DriftReport
