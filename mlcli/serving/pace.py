"""The time that a compiled model's predictions take, measured when it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from mlcli.data.row_reader import RowReader
from mlcli.data.typed import columns_from_rows
from mlcli.inference.predictor import Predictor

_EXAMPLES = 64
_ROUNDS = 20
_ENOUGH = 0.03
"""Time after which no further round is begun, in seconds."""

_SLOW = 0.002
"""Time of a row, in seconds, from which a few rows tell enough."""

_LEAST_PER_ROW = 1e-6
"""Time that every row takes at least, in seconds: it is also turned into an answer."""


@dataclass(frozen=True)
class Pace:
    """How long predictions take.

    Which of two equal ways to predict is taken hangs on it, and never what is answered.

    Parameters
    ----------
    predictor : Predictor
        Whose they are.
    row : float
        Seconds for a row alone.
    base, each : float
        Seconds for any batch, and for each of its rows.
    """

    predictor: Predictor
    row: float
    base: float
    each: float

    def batch(self, n_rows: int) -> float:
        """Return the seconds that a batch takes."""
        return self.base + n_rows * self.each


def measure_pace(predictor: Predictor, examples: Sequence[Mapping[str, Any]]) -> Pace:
    """Predict examples for some hundredths of a second, and see how long it takes.

    Parameters
    ----------
    predictor : Predictor
        A compiled one.
    examples : sequence of mapping
        Raw rows, at least one.
    """
    columns = predictor.schema.columns
    # Examples may be unlike training, which a strict reader refuses.
    reader = RowReader(predictor.schema, max_cell=2**31, unseen="warn", out_of_range="warn")
    cells = [row for example in examples[:_EXAMPLES] for row in reader.read_records([example]).rows or ()]
    n_rows = _EXAMPLES if _seconds(lambda: predictor.predict_row(cells[0])) < _SLOW else 4
    one, many = (columns_from_rows((cells * n)[:n], columns) for n in (1, n_rows))
    row, alone, together = _least(
        lambda: predictor.predict_row(cells[0]),
        lambda: predictor.predict_columns(one),
        lambda: predictor.predict_columns(many),
    )
    each = min(max((together - alone) / (n_rows - 1), _LEAST_PER_ROW), max(row, _LEAST_PER_ROW))
    return Pace(predictor, row, max(alone - each, 0.0), each)


def _least(*works: Callable[[], object]) -> list[float]:
    """Return the least time of each work, in seconds: what is slower was disturbed by something else.

    They take turns, so that a busy moment of the machine hurts all alike.
    """
    begin = perf_counter()
    times = [[_seconds(work) for work in works]]
    while len(times) < _ROUNDS and perf_counter() - begin < _ENOUGH:
        times.append([_seconds(work) for work in works])
    return [min(each) for each in zip(*times, strict=True)]


def _seconds(work: Callable[[], object]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin
