"""The folds that models are chosen on keep what the split promised."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from choice_samples import customers, load, write_choice

from mlcli.errors import DataError
from mlcli.training import choice_folds as rules
from mlcli.training.choice_folds import choice_folds
from mlcli.training.prepare import prepare


def folds_of(config, *overrides):
    loaded = load(config, *overrides)
    prepared = prepare(loaded)
    return prepared, choice_folds(loaded, prepared)


def held_out(folds):
    return np.sort(np.concatenate([fold.test for fold in folds]))


def test_below_a_thousand_rows_five_folds_are_drawn_twice(tmp_path):
    prepared, found = folds_of(write_choice(tmp_path))

    assert len(found.folds) == 10
    for turn in (found.folds[:5], found.folds[5:]):
        np.testing.assert_array_equal(held_out(turn), np.arange(len(prepared.train)))
    assert found.folds[0] != found.folds[5]
    assert found.description == "5 folds of 128 training rows, 2 times"


def test_a_quick_choice_draws_them_once(tmp_path):
    _, found = folds_of(write_choice(tmp_path), "model.effort=quick")

    assert len(found.folds) == 5


@pytest.mark.parametrize(("n_rows", "n_folds"), [(1_260, 5), (12_600, 3)])
def test_more_rows_need_fewer_folds(n_rows, n_folds, tmp_path):
    _, found = folds_of(write_choice(tmp_path, n_rows=n_rows))

    assert len(found.folds) == n_folds


def test_a_large_table_is_judged_on_one_hold_out_of_a_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "_THREE_UP_TO", 100)
    monkeypatch.setattr(rules, "_SAMPLE", 50)
    _, found = folds_of(write_choice(tmp_path))

    (fold,) = found.folds
    assert len(fold.train) + len(fold.test) <= 50
    assert 8 <= len(fold.test) <= 10
    assert not set(fold.train) & set(fold.test)
    assert "rows held out of" in found.description


def test_every_fold_keeps_the_shares_of_the_classes(tmp_path):
    prepared, found = folds_of(write_choice(tmp_path))
    share = np.mean(prepared.train.y == "yes")

    for fold in found.folds:
        assert np.mean(prepared.train.y[fold.test] == "yes") == pytest.approx(share, abs=0.05)


def test_a_class_with_fewer_rows_than_folds_does_not_stop_the_choice(tmp_path):
    config = write_choice(tmp_path)
    table = customers(160)
    table.loc[[5, 50, 90], "left"] = "maybe"
    table.to_csv(tmp_path / "customers.csv", index=False)
    prepared, found = folds_of(config)

    assert len(found.folds) == 10
    np.testing.assert_array_equal(held_out(found.folds[:5]), np.arange(len(prepared.train)))


def test_groups_stay_together(tmp_path):
    config = write_choice(tmp_path, rest="split: {method: group, column: team}\n")
    prepared, found = folds_of(config)
    team = customers(160)["team"].to_numpy()[prepared.train.rows - 1]

    for fold in found.folds:
        assert not set(team[fold.train]) & set(team[fold.test])


def test_fewer_groups_than_folds_give_fewer_folds(tmp_path):
    config = write_choice(tmp_path, rest="split: {method: group, column: team, test_size: 0.4}\n")
    table = customers(160).assign(team=lambda t: (t.index % 5).astype(str))
    table.to_csv(tmp_path / "customers.csv", index=False)
    _, found = folds_of(config)

    assert len(found.folds) == 6
    assert found.description.startswith("3 folds")


def test_in_time_every_fold_is_judged_on_later_rows_than_it_learned_from(tmp_path):
    config = write_choice(tmp_path, rest="split: {method: time, column: since}\n")
    prepared, found = folds_of(config)
    since = pd.to_datetime(customers(160)["since"]).to_numpy()[prepared.train.rows - 1]

    assert len(found.folds) == 5, "one order of time is not drawn twice"
    for fold in found.folds:
        assert since[fold.train].max() < since[fold.test].min()


def test_a_single_row_cannot_be_held_out(tmp_path):
    config = write_choice(tmp_path)
    loaded = load(config)
    prepared = prepare(loaded)
    one = dataclasses.replace(prepared, train=prepared.train.take(np.array([0])))

    with pytest.raises(DataError, match=r"must have rows to hold out. Got 1 training row\."):
        choice_folds(loaded, one)
