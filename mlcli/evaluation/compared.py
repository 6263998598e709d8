"""Two stored models and everything in which they differ, as plain data."""

from __future__ import annotations

import msgspec

from mlcli.config.difference import ConfigChange
from mlcli.data.schema_difference import SchemaDifference
from mlcli.evaluation.changes import Changes
from mlcli.evaluation.comparison import Comparison


class Side(msgspec.Struct, frozen=True):
    """One of two models.

    Parameters
    ----------
    path : str
        The run folder or file, as it was named.
    name, model : str
        Name of its runs, and of the model in the catalogue.
    digest, created : str
        Which artifact it is, and when it was trained.
    n_train : int
        Rows that it learned from.
    """

    path: str
    name: str
    model: str
    digest: str
    created: str
    n_train: int


class Compared(msgspec.Struct, frozen=True):
    """What sets one stored model apart from another.

    Parameters
    ----------
    a, b : Side
        The model that was there before, and the one that is judged.
    rows : str
        The rows that both were judged on, for people.
    cautions : tuple of str
        Why the numbers may flatter one of them.
    comparison : Comparison
        Every metric of both, with the interval of the difference.
    config : tuple of ConfigChange
        Keys of the resolved configs that differ.
    schema : SchemaDifference
        What B asks of its rows otherwise.
    changes : Changes
        The rows that they do not predict alike.
    """

    a: Side
    b: Side
    rows: str
    cautions: tuple[str, ...]
    comparison: Comparison
    config: tuple[ConfigChange, ...]
    schema: SchemaDifference
    changes: Changes
