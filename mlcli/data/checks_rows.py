"""Rows that stand twice: within train, against themselves, or in train and test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlcli.data.checks_frame import Frame, shown_share
from mlcli.data.findings import Finding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOTABLE = 0.01
"""Share of repeated rows from which a score may mislead."""

FEW_COMBINATIONS = 0.5
"""Share of distinct rows below which a table is one of few combinations, where repeats are no news."""

CONFLICTING = 0.1
"""Share of training rows that contradict another one from which it is a warning."""


def repeated_rows(frame: Frame) -> Iterator[Finding]:
    """Find rows that stand twice in train, contradict each other, or stand in train and test."""
    import numpy as np

    features = _row_hashes(frame)
    with_target = _mix(features, frame.y)
    n = frame.n_train
    order, starts = _runs(with_target[:n])
    distinct = len(starts) / n
    yield from _duplicates(frame, order, starts)
    if frame.is_classes:
        yield from _conflicts(frame, features[:n])
    if not frame.n_test:
        return
    in_train = with_target[:n][order[starts]]  # sorted
    shared = _stands_in(with_target[n:], in_train)
    if not shared.any():
        return
    assert frame.test is not None
    share = float(shared.mean())
    known = int(_stands_in(features[n:], np.unique(features[:n])).sum())
    first = int(shared.argmax())
    twin = int(order[starts[np.searchsorted(in_train, with_target[n + first])]])
    yield Finding(
        "shared-rows",
        "warning" if share >= NOTABLE and distinct >= FEW_COMBINATIONS else "note",
        (),
        f"{int(shared.sum()):,} of {frame.n_test:,} test rows ({shown_share(share)}) stand in train with the same target, "
        f"such as row {frame.test.rows[first]} and row {frame.train.rows[twin]}; {known:,} with or without it. "
        "A model that knows them by heart looks better than it is.",
        "Remove repeated rows from the file, or keep them on one side: split.method: group, with the column that names their source.",
    )


def _duplicates(frame: Frame, order: NDArray[np.intp], starts: NDArray[np.intp]) -> Iterator[Finding]:
    """Training rows that are the same in every column and the target."""
    import numpy as np

    n_extra = len(order) - len(starts)
    if not n_extra:
        return
    share = n_extra / len(order)
    first = int(np.flatnonzero(np.diff(np.append(starts, len(order))) > 1)[0])
    pair = np.sort(frame.train.rows[order[starts[first] : starts[first] + 2]])
    yield Finding(
        "duplicate-rows",
        "warning" if share >= NOTABLE and len(starts) / len(order) >= FEW_COMBINATIONS else "note",
        (),
        f"{n_extra:,} of {len(order):,} training rows ({shown_share(share)}) repeat another one in every column that the model "
        f"sees and in the target, such as rows {pair[0]} and {pair[1]}.",
        "If they are the same case recorded twice, remove them from the file.",
    )


def _conflicts(frame: Frame, features: NDArray[np.uint64]) -> Iterator[Finding]:
    """Training rows that are the same but for their class, and what that costs."""
    import numpy as np

    n = frame.n_train
    order, starts = _runs(features)
    if len(starts) == n:
        return
    group = np.empty(n, dtype=np.int64)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, n)))
    # Only groups with several rows can conflict; the table of classes stays small.
    sizes = np.bincount(group)
    several = np.cumsum(sizes > 1) - 1
    within = sizes[group] > 1
    n_classes = len(frame.classes)
    cells = several[group[within]] * n_classes + frame.y[:n][within]
    table = np.bincount(cells, minlength=(several[-1] + 1) * n_classes).reshape(-1, n_classes)
    most = table.max(axis=1)
    total = table.sum(axis=1)
    torn = most < total
    if not torn.any():
        return
    n_rows, n_wrong = int(total[torn].sum()), int((total - most).sum())
    yield Finding(
        "conflicting-rows",
        "warning" if n_rows / n >= CONFLICTING else "note",
        (),
        f"{n_rows:,} training rows ({shown_share(n_rows / n)}) are the same in every column that the model sees, yet not of one class: "
        f"no model on these columns can be right on more than {100 * (1 - n_wrong / n):.1f} % of the training rows.",
        "Add a column that tells them apart, or correct the labels.",
    )


def _row_hashes(frame: Frame) -> NDArray[np.uint64]:
    """A number of 64 bits for each row; equal rows have the same."""
    import numpy as np

    hashes = np.zeros(frame.n_train + frame.n_test, dtype=np.uint64)
    for name in frame.schema.names:
        hashes = _mix(hashes, frame.codes[name] if name in frame.codes else frame.values[name])
    return hashes


def _mix(hashes: NDArray[np.uint64], cells: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.uint64]:
    """Stir one more column into the hashes (the finaliser of splitmix64)."""
    import numpy as np

    if cells.dtype.kind == "f":
        # One bit pattern for each value: 0.0 for -0.0 too, and one NaN.
        cells = np.where(np.isnan(cells), np.nan, cells + 0.0)
    bits = hashes * np.uint64(0x9E3779B97F4A7C15) + cells.view(np.uint64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def _runs(hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The order that sorts the hashes, and where in it each distinct one begins."""
    import numpy as np

    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    return order, np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))


def _stands_in(hashes: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each hash is among the sorted known ones."""
    import numpy as np

    at = np.searchsorted(known, hashes).clip(max=len(known) - 1)
    return np.asarray(known[at] == hashes)
