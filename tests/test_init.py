"""`mlcli init` writes a config that trains without an edit, wherever the config will lie."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mlcli.cli.boundary import run
from mlcli.config.load import load_config

TARGETS = {
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

FEW = {"spam_emails.csv.gz": 200, "chinese_sentiment.csv.gz": 300}
"""Rows of a file that are trained on, about; 600 of one without long texts."""


def test_every_sample_has_a_target_here(data_dir):
    assert {path.name for path in data_dir.iterdir() if "csv" in path.name} == set(TARGETS)


@pytest.mark.parametrize("file", TARGETS)
def test_what_init_writes_trains_without_an_edit(file, data_dir, tmp_path, capsys):
    config = tmp_path / "configs" / "first.yaml"
    config.parent.mkdir()
    assert run(["init", str(data_dir / file), "--target", TARGETS[file], "--output", str(config)]) == 0

    # The config is made of the whole file. A choice fits dozens of models, and every n-th row shows as well that it runs.
    table = pd.read_csv(data_dir / file, dtype=str, keep_default_na=False)
    few = tmp_path / "few.csv"
    table.iloc[:: max(1, len(table) // FEW.get(file, 600))].to_csv(few, index=False)
    options = [f"data.path={few}", f"output={tmp_path / 'runs'}"]

    assert run(["train", "--config", str(config), "--quiet", *(part for o in options for part in ("--set", o))]) == 0

    shown = capsys.readouterr()
    assert "better than the dummy" in shown.out
    assert "Traceback" not in shown.err


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "data" / "loans.csv"
    path.parent.mkdir()
    pd.DataFrame(
        {
            "loan": [f"L-{i:05d}" for i in range(80)],
            "income ($)": ["n/a" if i % 20 == 3 else str(1000 + (i * 37) % 900) for i in range(80)],
            "城市": ["北京", "上海", "广州", "深圳"] * 20,
            "no": ["yes", "no"] * 40,
            "same": ["x"] * 80,
            "late": [str(int((i * 37) % 900 > 450)) for i in range(80)],
        }
    ).to_csv(path, index=False)
    return path


def written(config: Path):
    return load_config(config, environ={}).config


def test_tokens_that_mean_missing_are_found_and_said(table, tmp_path, capsys):
    assert run(["init", str(table), "-t", "late", "-o", str(tmp_path / "c.yaml"), "-q"]) == 0

    config = written(tmp_path / "c.yaml")
    assert config.data.missing_values == ("n/a",)
    assert config.data.columns["income ($)"] == "number"


def test_ids_are_kept_and_constant_columns_left_out(table, tmp_path):
    assert run(["init", str(table), "-t", "late", "-o", str(tmp_path / "c.yaml"), "-q"]) == 0

    config = written(tmp_path / "c.yaml")
    assert config.data.id == ("loan",)
    assert config.data.columns["same"] == "ignore"
    assert config.data.columns["城市"] == "category"


def test_paths_are_relative_to_where_the_config_will_lie(table, tmp_path):
    (tmp_path / "configs").mkdir()
    assert run(["init", str(table), "-t", "late", "-o", str(tmp_path / "configs" / "c.yaml"), "-q"]) == 0

    assert written(tmp_path / "configs" / "c.yaml").data.path == "../data/loans.csv"


def test_paths_are_right_behind_a_redirection_too(table, tmp_path):
    (tmp_path / "configs").mkdir()
    with (tmp_path / "configs" / "c.yaml").open("w") as file:
        subprocess.run(
            [sys.executable, "-m", "mlcli", "init", "data/loans.csv", "--target", "late", "--quiet"],
            stdout=file,
            cwd=tmp_path,
            check=True,
        )

    assert written(tmp_path / "configs" / "c.yaml").data.path == "../data/loans.csv"


def test_an_existing_file_is_not_overwritten_unless_asked(table, tmp_path, capsys):
    config = tmp_path / "c.yaml"
    config.write_text("mine")

    assert run(["init", str(table), "-t", "late", "-o", str(config)]) == 2
    assert config.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert run(["init", str(table), "-t", "late", "-o", str(config), "--force"]) == 0
    assert config.read_text() != "mine"


def test_the_model_is_left_to_a_choice_and_the_file_says_how_to_name_one(table, tmp_path):
    assert run(["init", str(table), "-t", "late", "-o", str(tmp_path / "c.yaml"), "-q"]) == 0

    model = written(tmp_path / "c.yaml").model
    assert (model.name, model.effort) == ("auto", "quick")
    text = " ".join((tmp_path / "c.yaml").read_text(encoding="utf-8").split()).replace("# ", "")
    assert "to fit one alone, write its name, such as logistic_regression, and no effort" in text
    alone = (tmp_path / "c.yaml").read_text().replace("name: auto", "name: logistic_regression")
    (tmp_path / "one.yaml").write_text("".join(line for line in alone.splitlines(True) if "effort: quick" not in line))
    assert written(tmp_path / "one.yaml").model.name == "logistic_regression"


def test_a_series_in_time_is_split_by_time(tmp_path):
    days = pd.date_range("2024-01-01", periods=120)
    pd.DataFrame(
        {
            "day": days.strftime("%Y-%m-%d"),
            "temp": [i % 17 + 0.5 for i in range(120)],
            "sold": [i * 3 % 97 for i in range(120)],
        }
    ).to_csv(tmp_path / "sales.csv", index=False)
    assert run(["init", str(tmp_path / "sales.csv"), "-t", "sold", "-o", str(tmp_path / "c.yaml"), "-q"]) == 0

    split = written(tmp_path / "c.yaml").split
    assert (split.method, split.column) == ("time", "day")


def test_columns_that_give_the_target_away_are_left_out(data_dir, tmp_path, capsys):
    assert run(["init", str(data_dir / "bike_sharing_daily.csv"), "-t", "cnt", "-o", str(tmp_path / "c.yaml")]) == 0

    columns = written(tmp_path / "c.yaml").data.columns
    assert (columns["casual"], columns["registered"]) == ("ignore", "ignore")
    assert "gives the target away" in capsys.readouterr().err
