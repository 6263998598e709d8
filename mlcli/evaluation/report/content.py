"""Everything that a report shows, as plain data that JSON can hold."""

from __future__ import annotations

import msgspec

from mlcli.data.findings import Finding
from mlcli.data.schema import Schema
from mlcli.evaluation.curves import ClassCurves
from mlcli.evaluation.dependence import Dependence
from mlcli.evaluation.folds import FoldSummary
from mlcli.evaluation.hardest import HardRow
from mlcli.evaluation.holdout_thresholds import Thresholds
from mlcli.evaluation.importance import Importance
from mlcli.evaluation.latency import Latency
from mlcli.evaluation.leaderboard import Leaderboard
from mlcli.evaluation.learning import LearningCurve
from mlcli.evaluation.reliability import Reliability
from mlcli.evaluation.residuals import Residuals
from mlcli.evaluation.results import Evaluation
from mlcli.evaluation.slices import Slices


class Asked(msgspec.Struct, frozen=True):
    """One thing that the config asked for.

    Parameters
    ----------
    what, answer : str
        Such as ``Model`` and ``logistic_regression (C=0.5)``.
    """

    what: str
    answer: str


class Origin(msgspec.Struct, frozen=True):
    """How the model and the report were made.

    Parameters
    ----------
    mlcli_version : str
        Version that trained the model.
    versions : dict of str to str
        Versions of Python and the libraries it was trained with.
    created : str
        When it was trained, ISO 8601.
    digest, config_digest, data_fingerprint : str
        Of the artifact, of its config, and of the data.
    proof : str
        What serves it, and how that is known.
    seeds : dict of str to int
        Every seed, by its key in the config.
    config_text : str
        The resolved config, as YAML.
    artifact : str
        The file, as the user named it.
    command : str
        The command that made the report.
    reported : str
        When the report was made, ISO 8601.
    """

    mlcli_version: str
    versions: dict[str, str]
    created: str
    digest: str
    config_digest: str
    data_fingerprint: str
    proof: str
    seeds: dict[str, int]
    config_text: str
    artifact: str
    command: str
    reported: str


class Content(msgspec.Struct, frozen=True):
    """Everything that a report shows.

    Parameters
    ----------
    name, model : str
        The run's name, and the model's in the catalogue.
    dataset : str
        A short name of the data: that of its file, without folder and ending.
    asked : tuple of Asked
        What the config asked for.
    origin : Origin
        How it was made.
    schema : Schema
        The data contract.
    split : str
        How the rows were divided, for people.
    judged_on : str
        The rows judged, for people.
    n_train, n_test : int
        Rows learned from, and rows held out.
    findings : tuple of Finding
        What a look at the data found.
    evaluation : Evaluation
        The scores: those of ``metrics.json``, unless other rows were judged.
    folds : tuple of FoldSummary
        The cross-validation, if there was one.
    leaderboard : Leaderboard, optional
        The models that were tried, if there were several.
    curves, reliability, thresholds
        Of a classification with probabilities.
    residuals : Residuals, optional
        Of a regression.
    importance : Importance
        What the model leans on.
    dependence : tuple of Dependence
        How the prediction moves with the most important columns.
    slices : Slices
        Where it is better and worse.
    hardest : tuple of HardRow, optional
        The rows that it gets most wrong; None where rows are not to be shown.
    learning : LearningCurve, optional
        The metric against the number of training rows, if asked for.
    latency : Latency
        How long a prediction takes.
    """

    name: str
    model: str
    dataset: str
    asked: tuple[Asked, ...]
    origin: Origin
    schema: Schema
    split: str
    judged_on: str
    n_train: int
    n_test: int
    findings: tuple[Finding, ...]
    evaluation: Evaluation
    folds: tuple[FoldSummary, ...]
    leaderboard: Leaderboard | None
    curves: tuple[ClassCurves, ...]
    reliability: Reliability | None
    thresholds: Thresholds | None
    residuals: Residuals | None
    importance: Importance
    dependence: tuple[Dependence, ...]
    slices: Slices
    hardest: tuple[HardRow, ...] | None
    learning: LearningCurve | None
    latency: Latency

    @property
    def confidence(self) -> str:
        """The confidence of the intervals, such as ``95 %``."""
        return f"{100 * self.evaluation.confidence:.4g} %"

    def to_json(self) -> bytes:
        """Return the content as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)
