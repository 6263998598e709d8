"""The runs of a config, read without loading a model: scores, gates, the best and the newest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlcli.artifact.manifest import MetricSummary
from mlcli.artifact.open import Artifact, open_artifact
from mlcli.artifact.runs import numbered_folders
from mlcli.errors import ArtifactError, ConfigError
from mlcli.evaluation.gates import GateVerdict, judge_gates
from mlcli.evaluation.results import Evaluation
from mlcli.registry import METRICS
from mlcli.training.stored_config import stored_config


class _Judged(msgspec.Struct, frozen=True):
    """What a run's provenance says of the rows that it was judged on; to read all of it takes numpy."""

    holdout_sha256: str


class RunRecord(msgspec.Struct, frozen=True):
    """One run as its folder tells it.

    Parameters
    ----------
    run : str
        Its folder.
    number : int
        Its number.
    size : int
        Bytes of all its files.
    name, model, task, created, digest : str, optional
        What the artifact says of itself; None where it cannot be read.
    n_test : int, optional
        Rows that it was judged on.
    holdout : str, optional
        Digest of these rows: scores compare where it is the same.
    metrics : dict of str to MetricSummary
        Every metric on them.
    gates : tuple of GateVerdict
        The gates of its own config, on them.
    best, newest : bool
        Whether it is the best by the folder's metric, and the newest that can be used.
    problem : str, optional
        Why it cannot be used.
    """

    run: str
    number: int
    size: int
    name: str | None = None
    model: str | None = None
    task: str | None = None
    created: str | None = None
    digest: str | None = None
    n_test: int | None = None
    holdout: str | None = None
    metrics: dict[str, MetricSummary] = {}
    gates: tuple[GateVerdict, ...] = ()
    best: bool = False
    newest: bool = False
    problem: str | None = None

    def value(self, metric: str) -> float | None:
        """Return a metric, None where it is undefined or of another task."""
        found = self.metrics.get(metric)
        return None if found is None else found.value


class RunFolder(msgspec.Struct, frozen=True):
    """The runs of one config.

    Parameters
    ----------
    folder : str
        Where they are.
    metric : str, optional
        What the best one is best by; None where no run can be used.
    shown : tuple of str
        The metrics to show, the first of them `metric`.
    same_rows : bool
        Whether all were judged on the same rows.
    runs : tuple of RunRecord
        Oldest first.
    """

    folder: str
    metric: str | None
    shown: tuple[str, ...]
    same_rows: bool
    runs: tuple[RunRecord, ...]

    @property
    def sound(self) -> tuple[RunRecord, ...]:
        """The runs that can be used."""
        return tuple(run for run in self.runs if run.problem is None)

    def ranked(self) -> tuple[RunRecord, ...]:
        """Return the runs that can be used, the best first; of equal ones the newer."""
        if self.metric is None:
            return ()
        return rank(self.sound, self.metric)


def read_runs(
    folder: Path, *, metric: str | None = None, shown: Sequence[str] = (), thorough: bool = False
) -> RunFolder:
    """Read every run in a folder; a damaged one is told, not left out.

    Parameters
    ----------
    folder : Path
        Folder of the runs.
    metric : str, optional
        What the best is best by. The one that the newest run's verdict is about, when left out.
    shown : sequence of str
        Metrics to show beside it.
    thorough : bool, default=False
        Check every byte of every run, the fitted pipeline's too.

    Raises
    ------
    ArtifactError
        If there is no such folder, or no run in it.
    ConfigError
        If `metric` is not one of the task of the newest run.
    """
    records = [_read(place, thorough=thorough) for place in numbered_folders(folder)]
    if not records:
        raise ArtifactError(
            f"{folder} must be a folder of runs. It holds none.", hint="Train first: mlcli train --config FILE"
        )
    sound = [(record, main) for record, main in records if record.problem is None]
    by = metric or (sound[-1][1] if sound else None)
    if sound and by is not None and by not in sound[-1][0].metrics:
        raise ConfigError(
            f"{folder} must hold runs with the metric {by!r}. Those of its newest: {', '.join(sound[-1][0].metrics)}.",
            hint="Name one of them.",
        )
    usable = tuple(record for record, _ in sound)
    best = rank(usable, by)[:1] if by is not None else ()
    newest = usable[-1:]
    return RunFolder(
        folder=str(folder),
        metric=by,
        shown=tuple(dict.fromkeys([*([by] if by else []), *shown])),
        same_rows=len({record.holdout for record in usable}) <= 1,
        runs=tuple(
            msgspec.structs.replace(record, best=record in best, newest=record in newest) for record, _ in records
        ),
    )


def rank(runs: Sequence[RunRecord], metric: str) -> tuple[RunRecord, ...]:
    """Return the runs by a metric, the best first; those without it last, of equal ones the newer first."""
    sign = -1.0 if METRICS[metric].greater_is_better else 1.0

    def key(run: RunRecord) -> tuple[bool, float, int]:
        value = run.value(metric)
        return value is None, sign * (value or 0.0), -run.number

    return tuple(sorted(runs, key=key))


def _read(place: Path, *, thorough: bool) -> tuple[RunRecord, str | None]:
    """Return what a run says, and the metric that its verdict is about."""
    record = RunRecord(run=str(place), number=int(place.name), size=size_of(place))
    try:
        artifact = open_artifact(place, check_estimator=thorough)
        evaluation = _evaluation(artifact)
        config = stored_config(artifact)
        gates = judge_gates(evaluation, config.evaluate.gates, confident=config.evaluate.confident)
        holdout = msgspec.json.decode(artifact.provenance, type=_Judged).holdout_sha256
    except (ArtifactError, ConfigError, msgspec.DecodeError) as error:
        return msgspec.structs.replace(record, problem=str(error).splitlines()[0]), None
    manifest = artifact.manifest
    full = msgspec.structs.replace(
        record,
        name=manifest.name,
        model=manifest.model,
        task=manifest.task,
        created=manifest.created,
        digest=manifest.digest,
        n_test=manifest.n_test,
        holdout=holdout,
        metrics=manifest.metrics,
        gates=gates,
    )
    return full, evaluation.verdict.metric


def _evaluation(artifact: Artifact) -> Evaluation:
    try:
        return Evaluation.from_json(artifact.metrics)
    except msgspec.DecodeError as error:
        raise ArtifactError(f"{artifact.path}: metrics.json must hold an evaluation. {error}.") from None


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder; links count as such."""
    return sum(place.lstat().st_size for place in folder.rglob("*") if not place.is_dir())
