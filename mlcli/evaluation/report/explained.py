"""What a report explains: columns, slices, single rows, more training rows, time."""

from __future__ import annotations

import math

from mlcli.evaluation.hardest import LONGEST_TEXT, HardRow
from mlcli.evaluation.latency import MANY
from mlcli.evaluation.learning import LearningCurve
from mlcli.evaluation.markdown import interval_text
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.report.axes import number_axis
from mlcli.evaluation.report.chart import Chart, figure, legend
from mlcli.evaluation.report.content import Content
from mlcli.evaluation.report.figures_classes import label_text
from mlcli.evaluation.report.figures_columns import dependence_figure, importance_figure
from mlcli.evaluation.report.markup import Child, details, el, join, name, note, paragraph, shorten, table
from mlcli.evaluation.report.section import Section, milliseconds
from mlcli.evaluation.slices import FEWEST_ROWS, Slice
from mlcli.registry import METRICS

_SLICES_SHOWN = 12
_COLUMNS_SHOWN = 6
_LONGEST = 60


def columns_section(content: Content) -> Section:
    """Show what the model leans on, and how the prediction moves with it."""
    parts = [
        paragraph(
            "What the model uses, not what causes the target. Columns that say the same share their importance: "
            "shuffling one of them costs little while the other is left."
        ),
        importance_figure(content.importance, confidence=content.confidence),
    ]
    figures = [dependence_figure(found, schema=content.schema) for found in content.dependence if found.lines]
    if figures:
        n_rows = content.dependence[0].n_rows
        parts += [
            el("h3", "Partial dependence"),
            paragraph(
                f"The mean prediction of {n_rows:,} rows when one column is put to each value and the others stay as "
                "they are; the band or whisker holds the middle 80 % of the rows. Where columns belong together, some "
                "of these rows cannot exist."
            ),
            el("div", figures, class_="grid"),
        ]
    return Section("columns", "What it leans on", join(parts))


def slices_section(content: Content) -> Section:
    """Show where the model is better and worse."""
    found = content.slices
    metric = METRICS[found.metric]
    n_slices = len(found.slices)
    if not n_slices:
        return Section("slices", "Where it is weak", paragraph(f"No part of the rows holds {FEWEST_ROWS} of them."))
    less = "" if metric.greater_is_better else ", less is better"
    share = 1 - content.evaluation.confidence
    none = "" if any(one.worse for one in found.slices) else "; none does here"
    expected = max(round(share * n_slices), 1)
    caution = paragraph(
        f"{metric.title} on each category and each quarter of the numbers, the worst first{less}; on all rows "
        f"{format_number(found.overall)}. Of {n_slices} slices about {expected} would look unusual by chance alone: only "
        "those marked ",
        el("span", "worse", class_="badge warning"),
        f" differ from the rest by more than that many looks explain (Holm's correction){none}.",
    )
    head = ("column", "part", "rows", metric.title, f"{content.confidence} interval")
    first = table(head, map(_slice, found.slices[:_SLICES_SHOWN]), caption="Worst slices", text_columns=2)
    rest = found.slices[_SLICES_SHOWN:]
    return Section(
        "slices",
        "Where it is weak",
        join(
            [
                caution,
                first,
                details(
                    f"The other {len(rest)} slices",
                    table(head, map(_slice, rest), caption="Other slices", text_columns=2),
                )
                if rest
                else None,
                note(f"Left out: {found.n_small:,} with fewer than {FEWEST_ROWS} rows.") if found.n_small else None,
            ]
        ),
    )


def _slice(one: Slice) -> tuple[Child, ...]:
    badge = el("span", "worse", class_="badge warning") if one.worse else None
    return (
        name(shorten(one.column, _LONGEST)),
        join([name(shorten(one.part, _LONGEST)), " " if badge else None, badge]),
        one.n_rows,
        format_number(one.value),
        interval_text(one.low, one.high),
    )


def hardest_section(content: Content) -> Section | None:
    """Show the rows with the greatest loss; None where rows are not to be shown."""
    if content.hardest is None:
        return None
    leading = [one.name for one in content.importance.columns[:_COLUMNS_SHOWN]]
    position_of = {column.name: at for at, column in enumerate(content.schema.columns)}
    chosen = [position_of[column] for column in leading]
    with_probability = any(row.probability is not None for row in content.hardest)
    head: list[Child] = [
        "row",
        *(name(shorten(one, _LONGEST)) for one in content.schema.id),
        "true",
        "predicted",
        *(["probability of the truth"] if with_probability else []),
        *(name(shorten(one, _LONGEST)) for one in leading),
    ]
    rows = [_hard_row(row, chosen, with_probability=with_probability) for row in content.hardest]
    return Section(
        "hardest",
        "The hardest rows",
        join(
            [
                paragraph(
                    "Real rows of your data, predicted worst of all: wrong labels, rare cases, or what the columns do "
                    f"not tell. The number is the row's place in the source. Cells are cut to {LONGEST_TEXT} characters; "
                    "the most important columns are shown."
                ),
                note(
                    "This page holds cells of single rows. ", el("code", "mlcli report --no-rows"), " leaves them out."
                ),
                table(head, rows, caption="Hardest rows", text_columns=len(head), class_="rows"),
            ]
        ),
    )


def _hard_row(row: HardRow, chosen: list[int], *, with_probability: bool) -> tuple[Child, ...]:
    return (
        f"{row.row}",
        *(name(text) for text in row.ids),
        name(_value(row.true)),
        name(_value(row.predicted)),
        *([f"{row.probability:.3g}" if row.probability is not None else "–"] if with_probability else []),
        *(name(row.cells[at]) for at in chosen),
    )


def _value(label: object) -> str:
    if isinstance(label, float):
        return format_number(label) if math.isfinite(label) else str(label)
    return label_text(label) if isinstance(label, bool | int | str) else str(label)


def learning_section(found: LearningCurve, *, confidence: str) -> Section:
    """Show whether more training rows would help."""
    metric = METRICS[found.metric]
    points = [point for point in found.points if point.test is not None]
    if len(points) < 2:
        return Section("learning", "Would more rows help?", paragraph("Too few training rows to tell."))
    sizes = [point.n_rows for point in points]
    test = [point.test or 0.0 for point in points]
    train = [(point.n_rows, point.train) for point in points if point.train is not None]
    ends = [end for p in points for end in (p.low, p.high, p.test, p.train) if end is not None]
    chart = Chart(
        number_axis("training rows", 0, max(sizes)), number_axis(metric.title, min(ends), max(ends), pad=0.05), left=60
    )
    lows = [point.low if point.low is not None else point.test or 0.0 for point in points]
    highs = [point.high if point.high is not None else point.test or 0.0 for point in points]
    chart.band(sizes, lows, highs)
    chart.line(sizes, test)
    chart.dots(sizes, test, class_="dots big")
    chart.line([size for size, _ in train], [value for _, value in train], series=1)
    rows = [
        (point.n_rows, format_number(point.test), interval_text(point.low, point.high), format_number(point.train))
        for point in points
    ]
    drawn = figure(
        "Learning curve",
        chart.svg(f"{metric.title} against the number of training rows."),
        about=f"The same model trained on parts of the training rows. Where the first line still "
        f"{'rises' if metric.greater_is_better else 'falls'} at its end, more rows would help. The band is a {confidence} interval.",
        key=legend(["hold-out", "training rows"]),
        numbers=table(
            ("training rows", "hold-out", f"{confidence} interval", "training rows themselves"),
            rows,
            caption="Learning curve",
            text_columns=0,
        ),
    )
    return Section("learning", "Would more rows help?", drawn)


def latency_section(content: Content) -> Section:
    """Show how long a prediction takes."""
    found = content.latency
    rows = [
        ("one row, median", milliseconds(found.row)),
        ("one row, 95 of 100 are faster than", milliseconds(found.slow_row)),
        (f"{MANY:,} rows at once", milliseconds(found.thousand)),
    ]
    return Section(
        "latency",
        "How fast it is",
        join(
            [
                paragraph(f"Measured when this report was made, on the machine that made it: {content.origin.proof}."),
                table(("rows", "time"), rows, caption="Latency", class_="narrow"),
            ]
        ),
    )


def made_section(content: Content) -> Section:
    """Show how the model and the report were made."""
    origin = content.origin
    pairs: list[tuple[str, Child]] = [
        ("Trained", f"{origin.created}, by mlcli {origin.mlcli_version}"),
        ("Served by", origin.proof),
        ("Artifact", el("code", origin.artifact)),
        ("Digest", el("code", origin.digest)),
        ("Config digest", el("code", origin.config_digest)),
        ("Data fingerprint", el("code", origin.data_fingerprint)),
        ("Seeds", ", ".join(f"{key} {seed}" for key, seed in origin.seeds.items())),
        ("Versions", ", ".join(f"{library} {version}" for library, version in origin.versions.items())),
        ("This report", join([f"{origin.reported}, by ", el("code", origin.command)])),
    ]
    about = note(
        "The same config, data and versions give the same model, digest and numbers; only times of day and the "
        "latency differ."
    )
    return Section(
        "made", "How it was made", join([el("dl", (join([el("dt", a), el("dd", b)]) for a, b in pairs)), about])
    )
