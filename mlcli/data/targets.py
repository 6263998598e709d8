"""The target: which task it asks for, its classes, and the positive one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from mlcli.config.section import Label
from mlcli.config.sections import Kind, Task
from mlcli.data.arrays import TypedArray, is_plain, type_cells
from mlcli.data.bad_cells import bad_cells_error, find_bad_cells
from mlcli.data.cells import Missing, canonical, canonical_number
from mlcli.data.description import number_range
from mlcli.data.kinds import storage_of
from mlcli.data.profile import ColumnProfile, profile_column
from mlcli.data.schema import ClassLabel, Storage, Target, shown_label
from mlcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MOST_CLASSES = 1000
"""Classes above which a target is surely no class."""

MOST_NUMBER_CLASSES = 20
"""Distinct whole numbers up to which a target of numbers is taken for classes."""

ROWS_PER_CLASS = 5
"""Rows that a class of numbers must have on average to be taken for one."""

POSITIVE_WORDS = frozenset({"1", "true", "yes", "y", "t", "positive", "pos"})
"""Class labels, lower case, that are the positive class by themselves."""


class TaskChoice(NamedTuple):
    """The task that a target asks for.

    Parameters
    ----------
    task : Task
        Classification or regression.
    reason : str
        Why, for people.
    """

    task: Task
    reason: str


def infer_task(column: pa.ChunkedArray, *, missing_values: tuple[str, ...] = ()) -> TaskChoice:
    """Tell from a target's cells whether they are classes or amounts.

    Texts and truth values are classes. Numbers are classes when there are two
    of them, or at most 20, all whole, each in 5 rows or more on average.

    Parameters
    ----------
    column : ChunkedArray
        Raw cells of the target.
    missing_values : tuple of str, optional
        Cell texts that mean missing, beside the blank cell.
    """
    return _choose_task(profile_column(column, Missing.of(missing_values)))


def _choose_task(profile: ColumnProfile) -> TaskChoice:
    n_distinct, n_rows = profile.n_distinct, profile.n_present
    storage = storage_of(profile)
    if storage == "boolean":
        return TaskChoice("classification", "truth values")
    if storage == "text":
        return TaskChoice("classification", f"{n_distinct} distinct texts")
    if n_distinct <= 2:
        return TaskChoice("classification", f"{n_distinct} distinct numbers")
    if profile.whole and n_distinct <= MOST_NUMBER_CLASSES and n_rows >= ROWS_PER_CLASS * n_distinct:
        return TaskChoice("classification", f"only {n_distinct} distinct whole numbers in {n_rows} rows")
    sort = "whole numbers" if profile.whole else "numbers"
    return TaskChoice("regression", f"{n_distinct} distinct {sort} in {n_rows} rows")


def _kind_of(storage: Storage) -> Kind:
    """Return the kind whose rules read a target's cells."""
    return "number" if storage == "number" else "boolean" if storage == "boolean" else "text"


def present_targets(column: pa.ChunkedArray, missing: Missing) -> NDArray[np.bool_]:
    """Return which rows carry a target.

    Parameters
    ----------
    column : ChunkedArray
        Raw cells of the target.
    missing : Missing
        Which texts mean missing.
    """
    if not is_plain(column.type):
        valid: NDArray[np.bool_] = column.is_valid().to_numpy()
        return valid
    storage = storage_of(profile_column(column, missing))
    return ~type_cells(column, missing, kind=_kind_of(storage), storage=storage).missing()


def infer_target(
    column: pa.ChunkedArray,
    missing: Missing,
    *,
    name: str,
    task: Task | None,
    positive: Label | None,
    source: str,
    rows: NDArray[np.int64],
) -> Target:
    """Learn the target from its training cells.

    Parameters
    ----------
    column : ChunkedArray
        Raw cells of the target.
    missing : Missing
        Which texts mean missing.
    name : str
        The target's column.
    task : Task, optional
        What the config asks for; left out, the cells tell.
    positive : Label, optional
        The positive class that the config names.
    source : str
        Name of the file, for messages.
    rows : ndarray of shape (n_rows,)
        Number of each row in the file, for messages.

    Raises
    ------
    DataError
        If the cells cannot be learned: all missing, all the same, texts where
        amounts are asked for, too many classes, or `positive` is none of them.
    """
    profile = profile_column(column, missing, name=name)
    if profile.native is None:
        raise DataError(f"{source}: target {name!r} must hold plain values. Got {profile.type_name}.")
    if profile.n_present == 0:
        raise DataError(
            f"{source}: target {name!r} must have a value in some rows. Got {profile.n_rows} missing cells.",
            hint="Name another column as data.target, or check data.missing_values.",
        )
    inferred = _choose_task(profile)
    reason = f"{task}: the config says so" if task is not None else f"{inferred.task}: {inferred.reason}"
    if (task or inferred.task) == "regression":
        return _amounts(column, missing, name=name, reason=reason, source=source, rows=rows)
    return _classes(column, missing, profile, name=name, reason=reason, positive=positive, source=source)


def _amounts(
    column: pa.ChunkedArray, missing: Missing, *, name: str, reason: str, source: str, rows: NDArray[np.int64]
) -> Target:
    typed = type_cells(column, missing, kind="number", storage="number")
    if typed.bad is not None:
        found = find_bad_cells(column, typed.bad, name=name, rule="must be a number for regression")
        raise bad_cells_error(
            [found],
            source=source,
            rows=rows,
            hint="Set task: classification, or name missing cells in data.missing_values.",
        )
    spread = number_range(typed.cells[~typed.missing()])
    assert spread is not None
    if spread.minimum == spread.maximum:
        raise DataError(
            f"{source}: target {name!r} must vary. Got only {canonical_number(spread.minimum)}.",
            hint="Name another column as data.target.",
        )
    return Target(name=name, task="regression", storage="number", reason=reason, number=spread)


def _classes(
    column: pa.ChunkedArray,
    missing: Missing,
    profile: ColumnProfile,
    *,
    name: str,
    reason: str,
    positive: Label | None,
    source: str,
) -> Target:
    storage = storage_of(profile)
    counted = count_labels(column, missing, storage=storage)
    classes, counts = tuple(counted), tuple(counted.values())
    if len(classes) == 1:
        raise DataError(
            f"{source}: target {name!r} must have two classes or more. Got only {classes[0]!r}.",
            hint="Name another column as data.target, or add rows of another class.",
        )
    if len(classes) > MOST_CLASSES or len(classes) == profile.n_present:
        number = storage == "number"
        raise DataError(
            f"{source}: target {name!r} must have classes that repeat, at most {MOST_CLASSES}. "
            f"Got {len(classes)} classes in {profile.n_present} rows.",
            hint="Set task: regression."
            if number
            else "Name another column as data.target; if it holds numbers, name the other texts in data.missing_values.",
        )
    target = Target(name=name, task="classification", storage=storage, reason=reason, classes=classes, counts=counts)
    return _with_positive(target, positive, source=source)


def count_labels(column: pa.ChunkedArray, missing: Missing, *, storage: Storage) -> dict[ClassLabel, int]:
    """Count the rows of each class label, labels sorted as numpy sorts them.

    Parameters
    ----------
    column : ChunkedArray
        Raw cells of the target.
    missing : Missing
        Which texts mean missing.
    storage : Storage
        What the cells are.
    """
    import numpy as np

    kind = _kind_of(storage)
    typed = type_cells(column, missing, kind=kind, storage=storage)
    if kind == "text":
        return dict(sorted(Counter(typed.cells.drop_null().to_pylist()).items()))
    values, counts = np.unique(typed.cells[~typed.missing()], return_counts=True)
    if kind == "boolean":
        values = values.astype(bool)
    elif np.all(values == np.floor(values)) and np.all(np.abs(values) < 2**63):
        values = values.astype(np.int64)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def label_text(label: Label) -> str:
    """Return the one text of a label, so that 1, 1.0 and "1" are the same."""
    return str(label).lower() if isinstance(label, bool) else canonical(str(label).strip())


def _with_positive(target: Target, asked: Label | None, *, source: str) -> Target:
    """Return the target with its positive class, if it has two."""
    import msgspec

    classes, counts = target.classes or (), target.counts or ()
    shown = _shown(classes)
    if asked is not None:
        named = [label for label in classes if label_text(label) == label_text(asked)]
        if len(classes) != 2 or not named:
            rule = "must be one of the classes" if len(classes) == 2 else "is for two classes only; the target has"
            raise DataError(
                f"{source}: data.positive {rule} {shown}. Got {asked!r}.",
                hint="Write the label as the file has it." if len(classes) == 2 else "Leave data.positive out.",
            )
        positive, why = named[0], "the config says so"
    elif len(classes) != 2:
        return target
    else:
        positive, why = _choose_positive(classes, counts)
    return msgspec.structs.replace(
        target, positive=positive, reason=f"{target.reason}; positive class {shown_label(positive)}: {why}"
    )


def _choose_positive(classes: tuple[ClassLabel, ...], counts: tuple[int, ...]) -> tuple[ClassLabel, str]:
    by_name = [label for label in classes if label_text(label).lower() in POSITIVE_WORDS]
    if len(by_name) == 1:
        return by_name[0], "its name says so"
    if counts[0] == counts[1]:
        return classes[1], "the last of two equally frequent"
    return classes[0 if counts[0] < counts[1] else 1], "the rarer of two"


def _shown(classes: tuple[ClassLabel, ...]) -> str:
    listed = ", ".join(shown_label(label) for label in classes[:10])
    return listed if len(classes) <= 10 else f"{listed}, ... ({len(classes)} in all)"


def target_values(column: pa.ChunkedArray, target: Target, missing: Missing) -> TypedArray:
    """Type the cells of the target.

    Returns
    -------
    TypedArray
        Values float64 for amounts; int64, float64, bool or object labels for
        classes. A missing cell is bad, and so is a label that is no class;
        the values of bad cells mean nothing.
    """
    import numpy as np

    kind = _kind_of(target.storage)
    typed = type_cells(column, missing, kind=kind, storage=target.storage)
    absent = typed.missing()
    if target.classes is None:
        return TypedArray(typed.cells, absent if absent.any() else None)
    labels = np.array(target.classes, dtype=object if kind == "text" else None)
    if kind == "text":
        import pyarrow as pa
        import pyarrow.compute as pc

        codes = pc.index_in(typed.cells, value_set=pa.array(list(target.classes), pa.large_string()))
        positions = codes.fill_null(-1).to_numpy(zero_copy_only=False)
        known = (positions >= 0) & ~absent
    else:
        numbers = labels.astype(np.float64)
        positions = np.clip(np.searchsorted(numbers, typed.cells), 0, len(numbers) - 1)
        known = numbers[positions] == typed.cells
    return TypedArray(labels[positions], None if known.all() else ~known)


def target_rule(target: Target) -> str:
    """Return what a target's cell must be, as a message says it."""
    return "must be a number" if target.classes is None else f"must be one of the classes {_shown(target.classes)}"
