"""What one data contract asks otherwise than another."""

from __future__ import annotations

import msgspec

from mlcli.data.schema import Column, Schema, shown_label


class KindChange(msgspec.Struct, frozen=True):
    """A column that two models use in different ways.

    Parameters
    ----------
    column : str
        The column, or the target.
    old, new : str
        What it is to either.
    """

    column: str
    old: str
    new: str


class LevelChange(msgspec.Struct, frozen=True):
    """Categories of a column, or classes of the target, that only one model knows.

    Parameters
    ----------
    column : str
        The column, or the target.
    added, removed : tuple of str
        Levels that only the new model knows, and that only the old one knew.
    """

    column: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


class SchemaDifference(msgspec.Struct, frozen=True):
    """What a new model asks of its rows otherwise than an old one.

    Parameters
    ----------
    added, removed : tuple of str
        Columns that only the new model sees, and that only the old one saw.
    kinds : tuple of KindChange
        Columns that both see, as different kinds.
    levels : tuple of LevelChange
        Categories and classes that only one of them knows.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    kinds: tuple[KindChange, ...]
    levels: tuple[LevelChange, ...]

    @property
    def empty(self) -> bool:
        """Whether the two ask the same."""
        return not (self.added or self.removed or self.kinds or self.levels)


def schema_difference(old: Schema, new: Schema) -> SchemaDifference:
    """Compare what two models ask of their rows; ranges play no part, since other rows have others."""
    before, after = ({column.name: column for column in schema.columns} for schema in (old, new))
    shared = [(before[name], after[name]) for name in after if name in before]
    classes = [tuple(map(shown_label, schema.target.classes or ())) for schema in (old, new)]
    levels = [
        *(
            _levels(one.name, tuple(one.categories or ()), tuple(other.categories or ()))
            for one, other in _listed(shared)
        ),
        _levels(new.target.name, *classes),
    ]
    return SchemaDifference(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        kinds=tuple(KindChange(o.name, _kind(o), _kind(n)) for o, n in shared if _kind(o) != _kind(n)),
        levels=tuple(change for change in levels if change is not None),
    )


def _listed(shared: list[tuple[Column, Column]]) -> list[tuple[Column, Column]]:
    return [(old, new) for old, new in shared if old.categories is not None and new.categories is not None]


def _kind(column: Column) -> str:
    """Return a column's kind, with what its cells are where the kind does not say it."""
    return (
        f"{column.kind} of {column.storage}s" if column.kind == "category" and column.storage != "text" else column.kind
    )


def _levels(name: str, old: tuple[str, ...], new: tuple[str, ...]) -> LevelChange | None:
    if set(old) == set(new):
        return None
    added, removed = set(new) - set(old), set(old) - set(new)
    return LevelChange(
        name, tuple(level for level in new if level in added), tuple(level for level in old if level in removed)
    )
