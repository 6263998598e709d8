"""The target, the weights and the size of the test: whether a score can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from mlcli.data.checks_frame import Frame, in_yaml, shown_share
from mlcli.data.findings import Finding
from mlcli.data.schema import shown_label

RARE_IN_TRAIN = 20
"""Training rows of a class below which it can hardly be learned."""

RARE_IN_TEST = 5
"""Test rows of a class below which it can hardly be judged."""

SMALL_TEST = 100
"""Test rows below which every score is rough, and are said to be."""

TINY_TEST = 30
"""Test rows below which a score says next to nothing."""

DOMINANT = 0.9
"""Share of the largest class from which accuracy flatters; from 0.98 it is a warning."""

EFFECTIVE = 0.1
"""Effective share of the rows, by their weights, below which a few rows decide."""


def missing_targets(frame: Frame, dropped_rows: int) -> Iterator[Finding]:
    """Report the rows that were left out for want of a target."""
    if dropped_rows:
        share = dropped_rows / (dropped_rows + frame.n_train + frame.n_test)
        target = frame.schema.target.name
        yield Finding(
            "target-missing",
            "warning" if share >= 0.05 else "note",
            (target,),
            f"{dropped_rows:,} rows ({shown_share(share)}) have no {target} and are left out.",
            "Make sure that they are missing by chance: otherwise the score holds only for rows like those that are left.",
        )


def rare_classes(frame: Frame) -> Iterator[Finding]:
    """Find classes with too few rows to learn from or to be judged on."""
    import numpy as np

    if not frame.is_classes:
        return
    y_test = frame.y[frame.n_train :]
    train = np.bincount(frame.y[: frame.n_train], minlength=len(frame.classes)).tolist()
    test = np.bincount(y_test[y_test >= 0], minlength=len(frame.classes)).tolist()
    rare = [
        f"{shown_label(label)} ({a:,} train, {b:,} test)"
        for label, a, b in zip(frame.classes, train, test, strict=True)
        if a < RARE_IN_TRAIN or (frame.n_test and b < RARE_IN_TEST)
    ]
    if rare:
        many = f" and {len(rare) - 8} more" if len(rare) > 8 else ""
        yield Finding(
            "rare-class",
            "warning",
            (frame.schema.target.name,),
            f"{len(rare)} of {len(train)} classes have fewer than {RARE_IN_TRAIN} training or {RARE_IN_TEST} test rows: "
            f"{', '.join(rare[:8])}{many}.",
            "Collect more rows of them, merge them with another class, or leave them out.",
        )
    n_unknown = int((y_test < 0).sum())
    if n_unknown:
        yield Finding(
            "unknown-class",
            "warning",
            (frame.schema.target.name,),
            f"{n_unknown:,} of {frame.n_test:,} test rows are of a class that no training row has: no model can be right on them.",
            "Choose a split that leaves every class in train, or leave those rows out.",
        )


def imbalance(frame: Frame) -> Iterator[Finding]:
    """Find a class so large that accuracy says little."""
    import numpy as np

    if not frame.is_classes:
        return
    counts = np.bincount(frame.y[: frame.n_train], minlength=len(frame.classes))
    share = float(counts.max() / counts.sum())
    if share >= DOMINANT:
        label = frame.classes[int(counts.argmax())]
        yield Finding(
            "imbalance",
            "warning" if share >= 0.98 else "note",
            (frame.schema.target.name,),
            f"{100 * share:.1f} % of the training rows are {shown_label(label)}: always saying so is as often right, and finds nothing.",
            "Judge by other scores than accuracy, evaluate.metrics: [average_precision, recall, f1], and try model.class_weight: balanced.",
        )


def small_test(frame: Frame) -> Iterator[Finding]:
    """Find a test so small that its scores are rough."""
    n = frame.n_test
    if not n or n >= SMALL_TEST or (frame.split.cv and n >= TINY_TEST):
        return
    rough = (
        f"an accuracy near 90 % is known to +-{100 * 1.96 * sqrt(0.9 * 0.1 / n):.0f} points"
        if frame.is_classes
        else f"an error is known to about +-{100 * 1.96 / sqrt(2 * n):.0f} %"
    )
    yield Finding(
        "small-test",
        "warning" if n < TINY_TEST else "note",
        (),
        f"The test holds {n} rows: {rough} (95 % confidence).",
        "Cross-validate as well: split.cv: 5." if not frame.split.cv else "Hold out more rows: split.test_size.",
    )


def uneven_weights(frame: Frame) -> Iterator[Finding]:
    """Find sample weights that leave nothing, or only a few rows, to learn from.

    The effective number of rows is Kish's: the squared sum of the weights over the sum of their squares.
    """
    weight, name = frame.train.sample_weight, frame.schema.weight
    if weight is None or name is None:
        return
    total = float(weight.sum())
    if total <= 0:
        yield Finding(
            "uneven-weights",
            "error",
            (name,),
            f"The weights in {name} are 0 in all {frame.n_train:,} training rows: nothing can be learned.",
            "Set data.weight to another column, or leave it out.",
        )
        return
    effective = total**2 / float((weight**2).sum())
    if effective < EFFECTIVE * frame.n_train:
        yield Finding(
            "uneven-weights",
            "warning",
            (name,),
            f"By the weights in {name}, {frame.n_train:,} training rows count for {effective:,.0f}: a few rows decide.",
            "Cap the largest weights.",
        )


def ignored_time(frame: Frame) -> Iterator[Finding]:
    """Point to dates where rows are divided by chance."""
    dates = [column.name for column in frame.schema.of_kind("date") if column.n_distinct > 1]
    if frame.split.method == "random" and dates and frame.n_test:
        yield Finding(
            "time-ignored",
            "note",
            tuple(dates),
            f"The rows carry dates ({', '.join(dates)}) but are divided by chance: the test is no later than train, "
            "so the score does not say how the model will do on days to come.",
            f"If it is meant for later rows: split: {{method: time, column: {in_yaml(dates[:1])[1:-1]}}}.",
        )
