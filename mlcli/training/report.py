"""A stored run to the content of its report."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from mlcli.artifact.open import Artifact
from mlcli.config.load import LoadedConfig
from mlcli.config.sections import Config, Task
from mlcli.data.source import Source
from mlcli.errors import ArtifactError
from mlcli.evaluation.baseline import Baseline
from mlcli.evaluation.evaluate import evaluate
from mlcli.evaluation.leaderboard import Leaderboard
from mlcli.evaluation.report.content import Asked, Content, Origin
from mlcli.evaluation.results import Evaluation
from mlcli.training.judge import read_holdout, read_labelled, read_provenance
from mlcli.training.stored_config import stored_config

if TYPE_CHECKING:
    from mlcli.data.dataset import Dataset
    from mlcli.data.predictions import Predictions
    from mlcli.data.typed import TypedColumns
    from mlcli.evaluation.metrics import Rows
    from mlcli.inference.predictor import Predictor

logger = logging.getLogger(__name__)

LEADERBOARD = "leaderboard.json"
"""Name of the models that were tried, in a run folder."""


@dataclass(frozen=True)
class Wanted:
    """What a report is wanted to hold.

    Parameters
    ----------
    rows : bool
        Show rows of the data: the hardest.
    learning_from : LoadedConfig, optional
        The config that leads to the training rows, for a learning curve; none when left out.
    command : str
        The command that asked for the report.
    """

    rows: bool = True
    learning_from: LoadedConfig | None = None
    command: str = "mlcli report"


def report_content(
    artifact: Artifact, *, wanted: Wanted, data: Source | None = None, stdin: BinaryIO | None = None
) -> Content:
    """Compute everything that the report of a stored run shows.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    wanted : Wanted
        What the report is to hold.
    data : Source, optional
        Rows with a target to judge on. The hold-out of the run, when left out.
    stdin : BinaryIO, optional
        Standard input; needed when `data` is standard input.

    Returns
    -------
    Content
        The same for the same run and versions, but for latency and time.

    Raises
    ------
    ArtifactError
        If the hold-out is not there, or something in the run folder is damaged.
    DataError
        If the rows break the data contract or carry no target.
    """
    from mlcli.artifact.predictor import load_predictor

    started = time.perf_counter()
    config = stored_config(artifact)
    dataset = read_holdout(artifact) if data is None else read_labelled(data, artifact, stdin=stdin)
    predictor = load_predictor(artifact)
    logger.info("explaining %s on %d rows", artifact.manifest.model, len(dataset))
    baseline = msgspec.json.decode(artifact.baseline, type=Baseline)
    predictions = predictor.predict(dataset.X)
    evaluation = Evaluation.from_json(artifact.metrics)
    if data is not None:
        evaluation = evaluate(
            dataset.y_true,
            predictions,
            target=artifact.schema.target,
            baseline=baseline,
            config=config.evaluate,
            sample_weight=dataset.sample_weight,
        )
    board = read_leaderboard(artifact.path.parent)
    judged = _Judged(predictor, dataset, predictions, evaluation, config.evaluate.random_state, _cost(artifact, board))
    learning = None
    if wanted.learning_from is not None:
        from mlcli.training.learning import learning_curve  # scikit-learn is paid for when something is fitted

        test = dataset if data is None else read_holdout(artifact)
        learning = learning_curve(
            artifact, wanted.learning_from, test=test, baseline=baseline, metric=evaluation.verdict.metric
        )
    provenance = read_provenance(artifact)
    content = Content(
        name=artifact.manifest.name,
        model=artifact.manifest.model,
        dataset=_dataset_name(config),
        asked=_asked(config, task=artifact.schema.target.task),
        origin=_origin(artifact, config, wanted),
        schema=artifact.schema,
        split=provenance.split,
        judged_on="held out" if data is None else f"of {data.label}",
        n_train=artifact.manifest.n_train,
        n_test=artifact.manifest.n_test,
        findings=provenance.findings,
        evaluation=evaluation,
        folds=provenance.cross_validation,
        leaderboard=board,
        learning=learning,
        **_explained(judged, rows=wanted.rows),
    )
    logger.info("explained %s in %.1f s", artifact.manifest.model, time.perf_counter() - started)
    return content


def read_leaderboard(folder: Path) -> Leaderboard | None:
    """Return the models that a run tried, None where it tried one.

    Raises
    ------
    ArtifactError
        If the file is not as mlcli writes it.
    """
    path = folder / LEADERBOARD
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Leaderboard)
    except msgspec.DecodeError as error:
        raise ArtifactError(
            f"{path} must hold the models that were tried. {error}.", hint="Restore it, or remove it."
        ) from None


def _cost(artifact: Artifact, board: Leaderboard | None) -> int:
    """Return what predicting a row costs: by the model, and by those that it was chosen from."""
    from mlcli.evaluation.altered import row_cost

    chosen = [one.model for one in board.candidates if one.weight > 0] if board is not None else []
    manifest = artifact.manifest
    return row_cost(artifact.schema.columns, models=[manifest.model, *chosen], n_train=manifest.n_train)


@dataclass(frozen=True)
class _Judged:
    """A model with rows, what it says of them, and what that is worth."""

    predictor: Predictor
    dataset: Dataset
    predictions: Predictions
    evaluation: Evaluation
    random_state: int
    cost: int


def _explained(judged: _Judged, *, rows: bool) -> dict[str, Any]:
    """Return the parts of the content that are computed from rows and predictions."""
    from mlcli.data.frames import columns_from_frame
    from mlcli.evaluation.dependence import partial_dependence
    from mlcli.evaluation.hardest import hardest_rows
    from mlcli.evaluation.importance import permutation_importance
    from mlcli.evaluation.latency import measure_latency
    from mlcli.evaluation.metrics import rows_judged
    from mlcli.evaluation.slices import judge_slices

    predictor, dataset, schema = judged.predictor, judged.dataset, judged.predictor.schema
    metric, confidence, seed = judged.evaluation.verdict.metric, judged.evaluation.confidence, judged.random_state
    columns: TypedColumns = columns_from_frame(dataset.X, schema)
    truth = rows_judged(dataset.y_true, judged.predictions, target=schema.target, sample_weight=dataset.sample_weight)
    importance = permutation_importance(
        predictor.predict_columns,
        columns,
        dataset.y_true,
        schema=schema,
        metric=metric,
        sample_weight=dataset.sample_weight,
        confidence=confidence,
        random_state=seed,
        cost=judged.cost,
    )
    logger.info("shuffled %d columns among %d rows", len(schema.columns), importance.n_rows)
    names = tuple(column.name for column in importance.columns)
    return {
        **_shapes(truth, predictor, confidence=confidence, random_state=seed),
        "importance": importance,
        "dependence": partial_dependence(
            predictor.predict_columns, columns, names, schema=schema, random_state=seed, cost=judged.cost
        ),
        "slices": judge_slices(
            columns, truth, names, schema=schema, metric=metric, confidence=confidence, random_state=seed
        ),
        "hardest": hardest_rows(dataset, columns, truth, schema=schema, metric=metric) if rows else None,
        "latency": measure_latency(predictor.predict_row, predictor.predict_columns, columns),
    }


def _shapes(rows: Rows, predictor: Predictor, *, confidence: float, random_state: int) -> dict[str, Any]:
    """Return curves of a classification, or residuals of a regression."""
    from mlcli.evaluation.classification import ClassificationRows
    from mlcli.evaluation.curves import class_curves
    from mlcli.evaluation.holdout_thresholds import threshold_curve, threshold_in_use
    from mlcli.evaluation.reliability import reliability
    from mlcli.evaluation.residuals import residuals

    if not isinstance(rows, ClassificationRows):
        found = residuals(rows, confidence=confidence, random_state=random_state)
        return {"curves": (), "reliability": None, "thresholds": None, "residuals": found}
    thresholds = None
    if rows.positive is not None and rows.y_proba is not None:
        in_use = threshold_in_use(predictor.label, positive=rows.positive, label_of=rows.classes[rows.positive])
        thresholds = threshold_curve(rows, in_use=in_use)
    return {
        "curves": class_curves(rows, confidence=confidence, random_state=random_state),
        "reliability": reliability(rows, confidence=confidence),
        "thresholds": thresholds,
        "residuals": None,
    }


def _asked(config: Config, *, task: Task) -> tuple[Asked, ...]:
    """Say what the config asked for, in a few lines."""
    data, split, model = config.data, config.split, config.model
    path = data.path if isinstance(data.path, str) else ", ".join(data.path or ())
    asked = [
        ("Data", path or f"a database, by the query {data.query}"),
        ("Predict", data.target),
        ("Task", task),
        ("Hold out", _split_text(split.method, split.column, split.test_size, split.cv)),
        ("Model", f"{model.name}{_named(model.params)}"),
    ]
    if model.class_weight is not None:
        asked.append(("Class weights", str(model.class_weight)))
    if data.weight is not None:
        asked.append(("Row weights", data.weight))
    if config.evaluate.gates:
        gates = ", ".join(f"{name} {bound:g}" for name, bound in config.evaluate.gates.items())
        asked.append(("Gates", gates))
    return tuple(Asked(what, answer) for what, answer in asked)


def _dataset_name(config: Config) -> str:
    """Return what the data is called: its file's name up to the first point; of a glob, its folder's."""
    path = config.data.path
    if path is None:
        return "database"
    first = Path(path if isinstance(path, str) else path[0])
    named = first if not set(first.name) & set("*?[") else first.parent
    return named.name.partition(".")[0] or config.name


def _split_text(method: str, column: str | None, test_size: float, cv: int) -> str:
    by = f" by {column}" if column else ""
    size = "" if method in {"column", "files"} else f", {100 * test_size:g} %"
    folds = f", with {cv} folds of the training rows" if cv else ""
    return f"{method}{by}{size}{folds}"


def _named(params: dict[str, Any]) -> str:
    return f" ({', '.join(f'{name}={value}' for name, value in params.items())})" if params else ""


def _origin(artifact: Artifact, config: Config, wanted: Wanted) -> Origin:
    manifest = artifact.manifest
    proof = "served by scikit-learn: made before models were compiled"
    return Origin(
        mlcli_version=manifest.mlcli_version,
        versions=manifest.versions,
        created=manifest.created,
        digest=manifest.digest,
        config_digest=manifest.config_digest,
        data_fingerprint=manifest.data_fingerprint,
        proof=proof if manifest.proof is None else manifest.proof.verdict,
        seeds={
            "split.random_state": config.split.random_state,
            "model.random_state": config.model.random_state,
            "evaluate.random_state": config.evaluate.random_state,
        },
        config_text=artifact.config_text,
        artifact=str(artifact.path),
        command=wanted.command,
        reported=datetime.now(UTC).isoformat(timespec="seconds"),
    )
