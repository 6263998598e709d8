"""The data contract: what each column held in training, as plain data.

Stored as JSON in the artifact and read back without pandas or scikit-learn.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from mlcli.config.kinds import Kind, Task

Storage = Literal["number", "boolean", "date", "text"]
"""What the cells of a column are, whatever the model does with them."""

ClassLabel = bool | int | float | str


def shown_label(label: ClassLabel) -> str:
    """Return a class label as a message shows it: texts in quotes, truth values as ``true`` and ``false``."""
    return str(label).lower() if isinstance(label, bool) else repr(label)


class NumberRange(msgspec.Struct, frozen=True):
    """Spread of a number column over the training rows.

    Parameters
    ----------
    minimum, maximum : float
        Least and greatest training value.
    quantiles : tuple of float
        The 1, 5, 25, 50, 75, 95 and 99 % quantiles.
    integer : bool
        Whether every training value was a whole number.
    """

    minimum: float
    maximum: float
    quantiles: tuple[float, ...]
    integer: bool


class DateRange(msgspec.Struct, frozen=True):
    """Spread of a date column over the training rows, as ISO 8601 text.

    Parameters
    ----------
    minimum, maximum : str
        Earliest and latest date.
    format : str, optional
        The form that the texts had in training, a strptime pattern from
        `mlcli.data.dates.FORMS`; None where the file held dates. ISO 8601 is
        read whatever it says.
    """

    minimum: str
    maximum: str
    format: str | None = None


class TextLength(msgspec.Struct, frozen=True):
    """Length of a text column's cells in training, in characters.

    Parameters
    ----------
    median : float
        Half of them are no longer.
    maximum : int
        The longest.
    spaced : bool
        Whether they are written in words with spaces between them.
    """

    median: float
    maximum: int
    spaced: bool


class Column(msgspec.Struct, frozen=True):
    """One column that the model sees.

    Parameters
    ----------
    name : str
        Name in the file's header.
    kind : Kind
        How the model uses it.
    storage : Storage
        What its cells are. A category of numbers (`storage` "number") knows
        its levels by their canonical text, see `mlcli.data.cells.canonical`.
    reason : str
        Why it has this kind, for people.
    n_missing : int
        Missing training cells.
    n_distinct : int
        Distinct training values (missing not counted).
    number, date, text, categories
        What training saw, by kind; `categories` maps each level to its count,
        most frequent first.
    example : str, optional
        A typical cell, as text.
    """

    name: str
    kind: Kind
    storage: Storage
    reason: str
    n_missing: int
    n_distinct: int
    number: NumberRange | None = None
    date: DateRange | None = None
    text: TextLength | None = None
    categories: dict[str, int] | None = None
    example: str | None = None


class IgnoredColumn(msgspec.Struct, frozen=True):
    """A column of the file that the model does not see, and why.

    Parameters
    ----------
    name : str
        Name in the file's header.
    reason : str
        Why, for people.
    """

    name: str
    reason: str


class Target(msgspec.Struct, frozen=True):
    """The column to predict.

    Parameters
    ----------
    name : str
        Name in the file's header.
    task : Task
        Classification or regression.
    storage : Storage
        What its cells are.
    classes : tuple of label, optional
        The classes, sorted as scikit-learn sorts them.
    counts : tuple of int, optional
        Training rows of each class.
    positive : label, optional
        The positive class, of two.
    number : NumberRange, optional
        Spread of a regression target.
    reason : str
        How task and positive class were found, for people.
    """

    name: str
    task: Task
    storage: Storage
    reason: str
    classes: tuple[ClassLabel, ...] | None = None
    counts: tuple[int, ...] | None = None
    positive: ClassLabel | None = None
    number: NumberRange | None = None


class Schema(msgspec.Struct, frozen=True):
    """Everything that `predict` and `serve` hold new rows against.

    Parameters
    ----------
    columns : tuple of Column
        The model's columns, in training order.
    target : Target
        The column to predict.
    ignored : tuple of IgnoredColumn
        Columns of the training file that the model does not see.
    id : tuple of str
        Columns kept beside each prediction.
    weight : str, optional
        Column of sample weights.
    missing_values : tuple of str
        Cell texts that mean missing, beside the blank cell.
    n_rows : int
        Training rows.
    """

    columns: tuple[Column, ...]
    target: Target
    ignored: tuple[IgnoredColumn, ...]
    id: tuple[str, ...]
    weight: str | None
    missing_values: tuple[str, ...]
    n_rows: int

    @property
    def names(self) -> list[str]:
        """Names of the model's columns, in training order."""
        return [column.name for column in self.columns]

    def of_kind(self, kind: Kind) -> list[Column]:
        """Return the columns of one kind, in training order."""
        return [column for column in self.columns if column.kind == kind]

    def to_json(self) -> bytes:
        """Return the schema as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @classmethod
    def from_json(cls, text: bytes) -> Schema:
        """Read a schema that `to_json` wrote.

        Raises
        ------
        msgspec.ValidationError
            If `text` is not a schema.
        """
        return msgspec.json.decode(text, type=cls)
