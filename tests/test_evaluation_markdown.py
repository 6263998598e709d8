"""The Markdown of an evaluation has every part and no text that breaks it."""

import re

import numpy as np
import pytest
from evaluation_samples import classes_sample, numbers_sample

from mlcli.evaluation.gates import judge_gates
from mlcli.evaluation.markdown import render_markdown
from mlcli.registry import METRICS


def tables(text):
    """Return the cells of each table, header first."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE):
        lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines()]
        found.append([[cell.strip() for cell in line] for line in lines])
    return found


@pytest.mark.parametrize("sample", [classes_sample(100), numbers_sample(100)], ids=["classes", "numbers"])
def test_every_metric_shown_stands_with_its_interval_and_the_dummy(sample):
    evaluation = sample.evaluate()
    table = tables(render_markdown(evaluation, title="credit"))[0]
    assert table[0] == ["Metric", "Value", "95 % interval", "Dummy"]
    assert [line[0][:-2] for line in table[2:]] == [METRICS[name].title for name in evaluation.shown]
    assert all(" to " in line[2] for line in table[2:])


def test_classes_confusion_verdict_and_gates_are_there():
    evaluation = classes_sample(100, classes=("no", "yes")).evaluate()
    text = render_markdown(evaluation, title="credit", gates=judge_gates(evaluation, {"f1": 0.1, "accuracy": 1.0}))
    gates, _, classes, confusion = tables(text)
    assert text.startswith("## credit\n\n**Better than the dummy**: log\\_loss")
    assert [line[:2] for line in gates[2:]] == [["passed", "f1 ≥ 0.1"], ["**missed**", "accuracy ≥ 1"]]
    assert [line[0] for line in classes[2:]] == ["no", "yes"]
    assert confusion[0] == ["true \\ predicted", "no", "yes"]
    assert sum(int(cell) for line in confusion[2:] for cell in line[1:]) == 100
    assert "100 rows; intervals from 200 bootstrap resamples. Positive class: yes." in text
    assert text.endswith(".\n")


def test_a_model_no_better_than_the_dummy_is_said_loudly():
    sample = classes_sample(100, strength=0)
    text = render_markdown(sample.evaluate(), title="credit")
    assert "**Worse than the dummy**" in text
    few = render_markdown(classes_sample(5).evaluate(), title="few")
    assert "**No evidence that the model is better than the dummy**" in few


def test_notes_stand_below_the_metrics():
    sample = classes_sample(60)
    only = sample.take(np.flatnonzero(sample.y == "ham")).evaluate(sample.y)
    text = render_markdown(only, title="one class")
    assert "- ROC AUC: undefined: no row is 'spam'" in text
    assert ["ROC AUC ↑", "–", "–", "–"] in tables(text)[0]


def test_labels_and_titles_cannot_break_the_tables_or_bring_in_markup():
    hostile = ("<b>a</b>", "b|c\nd", "`e`*")
    text = render_markdown(classes_sample(60, classes=hostile).evaluate(), title="# x\n<script>")
    assert "<script>" not in text
    assert "<b>" not in text
    for table in tables(text):
        assert {len(line) for line in table} == {len(table[0])}
    assert [line[0] for line in tables(text)[1][2:]] == ["&lt;b&gt;a&lt;/b&gt;", "b\\|c d", "\\`e\\`\\*"]


def test_a_matrix_of_many_classes_becomes_a_list_of_confusions():
    sample = classes_sample(200, classes=[f"class {k:02}" for k in range(25)])
    evaluation = sample.evaluate(resamples=100)
    text = render_markdown(evaluation, title="many")
    assert "25 classes; the pairs confused most often:" in text
    pairs = tables(text)[-1]
    assert pairs[0] == ["True", "Predicted", "Rows"]
    assert len(pairs) == 22
    counts = [int(line[2]) for line in pairs[2:]]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == max(
        count for i, line in enumerate(evaluation.confusion.counts) for j, count in enumerate(line) if i != j
    )
