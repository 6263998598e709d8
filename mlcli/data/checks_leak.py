"""Columns that give the target away, alone or together.

A relation is looked for on one half of (a sample of) the training rows and
believed only if it holds on the other half; the test rows are not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.data.checks_frame import Frame, in_yaml, listed
from mlcli.data.checks_linear import LinearParts, find_linear_parts
from mlcli.data.findings import Finding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_AUC = 0.995
"""ROC AUC of one column alone, for every class, from which it gives the classes away."""

LEAST_R2 = 0.999
"""Share of the target's variance explained from which columns give a number away."""

SAMPLE = 20_000
"""Rows that are looked at, at most."""

LEAST_ROWS = 40
"""Rows below which any relation may be chance."""

N_BINS = 200


@dataclass(frozen=True)
class _Halves:
    """A sample of the training rows, half to find a relation and half to check it."""

    rows: NDArray[np.intp]
    seek: NDArray[np.intp]
    check: NDArray[np.intp]


def leaking_columns(frame: Frame) -> Iterator[Finding]:
    """Find columns that (nearly) determine the target."""
    import numpy as np

    rows = _sample(frame)
    if len(rows) < LEAST_ROWS:
        return
    places = np.arange(len(rows))
    halves = _Halves(rows, places[::2], places[1::2])
    if frame.is_classes:
        yield from _giving_classes(frame, halves)
    elif np.ptp(frame.y[rows]) > 0:
        alone = list(_giving_number(frame, halves))
        yield from (finding for finding, _ in alone)
        yield from _giving_together(frame, halves, without={name for _, name in alone})


def _sample(frame: Frame) -> NDArray[np.intp]:
    """Training rows in random order; of each class so many that a rare one is not lost."""
    import numpy as np

    order = np.random.default_rng(0).permutation(frame.n_train)
    if not frame.is_classes:
        return order[:SAMPLE]
    y = frame.y[order]
    counts = np.bincount(y, minlength=len(frame.classes))
    most = max(200, SAMPLE // max(len(counts), 1))
    if counts.max() <= most:
        return order
    # ROC AUC does not depend on how many rows each class has.
    by_class = np.argsort(y, kind="stable")
    rank = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[np.sort(by_class[rank < most])]


def _giving_classes(frame: Frame, halves: _Halves) -> Iterator[Finding]:
    """Each column by itself against the classes."""
    import numpy as np

    y = frame.y[halves.rows]
    n_classes = len(frame.classes)
    enough = np.flatnonzero(np.bincount(y[halves.check], minlength=n_classes) >= 10)
    if len(enough) < 2:
        return
    for name, levels in _levels(frame, halves):
        auc = _least_auc(levels, y, halves, n_classes=n_classes, judged=enough)
        if auc >= LEAST_AUC:
            yield _finding(
                frame,
                (name,),
                f"{name} alone tells the classes of {frame.schema.target.name} apart, with a ROC AUC of {auc:.4f} "
                "on rows not used to find that.",
            )


def _levels(frame: Frame, halves: _Halves) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each column as levels from 0: categories as they are, numbers in narrow bins, missing as 0."""
    import numpy as np

    for name, codes in frame.codes.items():
        if frame.column[name].kind == "category":
            yield name, codes[halves.rows] + 1
    for name, values in frame.values.items():
        sampled = values[halves.rows]
        sought = sampled[halves.seek]
        sought = sought[~np.isnan(sought)]
        if not len(sought):
            yield name, np.isnan(sampled).astype(np.int64)
            continue
        n_bins = max(2, min(N_BINS, len(sought) // 4))
        edges = np.unique(np.quantile(sought, np.arange(1, n_bins) / n_bins))
        yield name, np.where(np.isnan(sampled), 0, np.searchsorted(edges, sampled, side="left") + 1)


def _least_auc(
    levels: NDArray[np.int64], y: NDArray[np.int64], halves: _Halves, *, n_classes: int, judged: NDArray[np.intp]
) -> float:
    """The least ROC AUC, over the classes, of scoring by the class shares of the level."""
    import numpy as np

    n_levels = int(levels.max()) + 1
    tables = [
        np.bincount(levels[half] * n_classes + y[half], minlength=n_levels * n_classes).reshape(n_levels, n_classes)
        for half in (halves.seek, halves.check)
    ]
    prior = tables[0].sum(axis=0) / len(halves.seek)
    scores = (tables[0] + prior) / (tables[0].sum(axis=1, keepdims=True) + 1.0)
    least = 1.0
    for label in judged:
        _, at = np.unique(scores[:, label], return_inverse=True)
        positive = np.bincount(at, weights=tables[1][:, label])
        negative = np.bincount(at, weights=tables[1].sum(axis=1)) - positive
        if not negative.sum():
            continue
        # A positive row above a negative one counts whole, level with it half.
        below = np.cumsum(negative) - negative
        auc = float((positive * (below + negative / 2)).sum() / (positive.sum() * negative.sum()))
        least = min(least, auc)
        if least < LEAST_AUC:
            break
    return least


def _giving_number(frame: Frame, halves: _Halves) -> Iterator[tuple[Finding, str]]:
    """Each column by itself against a number: on a straight line, a curve, or by level."""
    import numpy as np

    y = frame.y[halves.rows]
    seek, check = halves.seek, halves.check
    for name in frame.schema.names:
        if name in frame.codes:
            if frame.column[name].kind != "category":
                continue
            codes = frame.codes[name][halves.rows] + 1
            count = np.bincount(codes[seek], minlength=codes.max() + 1)
            sums = np.bincount(codes[seek], weights=y[seek], minlength=codes.max() + 1)
            mean = y[seek].mean()
            r2 = _r2(y[check], np.where(count > 0, sums / np.maximum(count, 1), mean)[codes[check]])
        else:
            r2 = _curve_r2(frame.values[name][halves.rows], y, halves)
        if r2 >= LEAST_R2:
            target = frame.schema.target.name
            yield (
                _finding(
                    frame,
                    (name,),
                    f"{name} alone explains {_per_cent(r2)} of the variance of {target} on rows not used to find that.",
                ),
                name,
            )


def _curve_r2(values: NDArray[np.float64], y: NDArray[np.float64], halves: _Halves) -> float:
    """How well a straight line, or else the curve through the other half's points, foretells `y`."""
    import numpy as np

    present = ~np.isnan(values)
    seek, check = halves.seek[present[halves.seek]], halves.check[present[halves.check]]
    if len(seek) < LEAST_ROWS // 2 or len(check) < max(LEAST_ROWS // 2, 0.5 * len(halves.check)):
        return 0.0
    points, at, count = np.unique(values[seek], return_inverse=True, return_counts=True)
    if len(points) < 2:
        return 0.0
    curve = np.bincount(at, weights=y[seek]) / count
    center = values[seek].mean()
    away = values[seek] - center
    slope = float(away @ y[seek]) / float(away @ away)
    line = slope * (values[check] - center) + y[seek].mean()
    return max(_r2(y[check], line), _r2(y[check], np.interp(values[check], points, curve)))


def _r2(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Share of the variance explained."""
    spread = float(((y_true - y_true.mean()) ** 2).sum())
    return 1 - float(((y_true - y_pred) ** 2).sum()) / spread if spread > 0 else 0.0


def _giving_together(frame: Frame, halves: _Halves, *, without: set[str]) -> Iterator[Finding]:
    """Number columns that add up, or multiply, to the target."""
    import numpy as np

    names = [c.name for c in frame.schema.columns if c.kind in {"number", "boolean"} and c.name not in without]
    y = frame.y[halves.rows]
    X = np.column_stack([frame.values[name][halves.rows] for name in names]) if names else np.empty((len(y), 0))
    parts = find_linear_parts(X, y, seek=halves.seek, check=halves.check, least_r2=LEAST_R2)
    if parts is not None:
        yield _together(frame, names, parts, how="on a straight line")
        return
    if (y > 0).all():
        positive = [j for j in range(len(names)) if np.nanmin(X[:, j], initial=np.inf) > 0]
        logs = find_linear_parts(
            np.log(X[:, positive]), np.log(y), seek=halves.seek, check=halves.check, least_r2=LEAST_R2
        )
        if logs is not None:
            yield _together(frame, [names[j] for j in positive], logs, how="multiplied", product=True)


def _together(frame: Frame, names: Sequence[str], parts: LinearParts, *, how: str, product: bool = False) -> Finding:
    """Say which columns make up the target, and how where it is plain."""
    target = frame.schema.target.name
    columns = tuple(names[j] for j in parts.columns)
    formula = parts.formula(columns, product=product)
    made = f"{target} is {formula}" if formula else f"{listed(columns)} together give {target} away"
    return _finding(
        frame,
        columns,
        f"{made}: {how}, they explain {_per_cent(parts.r2)} of its variance on rows not used to find that.",
        certain=formula is not None,
    )


def _per_cent(share: float) -> str:
    """A share close to one; 100 only when it is."""
    return "100 %" if share > 1 - 1e-9 else f"{min(100 * share, 99.9999):.4g} %"


def _finding(frame: Frame, columns: tuple[str, ...], message: str, *, certain: bool = False) -> Finding:
    """A leak; an error where the target is computed from the columns, as then the score is worthless."""
    many = len(columns) > 1
    return Finding(
        "target-leak",
        "error" if certain else "warning",
        columns,
        message,
        f"Unless {'they are' if many else 'it is'} known before {frame.schema.target.name} is: data.drop: {in_yaml(columns)}.",
    )
