"""How rows are divided: what each method promises, and what it refuses."""

from __future__ import annotations

import datetime as dt
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.config.sections import SplitConfig
from mlcli.data.split import BrokenSplitError, Split, excluded_by_split, prove_split, split_rows
from mlcli.errors import DataError

few = settings(max_examples=40, deadline=None)
NAIVE = np.array(["2024-01-09", "2024-01-10", "2024-01-02", "2024-01-01"], dtype="datetime64[us]")
METHODS = {
    "random": SplitConfig(),
    "random unstratified": SplitConfig(stratify=False),
    "time": SplitConfig(method="time", column="day"),
    "group": SplitConfig(method="group", column="customer"),
    "hash": SplitConfig(method="hash", column="customer"),
    "column": SplitConfig(method="column", column="part"),
    "files": SplitConfig(method="files", test_path="test.csv"),
}


def shop(n=200, *, seed=0):
    """A text table as read from CSV: customers buy on days; a fifth is marked as test."""
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "customer": [f"c{i}" for i in rng.integers(0, 40, n)],
            "day": [str(dt.date(2024, 1, 1) + dt.timedelta(days=int(i))) for i in rng.integers(0, 60, n)],
            "part": ["test" if i % 5 == 0 else "train" for i in range(n)],
            "y": ["yes" if u < 0.3 else "no" for u in rng.random(n)],
        }
    )


def split(table, config, *, task="classification", **options):
    return split_rows(table, config, target="y", task=task, source="shop.csv", **options)


@pytest.mark.parametrize("config", METHODS.values(), ids=METHODS)
def test_every_method_puts_each_row_in_one_part_and_holds_out_about_the_share(config):
    parts = split(shop(), config, n_test_file_rows=40)

    assert sorted([*parts.train, *parts.test]) == list(range(200))
    assert parts.train.dtype == parts.test.dtype == np.int64
    assert (np.diff(parts.train) > 0).all()
    assert 15 <= len(parts.test) <= 70
    assert "%" in parts.description


@pytest.mark.parametrize("config", METHODS.values(), ids=METHODS)
def test_the_same_rows_are_divided_in_the_same_way(config):
    first = split(shop(), config, n_test_file_rows=40)
    second = split(shop(), config, n_test_file_rows=40)

    assert np.array_equal(first.test, second.test)
    assert first.description == second.description


@pytest.mark.parametrize("name", ["random", "random unstratified", "group"])
def test_another_seed_holds_out_other_rows(name):
    other = METHODS[name].model_copy(update={"random_state": 1})

    assert not np.array_equal(split(shop(), METHODS[name]).test, split(shop(), other).test)


@few
@given(
    labels=st.lists(st.sampled_from("aaaabbc"), min_size=12, max_size=150),
    share=st.floats(0.1, 0.9),
    seed=st.integers(0, 5),
)
def test_a_random_split_keeps_the_share_of_every_class_to_within_a_row(labels, share, seed):
    labels = [*"aabb", *labels]
    parts = split(pa.table({"y": labels}), SplitConfig(test_size=share, random_state=seed))

    for label in set(labels):
        held_out = sum(labels[i] == label for i in parts.test)
        assert abs(held_out - share * labels.count(label)) <= 1 + 1e-9
    if labels.count("c") == 1:
        assert labels.index("c") in parts.train


def test_a_rare_class_with_two_rows_is_both_learned_and_judged():
    labels = ["a"] * 57 + ["b"] * 41 + ["c"] * 2

    parts = split(pa.table({"y": labels}), SplitConfig())

    assert {98, 99} & set(parts.test.tolist())
    assert {98, 99} & set(parts.train.tolist())


def test_a_class_of_one_row_trains_and_the_description_says_so():
    labels = ["a"] * 50 + ["b"] * 49 + ["c"]

    parts = split(pa.table({"y": labels}), SplitConfig())

    assert 99 in parts.train
    assert "1 class of a single row kept for training" in parts.description


def test_the_description_of_the_default_split_reads_as_a_sentence():
    parts = split(pa.table({"y": ["a", "b"] * 50}), SplitConfig())

    assert parts.description == "80 % / 20 % at random, class shares kept, seed 0"


def test_a_regression_target_is_not_stratified():
    table = pa.table({"y": [str(i) for i in range(100)]})

    parts = split(table, SplitConfig(), task="regression")

    assert len(parts.test) == 20
    assert parts.description == "80 % / 20 % at random, seed 0"


@few
@given(
    times=st.lists(st.integers(0, 20), min_size=5, max_size=80).filter(lambda t: len(set(t)) > 1),
    share=st.floats(0.1, 0.9),
)
def test_a_time_split_never_tears_equal_times_and_only_looks_back(times, share):
    table = pa.table({"y": [float(t) for t in times], "t": times})

    parts = split(table, SplitConfig(method="time", column="t", test_size=share), task="regression")

    ordered = np.asarray(times)
    assert ordered[parts.train].max() < ordered[parts.test].min()
    # No other cut between two times would have come nearer to the share asked for.
    cuts = [sum(t >= cut for t in times) for cut in sorted(set(times))[1:]]
    assert abs(len(parts.test) - share * len(times)) <= min(abs(c - share * len(times)) for c in cuts) + 1e-9


@pytest.mark.parametrize(
    "days",
    [
        pa.array(["2024-01-09", "2024-01-10", "2024-01-02", "2024-01-01"]),
        pa.array(["2024-01-09 10:00", "2024-01-10T08:00:00", "2024-01-02", "2024-01-01 23:59:59"]),
        pa.array(["2024-01-10T00:30:00+02:00", "2024-01-09T23:00:00Z", "2024-01-02", "2024-01-01"]),
        pa.array(["9/1/2024", "10/1/2024", "2/1/2024", "31/12/2023"]),
        pa.array(["Jan 9, 2024", "Jan 10, 2024", "Jan 2, 2024", "Jan 1, 2024"]),
        pa.array([9, 10, 2, 1]),
        pa.array(["9", "10", "2", "1.5"]),
        pa.array([9.0, 10.5, 2.0, -1.0]),
        pa.array(NAIVE),
        pa.array([dt.date(2024, 1, d) for d in (9, 10, 2, 1)]),
        pa.array(NAIVE, pa.timestamp("ns", tz="Asia/Tokyo")),
        pa.array(["9", "10", "2", "1"]).dictionary_encode(),
    ],
    ids=["iso days", "iso times", "zones", "day first", "names", "integers", "numbers as text", "floats", "datetimes", "dates", "zoned", "dictionary"],
)  # fmt: skip
def test_time_is_read_from_dates_and_numbers_in_any_storage(days):
    table = pa.table({"y": [0.0, 1.0, 2.0, 3.0], "t": days})

    parts = split(table, SplitConfig(method="time", column="t", test_size=0.25), task="regression")

    assert parts.test.tolist() == [1]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (pa.array(["2024-01-01", "soon", "2024-01-03"]), r"shop.csv row 2: column 't' must hold a number or a date.*Got 'soon'"),
        (pa.array(["2024-01-01", None, " "]), r"shop.csv row 2: column 't' must hold a date or a number.*and 1 more"),
        (pa.array([1.0, 2.0, float("nan")]), r"shop.csv row 3: .*missing cell"),
        (pa.array([1, 2, None]), r"shop.csv row 3: .*missing cell"),
        (pa.array([None, None, None]), r"shop.csv row 1: .*and 2 more"),
        (pa.array(["1/2/2024", "3/2/2024", "5/6/2024"]), r"read in one way.*Got '1/2/2024', which may be day first"),
        (pa.array([True, False, True]), "column 't' must hold dates or numbers.*bool"),
        (pa.array([[1], [2], [3]]), "must hold plain values"),
        (pa.array(["7", "7", "7.0"]), "at least two points in time"),
    ],
    ids=["text", "blank", "nan", "null", "all null", "day or month", "boolean", "list", "one time"],
)  # fmt: skip
def test_a_time_that_cannot_be_ordered_is_refused_by_row(cells, message):
    table = pa.table({"y": [0.0, 1.0, 2.0], "t": cells})

    with pytest.raises(DataError, match=message) as error:
        split(table, SplitConfig(method="time", column="t"), task="regression")

    assert error.value.hint


def test_a_message_counts_rows_as_the_source_does():
    table = pa.table({"y": [0.0, 1.0, 2.0], "t": ["1", "x", "3"]})

    with pytest.raises(DataError, match="row 18:"):
        split(table, SplitConfig(method="time", column="t"), task="regression", rows=np.array([17, 18, 40]))


@few
@given(
    groups=st.lists(st.integers(0, 15), min_size=10, max_size=120).filter(lambda g: len(set(g)) > 2),
    share=st.floats(0.1, 0.5),
    seed=st.integers(0, 3),
)
def test_no_group_stands_in_both_parts_and_the_share_is_near(groups, share, seed):
    table = pa.table({"y": [float(g) for g in groups], "g": [f"g{g}" for g in groups]})

    parts = split(table, SplitConfig(method="group", column="g", test_size=share, random_state=seed), task="regression")

    assert not {groups[i] for i in parts.train} & {groups[i] for i in parts.test}
    largest = max(groups.count(g) for g in set(groups))
    assert abs(len(parts.test) - share * len(groups)) <= largest


def test_a_group_split_keeps_class_shares_near_where_it_can():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(60), 10)
    # Half the groups hold one class only, so an unlucky draw would be far off.
    rate = rng.choice([0.0, 0.6], 60)[groups]
    table = pa.table({"y": np.where(rng.random(600) < rate, "yes", "no"), "g": groups})

    parts = split(table, SplitConfig(method="group", column="g"))

    share = [
        np.mean(table["y"].take(part).to_numpy(zero_copy_only=False) == "yes") for part in (parts.train, parts.test)
    ]
    assert abs(share[0] - share[1]) < 0.03
    assert abs(len(parts.test) - 120) <= 20


@pytest.mark.parametrize("method", ["group", "hash"])
def test_the_same_key_is_known_in_every_storage(method):
    config = SplitConfig(method=method, column="g", test_size=0.6)
    ids = [3, 5, 3, 7, 8, 9, 10, 11, 12, 5]
    as_text = [str(i) for i in ids]
    as_text[2], as_text[9] = " 3", "5.0"
    tables = [pa.table({"y": range(10), "g": cells}) for cells in (ids, [float(i) for i in ids], as_text)]

    parts = [split(table, config, task="regression") for table in tables]

    assert all(np.array_equal(parts[0].test, other.test) for other in parts[1:])


def test_a_group_column_with_gaps_or_with_one_value_is_refused():
    config = SplitConfig(method="group", column="g")

    with pytest.raises(DataError, match=r"row 2: column 'g' must hold a group in every row"):
        split(pa.table({"y": [1.0, 2.0, 3.0], "g": ["a", None, "b"]}), config, task="regression")
    with pytest.raises(DataError, match=r"row 2: column 'g' must hold a group"):
        split(pa.table({"y": [1.0, 2.0], "g": ["a", "NA"]}), config, task="regression", missing_values=("NA",))
    with pytest.raises(DataError, match=r"at least two groups to divide. Got one, 'a'"):
        split(pa.table({"y": [1.0, 2.0, 3.0], "g": ["a", "a", " a "]}), config, task="regression")


@few
@given(st.sets(st.text("abcdef", min_size=1, max_size=4), min_size=30, max_size=60), st.integers(0, 2**31))
def test_a_hashed_key_stays_on_its_side_as_the_data_grow(keys, seed):
    keys = sorted(keys)
    config = SplitConfig(method="hash", column="k", test_size=0.4)
    grown = np.random.default_rng(seed).permutation([*keys, *(f"new{i}" for i in range(40))])

    before = split(pa.table({"y": range(len(keys)), "k": keys}), config, task="regression")
    after = split(pa.table({"y": range(len(grown)), "k": grown}), config, task="regression")

    assert {keys[i] for i in before.test} == {grown[i] for i in after.test} & set(keys)


def test_the_hash_is_the_documented_one():
    keys = [f"customer {i}" for i in range(300)]

    parts = split(pa.table({"y": range(300), "k": keys}), SplitConfig(method="hash", column="k"), task="regression")

    shares = [int.from_bytes(blake2b(k.encode(), digest_size=8).digest(), "big") / 2**64 for k in keys]
    assert parts.test.tolist() == [i for i, share in enumerate(shares) if share < 0.2]


def test_hashes_that_all_fall_on_one_side_are_refused():
    with pytest.raises(DataError, match=r"keys whose hashes fall in both parts. Got 1 distinct, all in"):
        split(pa.table({"y": [1.0, 2.0], "k": ["a", "a"]}), SplitConfig(method="hash", column="k"), task="regression")


@pytest.mark.parametrize(
    ("cells", "values", "expected"),
    [
        (["train", "test", "valid", " test"], ("test",), [1, 3]),
        (["0", "1", "0", "1"], (1,), [1, 3]),
        (pa.array([0.0, 1.0, 0.0, 1.0]), (1,), [1, 3]),
        (pa.array([False, True, False, None]), (True,), [1]),
        (["False", "TRUE", "False", "True"], (True,), [1, 3]),
        (["a", "b", None, "c"], ("b", "c"), [1, 3]),
    ],
    ids=["words", "number as text", "float", "boolean", "boolean as text", "two values"],
)
def test_a_column_marks_the_test_rows_whatever_its_storage(cells, values, expected):
    table = pa.table({"y": [1.0, 2.0, 3.0, 4.0], "part": cells})

    parts = split(table, SplitConfig(method="column", column="part", test_values=values), task="regression")

    assert parts.test.tolist() == expected


@pytest.mark.parametrize("values", [("tset",), ("train", "test")], ids=["none", "all"])
def test_a_column_that_marks_no_row_or_every_row_is_refused_with_its_values(values):
    with pytest.raises(DataError, match="its values are 'test', 'train'") as error:
        split(shop(), SplitConfig(method="column", column="part", test_values=values))

    assert "split.test_values" in error.value.hint


@pytest.mark.parametrize("method", ["time", "group", "hash", "column"])
def test_a_column_that_is_not_there_is_named_with_the_nearest(method):
    with pytest.raises(DataError, match=r"shop.csv must have the column 'custmer', which split.column names") as error:
        split(shop(), SplitConfig(method=method, column="custmer"))

    assert error.value.hint == "Did you mean 'customer'?"


@pytest.mark.parametrize(
    ("n", "config", "n_test_file_rows"),
    [(1, SplitConfig(), 0), (2, SplitConfig(stratify=False), 0), (6, METHODS["files"], 0), (6, METHODS["files"], 6)],
    ids=["one row", "a fifth of two", "no test file row", "no training row"],
)
def test_too_few_rows_for_two_parts_are_refused(n, config, n_test_file_rows):
    table = pa.table({"y": [float(i) for i in range(n)]})

    with pytest.raises(DataError, match=r"shop.csv must"):
        split(table, config, task="regression", n_test_file_rows=n_test_file_rows)


def test_a_training_part_of_one_class_is_refused():
    table = pa.table({"y": ["no", "no", "no", "yes"], "t": [1, 2, 3, 4]})

    with pytest.raises(DataError, match=r"must hold at least two classes of 'y'. Got only 'no'"):
        split(table, SplitConfig(method="time", column="t", test_size=0.25))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("random", ()), ("time", ()), ("group", ("customer",)), ("hash", ("customer",)), ("column", ("part",)), ("files", ())],
)  # fmt: skip
def test_the_model_must_not_see_what_only_the_split_may_read(name, expected):
    assert excluded_by_split(METHODS[name]) == expected


def move(split, *, row, to):
    """Plant a violation: one row changes sides."""
    parts = {"train": split.train[split.train != row], "test": split.test[split.test != row]}
    parts[to] = np.sort(np.append(parts[to], row))
    return Split(parts["train"], parts["test"], split.description)


@few
@given(row=st.integers(0, 199), name=st.sampled_from(["time", "group", "hash"]))
def test_a_row_on_the_wrong_side_is_caught_by_the_proof(row, name):
    table, config = shop(), METHODS[name]
    good = split(table, config)
    column = table[config.column].to_pylist()
    to = "test" if row in good.train else "train"
    bad = move(good, row=row, to=to)

    prove_split(good, table, config, target="y")
    ends = {"train": max(column[i] for i in good.train), "test": min(column[i] for i in good.test)}
    alone = column.count(column[row]) == 1
    # A single row of its group, or one at the edge of time, may change sides without breaking a promise.
    if alone or (name == "time" and column[row] == ends["test" if to == "train" else "train"]):
        return
    with pytest.raises(BrokenSplitError):
        prove_split(bad, table, config, target="y")


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([0, 1, 2, 3], [3, 4], "in both parts"),
        ([0, 1, 2], [4], "not the rows that were divided"),
        ([0, 1, 2, 3, 4], [], "holds no row"),
        ([1, 0, 2, 3], [4], "ascending"),
        ([0, 1, 2, 3], [4, 5], "not the rows that were divided"),
    ],
    ids=["shared", "lost", "empty", "disordered", "foreign"],
)
def test_a_division_that_is_none_is_caught_by_the_proof(train, test, message):
    table = pa.table({"y": ["a", "b", "a", "b", "a"]})
    bad = Split(np.array(train, dtype=np.int64), np.array(test, dtype=np.int64), "planted")

    with pytest.raises(BrokenSplitError, match=message):
        prove_split(bad, table, SplitConfig(), target="y")


@few
@given(st.integers(0, 10_000))
def test_class_shares_that_drift_by_more_than_a_row_are_caught_by_the_proof(seed):
    table = shop()
    labels = table["y"].to_numpy(zero_copy_only=False)
    good = split(table, SplitConfig())
    rng = np.random.default_rng(seed)
    away = rng.choice(good.test[labels[good.test] == "yes"], 3, replace=False)
    back = rng.choice(good.train[labels[good.train] == "no"], 3, replace=False)
    bad = Split(
        np.sort(np.append(np.setdiff1d(good.train, back), away)),
        np.sort(np.append(np.setdiff1d(good.test, away), back)),
        "planted",
    )

    prove_split(good, table, SplitConfig(), target="y", class_share=0.2)
    with pytest.raises(BrokenSplitError, match="class shares"):
        prove_split(bad, table, SplitConfig(), target="y", class_share=0.2)
