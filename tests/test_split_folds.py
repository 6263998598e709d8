"""How the training rows are divided into folds, by the method of the hold-out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.config.sections import SplitConfig
from mlcli.data.split import cv_splits, split_rows
from mlcli.errors import DataError

few = settings(max_examples=40, deadline=None)


def visits(n=240, *, seed=0):
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "patient": [f"p{i}" for i in rng.integers(0, 30, n)],
            "day": [f"2024-{m:02}-{d:02}" for m, d in zip(rng.integers(1, 13, n), rng.integers(1, 28, n), strict=True)],
            "part": ["test" if i % 6 == 0 else "train" for i in range(n)],
            "y": ["ill" if u < 0.25 else "well" for u in rng.random(n)],
        }
    )


METHODS = {
    "random": {},
    "unstratified": {"stratify": False},
    "time": {"method": "time", "column": "day"},
    "group": {"method": "group", "column": "patient"},
    "hash": {"method": "hash", "column": "patient", "test_size": 0.3},
    "column": {"method": "column", "column": "part"},
    "files": {"method": "files", "test_path": "new.csv"},
}


def folds(table, config, *, task="classification"):
    hold_out = split_rows(table, config, target="y", task=task, source="visits.csv", n_test_file_rows=40)
    return hold_out, cv_splits(table, config, train=hold_out.train, target="y", task=task, source="visits.csv")


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_folds_divide_the_training_rows_alone_and_judge_each_at_most_once(name, task):
    table = visits()

    hold_out, parts = folds(table, SplitConfig(cv=4, **METHODS[name]), task=task)

    assert len(parts) == 4
    judged = np.concatenate([fold.test for fold in parts])
    assert len(np.unique(judged)) == len(judged)
    if name != "time":
        assert np.array_equal(np.sort(judged), hold_out.train)
    for fold in parts:
        assert not np.isin(hold_out.test, np.concatenate([fold.train, fold.test])).any()
        assert len(fold.test) > 0.08 * len(hold_out.train)


def test_no_folds_are_made_unless_asked_for():
    assert folds(visits(), SplitConfig())[1] == []


@pytest.mark.parametrize("name", ["random", "column", "files"])
def test_every_fold_holds_the_class_share_of_all_to_within_a_row(name):
    table = visits()
    labels = table["y"].to_numpy(zero_copy_only=False)

    hold_out, parts = folds(table, SplitConfig(cv=5, **METHODS[name]))

    n_ill = (labels[hold_out.train] == "ill").sum()
    assert all(abs((labels[fold.test] == "ill").sum() - n_ill / 5) < 1 for fold in parts)


@pytest.mark.parametrize("name", ["group", "hash"])
def test_a_group_is_judged_in_one_fold_alone_and_classes_stay_near(name):
    table = visits()
    patients = table["patient"].to_numpy(zero_copy_only=False)
    ill = table["y"].to_numpy(zero_copy_only=False) == "ill"

    hold_out, parts = folds(table, SplitConfig(cv=4, **METHODS[name]))

    for fold in parts:
        assert not set(patients[fold.train]) & set(patients[fold.test])
        assert abs(ill[fold.test].mean() - ill[hold_out.train].mean()) < 0.1
        assert abs(len(fold.test) - len(hold_out.train) / 4) < 12


@few
@given(
    times=st.lists(st.integers(0, 25), min_size=20, max_size=90).filter(lambda t: len(set(t)) > 6),
    cv=st.integers(2, 4),
)
def test_each_fold_by_time_learns_from_all_that_came_before_and_from_nothing_else(times, cv):
    table = pa.table({"y": [float(t) for t in times], "t": times})
    train = np.arange(len(times))

    parts = cv_splits(
        table, SplitConfig(method="time", column="t", cv=cv), train=train, target="y", task="regression", source="t.csv"
    )

    ordered = np.asarray(times)
    for before, after in zip([None, *parts], [*parts, None], strict=True):
        if after is not None:
            assert ordered[after.train].max() < ordered[after.test].min()
        if before is not None and after is not None:
            assert np.array_equal(np.sort(np.append(before.train, before.test)), after.train)
    assert ordered[parts[-1].test].max() == max(times)


@pytest.mark.parametrize(
    ("config", "n", "message", "hint"),
    [
        ({"cv": 9, "stratify": False}, 10, "number of training rows. Got 9 folds for 8", "8 or less"),
        ({"cv": 5}, 14, "a training row for every fold. Got 5 folds and 3 of class", "3 or less"),
        ({"cv": 6, "method": "group", "column": "g"}, 24, "values of 'g' in the training rows. Got 6 folds", "or less"),
        ({"cv": 20, "method": "time", "column": "t"}, 36, "at least 21 points in time", "or less"),
    ],
    ids=["rows", "class members", "groups", "times"],
)
def test_more_folds_than_the_data_allow_are_refused_with_the_number_that_would_do(config, n, message, hint):
    table = pa.table(
        {
            "y": ["a" if i % 4 else "b" for i in range(n)],
            "g": [f"g{i % 5}" for i in range(n)],
            "t": [i // 2 for i in range(n)],
        }
    )

    with pytest.raises(DataError, match=message) as error:
        folds(table, SplitConfig(**config))

    assert hint in error.value.hint
    refused = SplitConfig(**config)
    enough = int("".join(c for c in error.value.hint.split(" or less")[0] if c.isdigit()))
    assert len(folds(table, refused.model_copy(update={"cv": enough}))[1]) == enough


def test_a_fold_that_would_learn_from_one_class_is_refused():
    table = pa.table({"y": ["a"] * 8 + ["b", "a"] * 6, "t": range(20)})

    with pytest.raises(DataError, match=r"at least two classes of 'y'. Got only 'a' in fold 1 of 3"):
        folds(table, SplitConfig(method="time", column="t", cv=3))
