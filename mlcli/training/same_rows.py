"""The rows that two stored models can fairly be compared on."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mlcli.artifact.open import Artifact
from mlcli.data.dataset import Dataset
from mlcli.data.source import Source, fingerprint
from mlcli.errors import ArtifactError, DataError
from mlcli.training.judge import read_holdout, read_provenance, type_labelled
from mlcli.training.train import HOLDOUT

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_HINT = "Name rows that neither has learned from: --data FILE."


@dataclass(frozen=True)
class SameRows:
    """The same rows twice: as either model reads them.

    Parameters
    ----------
    a, b : Dataset
        Row i of one is row i of the other.
    how : str
        Which rows they are, for people.
    cautions : tuple of str
        Why a comparison on them may flatter one of the models.
    """

    a: Dataset
    b: Dataset
    how: str
    cautions: tuple[str, ...] = ()


def held_out_by_both(a: Artifact, b: Artifact) -> SameRows:
    """Find the rows that neither model has learned from: those that both held out.

    Rows are the same when the hold-outs are one file by their digests, when
    they have one number in one source, or else when everything that both
    hold-outs keep of a row is equal and stands there once.

    Raises
    ------
    ArtifactError
        If a hold-out is not there, or they share no row that can be proven.
    """
    if read_provenance(a).holdout_sha256 == read_provenance(b).holdout_sha256:
        kept = a if (a.path.parent / HOLDOUT).is_file() else b
        # One file, read under either contract: a model alone in a file needs none of its own.
        one, other = (read_holdout(kept, schema=side.schema) for side in (a, b))
        return SameRows(one, other, f"the {len(one):,} rows that both held out")
    one, other = read_holdout(a), read_holdout(b)
    places = _by_number(one, other) if a.manifest.data_fingerprint == b.manifest.data_fingerprint else None
    if places is None:
        places = _by_content(one, other)
    if places is None or not len(places[0]):
        raise ArtifactError(
            f"{a.path} and {b.path} must have held out some of the same rows. Got none that can be proven to be.",
            hint=_HINT,
        )
    how = f"the {len(places[0]):,} rows that both held out"
    if len(places[0]) < max(len(one), len(other)):
        how += f", of {len(one):,} and {len(other):,}"
        logger.warning("comparing on %s: one model may have learned from the others", how)
    return SameRows(one.take(places[0]), other.take(places[1]), how)


def named_rows(a: Artifact, b: Artifact, source: Source, *, stdin: BinaryIO | None = None) -> SameRows:
    """Read rows with a target as either model reads them.

    Raises
    ------
    DataError
        If a row breaks the contract of one of them, or the target is missing.
    """
    from mlcli.data.reading import read_table

    table = read_table(source, stdin=stdin)
    one, other = (_as_read_by(side, source, table) for side in (a, b))
    cautions = () if source.stdin else _cautions(a, b, source)
    for caution in cautions:
        logger.warning("%s", caution)
    return SameRows(one, other, f"{len(one):,} rows of {source.label}", cautions)


def with_one_weight(rows: SameRows, a: Artifact, b: Artifact) -> SameRows:
    """Weigh the rows alike for both models: not at all where they were weighed by other columns."""
    if a.schema.weight == b.schema.weight:
        return rows
    caution = (
        f"no weights were used: A weighs rows by {a.schema.weight or 'nothing'}, B by {b.schema.weight or 'nothing'}"
    )
    return replace(
        rows,
        a=replace(rows.a, sample_weight=None),
        b=replace(rows.b, sample_weight=None),
        cautions=(*rows.cautions, caution),
    )


def _as_read_by(model: Artifact, source: Source, table: Any) -> Dataset:
    try:
        return type_labelled(table, source, model)
    except DataError as error:
        raise DataError(f"rows for {model.path}: {error.message}", hint=error.hint) from error


def _cautions(a: Artifact, b: Artifact, source: Source) -> tuple[str, ...]:
    """Say which model knows the rows of a file already."""
    content = fingerprint(source)
    found = []
    for model, other, mine, theirs in ((a, b, "A", "B"), (b, a, "B", "A")):
        if content == model.manifest.data_fingerprint:
            found.append(
                f"{source.label} is the file that {mine} was trained from: {mine} has learned from most of its rows"
            )
        held_out = read_provenance(model).holdout_sha256
        if content == held_out != read_provenance(other).holdout_sha256:
            found.append(
                f"{source.label} is the hold-out of {mine}, and not that of {theirs}: "
                f"{theirs} may have learned from its rows"
            )
    return tuple(found)


def _by_number(one: Dataset, other: Dataset) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Match rows of one source by their numbers; None where the numbers turn out to mean other rows.

    One file may hold two tables, such as the sheets of a workbook.
    """
    _, first, second = np.intersect1d(one.rows, other.rows, assume_unique=True, return_indices=True)
    same = np.array_equal(one.y_true[first], other.y_true[second]) and all(
        np.array_equal(one.ids[name].to_numpy()[first], other.ids[name].to_numpy()[second])
        for name in one.ids.columns.intersection(other.ids.columns)
    )
    return (first, second) if same else None


def _by_content(one: Dataset, other: Dataset) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Match rows by all that both hold-outs keep of them; None where that is too little to tell rows apart."""
    ids = list(one.ids.columns.intersection(other.ids.columns))
    shared = [name for name in one.X.columns.intersection(other.X.columns) if one.X[name].dtype == other.X[name].dtype]
    if not ids and len(shared) < min(one.X.shape[1], other.X.shape[1]):
        return None
    keys = [_keys(rows, ids, shared) for rows in (one, other)]
    (first_keys, first), (second_keys, second) = (_once(key) for key in keys)
    _, left, right = np.intersect1d(first_keys, second_keys, assume_unique=True, return_indices=True)
    order = np.argsort(first[left])
    return first[left][order], second[right][order]


def _keys(rows: Dataset, ids: list[str], columns: list[str]) -> NDArray[np.uint64]:
    """Return a 64-bit digest of what is kept of each row."""
    import pandas as pd

    truth = pd.DataFrame({"y": pd.Series(rows.y_true)})
    parts: list[pd.DataFrame] = [rows.ids[ids], rows.X[columns], truth]
    # By position: an id column may be called as a model's column is.
    frame = pd.concat(parts, axis=1, ignore_index=True)
    return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)


def _once(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """Return the keys that stand once, with their positions: of two equal rows nobody can say which is which."""
    values, first, counts = np.unique(keys, return_index=True, return_counts=True)
    return values[counts == 1], first[counts == 1]
