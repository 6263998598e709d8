"""How an evaluation is shown and written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.cli.shortfall import ShortfallError
from mlcli.cli.terminal import PIPED_WIDTH, json_text, say, show, show_json, stdout_console
from mlcli.errors import GateError
from mlcli.evaluation.numerals import format_number
from mlcli.registry import METRICS, metric_names

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from mlcli.artifact.manifest import Manifest
    from mlcli.cli.documents.judged import EvaluateDocument
    from mlcli.data.drift import DriftReport
    from mlcli.evaluation.compared import Compared
    from mlcli.evaluation.decision import Decision
    from mlcli.evaluation.folds import FoldSummary
    from mlcli.evaluation.gates import GateVerdict
    from mlcli.evaluation.results import Estimate, Evaluation

FORM_OF = {".json": "json", ".md": "markdown", ".markdown": "markdown", ".xml": "junit"}
"""Form of an evaluation file by the ending of its name; any other is the table."""

OF_POSITIVE = frozenset({"precision", "recall", "f1"})
"""Metrics about the positive class."""

MACRO = frozenset({"precision_macro", "recall_macro", "f1_macro"})
"""Means over the classes; of two classes they add little to those about the positive one."""

_NEXT = "Try another model; mlcli models lists them."

OUTCOME_STYLES = {"better": "green", "no evidence": "bold yellow", "worse": "bold red"}


@dataclass(frozen=True)
class Judged:
    """An evaluation with what it is about.

    Parameters
    ----------
    evaluation : Evaluation
        The scores.
    verdicts : sequence of GateVerdict
        What the gates say.
    manifest : Manifest
        Whose scores they are.
    data : str, optional
        The rows judged on, as the user named them; the hold-out when left out.
    compared : Compared, optional
        What sets it apart from the model that it must keep up with.
    decision : Decision, optional
        The model's calibration and threshold, where it has any.
    drift : DriftReport, optional
        How those rows differ from training.
    """

    evaluation: Evaluation
    verdicts: Sequence[GateVerdict]
    manifest: Manifest
    data: str | None = None
    compared: Compared | None = None
    decision: Decision | None = None
    drift: DriftReport | None = None

    @property
    def title(self) -> str:
        """The model and the rows in a line."""
        where = f"of {self.data}" if self.data else "held out"
        return f"{self.manifest.name}: {self.manifest.model} on {self.evaluation.n_rows:,} rows {where}"

    def document(self) -> EvaluateDocument:
        """Return what ``--json`` prints; ``compared`` and ``drift`` only where there is something to tell."""
        from mlcli.cli.documents.document import given
        from mlcli.cli.documents.judged import EvaluateDocument

        return EvaluateDocument(
            name=self.manifest.name,
            model=self.manifest.model,
            digest=self.manifest.digest,
            decision=self.decision,
            evaluation=self.evaluation,
            gates=tuple(self.verdicts),
            compared=given(self.compared),
            drift=given(self.drift),
        )


def write_evaluation(judged: Judged, *, form: str | None, as_json: bool, output: Path | None, quiet: bool) -> None:
    """Write an evaluation to stdout or to a file.

    Parameters
    ----------
    judged : Judged
        What to write.
    form : str, optional
        table, json, markdown, junit or github; by the name of `output` when left out.
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
    if form == "github":
        from mlcli.cli.github import write_for_github

        write_for_github(judged, _as_text(judged, "markdown"), output=output, as_json=as_json, quiet=quiet)
        return
    if output is not None:
        from mlcli.atomic import write_file

        write_file(output, _as_text(judged, form or FORM_OF.get(output.suffix.lower(), "table")))
        if not quiet:
            say(f"wrote {output}")
    if as_json or (output is None and form == "json"):
        show_json(judged.document())
    elif output is None and form in {"markdown", "junit"}:
        sys.stdout.write(_as_text(judged, form))
    elif output is None:
        show(*_parts(judged, stdout_console()))


def say_gates(verdicts: Sequence[GateVerdict], *, quiet: bool) -> None:
    """Say on stderr which gates were passed, and refuse the model when one was not.

    Raises
    ------
    ShortfallError
        If a gate was missed; the message says by how much.
    """
    if not quiet:
        for verdict in verdicts:
            if verdict.passed:
                say(f"gate: {verdict.message}")
    missed = [f"{verdict.message}." for verdict in verdicts if not verdict.passed]
    if missed:
        behind = next((verdict.against for verdict in verdicts if verdict.against and not verdict.passed), None)
        hint = f"See where they differ: mlcli compare {behind} RUN" if behind else _NEXT
        raise ShortfallError(GateError("\n".join(missed), hint=hint))


def show_scores(judged: Judged) -> None:
    """Show what fits a screen after a training: the metrics beside the dummy's and the verdict."""
    from rich.markup import escape

    evaluation = judged.evaluation
    left_out = MACRO if evaluation.positive is not None and _shows_all(evaluation) else frozenset()
    console = stdout_console()
    show(
        f"[bold]{escape(judged.title)}[/]",
        _metric_table(evaluation, left_out=left_out),
        *_decision(judged.decision),
        *_closing(evaluation),
    )
    if evaluation.confusion is not None and console.is_terminal:
        show("[dim]each class, the confusion matrix and more: mlcli evaluate[/]")


def _shows_all(evaluation: Evaluation) -> bool:
    return set(evaluation.shown) == set(metric_names(evaluation.task))


def _as_text(judged: Judged, form: str) -> str:
    if form == "json":
        return json_text(judged.document())
    if form == "markdown":
        from mlcli.evaluation.markdown import render_markdown

        return render_markdown(
            judged.evaluation,
            title=judged.title,
            gates=judged.verdicts,
            compared=judged.compared,
            decision=judged.decision,
        )
    if form == "junit":
        from mlcli.evaluation.junit import render_junit

        return render_junit(judged.evaluation, title=judged.title, name=judged.manifest.name, gates=judged.verdicts)
    from io import StringIO

    from rich.console import Console

    text = StringIO()
    console = Console(file=text, width=PIPED_WIDTH, highlight=False, no_color=True)
    for part in _parts(judged, console):
        console.print(part)
    return text.getvalue()


def _parts(judged: Judged, console: Console) -> list[Any]:
    """Return everything that people are shown of an evaluation."""
    from rich.markup import escape

    evaluation = judged.evaluation
    parts: list[Any] = [f"[bold]{escape(judged.title)}[/]", "", _metric_table(evaluation), ""]
    if evaluation.per_class:
        parts += [_class_table(evaluation), ""]
    if evaluation.confusion is not None:
        confusion = _confusion_table(evaluation)
        n_classes = len(evaluation.confusion.labels)
        # Measured on a screen that any table fits: on its own a table never asks for more than there is.
        if console.measure(confusion, options=console.options.update_width(10_000)).maximum > console.width:
            confusion = (
                f"[dim]The confusion matrix of {n_classes} classes is wider than this screen: --json holds it.[/]"
            )
        parts += [confusion, ""]
    parts += _decision(judged.decision)
    parts += [f"[dim]{escape(note)}[/]" for note in (judged.decision.notes if judged.decision else ())]
    parts += _closing(evaluation)
    if judged.compared is not None:
        from mlcli.cli.compared_text import beside_rival

        parts += beside_rival(judged.compared)
    return parts


def _decision(decision: Decision | None) -> list[str]:
    """Return a line each for calibration and threshold."""
    from rich.markup import escape

    return [] if decision is None else [escape(message) for message in decision.messages]


def _closing(evaluation: Evaluation) -> list[str]:
    """Return the notes and, last, the verdict."""
    from rich.markup import escape

    notes = [f"{METRICS[result.name].title}: {result.note}" for result in evaluation.shown_metrics if result.note]
    verdict = evaluation.verdict
    return [
        *(f"[dim]{escape(note)}[/]" for note in [*notes, *([evaluation.note] if evaluation.note else [])]),
        f"[{OUTCOME_STYLES[verdict.outcome]}]{escape(verdict.message)}[/]",
        *map(escape, verdict.remarks),
    ]


def _metric_table(evaluation: Evaluation, *, left_out: frozenset[str] = frozenset()) -> Table:
    """Return the metrics with their intervals and the dummy's values."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for header in ("value", f"{100 * evaluation.confidence:.4g} % interval", "dummy"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("")
    for result in evaluation.shown_metrics:
        if result.name in left_out:
            continue
        entry = METRICS[result.name]
        of_class = evaluation.positive is not None and result.name in OF_POSITIVE
        table.add_row(
            f"{entry.title} of {escape(_label(evaluation.positive))}" if of_class else entry.title,
            f"[bold]{format_number(result.value)}[/]",
            _interval(result.low, result.high),
            format_number(result.dummy),
            "" if entry.greater_is_better else "[dim]less is better[/]",
        )
    return table


def _class_table(evaluation: Evaluation) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("class", box=None, pad_edge=False, header_style="bold")
    for header in ("rows", "precision", "recall", "F1"):
        table.add_column(header, justify="right", no_wrap=True)
    for result in evaluation.per_class:
        table.add_row(
            escape(_label(result.label)),
            f"{result.n_rows:,}",
            *map(_estimate, (result.precision, result.recall, result.f1)),
        )
    return table


def _confusion_table(evaluation: Evaluation) -> Any:
    from rich.markup import escape
    from rich.table import Table

    assert evaluation.confusion is not None, "asked for classification only"
    labels = [escape(_label(label)) for label in evaluation.confusion.labels]
    table = Table("true \\ predicted", box=None, pad_edge=False, header_style="bold")
    for label in labels:
        table.add_column(label, justify="right")
    for row, (label, counts) in enumerate(zip(labels, evaluation.confusion.counts, strict=True)):
        table.add_row(label, *(f"[bold]{n:,}[/]" if column == row else f"{n:,}" for column, n in enumerate(counts)))
    return table


def show_folds(summaries: Sequence[FoldSummary], *, plain: bool = False) -> None:
    """Show mean and spread of each metric over the folds of a cross-validation.

    Parameters
    ----------
    summaries : sequence of FoldSummary
        Nothing is shown where there are none.
    plain : bool, default=False
        Say that the folds' models had no calibration and no threshold.
    """
    if not summaries:
        return
    from rich.table import Table

    title = "cross-validation, without calibration and threshold" if plain else "cross-validation"
    table = Table(title, box=None, pad_edge=False, header_style="bold")
    for header in ("mean", "deviation", "folds"):
        table.add_column(header, justify="right")
    for summary in summaries:
        table.add_row(
            METRICS[summary.name].title,
            format_number(summary.mean),
            format_number(summary.standard_deviation),
            str(len(summary.values)),
        )
    show("", table)


def _label(label: object) -> str:
    """Return a class as data files write it."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _estimate(estimate: Estimate) -> str:
    """Return a number with its interval, short enough for three beside each other in 80 columns."""
    if estimate.low is None or estimate.high is None:
        return format_number(estimate.value, digits=3)
    low, high = (format_number(end, digits=3) for end in (estimate.low, estimate.high))
    return f"{format_number(estimate.value, digits=3)} [dim]({low}-{high})[/]"


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{format_number(low)} to {format_number(high)}"
