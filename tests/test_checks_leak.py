"""Columns that give the target away are found and named; columns that only help are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_checks_findings import clean, codes, look, the

few = settings(max_examples=25, deadline=None)


def houses(n=800, *, seed=0):
    """A price that size and age explain to nine tenths."""
    rng = np.random.default_rng(seed)
    size, age = rng.uniform(40, 200, n), rng.uniform(0, 80, n)
    return {
        "size": size,
        "age": age,
        "rooms": rng.integers(1, 9, n).astype(float),
        "area": rng.choice(["city", "coast", "hills"], n),
        "y": 2000 * size - 900 * age + rng.normal(0, 25_000, n) + 100_000,
    }


def judge(table):
    return look(table, task="regression")


def test_columns_that_only_help_are_no_leak():
    assert "target-leak" not in codes(judge(houses()))
    assert "target-leak" not in codes(look(clean()))


@pytest.mark.parametrize(
    "leak",
    [
        lambda y, rng: np.where(y == "yes", "paid", "open"),
        lambda y, rng: np.where(y == "yes", rng.uniform(5, 9, len(y)), rng.uniform(0, 5, len(y))),
        lambda y, rng: np.where(y == "yes", rng.uniform(0, 1, len(y)), rng.choice([-5.0, 5.0], len(y))),
        lambda y, rng: np.where(y == "yes", np.nan, rng.uniform(0, 1, len(y))),
        lambda y, rng: np.where(y == "yes", np.datetime64("2024-03-01"), np.datetime64("2023-03-01")).astype("datetime64[us]")
        + rng.integers(0, 10**6, len(y)),
    ],
    ids=["category", "threshold", "not monotone", "missing", "date"],
)  # fmt: skip
def test_one_column_that_tells_the_classes_apart_is_named(leak):
    table = clean()
    table["told"] = leak(table["y"], np.random.default_rng(3))

    found = the(look(table), "target-leak")

    assert (found.severity, found.columns) == ("warning", ("told",))
    assert found.advice == "Unless it is known before y is: data.drop: [told]."


def test_a_column_must_tell_every_class_apart_to_be_a_leak():
    table = clean(900)
    table["y"] = np.random.default_rng(0).choice(["a", "b", "c"], 900)
    one = table | {"told": np.where(table["y"] == "a", "x", "z")}
    every = table | {"told": np.char.add("was ", table["y"])}

    assert "target-leak" not in codes(look(one))
    assert the(look(every), "target-leak").columns == ("told",)


def test_a_leak_of_a_very_rare_class_is_found():
    table = clean(30_000)
    table["y"] = np.where(np.random.default_rng(0).random(30_000) < 0.002, "yes", "no")
    table["told"] = (table["y"] == "yes") * 3.0 + np.random.default_rng(1).random(30_000)

    assert the(look(table), "target-leak").columns == ("told",)


@pytest.mark.parametrize(
    "leak",
    [lambda y: 3.5 - 2 * y, np.log, lambda y: (y / 1e5) ** 3, lambda y: np.where(np.arange(len(y)) % 9 == 0, np.nan, y)],
    ids=["scaled", "logarithm", "cube", "with gaps"],
)  # fmt: skip
def test_one_column_that_foretells_the_number_is_named(leak):
    table = houses()
    table["y"] = np.abs(table["y"]) + 1000
    table["told"] = leak(table["y"])

    assert the(judge(table), "target-leak").columns == ("told",)


def test_a_level_for_every_value_of_the_number_is_named():
    table = houses()
    band = np.random.default_rng(0).integers(0, 25, 800)
    table["y"] = band * 10.0
    table["told"] = [f"band {i}" for i in band]

    assert the(judge(table), "target-leak").columns == ("told",)


@few
@given(
    n_parts=st.integers(2, 4),
    signs=st.lists(st.sampled_from([1, -1]), min_size=4, max_size=4),
    seed=st.integers(0, 1000),
)
def test_the_parts_of_a_sum_are_named_and_nothing_else(n_parts, signs, seed):
    table = houses(300, seed=seed)
    rng = np.random.default_rng(seed)
    parts = {f"part{i}": rng.gamma(2, 50, 300).round(2) for i in range(n_parts)}
    table["y"] = sum(sign * part for sign, part in zip(signs, parts.values(), strict=False))

    found = the(judge(table | parts), "target-leak")

    assert set(found.columns) == set(parts)
    if signs[:n_parts] == [1] * n_parts:
        assert found.severity == "error"
        assert found.message.startswith(f"y is {' + '.join(parts)}:")


def test_a_product_is_found_as_one():
    table = houses()
    rng = np.random.default_rng(0)
    table |= {"price": rng.uniform(1, 9, 800), "quantity": rng.integers(1, 40, 800).astype(float)}
    table["y"] = table["price"] * table["quantity"]

    found = the(judge(table), "target-leak")

    assert found.columns == ("price", "quantity")
    assert found.message.startswith("y is price * quantity:")


def test_a_sum_is_found_beside_columns_that_repeat_each_other_and_have_gaps():
    table = houses()
    rng = np.random.default_rng(0)
    table |= {"left": rng.normal(50, 9, 800), "right": rng.normal(70, 9, 800), "size2": 2 * table["size"]}
    table["y"] = table["left"] + table["right"]
    table["age"][::3] = np.nan
    table["left"][5:40] = np.nan

    assert set(the(judge(table), "target-leak").columns) == {"left", "right"}


@few
@given(
    n=st.integers(10, 120),
    n_columns=st.integers(1, 30),
    seed=st.integers(0, 1000),
    task=st.sampled_from(["classification", "regression"]),
)
def test_noise_gives_nothing_away_however_many_columns_and_few_rows(n, n_columns, seed, task):
    rng = np.random.default_rng(seed)
    table = {f"x{i}": rng.normal(size=n) for i in range(n_columns)}
    table["y"] = rng.normal(size=n) if task == "regression" else np.array(["a", "b"])[np.arange(n) % 2]

    assert "target-leak" not in codes(look(table, task=task))
