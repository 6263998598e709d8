"""Columns that carry nothing, name rows, repeat one another or hide their gaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from mlcli.data.checks_frame import Frame, in_yaml, listed, shown_share
from mlcli.data.findings import Finding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOSTLY_MISSING = 0.5
"""Share of missing training cells above which a column is reported."""

HIGH_CARDINALITY = 50
"""Levels above which a category is reported, where few rows stand behind each."""

ROWS_PER_LEVEL = 10.0
"""Mean training rows a level below which its effect is a guess."""


def constant_columns(frame: Frame) -> Iterator[Finding]:
    """Find columns with the same value, or none, in every training row."""
    names = [c.name for c in frame.schema.ignored if c.reason.startswith(("constant", "empty"))]
    names += [c.name for c in frame.schema.columns if c.n_distinct + (c.n_missing > 0) <= 1]
    if names:
        yield Finding(
            "constant-column",
            "note",
            tuple(names),
            f"One value fills {listed(names)} in all {frame.n_train:,} training rows: there is nothing to learn from.",
            f"Leave out what will stay so: data.drop: {in_yaml(names)}.",
        )


def id_like_columns(frame: Frame) -> Iterator[Finding]:
    """Find columns that name a row rather than describe it."""
    left_out = [c.name for c in frame.schema.ignored if c.reason.startswith(("id-like", "near-unique"))]
    if left_out:
        yield Finding(
            "id-like",
            "note",
            tuple(left_out),
            f"Nearly every row has a value of its own in {listed(left_out)}: not shown to the model.",
            f"To keep such a column beside each prediction: data.id: {in_yaml(left_out[:1])}.",
        )
    used = [c.name for c in frame.schema.columns if c.kind in {"number", "category"} and _names_rows(frame, c.name)]
    if used:
        yield Finding(
            "id-like",
            "warning",
            tuple(used),
            f"Nearly every row has a value of its own in {listed(used)}, and the model sees it: "
            "it can learn rows by heart, but nothing for new ones.",
            f"Leave it out: data.drop: {in_yaml(used)}.",
        )


def _names_rows(frame: Frame, name: str) -> bool:
    """Whether a column counts the rows, or is a category that hardly ever repeats."""
    import numpy as np

    if name in frame.codes:
        present = frame.codes[name] >= 0
        n_present = int(present.sum())
        return n_present >= 50 and frame.n_levels(name) > 0.9 * n_present
    values = frame.values[name]
    # Cheap looks first: a counter has no gap, only whole numbers, and a range about as wide as the table is long.
    if len(values) < 50 or frame.column[name].n_distinct < frame.n_train:
        return False
    if np.isnan(values).any() or np.ptp(values) > 2 * len(values) or (values % 1).any():
        return False
    return len(np.unique(values)) == len(values)


def mostly_missing_columns(frame: Frame) -> Iterator[Finding]:
    """Find columns whose training cells are mostly missing."""
    shares = {c.name: c.n_missing / frame.n_train for c in frame.schema.columns if frame.n_train}
    names = sorted((n for n, share in shares.items() if share > MOSTLY_MISSING), key=lambda n: -shares[n])
    if names:
        yield Finding(
            "mostly-missing",
            "note",
            tuple(names),
            f"More than half of the training cells are missing: {', '.join(f'{n} ({shown_share(shares[n])})' for n in names)}.",
            "Keep such a column only if being missing means something; else leave it out: "
            f"data.drop: {in_yaml(names)}.",
        )


def missing_tokens(frame: Frame, suspects: Mapping[str, Mapping[str, int]]) -> Iterator[Finding]:
    """Find cell texts that look like a missing value but are read as a value."""
    known = set(frame.schema.missing_values)
    # A column that the config leaves out needs no advice.
    left_out = {c.name for c in frame.schema.ignored if c.reason.startswith("data.")}
    found = {n: [t for t in tokens if t not in known] for n, tokens in suspects.items() if n not in left_out}
    found = {name: tokens for name, tokens in found.items() if tokens}
    if found:
        seen = [f"{name}: {', '.join(f'{t!r} ({suspects[name][t]:,} rows)' for t in found[name])}" for name in found]
        tokens = list(dict.fromkeys(t for each in found.values() for t in each))
        yield Finding(
            "missing-token",
            "warning",
            tuple(found),
            f"Cells that look like a missing value are read as a value. {'; '.join(seen)}.",
            f"If they mean missing: data.missing_values: {in_yaml(tokens)}.",
        )


def sentinel_numbers(frame: Frame) -> Iterator[Finding]:
    """Find a number such as -999 among numbers that are never negative otherwise."""
    import numpy as np

    for column in frame.schema.of_kind("number"):
        if column.number is None or column.number.minimum not in {-99.0, -999.0, -9999.0, -99999.0}:
            continue
        values = frame.values[column.name][: frame.n_train]
        marked = values == column.number.minimum
        if marked.sum() > 1 and not (values[~marked] < 0).any() and np.isfinite(values[~marked]).any():
            token = f"{column.number.minimum:.0f}"
            yield Finding(
                "missing-token",
                "warning",
                (column.name,),
                f"{column.name} is {token} in {int(marked.sum()):,} training rows and never negative otherwise.",
                f"If it means missing: data.missing_values: {in_yaml([token])}.",
            )


def high_cardinality_columns(frame: Frame) -> Iterator[Finding]:
    """Find categories with many levels and few rows behind each."""
    names = [
        c
        for c in frame.schema.of_kind("category")
        if c.n_distinct > HIGH_CARDINALITY and (frame.n_train - c.n_missing) / c.n_distinct < ROWS_PER_LEVEL
    ]
    if names:
        seen = ", ".join(f"{c.name} ({c.n_distinct:,} levels)" for c in names)
        yield Finding(
            "high-cardinality",
            "note",
            tuple(c.name for c in names),
            f"Fewer than {ROWS_PER_LEVEL:.0f} training rows stand behind a level of {seen}, on average.",
            "Group the levels before training, give the text or number behind them, or leave the column out: "
            f"data.drop: {in_yaml([c.name for c in names])}.",
        )


@dataclass(frozen=True)
class _Copy:
    """Two columns that say the same."""

    kept: str
    copy: str
    sentence: str


def copied_columns(frame: Frame) -> Iterator[Finding]:
    """Find columns that repeat another one: the same values, the same number on another scale, or one level for one."""
    copies = [*_same_codes(frame), *_same_numbers(frame)]
    if copies:
        names = list(dict.fromkeys(c.copy for c in copies))
        yield Finding(
            "correlated-copies",
            "note",
            tuple(dict.fromkeys(name for c in copies for name in (c.kept, c.copy))),
            f"{len(names)} column{'s' * (len(names) > 1)} {'repeat' if len(names) > 1 else 'repeats'} another: "
            f"{'; '.join(c.sentence for c in copies)}.",
            f"Keep one of each pair, as two halve each other's weight: data.drop: {in_yaml(names)}.",
        )


def _same_codes(frame: Frame) -> Iterator[_Copy]:
    """Categories that stand for one another, level by level."""
    first: dict[bytes, str] = {}
    for name, codes in frame.codes.items():
        if frame.column[name].kind == "category" and frame.n_levels(name) > 1:
            # Codes count levels by first appearance, so one-to-one columns have the same codes.
            kept = first.setdefault(_digest(codes[: frame.n_train]), name)
            if kept != name:
                yield _Copy(kept, name, f"{name} has one level for each of {kept}")


def _same_numbers(frame: Frame) -> Iterator[_Copy]:
    """Number columns that are another one on a straight line, with the same gaps."""
    import numpy as np

    seen: dict[bytes, str] = {}
    for name, values in frame.values.items():
        if frame.column[name].kind not in {"number", "boolean"} or frame.column[name].n_distinct < 2:
            continue
        train = values[: frame.n_train]
        kept = seen.setdefault(_on_one_scale(train), name)
        if kept != name:
            same = np.array_equal(train, frame.values[kept][: frame.n_train], equal_nan=True)
            yield _Copy(kept, name, f"{name} is {kept}{'' if same else ' on another scale'}")


def _on_one_scale(values: NDArray[np.float64]) -> bytes:
    """The values from 0 to 1, turned so that they begin in the lower half, as a digest: equal for columns on a straight line."""
    import numpy as np

    least, greatest = np.nanmin(values), np.nanmax(values)
    scaled = (values - least) / (greatest - least)
    present = np.flatnonzero(~np.isnan(scaled))
    if scaled[present[0]] > 0.5:
        scaled = 1 - scaled
    # Seven digits: the scale of the other column has rounded it.
    return _digest(np.round(np.nan_to_num(scaled, nan=-1.0), 7).astype(np.float32))


def _digest(values: NDArray[np.generic]) -> bytes:
    return blake2b(values.tobytes(), digest_size=16).digest()
