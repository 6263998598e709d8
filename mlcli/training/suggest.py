"""A look at a table to the config that a practitioner would begin with."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.config.keys import join_key
from mlcli.config.model_sections import ModelConfig
from mlcli.config.render import render_config
from mlcli.config.sections import Config, DataConfig, SplitConfig
from mlcli.data.schema import Column, Schema
from mlcli.registry import AUTO

if TYPE_CHECKING:
    import pyarrow as pa

    from mlcli.data.findings import Finding
    from mlcli.data.source import Source

logger = logging.getLogger(__name__)

LINEAR_BELOW = 2_000
"""Rows below which a linear model is the better first try by hand (and always for texts)."""


@dataclass
class _Suggestion:
    """A config in the making, with a comment for each key."""

    data: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)


def suggest_config(data: str, *, target: str, place: Path | None) -> str:
    """Write a commented config for a table.

    Parameters
    ----------
    data : str
        File or glob of the table, relative to the working folder.
    target : str
        The column to predict.
    place : Path, optional
        File that the config will be written to, since its paths are relative
        to it. The working folder, when left out.

    Returns
    -------
    str
        YAML text that ``mlcli train`` takes as it is.

    Raises
    ------
    DataError
        If the table cannot be read or lacks the target.
    """
    from mlcli.data.reading import read_table
    from mlcli.data.source import source_from_path

    source = source_from_path(data)
    table = read_table(source)
    suggestion = _Suggestion()
    schema = _look_at_columns(suggestion, table, source, target=target)
    base = place.resolve().parent if place is not None else Path.cwd()
    suggestion.data["path"] = os.path.relpath(Path.cwd() / data, base)
    _choose_split(suggestion, table, schema)
    _drop_leaks(suggestion, table, schema, source)
    _describe_preprocessing(suggestion, schema)
    _choose_model(suggestion, schema)
    config = Config(
        task=schema.target.task,
        data=DataConfig(**suggestion.data),
        split=SplitConfig(**suggestion.sections["split"]),
        model=ModelConfig(**suggestion.sections["model"]),
    )
    return render_config(config, comments=suggestion.comments, header=_header(schema, source, place))


def _look_at_columns(suggestion: _Suggestion, table: pa.Table, source: Source, *, target: str) -> Schema:
    """Infer the contract, taking tokens such as NA for missing where a column of numbers holds them."""
    from mlcli.data.inference import infer_schema, rows_with_target
    from mlcli.data.suspects import suspect_tokens

    data = DataConfig(path=source.label, target=target)
    suspects = suspect_tokens(table)
    tokens = sorted({token for counts in suspects.values() for token in counts})
    if tokens:
        suggestion.data["missing_values"] = tuple(tokens)
        where = ", ".join(f"{column} ({sum(counts.values())} rows)" for column, counts in suspects.items())
        suggestion.comments["data.missing_values"] = f"numbers except these: {where}"
        data = data.model_copy(update={"missing_values": tuple(tokens)})
    kept = rows_with_target(table, data, source=source.label)
    schema = infer_schema(table.filter(kept), data, task=None, source=source.label)
    suggestion.data["target"] = target
    suggestion.comments["task"] = schema.target.reason.removeprefix(f"{schema.target.task}: ")
    if schema.target.positive is not None:
        suggestion.data["positive"] = schema.target.positive
        suggestion.comments["data.positive"] = "the class that precision, recall and F1 are about"
    _name_columns(suggestion, table, schema)
    return schema


def _name_columns(suggestion: _Suggestion, table: pa.Table, schema: Schema) -> None:
    """Write every column's kind with the reason, and the first id as an id."""
    kinds: dict[str, str] = {}
    by_name: dict[str, Column] = {column.name: column for column in schema.columns}
    ignored = {column.name: column.reason for column in schema.ignored}
    row_name = next((name for name in ignored if _names_rows(table[name])), None)
    if row_name is not None:
        suggestion.data["id"] = (row_name,)
        suggestion.comments["data.id"] = f"kept beside each prediction; {ignored.pop(row_name)}"
    for name in table.column_names:
        if name in by_name:
            kinds[name] = by_name[name].kind
            suggestion.comments[join_key(("data", "columns", name))] = by_name[name].reason
        elif name in ignored:
            kinds[name] = "ignore"
            suggestion.comments[join_key(("data", "columns", name))] = ignored[name]
    suggestion.data["columns"] = kinds


def _names_rows(column: pa.ChunkedArray) -> bool:
    """Tell whether a column holds another value in every row."""
    import pyarrow.compute as pc

    return bool(column.null_count == 0 and pc.count_distinct(column).as_py() == len(column))


def _choose_split(suggestion: _Suggestion, table: pa.Table, schema: Schema) -> None:
    """Hold out the latest rows where the file is a series in time, random rows elsewhere."""
    series = next((column.name for column in schema.of_kind("date") if _is_series(table, column, schema)), None)
    if series is not None and schema.target.task == "regression":
        suggestion.sections["split"] = {"method": "time", "column": series}
        suggestion.comments["split.method"] = (
            f"the rows follow {series}, one each: the latest are held out, as the future will be"
        )
        suggestion.comments["split.test_size"] = "share of the rows held out"
        return
    suggestion.sections["split"] = {"method": "random"}
    suggestion.comments["split.method"] = "also: time, group, hash, column, files"
    suggestion.comments["split.test_size"] = "share of the rows held out"
    suggestion.comments["split.random_state"] = "another seed holds out other rows"


def _is_series(table: pa.Table, column: Column, schema: Schema) -> bool:
    """Tell whether a date column increases strictly from row to row."""
    import numpy as np

    from mlcli.data.rows import type_rows

    if column.n_missing or column.n_distinct < schema.n_rows:
        return False
    typed = type_rows(table.slice(0, 10_000), schema, source="", target="none")
    return bool(np.all(np.diff(typed.dataset.X[column.name].to_numpy()) > np.timedelta64(0, "us")))


def _drop_leaks(suggestion: _Suggestion, table: pa.Table, schema: Schema, source: Source) -> None:
    """Leave out columns that give the target away."""
    from mlcli.data.checks import find_problems
    from mlcli.data.inference import rows_with_target
    from mlcli.data.rows import type_rows

    kept = table.filter(
        rows_with_target(table, DataConfig(**suggestion.data | {"path": source.label}), source=source.label)
    )
    dataset = type_rows(kept, schema, source=source.label, target="required").dataset
    findings: tuple[Finding, ...] = find_problems(dataset, None, schema)
    leaks = [finding for finding in findings if finding.code == "target-leak"]
    names = [name for finding in leaks for name in finding.columns]
    if not names:
        return
    for name in names:
        suggestion.data["columns"][name] = "ignore"
        suggestion.comments[join_key(("data", "columns", name))] = "gives the target away, see the finding target-leak"
        logger.warning("left out %r: it gives the target away", name)


PREPROCESSING = {
    "number": {
        "impute": "for blanks; auto: the median, or none for models that read blanks; also mean, zero, none",
        "scale": "auto: standard where the model compares weights or distances; also robust, minmax, quantile, none",
    },
    "category": {
        "encode": "auto: one_hot up to max_levels, target above; also ordinal",
        "max_levels": "levels above which a category is encoded by its effect on the target, cross-fitted",
    },
    "date": {"elapsed": "days since the first training date, beside the parts that vary"},
    "text": {"ngrams": "auto: words and characters, characters alone where words are not separated by spaces"},
}
"""What a config says of the preprocessing of each kind: keys worth knowing, written with their defaults."""


def _describe_preprocessing(suggestion: _Suggestion, schema: Schema) -> None:
    """Write the defaults that matter for the kinds of this table."""
    for kind, keys in PREPROCESSING.items():
        if any(column.kind == kind for column in schema.columns):
            suggestion.comments |= {f"preprocess.{kind}.{key}": meaning for key, meaning in keys.items()}


def _choose_model(suggestion: _Suggestion, schema: Schema) -> None:
    """Leave the model to a quick choice, and name the one that would be the first try by hand."""
    linear = "logistic_regression" if schema.target.task == "classification" else "ridge"
    texts = bool(schema.of_kind("text"))
    first = linear if schema.n_rows < LINEAR_BELOW or texts else "gradient_boosting"
    suggestion.sections["model"] = {"name": AUTO, "effort": "quick"}
    suggestion.comments["model.name"] = (
        f"the best of several, or their mean; to fit one alone, write its name, such as {first}, and no effort"
    )
    suggestion.comments["model.effort"] = "two models; standard and thorough try more, and take longer"


def _header(schema: Schema, source: Source, place: Path | None) -> list[str]:
    """Return the lines that open the file: what it is and what to do with it."""
    from mlcli import __version__

    target = schema.target
    classes = (
        f" ({', '.join(map(str, target.classes))})" if target.classes is not None and len(target.classes) <= 10 else ""
    )
    return [
        f"Predicts {target.name}{classes} from {len(schema.columns)} columns of {source.label}.",
        f"Written by mlcli {__version__} init from {schema.n_rows} rows; every line may be edited.",
        f"Run: mlcli train --config {os.path.relpath(place) if place is not None else 'FILE'}",
    ]
