"""The training rows into the folds that models are chosen on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.config.load import LoadedConfig
from mlcli.config.sections import SplitConfig
from mlcli.errors import DataError
from mlcli.training.prepare import Fold, Prepared, read_raw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REPEATED_BELOW = 1_000
_FIVE_BELOW = 10_000
_THREE_UP_TO = 100_000
_SAMPLE = 200_000
"""Most rows of the one hold-out of a large table, fitted and judged together."""

_HOLDOUT_OF = 5
"""Of so many parts the hold-out of a large table is one."""


@dataclass(frozen=True)
class ChoiceFolds:
    """Folds of the training rows.

    Parameters
    ----------
    folds : tuple of Fold
        Positions in the training rows to learn from and to be judged on.
    description : str
        The rows behind a score, for people.
    """

    folds: tuple[Fold, ...]
    description: str


def choice_folds(loaded: LoadedConfig, prepared: Prepared) -> ChoiceFolds:
    """Divide the training rows by the method that held out the test.

    Groups stay together, and in time every fold is judged on later rows than
    it learned from. Below 1,000 rows there are five folds, twice; below 10,000
    five; up to 100,000 three; above that one hold-out of a fifth, on a sample.

    Raises
    ------
    DataError
        If the rows are too few to hold any out.
    """
    n_rows = len(prepared.train)
    effort = loaded.config.model.effort
    if n_rows > _THREE_UP_TO:
        return _holdout(loaded, prepared)
    n_folds = 5 if n_rows < _FIVE_BELOW else 3
    n_times = 2 if n_rows < _REPEATED_BELOW and effort != "quick" else 1
    if loaded.config.split.method == "time":
        n_times = 1  # there is one order of time
    folds: list[Fold] = []
    for turn in range(n_times):
        folds += _divided(loaded, prepared, n_folds=n_folds, turn=turn)
    n_folds = len(folds) // n_times
    times = f", {n_times} times" if n_times > 1 else ""
    return ChoiceFolds(tuple(folds), f"{n_folds} folds of {n_rows:,} training rows{times}")


def _holdout(loaded: LoadedConfig, prepared: Prepared) -> ChoiceFolds:
    """Return one fold, of a sample where there are more rows than are needed to tell models apart."""
    import numpy as np

    fold = _divided(loaded, prepared, n_folds=_HOLDOUT_OF, turn=0)[-1]
    n_rows = len(fold.train) + len(fold.test)
    share = min(1.0, _SAMPLE / n_rows)
    rng = np.random.default_rng(loaded.config.split.random_state)
    parts = [np.sort(rng.choice(part, size=int(len(part) * share), replace=False)) for part in (fold.train, fold.test)]
    train, test = (part.tolist() for part in parts)
    return ChoiceFolds((Fold(train, test),), f"{len(test):,} rows held out of {len(train) + len(test):,} training rows")


def _divided(loaded: LoadedConfig, prepared: Prepared, *, n_folds: int, turn: int) -> list[Fold]:
    """Return the folds of one turn, fewer where the rows do not suffice."""
    seed = (loaded.config.split.random_state + turn) % (2**31)
    split = loaded.config.split.model_copy(update={"cv": n_folds, "random_state": seed})
    if split.method in {"group", "hash", "time"}:
        return _by_column(loaded, prepared, split)
    return _at_random(prepared, n_folds=n_folds, seed=seed)


def _at_random(prepared: Prepared, *, n_folds: int, seed: int) -> list[Fold]:
    """Deal the rows out in random order, class after class, so that every share holds to a row."""
    import numpy as np

    n_rows = len(prepared.train)
    n_folds = min(n_folds, n_rows)
    if n_folds < 2:
        raise DataError(
            f"a choice between models must have rows to hold out. Got {n_rows} training row{'s' if n_rows != 1 else ''}.",
            hint="Name one model in model.name.",
        )
    order = np.random.default_rng(seed).permutation(n_rows)
    if prepared.schema.target.task == "classification":
        _, codes = np.unique(prepared.train.y_true, return_inverse=True)
        # A class with fewer rows than folds is in some of them only.
        order = order[np.argsort(codes[order], kind="stable")]
    fold_of = np.empty(n_rows, dtype=np.intp)
    fold_of[order] = np.arange(n_rows) % n_folds
    return [_fold(fold_of, k) for k in range(n_folds)]


def _fold(fold_of: NDArray[np.intp], k: int) -> Fold:
    import numpy as np

    return Fold(np.flatnonzero(fold_of != k).tolist(), np.flatnonzero(fold_of == k).tolist())


def _by_column(loaded: LoadedConfig, prepared: Prepared, split: SplitConfig) -> list[Fold]:
    """Divide by a column that the typed rows may not hold: it is read again, and the folds are proven on it."""
    import numpy as np

    from mlcli.data.split import cv_splits

    raw = read_raw(loaded)
    train = np.searchsorted(raw.rows, prepared.train.rows)
    n_folds = split.cv
    while True:
        try:
            folds = cv_splits(
                raw.table,
                split.model_copy(update={"cv": n_folds}),
                train=train,
                target=loaded.config.data.target,
                task=prepared.schema.target.task,
                source=raw.source,
                rows=raw.rows,
                missing_values=loaded.config.data.missing_values,
            )
            break
        except DataError:
            # Too few groups or points in time for so many folds.
            if n_folds == 2:
                raise
            n_folds -= 1
    return [
        Fold(np.searchsorted(train, fold.train).tolist(), np.searchsorted(train, fold.test).tolist()) for fold in folds
    ]
