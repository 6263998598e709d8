"""What ``mlcli models`` prints with ``--json``."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from mlcli.cli.documents.document import Document, JsonValue
from mlcli.config.kinds import Task


class CatalogueModel(msgspec.Struct, frozen=True):
    """A model that a config may name.

    Parameters
    ----------
    name : str
        Its name in a config.
    tasks : tuple of str
        What it can learn.
    extra : str, optional
        The extra that must be installed for it; null where none is needed.
    summary : str
        What it is, in a sentence.
    """

    name: str
    tasks: tuple[Task, ...]
    extra: str | None
    summary: str


class ModelsDocument(Document, frozen=True, tag="models/1"):
    """Every model that a config may name.

    Parameters
    ----------
    models : tuple of CatalogueModel
        The catalogue, in its order.
    """

    models: tuple[CatalogueModel, ...]


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of a model.

    Parameters
    ----------
    default : value
        What it is where a config does not say; null may also stand for no number.
    allowed : str
        What it takes, in words.
    reason : str
        Why the default differs from the library's. Left out where it does not.
    """

    default: JsonValue
    allowed: str
    reason: str | UnsetType = UNSET


class ModelDocument(Document, frozen=True, tag="model/1"):
    """One model of the catalogue with its parameters.

    Parameters
    ----------
    name : str
        Its name in a config.
    tasks : tuple of str
        What it can learn.
    extra : str, optional
        The extra that must be installed for it; null where none is needed.
    summary : str
        What it is, in a sentence.
    parameters : dict of str to dict of str to Parameter
        By task, then by name.
    spaces : dict of str to dict
        By task, then by parameter: what a search varies by default, in the form of a config.
    """

    name: str
    tasks: tuple[Task, ...]
    extra: str | None
    summary: str
    parameters: dict[str, dict[str, Parameter]]
    spaces: dict[str, dict[str, Any]]
