"""A shift between train and test is found when it is real, and hardly ever by chance."""

from __future__ import annotations

import numpy as np
import pytest
from test_checks_findings import clean, codes, look, the

from mlcli.config.sections import SplitConfig
from mlcli.data.checks_drift import _chi_squared_quantile

BY_PART = SplitConfig(method="column", column="part")


def parted(n=2000, *, share=0.3, seed=0):
    """A clean table in which a column says which rows are the test."""
    table = clean(n, seed=seed)
    return table | {"part": np.where(np.arange(n) < share * n, "test", "train")}


def test_random_splits_do_not_cry_wolf():
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = int(rng.choice([100, 300, 2000]))
        table = clean(n, seed=seed) | {
            "heavy": rng.standard_cauchy(n),
            "counts": rng.poisson(0.3, n).astype(float),
            "gaps": np.where(rng.random(n) < 0.4, np.nan, rng.normal(size=n)),
            "towns": [f"town {i}" for i in rng.zipf(1.5, n) % 200],
        }
        found += sum(f.code == "drift" for f in look(table, split=SplitConfig(random_state=seed, stratify=False)))

    assert found == 0


@pytest.mark.parametrize("name", ["size", "place", "gaps", "y"])
def test_a_real_shift_is_found_in_numbers_levels_gaps_and_the_target(name):
    table = parted()
    rng = np.random.default_rng(5)
    table["gaps"] = rng.normal(size=2000)
    test = table["part"] == "test"
    match name:
        case "size":
            table["size"] = table["size"] + 2.0 * test
        case "place":
            table["place"] = np.where(test & (table["place"] == "west"), "north", table["place"])
        case "gaps":
            table["gaps"][test & (rng.random(2000) < 0.4)] = np.nan
        case "y":
            table["y"] = np.where(test & (rng.random(2000) < 0.6), "yes", table["y"])

    found = the(look(table, split=BY_PART), "drift")

    assert (found.severity, found.columns) == ("warning", (name,))


def test_a_shift_too_small_to_matter_is_not_reported_however_certain():
    table = parted(40_000)
    table["size"] = table["size"] + 0.3 * (table["part"] == "test")

    assert "drift" not in codes(look(table, split=BY_PART))


def test_by_time_a_shift_is_a_note_and_the_dates_themselves_are_none():
    days = np.datetime64("2024-01-01") + np.arange(1000)
    table = clean(1000) | {"day": days.astype("datetime64[us]"), "trend": np.arange(1000) / 7 + 0.5}

    found = the(look(table, split=SplitConfig(method="time", column="day")), "drift")

    assert (found.severity, found.columns) == ("note", ("trend",))


def test_levels_that_training_never_saw_are_reported():
    table = parted()
    table["place"] = np.where((table["part"] == "test") & (np.arange(2000) % 4 == 0), "moon", table["place"])

    assert the(look(table, split=BY_PART), "unseen-level").columns == ("place",)
    assert "unseen-level" not in codes(look(parted(), split=BY_PART))


@pytest.mark.parametrize("degrees", [1, 2, 3, 5, 9, 30])
@pytest.mark.parametrize("probability", [0.95, 0.9999, 0.999999])
def test_the_approximate_quantile_is_near_the_exact_one(degrees, probability):
    from scipy.special import chdtri

    exact = chdtri(degrees, 1 - probability)
    # Far out, where the limit lies, it errs upwards: chance is reported less often than promised.
    assert 0.98 * exact < _chi_squared_quantile(probability, degrees) < 1.08 * exact
