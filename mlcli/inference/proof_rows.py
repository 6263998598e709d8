"""The rows that a program is proven on.

Training rows as they are; every column in turn at what is special of its kind
(missing, unseen, the ends of its range and beyond, huge, tiny, either zero);
every level; trees' thresholds and the numbers next to them, on rows that reach
them; n-grams; and rows whose columns are drawn each by itself. Never two huge
numbers in one row: what they cancel to hangs on the order of summation, in
scikit-learn too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import Schema
from mlcli.data.typed import Cell, TypedColumns
from mlcli.inference.program import Kernel, Model, Program
from mlcli.inference.proof_cells import CUT, Cells, Pick, alike_cell, modest_cells, special_cells, term_texts
from mlcli.inference.proof_thresholds import bend_points, threshold_rows
from mlcli.inference.sound import nodes_of

N_ROWS = 20_000
"""Least number of rows."""

SAMPLE = 6_000
"""Most training rows."""

LEVELS = 100_000
"""Most rows that hold one level each."""

SPECIAL = 12_000
"""About the most rows with one special cell; but each column gets its first few."""

LETTERS = 100_000
"""Most characters in whole training texts; other rows hold beginnings of texts, which cost little."""

WORK = 2_000_000_000
"""Most multiplications of kernels, some seconds. Beyond it rows are thinned out."""

_LEAST = 1_000
_SHARE = 0.1
"""Share of special cells in mixed rows."""


def proof_rows(
    program: Program, schema: Schema, X: TypedColumns, *, n_rows: int = N_ROWS, random_state: int = 0
) -> TypedColumns:
    """Return the rows to prove a program on.

    Parameters
    ----------
    program : Program
        Its thresholds, quantiles and n-grams are asked for.
    schema : Schema
        The data contract.
    X : TypedColumns
        Training rows, at least one.
    n_rows : int, default=20,000
        Least number of rows; fewer where a kernel machine is too slow for them, see `WORK`.
    random_state : int, default=0
        Seed of what is drawn.

    Returns
    -------
    TypedColumns
        The rows.
    """
    rng = np.random.default_rng(random_state)
    sample = take(X, np.sort(rng.permutation(X.n_rows)[:SAMPLE]))
    base = _cut(sample, schema)
    pairs = list(zip(schema.columns, base.columns, strict=True))
    specials = [special_cells(column, cells, bend_points(program, j)) for j, (column, cells) in enumerate(pairs)]
    parts = [
        base,
        *_whole_texts(sample, schema),
        *(
            TypedColumns(tuple(alike_cell(column, cells, pick) for column, cells in pairs), 1)
            for pick in get_args(Pick)
        ),
        *_one_special(base, specials),
        *_levels(base, schema),
        *(_changed(base, j, texts) for j, texts in term_texts(program)),
        *threshold_rows(program, base, rng),
    ]
    modest = [modest_cells(*pair, special) for pair, special in zip(pairs, specials, strict=True)]
    n_mixed = max(n_rows // 5, n_rows - sum(part.n_rows for part in parts))
    return _thinned(_stacked([*parts, _mixed(base, modest, n_mixed, rng)]), program)


def take(columns: TypedColumns, rows: NDArray[np.intp]) -> TypedColumns:
    """Return some rows."""
    return TypedColumns(tuple(_pick(cells, rows) for cells in columns.columns), len(rows))


def cells_of(columns: TypedColumns, row: int) -> list[Cell]:
    """Return one row as plain cells."""
    return [cells[row] if isinstance(cells, list) else cells[row].item() for cells in columns.columns]


def _pick(cells: Cells, rows: NDArray[np.intp]) -> Cells:
    return [cells[row] for row in rows] if isinstance(cells, list) else cells[rows]


def _stacked(parts: Sequence[TypedColumns]) -> TypedColumns:
    columns = tuple(
        [cell for part in cells for cell in part] if isinstance(cells[0], list) else np.concatenate(cells)
        for cells in zip(*(part.columns for part in parts), strict=True)
    )
    return TypedColumns(columns, sum(part.n_rows for part in parts))


def _thinned(rows: TypedColumns, program: Program) -> TypedColumns:
    """Return as many rows as kernels get through: a text of thousands of n-grams is held against every vector."""
    heads = [node.head for node in nodes_of(program.node) if isinstance(node, Model)]
    work = sum(head.vectors.size for head in heads if isinstance(head, Kernel))
    n_rows = max(_LEAST, WORK // max(1, work))
    return rows if rows.n_rows <= n_rows else take(rows, np.linspace(0, rows.n_rows - 1, n_rows).astype(np.intp))


def _cut(columns: TypedColumns, schema: Schema) -> TypedColumns:
    """Return the rows with the beginnings of their texts."""
    cut = tuple(
        [text[:CUT] for text in cells] if column.kind == "text" else cells
        for column, cells in zip(schema.columns, columns.columns, strict=True)
    )
    return TypedColumns(cut, columns.n_rows)


def _whole_texts(sample: TypedColumns, schema: Schema) -> Iterator[TypedColumns]:
    """Yield rows with their whole texts, as many as cost little."""
    texts = [cells for column, cells in zip(schema.columns, sample.columns, strict=True) if column.kind == "text"]
    if texts:
        letters = np.cumsum([sum(map(len, row)) for row in zip(*texts, strict=True)])
        n_rows = max(1, int(np.searchsorted(letters, LETTERS)))
        yield take(sample, np.arange(n_rows, dtype=np.intp))


def _changed(base: TypedColumns, column: int, cells: Cells, *, first: int = 0) -> TypedColumns:
    """Return as many rows of `base`, from `first` on, as there are `cells` to put into a column."""
    rows = np.arange(first, first + len(cells), dtype=np.intp) % base.n_rows
    columns = list(take(base, rows).columns)
    columns[column] = cells
    return TypedColumns(tuple(columns), len(cells))


def _one_special(base: TypedColumns, specials: Sequence[Cells]) -> Iterator[TypedColumns]:
    """Yield training rows with one special cell each."""
    most = max(10, SPECIAL // len(specials))
    for j, cells in enumerate(specials):
        # Another row of the training data for each cell.
        yield _changed(base, j, cells[:most], first=j * most)


def _levels(base: TypedColumns, schema: Schema) -> Iterator[TypedColumns]:
    """Yield training rows in which every level, the unseen one and the missing one stand at least once."""
    sizes = {
        j: len(column.categories or ()) + 2 for j, column in enumerate(schema.columns) if column.kind == "category"
    }
    if sizes:
        n_rows = min(max(sizes.values()), LEVELS)
        columns = list(take(base, np.arange(n_rows, dtype=np.intp) % base.n_rows).columns)
        for j, size in sizes.items():
            columns[j] = np.arange(n_rows, dtype=np.intp) % size
        yield TypedColumns(tuple(columns), n_rows)


def _mixed(base: TypedColumns, modest: Sequence[Cells], n_rows: int, rng: np.random.Generator) -> TypedColumns:
    """Return rows whose columns are drawn each by itself, from training cells and, now and then, special ones."""
    columns = []
    for cells, special in zip(base.columns, modest, strict=True):
        usual = rng.integers(0, base.n_rows, n_rows)
        rare = np.where(rng.random(n_rows) < _SHARE, rng.integers(0, len(special), n_rows), -1)
        if isinstance(cells, list):
            columns.append([cells[i] if k < 0 else special[k] for i, k in zip(usual, rare, strict=True)])
        else:
            columns.append(np.where(rare < 0, cells[usual], special[rare]))
    return TypedColumns(tuple(columns), n_rows)
