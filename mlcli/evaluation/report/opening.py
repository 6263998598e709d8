"""The opening of a report: the verdict, what was asked, the data, the models that were tried."""

from __future__ import annotations

from mlcli.data.schema import Column, Schema
from mlcli.evaluation.leaderboard import Leaderboard
from mlcli.evaluation.markdown import interval_text
from mlcli.evaluation.numerals import format_number, format_value
from mlcli.evaluation.report.content import Content
from mlcli.evaluation.report.figures_classes import label_text
from mlcli.evaluation.report.markup import Markup, details, el, join, name, note, paragraph, shorten, table
from mlcli.evaluation.report.section import Section, milliseconds
from mlcli.evaluation.results import MetricResult
from mlcli.registry import METRICS

_FIRST = ("roc_auc", "rmse", "accuracy", "r2", "f1", "mae", "log_loss", "median_error", "average_precision")
"""Metrics of the opening, the first four that are shown."""

_MOST_COLUMNS = 200
_MOST_LEVELS = 4
_LONGEST = 40
_MOST_FINDINGS = 60


def verdict_section(content: Content) -> Section:
    """Say whether the model is any good, and what matters most."""
    verdict = content.evaluation.verdict
    opening, _, numbers = verdict.message.partition(": ")
    numbers = METRICS[verdict.metric].title + numbers.removeprefix(verdict.metric)
    mark = {"better": "good", "no evidence": "unsure", "worse": "bad"}[verdict.outcome]
    banner = el(
        "div",
        paragraph(el("strong", _sentence(opening) + "."), " ", _sentence(numbers) + "."),
        (paragraph(_sentence(remark) + ".") for remark in verdict.remarks),
        class_=f"verdict {mark}",
    )
    shown = {result.name: result for result in content.evaluation.shown_metrics}
    chosen = [shown[one] for one in _FIRST if one in shown and shown[one].value is not None][:4]
    tiles = el("div", (_tile(result, content) for result in chosen), class_="tiles")
    return Section("verdict", "At a glance", join([banner, tiles, _points(content)]))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def metric_title(result: MetricResult, content: Content) -> Markup:
    """Return what a metric is called; those of the positive class say of which."""
    title = METRICS[result.name].title if result.name in METRICS else result.name
    positive = content.evaluation.positive
    if positive is not None and result.name in {"precision", "recall", "f1"}:
        return join([title, " of ", name(shorten(label_text(positive), _LONGEST))])
    return join([title])


def _tile(result: MetricResult, content: Content) -> Markup:
    return el(
        "div",
        el("span", metric_title(result, content), class_="what"),
        el("b", format_number(result.value)),
        el("span", interval_text(result.low, result.high)),
        el("span", "dummy ", format_number(result.dummy), class_="dim"),
        class_="tile",
    )


def _points(content: Content) -> Markup:
    """Say in a few sentences what the rest of the report shows."""
    points: list[Markup] = []
    leading = [one for one in content.importance.columns if one.low is not None and one.low > 0][:3]
    if leading:
        names = [name(shorten(one.name, _LONGEST)) for one in leading]
        points.append(join(["It leans most on ", *_listed(names), "."]))
    else:
        points.append(join(["No single column is clearly needed: ", el("a", "importance", href="#columns"), "."]))
    worse = [one for one in content.slices.slices if one.worse]
    if worse:
        count = f"{len(worse)} parts of the rows" if len(worse) > 1 else "One part of the rows"
        points.append(
            join(
                [
                    f"{count} {'are' if len(worse) > 1 else 'is'} predicted worse than the rest: ",
                    el("a", "slices", href="#slices"),
                    ".",
                ]
            )
        )
    n_loud = sum(finding.severity != "note" for finding in content.findings)
    if n_loud:
        points.append(
            join(
                [
                    f"{n_loud} {'findings' if n_loud > 1 else 'finding'} about the data may flatter or mislead: ",
                    el("a", "findings", href="#data"),
                    ".",
                ]
            )
        )
    points.append(join([f"One row takes {milliseconds(content.latency.row)} ({content.origin.proof})."]))
    return el("ul", (el("li", point) for point in points), class_="points")


def _listed(names: list[Markup]) -> list[Markup | str]:
    parts: list[Markup | str] = []
    for at, one in enumerate(names):
        parts += [one] if at == 0 else [" and " if at == len(names) - 1 else ", ", one]
    return parts


def asked_section(content: Content) -> Section:
    """Show what the config asked for."""
    pairs = join(join([el("dt", one.what), el("dd", name(one.answer))]) for one in content.asked)
    config = details("The whole config, every default written out", el("pre", content.origin.config_text))
    return Section("asked", "What was asked", join([el("dl", pairs), config]))


def data_section(content: Content) -> Section:
    """Show the rows, the findings and the columns."""
    schema = content.schema
    rows = paragraph(f"{content.n_train:,} rows to learn from, {content.n_test:,} held out. Split: {content.split}.")
    parts = [rows, el("h3", "Findings"), _findings(content), el("h3", "Target"), _target(schema, content)]
    return Section("data", "The data", join([*parts, el("h3", "Columns"), _columns(schema)]))


def _findings(content: Content) -> Markup:
    if not content.findings:
        return paragraph("Nothing about the data looks wrong.")
    order = {"error": 0, "warning": 1, "note": 2}
    ranked = sorted(content.findings, key=lambda finding: order[finding.severity])
    items = (
        el(
            "li",
            el("span", finding.severity, class_=f"badge {finding.severity}"),
            " ",
            el("code", finding.code),
            " ",
            name(finding.message),
            el("span", " → ", name(finding.advice), class_="dim"),
        )
        for finding in ranked[:_MOST_FINDINGS]
    )
    more = len(ranked) - _MOST_FINDINGS
    return join([el("ul", items, class_="findings"), note(f"and {more} more.") if more > 0 else None])


def _target(schema: Schema, content: Content) -> Markup:
    target = schema.target
    about = paragraph(name(target.name), f": {target.reason}.")
    if target.classes is None or target.counts is None:
        if target.number is None:
            return about
        spread = target.number
        middle = spread.quantiles[len(spread.quantiles) // 2]
        return join(
            [
                about,
                paragraph(
                    f"Training values from {format_value(spread.minimum)} to {format_value(spread.maximum)}, "
                    f"median {format_value(middle)}."
                ),
            ]
        )
    total = sum(target.counts)
    held_out = {found.label: found.n_rows for found in content.evaluation.per_class}
    rows = [
        (name(label_text(label)), count, f"{100 * count / total:.1f} %", held_out.get(label, 0))
        for label, count in list(zip(target.classes, target.counts, strict=True))[:_MOST_COLUMNS]
    ]
    return join(
        [about, table(("class", "training rows", "share", "rows judged"), rows, caption="Classes of the target")]
    )


def _columns(schema: Schema) -> Markup:
    rows = [
        (
            name(column.name),
            column.kind,
            name(_range(column)),
            column.n_missing or "",
            column.n_distinct,
        )
        for column in schema.columns[:_MOST_COLUMNS]
    ]
    more = len(schema.columns) - _MOST_COLUMNS
    parts = [
        table(("column", "kind", "in training", "missing", "distinct"), rows, caption="Columns", text_columns=3),
        note(f"and {more:,} more columns.") if more > 0 else None,
    ]
    if schema.ignored:
        ignored = [(name(one.name), name(one.reason)) for one in schema.ignored[:_MOST_COLUMNS]]
        parts.append(
            details(
                f"{len(schema.ignored)} columns that the model does not see",
                table(("column", "why"), ignored, caption="Columns left out", text_columns=2),
            )
        )
    return join(parts)


def _range(column: Column) -> str:
    """Say what training saw of a column, in a line."""
    if column.number is not None:
        middle = column.number.quantiles[len(column.number.quantiles) // 2]
        ends = (column.number.minimum, middle, column.number.maximum)
        return "least {}, median {}, most {}".format(*map(format_value, ends))
    if column.date is not None:
        return f"{column.date.minimum} to {column.date.maximum}"
    if column.text is not None:
        return f"texts, median length {format_value(column.text.median)}, longest {format_value(column.text.maximum)}"
    if column.categories is not None:
        levels = [
            f"{shorten(level, _LONGEST)} ({count:,})" for level, count in list(column.categories.items())[:_MOST_LEVELS]
        ]
        more = len(column.categories) - _MOST_LEVELS
        return ", ".join(levels) + (f" and {more:,} more" if more > 0 else "")
    return ""


def leaderboard_section(board: Leaderboard, *, confidence: str) -> Section:
    """Show the models that were tried."""
    metric = METRICS[board.metric].title if board.metric in METRICS else board.metric
    better = "more" if board.greater_is_better else "less"
    rows = [
        (
            name(one.name),
            format_number(one.value),
            interval_text(one.low, one.high),
            f"{one.weight:.2f}" if one.weight else "–",
            f"{one.fit_seconds:.1f} s" if one.fit_seconds else "–",
            milliseconds(one.row_seconds),
            milliseconds(one.thousand_seconds),
        )
        for one in board.candidates
    ]
    notes = [el("li", name(one.name), f": {one.note}") for one in board.candidates if one.note]
    head = ("model", metric, f"{confidence} interval", "weight", "fits", "one row", "1,000 rows")
    return Section(
        "leaderboard",
        "Models tried",
        join(
            [
                paragraph(f"Judged by {metric} on {board.judged_on}; {better} is better."),
                table(head, rows, caption="Models tried"),
                el("ul", notes, class_="notes") if notes else None,
                note(board.note) if board.note else None,
            ]
        ),
    )
