"""Every document by its name, and the command that prints it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from mlcli.cli.documents.document import Document, version_of
from mlcli.errors import ConfigError
from mlcli.registry import did_you_mean


@dataclass(frozen=True)
class DocumentEntry:
    """One document.

    Parameters
    ----------
    command : str
        What prints it, with ``--json``.
    target : str
        Import string of its class: listing the names imports nothing.
    """

    command: str
    target: str


_HERE = "mlcli.cli.documents"

DOCUMENTS: Mapping[str, DocumentEntry] = {
    "check": DocumentEntry("mlcli check", f"{_HERE}.checked:CheckDocument"),
    "check-config": DocumentEntry("mlcli check --no-data", f"{_HERE}.checked:ConfigCheckDocument"),
    "check-drift": DocumentEntry("mlcli check --against RUN DATA", f"{_HERE}.checked:DriftCheckDocument"),
    "preprocess": DocumentEntry("mlcli preprocess", f"{_HERE}.trained:PreprocessDocument"),
    "train": DocumentEntry("mlcli train", f"{_HERE}.trained:TrainDocument"),
    "evaluate": DocumentEntry("mlcli evaluate", f"{_HERE}.judged:EvaluateDocument"),
    "compare": DocumentEntry("mlcli compare", f"{_HERE}.judged:CompareDocument"),
    "report": DocumentEntry("mlcli report", f"{_HERE}.judged:ReportDocument"),
    "inspect": DocumentEntry("mlcli inspect", f"{_HERE}.inspected:InspectDocument"),
    "models": DocumentEntry("mlcli models", f"{_HERE}.catalogue:ModelsDocument"),
    "model": DocumentEntry("mlcli models NAME", f"{_HERE}.catalogue:ModelDocument"),
    "runs": DocumentEntry("mlcli runs", f"{_HERE}.listed:RunsDocument"),
    "runs-prune": DocumentEntry("mlcli runs prune", f"{_HERE}.listed:PruneDocument"),
    "error": DocumentEntry("any command that fails", f"{_HERE}.error:ErrorDocument"),
}
"""Every document, by the name that stands in its first field before the version."""


def document_class(name: str) -> type[Document]:
    """Return the class of a document.

    Parameters
    ----------
    name : str
        A name, or a name and version as a document's first field has them.

    Raises
    ------
    ConfigError
        If there is no such document, or not in that version.
    """
    known, _, version = name.partition("/")
    if known not in DOCUMENTS:
        close = did_you_mean(known, list(DOCUMENTS))
        raise ConfigError(
            f"--document must name a document of --json. Got {name!r}.",
            hint=f"Did you mean {close!r}?" if close else "mlcli schema --documents lists them.",
        )
    module, _, attribute = DOCUMENTS[known].target.partition(":")
    document: type[Document] = getattr(import_module(module), attribute)
    if version and name != version_of(document):
        raise ConfigError(
            f"--document must name a version that this mlcli prints. Got {name!r}.",
            hint=f"It prints {version_of(document)!r}.",
        )
    return document
