"""Where a program does something else, as raw numbers: thresholds of its trees, bends of its curves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import TypedColumns
from mlcli.features.dateparts import MICROSECONDS_PER_DAY
from mlcli.inference.encode import Encoder, full_matrix
from mlcli.inference.program import Affine, Dates, Model, Numbers, Program, Quantile, Scale, Step, Trees
from mlcli.inference.proof_cells import features_of, next_to
from mlcli.inference.sound import nodes_of

ROWS = 6_000
"""Rows that are led to a threshold."""

_CELLS = 1 << 23
"""Most features encoded for it: 64 MB of them."""

_BENDS = 20
"""Quantiles of a column that are asked for, beside the numbers next to each."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Source:
    """The raw column behind a feature, and the way back from the feature to its cells."""

    column: int
    back: Callable[[Floats], NDArray[np.float64] | NDArray[np.int64]]


def bend_points(program: Program, column: int) -> list[float]:
    """Return numbers of a column at which a curve of the program bends, and those next to them."""
    points: list[float] = []
    for op in features_of(program):
        if isinstance(op, Numbers) and column in op.columns:
            k = op.columns.index(column)
            for i, step in enumerate(op.steps):
                if isinstance(step, Quantile):
                    some = np.linspace(0, len(step.quantiles) - 1, _BENDS).astype(np.intp)
                    points += next_to(_undone(op.steps[:i], k, step.quantiles[np.unique(some), k]))
    return points


def threshold_rows(program: Program, base: TypedColumns, rng: np.random.Generator) -> Iterator[TypedColumns]:
    """Yield training rows led to a threshold of a tree: one cell is put at it, or right beside it.

    Each row walks down one tree; of the nodes on its way one is drawn, and the
    column that the node asks for becomes the node's threshold. The row still
    reaches the node, as the threshold lies where the nodes above it allow.

    Parameters
    ----------
    program : Program
        Whose trees.
    base : TypedColumns
        Training rows.
    rng : Generator
        Draws trees and nodes.
    """
    models = [node for node in nodes_of(program.node) if isinstance(node, Model) and isinstance(node.head, Trees)]
    for model in models:
        trees = model.head
        assert isinstance(trees, Trees), "chosen for it"
        n_rows = min(ROWS // len(models), max(100, _CELLS // max(1, model.n_features)))
        rows = np.arange(n_rows, dtype=np.intp) % base.n_rows
        columns = [[cells[i] for i in rows] if isinstance(cells, list) else cells[rows] for cells in base.columns]
        encoder = Encoder(model.features, model.n_features)
        features = full_matrix(encoder.rows(TypedColumns(tuple(columns), n_rows)), encoder.layout)
        nodes = _nodes_on_the_way(trees, features, rng)
        sources = _sources(model, program)
        changed = np.zeros(n_rows, dtype=np.bool_)
        for feature in np.unique(trees.feature[nodes]):
            if feature in sources:
                where = np.flatnonzero(trees.feature[nodes] == feature)
                beside = _beside(trees.threshold[nodes[where]], trees.precision, rng)
                source = sources[feature]
                columns[source.column][where] = source.back(beside)
                changed[where] = True
        if changed.any():
            kept = np.flatnonzero(changed)
            picked = [[cells[i] for i in kept] if isinstance(cells, list) else cells[kept] for cells in columns]
            yield TypedColumns(tuple(picked), len(kept))


def _nodes_on_the_way(trees: Trees, features: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return for each row one node on its way down one tree, inner where there is any, each as likely."""
    if trees.precision == "float32":
        with np.errstate(over="ignore"):
            features = features.astype(np.float32).astype(np.float64)
    rows = np.arange(len(features))
    at = rng.integers(0, trees.n_trees, len(features))
    drawn = at.copy()
    n_seen = 0
    while (inner := trees.feature[at] >= 0).any():
        n_seen += 1
        drawn = np.where(inner & (rng.random(len(rows)) * n_seen < 1), at, drawn)
        x = features[rows, np.maximum(trees.feature[at], 0)]
        left = (x < trees.threshold[at]) if trees.strict else (x <= trees.threshold[at])
        left = np.where(np.isnan(x), trees.missing_left[at], left)
        at = np.where(inner, trees.child[at] + ~left, at)
    return drawn


def _beside(thresholds: Floats, precision: str, rng: np.random.Generator) -> Floats:
    """Return thresholds, or numbers that just do or do not come to the same side."""
    with np.errstate(all="ignore"):  # beside the greatest numbers lies infinity, which is taken out below
        choices = [thresholds, np.nextafter(thresholds, -np.inf), np.nextafter(thresholds, np.inf)]
        if precision == "float32":
            single = thresholds.astype(np.float32)
            above, below = (np.nextafter(single, np.float32(end)).astype(np.float64) for end in (np.inf, -np.inf))
            # Halfway between two float32: which of them it is rounded to decides.
            halves = [single + (above - single) / 2, single + (below - single) / 2]
            choices += [above, below, single.astype(np.float64), *halves]
            choices += [np.nextafter(half, end) for half in halves for end in (-np.inf, np.inf)]
    chosen: Floats = np.stack(choices)[rng.integers(0, len(choices), len(thresholds)), np.arange(len(thresholds))]
    # An infinite threshold, or nearly so, parts the missing from the rest: any number will do.
    return np.where(np.isfinite(chosen), chosen, 0.0)


def _sources(model: Model, program: Program) -> Mapping[int, _Source]:
    """Return the raw column of each feature that is one number of one column."""
    sources: dict[int, _Source] = {}
    for op in model.features:
        if isinstance(op, Numbers):
            for k, column in enumerate(op.columns):
                if program.columns[column].kind == "number":  # a boolean is 0 or 1, and nothing between
                    sources[op.start + k] = _Source(column, _way_back(op.steps, k))
        elif isinstance(op, Dates):
            sources.update(_elapsed_sources(op))
    return sources


def _elapsed_sources(op: Dates) -> Iterator[tuple[int, _Source]]:
    k = 0
    for column, parts, elapsed, origin, gap in zip(op.columns, op.parts, op.elapsed, op.origins, op.gaps, strict=True):
        k += len(parts)
        if elapsed:
            yield op.start + k, _Source(column, _date_back(op.steps, k, origin))
        k += elapsed + gap


def _way_back(steps: tuple[Step, ...], k: int) -> Callable[[Floats], Floats]:
    return lambda numbers: _undone(steps, k, numbers)


def _date_back(steps: tuple[Step, ...], k: int, origin: int) -> Callable[[Floats], NDArray[np.int64]]:
    def back(numbers: Floats) -> NDArray[np.int64]:
        days = np.clip(_undone(steps, k, numbers), -1e6, 1e6)
        return np.rint(days * MICROSECONDS_PER_DAY).astype(np.int64) + origin

    return back


def _undone(steps: tuple[Step, ...], k: int, numbers: Floats) -> Floats:
    """Return what the steps make `numbers` of, in the k-th column; nearly, where steps round."""
    for step in reversed(steps):
        match step:
            case Scale():
                numbers = numbers * step.spread[k] + step.centre[k]
            case Affine():
                with np.errstate(divide="ignore", invalid="ignore"):
                    numbers = (numbers - step.offset[k]) / step.factor[k]
            case Quantile():
                numbers = np.interp(numbers, step.references, step.quantiles[:, k])
    return np.where(np.isfinite(numbers), numbers, 0.0)
