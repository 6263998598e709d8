"""What a person sees of an evaluation fits the screen."""

from io import StringIO
from types import SimpleNamespace

import pytest
from evaluation_samples import classes_sample
from rich.console import Console

from mlcli.cli import evaluation_text


@pytest.mark.parametrize(("n_classes", "fits"), [(3, True), (25, False)])
def test_a_confusion_matrix_wider_than_the_screen_is_left_to_json(n_classes, fits):
    evaluation = classes_sample(200, classes=[f"class {k:02}" for k in range(n_classes)]).evaluate(resamples=100)
    judged = evaluation_text.Judged(evaluation, (), manifest=SimpleNamespace(name="many", model="tree"))
    console = Console(width=80, record=True, file=StringIO())
    for part in evaluation_text._parts(judged, console):
        console.print(part)
    text = console.export_text()
    assert ("wider than this screen" in text) is not fits
    assert ("true \\ predicted" in text) is fits
