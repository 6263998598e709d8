"""Charts of a classification: what it trades, and whether its probabilities hold."""

from __future__ import annotations

from collections.abc import Sequence

from mlcli.data.schema import ClassLabel
from mlcli.evaluation.curves import ClassCurves, Curve
from mlcli.evaluation.holdout_thresholds import Thresholds
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.reliability import Reliability
from mlcli.evaluation.report.axes import unit_axis
from mlcli.evaluation.report.chart import Chart, figure, legend
from mlcli.evaluation.report.markup import Markup, el, isolated, join, name, note, shorten, table
from mlcli.evaluation.results import ConfusionMatrix, Evaluation

_LINES_OF_NUMBERS = 21
_MOST_CLASSES = 20
_LONGEST = 28


def label_text(label: ClassLabel) -> str:
    """Return a class label as a report writes it: truth values as the file has them, texts without quotes."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def roc_figure(curves: Sequence[ClassCurves], evaluation: Evaluation, *, confidence: str) -> Markup:
    """Draw the true positive rate against the false positive rate."""
    chart = Chart(unit_axis("false positive rate"), unit_axis("true positive rate (recall)"), height=300)
    chart.rule((0, 0), (1, 1))
    _draw(chart, [one.roc for one in curves])
    area = evaluation.metric("roc_auc")
    description = f"ROC curve, area {format_number(area.value)}."
    return figure(
        "ROC curve",
        chart.svg(description),
        about=f"Area {format_number(area.value)}{_between(area.low, area.high)}. "
        f"The dashed diagonal is guessing; the band is a pointwise {confidence} interval.",
        key=_key(curves),
        numbers=_curve_table(curves, "roc", ("false positive rate", "true positive rate")),
    )


def precision_recall_figure(curves: Sequence[ClassCurves], evaluation: Evaluation, *, confidence: str) -> Markup:
    """Draw precision against recall."""
    chart = Chart(unit_axis("recall"), unit_axis("precision"), height=300)
    if len(curves) == 1:
        chart.rule((0, curves[0].share), (1, curves[0].share))
    _draw(chart, [one.precision_recall for one in curves])
    area = evaluation.metric("average_precision")
    guess = f" The dashed line is guessing: {format_number(curves[0].share)}." if len(curves) == 1 else ""
    return figure(
        "Precision against recall",
        chart.svg(f"Precision-recall curve, average precision {format_number(area.value)}."),
        about=f"Average precision {format_number(area.value)}{_between(area.low, area.high)}.{guess} "
        f"The band is a pointwise {confidence} interval.",
        key=_key(curves),
        numbers=_curve_table(curves, "precision_recall", ("recall", "precision")),
    )


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({format_number(low)} to {format_number(high)})"


def _draw(chart: Chart, curves: Sequence[Curve]) -> None:
    for series, curve in enumerate(curves):
        chart.band(curve.band_x, curve.low, curve.high, series=series)
    for series, curve in enumerate(curves):
        chart.line(curve.x, curve.y, series=series)


def _key(curves: Sequence[ClassCurves]) -> Markup | None:
    return legend([label_text(one.label) for one in curves]) if len(curves) > 1 else None


def _curve_table(curves: Sequence[ClassCurves], which: str, axes: tuple[str, str]) -> Markup:
    """List the band of each curve at even places."""
    parts = []
    for one in curves:
        curve: Curve = getattr(one, which)
        step = max(len(curve.band_x) // (_LINES_OF_NUMBERS - 1), 1)
        rows = [
            (f"{x:.2f}", f"{low:.3f}", f"{high:.3f}")
            for x, low, high in list(zip(curve.band_x, curve.low, curve.high, strict=True))[::step]
        ]
        if not rows:
            parts.append(note("Too few rows for a band."))
            continue
        head = (axes[0], f"{axes[1]} from", "to")
        parts.append(table(head, rows, caption=f"Band of {label_text(one.label)}", text_columns=0))
        if len(curves) > 1:
            parts.insert(-1, note("Class ", name(label_text(one.label))))
    return join(parts)


def reliability_figure(found: Reliability, *, confidence: str) -> Markup:
    """Draw observed shares against predicted probabilities, above how often each is predicted."""
    what = "the predicted class" if found.label is None else isolated(shorten(label_text(found.label), _LONGEST))
    chart = Chart(unit_axis(f"predicted probability of {what}"), unit_axis("share that came true"), height=300)
    most = max((*found.counts, 1))
    for at, count in enumerate(found.counts):
        if count:
            title = f"{count:,} rows from {at / 10:.1f} to {(at + 1) / 10:.1f}"
            chart.box(((at + 0.1) / 10, (at + 0.9) / 10), (0, 0.18 * count / most), series=1, title=title)
    chart.rule((0, 0), (1, 1))
    xs = [one.predicted for one in found.bins]
    ys = [one.observed for one in found.bins]
    chart.whiskers(
        xs,
        [one.observed if one.low is None else one.low for one in found.bins],
        [one.observed if one.high is None else one.high for one in found.bins],
    )
    chart.line(xs, ys, class_="line thin")
    chart.dots(xs, ys, class_="dots big")
    rows = [
        (f"{one.predicted:.3f}", f"{one.observed:.3f}", _between(one.low, one.high).strip(" ()"), one.n_rows)
        for one in found.bins
    ]
    gap = f"{found.expected_error:.3f}"
    return figure(
        "Calibration",
        chart.svg(f"Observed share against predicted probability; mean gap {gap}."),
        about=f"On the dashed diagonal a probability of 0.8 comes true in 80 of 100 rows. Mean gap {gap}. "
        f"Bars: how often each probability is predicted.",
        numbers=table(
            ("predicted", "came true", f"{confidence} interval", "rows"),
            rows,
            caption="Predicted and observed shares",
            text_columns=0,
        ),
    )


def threshold_figure(found: Thresholds) -> Markup:
    """Draw precision, recall and F1 against the threshold, with the one in use."""
    label = isolated(shorten(label_text(found.label), _LONGEST))
    chart = Chart(unit_axis(f"threshold on the probability of {label}"), unit_axis("score"), height=300)
    chart.rule((found.in_use, 0), (found.in_use, 1), class_="chosen")
    precise = [(x, y) for x, y in zip(found.threshold, found.precision, strict=True) if y is not None]
    chart.line([x for x, _ in precise], [y for _, y in precise], series=0)
    chart.line(found.threshold, found.recall, series=1)
    chart.line(found.threshold, found.f1, series=2)
    late = found.in_use > 0.7
    chart.text(
        found.in_use, 1, f"in use: {found.in_use:.4g}", anchor="end" if late else "start", dx=-5 if late else 5, dy=-3
    )
    at = found.threshold.index(found.in_use) if found.in_use in found.threshold else 0
    chosen = [at]
    step = max(len(found.threshold) // (_LINES_OF_NUMBERS - 1), 1)
    shown = sorted({*range(0, len(found.threshold), step), *chosen})
    rows = [
        (
            f"{found.threshold[i]:.4g}{' (in use)' if i in chosen else ''}",
            _three(found.precision[i]),
            _three(found.recall[i]),
            _three(found.f1[i]),
            f"{100 * found.called[i]:.1f} %",
        )
        for i in shown
    ]
    return figure(
        "Thresholds",
        chart.svg(f"Precision, recall and F1 against the threshold; {found.in_use:.4g} is in use."),
        about="What another threshold would give. One that is chosen here, on the rows that judge the model, "
        "will do a little worse on new ones.",
        key=legend(["precision", "recall", "F1"]),
        numbers=table(("threshold", "precision", "recall", "F1", "called so"), rows, caption="Thresholds"),
    )


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def confusion_table(matrix: ConfusionMatrix) -> Markup:
    """Show the confusion matrix, shaded by the share of each true class; of many classes, the pairs confused most."""
    if len(matrix.labels) > _MOST_CLASSES:
        return _confusions(matrix)
    labels = [name(label_text(label)) for label in matrix.labels]
    rows = []
    for label, counts in zip(labels, matrix.counts, strict=True):
        total = sum(counts)
        rows.append((label, *(_cell(count, total) for count in counts), f"{total:,}"))
    return join(
        [
            table(("true ↓ predicted →", *labels, "rows"), rows, caption="Confusion matrix", class_="confusion"),
            note("Rows of the hold-out; below each number its share of the true class."),
        ]
    )


def _cell(count: int, total: int) -> Markup:
    share = count / total if total else 0.0
    return el(
        "span",
        el("b", count),
        " ",
        el("small", f"{100 * share:.0f} %"),
        class_="heat dark" if share > 0.55 else "heat",
        style=f"--h:{100 * share:.0f}%",
    )


def _confusions(matrix: ConfusionMatrix) -> Markup:
    pairs = sorted(
        (-count, i, j) for i, counts in enumerate(matrix.counts) for j, count in enumerate(counts) if count and i != j
    )[:_MOST_CLASSES]
    rows = [
        (name(label_text(matrix.labels[i])), name(label_text(matrix.labels[j])), f"{-count:,}") for count, i, j in pairs
    ]
    return join(
        [
            note(f"{len(matrix.labels)} classes are too many for a matrix; these are confused most often."),
            table(("true", "predicted", "rows"), rows, caption="Classes confused most often", text_columns=2),
        ]
    )
