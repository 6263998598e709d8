"""The training rows into folds, by the method that held out the test."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import TYPE_CHECKING

from mlcli.config.sections import SplitConfig, Task
from mlcli.data.split_keys import Keys, class_sizes, read_keys, read_times, require_column
from mlcli.data.split_proof import Split, prove_split
from mlcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


def cv_splits(
    table: pa.Table,
    config: SplitConfig,
    *,
    train: NDArray[np.int64],
    target: str,
    task: Task,
    source: str,
    rows: NDArray[np.int64] | None = None,
    missing_values: Collection[str] = (),
    key: str = "split.cv",
) -> list[Split]:
    """Divide the training rows into ``config.cv`` folds, and prove each.

    A group or key stays in one fold; by time, each fold is judged on rows
    later than all that it learned from, on an expanding window; every other
    method shuffles, and keeps class shares where asked.

    Parameters
    ----------
    table : Table
        The rows as read, those of the hold-out included.
    config : SplitConfig
        The method, the number of folds, the seed.
    train : ndarray of shape (n_train,)
        Positions of the training rows in `table`.
    target : str
        Column to predict.
    task : Task
        Only classes are stratified.
    source : str
        Where the table comes from, for messages.
    rows : ndarray of shape (n_rows,), optional
        Number of each row of `table` in its source, for messages.
    missing_values : collection of str
        Texts that mean missing.
    key : str, default="split.cv"
        The key that asked for the folds, for messages.

    Returns
    -------
    list of Split
        One per fold, with positions in `table`; empty when ``config.cv`` is 0.

    Raises
    ------
    DataError
        If there are fewer rows, groups, points in time or rows of a class than folds.

    References
    ----------
    .. [1] Hyndman and Athanasopoulos (2021), "Forecasting: Principles and Practice", 3rd ed., section 5.10.
    """
    import numpy as np

    if not config.cv:
        return []
    part = table.select([name for name in {target, config.column} if name in table.column_names]).take(train)
    n = part.num_rows
    _require_enough(n, config.cv, what="training rows", source=source, key=key)
    classes = read_keys(require_column(part, target, source=source)) if task == "classification" else None
    stratify = classes if config.stratify else None
    if config.method == "time":
        assert config.column is not None
        cells = require_column(part, config.column, source=source)
        numbers = (np.arange(1, table.num_rows + 1) if rows is None else rows)[train]
        times = read_times(cells, column=config.column, source=source, rows=numbers, missing_values=missing_values)
        pairs, how = _expanding(times, config, source=source, key=key), f"by time of {config.column}"
    else:
        if config.method in {"group", "hash"}:
            assert config.column is not None
            keys = read_keys(require_column(part, config.column, source=source), missing_values=missing_values)
            fold_of, how = _group_folds(keys, stratify, config, source=source, key=key), f"by {config.column}"
        else:
            fold_of = _random_folds(n, stratify, config, target=target, source=source, key=key)
            how = f"at random{', class shares kept' if stratify else ''}"
        how += f", seed {config.random_state}"
        pairs = [(np.flatnonzero(fold_of != k), np.flatnonzero(fold_of == k)) for k in range(config.cv)]
    by_class = stratify is not None and config.method in {"random", "column", "files"}
    folds = []
    for k, (fit, judge) in enumerate(pairs, start=1):
        _require_two_classes(classes, fit, fold=k, config=config, target=target, source=source, key=key)
        split = Split(train[fit], train[judge], f"fold {k} of {config.cv} {how}")
        prove_split(
            split,
            table,
            config,
            target=target,
            class_share=1 / config.cv if by_class else None,
            among=train,
            complete=config.method != "time",
            source=source,
            missing_values=missing_values,
        )
        folds.append(split)
    return folds


def _fewer(key: str, most: int) -> str:
    """Say how to ask for fewer folds, or for none where two are too many."""
    if most >= 2:
        return f"Set {key} to {most} or less."
    return "Set split.cv to 0." if key == "split.cv" else f"Leave {key.partition('.')[0]} out."


def _require_enough(n: int, needed: int, *, what: str, source: str, key: str) -> None:
    """At least one for each fold."""
    if n < needed:
        raise DataError(
            f"{source}: {key} must not exceed the number of {what}. Got {needed} folds for {n:,}.",
            hint=_fewer(key, n),
        )


def _require_two_classes(
    classes: Keys | None, fit: NDArray[np.intp], *, fold: int, config: SplitConfig, target: str, source: str, key: str
) -> None:
    """A fold that learns from one class can learn nothing."""
    import numpy as np

    if classes is None or len(classes.texts) < 2:
        return
    seen = np.unique(classes.codes[fit])
    if len(seen) < 2:
        raise DataError(
            f"{source}: each fold must learn from at least two classes of {target!r}. "
            f"Got only {classes.texts[seen[0]]!r} in fold {fold} of {config.cv}.",
            hint=_fewer(key, config.cv - 1),
        )


def _random_folds(
    n: int, classes: Keys | None, config: SplitConfig, *, target: str, source: str, key: str
) -> NDArray[np.intp]:
    """Fold of each row: dealt out in random order, class after class, so that every share holds to a row."""
    import numpy as np

    order = np.random.default_rng(config.random_state).permutation(n)
    if classes is not None:
        counts = np.bincount(classes.codes)
        rarest = int(counts.argmin())
        if counts[rarest] < config.cv:
            raise DataError(
                f"{source}: each class of {target!r} must have a training row for every fold. "
                f"Got {config.cv} folds and {counts[rarest]} of class {classes.texts[rarest]!r}.",
                hint=f"Set {key} to {counts[rarest]} or less, or split.stratify to false."
                if counts[rarest] > 1
                else "Set split.stratify to false, or leave that class out.",
            )
        order = order[np.argsort(classes.codes[order], kind="stable")]
    fold_of = np.empty(n, dtype=np.intp)
    fold_of[order] = np.arange(n) % config.cv
    return fold_of


def _group_folds(keys: Keys, classes: Keys | None, config: SplitConfig, *, source: str, key: str) -> NDArray[np.intp]:
    """Fold of each row: the largest groups first, each to the fold that has least of what it holds."""
    import numpy as np

    n_groups = len(keys.texts)
    what = f"values of {config.column!r} in the training rows"
    _require_enough(n_groups, config.cv, what=what, source=source, key=key)
    sizes = class_sizes(keys, classes)
    weight = 1.0 / np.maximum(sizes.sum(axis=0), 1) ** 2
    rng = np.random.default_rng(config.random_state)
    loads = np.zeros((config.cv, sizes.shape[1]))
    fold_of_group = np.empty(n_groups, dtype=np.intp)
    for group in np.lexsort((rng.random(n_groups), -sizes[:, 0])):
        # What the sum of squared loads grows by: least where the fold holds little of the same.
        fold = int((loads @ (weight * sizes[group])).argmin())
        loads[fold] += sizes[group]
        fold_of_group[group] = fold
    return fold_of_group[keys.codes]


def _expanding(
    times: NDArray[np.generic], config: SplitConfig, *, source: str, key: str
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Blocks of about the same size in time; each is judged after learning from all before it."""
    import numpy as np

    _, block_of, counts = np.unique(times, return_inverse=True, return_counts=True)
    n_blocks = config.cv + 1
    if len(counts) < n_blocks:
        raise DataError(
            f"{source}: {config.cv} folds by time need at least {n_blocks} points in time in the training rows. "
            f"Got {len(counts)} in {config.column!r}.",
            hint=_fewer(key, len(counts) - 1),
        )
    ends = np.cumsum(counts)
    cuts: list[int] = []  # index of the first distinct time of each block but the first
    for k in range(1, n_blocks):
        nearest = int(np.abs(ends - len(times) * k / n_blocks).argmin()) + 1
        least = cuts[-1] + 1 if cuts else 1
        most = len(counts) - (n_blocks - k)
        cuts.append(min(max(nearest, least), most))
    bounds = [*cuts, len(counts)]
    return [
        (np.flatnonzero(block_of < start), np.flatnonzero((block_of >= start) & (block_of < stop)))
        for start, stop in pairwise(bounds)
    ]
