"""The sample files: the one leak is found, and nothing else is called one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mlcli.config.sections import DataConfig, SplitConfig
from mlcli.data.checks import find_problems
from mlcli.data.inference import infer_schema, rows_with_target
from mlcli.data.reading import read_table
from mlcli.data.rows import type_rows
from mlcli.data.source import resolve_source
from mlcli.data.split import split_rows

SAMPLES = {
    "german_credit.csv": "creditability",
    "titanic.csv": "Survived",
    "penguins.csv": "species",
    "census_income_20k.csv.gz": "income",
    "card_fraud.csv.gz": "fraud",
    "diamonds.csv.gz": "price",
    "ames_housing.csv.gz": "Sale_Price",
    "bike_sharing_daily.csv": "cnt",
    "spam_emails.csv.gz": "label",
    "chinese_sentiment.csv.gz": "label",
}
BY_TIME = SplitConfig(method="time", column="dteday")


@pytest.fixture(scope="module")
def look(data_dir):
    """Read, divide, type and check a sample file."""

    def read_and_look(name, *, split=None, drop=()):
        split = split or SplitConfig()
        config = DataConfig(path=name, target=SAMPLES[name], drop=drop)
        table = read_table(resolve_source(config, base=data_dir))
        kept = rows_with_target(table, config, source=name)
        table = table.filter(pa.array(kept))
        task = infer_schema(table, config, task=None, source=name).target.task
        parts = split_rows(table, split, target=config.target, task=task, source=name)
        schema = infer_schema(table.take(parts.train), config, task=task, source=name)
        rows = type_rows(table, schema, source=name).dataset
        dropped = int(np.count_nonzero(~kept))
        return find_problems(rows.take(parts.train), rows.take(parts.test), schema, dropped_rows=dropped, split=split)

    return read_and_look


def leaks(findings):
    return [f.columns for f in findings if f.code == "target-leak"]


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_no_sample_but_bike_sharing_has_a_leak_or_an_error(name, look):
    findings = look(name, split=BY_TIME if name == "bike_sharing_daily.csv" else None)

    assert leaks(findings) == ([("casual", "registered")] if name == "bike_sharing_daily.csv" else [])
    assert {f.severity for f in findings if f.code != "target-leak"} <= {"warning", "note"}


@pytest.mark.parametrize("split", [BY_TIME, SplitConfig()], ids=["time", "random"])
def test_the_leak_of_bike_sharing_is_named_with_the_setting_that_closes_it(split, look):
    (found,) = [f for f in look("bike_sharing_daily.csv", split=split) if f.code == "target-leak"]

    assert found.severity == "error"
    assert found.message.startswith("cnt is casual + registered:")
    assert "data.drop: [casual, registered]" in found.advice
    assert leaks(look("bike_sharing_daily.csv", split=split, drop=found.columns)) == []


@pytest.mark.parametrize("name", ["penguins.csv", "diamonds.csv.gz", "german_credit.csv", "titanic.csv"])
def test_clean_samples_raise_no_warning(name, look):
    assert [f for f in look(name) if f.severity != "note"] == []
