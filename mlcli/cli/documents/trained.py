"""What ``mlcli preprocess`` and ``mlcli train`` print with ``--json``."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from mlcli.cli.documents.document import Document
from mlcli.data.findings import Finding
from mlcli.data.schema import Schema
from mlcli.evaluation.decision import Decision
from mlcli.evaluation.folds import FoldSummary
from mlcli.evaluation.gates import GateVerdict
from mlcli.evaluation.leaderboard import Leaderboard
from mlcli.evaluation.results import Evaluation
from mlcli.inference.proof import Proof
from mlcli.training.track import Tracked
from mlcli.training.trials import Tuning


class PreprocessDocument(Document, frozen=True, tag="preprocess/1"):
    """What was prepared for a model, and where it lies.

    Parameters
    ----------
    folder : str
        Where the prepared rows are.
    fingerprint : str
        Digest of all that decides them: config, data and versions.
    split : str
        How the rows were divided, for people.
    n_train : int
        Rows to learn from.
    n_test : int
        Rows held out.
    schema : Schema
        The columns and the target.
    findings : tuple of Finding
        What a look at the data found.
    """

    folder: str
    fingerprint: str
    split: str
    n_train: int
    n_test: int
    schema: Schema
    findings: tuple[Finding, ...]


class BestTrial(msgspec.Struct, frozen=True):
    """The trial whose parameters were taken.

    Parameters
    ----------
    trial : int
        Its number; 0 is the model as it was configured.
    params : dict
        All of ``model.params`` for it.
    value : float, optional
        Mean of the metric over the folds.
    """

    trial: int
    params: dict[str, Any]
    value: float | None


class TuningResult(msgspec.Struct, frozen=True):
    """What a search for a model's parameters came to.

    Parameters
    ----------
    best : BestTrial
        What was taken.
    search : Tuning
        Everything that was tried.
    """

    best: BestTrial
    search: Tuning


class TrainDocument(Document, frozen=True, kw_only=True, tag="train/1"):
    """A finished training: where the model is, how it was made and what it is worth.

    Parameters
    ----------
    run : str
        The run's folder.
    digest : str
        Which artifact it is: the same for the same config, data and versions.
    seconds : float
        How long it took.
    proof : Proof, optional
        Whether the model was compiled, and how that was proven.
    split : str
        How the rows were divided, for people.
    findings : tuple of Finding
        What a look at the data found.
    cross_validation : tuple of FoldSummary
        Mean and spread of each metric over the folds; empty when none was asked for.
    tuning : TuningResult
        The search for parameters. Left out where there was none.
    leaderboard : Leaderboard
        The models that were tried. Left out where one was named.
    name : str
        Name of the run.
    model : str
        Name of the model in the catalogue.
    decision : Decision, optional
        Calibration and threshold; null where neither was asked for.
    evaluation : Evaluation
        The scores on the rows held out.
    gates : tuple of GateVerdict
        Always empty: training judges no gates.
    tracked : Tracked
        Where the run stands on a tracking server. Left out where it was not tracked.
    """

    run: str
    digest: str
    seconds: float
    proof: Proof | None
    split: str
    findings: tuple[Finding, ...]
    cross_validation: tuple[FoldSummary, ...]
    tuning: TuningResult | UnsetType = UNSET
    leaderboard: Leaderboard | UnsetType = UNSET
    name: str
    model: str
    decision: Decision | None
    evaluation: Evaluation
    gates: tuple[GateVerdict, ...]
    tracked: Tracked | UnsetType = UNSET
