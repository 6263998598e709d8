"""What a person should know about the data before believing a score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlcli.config.sections import SplitConfig
from mlcli.data.checks_columns import (
    constant_columns,
    copied_columns,
    high_cardinality_columns,
    id_like_columns,
    missing_tokens,
    mostly_missing_columns,
    sentinel_numbers,
)
from mlcli.data.checks_drift import drifted_columns, unseen_levels
from mlcli.data.checks_frame import Frame, build_frame
from mlcli.data.checks_leak import leaking_columns
from mlcli.data.checks_rows import repeated_rows
from mlcli.data.checks_target import (
    ignored_time,
    imbalance,
    missing_targets,
    rare_classes,
    small_test,
    uneven_weights,
)
from mlcli.data.dataset import Dataset
from mlcli.data.findings import Finding, Severity
from mlcli.data.schema import Schema

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From what makes a score worthless to what is merely worth knowing."""

CODES = (
    "target-leak",
    "shared-rows",
    "duplicate-rows",
    "conflicting-rows",
    "target-missing",
    "unknown-class",
    "rare-class",
    "imbalance",
    "uneven-weights",
    "small-test",
    "time-ignored",
    "drift",
    "unseen-level",
    "id-like",
    "missing-token",
    "mostly-missing",
    "high-cardinality",
    "correlated-copies",
    "constant-column",
)
"""Every code a finding may have, in the order in which findings of one severity are shown."""


def find_problems(
    train: Dataset,
    test: Dataset | None,
    schema: Schema,
    *,
    suspects: Mapping[str, Mapping[str, int]] | None = None,
    dropped_rows: int = 0,
    split: SplitConfig | None = None,
) -> tuple[Finding, ...]:
    """Look the rows over for what would flatter a score or spoil a model.

    Parameters
    ----------
    train : Dataset
        Rows that the model will learn from, with their target.
    test : Dataset, optional
        Rows that it will be judged on, with their target.
    schema : Schema
        The contract inferred on the training rows.
    suspects : mapping of str to mapping of str to int, optional
        Rows of each cell text that may mean missing, by column.
    dropped_rows : int, default=0
        Rows left out because they have no target.
    split : SplitConfig, optional
        How the rows were divided. Left out: at random.

    Returns
    -------
    tuple of Finding
        Gravest first, then in the order of `CODES`; the same for the same rows.
    """
    frame = build_frame(train, test, schema, split or SplitConfig())
    found = _look(frame, suspects or {}, dropped_rows)
    return tuple(sorted(found, key=lambda f: (SEVERITIES.index(f.severity), CODES.index(f.code))))


def _look(frame: Frame, suspects: Mapping[str, Mapping[str, int]], dropped_rows: int) -> Iterator[Finding]:
    """Run every check."""
    yield from leaking_columns(frame)
    yield from repeated_rows(frame)
    yield from missing_targets(frame, dropped_rows)
    yield from rare_classes(frame)
    yield from imbalance(frame)
    yield from uneven_weights(frame)
    yield from small_test(frame)
    yield from ignored_time(frame)
    yield from drifted_columns(frame)
    yield from unseen_levels(frame)
    yield from id_like_columns(frame)
    yield from missing_tokens(frame, suspects)
    yield from sentinel_numbers(frame)
    yield from mostly_missing_columns(frame)
    yield from high_cardinality_columns(frame)
    yield from copied_columns(frame)
    yield from constant_columns(frame)
