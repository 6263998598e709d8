"""The proof that a program answers as the fitted pipeline does, made when it is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mlcli.data.schema import Schema
from mlcli.inference.predictor import FittedPipeline, PipelinePredictor

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from mlcli.data.typed import TypedColumns
    from mlcli.inference.machine import Machine
    from mlcli.inference.program import Node, Program

TOLERANCE = 1e-9
"""Largest difference between program and pipeline; of a regression relative to ``max(1, |y|)``."""

SINGLE_TOLERANCE = 1e-6
"""The same where the library itself works in float32."""

_SINGLE = ("xgboost.", "mlcli.models.boosting_xgboost.")
"""Modules of models that add up their trees in float32."""

_CELLS = 1 << 22
"""Features encoded at once: 32 MB of them."""

_ALONE = 200
"""Rows predicted alone and in small batches as well."""

_BATCH = 10


class Proof(msgspec.Struct, frozen=True):
    """Whether a program answers as the fitted pipeline does.

    Parameters
    ----------
    proven : bool
        Whether it does; scikit-learn serves otherwise.
    reason : str, optional
        Why not.
    n_rows : int
        Rows that both predicted.
    largest_difference : float, optional
        Between their outputs, to two digits; of a regression relative to
        ``max(1, |y|)``. None where nothing was compared, or where one of them
        gave no number.
    tolerance : float
        Largest difference allowed.
    """

    proven: bool
    reason: str | None
    n_rows: int
    largest_difference: float | None
    tolerance: float

    @property
    def verdict(self) -> str:
        """What to tell a person, in a few words."""
        if not self.proven:
            return f"served by scikit-learn: {self.reason}"
        return f"compiled and proven on {self.n_rows:,} rows, largest difference {self.largest_difference:.0e}"


def prove(
    machine: Machine,
    pipeline: FittedPipeline,
    schema: Schema,
    X: pd.DataFrame,
    *,
    n_rows: int | None = None,
    random_state: int = 0,
) -> Proof:
    """Compare a program with the pipeline that it was made of.

    Both predict the rows of `mlcli.inference.proof_rows`: training rows, every
    level, gaps, extremes, thresholds, and mixtures of these.

    Parameters
    ----------
    machine : Machine
        The program.
    pipeline : FittedPipeline
        The fitted pipeline.
    schema : Schema
        The data contract.
    X : DataFrame of shape (n_samples, n_features)
        Typed training rows.
    n_rows : int, optional
        Least number of rows; `mlcli.inference.proof_rows.N_ROWS` when left out.
    random_state : int, default=0
        Seed of the rows.

    Returns
    -------
    Proof
        Proven where every output agrees within the tolerance, every label
        agrees (save where the pipeline itself holds two alike within it), and
        rows predict the same alone, in tens and all together, to the last bit.
    """
    import numpy as np

    from mlcli.data.frames import columns_from_frame
    from mlcli.inference.proof_rows import N_ROWS, proof_rows

    training = columns_from_frame(X, schema)
    rows = proof_rows(machine.program, schema, training, n_rows=n_rows or N_ROWS, random_state=random_state)
    tolerance = tolerance_of(pipeline)
    answers = _answers(machine, PipelinePredictor(pipeline, schema), rows)
    found, expected = answers.found, answers.expected
    if found.shape != expected.shape:
        largest, reason = math.inf, f"the program gives {found.shape[1]} outputs, scikit-learn {expected.shape[1]}"
    else:
        differences = _differences(found, expected, relative=schema.target.task == "regression")
        largest = float(differences.max())
        n_wrong = int(np.count_nonzero(differences.max(axis=1) > tolerance))
        reason = (
            f"{n_wrong:,} of {rows.n_rows:,} rows differ from scikit-learn's, by up to {largest:.1g}" if n_wrong else ""
        )
    if not reason:
        reason = _label_errors(machine.program, answers, schema, tolerance)
    if not reason and not _agrees_with_itself(machine, rows, found):
        reason = "a row alone differs from the same row among others"
    return Proof(
        proven=not reason,
        reason=reason or None,
        n_rows=rows.n_rows,
        largest_difference=float(f"{largest:.1e}") if math.isfinite(largest) else None,
        tolerance=tolerance,
    )


def tolerance_of(pipeline: Any) -> float:
    """Return the largest difference allowed to a program of `pipeline`: more where it holds float32 models."""
    pending = [pipeline]
    while pending:
        part = pending.pop()
        if any(f"{base.__module__}.".startswith(_SINGLE) for base in type(part).__mro__):
            return SINGLE_TOLERANCE
        for name in ("steps", "estimator", "estimators_", "calibrated_classifiers_"):
            inner = getattr(part, name, None)
            if isinstance(inner, list):
                pending += [step[-1] if isinstance(step, tuple) else step for step in inner]
            elif inner is not None:
                pending.append(inner)
    return TOLERANCE


@dataclass(frozen=True)
class _Answers:
    """Outputs of program and pipeline, of shape (n_rows, n_outputs), and the pipeline's labels."""

    found: NDArray[np.float64]
    expected: NDArray[np.float64]
    labels: NDArray[Any]


def _answers(machine: Machine, reference: PipelinePredictor, rows: TypedColumns) -> _Answers:
    """Return what program and pipeline answer.

    Some rows at a time: a wide matrix of all would not fit into memory.
    """
    import numpy as np

    from mlcli.data.frames import frame_from_columns
    from mlcli.inference.predictor import predictions_from
    from mlcli.inference.proof_rows import take
    from mlcli.inference.sound import nodes_of

    n_at_once = max(64, _CELLS // max(1, *map(_width, nodes_of(machine.program.node))))
    found, expected, labels = [], [], []
    for start in range(0, rows.n_rows, n_at_once):
        part = take(rows, np.arange(start, min(start + n_at_once, rows.n_rows)))
        X = frame_from_columns(part, reference.schema)
        found.append(machine.rows(part))
        expected.append(reference.outputs(X))
        if machine.program.threshold is None:
            labels.append(predictions_from(expected[-1], reference.schema).y_pred)
        else:  # which label a threshold gives, the pipeline alone knows
            labels.append(reference.pipeline.predict(X))
    return _Answers(np.concatenate(found), np.concatenate(expected), np.concatenate(labels))


def _width(node: Node) -> int:
    """Return the dense features of a node: n-grams of texts stand in a sparse matrix."""
    from mlcli.inference.program import Model, Text

    if not isinstance(node, Model):
        return 0
    sparse = [op.width for op in node.features if isinstance(op, Text) and op.components is None]
    return node.n_features - sum(sparse)


def _differences(found: NDArray[np.float64], expected: NDArray[np.float64], *, relative: bool) -> NDArray[np.float64]:
    """Return how far each output is off: nothing where both are the same infinity or no number, infinitely where one is."""
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):
        differences = np.abs(found - expected)
        if relative:
            differences /= np.maximum(1.0, np.abs(expected))
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    differences[same] = 0.0
    differences[np.isnan(differences)] = np.inf
    return differences


def _label_errors(program: Program, answers: _Answers, schema: Schema, tolerance: float) -> str:
    """Say how many labels differ where what decides about them is no tie within the tolerance; nothing when none does."""
    import numpy as np

    from mlcli.inference.predictor import predictions_from, threshold_of

    if schema.target.task == "regression":
        return ""
    found, expected, labels = answers.found, answers.expected, answers.labels
    ours = predictions_from(found, schema, threshold_of(program)).y_pred
    if program.threshold is None or program.positive is None:
        best = np.sort(expected, axis=1)
        # Each output may be off by the tolerance, so two that swap places may be twice as far apart.
        is_tie = best[:, -1] - best[:, -2] <= 2 * tolerance
    else:
        is_tie = np.abs(expected[:, program.positive] - program.threshold) <= tolerance
    n_wrong = int(np.count_nonzero((ours != labels) & ~is_tie))
    return f"{n_wrong:,} of {len(labels):,} labels differ from scikit-learn's" if n_wrong else ""


def _agrees_with_itself(machine: Machine, rows: TypedColumns, together: NDArray[np.float64]) -> bool:
    """Say whether rows predict the same alone and in small batches, to the last bit."""
    import numpy as np

    from mlcli.inference.proof_rows import cells_of, take

    chosen = np.unique(np.linspace(0, rows.n_rows - 1, _ALONE).astype(np.intp))
    some = take(rows, chosen)
    alone = np.array([machine.row(cells_of(some, i)) for i in range(len(chosen))])
    batches = [
        take(some, np.arange(start, min(start + _BATCH, len(chosen)))) for start in range(0, len(chosen), _BATCH)
    ]
    in_tens = np.concatenate([machine.rows(batch) for batch in batches])
    return all(np.array_equal(outputs, together[chosen], equal_nan=True) for outputs in (alone, in_tens))
