"""Charts of a regression: predictions, residuals, and error by size."""

from __future__ import annotations

from mlcli.evaluation.markdown import interval_text
from mlcli.evaluation.numerals import format_number, format_value
from mlcli.evaluation.report.axes import number_axis
from mlcli.evaluation.report.chart import Chart, figure
from mlcli.evaluation.report.markup import Markup, isolated, shorten, table
from mlcli.evaluation.residuals import Residuals, SizeBin

_LONGEST = 28


def prediction_figure(found: Residuals, *, target: str) -> Markup:
    """Draw the prediction against the truth."""
    unit = isolated(shorten(target, _LONGEST))
    everything = (*found.true, *found.predicted)
    low, high = min(everything), max(everything)
    x = number_axis(f"true {unit}", low, high, pad=0.02)
    chart = Chart(x, number_axis(f"predicted {unit}", low, high, pad=0.02), height=320, left=60)
    chart.rule((x.low, x.low), (x.high, x.high))
    chart.dots(found.true, found.predicted)
    drawn = _drawn(found)
    rows = [(_between(one), format_number(one.predicted), f"{one.n_rows:,}") for one in found.by_size]
    return figure(
        "Prediction against truth",
        chart.svg(f"Predicted against true {target}, {drawn}."),
        about=f"On the dashed diagonal every prediction would be right. {drawn.capitalize()}.",
        numbers=table(
            (f"true {shorten(target, _LONGEST)}", "mean prediction", "rows"), rows, caption="Prediction against truth"
        ),
    )


def _between(one: SizeBin) -> str:
    return f"{format_value(one.least)} to {format_value(one.most)}"


def _drawn(found: Residuals) -> str:
    n_points = len(found.true)
    if n_points == found.n_rows:
        return f"all {n_points:,} rows"
    return f"{n_points:,} of {found.n_rows:,} rows, drawn by chance"


def histogram_figure(found: Residuals, *, target: str) -> Markup:
    """Draw how often the prediction is off by how much."""
    unit = isolated(shorten(target, _LONGEST))
    x = number_axis(f"prediction minus truth ({unit})", found.edges[0], found.edges[-1])
    chart = Chart(x, number_axis("rows", 0, max(found.counts)), height=320, left=60, grid="y")
    rows = []
    for low, high, count in zip(found.edges[:-1], found.edges[1:], found.counts, strict=True):
        gap = 0.06 * (high - low)
        between = f"{format_number(low)} to {format_number(high)}"
        chart.box((low + gap, high - gap), (0, count), title=f"{count:,} rows: {between}")
        rows.append((between, count))
    chart.rule((0, 0), (0, max(found.counts)))
    return figure(
        "Residuals",
        chart.svg("Histogram of prediction minus truth."),
        about="Right of the dashed line the prediction is too high. The outermost bars hold all that lies beyond.",
        numbers=table(("prediction minus truth", "rows"), rows, caption="Residuals"),
    )


def spread_figure(found: Residuals, *, target: str) -> Markup:
    """Draw the spread of the residuals along the prediction."""
    unit = isolated(shorten(target, _LONGEST))
    bins = found.by_prediction
    xs = [one.predicted for one in bins]
    ends = [value for one in bins for value in (one.low, one.high)]
    x = number_axis(f"predicted {unit}", min(xs), max(xs), pad=0.03)
    chart = Chart(x, number_axis("prediction minus truth", min(*ends, 0), max(*ends, 0), pad=0.05), left=60)
    chart.rule((x.low, 0), (x.high, 0))
    chart.band(xs, [one.low for one in bins], [one.high for one in bins])
    chart.line(xs, [one.middle for one in bins])
    chart.dots(xs, [one.middle for one in bins], class_="dots big")
    rows = [(*map(format_number, (one.predicted, one.low, one.middle, one.high)), f"{one.n_rows:,}") for one in bins]
    return figure(
        "Residuals along the prediction",
        chart.svg("Median of the residuals and their middle 80 percent along the prediction."),
        about="The line is the median, the band holds the middle 80 % of the rows. A model that is right on average "
        "everywhere stays on the dashed line.",
        numbers=table(
            ("mean prediction", "10 %", "median", "90 %", "rows"), rows, caption="Residuals along the prediction"
        ),
    )


def size_figure(found: Residuals, *, target: str, confidence: str) -> Markup:
    """Draw the mean absolute error for small and large true values."""
    unit = isolated(shorten(target, _LONGEST))
    bins = [one for one in found.by_size if one.error is not None]
    tops = [one.high if one.high is not None else one.error or 0.0 for one in bins]
    x = number_axis(f"true {unit}", bins[0].least, bins[-1].most)
    chart = Chart(x, number_axis(f"mean absolute error ({unit})", 0, max(tops)), left=60, grid="y")
    rows = []
    for one in bins:
        between = _between(one)
        middle = (one.least + one.most) / 2
        chart.box((one.least, one.most), (0, one.error or 0.0), title=f"{between}: {format_number(one.error)}")
        if one.low is not None and one.high is not None:
            chart.whiskers([middle], [one.low], [one.high])
        interval = interval_text(one.low, one.high)
        share = "–" if one.share is None else f"{100 * one.share:.1f} %"
        rows.append((between, format_number(one.error), interval, share, one.n_rows))
    return figure(
        "Error by size",
        chart.svg("Mean absolute error for small and large true values."),
        about=f"Each bar holds about equally many rows; the whisker is its {confidence} interval.",
        numbers=table(
            (f"true {target}", "mean absolute error", f"{confidence} interval", "of the mean", "rows"),
            rows,
            caption="Error by size",
        ),
    )
