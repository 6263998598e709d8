"""A fitted preprocessor to feature operations."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlcli.data.schema import Schema
from mlcli.data.typed import TypedColumns, missing_code
from mlcli.inference.program import (
    Affine,
    Clip,
    Dates,
    Feature,
    Gaps,
    Impute,
    Lookup,
    NGrams,
    Numbers,
    OneHot,
    Quantile,
    Scale,
    Step,
    Text,
)
from mlcli.inference.translate import Features, NotCompiled, class_name, floats

_CODES = 1024
"""Codes that an encoder is asked about at once: a wide one-hot matrix is never held whole."""


def translate_features(preprocess: Any, schema: Schema) -> Features:
    """Turn a fitted ``ColumnTransformer`` of mlcli into feature operations.

    Parameters
    ----------
    preprocess : ColumnTransformer
        Fitted, see `mlcli.features.preprocessor.build_preprocessor`.
    schema : Schema
        Gives the position and the codes of each column.

    Raises
    ------
    NotCompiled
        If a transformer has no operation.
    """
    if class_name(preprocess) != "sklearn.ColumnTransformer":
        raise NotCompiled(f"{type(preprocess).__qualname__} has no compiled form")
    operations: list[Feature] = []
    n_features = 0
    for name, transformer, columns in preprocess.transformers_:
        place = preprocess.output_indices_[name]
        n_features = max(n_features, place.stop)
        if place.stop > place.start:
            group = _Group(schema, list(columns), place.start, place.stop - place.start)
            operations += _translate(transformer, group)
    return Features(tuple(operations), n_features)


class _Group:
    """The columns of one transformer and where its features stand."""

    def __init__(self, schema: Schema, names: list[str], start: int, width: int) -> None:
        self.schema = schema
        self.names = names
        self.start = start
        self.width = width
        self.positions = tuple(schema.names.index(name) for name in names)

    def codes(self, index: int) -> int:
        """Return how many codes a category column has."""
        return missing_code(self.schema.columns[self.positions[index]]) + 1


def _translate(transformer: Any, group: _Group) -> list[Feature]:
    steps = _flat(transformer)
    first = class_name(steps[0]) if steps else "passthrough"
    match first:
        case "sklearn.MissingIndicator":
            return [Gaps(tuple(group.positions[i] for i in steps[0].features_), group.start)]
        case "sklearn.OneHotEncoder":
            return list(_one_hot(transformer, steps[0], group))
        case "sklearn.OrdinalEncoder" | "sklearn.TargetEncoder":
            return list(_lookup(transformer, group))
        case "mlcli.DateEncoder":
            return [_dates(steps[0], steps[1:], group)]
        case "mlcli.TextEncoder":
            return list(_texts(steps[0], group))
    if group.width != len(group.positions):
        raise NotCompiled("a column without any value was left out")
    return [Numbers(group.positions, group.start, _steps(steps))]


def _flat(transformer: Any) -> list[Any]:
    """Return the transformers of a chain; none for columns that are passed on as they are."""
    if isinstance(transformer, str):
        return []
    if class_name(transformer) == "sklearn.Pipeline":
        return [step for _, each in transformer.steps for step in _flat(each)]
    # ColumnTransformer puts this in the place of "passthrough".
    return (
        [] if class_name(transformer) == "sklearn.FunctionTransformer" and transformer.func is None else [transformer]
    )


def _steps(transformers: Sequence[Any]) -> tuple[Step, ...]:
    return tuple(_step(transformer) for transformer in transformers)


def _step(transformer: Any) -> Step:
    match class_name(transformer):
        case "mlcli.NumberLimiter":
            return Clip(float(transformer.limit))
        case "sklearn.SimpleImputer" if not transformer.add_indicator:
            return Impute(floats(transformer.statistics_))
        case "sklearn.StandardScaler":
            return _scale(transformer.mean_, transformer.scale_)
        case "sklearn.RobustScaler":
            return _scale(transformer.center_, transformer.scale_)
        case "sklearn.MinMaxScaler" if not transformer.clip:
            return Affine(floats(transformer.scale_), floats(transformer.min_))
        case "sklearn.QuantileTransformer" if transformer.output_distribution == "uniform":
            return Quantile(floats(transformer.quantiles_), floats(transformer.references_))
    raise NotCompiled(f"{type(transformer).__qualname__} has no compiled form")


def _scale(centre: Any, spread: Any) -> Scale:
    if centre is None or spread is None:
        raise NotCompiled("a scaler that does not centre and scale has no compiled form")
    return Scale(floats(centre), floats(spread))


def _one_hot(transformer: Any, encoder: Any, group: _Group) -> Iterator[OneHot]:
    """Yield one operation a column; the encoder itself is asked what it makes of each code."""
    widths = _one_hot_widths(encoder)
    if sum(widths) != group.width:
        raise NotCompiled("a one-hot encoder that drops a level has no compiled form")
    ends = np.cumsum([0, *widths])
    positions = [np.full(group.codes(i), -1, dtype=np.intp) for i in range(len(widths))]
    for first, answers in _answers(transformer, group):
        for i, found in enumerate(positions):
            part = answers[: max(0, len(found) - first), ends[i] : ends[i + 1]]
            set_ = part != 0
            found[first : first + len(part)] = np.where(set_.any(axis=1), set_.argmax(axis=1), -1) if part.size else -1
    for i, found in enumerate(positions):
        yield OneHot(group.positions[i], group.start + int(ends[i]), widths[i], found)


def _one_hot_widths(encoder: Any) -> list[int]:
    """Return the number of features of each column: its levels, the rare ones as one."""
    try:
        rare = encoder.infrequent_categories_
    except AttributeError:  # without min_frequency it knows no rare levels, and says so in this way
        rare = [None] * len(encoder.categories_)
    return [
        len(levels) - (0 if few is None else len(few) - 1)
        for levels, few in zip(encoder.categories_, rare, strict=True)
    ]


def _lookup(transformer: Any, group: _Group) -> Iterator[Lookup]:
    """Yield one operation a column; the chain itself is asked what it makes of each code."""
    width = group.width // len(group.positions)
    tables = [np.empty((group.codes(i), width)) for i in range(len(group.positions))]
    for first, answers in _answers(transformer, group):
        for i, table in enumerate(tables):
            part = answers[: max(0, len(table) - first), i * width : (i + 1) * width]
            table[first : first + len(part)] = part
    for i, table in enumerate(tables):
        yield Lookup(group.positions[i], group.start + i * width, table)


def _answers(transformer: Any, group: _Group) -> Iterator[tuple[int, np.ndarray]]:
    """Yield what a transformer makes of every code of all its columns, a piece at a time, with the first code."""
    n_codes = max(group.codes(i) for i in range(len(group.positions)))
    for first in range(0, n_codes, _CODES):
        codes = np.arange(first, min(first + _CODES, n_codes))
        frame = _frame(codes, group)
        with warnings.catch_warnings():
            # That a level is unknown is what is asked.
            warnings.simplefilter("ignore", UserWarning)
            answers = transformer.transform(frame)
        yield first, np.asarray(answers.toarray() if hasattr(answers, "toarray") else answers, dtype=np.float64)


def _frame(codes: np.ndarray, group: _Group) -> Any:
    """Return a frame of a group's columns that holds each code once; a column of fewer codes repeats its last."""
    from mlcli.data.frames import frame_from_columns

    schema = group.schema
    part = Schema(
        columns=tuple(schema.columns[position] for position in group.positions),
        target=schema.target,
        ignored=(),
        id=(),
        weight=None,
        missing_values=(),
        n_rows=schema.n_rows,
    )
    columns = tuple(np.minimum(codes, group.codes(i) - 1).astype(np.intp) for i in range(len(group.positions)))
    return frame_from_columns(TypedColumns(columns, len(codes)), part)


def _dates(encoder: Any, scalers: Sequence[Any], group: _Group) -> Dates:
    return Dates(
        group.positions,
        group.start,
        tuple(tuple(parts) for parts in encoder.parts_),
        tuple(bool(elapsed) for elapsed in encoder.elapsed_),
        tuple(int(origin) for origin in encoder.origins_),
        tuple(bool(gap) for gap in encoder.gaps_),
        _steps(scalers),
    )


def _texts(encoder: Any, group: _Group) -> Iterator[Text]:
    start = group.start
    for position, vectorizers, components in zip(
        group.positions, encoder.vectorizers_, encoder.components_, strict=True
    ):
        ngrams = tuple(_ngrams(vectorizer) for vectorizer in vectorizers)
        width = sum(len(each.idf) for each in ngrams) if components is None else len(components)
        # Directions are read term by term, so terms are kept together.
        kept = None if components is None else np.array(components, dtype=np.float64, order="F")
        yield Text(position, start, width, ngrams, float(encoder.weight), kept)
        start += width


def _ngrams(vectorizer: Any) -> NGrams:
    # ASCII, because a term may hold half a surrogate pair, which UTF-8 cannot.
    terms = json.dumps(list(vectorizer.vocabulary_)).encode("ascii")
    return NGrams(
        vectorizer.analyzer,
        int(vectorizer.low),
        int(vectorizer.high),
        np.frombuffer(terms, dtype=np.uint8),
        floats(vectorizer.idf_),
    )
