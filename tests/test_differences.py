"""What sets two configs and two data contracts apart."""

import msgspec
import pytest
from evaluation_samples import as_labels, classes_sample, numbers_sample

from mlcli.config.difference import ConfigChange, config_difference
from mlcli.config.sections import Config
from mlcli.data.dataset import Dataset
from mlcli.data.predictions import Predictions
from mlcli.data.schema import Column, Schema, Target
from mlcli.data.schema_difference import KindChange, LevelChange, schema_difference
from mlcli.evaluation.changes import SHOWN, find_changes
from mlcli.evaluation.compared_words import changes_sentence, schema_sentences, setting

BASIC = {"data": {"path": "a.csv", "target": "y"}, "model": {"name": "ridge"}}


def config(**sections):
    return Config.model_validate({**BASIC, **sections})


def test_equal_configs_differ_in_nothing_and_a_default_that_is_written_is_no_change():
    assert config_difference(config(), config(split={"test_size": 0.2})) == ()


def test_each_changed_key_stands_with_both_values_in_the_order_of_the_file():
    old = config(model={"name": "ridge", "params": {"alpha": 1.0}})
    new = config(
        model={"name": "lasso", "params": {"tol": 0.1}},
        split={"random_state": 7},
        data={"path": "a.csv", "target": "y", "drop": ("b",), "columns": {"a.b": "text"}},
    )
    assert config_difference(old, new) == (
        ConfigChange('data.columns."a.b"', new="text"),
        ConfigChange("data.drop", [], ["b"]),
        ConfigChange("split.random_state", 0, 7),
        ConfigChange("model.name", "ridge", "lasso"),
        ConfigChange("model.params.alpha", old=1.0),
        ConfigChange("model.params.tol", new=0.1),
    )


def test_a_key_that_one_config_lacks_is_left_out_of_json():
    (change,) = config_difference(config(), config(evaluate={"gates": {"rmse": 3.0}}))
    assert msgspec.json.decode(msgspec.json.encode(change)) == {"key": "evaluate.gates.rmse", "new": 3.0}
    assert (setting(change.old), setting(change.new)) == ("–", "3.0")


@pytest.mark.parametrize(
    ("value", "text"), [(None, "null"), (True, "true"), ([], "[]"), (["a", None], "[a, null]"), (0.1, "0.1")]
)
def test_a_setting_reads_as_in_a_config(value, text):
    assert setting(value) == text


def column(name, kind="number", storage="number", categories=None):
    return Column(name, kind, storage, "", 0, 5, categories=categories)


def schema(*columns, classes=None):
    task = "classification" if classes else "regression"
    target = Target("y", task, "text" if classes else "number", "", classes=classes)
    return Schema(columns, target, (), (), None, (), 10)


def test_equal_contracts_differ_in_nothing():
    one = schema(column("a"), column("c", "category", "text", {"x": 9, "y": 1}), classes=("no", "yes"))
    other = schema(column("a"), column("c", "category", "text", {"y": 5, "x": 5}), classes=("no", "yes"))
    assert schema_difference(one, other).empty
    assert schema_sentences(schema_difference(one, other)) == []


def test_columns_kinds_levels_and_classes_that_changed_are_named():
    old = schema(
        column("a"), column("b"), column("c", "category", "text", {"x": 9, "z": 1}), column("d"), classes=("no", "yes")
    )
    new = schema(
        column("b", "category", "number", {"1": 2}),
        column("c", "category", "text", {"x": 9, "w": 1}),
        column("e"),
        column("d"),
        classes=("maybe", "no", "yes"),
    )
    found = schema_difference(old, new)
    assert not found.empty
    assert (found.added, found.removed) == (("e",), ("a",))
    assert found.kinds == (KindChange("b", "number", "category of numbers"),)
    assert found.levels == (LevelChange("c", ("w",), ("z",)), LevelChange("y", ("'maybe'",), ()))
    assert schema_sentences(found) == [
        "Columns that only B sees: e.",
        "Columns that only A sees: a.",
        "Column 'b' is a number to A and a category of numbers to B.",
        "Levels of 'c': only B knows w; only A knows z.",
        "Levels of 'y': only B knows 'maybe'.",
    ]


def dataset(y, ids=()):
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({name: [f"{name}{at}" for at in range(len(y))] for name in ids}, index=range(len(y)))
    return Dataset(pd.DataFrame(index=range(len(y))), y, None, frame, np.arange(len(y)) * 2 + 1)


def test_rows_whose_class_changed_are_counted_and_the_surest_told_first():
    sample = classes_sample(200)
    a = sample.predictions
    y_pred = a.y_pred.copy()
    y_pred[:20] = [{"ham": "spam", "spam": "ham"}[label] for label in y_pred[:20]]
    b = Predictions(y_pred, 1 - a.y_proba, a.classes)

    found = find_changes(dataset(sample.y, ids=["customer"]), a, b)

    assert (found.count, found.share) == (20, 0.1)
    assert found.corrected == (b.y_pred == sample.y)[:20].sum()
    assert found.corrected + found.broken == 20
    assert len(found.rows) == SHOWN
    sure = [row.probability_a for row in found.rows]
    assert sure == sorted(sure, reverse=True)
    first = found.rows[0]
    at = (first.row - 1) // 2
    assert (first.a, first.b, first.truth) == (a.y_pred[at], b.y_pred[at], sample.y[at])
    assert first.id == {"customer": f"customer{at}"}
    assert changes_sentence(found, 200).startswith("Predictions that changed: 20 of 200 rows (10.0 %): ")


def test_values_that_changed_are_told_by_the_size_of_the_change():
    sample = numbers_sample(100)
    y_pred = sample.predictions.y_pred.copy()
    y_pred[[3, 50, 7]] += [0.5, -2.0, 1.0]
    y_pred[9] *= 1 + 1e-13

    found = find_changes(dataset(sample.y), sample.predictions, Predictions(y_pred, None))

    assert found.count == 3, "rounding is no change"
    assert [row.row for row in found.rows] == [101, 15, 7]
    assert (found.median, found.greatest) == (pytest.approx(1.0), pytest.approx(2.0))
    assert (found.corrected, found.broken) == (None, None)


def test_nothing_that_changed_is_said_as_such():
    sample = classes_sample(30)
    found = find_changes(dataset(sample.y), sample.predictions, sample.predictions)
    assert (found.count, found.rows) == (0, ())
    assert changes_sentence(found, 30) == "No prediction changed on 30 rows."
    numbers = numbers_sample(30)
    found = find_changes(dataset(numbers.y), numbers.predictions, numbers.predictions)
    assert (found.median, found.greatest) == (None, None)


def test_labels_of_every_sort_are_plain_values():
    sample = classes_sample(30, classes=(False, True))
    other = Predictions(as_labels((sample.predictions.y_pred == 0).astype(int), (False, True)), None, (False, True))
    found = find_changes(dataset(sample.y), sample.predictions, other)
    assert msgspec.json.decode(msgspec.json.encode(found))["rows"][0]["a"] in {True, False}
    assert found.rows[0].probability_b is None
