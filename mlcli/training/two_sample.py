"""Whether a classifier can tell new rows from held-out ones: a drift that no column shows alone.

References
----------
.. [1] Lopez-Paz and Oquab (2017), "Revisiting Classifier Two-Sample Tests", ICLR.
"""

from __future__ import annotations

from math import erfc
from typing import TYPE_CHECKING, Any

from mlcli.data.drift import ALPHA, TwoSample, Verdict
from mlcli.data.schema import Schema
from mlcli.data.typed import missing_code

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlcli.data.typed import TypedColumns

MOST_ROWS = 2_000
"""Rows of each part that the classifier sees."""

LEAST_ROWS = 50
"""Rows of each part from which it is asked at all."""

NOTABLE, MAJOR = 0.6, 0.65
"""Areas that a normal column gives whose mean has moved by a stability index of about 0.13 and 0.3."""

_TELLING = 0.02
"""Area that a column must be worth to be named."""


def tell_apart(reference: TypedColumns, new: TypedColumns, schema: Schema) -> TwoSample:
    """Learn to tell two sets of rows apart on one half of each, and judge that on the other, both ways round.

    Boosted trees see numbers, truth values, levels and lengths of texts. Dates
    are left out: new rows are of later days by nature.

    Parameters
    ----------
    reference, new : TypedColumns
        Typed rows, at least `LEAST_ROWS` of each; at most `MOST_ROWS` of each are used.
    schema : Schema
        The data contract that they keep.
    """
    import numpy as np

    names = [column.name for column in schema.columns if column.kind != "date"]
    rng = np.random.default_rng(0)
    parts = [_some(_matrix(rows, schema), rng) for rows in (reference, new)]
    X = np.concatenate(parts)
    is_new = np.repeat([0, 1], [len(part) for part in parts])
    # Every second row of each part, so that both halves hold both; the parts are shuffled already.
    half = np.concatenate([np.arange(len(part)) % 2 == 0 for part in parts])
    areas, p_values, worth = [], [], np.zeros(len(names))
    for learn in (half, ~half):
        # A column without a single value breaks scikit-learn's binning.
        known = np.where(np.isnan(X[learn]).all(axis=0), 0.0, X)
        classifier = _classifier().fit(known[learn], is_new[learn])
        seen, truth = known[~learn], is_new[~learn]
        area, p_value = _area(classifier.predict_proba(seen)[:, 1], truth)
        areas.append(area)
        p_values.append(p_value)
        if p_value < ALPHA / 2 and not worth.any():  # one half tells; it is most of the time that this takes
            worth = _worth(classifier, seen, truth, area, rng)
    area = float(np.mean(areas))
    # The halves share their rows, so their results are not independent: Bonferroni's rule holds all the same.
    p_value = min(1.0, 2 * min(p_values))
    telling = [names[at] for at in np.argsort(-worth)[:3] if worth[at] >= _TELLING]
    return TwoSample(area, p_value, len(parts[0]), len(parts[1]), tuple(telling), _verdict(area, p_value))


def _verdict(area: float, p_value: float) -> Verdict:
    if p_value >= ALPHA or area < NOTABLE:
        return "alike"
    return "major" if area >= MAJOR else "notable"


def _matrix(rows: TypedColumns, schema: Schema) -> NDArray[np.float64]:
    """Return rows as numbers, missing cells NaN, dates left out."""
    import numpy as np

    columns = []
    for column, cells in zip(schema.columns, rows.columns, strict=True):
        match column.kind:
            case "number" | "boolean":
                columns.append(cells)
            case "category":
                # Levels are counted from the most frequent, so trees can part the common from the rare.
                columns.append(np.where(cells == missing_code(column), np.nan, cells))
            case "text":
                columns.append(np.array([len(text) or np.nan for text in cells], dtype=np.float64))
    return np.column_stack(columns) if columns else np.zeros((rows.n_rows, 0))


def _some(X: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return at most `MOST_ROWS` rows, shuffled."""
    return X[rng.permutation(len(X))[:MOST_ROWS]]


def _classifier() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, learning_rate=0.1, min_samples_leaf=10, early_stopping=False, random_state=0
    )


def _area(scores: NDArray[np.float64], truth: NDArray[np.int_]) -> tuple[float, float]:
    """Return the area under the ROC curve, and how likely chance gives as much: Mann and Whitney's test."""
    import numpy as np
    from scipy.stats import rankdata

    n_new = int(truth.sum())
    n_old = len(truth) - n_new
    area = (float(rankdata(scores)[truth == 1].sum()) - n_new * (n_new + 1) / 2) / (n_new * n_old)
    ties = np.unique(scores, return_counts=True)[1].astype(float)
    n = float(len(truth))
    variance = (n + 1 - float((ties**3 - ties).sum()) / (n * (n - 1))) / (12 * n_new * n_old)
    if variance <= 0:
        return 0.5, 1.0
    return area, 0.5 * erfc((area - 0.5) / variance**0.5 / 2**0.5)


def _worth(
    classifier: Any, X: NDArray[np.float64], truth: NDArray[np.int_], area: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return how much of the area each column is worth: what is lost when its cells are shuffled."""
    import numpy as np

    lost = np.zeros(X.shape[1])
    for at in range(X.shape[1]):
        shuffled = X.copy()
        shuffled[:, at] = rng.permutation(shuffled[:, at])
        lost[at] = area - _area(classifier.predict_proba(shuffled)[:, 1], truth)[0]
    return lost
