"""Charts of the columns: what the model leans on, and how the prediction moves with it."""

from __future__ import annotations

from mlcli.data.schema import Schema
from mlcli.evaluation.dependence import Dependence
from mlcli.evaluation.importance import ColumnImportance, Importance
from mlcli.evaluation.markdown import interval_text
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.report.axes import Axis, Tick, number_axis, unit_axis
from mlcli.evaluation.report.chart import Chart, figure, legend, room_for
from mlcli.evaluation.report.figures_classes import label_text
from mlcli.evaluation.report.markup import Markup, isolated, name, shorten, table
from mlcli.evaluation.report.section import in_sentence
from mlcli.registry import METRICS

_MOST_BARS = 20
_MOST_LINES = 200
_BAR = 20.0
_DEPENDENCE_HEIGHT = 230


def importance_figure(found: Importance, *, confidence: str) -> Markup:
    """Draw how much worse the metric gets when a column is shuffled, the most important first."""
    metric = METRICS[found.metric]
    shown = [one for one in found.columns if one.value is not None][:_MOST_BARS]
    if not shown:
        return figure("Permutation importance", Markup(""), about="Not defined on these rows.")
    ends = [end for one in shown for end in (one.low, one.high, one.value) if end is not None]
    title = in_sentence(metric.title)
    verb = "falls" if metric.greater_is_better else "rises"
    x = number_axis(f"by how much {title} {verb}", min(*ends, 0), max(*ends, 0), count=4, pad=0.02)
    n_bars = len(shown)
    ticks = tuple(Tick(n_bars - at - 0.5, one.name) for at, one in enumerate(shown))
    chart = Chart(
        x,
        Axis("", 0, n_bars, ticks),
        height=_BAR * n_bars + 54,
        left=room_for([one.name for one in shown], most=176),
        grid="x",
        top=8,
    )
    for tick, one in zip(ticks, shown, strict=True):
        chart.box((0, one.value or 0.0), (tick.value - 0.32, tick.value + 0.32), title=_said(one))
        if one.low is not None and one.high is not None:
            chart.level_whiskers([tick.value], [one.low], [one.high])
    chart.rule((0, 0), (0, n_bars))
    more = len(found.columns) - n_bars
    rest = f" {more} columns that matter less stand in the numbers." if more > 0 else ""
    return figure(
        "Permutation importance",
        chart.svg(f"How much {title} gets worse when a column is shuffled; most important: {shown[0].name}."),
        about=f"Each column is shuffled {found.repeats} times among {found.n_rows:,} held-out rows; the bar says how "
        f"much {title} {verb}, the whisker is its {confidence} interval.{rest}",
        numbers=_importance_table(found, confidence=confidence),
    )


def _said(one: ColumnImportance) -> str:
    return f"{one.name}: {format_number(one.value)} ({format_number(one.low)} to {format_number(one.high)})"


def _importance_table(found: Importance, *, confidence: str) -> Markup:
    rows = [
        (
            name(one.name),
            format_number(one.value),
            interval_text(one.low, one.high),
        )
        for one in found.columns[:_MOST_LINES]
    ]
    return table(("column", "importance", f"{confidence} interval"), rows, caption="Permutation importance")


def dependence_figure(found: Dependence, *, schema: Schema) -> Markup:
    """Draw how the mean prediction moves with one column."""
    several = len(found.lines) > 1
    y = _prediction_axis(found, schema)
    chart = _levels(found, y) if found.scale == "level" else _curve(found, y)
    described = f"Mean prediction along {found.column}, of {found.n_rows:,} rows."
    labels = [label_text(line.label) for line in found.lines if line.label is not None]
    key = legend(labels, shapes=found.scale == "level") if several else None
    return figure(name(shorten(found.column, 80)), chart.svg(described), key=key, numbers=_numbers(found))


def _prediction_axis(found: Dependence, schema: Schema) -> Axis:
    if schema.target.task == "regression":
        unit = isolated(shorten(schema.target.name, 28))
        ends = [end for line in found.lines for end in (*line.low, *line.high)]
        return number_axis(f"predicted {unit}", min(ends), max(ends), count=4, pad=0.04)
    if len(found.lines) > 1:
        return unit_axis("probability of the class")
    label = found.lines[0].label if found.lines else ""
    return unit_axis(f"probability of {isolated(shorten(label_text(label or ''), 28))}")


def _curve(found: Dependence, y: Axis) -> Chart:
    unit = shorten(found.column, 40)
    if found.scale == "number":
        x = number_axis(isolated(unit), found.points[0], found.points[-1])
    else:
        x = Axis(isolated(unit), found.points[0], found.points[-1], _date_ticks(found))
    chart = Chart(x, y, height=_DEPENDENCE_HEIGHT, left=60)
    if len(found.lines) == 1:
        chart.band(found.points, found.lines[0].low, found.lines[0].high)
    for series, line in enumerate(found.lines):
        chart.line(found.points, line.mean, series=series)
        chart.dots(found.points, line.mean, series=series, class_="dots mid")
    return chart


def _date_ticks(found: Dependence) -> tuple[Tick, ...]:
    """Name the ends and the middle: more dates would run into each other."""
    last = len(found.points) - 1
    return tuple(Tick(found.points[at], found.names[at]) for at in sorted({0, last // 2, last}))


def _levels(found: Dependence, y: Axis) -> Chart:
    """Draw levels below each other, so that their names have room."""
    n_levels = len(found.points)
    ticks = tuple(Tick(n_levels - at - 0.5, level) for at, level in enumerate(found.names))
    chart = Chart(
        y,
        Axis("", 0, n_levels, ticks),
        height=22.0 * n_levels + 54,
        left=room_for(found.names, most=150),
        grid="x",
        top=8,
    )
    for at, tick in enumerate(ticks):
        if len(found.lines) == 1:
            chart.level_whiskers([tick.value], [found.lines[0].low[at]], [found.lines[0].high[at]])
        for series, line in enumerate(found.lines):
            chart.shapes([line.mean[at]], [tick.value], series=series)
    return chart


def _numbers(found: Dependence) -> Markup:
    if len(found.lines) == 1:
        line = found.lines[0]
        rows = [
            (name(point), *map(format_number, (mean, low, high)))
            for point, mean, low, high in zip(found.names, line.mean, line.low, line.high, strict=True)
        ]
        return table((name(found.column), "mean prediction", "10 %", "90 %"), rows, caption=found.column)
    heads = [name(label_text(line.label)) for line in found.lines if line.label is not None]
    several = [
        (name(point), *(format_number(line.mean[at]) for line in found.lines)) for at, point in enumerate(found.names)
    ]
    return table((name(found.column), *heads), several, caption=found.column)
