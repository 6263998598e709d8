"""Why a model says what it says of a row: contributions of the columns, which add up to the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlcli.data.typed import TypedColumns
from mlcli.errors import ArtifactError
from mlcli.inference.explain_additive import Method, additive_terms
from mlcli.inference.explain_sampled import Sampler
from mlcli.inference.program import Kernel, Model
from mlcli.inference.sound import nodes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlcli.inference.explain_additive import Terms
    from mlcli.inference.predictor import Predictor
    from mlcli.inference.program import Link, Program

Scale = Literal["target", "log_target", "probability", "log_odds", "score"]
"""What contributions add up to. target: the prediction, in the target's unit; log_target: its logarithm; probability:
the probability of the class; log_odds: the logarithm of p / (1 - p); score: of several classes the one's raw value,
whose exponentials are divided by their sum, or which a sigmoid each turns into shares."""

BUDGET = 8192
"""Rows that a compiled model is asked about to explain one row, where contributions are sampled."""

SLOW_BUDGET = 2560
"""The same where scikit-learn answers, texts are read or kernels are computed: enough for all subsets of 7 columns."""


@dataclass(frozen=True)
class Explanations:
    """Contributions of the columns to what a model says of rows.

    ``base[k] + contributions[i].sum(axis=0)[k]`` is what it says of row i and
    output k, on the stated scale.

    Parameters
    ----------
    method : Method
        How they were found.
    scale : Scale
        What they add up to.
    columns : tuple of str
        Names of the columns, in schema order.
    base : ndarray of shape (n_outputs,)
        What the model says where nothing is known of a row. Outputs are the
        classes in their order, or the predicted value alone.
    contributions : ndarray of shape (n_rows, n_columns, n_outputs)
        What knowing each column adds.
    errors : ndarray of shape (n_rows, n_columns, n_outputs), optional
        Standard errors of sampled contributions; None where they are exact.
    """

    method: Method
    scale: Scale
    columns: tuple[str, ...]
    base: NDArray[np.float64]
    contributions: NDArray[np.float64]
    errors: NDArray[np.float64] | None = None

    def chosen(self, outputs: NDArray[np.intp]) -> Explained:
        """Return the contributions of each row to one output, such as the predicted class.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows,)
            Position of each row's output.
        """
        rows = np.arange(len(outputs))
        errors = None if self.errors is None else self.errors[rows, :, outputs]
        return Explained(self.base[outputs], self.contributions[rows, :, outputs], errors)


@dataclass(frozen=True)
class Explained:
    """Contributions of the columns to one output of each row.

    Parameters
    ----------
    base : ndarray of shape (n_rows,)
        What they begin at.
    contributions : ndarray of shape (n_rows, n_columns)
        What knowing each column adds.
    errors : ndarray of shape (n_rows, n_columns), optional
        Standard errors of sampled contributions.
    """

    base: NDArray[np.float64]
    contributions: NDArray[np.float64]
    errors: NDArray[np.float64] | None


class Explainer:
    """Explains what a predictor says.

    Parameters
    ----------
    predictor : Predictor
        The model.
    program : Program, optional
        Its operations; None where scikit-learn answers.
    background : TypedColumns
        Rows to compare with where contributions are not exact.
    budget : int, optional
        About how many rows the model may be asked about to explain one, where
        they are sampled. Left out: `BUDGET` or `SLOW_BUDGET`.

    Attributes
    ----------
    method : Method
        How contributions are found.
    scale : Scale
        What they add up to.
    n_background : int
        Rows that sampled ones are compared with; 0 where they are exact.

    Raises
    ------
    ArtifactError
        If there is no row to compare with, and one is needed.
    """

    def __init__(
        self, predictor: Predictor, program: Program | None, background: TypedColumns, *, budget: int | None = None
    ) -> None:
        self.predictor = predictor
        schema = predictor.schema
        self._classes = schema.target.classes
        self._columns = tuple(schema.names)
        terms = None if program is None else additive_terms(program.node, len(schema.columns))
        self._terms: Terms | None = terms
        self.method: Method
        if terms is not None:
            self.method, self.n_background = terms.method, 0
            self.scale = _scale(terms.link, classify=self._classes is not None)
            return
        if not background.n_rows:
            raise ArtifactError(
                "a model must have stored rows to explain its predictions by. Got none.",
                hint="Train again with held-out rows.",
            )
        if budget is None:
            budget = SLOW_BUDGET if program is None or _is_slow(program) else BUDGET
        self._sampler = Sampler(self._outputs, background, budget=budget)
        self.method = "enumerated" if self._sampler.enumerated else "sampled"
        self.n_background = self._sampler.n_background
        self.scale = "target" if self._classes is None else "probability"

    def explain(self, columns: TypedColumns) -> Explanations:
        """Explain what the model says of typed rows, for every output.

        A row is explained the same alone as among others, to rounding.

        Parameters
        ----------
        columns : TypedColumns
            The rows. Memory grows with their number times that of columns and classes.
        """
        if self._terms is None:
            return self._sampled(columns)
        base, contributions = self._terms.base, self._terms.rows(columns)
        if self._terms.link == "sigmoid":
            # Log-odds of the first class are those of the second, turned around.
            base = np.concatenate([-base, base])
            contributions = np.concatenate([-contributions, contributions], axis=2)
        return Explanations(self.method, self.scale, self._columns, base, contributions)

    def predicted(self, y_pred: Sequence[Any] | NDArray[Any]) -> NDArray[np.intp]:
        """Return the position of each prediction among the outputs."""
        if self._classes is None:
            return np.zeros(len(y_pred), dtype=np.intp)
        position = {label: i for i, label in enumerate(self._classes)}
        return np.array([position[label] for label in np.asarray(y_pred).tolist()], dtype=np.intp)

    def _sampled(self, columns: TypedColumns) -> Explanations:
        found = [
            self._sampler.explain(tuple(cells[i : i + 1] for cells in columns.columns)) for i in range(columns.n_rows)
        ]
        shape = (columns.n_rows, len(self._columns), len(self._sampler.base))
        contributions = np.array([each.contributions for each in found]).reshape(shape)
        errors = None
        if not self._sampler.enumerated:
            errors = np.array([each.errors for each in found], dtype=np.float64).reshape(shape)
        return Explanations(self.method, self.scale, self._columns, self._sampler.base, contributions, errors)

    def _outputs(self, columns: TypedColumns) -> NDArray[np.float64]:
        predictions = self.predictor.predict_columns(columns)
        if predictions.y_proba is not None:
            return predictions.y_proba
        return np.asarray(predictions.y_pred, dtype=np.float64).reshape(-1, 1)


def joined(parts: Sequence[Explanations]) -> Explanations:
    """Return the explanations of several tables of rows, one below the other, as one.

    Parameters
    ----------
    parts : sequence of Explanations
        Of one explainer; at least one.
    """
    errors = [part.errors for part in parts if part.errors is not None]
    return replace(
        parts[0],
        contributions=np.concatenate([part.contributions for part in parts]),
        errors=np.concatenate(errors) if errors else None,
    )


def _scale(link: Link, *, classify: bool) -> Scale:
    match link:
        case "identity":
            return "probability" if classify else "target"
        case "exp":
            return "log_target"
        case "sigmoid":
            return "log_odds"
        case "softmax" | "ovr":
            return "score"


def _is_slow(program: Program) -> bool:
    """Return whether a row takes many times as long as with a small network."""
    kernels = any(isinstance(node, Model) and isinstance(node.head, Kernel) for node in nodes_of(program.node))
    return kernels or any(column.kind == "text" for column in program.columns)
