"""The scores of a report: every metric beside the dummy, classes, and the charts behind them."""

from __future__ import annotations

from mlcli.evaluation.markdown import interval_text
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.report.content import Content
from mlcli.evaluation.report.figures_classes import (
    confusion_table,
    label_text,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
    threshold_figure,
)
from mlcli.evaluation.report.figures_values import (
    histogram_figure,
    prediction_figure,
    size_figure,
    spread_figure,
)
from mlcli.evaluation.report.markup import Markup, el, join, name, note, paragraph, table
from mlcli.evaluation.report.opening import metric_title
from mlcli.evaluation.report.section import Section
from mlcli.evaluation.results import Estimate, MetricResult
from mlcli.registry import METRICS

_MOST_CLASSES = 60


def scores_section(content: Content) -> Section:
    """Show every metric with its interval beside the dummy."""
    evaluation = content.evaluation
    weighted = ", weighted" if evaluation.weighted else ""
    about = paragraph(
        f"On {evaluation.n_rows:,} rows {content.judged_on}{weighted}, which the model has not learned from. The dummy "
        "knows only how often each class occurs."
        if evaluation.task == "classification"
        else f"On {evaluation.n_rows:,} rows {content.judged_on}{weighted}, which the model has not learned from. The dummy "
        "knows only the mean."
    )
    parts = [about, _metrics(content), _footnote(content)]
    if content.folds:
        parts += [el("h3", "Cross-validation"), _folds(content)]
    if evaluation.per_class:
        parts += [el("h3", "Classes"), _classes(content)]
    if evaluation.confusion is not None:
        parts += [el("h3", "Confusion matrix"), confusion_table(evaluation.confusion)]
    return Section("scores", "How good it is", join(parts))


def _metrics(content: Content) -> Markup:
    rows = [
        (
            join(
                [
                    metric_title(result, content),
                    el("small", " less is better") if not result.greater_is_better else None,
                ]
            ),
            el("b", format_number(result.value)),
            interval_text(result.low, result.high),
            format_number(result.dummy),
            _span(result),
        )
        for result in content.evaluation.shown_metrics
    ]
    notes = [
        el("li", metric_title(result, content), f": {result.note}")
        for result in content.evaluation.shown_metrics
        if result.note
    ]
    head = ("metric", "value", f"{content.confidence} interval", "dummy", el("span", "0 to 1", class_="dim"))
    return join(
        [
            table(head, rows, caption="Metrics", class_="metrics"),
            el("ul", notes, class_="notes") if notes else None,
        ]
    )


def _span(result: MetricResult) -> Markup | None:
    """Draw the interval of a score between 0 and 1, with the dummy's as an upright line."""
    if result.name not in METRICS or METRICS[result.name].maximum != 1.0 or result.value is None:
        return None

    def at(value: float) -> float:
        return 4 + 112 * min(max(value, 0.0), 1.0)

    marks = [el("path", d="M4 9H116", class_="track")]
    if result.dummy is not None:
        marks.append(el("path", d=f"M{at(result.dummy):.1f} 3V15", class_="dummy"))
    if result.low is not None and result.high is not None:
        marks.append(el("path", d=f"M{at(result.low):.1f} 9H{at(result.high):.1f}", class_="span s0"))
    marks.append(el("path", d=f"M{at(result.value):.1f} 9h0", class_="dots big s0"))
    return el("svg", marks, viewBox="0 0 120 18", class_="spark", aria_hidden="true")


def _footnote(content: Content) -> Markup:
    evaluation = content.evaluation
    how = f" {evaluation.note[0].upper()}{evaluation.note[1:]}." if evaluation.note else ""
    return note(
        f"Intervals hold {content.confidence} of the time, from {evaluation.resamples:,} bootstrap resamples.{how} "
        "In the small charts: the interval, its value, and the dummy as an upright line."
    )


def _folds(content: Content) -> Markup:
    shown = set(content.evaluation.shown)
    rows = [
        (
            METRICS[fold.name].title if fold.name in METRICS else fold.name,
            format_number(fold.mean),
            format_number(fold.standard_deviation),
            ", ".join(format_number(value) for value in fold.values),
        )
        for fold in content.folds
        if fold.name in shown
    ]
    return join(
        [
            table(("metric", "mean", "standard deviation", "each fold"), rows, caption="Cross-validation"),
            note("The spread tells how far a score moves from fold to fold, not how sure the mean is."),
        ]
    )


def _classes(content: Content) -> Markup:
    def cell(estimate: Estimate) -> Markup:
        if estimate.value is None or estimate.low is None:
            return join([format_number(estimate.value)])
        return join([format_number(estimate.value), el("small", f" {interval_text(estimate.low, estimate.high)}")])

    found = content.evaluation.per_class
    rows = [
        (name(label_text(one.label)), one.n_rows, cell(one.precision), cell(one.recall), cell(one.f1))
        for one in found[:_MOST_CLASSES]
    ]
    more = len(found) - _MOST_CLASSES
    return join(
        [
            table(("class", "rows", "precision", "recall", "F1"), rows, caption="Classes"),
            note(f"and {more} more classes.") if more > 0 else None,
        ]
    )


def charts_section(content: Content) -> Section | None:
    """Show the charts behind the scores; None where there is nothing to draw."""
    evaluation, confidence = content.evaluation, content.confidence
    figures: list[Markup] = []
    if content.curves:
        figures += [
            roc_figure(content.curves, evaluation, confidence=confidence),
            precision_recall_figure(content.curves, evaluation, confidence=confidence),
        ]
    if content.reliability is not None:
        figures.append(reliability_figure(content.reliability, confidence=confidence))
    if content.thresholds is not None:
        figures.append(threshold_figure(content.thresholds))
    title = "Probabilities and thresholds"
    if content.residuals is not None:
        found, target = content.residuals, content.schema.target.name
        title = "Where it is off"
        figures += [
            prediction_figure(found, target=target),
            histogram_figure(found, target=target),
            spread_figure(found, target=target),
            size_figure(found, target=target, confidence=confidence),
        ]
    if not figures:
        return None
    several = len(content.schema.target.classes or ()) > len(content.curves) > 1
    return Section(
        "charts",
        title,
        join(
            [
                note(f"Curves of the {len(content.curves)} commonest classes, each against the rest.")
                if several
                else None,
                el("div", figures, class_="grid"),
            ]
        ),
    )
