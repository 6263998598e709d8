"""Train and test rows side by side, in the plain arrays that the checks read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlcli.config.sections import SplitConfig
from mlcli.data.dataset import Dataset
from mlcli.data.schema import Column, Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """What the checks look at; made once, so that no column is read twice.

    Parameters
    ----------
    train : Dataset
        Rows that the model learns from.
    test : Dataset, optional
        Rows that it is judged on.
    schema : Schema
        The contract inferred on the training rows.
    split : SplitConfig
        How the rows were divided.
    values : dict of str to ndarray of shape (n_train + n_test,)
        Number, boolean and date columns, float64: training rows first;
        missing NaN; dates in microseconds since 1970.
    codes : dict of str to ndarray of shape (n_train + n_test,)
        Category and text columns: levels counted by first appearance, int64; missing -1.
    y : ndarray of shape (n_train + n_test,)
        The target: class positions (int64) or numbers (float64).
    """

    train: Dataset
    test: Dataset | None
    schema: Schema
    split: SplitConfig
    values: dict[str, NDArray[np.float64]]
    codes: dict[str, NDArray[np.int64]]
    y: NDArray[Any]

    @property
    def n_train(self) -> int:
        """Number of training rows."""
        return len(self.train)

    @property
    def n_test(self) -> int:
        """Number of test rows; 0 without a test."""
        return 0 if self.test is None else len(self.test)

    @property
    def column(self) -> dict[str, Column]:
        """The model's columns by name."""
        return {column.name: column for column in self.schema.columns}

    @property
    def is_classes(self) -> bool:
        """Whether the target is classes."""
        return self.schema.target.task == "classification"

    @property
    def classes(self) -> list[str]:
        """The classes as text, in the order that `y` counts them."""
        return [str(label) for label in self.schema.target.classes or ()]

    def n_levels(self, name: str) -> int:
        """Return how many levels a column of codes has."""
        return int(self.codes[name].max(initial=-1)) + 1


def build_frame(train: Dataset, test: Dataset | None, schema: Schema, split: SplitConfig) -> Frame:
    """Lay train and test rows side by side.

    Parameters
    ----------
    train, test : Dataset
        Typed rows, with their target.
    schema : Schema
        The contract of the columns.
    split : SplitConfig
        How the rows were divided.
    """
    import numpy as np
    import pandas as pd

    parts = [train] if test is None else [train, test]
    X = pd.concat([part.X for part in parts], ignore_index=True)
    values: dict[str, NDArray[np.float64]] = {}
    codes: dict[str, NDArray[np.int64]] = {}
    for column in schema.columns:
        cells = X[column.name]
        if column.kind in {"category", "text"}:
            codes[column.name] = pd.factorize(cells)[0].astype(np.int64, copy=False)
        else:
            # Contiguous: a column of a table of numbers is strided, and every look at it would pay for that.
            numbers = cells.to_numpy()
            values[column.name] = _date_numbers(numbers) if column.kind == "date" else np.ascontiguousarray(numbers)
    y = np.concatenate([_target(part, schema) for part in parts])
    return Frame(train, test, schema, split, values, codes, y)


def _date_numbers(moments: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Microseconds since 1970; NaT as NaN."""
    import numpy as np

    return np.where(np.isnat(moments), np.nan, moments.astype("datetime64[us]").astype(np.int64))


def _target(part: Dataset, schema: Schema) -> NDArray[Any]:
    """Numbers as they are, classes by their position; -1 for a class that training has not."""
    import numpy as np

    assert part.y is not None, "the checks need the target of every row"
    if schema.target.task == "regression":
        return part.y.astype(np.float64)
    classes = np.asarray(schema.target.classes, dtype=part.y.dtype)
    at = np.searchsorted(classes, part.y).clip(max=len(classes) - 1)
    return np.where(classes[at] == part.y, at, -1).astype(np.int64)


def listed(names: Sequence[str], *, most: int = 8) -> str:
    """Return names for a sentence; beyond `most`, how many more there are."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def in_yaml(names: Sequence[str]) -> str:
    """Return names as a YAML list on one line, to be copied into a config; quoted where plain text would not do."""
    plain = re.compile(r"[^\W\d][\w.]*( [\w.]+)*")
    words = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
    each = (
        name if plain.fullmatch(name) and name.lower() not in words else json.dumps(name, ensure_ascii=False)
        for name in names
    )
    return f"[{', '.join(each)}]"


def shown_share(share: float) -> str:
    """Return a share in [0, 1] as per cent, with a digit more below 10."""
    points = 100 * share
    return f"{points:.0f} %" if points >= 10 else f"{points:.2g} %"
