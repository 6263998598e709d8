"""What sets two models apart, in words that the terminal and Markdown share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from mlcli.data.schema import ClassLabel
from mlcli.data.schema_difference import SchemaDifference
from mlcli.evaluation.changes import Changes
from mlcli.evaluation.comparison import Comparison
from mlcli.evaluation.numerals import format_number
from mlcli.registry import METRICS

_MOST_NAMES = 8
"""Names told one by one."""


def setting(value: Any) -> str:
    """Return a value of a config as its file would hold it; a dash where it holds none."""
    if value is UNSET:
        return "–"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{_names([setting(item) for item in value])}]"
    return str(value)


def schema_sentences(difference: SchemaDifference) -> list[str]:
    """Say what B asks of its rows otherwise, one sentence each; none where it asks the same."""
    found = []
    if difference.added:
        found.append(f"Columns that only B sees: {_names(difference.added)}.")
    if difference.removed:
        found.append(f"Columns that only A sees: {_names(difference.removed)}.")
    found += [
        f"Column {change.column!r} is {_kind(change.old)} to A and {_kind(change.new)} to B."
        for change in difference.kinds
    ]
    for change in difference.levels:
        news = [f"only B knows {_names(change.added)}"] if change.added else []
        news += [f"only A knows {_names(change.removed)}"] if change.removed else []
        found.append(f"Levels of {change.column!r}: {'; '.join(news)}.")
    return found


def metric_notes(comparison: Comparison) -> list[str]:
    """Return what a reader must know about the metrics shown; those of one note stand together."""
    titles: dict[str, list[str]] = {}
    for result in comparison.shown_metrics:
        if result.note:
            titles.setdefault(result.note, []).append(METRICS[result.name].title)
    return [f"{', '.join(names)}: {note}" for note, names in titles.items()]


def changes_sentence(changes: Changes, n_rows: int) -> str:
    """Say how many rows are predicted otherwise, and how."""
    if not changes.count:
        return f"No prediction changed on {n_rows:,} rows."
    opening = f"Predictions that changed: {changes.count:,} of {n_rows:,} rows ({100 * changes.share:.1f} %)"
    if changes.corrected is not None and changes.broken is not None:
        how = f"{changes.corrected:,} now right, {changes.broken:,} no longer right"
        first = "the surest first"
    else:
        how = f"by {format_number(changes.median)} in the middle, by {format_number(changes.greatest)} at most"
        first = "the greatest first"
    shown = f"; {len(changes.rows)} of them, {first}:" if changes.count > len(changes.rows) else ":"
    return f"{opening}: {how}{shown}"


def shown_number(value: ClassLabel, probability: float | None = None) -> str:
    """Return a prediction or a truth, a class with its probability."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float):
        text = format_number(value)
    else:
        text = str(value)
    return text if probability is None else f"{text} ({probability:.2f})"


def _kind(kind: str) -> str:
    return f"a {kind}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
