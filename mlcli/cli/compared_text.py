"""How a comparison of two models is shown and written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.cli.documents.judged import CompareDocument
from mlcli.cli.evaluation_text import FORM_OF, OUTCOME_STYLES
from mlcli.cli.terminal import PIPED_WIDTH, json_text, say, show, show_json
from mlcli.evaluation.compared_words import changes_sentence, metric_notes, schema_sentences, setting, shown_number
from mlcli.evaluation.numerals import format_number
from mlcli.registry import METRICS

if TYPE_CHECKING:
    from rich.table import Table

    from mlcli.evaluation.changes import Changes
    from mlcli.evaluation.compared import Compared
    from mlcli.evaluation.comparison import Comparison


def write_compared(compared: Compared, *, form: str | None, as_json: bool, output: Path | None, quiet: bool) -> None:
    """Write a comparison to stdout or to a file.

    Parameters
    ----------
    compared : Compared
        What to write.
    form : str, optional
        table, json or markdown; by the name of `output` when left out.
    as_json : bool
        Print the JSON document on stdout, whatever goes to a file.
    output : Path, optional
        A file instead of stdout.
    quiet : bool
        Do not say where the file went.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    if output is not None:
        from mlcli.atomic import write_file

        write_file(output, _as_text(compared, form or FORM_OF.get(output.suffix.lower(), "table")))
        if not quiet:
            say(f"wrote {output}")
    if as_json or (output is None and form == "json"):
        show_json(CompareDocument.of(compared))
    elif output is None and form == "markdown":
        sys.stdout.write(_as_text(compared, form))
    elif output is None:
        show(*_parts(compared))


def _as_text(compared: Compared, form: str) -> str:
    if form == "json":
        return json_text(CompareDocument.of(compared))
    if form == "markdown":
        from mlcli.evaluation.compared_markdown import render_compared

        return render_compared(compared)
    from io import StringIO

    from rich.console import Console

    text = StringIO()
    console = Console(file=text, width=PIPED_WIDTH, highlight=False, no_color=True)
    for part in _parts(compared):
        console.print(part)
    return text.getvalue()


def _parts(compared: Compared) -> Iterator[Any]:
    """Yield everything that people are shown of a comparison."""
    from rich.markup import escape

    yield _sides(compared)
    yield f"[dim]compared on {escape(compared.rows)}[/]"
    for caution in compared.cautions:
        yield f"[bold yellow]beware: {escape(caution)}[/]"
    yield ""
    yield comparison_table(compared.comparison)
    yield ""
    yield from comparison_closing(compared.comparison)
    yield ""
    if compared.config:
        yield _config_table(compared)
        yield ""
    for sentence in schema_sentences(compared.schema):
        yield escape(sentence)
    if not compared.config and compared.schema.empty:
        yield "[dim]The configs and the columns are the same.[/]"
    yield escape(changes_sentence(compared.changes, compared.comparison.n_rows))
    if compared.changes.rows:
        yield _changed_table(compared.changes)


def beside_rival(compared: Compared) -> list[Any]:
    """Return what an evaluation says of the model, B, beside the one that it must keep up with, A."""
    from rich.markup import escape

    return [
        "",
        f"[bold]A is {escape(compared.a.path)} ({compared.a.model}), B this model[/], on {escape(compared.rows)}",
        *(f"[bold yellow]beware: {escape(caution)}[/]" for caution in compared.cautions),
        "",
        comparison_table(compared.comparison),
        "",
        *comparison_closing(compared.comparison),
    ]


def _sides(compared: Compared) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    for _ in range(3):
        table.add_column(overflow="fold")
    for letter, side in (("A", compared.a), ("B", compared.b)):
        table.add_row(
            letter,
            f"[bold]{escape(side.path)}[/]",
            f"{side.model}, {side.n_train:,} training rows",
            f"[dim]digest {side.digest[:12]}, trained {side.created[:16].replace('T', ' ')}[/]",
        )
    return table


def comparison_table(comparison: Comparison) -> Table:
    """Return the metrics of both models, with the difference, its interval and what it says."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for header in ("A", "B", "B ahead by", f"{100 * comparison.confidence:.4g} % interval"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("B is", no_wrap=True)
    for result in comparison.shown_metrics:
        title = METRICS[result.name].title
        table.add_row(
            f"[bold]{title}[/]" if result.name == comparison.main else title,
            format_number(result.a),
            format_number(result.b),
            format_number(result.difference),
            "–"
            if result.low is None or result.high is None
            else f"{format_number(result.low)} to {format_number(result.high)}",
            f"[{OUTCOME_STYLES[result.outcome]}]{result.outcome}[/]"
            if result.outcome != "no evidence"
            else "[dim]no evidence[/]",
        )
    return table


def comparison_closing(comparison: Comparison) -> list[str]:
    """Return the notes and, last, the verdict."""
    from rich.markup import escape

    return [
        *(
            f"[dim]{escape(note)}[/]"
            for note in [*metric_notes(comparison), *([comparison.note] if comparison.note else [])]
        ),
        f"[{OUTCOME_STYLES[comparison.outcome]}]{escape(comparison.message)}[/]",
    ]


def _config_table(compared: Compared) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("config", "A", "B"):
        table.add_column(header, overflow="fold")
    for change in compared.config:
        table.add_row(escape(change.key), escape(setting(change.old)), escape(setting(change.new)))
    return table


def _changed_table(changes: Changes) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("row", justify="right")
    names = list(changes.rows[0].id)
    for name in names:
        table.add_column(escape(name), overflow="fold")
    of_classes = changes.corrected is not None
    for header in ("A", "B", "truth"):
        table.add_column(header, justify="left" if of_classes else "right", overflow="fold")
    for row in changes.rows:
        table.add_row(
            str(row.row),
            *(escape(row.id.get(name, "")) for name in names),
            escape(shown_number(row.a, row.probability_a)),
            escape(shown_number(row.b, row.probability_b)),
            escape(shown_number(row.truth)),
        )
    return table
