"""What is inferred of the sample files, as an analyst would have it."""

import csv
import gzip
import io

import pyarrow as pa
import pytest

from mlcli.config.sections import DataConfig
from mlcli.data.inference import infer_schema
from mlcli.data.rows import type_rows
from mlcli.data.schema import Schema
from mlcli.data.suspects import suspect_tokens


@pytest.fixture(scope="session")
def table_of(data_dir):
    """Return a function that reads a sample, every cell as text, blank ones null."""

    def read(name):
        content = (data_dir / name).read_bytes()
        text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
        header, *rows = csv.reader(io.StringIO(text))
        columns = zip(*rows, strict=True)
        return pa.table(
            {
                name: pa.array([cell or None for cell in cells], pa.string())
                for name, cells in zip(header, columns, strict=True)
            }
        )

    return read


SAMPLES = {
    "titanic.csv": ("Survived", "classification", 1),
    "german_credit.csv": ("creditability", "classification", "bad"),
    "penguins.csv": ("species", "classification", None),
    "census_income_20k.csv.gz": ("income", "classification", ">50K"),
    "card_fraud.csv.gz": ("fraud", "classification", True),
    "diamonds.csv.gz": ("price", "regression", None),
    "ames_housing.csv.gz": ("Sale_Price", "regression", None),
    "bike_sharing_daily.csv": ("cnt", "regression", None),
    "spam_emails.csv.gz": ("label", "classification", "spam"),
    "chinese_sentiment.csv.gz": ("label", "classification", "pos"),
}

IGNORED = {
    "titanic.csv": {"PassengerId", "Ticket"},
    "card_fraud.csv.gz": {"id", "card_id"},
    "bike_sharing_daily.csv": {"instant"},
}

KINDS = {
    "titanic.csv": {"Name": "text", "Cabin": "category", "Pclass": "number", "Age": "number", "Sex": "category"},
    "german_credit.csv": {
        "status_of_existing_checking_account": "category",
        "credit_history": "category",
        "credit_amount": "number",
        "foreign_worker": "boolean",
    },
    "penguins.csv": {"sex": "category", "body_mass_g": "number", "year": "number"},
    "census_income_20k.csv.gz": {"industry_code": "category", "migration_msa": "category", "age": "number"},
    "card_fraud.csv.gz": {
        "datetime": "date",
        "expiration_date": "category",
        "store_id": "category",
        "customer_present": "boolean",
        "amount": "number",
        "lat": "number",
        "region": "category",
    },
    "diamonds.csv.gz": {"carat": "number", "cut": "category"},
    "ames_housing.csv.gz": {"Neighborhood": "category", "Longitude": "number", "Year_Built": "number"},
    "bike_sharing_daily.csv": {"dteday": "date", "season": "number", "temp": "number"},
    "spam_emails.csv.gz": {"subject": "text", "body": "text"},
    "chinese_sentiment.csv.gz": {"text": "text"},
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_read_as_an_analyst_would(name, table_of):
    target, task, positive = SAMPLES[name]
    table = table_of(name)

    schema = infer_schema(table, DataConfig(path=name, target=target), task=None, source=name)
    typed = type_rows(table, schema, source=name)

    kinds = {column.name: column.kind for column in schema.columns}
    assert (schema.target.task, schema.target.positive) == (task, positive)
    assert {column.name for column in schema.ignored} == IGNORED.get(name, set())
    assert {key: kinds[key] for key in KINDS[name]} == KINDS[name]
    assert (typed.unseen, typed.out_of_range) == ({}, {})
    assert Schema.from_json(schema.to_json()) == schema


def test_only_the_census_has_suspect_tokens(table_of):
    assert set(suspect_tokens(table_of("census_income_20k.csv.gz"))) == {
        "state_prev",
        "migration_msa",
        "migration_reg",
        "move_within_reg",
        "migration_sunbelt",
        "birth_father",
        "birth_mother",
        "birth_self",
    }
    assert suspect_tokens(table_of("ames_housing.csv.gz")) == {}
