"""How a model's probabilities were calibrated and where its threshold lies, as plain data."""

from __future__ import annotations

from typing import Literal

import msgspec

from mlcli.data.schema import ClassLabel
from mlcli.evaluation.numerals import format_number

Method = Literal["none", "sigmoid", "isotonic"]
"""How probabilities are calibrated."""

Rule = Literal["optimize", "precision", "recall", "costs", "value"]
"""The key of the config that asked for a threshold."""


class ProbabilityScores(msgspec.Struct, frozen=True):
    """How good probabilities are; less is better for each.

    Parameters
    ----------
    log_loss : float
        Mean of ``-log`` of the probability of the true class.
    brier : float
        Mean squared error of the probabilities.
    calibration_error : float
        Expected calibration error: mean gap between probability and share, over ten bins.
    """

    log_loss: float
    brier: float
    calibration_error: float


class CalibrationBin(msgspec.Struct, frozen=True):
    """Rows of about the same probability.

    Parameters
    ----------
    probability : float
        Their mean probability: of the positive class of two, else of the likeliest class.
    share : float
        Share of them that are of that class.
    n_rows : int
        How many they are.
    """

    probability: float
    share: float
    n_rows: int


class LabelScores(msgspec.Struct, frozen=True):
    """How good labels of two classes are, on rows that nothing was fitted to.

    Parameters
    ----------
    precision, recall, f1, balanced_accuracy : float
        Of the positive class; a precision without a positive label counts 0.
    cost : float, optional
        Mean cost of a row; None where no costs were named.
    """

    precision: float
    recall: float
    f1: float
    balanced_accuracy: float
    cost: float | None = None


class ThresholdPoint(LabelScores, frozen=True):
    """The scores at one threshold.

    Parameters
    ----------
    threshold : float
        Least probability of the positive class that gives it as the label.
    """

    threshold: float = 0.0


class Calibration(msgspec.Struct, frozen=True):
    """How probabilities were calibrated, and what that was worth.

    Parameters
    ----------
    method : Method
        What was taken.
    asked : str
        What the config says: a method, or auto.
    n_rows, n_folds : int
        Training rows judged out-of-fold, and the folds.
    scores : dict of Method to ProbabilityScores
        By method tried, ``none`` among them: probabilities of rows that
        neither model nor calibration was fitted to.
    note : str, optional
        What a reader must know.
    """

    method: Method
    asked: str
    n_rows: int
    n_folds: int
    scores: dict[Method, ProbabilityScores]
    note: str | None = None

    @property
    def message(self) -> str:
        """What to tell a person, in a line."""
        before = self.scores["none"].log_loss
        if self.method != "none":
            after = self.scores[self.method].log_loss
            return f"calibrated: {self.method}, log loss {_number(before)} -> {_number(after)} out-of-fold"
        others = ", ".join(
            f"{name} {_number(scores.log_loss)}" for name, scores in self.scores.items() if name != "none"
        )
        return f"calibrated: no, nothing beats log loss {_number(before)} out-of-fold by more than chance ({others})"


class Threshold(msgspec.Struct, frozen=True):
    """From which probability on a row gets the positive class, and how that was found.

    Parameters
    ----------
    value : float
        Least probability of `label` that gives it as the label.
    label : label
        The positive class.
    rule : Rule
        The key that asked for it.
    wanted : float or str, optional
        What the key said: a score's name, or the precision or recall to reach.
    reached : bool
        Whether a wanted precision or recall is reached out-of-fold.
    out_of_fold : LabelScores, optional
        Each fold with the threshold that the other folds choose; None where
        nothing was learned, or the folds do not suffice.
    at_half : LabelScores, optional
        The same rows with a threshold of 0.5.
    note : str, optional
        What a reader must know.
    """

    value: float
    label: ClassLabel
    rule: Rule
    wanted: float | str | None = None
    reached: bool = True
    out_of_fold: LabelScores | None = None
    at_half: LabelScores | None = None
    note: str | None = None

    @property
    def message(self) -> str:
        """What to tell a person, in a line."""
        return f"threshold on {label_text(self.label)}: {self.value:.6g}{self._scores()}"

    def _scores(self) -> str:
        if self.rule == "value" and self.out_of_fold is None:
            return ", as the config says"
        if self.out_of_fold is None or self.at_half is None:
            return ""
        found, half = (self._figures(scores) for scores in (self.out_of_fold, self.at_half))
        return f", {found} out-of-fold ({half} at 0.5)"

    def _figures(self, scores: LabelScores) -> str:
        match self.rule:
            case "precision" | "recall":
                return f"precision {_number(scores.precision)} and recall {_number(scores.recall)}"
            case "costs" if scores.cost is not None:
                return f"cost {_number(scores.cost)} a row"
            case "optimize" if self.wanted == "balanced_accuracy":
                return f"balanced accuracy {_number(scores.balanced_accuracy)}"
        return f"F1 {_number(scores.f1)}"


class Decision(msgspec.Struct, frozen=True):
    """What was learned out-of-fold about a model's probabilities and labels.

    Parameters
    ----------
    calibration : Calibration, optional
        None where the config asked for none.
    threshold : Threshold, optional
        None where the likelier class is the label.
    """

    calibration: Calibration | None = None
    threshold: Threshold | None = None

    @property
    def messages(self) -> tuple[str, ...]:
        """A line for each of them, for people."""
        return tuple(part.message for part in (self.calibration, self.threshold) if part is not None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of each."""
        return tuple(part.note for part in (self.calibration, self.threshold) if part is not None and part.note)


class DecisionCurves(msgspec.Struct, frozen=True):
    """A decision with the curves behind it: ``decision.json`` of a run.

    Parameters
    ----------
    decision : Decision
        What the artifact stores.
    before, after : tuple of CalibrationBin
        Calibration out-of-fold without and with the method taken; the same where none was.
    thresholds : tuple of ThresholdPoint
        Scores out-of-fold by threshold, ascending, at most 200 and the chosen one; empty without a threshold.
    """

    decision: Decision
    before: tuple[CalibrationBin, ...] = ()
    after: tuple[CalibrationBin, ...] = ()
    thresholds: tuple[ThresholdPoint, ...] = ()


class _Stored(msgspec.Struct, frozen=True):
    """The part of an artifact's provenance that is about decisions."""

    decision: Decision | None = None


def read_decision(provenance: bytes) -> Decision | None:
    """Return the decision in an artifact's provenance; None where there is none."""
    return msgspec.json.decode(provenance, type=_Stored).decision


def label_text(label: ClassLabel) -> str:
    """Return a class as data files write it."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _number(value: float) -> str:
    return format_number(value)
