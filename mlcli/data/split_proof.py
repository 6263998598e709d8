"""A division of rows, and the proof from the data that it keeps its promise."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.config.sections import SplitConfig
from mlcli.data.split_keys import read_keys, read_times, require_column

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """Which rows the model learns from and which it is judged on.

    Parameters
    ----------
    train, test : ndarray of shape (n_train,), (n_test,)
        Positions in the table, counted from 0, int64, ascending; no row in both.
    description : str
        How the rows were divided, for people.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    description: str


class BrokenSplitError(AssertionError):
    """A split does not keep what its method promises: a bug of ours, never the user's doing."""


def prove_split(
    split: Split,
    table: pa.Table,
    config: SplitConfig,
    *,
    target: str,
    class_share: float | None = None,
    among: NDArray[np.int64] | None = None,
    complete: bool = True,
    source: str = "the table",
    missing_values: Collection[str] = (),
) -> None:
    """Check on the data itself that `split` keeps what its method promises.

    No row stands in both parts and none is lost; no group or key stands in
    both; every training row is strictly earlier than every test row; the
    test holds the promised share of every class, to within one row.

    Parameters
    ----------
    split : Split
        The division to prove.
    table : Table
        The rows that it divides.
    config : SplitConfig
        The method and its column.
    target : str
        Column of the classes.
    class_share : float, optional
        Share of every class that was promised to the test, in (0, 1).
    among : ndarray of int64, optional
        The positions that are divided. Left out: every row of the table.
    complete : bool, default=True
        Whether each of those positions must stand in one of the parts.
    source : str
        Where the table comes from, for messages.
    missing_values : collection of str
        Texts that mean missing.

    Raises
    ------
    BrokenSplitError
        If a promise is broken.
    """
    import numpy as np

    among = np.arange(table.num_rows) if among is None else among
    _prove_membership(split, among, complete=complete)
    if config.method in {"group", "hash"} and config.column is not None:
        keys = read_keys(require_column(table, config.column, source=source), missing_values=missing_values)
        torn = np.intersect1d(keys.codes[split.train], keys.codes[split.test])
        if len(torn):
            raise BrokenSplitError(f"the value {keys.texts[torn[0]]!r} of {config.column!r} stands in both parts")
    if config.method == "time" and config.column is not None:
        cells = require_column(table, config.column, source=source)
        times = read_times(
            cells,
            column=config.column,
            source=source,
            rows=np.arange(1, table.num_rows + 1),
            missing_values=missing_values,
        )
        if times[split.train].max() >= times[split.test].min():
            raise BrokenSplitError(f"a training row is not earlier by {config.column!r} than every test row")
    if class_share is not None:
        codes = read_keys(require_column(table, target, source=source)).codes
        _prove_shares(codes[split.train], codes[split.test], share=class_share)


def _prove_membership(split: Split, among: NDArray[np.int64], *, complete: bool) -> None:
    """Each row once, in ascending order, none from elsewhere."""
    import numpy as np

    if not len(split.train) or not len(split.test):
        raise BrokenSplitError("a part holds no row")
    for part in (split.train, split.test):
        if (np.diff(part) <= 0).any():
            raise BrokenSplitError("the positions of a part must be ascending, each once")
    both = np.concatenate([split.train, split.test])
    both.sort()
    if (np.diff(both) == 0).any():
        raise BrokenSplitError("a row stands in both parts")
    allowed = np.sort(among)
    if complete and not np.array_equal(both, allowed):
        raise BrokenSplitError("the parts together are not the rows that were divided")
    if not np.isin(both, allowed).all():
        raise BrokenSplitError("a part holds a row that was not to be divided")


def _prove_shares(train: NDArray[np.int64], test: NDArray[np.int64], *, share: float) -> None:
    """The test holds `share` of each class, to within one row; a class of one row only trains."""
    import numpy as np

    n_classes = int(max(train.max(), test.max())) + 1
    in_test = np.bincount(test, minlength=n_classes)
    total = in_test + np.bincount(train, minlength=n_classes)
    if in_test[total == 1].any():
        raise BrokenSplitError("the only row of a class is in the test")
    # A hair more than one row: share * total is rounded in floating point.
    if (np.abs(in_test - share * total) > 1 + 1e-9 * total).any():
        raise BrokenSplitError("the class shares of train and test differ by more than a row")
