"""The schema, learned from the training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.config.sections import DataConfig, Task
from mlcli.data.arrays import type_cells
from mlcli.data.bad_cells import BadCells, bad_cells_error, find_bad_cells
from mlcli.data.cells import RULES, Missing
from mlcli.data.description import describe_column
from mlcli.data.kinds import KindChoice, choose_kind, forced_kind
from mlcli.data.profile import profile_column
from mlcli.data.schema import Column, IgnoredColumn, Schema
from mlcli.data.targets import infer_target, present_targets
from mlcli.errors import ConfigError, DataError
from mlcli.registry import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


def rows_with_target(table: pa.Table, config: DataConfig, *, source: str = "the data") -> NDArray[np.bool_]:
    """Return which rows carry a target; the others cannot be learned from or judged on.

    Parameters
    ----------
    table : Table
        Raw rows.
    config : DataConfig
        Names the target and what means missing.
    source : str, optional
        Name of the file, for messages.

    Returns
    -------
    ndarray of bool, shape (n_rows,)

    Raises
    ------
    DataError
        If the file lacks the target.
    """
    _require_target(table.column_names, config.target, source=source)
    return present_targets(table[config.target], Missing.of(config.missing_values))


def infer_schema(
    table: pa.Table, config: DataConfig, *, task: Task | None, source: str, rows: NDArray[np.int64] | None = None
) -> Schema:
    """Learn what every column holds from the training rows, and from them alone.

    Parameters
    ----------
    table : Table
        Raw training rows that carry a target.
    config : DataConfig
        Target, ids, weight, columns to drop, kinds to correct.
    task : Task, optional
        The task that the config names; left out, the target tells.
    source : str
        Name of the file, for messages.
    rows : ndarray of shape (n_rows,), optional
        Number of each row in the file, for messages; default 1, 2, ...

    Returns
    -------
    Schema
        Columns in the order of the file.

    Raises
    ------
    ConfigError
        If the config gives one column two roles that exclude each other.
    DataError
        If the file lacks a column that the config names, a cell is not what
        the config says its column holds, the target cannot be learned, or no
        column is left for the model.
    """
    import numpy as np

    _refuse_double_roles(config)
    _require_columns(table.column_names, config, source=source)
    rows = np.arange(1, table.num_rows + 1) if rows is None else rows
    if not table.num_rows:
        raise DataError(f"{source} must have rows to learn from. Got none.", hint="Check the file or the split.")
    missing = Missing.of(config.missing_values)
    target = infer_target(
        table[config.target],
        missing,
        name=config.target,
        task=task,
        positive=config.positive,
        source=source,
        rows=rows,
    )
    columns, ignored, bad = [], [], []
    for name in table.column_names:
        if name == config.target:
            continue
        learned = _learn_column(table[name], config, missing, name=name)
        match learned:
            case Column():
                columns.append(learned)
            case IgnoredColumn():
                ignored.append(learned)
            case BadCells():
                bad.append(learned)
    if bad:
        hint = f"Remove {bad[0].name!r} from data.columns, correct the cells, or name them in data.missing_values."
        raise bad_cells_error(bad, source=source, rows=rows, hint=hint)
    if not columns:
        raise _nothing_left(ignored, source=source)
    return Schema(
        columns=tuple(columns),
        target=target,
        ignored=tuple(ignored),
        id=config.id,
        weight=config.weight,
        missing_values=config.missing_values,
        n_rows=table.num_rows,
    )


def _learn_column(
    cells: pa.ChunkedArray, config: DataConfig, missing: Missing, *, name: str
) -> Column | IgnoredColumn | BadCells:
    """Return what one column is, that it is left out, or the cells that break what the config says of it."""
    if role := _role(name, config):
        return IgnoredColumn(name, role)
    choice = _choose(cells, config, missing, name=name)
    if choice.kind is None:
        return IgnoredColumn(name, choice.reason)
    typed = type_cells(cells, missing, kind=choice.kind, storage=choice.storage, form=choice.form)
    if typed.bad is not None:
        rule = f"{RULES[choice.kind]}, as data.columns says"
        return find_bad_cells(cells, typed.bad, name=name, rule=rule)
    return describe_column(typed, choice, name=name)


def _choose(cells: pa.ChunkedArray, config: DataConfig, missing: Missing, *, name: str) -> KindChoice:
    profile = profile_column(cells, missing, name=name)
    kind = config.columns.get(name)
    if kind is None or kind == "ignore":
        return choose_kind(profile)
    if profile.native is None:
        raise DataError(
            f"column {name!r} must hold plain cells to be a {kind}. Got {profile.type_name}.",
            hint=f"Put {name!r} in data.drop, or flatten it in the file.",
        )
    return forced_kind(profile, kind)


def _role(name: str, config: DataConfig) -> str | None:
    """Return why the config keeps a column from the model, None when it does not."""
    if name in config.drop:
        return "data.drop names it"
    if config.columns.get(name) == "ignore":
        return "data.columns says ignore"
    if name in config.id:
        return "data.id names it: kept beside each prediction"
    return "data.weight names it: the weight of each row" if name == config.weight else None


def _refuse_double_roles(config: DataConfig) -> None:
    """Refuse a config in which one column must be two things."""
    features = {name for name, kind in config.columns.items() if kind != "ignore"}
    if config.target in config.columns:
        raise ConfigError(
            f"data.columns must not name the target {config.target!r}.",
            hint="Set task: classification or regression instead.",
        )
    roles = {"data.drop": config.drop, "data.id": config.id, "data.weight": (config.weight,)}
    for key, names in roles.items():
        if both := features.intersection(name for name in names if name is not None):
            name = min(both)
            raise ConfigError(
                f"data.columns and {key} must not both name {name!r}.", hint=f"Take {name!r} out of one of them."
            )


def _require_target(names: list[str], target: str, *, source: str) -> None:
    if target not in names:
        close = did_you_mean(target, names)
        guess = f"Did you mean {close!r}? " if close else ""
        raise DataError(
            f"{source} must have the target column {target!r}.", hint=f"{guess}Columns: {', '.join(names)}."
        )


def _require_columns(names: list[str], config: DataConfig, *, source: str) -> None:
    """Refuse a file that lacks columns which the config names, or has one twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{source} must name each column once. Got twice: {', '.join(twice)}.", hint="Rename one.")
    _require_target(names, config.target, source=source)
    named = [
        *((name, "data.id") for name in config.id),
        *((name, "data.weight") for name in (config.weight,) if name is not None),
        *((name, "data.drop") for name in config.drop),
        *((name, "data.columns") for name in config.columns),
    ]
    problems = []
    for name, key in named:
        if name not in names:
            close = did_you_mean(name, names)
            guess = f" Did you mean {close!r}?" if close else ""
            problems.append(f"{source} must have the column {name!r} that {key} names.{guess}")
    if problems:
        raise DataError("\n".join(problems), hint=f"Columns: {', '.join(names)}.")


def _nothing_left(ignored: list[IgnoredColumn], *, source: str) -> DataError:
    why = "; ".join(f"{column.name!r}: {column.reason}" for column in ignored[:10])
    if not ignored:
        return DataError(f"{source} must have a column beside the target.", hint="Add the columns to predict from.")
    return DataError(
        f"{source} must have a column that the model can use. Left out: {why}.",
        hint=f"Say in data.columns what one of them is, such as {{{ignored[0].name}: number}}.",
    )
