"""What is found in rows that hold a planted problem, and that nothing is found without it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from mlcli.config.sections import DataConfig, SplitConfig
from mlcli.data.checks import CODES, SEVERITIES, find_problems
from mlcli.data.checks_frame import in_yaml
from mlcli.data.inference import infer_schema
from mlcli.data.rows import type_rows
from mlcli.data.split import split_rows

DOCS = Path(__file__).parents[1] / "docs" / "findings.md"


def clean(n=600, *, seed=0):
    """A table without a problem: two measures, a place, and a class that they only hint at."""
    rng = np.random.default_rng(seed)
    size, age = rng.normal(10, 2, n), rng.normal(40, 9, n)
    return {
        "size": size,
        "age": age,
        "place": rng.choice(["north", "south", "west"], n),
        "y": np.where(size + age / 9 + rng.normal(0, 4, n) > 14.5, "yes", "no"),
    }


def look(table, *, split=None, task="classification", data=None, **options):
    """Divide, type and check a table of columns."""
    table = table if isinstance(table, pa.Table) else pa.table(table)
    config = DataConfig(path="planted.csv", target="y", **(data or {}))
    split = split or SplitConfig()
    parts = split_rows(table, split, target="y", task=task, source="planted.csv")
    schema = infer_schema(table.take(parts.train), config, task=task, source="planted.csv")
    rows = type_rows(table, schema, source="planted.csv").dataset
    return find_problems(rows.take(parts.train), rows.take(parts.test), schema, split=split, **options)


def codes(findings, *, severity=None):
    return {f.code for f in findings if severity is None or f.severity == severity}


def the(findings, code):
    (found,) = [f for f in findings if f.code == code]
    return found


def repeat(table, positions):
    """The same columns with some rows once more at the end."""
    return {name: np.concatenate([cells, np.asarray(cells)[positions]]) for name, cells in table.items()}


def test_a_clean_table_has_no_finding():
    assert look(clean()) == ()


def test_rows_that_stand_twice_are_found_in_train_and_across():
    findings = look(repeat(clean(), range(100)))

    duplicates, shared = the(findings, "duplicate-rows"), the(findings, "shared-rows")
    assert duplicates.severity == shared.severity == "warning"
    assert re.search(r"of 560 training rows \(\d+ %\) repeat another one", duplicates.message)
    first, second = map(int, re.search(r"rows (\d+) and (\d+)", duplicates.message).groups())
    assert (first, second) == (first, first + 600)
    first, second = map(int, re.search(r"row (\d+) and row (\d+)", shared.message).groups())
    assert abs(first - second) == 600


@pytest.mark.parametrize("n_repeated", [1, 3])
def test_a_few_repeated_rows_are_a_note(n_repeated):
    findings = look(repeat(clean(), range(n_repeated)))

    assert codes(findings, severity="note") <= {"duplicate-rows", "shared-rows"}
    assert codes(findings, severity="note")
    assert not codes(findings, severity="warning")


def test_repeats_are_no_news_in_a_table_of_few_combinations():
    rng = np.random.default_rng(0)
    table = {"a": rng.choice(["x", "y"], 500), "b": rng.choice(["x", "y"], 500), "y": rng.choice(["p", "q"], 500)}

    assert not codes(look(table), severity="warning") - {"conflicting-rows"}


def test_zero_and_minus_zero_and_gaps_make_equal_rows():
    table = clean()
    table["size"][:4] = [0.0, -0.0, np.nan, np.nan]
    for name in ("age", "place", "y"):
        table[name][1], table[name][3] = table[name][0], table[name][2]

    findings = look(table, split=SplitConfig(test_size=0.01, stratify=False))

    assert "2 of" in the(findings, "duplicate-rows").message


def test_rows_that_differ_in_their_class_alone_conflict_and_the_ceiling_is_told():
    table = repeat(clean(500), range(100))
    table["y"][500:] = np.where(table["y"][:100] == "yes", "no", "yes")

    found = the(look(table, split=SplitConfig(test_size=0.001, stratify=False)), "conflicting-rows")

    assert found.severity == "warning"
    # 100 pairs among 600 rows, of which one is wrong; the single test row may be one of them.
    assert re.search(r"right on more than 83\.[345] %", found.message)
    assert "shared-rows" not in codes(look(table))


def test_rows_without_a_target_are_counted():
    assert the(look(clean(), dropped_rows=3), "target-missing").severity == "note"
    assert the(look(clean(), dropped_rows=60), "target-missing").severity == "warning"


def test_a_rare_class_is_named_with_its_rows():
    table = clean()
    table["y"] = table["y"].astype(object)
    table["y"][:10] = "perhaps"

    found = the(look(table), "rare-class")

    assert "'perhaps' (8 train, 2 test)" in found.message
    assert "'yes' (" not in found.message


@pytest.mark.parametrize(("share", "severity"), [(0.2, None), (0.06, "note"), (0.01, "warning")])
def test_a_dominant_class_is_a_note_and_then_a_warning(share, severity):
    table = clean(4000)
    table["y"] = np.where(np.random.default_rng(1).random(4000) < share, "yes", "no")

    found = [f.severity for f in look(table) if f.code == "imbalance"]

    assert found == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("n", "cv", "severity"), [(120, 0, "warning"), (300, 0, "note"), (300, 5, None), (600, 0, None)]
)
def test_a_small_test_is_said_to_be_rough(n, cv, severity):
    found = [f.severity for f in look(clean(n), split=SplitConfig(cv=cv)) if f.code == "small-test"]

    assert found == ([severity] if severity else [])


def test_constant_and_empty_columns_are_named():
    table = clean() | {"planet": ["earth"] * 600, "comment": pa.nulls(600, pa.string())}

    assert set(the(look(table), "constant-column").columns) == {"planet", "comment"}


def test_an_id_is_named_whether_it_is_left_out_or_forced_in():
    table = clean() | {"customer_id": np.arange(600)}

    left_out = the(look(table), "id-like")
    forced = the(look(table, data={"columns": {"customer_id": "number"}}), "id-like")

    assert (left_out.severity, left_out.columns) == ("note", ("customer_id",))
    assert (forced.severity, forced.columns) == ("warning", ("customer_id",))
    assert forced.advice == "Leave it out: data.drop: [customer_id]."


def test_a_measure_with_a_value_of_its_own_in_every_row_is_no_id():
    table = clean() | {"income": np.random.default_rng(0).choice(10**7, 600, replace=False)}

    assert "id-like" not in codes(look(table))


@pytest.mark.parametrize(("share", "found"), [(0.4, False), (0.6, True)])
def test_a_column_with_more_gaps_than_cells_is_named(share, found):
    table = clean()
    table["age"][: int(600 * share)] = np.nan

    assert ("mostly-missing" in codes(look(table, split=SplitConfig(stratify=False)))) == found


def test_suspected_tokens_are_shown_with_the_setting_that_makes_them_missing():
    suspects = {"age": {"?": 12, "n/a": 3}, "gone": {"?": 1}, "place": {"-": 2}}
    table = clean() | {"gone": np.random.default_rng(0).normal(size=600)}

    found = the(
        look(table, suspects=suspects, data={"drop": ("gone",), "missing_values": ("-",)}),
        "missing-token",
    )

    assert found.columns == ("age",)
    assert "age: '?' (12 rows), 'n/a' (3 rows)" in found.message
    assert found.advice == 'If they mean missing: data.missing_values: ["?", "n/a"].'


@pytest.mark.parametrize(("others", "found"), [(5.0, True), (-5.0, False)], ids=["positive", "mixed"])
def test_minus_999_among_numbers_that_are_never_negative_is_suspected(others, found):
    table = clean()
    table["size"] = np.where(np.arange(600) % 20 == 0, -999.0, np.abs(table["size"]))
    table["size"][1] = others

    assert ("missing-token" in codes(look(table))) == found


def test_many_levels_with_few_rows_each_are_named():
    rng = np.random.default_rng(0)
    table = clean(2000) | {"shop": [f"shop {i}" for i in rng.integers(0, 300, 2000)]}

    assert the(look(table), "high-cardinality").columns == ("shop",)


def test_copies_are_found_in_numbers_on_another_scale_and_in_categories_level_by_level():
    table = clean()
    table |= {
        "fahrenheit": 32 - 1.8 * table["size"],
        "place code": np.where(table["place"] == "north", "N", np.where(table["place"] == "south", "S", "W")),
        "almost": table["size"] + np.random.default_rng(9).normal(0, 0.01, 600),
    }

    found = the(look(table), "correlated-copies")

    assert found.columns == ("place", "place code", "size", "fahrenheit")
    assert "place code has one level for each of place; fahrenheit is size on another scale" in found.message
    assert found.advice.endswith("data.drop: [place code, fahrenheit].")


def test_weights_that_leave_few_rows_or_none_are_reported():
    weight = np.full(600, 1e-3)
    weight[:2] = 5.0
    even = np.random.default_rng(0).uniform(0.5, 2, 600)
    data = {"weight": "w"}

    assert (
        the(look(clean() | {"w": weight}, data=data, split=SplitConfig(stratify=False)), "uneven-weights").severity
        == "warning"
    )
    assert the(look(clean() | {"w": np.zeros(600)}, data=data), "uneven-weights").severity == "error"
    assert "uneven-weights" not in codes(look(clean() | {"w": even}, data=data))


def test_dates_divided_by_chance_are_a_note_and_by_time_are_none():
    days = np.datetime64("2024-01-01") + np.random.default_rng(0).integers(0, 300, 600)
    table = clean() | {"day": days.astype("datetime64[us]")}

    assert the(look(table), "time-ignored").advice.endswith("split: {method: time, column: day}.")
    assert "time-ignored" not in codes(look(table, split=SplitConfig(method="time", column="day")))


def test_findings_stand_gravest_first_and_are_the_same_each_time():
    table = repeat(clean(), range(40))
    table |= {"told": table["y"], "empty": [None] * 640}

    findings = look(table, dropped_rows=90)

    order = [(SEVERITIES.index(f.severity), CODES.index(f.code)) for f in findings]
    assert order == sorted(order)
    assert len(codes(findings)) >= 4
    assert findings == look(table, dropped_rows=90)


def test_the_order_of_the_columns_changes_no_message_about_rows():
    table = repeat(clean(), range(40))
    turned = dict(reversed(table.items()))

    assert the(look(table), "shared-rows") == the(look(turned), "shared-rows")


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_section_in_the_documentation(code):
    sections = re.findall(r"^## `([a-z-]+)`$", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert sections.count(code) == 1
    assert set(sections) == set(CODES)


@pytest.mark.parametrize(
    "names", [["a", "Customer ID"], ["a,b", "c: d"], ["no", "null", "1st"], ["$x", "编号", "-999", "?", 'say "hi"']]
)
def test_names_in_an_advice_can_be_copied_into_a_config(names):
    assert YAML(typ="safe").load(in_yaml(names)) == names
