"""Config to prepared rows: read, typed, split and looked over, before anything is fitted."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mlcli.config.load import LoadedConfig
from mlcli.config.sections import Config, DataConfig, Task
from mlcli.data.dataset import Dataset
from mlcli.data.findings import Finding
from mlcli.data.schema import Schema
from mlcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from mlcli.data.split_proof import Split

logger = logging.getLogger(__name__)


class Fold(msgspec.Struct, frozen=True):
    """One fold of the cross-validation: positions in the prepared training rows, from 0."""

    train: list[int]
    test: list[int]


@dataclass(frozen=True)
class Prepared:
    """What the model will see, before fitting.

    Parameters
    ----------
    schema : Schema
        The data contract, inferred on the training rows.
    train, test : Dataset
        Typed rows to learn from, and those held out.
    folds : tuple of Fold
        Cross-validation on the training rows; empty when none was asked for.
    findings : tuple of Finding
        What a look at the data found.
    split : str
        How the rows were divided, for people.
    data_fingerprint : str
        Digest of the source's content.
    fingerprint : str
        Digest of everything that decides the prepared rows: config, data, versions.
    decision_folds : tuple of Fold
        Folds of the training rows that calibration and threshold are learned on; empty when neither was asked for.
    tune_folds : tuple of Fold
        Folds of the training rows that a search for parameters is judged on; empty without one.
    """

    schema: Schema
    train: Dataset
    test: Dataset
    folds: tuple[Fold, ...]
    findings: tuple[Finding, ...]
    split: str
    data_fingerprint: str
    fingerprint: str
    decision_folds: tuple[Fold, ...] = ()
    tune_folds: tuple[Fold, ...] = ()


@dataclass(frozen=True)
class RawRows:
    """A source's rows as read, those without a target left out.

    Parameters
    ----------
    table : Table
        The rows.
    rows : ndarray of shape (n_rows,)
        Number of each row in its source, from 1.
    n_test_file_rows : int
        Rows at the end that came from the test files.
    n_dropped : int
        Rows left out because their target is missing.
    source : str
        What the rows are called in messages.
    """

    table: pa.Table
    rows: NDArray[np.int64]
    n_test_file_rows: int
    n_dropped: int
    source: str


def prepare(loaded: LoadedConfig) -> Prepared:
    """Read, split, type and check the rows that `loaded` names.

    Kinds, categories and ranges are inferred on the training rows only; the
    test rows are then held against that contract.

    Raises
    ------
    DataError
        If the data cannot be used as the config says.
    """
    from mlcli.data.checks import find_problems
    from mlcli.data.inference import infer_schema
    from mlcli.data.split import split_rows
    from mlcli.data.suspects import suspect_tokens
    from mlcli.training.decide import require_decidable

    config = loaded.config
    raw = read_raw(loaded)
    task = choose_task(config, raw)
    split = split_rows(
        raw.table,
        config.split,
        target=config.data.target,
        task=task,
        source=raw.source,
        n_test_file_rows=raw.n_test_file_rows,
        rows=raw.rows,
        missing_values=config.data.missing_values,
    )
    logger.info("split: %s", split.description)
    schema = infer_schema(
        raw.table.take(split.train),
        _without_split_columns(config),
        task=task,
        source=raw.source,
        rows=raw.rows[split.train],
    )
    require_decidable(loaded, schema.target)
    dataset = _type_all(raw, schema)
    train, test = dataset.take(split.train), dataset.take(split.test)
    logger.info("typed %d columns; training on %d rows, holding out %d", len(schema.columns), len(train), len(test))
    findings = find_problems(
        train, test, schema, suspects=suspect_tokens(raw.table), dropped_rows=raw.n_dropped, split=config.split
    )
    data_fingerprint = fingerprint_data(loaded)
    return Prepared(
        schema=schema,
        train=train,
        test=test,
        folds=folds_of(raw, split, config, task, cv=config.split.cv, key="split.cv"),
        findings=findings,
        split=split.description,
        data_fingerprint=data_fingerprint,
        fingerprint=fingerprint(config, data_fingerprint),
        decision_folds=folds_of(raw, split, config, task, cv=config.decision_cv, key="calibrate.cv"),
        tune_folds=folds_of(raw, split, config, task, cv=config.tune.cv if config.tune else 0, key="tune.cv"),
    )


def read_raw(loaded: LoadedConfig) -> RawRows:
    """Read every row that `loaded` names and leave out those without a target.

    Raises
    ------
    DataError
        If a file is missing, unreadable, empty or lacks the target.
    """
    import numpy as np
    import pyarrow as pa

    from mlcli.data.columns import stack
    from mlcli.data.inference import rows_with_target
    from mlcli.data.reading import read_table
    from mlcli.data.source import resolve_source

    config = loaded.config
    source = resolve_source(config.data, base=loaded.base)
    table = read_table(source)
    n_test_file_rows = 0
    if config.split.test_path is not None:
        test_source = resolve_source(_test_data(config), base=loaded.base)
        test_table = read_table(test_source)
        n_test_file_rows = test_table.num_rows
        table = stack([table, test_table], name=test_source.label)
    kept = rows_with_target(table, config.data, source=source.label)
    n_dropped = int(table.num_rows - kept.sum())
    if 0 < n_dropped == table.num_rows:
        raise DataError(
            f"{source.label}: target {config.data.target!r} must hold a value in some row. All {n_dropped:,} are blank.",
            hint="Name another column as data.target.",
        )
    if n_test_file_rows:
        n_test_file_rows = int(kept[-n_test_file_rows:].sum())
    if n_dropped:
        logger.warning(
            "left out %d of %d rows: their target %r is missing", n_dropped, table.num_rows, config.data.target
        )
        table = table.filter(pa.array(kept))
    return RawRows(table, np.flatnonzero(kept).astype(np.int64) + 1, n_test_file_rows, n_dropped, source.label)


def choose_task(config: Config, raw: RawRows) -> Task:
    """Return the task that the config names, or the one that the target suggests."""
    from mlcli.data.targets import infer_task

    if config.task is not None:
        return config.task
    inferred = infer_task(raw.table[config.data.target], missing_values=config.data.missing_values)
    logger.info("task: %s (%s)", inferred.task, inferred.reason)
    return inferred.task


def fingerprint_data(loaded: LoadedConfig) -> str:
    """Return the digest of the content that `loaded` reads."""
    from mlcli.data.source import fingerprint as fingerprint_source
    from mlcli.data.source import resolve_source

    parts = [fingerprint_source(resolve_source(loaded.config.data, base=loaded.base))]
    if loaded.config.split.test_path is not None:
        parts.append(fingerprint_source(resolve_source(_test_data(loaded.config), base=loaded.base)))
    return parts[0] if len(parts) == 1 else hashlib.sha256("\n".join(parts).encode()).hexdigest()


def fingerprint(config: Config, data_fingerprint: str) -> str:
    """Return the digest of everything that decides the prepared rows."""
    from importlib.metadata import version

    from mlcli import __version__

    decided_by: dict[str, object] = {
        # The path is left out: the same bytes elsewhere are the same data.
        "data": config.data.model_dump(mode="json", exclude={"path", "url"}),
        "split": config.split.model_dump(mode="json", exclude={"test_path"}),
        "task": config.task,
        "decision_cv": config.decision_cv,
        "content": data_fingerprint,
        "versions": [__version__, version("pandas"), version("pyarrow"), version("numpy")],
    }
    if config.tune is not None:
        decided_by["tune_cv"] = config.tune.cv
    return hashlib.sha256(msgspec.json.encode(decided_by, order="deterministic")).hexdigest()


def _type_all(raw: RawRows, schema: Schema) -> Dataset:
    """Type every row under the contract, keeping the rows' numbers in the source."""
    from mlcli.data.rows import type_rows

    return type_rows(raw.table, schema, source=raw.source, rows=raw.rows, target="required").dataset


def folds_of(raw: RawRows, split: Split, config: Config, task: Task, *, cv: int, key: str) -> tuple[Fold, ...]:
    """Return `cv` folds, divided as the split is, as positions in the training rows; none for 0.

    Raises
    ------
    DataError
        If the rows do not suffice for as many; the message names `key`.
    """
    import numpy as np

    from mlcli.data.split import cv_splits

    if cv == 0:
        return ()
    folds = cv_splits(
        raw.table,
        config.split.model_copy(update={"cv": cv}),
        train=split.train,
        target=config.data.target,
        task=task,
        source=raw.source,
        rows=raw.rows,
        missing_values=config.data.missing_values,
        key=key,
    )
    return tuple(
        Fold(np.searchsorted(split.train, fold.train).tolist(), np.searchsorted(split.train, fold.test).tolist())
        for fold in folds
    )


def _without_split_columns(config: Config) -> DataConfig:
    """Return the data section with the columns that only the split may read left out."""
    from mlcli.data.split import excluded_by_split

    data = config.data
    extra = tuple(name for name in excluded_by_split(config.split) if name not in {*data.drop, *data.id, data.target})
    return data.model_copy(update={"drop": (*data.drop, *extra)})


def _test_data(config: Config) -> DataConfig:
    """Return the data section that reads the test files of method ``files``."""
    return config.data.model_copy(update={"path": config.split.test_path})
