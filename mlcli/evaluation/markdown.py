"""An evaluation as Markdown, for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlcli.evaluation.compared import Compared
from mlcli.evaluation.comparison import Comparison
from mlcli.evaluation.decision import Decision
from mlcli.evaluation.gates import GateVerdict
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.results import ConfusionMatrix, Estimate, Evaluation
from mlcli.registry import METRICS

_MARKS = {"better": "🟢 better", "no evidence": "⚪ no evidence", "worse": "🔴 worse"}

_MOST_CLASSES = 20
"""A wider confusion matrix cannot be read in a pull request."""


def render_markdown(
    evaluation: Evaluation,
    *,
    title: str,
    gates: Sequence[GateVerdict] = (),
    compared: Compared | None = None,
    decision: Decision | None = None,
) -> str:
    """Write an evaluation as GitHub-flavoured Markdown.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    title : str
        Heading, such as the run's name.
    gates : sequence of GateVerdict
        What `judge_gates` found, if there were gates.
    compared : Compared, optional
        What sets the model apart from the one that it must keep up with.
    decision : Decision, optional
        The model's calibration and threshold, where it has any.

    Returns
    -------
    str
        The document, ending in a newline.
    """
    parts = [f"## {plain_text(title)}", _verdict(evaluation)]
    if gates:
        parts.append(_gates(gates))
    parts.append(_metrics(evaluation))
    if decision is not None:
        parts.append("\n".join(f"- {plain_text(line)}" for line in (*decision.messages, *decision.notes)))
    if compared is not None:
        parts += ["### Against another model", *_beside(compared)]
    if evaluation.per_class:
        parts += ["### Classes", _classes(evaluation)]
    if evaluation.confusion is not None:
        parts += ["### Confusion matrix", _confusion(evaluation.confusion)]
    parts.append(_footnote(evaluation))
    return "\n\n".join(parts) + "\n"


def plain_text(value: object) -> str:
    """Write text that no Markdown or HTML reader takes for anything else."""
    text = " ".join(str(value).split())
    for character in "\\`*_[]|#":
        text = text.replace(character, f"\\{character}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def lay_table(header: Sequence[str], lines: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """Lay out a table whose first columns are text and whose others are numbers."""
    rule = ["---" if column < text_columns else "---:" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *lines))


def interval_text(low: float | None, high: float | None) -> str:
    """Write an interval, or a dash where there is none."""
    return "–" if low is None or high is None else f"{format_number(low)} to {format_number(high)}"


def _verdict(evaluation: Evaluation) -> str:
    verdict = evaluation.verdict
    opening, colon, numbers = verdict.message.partition(":")
    sentences = [f"**{_sentence(opening)}**{colon} {plain_text(numbers)}"]
    return ". ".join([*sentences, *(_sentence(remark) for remark in verdict.remarks)]) + "."


def _sentence(text: str) -> str:
    return plain_text(text[0].upper() + text[1:])


def _gates(gates: Sequence[GateVerdict]) -> str:
    lines = [
        (
            "passed" if gate.passed else "**missed**",
            plain_text(gate.rule),
            plain_text(gate.message),
        )
        for gate in gates
    ]
    return lay_table(("Gate", "Rule", "Judgement"), lines, text_columns=3)


def _beside(compared: Compared) -> list[str]:
    """Return the model, B, beside the one that it must keep up with, A."""
    comparison = compared.comparison
    cautions = [f"> **Beware**: {plain_text(caution)}." for caution in compared.cautions]
    opening = f"A is {plain_text(compared.a.path)}, B this model, on {plain_text(compared.rows)}."
    return [f"{opening} {_sentence(comparison.message)}.", *cautions, comparison_table(comparison)]


def comparison_table(comparison: Comparison) -> str:
    """Return the metrics of two models as a table, with the difference and what its interval says."""
    lines = [
        (
            f"{METRICS[result.name].title} {'↑' if result.greater_is_better else '↓'}",
            format_number(result.a),
            format_number(result.b),
            format_number(result.difference),
            interval_text(result.low, result.high),
            _MARKS[result.outcome],
        )
        for result in comparison.shown_metrics
    ]
    interval = f"{100 * comparison.confidence:.4g} % interval"
    return lay_table(("Metric", "A", "B", "B ahead by", interval, "B is"), lines)


def _metrics(evaluation: Evaluation) -> str:
    lines, notes = [], []
    for result in evaluation.shown_metrics:
        title = METRICS[result.name].title if result.name in METRICS else plain_text(result.name)
        if result.note:
            notes.append(f"- {title}: {plain_text(result.note)}")
        lines.append(
            (
                f"{title} {'↑' if result.greater_is_better else '↓'}",
                format_number(result.value),
                interval_text(result.low, result.high),
                format_number(result.dummy),
            )
        )
    table = lay_table(("Metric", "Value", f"{100 * evaluation.confidence:.4g} % interval", "Dummy"), lines)
    return "\n".join([table, "", *notes]) if notes else table


def _classes(evaluation: Evaluation) -> str:
    def cell(estimate: Estimate) -> str:
        if estimate.value is None or estimate.low is None:
            return format_number(estimate.value)
        return f"{format_number(estimate.value)} ({interval_text(estimate.low, estimate.high)})"

    lines = [
        (plain_text(found.label), f"{found.n_rows:,}", cell(found.precision), cell(found.recall), cell(found.f1))
        for found in evaluation.per_class
    ]
    return lay_table(("Class", "Rows", "Precision", "Recall", "F1"), lines)


def _confusion(matrix: ConfusionMatrix) -> str:
    if len(matrix.labels) > _MOST_CLASSES:
        return _confusions(matrix)
    header = ["true \\ predicted", *(plain_text(label) for label in matrix.labels)]
    lines = [
        [plain_text(label), *(f"{count:,}" for count in counts)]
        for label, counts in zip(matrix.labels, matrix.counts, strict=True)
    ]
    return lay_table(header, lines)


def _confusions(matrix: ConfusionMatrix) -> str:
    """List the pairs confused most often, where the matrix is too wide."""
    pairs = sorted(
        (-count, i, j) for i, counts in enumerate(matrix.counts) for j, count in enumerate(counts) if count and i != j
    )[:_MOST_CLASSES]
    lines = [(plain_text(matrix.labels[i]), plain_text(matrix.labels[j]), f"{-count:,}") for count, i, j in pairs]
    opening = f"{len(matrix.labels)} classes; the pairs confused most often:"
    return f"{opening}\n\n{lay_table(('True', 'Predicted', 'Rows'), lines, text_columns=2)}"


def _footnote(evaluation: Evaluation) -> str:
    weighted = ", weighted" if evaluation.weighted else ""
    parts = [f"{evaluation.n_rows:,} rows{weighted}; intervals from {evaluation.resamples:,} bootstrap resamples."]
    if evaluation.positive is not None:
        parts.append(f"Positive class: {plain_text(evaluation.positive)}.")
    if evaluation.note:
        parts.append(_sentence(evaluation.note) + ".")
    return " ".join(parts)
