"""Whether feature operations read columns that are there, and fill as many features as they say."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from mlcli.config.kinds import Kind
from mlcli.features.dateparts import PARTS
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
    ProgramColumn,
    Quantile,
    Scale,
    Step,
    Text,
)
from mlcli.inference.sound_arrays import UnsoundError, finite, floats, inside, length, rule, shaped, table

MAX_NGRAM = 16
"""Longest n-gram: cutting a text takes as long as there are lengths to try."""

_INT64 = 2**63
_NUMBERS: frozenset[Kind] = frozenset({"number", "boolean"})


def check_feature(feature: Feature, columns: Sequence[ProgramColumn]) -> int:
    """Return the number of features that an operation fills."""
    rule(feature.start >= 0, "a feature operation must start at 0 or later")
    match feature:
        case Numbers():
            _check_columns(feature.columns, columns, _NUMBERS, "numbers")
            check_steps(feature.steps, len(feature.columns))
            return len(feature.columns)
        case Gaps():
            _check_columns(feature.columns, columns, _NUMBERS, "gaps")
            return len(feature.columns)
        case OneHot() | Lookup():
            return _check_category(feature, columns)
        case Dates():
            return _check_dates(feature, columns)
        case Text():
            return _check_text(feature, columns)


def check_steps(steps: Sequence[Step], n: int) -> None:
    """Require steps over `n` columns."""
    for step in steps:
        match step:
            case Clip():
                finite(step.limit, "clip.limit")
                rule(step.limit > 0, "clip.limit must be positive")
            case Impute():
                floats(step.values, (n,), "impute.values")
            case Scale():
                floats(step.centre, (n,), "scale.centre")
                floats(step.spread, (n,), "scale.spread")
                rule(bool((step.spread != 0).all()), "scale.spread must not be 0")
            case Affine():
                floats(step.factor, (n,), "affine.factor")
                floats(step.offset, (n,), "affine.offset")
            case Quantile():
                _check_quantile(step, n)


def _check_quantile(step: Quantile, n: int) -> None:
    n_quantiles, _ = table(step.quantiles, "quantile.quantiles")
    rule(n_quantiles >= 1, "quantile.quantiles must not be empty")
    floats(step.quantiles, (n_quantiles, n), "quantile.quantiles")
    floats(step.references, (n_quantiles,), "quantile.references")
    rule(bool((np.diff(step.quantiles, axis=0) >= 0).all()), "quantile.quantiles must rise")
    rule(bool((np.diff(step.references) >= 0).all()), "quantile.references must rise")


def _check_columns(
    positions: Sequence[int], columns: Sequence[ProgramColumn], kinds: frozenset[Kind], name: str
) -> None:
    rule(len(positions) > 0, f"{name} must read a column")
    for position in positions:
        rule(0 <= position < len(columns), f"{name} must read columns of the program")
        rule(columns[position].kind in kinds, f"{name} must read columns of kind {' or '.join(sorted(kinds))}")


def _check_category(feature: OneHot | Lookup, columns: Sequence[ProgramColumn]) -> int:
    name = "one_hot" if isinstance(feature, OneHot) else "lookup"
    _check_columns((feature.column,), columns, frozenset({"category"}), name)
    n_codes = columns[feature.column].n_levels + 2
    if isinstance(feature, Lookup):
        n_rows, width = table(feature.table, "lookup.table")
        rule(n_rows == n_codes, "lookup.table must have a row for each code")
        floats(feature.table, (n_codes, width), "lookup.table", nan=True)
        return width
    # A width that no code reaches would cost memory that no array of the file accounts for.
    rule(0 <= feature.width <= n_codes, "one_hot.width must be at most the number of codes")
    shaped(feature.positions, (n_codes,), "one_hot.positions")
    inside(feature.positions, -1, feature.width, "one_hot.positions")
    return feature.width


def _check_dates(feature: Dates, columns: Sequence[ProgramColumn]) -> int:
    _check_columns(feature.columns, columns, frozenset({"date"}), "dates")
    n = len(feature.columns)
    counts = {len(feature.parts), len(feature.elapsed), len(feature.origins), len(feature.gaps)}
    rule(counts == {n}, "dates must say of each column what it gives")
    rule(all(part in PARTS for parts in feature.parts for part in parts), "dates.parts must be parts of a date")
    rule(all(-_INT64 < origin < _INT64 for origin in feature.origins), "dates.origins must be microseconds")
    width = sum(map(len, feature.parts)) + sum(feature.elapsed) + sum(feature.gaps)
    check_steps(feature.steps, width)
    return width


def _check_text(feature: Text, columns: Sequence[ProgramColumn]) -> int:
    _check_columns((feature.column,), columns, frozenset({"text"}), "text")
    finite(feature.weight, "text.weight")
    n_terms = sum(_check_ngrams(vectorizer) for vectorizer in feature.vectorizers)
    if feature.components is None:
        rule(feature.width == n_terms, "text.width must be the number of terms")
    else:
        floats(feature.components, (feature.width, n_terms), "text.components")
    return feature.width


def _check_ngrams(vectorizer: NGrams) -> int:
    """Return the number of terms, having read all of them."""
    rule(1 <= vectorizer.low <= vectorizer.high <= MAX_NGRAM, f"n-grams must be 1 to {MAX_NGRAM} long")
    n_terms = length(vectorizer.idf, "text.idf")
    floats(vectorizer.idf, (n_terms,), "text.idf")
    rule(vectorizer.terms.dtype == np.uint8 and vectorizer.terms.ndim == 1, "text.terms must be bytes")
    try:
        terms = msgspec.json.decode(vectorizer.terms.tobytes(), type=list[str])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnsoundError("text.terms must be a JSON list of texts") from None
    lengths = [len(term.split(" ") if vectorizer.analyzer == "word" else term) for term in terms]
    rule(
        not terms or (vectorizer.low <= min(lengths) and max(lengths) <= vectorizer.high),
        "text.terms must be as long as the n-grams",
    )
    rule(len(terms) == n_terms == len(set(terms)), "text.terms must be as many as text.idf, each once")
    return n_terms
