"""The target: its task, its classes, the positive one, and what it refuses."""

import numpy as np
import pyarrow as pa
import pytest

from mlcli.config.sections import DataConfig
from mlcli.data.inference import infer_schema, rows_with_target
from mlcli.data.rows import type_rows
from mlcli.data.schema import shown_label
from mlcli.data.targets import infer_task
from mlcli.errors import DataError


def repeated(*values, n=40):
    return [values[i % len(values)] for i in range(n)]


def table_with(y):
    return pa.table({"a": [i * 0.37 for i in range(len(y))], "y": y})


def target_of(y, *, task=None, **data):
    config = DataConfig(path="t.csv", target="y", **data)
    return infer_schema(table_with(y), config, task=task, source="t.csv").target


def column(y):
    return pa.chunked_array([pa.array(y)])


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (repeated("a", "b"), "classification"),
        (repeated(True, False), "classification"),
        (repeated("0", "1"), "classification"),
        (repeated(1.0, 2.0, 3.0), "classification"),
        (repeated("007", "008", "009"), "classification"),
        (list(range(20)) * 5, "classification"),
        (list(range(20)) * 4, "regression"),
        (list(range(21)) * 20, "regression"),
        (repeated(1.5, 2.5, 3.5), "regression"),
        ([str(i * 1.1) for i in range(40)], "regression"),
    ],
)
def test_the_target_tells_its_task(y, task):
    choice = infer_task(column(y))

    assert choice.task == task
    assert choice.reason


def test_a_token_that_means_missing_does_not_make_amounts_classes():
    y = column([*[str(i * 1.1) for i in range(40)], "NA"])

    assert infer_task(y).task == "classification"
    assert infer_task(y, missing_values=("NA",)).task == "regression"


@pytest.mark.parametrize(
    ("y", "classes", "dtype"),
    [
        (repeated("1", "0"), (0, 1), "int64"),
        (repeated(2.0, 1.0), (1, 2), "int64"),
        (repeated("0.5", "1.0"), (0.5, 1.0), "float64"),
        (repeated("True", "false"), (False, True), "bool"),
        (repeated("yes", "no"), ("no", "yes"), "object"),
        (repeated("01", "02"), ("01", "02"), "object"),
        (repeated(" b", "a "), ("a", "b"), "object"),
        (repeated("<=50K", ">50K", "其他"), ("<=50K", ">50K", "其他"), "object"),
    ],
)
def test_classes_are_sorted_labels_of_their_own_type(y, classes, dtype):
    schema = infer_schema(table_with(y), DataConfig(path="t.csv", target="y"), task=None, source="t.csv")
    typed = type_rows(table_with(y), schema, source="t.csv").dataset.y

    assert schema.target.classes == classes
    assert [type(label) for label in schema.target.classes] == [type(label) for label in classes]
    assert typed.dtype == dtype
    assert np.unique(typed).tolist() == list(classes)
    assert schema.target.counts == tuple(np.unique(typed, return_counts=True)[1].tolist())
    assert type(schema).from_json(schema.to_json()) == schema


@pytest.mark.parametrize(
    ("y", "positive", "why"),
    [
        (repeated(0, 1), 1, "its name says so"),
        (repeated("False", "True", "False"), True, "its name says so"),
        (repeated("Yes", "No", "Yes"), "Yes", "its name says so"),
        (repeated("neg", "POS", "POS"), "POS", "its name says so"),
        (repeated("good", "bad", "good"), "bad", "the rarer of two"),
        (repeated("good", "bad"), "good", "the last of two"),
        (repeated(2, 3, 3), 2, "the rarer of two"),
        (repeated("a", "b", "c"), None, None),
    ],
)
def test_the_positive_class_and_its_reason(y, positive, why):
    target = target_of(y)

    assert target.positive == positive
    assert type(target.positive) is type(positive)
    if why is not None:
        assert f"positive class {shown_label(positive)}: {why}" in target.reason


@pytest.mark.parametrize(
    ("y", "asked", "positive"),
    [
        (repeated("good", "bad"), "good", "good"),
        (repeated(0, 1), 0, 0),
        (repeated(0, 1), "0", 0),
        (repeated("True", "False"), False, False),
        (repeated(1.5, 2.0), 2, 2.0),
    ],
)
def test_the_config_names_the_positive_class_as_the_file_does(y, asked, positive):
    target = target_of(y, positive=asked)

    assert target.positive == positive
    assert "the config says so" in target.reason


@pytest.mark.parametrize("asked", ["Bad", True, 1])
def test_a_positive_class_that_is_none_is_refused_with_the_classes(asked):
    with pytest.raises(DataError, match=r"data.positive must be one of the classes 'bad', 'good'. Got"):
        target_of(repeated("good", "bad"), positive=asked)


def test_a_positive_class_needs_two_classes():
    with pytest.raises(DataError, match="for two classes only"):
        target_of(repeated("a", "b", "c"), positive="a")


def test_floats_may_be_forced_to_be_classes_and_classes_to_be_amounts():
    assert target_of(repeated(1.5, 2.5, 3.5), task="classification").classes == (1.5, 2.5, 3.5)
    assert target_of(repeated(0, 1), task="regression").number.maximum == 1.0


def test_a_text_among_amounts_is_named_by_row():
    with pytest.raises(DataError) as caught:
        target_of(["1", "2", "good", "4"], task="regression")

    assert caught.value.message == "t.csv: row 3, column 'y' must be a number for regression. Got 'good'."
    assert "task: classification" in caught.value.hint


@pytest.mark.parametrize(
    ("y", "task", "message"),
    [
        (["a"] * 9, None, "must have two classes or more. Got only 'a'"),
        (["", None, " "], None, "must have a value in some rows. Got 3 missing cells"),
        ([2.5] * 9, "regression", "must vary. Got only 2.5"),
        ([f"w{i}" for i in range(30)], None, "Got 30 classes in 30 rows"),
        ([f"w{i // 2}" for i in range(2002)], None, "at most 1000. Got 1001 classes"),
        ([i * 0.1 for i in range(30)], "classification", "Got 30 classes in 30 rows"),
        ([[1], [2]], None, "must hold plain values"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(y, task, message):
    with pytest.raises(DataError, match=message):
        target_of(y, task=task)


def test_a_thousand_classes_that_repeat_are_accepted():
    assert len(target_of([f"w{i // 2}" for i in range(2000)]).classes) == 1000


def test_rows_without_a_target_are_found():
    table = table_with(["1.5", "", None, " NA", "nan", "2.5"])

    assert rows_with_target(table, DataConfig(path="t.csv", target="y", missing_values=("NA",))).tolist() == [
        True,
        False,
        False,
        False,
        False,
        True,
    ]


def test_nan_among_words_is_a_class_and_no_missing_target():
    assert rows_with_target(table_with(["nan", "b", ""]), DataConfig(path="t.csv", target="y")).tolist() == [
        True,
        True,
        False,
    ]


def test_a_target_that_the_file_lacks_is_refused_with_its_columns():
    with pytest.raises(DataError, match=r"t\.csv must have the target column 'Y1'") as caught:
        rows_with_target(table_with(["a"]), DataConfig(path="t.csv", target="Y1"), source="t.csv")

    assert "Columns: a, y." in caught.value.hint
