"""Rows into those the model learns from and those it is judged on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from mlcli.config.sections import SplitConfig, Task
from mlcli.data.split_folds import cv_splits
from mlcli.data.split_keys import Keys, class_sizes, key_text, read_keys, read_times, require_all, require_column
from mlcli.data.split_proof import BrokenSplitError, Split, prove_split
from mlcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["BrokenSplitError", "Split", "cv_splits", "excluded_by_split", "prove_split", "split_rows"]

# Random orders of the groups that are tried; the one nearest to test_size is taken.
_GROUP_ORDERS = 32

_BITS = 2.0**64


def excluded_by_split(config: SplitConfig) -> tuple[str, ...]:
    """Return the columns that the split reads and the model must not see.

    A group or key names who a row is about, and a part column says which part
    it is in: the model would learn rows by heart that it will not meet again.
    A time column stays: what time does to the target is worth learning.
    """
    return (config.column,) if config.column is not None and config.method != "time" else ()


@dataclass(frozen=True)
class _Rows:
    """The rows to divide, and the words for messages about them."""

    table: pa.Table
    config: SplitConfig
    target: str
    source: str
    rows: NDArray[np.int64]
    missing_values: Collection[str]
    n_test_file_rows: int
    classes: Keys | None

    @property
    def n(self) -> int:
        return int(self.table.num_rows)

    def keys(self) -> Keys:
        assert self.config.column is not None
        cells = require_column(self.table, self.config.column, source=self.source)
        return read_keys(cells, missing_values=self.missing_values)

    def whole_keys(self, what: str) -> Keys:
        """Keys of which no row misses one."""
        keys = self.keys()
        assert self.config.column is not None
        require_all(keys.codes >= 0, column=self.config.column, what=what, source=self.source, rows=self.rows)
        return keys


def split_rows(
    table: pa.Table,
    config: SplitConfig,
    *,
    target: str,
    task: Task,
    source: str,
    n_test_file_rows: int = 0,
    rows: NDArray[np.int64] | None = None,
    missing_values: Collection[str] = (),
) -> Split:
    """Divide the rows as `config` says, and prove the division.

    Parameters
    ----------
    table : Table
        The rows as read, every one with a target.
    config : SplitConfig
        The method and its options.
    target : str
        Column to predict.
    task : Task
        Only classes are stratified.
    source : str
        Where the table comes from, for messages.
    n_test_file_rows : int, default=0
        For the method files: how many rows at the end of the table are from the test files.
    rows : ndarray of shape (n_rows,), optional
        Number of each row in its source, for messages. Left out: 1, 2, 3 ...
    missing_values : collection of str
        Texts that mean missing.

    Returns
    -------
    Split
        The same for the same input; positions from 0 in `table`.

    Raises
    ------
    DataError
        If the column is missing or unfit, or a part would be left without rows or, to train on, with one class.
    """
    import numpy as np

    if table.num_rows < 2:
        raise DataError(
            f"{source} must hold at least 2 rows with a target to be divided. Got {table.num_rows}.",
            hint="Add rows.",
        )
    classes = read_keys(require_column(table, target, source=source)) if task == "classification" else None
    given = _Rows(
        table=table,
        config=config,
        target=target,
        source=source,
        rows=np.arange(1, table.num_rows + 1) if rows is None else rows,
        missing_values=missing_values,
        n_test_file_rows=n_test_file_rows,
        classes=classes,
    )
    in_test, how = _METHODS[config.method](given)
    split = Split(
        np.flatnonzero(~in_test).astype(np.int64),
        np.flatnonzero(in_test).astype(np.int64),
        f"{_percent(1 - in_test.mean())} / {_percent(in_test.mean())} {how}",
    )
    _require_parts(split, given)
    by_class = config.method == "random" and config.stratify and classes is not None
    prove_split(
        split,
        table,
        config,
        target=target,
        class_share=config.test_size if by_class else None,
        source=source,
        missing_values=missing_values,
    )
    return split


def _require_parts(split: Split, given: _Rows) -> None:
    """Both parts hold rows, and the training part two classes."""
    import numpy as np

    for part, positions in (("train", split.train), ("test", split.test)):
        if not len(positions):
            raise DataError(
                f"{given.source} must leave a row for both parts of the split. "
                f"Got {given.n:,} rows and none of them in {part} (split.method: {given.config.method}).",
                hint="Add rows, or change split.test_size.",
            )
    if given.classes is None or len(given.classes.texts) < 2:
        return  # one class in the whole file is the target's matter, and is said there
    in_train = np.unique(given.classes.codes[split.train])
    if len(in_train) < 2:
        raise DataError(
            f"{given.source}: the training part must hold at least two classes of {given.target!r}. "
            f"Got only {given.classes.texts[in_train[0]]!r} (split.method: {given.config.method}).",
            hint="Choose another split.method or split.test_size, or add rows.",
        )


def _percent(share: float) -> str:
    """A share for people; the last point near none and all is not rounded away."""
    points = 100 * float(share)
    return f"{points:.0f} %" if 1 <= points <= 99 else f"{points:.2g} %" if points < 1 else f"{points:.4g} %"


def _random(given: _Rows) -> tuple[NDArray[np.bool_], str]:
    """By chance; each class in its share where asked."""
    import numpy as np

    config, seed = given.config, given.config.random_state
    rng = np.random.default_rng(seed)
    if given.classes is None or not config.stratify:
        in_test = np.zeros(given.n, dtype=bool)
        in_test[rng.permutation(given.n)[: round(given.n * config.test_size)]] = True
        return in_test, f"at random, seed {seed}"
    codes = given.classes.codes
    counts = np.bincount(codes)
    taken = _rows_per_class(counts, config.test_size, rng)
    order = rng.permutation(given.n)
    order = order[np.argsort(codes[order], kind="stable")]
    rank = np.arange(given.n) - np.repeat(np.cumsum(counts) - counts, counts)
    in_test = np.zeros(given.n, dtype=bool)
    in_test[order] = rank < taken[codes[order]]
    single = int((counts == 1).sum())
    kept = f", {single} class{'es' * (single > 1)} of a single row kept for training" if single else ""
    return in_test, f"at random, class shares kept{kept}, seed {seed}"


def _rows_per_class(counts: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Test rows of each class: its share rounded down, and the rows left over to those that need them most."""
    import numpy as np

    several = counts > 1
    exact = np.where(several, counts * share, 0.0)
    taken = np.floor(exact).astype(np.int64)
    left = round(float(exact.sum())) - int(taken.sum())
    # A class with no test row yet comes first (its score could not be judged), then the
    # largest remainder, then chance.
    order = np.lexsort((rng.random(len(counts)), -(exact - taken), taken > 0))
    may = order[(several & (exact > taken) & (taken + 1 < counts))[order]]
    taken[may[:left]] += 1
    return taken


def _time(given: _Rows) -> tuple[NDArray[np.bool_], str]:
    """The latest rows are the test; rows of the same time stay together."""
    import numpy as np

    column = given.config.column
    assert column is not None
    cells = require_column(given.table, column, source=given.source)
    times = read_times(cells, column=column, source=given.source, rows=given.rows, missing_values=given.missing_values)
    ordered = np.sort(times)
    starts = np.flatnonzero(np.diff(ordered) > 0) + 1
    if not len(starts):
        raise DataError(
            f"{given.source}: column {column!r} must hold at least two points in time. Got one for all {given.n:,} rows.",
            hint="Set split.column to the column that says when each row happened, or split.method to random.",
        )
    start = starts[np.abs(starts - given.n * (1 - given.config.test_size)).argmin()]
    first = cells[int((times == ordered[start]).argmax())].as_py()
    return times >= ordered[start], f"by time, the test from {column} {str(first).strip()} on"


def _group(given: _Rows) -> tuple[NDArray[np.bool_], str]:
    """No value of the column in both parts; near test_size by rows, and by class where asked."""
    import numpy as np

    config = given.config
    keys = given.whole_keys("a group")
    n_groups = len(keys.texts)
    if n_groups < 2:
        raise DataError(
            f"{given.source}: column {config.column!r} must hold at least two groups to divide. "
            f"Got one, {keys.texts[0]!r}.",
            hint="Set split.column to the column whose values must not stand in both parts.",
        )
    classes = given.classes if config.stratify else None
    sizes = class_sizes(keys, classes)
    rng = np.random.default_rng(config.random_state)
    wanted = config.test_size
    total = sizes.sum(axis=0)
    best: tuple[float, NDArray[np.intp]] | None = None
    # Fewer orders for a table so large that chance evens out by itself.
    for _ in range(max(2, min(_GROUP_ORDERS, 20_000_000 // sizes.size))):
        order = rng.permutation(n_groups)
        # The whole counts as much as all classes together.
        gaps = (np.cumsum(sizes[order[:-1]], axis=0) / total - wanted) ** 2
        loss = gaps[:, 0] + gaps[:, 1:].mean(axis=1) if sizes.shape[1] > 1 else gaps[:, 0]
        at = int(loss.argmin())
        if best is None or loss[at] < best[0]:
            best = (float(loss[at]), order[: at + 1])
    assert best is not None
    in_test = np.zeros(n_groups, dtype=bool)
    in_test[best[1]] = True
    kept = ", class shares near those of all rows" if classes is not None else ""
    n_test = int(in_test.sum())
    return in_test[keys.codes], (
        f"by {config.column}, {n_groups - n_test:,} / {n_test:,} of its values{kept}, seed {config.random_state}"
    )


def _hash(given: _Rows) -> tuple[NDArray[np.bool_], str]:
    """A key is in the test when its hash, read as a share, is below test_size; other rows do not matter."""
    import numpy as np

    keys = given.whole_keys("a key")
    below = given.config.test_size * _BITS
    in_test = np.fromiter(
        (int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") < below for text in keys.texts),
        dtype=bool,
        count=len(keys.texts),
    )
    if in_test.all() or not in_test.any():
        raise DataError(
            f"{given.source}: column {given.config.column!r} must hold keys whose hashes fall in both parts. "
            f"Got {len(in_test):,} distinct, all in {'test' if in_test.all() else 'train'}.",
            hint="Hash a column with more distinct values, such as the id of a row or customer.",
        )
    n_test = int(in_test.sum())
    return in_test[keys.codes], (
        f"by a hash of {given.config.column}, {len(in_test) - n_test:,} / {n_test:,} of its values"
    )


def _column(given: _Rows) -> tuple[NDArray[np.bool_], str]:
    """The rows whose cell is one of test_values are the test."""
    import numpy as np

    keys, column = given.keys(), given.config.column
    wanted = {key_text(value) for value in given.config.test_values}
    in_test = np.array([text in wanted for text in keys.texts] + [False])  # the last stands for missing cells
    mask = in_test[keys.codes]
    if mask.all() or not mask.any():
        seen = ", ".join(repr(text) for text in keys.texts[:10]) or "only missing cells"
        more = f" and {len(keys.texts) - 10:,} more" if len(keys.texts) > 10 else ""
        raise DataError(
            f"{given.source}: column {column!r} must mark some rows as test and others not, by "
            f"split.test_values {list(given.config.test_values)}. "
            f"Got {'all' if mask.all() else 'none'} of {given.n:,} rows marked; its values are {seen}{more}.",
            hint="Set split.test_values to the values of the test rows.",
        )
    marks = ", ".join(text for text, is_test in zip(keys.texts, in_test, strict=False) if is_test)
    blank = int((keys.codes < 0).sum())
    note = f"; {blank:,} rows without a value train" if blank else ""
    return mask, f"by {column}, the test where it is {marks}{note}"


def _files(given: _Rows) -> tuple[NDArray[np.bool_], str]:
    """The rows of the test files are the test."""
    import numpy as np

    path = given.config.test_path
    files = path if isinstance(path, str) else ", ".join(path or ())
    return np.arange(given.n) >= given.n - given.n_test_file_rows, f"by file, the test from {files}"


_METHODS = {"random": _random, "time": _time, "group": _group, "hash": _hash, "column": _column, "files": _files}
