"""A comparison of two models as Markdown, for a pull request."""

from __future__ import annotations

from mlcli.evaluation.changes import Changes
from mlcli.evaluation.compared import Compared, Side
from mlcli.evaluation.compared_words import changes_sentence, metric_notes, schema_sentences, setting, shown_number
from mlcli.evaluation.comparison import Comparison
from mlcli.evaluation.markdown import comparison_table, lay_table, plain_text


def render_compared(compared: Compared) -> str:
    """Write a comparison as GitHub-flavoured Markdown.

    Parameters
    ----------
    compared : Compared
        What was found.

    Returns
    -------
    str
        The document, ending in a newline. What is long is folded away.
    """
    comparison = compared.comparison
    parts = [f"## {plain_text(compared.b.name)}: {plain_text(compared.b.path)} against {plain_text(compared.a.path)}"]
    parts.append(_verdict(comparison))
    parts += [f"> **Beware**: {plain_text(caution)}." for caution in compared.cautions]
    parts.append(
        lay_table(("", "Run", "Model", "Training rows", "Digest"), [_side("A", compared.a), _side("B", compared.b)], 3)
    )
    parts.append(comparison_table(comparison))
    if compared.config:
        lines = [
            (plain_text(change.key), plain_text(setting(change.old)), plain_text(setting(change.new)))
            for change in compared.config
        ]
        parts.append(_folded(f"Config: {len(lines)} changed", lay_table(("Key", "A", "B"), lines, 3)))
    sentences = [f"- {plain_text(sentence)}" for sentence in schema_sentences(compared.schema)]
    if sentences:
        parts.append(_folded("Columns and levels", "\n".join(sentences)))
    parts.append(_changes(compared.changes, comparison.n_rows))
    parts.append(_footnote(compared))
    return "\n\n".join(parts) + "\n"


def _verdict(comparison: Comparison) -> str:
    opening, colon, numbers = comparison.message.partition(":")
    return f"**{plain_text(opening[0].upper() + opening[1:])}**{colon} {plain_text(numbers)}."


def _side(letter: str, side: Side) -> tuple[str, ...]:
    path, model = plain_text(side.path), plain_text(side.model)
    return (f"**{letter}**", path, model, f"{side.n_train:,}", f"`{side.digest[:12]}`")


def _changes(changes: Changes, n_rows: int) -> str:
    sentence = changes_sentence(changes, n_rows)
    if not changes.rows:
        return plain_text(sentence)
    names = list(changes.rows[0].id)
    lines = [
        (
            str(row.row),
            *(plain_text(row.id.get(name, "")) for name in names),
            plain_text(shown_number(row.a, row.probability_a)),
            plain_text(shown_number(row.b, row.probability_b)),
            plain_text(shown_number(row.truth)),
        )
        for row in changes.rows
    ]
    table = lay_table(("Row", *map(plain_text, names), "A", "B", "Truth"), lines, 4 + len(names))
    return _folded(sentence.rstrip(":"), table)


def _folded(summary: str, content: str) -> str:
    """Return what opens at a click; GitHub needs the blank lines to read Markdown inside."""
    return f"<details><summary>{plain_text(summary)}</summary>\n\n{content}\n\n</details>"


def _footnote(compared: Compared) -> str:
    comparison = compared.comparison
    weighted = ", weighted" if comparison.weighted else ""
    how = f"intervals of the difference from {comparison.resamples:,} paired bootstrap resamples"
    parts = [f"Compared on {plain_text(compared.rows)}{weighted}; {how}."]
    parts += [f"{plain_text(note)}." for note in metric_notes(comparison)]
    if comparison.note:
        parts.append(plain_text(comparison.note[0].upper() + comparison.note[1:]) + ".")
    return " ".join(parts)
