"""Config to a fitted, evaluated, stored run."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlcli.config.load import LoadedConfig
from mlcli.config.render import render_config
from mlcli.data.findings import Finding
from mlcli.data.prepared import write_dataset
from mlcli.data.schema import Schema
from mlcli.evaluation.baseline import Baseline, baseline_from
from mlcli.evaluation.decision import Decision, DecisionCurves
from mlcli.evaluation.evaluate import evaluate
from mlcli.evaluation.folds import FoldSummary, summarise_folds
from mlcli.evaluation.leaderboard import Leaderboard
from mlcli.evaluation.results import Evaluation
from mlcli.inference.compile import Compiled, compile_pipeline
from mlcli.inference.golden import record_golden
from mlcli.inference.predictor import PipelinePredictor, Predictor
from mlcli.registry import AUTO
from mlcli.training.choose import Choice, Member, check_models, choose, refit
from mlcli.training.decide import decide, require_decidable
from mlcli.training.distributions import describe_rows
from mlcli.training.place import require_writable
from mlcli.training.prepare import Prepared, fingerprint, fingerprint_data, prepare
from mlcli.training.prepared_folder import load_prepared
from mlcli.training.trials import Tuning
from mlcli.training.tune import require_search, tune

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from mlcli.artifact.manifest import Manifest
    from mlcli.data.dataset import Dataset

logger = logging.getLogger(__name__)

GOLDEN_ROWS = 20
"""Held-out rows stored with their predictions, to prove a loaded artifact."""

HOLDOUT = "holdout.parquet"
"""Name of the held-out rows in a run folder."""

DECISION = "decision.json"
"""Name of the curves behind calibration and threshold in a run folder, where there are any."""
LEADERBOARD = "leaderboard.json"
"""Name of what was tried, in the folder of a run that chose its model."""


class Provenance(msgspec.Struct, frozen=True):
    """How the rows of a run were found, divided and judged.

    Parameters
    ----------
    split : str
        How the rows were divided, for people.
    holdout_sha256 : str
        Digest of the run's held-out rows, so that `evaluate` judges on the true ones.
    findings : tuple of Finding
        What a look at the data found.
    cross_validation : tuple of FoldSummary
        Mean and spread of each metric over the folds; empty when none was asked for.
    decision : Decision, optional
        Calibration and threshold; None where neither was asked for.
    members : tuple of Member
        What the model is made of where it was chosen from several; else empty.
    """

    split: str
    holdout_sha256: str
    findings: tuple[Finding, ...]
    cross_validation: tuple[FoldSummary, ...]
    decision: Decision | None = None
    members: tuple[Member, ...] = ()


@dataclass(frozen=True)
class Fitted:
    """A fitted model and what it is worth.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted on the training rows.
    compiled : Compiled
        What serves it: its program, or itself.
    baseline : Baseline
        The dummy of the same rows.
    evaluation : Evaluation
        Scores on rows that it has not learned from.
    choice : Choice, optional
        How it was chosen, where there were several to choose from.
    curves : DecisionCurves, optional
        How calibration and threshold were found; None where neither was asked for.
    """

    pipeline: Pipeline
    compiled: Compiled
    baseline: Baseline
    evaluation: Evaluation
    choice: Choice | None = None
    curves: DecisionCurves | None = None

    @property
    def leaderboard(self) -> Leaderboard | None:
        """What was tried, where there were several models to choose from."""
        return None if self.choice is None else self.choice.leaderboard


@dataclass(frozen=True)
class Run:
    """A stored training run.

    Parameters
    ----------
    folder : Path
        Where it was written.
    manifest : Manifest
        What the artifact says of itself.
    evaluation : Evaluation
        Scores on the hold-out.
    provenance : Provenance
        How the rows were found, divided and judged.
    schema : Schema
        The data contract.
    seconds : float
        Time from the config to the stored run.
    tuning : Tuning, optional
        The search for the model's parameters, where there was one.
    leaderboard : Leaderboard, optional
        What was tried, where there were several models to choose from.
    """

    folder: Path
    manifest: Manifest
    evaluation: Evaluation
    provenance: Provenance
    schema: Schema
    seconds: float
    tuning: Tuning | None = None
    leaderboard: Leaderboard | None = None


def train(loaded: LoadedConfig, *, output: Path, created: datetime | None = None, resume: bool = False) -> Run:
    """Fit, judge and store the model that `loaded` describes.

    Parameters
    ----------
    loaded : LoadedConfig
        The config, with the places of its values.
    output : Path
        Folder of the runs; the new run becomes its next number.
    created : datetime, optional
        Time written into the manifest. Now, when left out.
    resume : bool, default=False
        Go on with a search for parameters that was killed.

    Returns
    -------
    Run
        The stored run.

    Raises
    ------
    ConfigError
        If the model rejects a parameter; before any data is read.
    DataError
        If the data cannot be used as the config says.
    OutputError
        If the run cannot be written.
    """
    from mlcli.models.search_check import check_search

    started = time.perf_counter()
    require_writable(output)
    config = loaded.config
    if resume:
        require_search(loaded)
    check_models(loaded, task=config.task)
    check_search(config, task=config.task, place=loaded.place)
    prepared = find_prepared(loaded, output / "prepared") or prepare(loaded)
    if config.task is None:  # now the target has told it
        check_models(loaded, task=prepared.schema.target.task)
        check_search(config, task=prepared.schema.target.task, place=loaded.place)
    require_decidable(loaded, prepared.schema.target)  # prepared rows may be of another such question
    tuned = tune(loaded, prepared, output=output, resume=resume)
    loaded = tuned.loaded
    fitted = _fit_and_compile(loaded, prepared)
    summaries = _cross_validate(loaded, prepared, fitted.choice)
    folder, manifest, provenance = _store(
        loaded, prepared, fitted, summaries, output=output, created=created or datetime.now(UTC), tuning=tuned.tuning
    )
    tuned.forget()
    seconds = time.perf_counter() - started
    return Run(
        folder, manifest, fitted.evaluation, provenance, prepared.schema, seconds, tuned.tuning, fitted.leaderboard
    )


def _fit_and_compile(loaded: LoadedConfig, prepared: Prepared) -> Fitted:
    """Fit the model, compile it, and judge what will serve on the held-out rows."""
    schema = prepared.schema
    choice = choose(loaded, prepared) if loaded.config.model.name == AUTO else None
    decided = decide(
        lambda rows: _fit_or_refit(loaded, schema, rows, choice),
        prepared.train,
        prepared.decision_folds,
        config=loaded.config,
        schema=schema,
        fitted=None if choice is None else choice.pipeline,
    )
    pipeline = decided.pipeline
    compiled = compile_pipeline(pipeline, schema, prepared.train.X)
    logger.info("evaluating on %d held-out rows", len(prepared.test))
    baseline, evaluation = _judge(loaded, compiled.predictor, train=prepared.train, test=prepared.test)
    return Fitted(pipeline, compiled, baseline, evaluation, choice, decided.curves)


def _fit_or_refit(loaded: LoadedConfig, schema: Schema, rows: Dataset, choice: Choice | None) -> Pipeline:
    """Fit the config's model on other rows; of several to choose from, what was chosen."""
    return fit(loaded, schema, rows) if choice is None else refit(choice, loaded.config, schema, rows)


def _judge(loaded: LoadedConfig, predictor: Predictor, *, train: Dataset, test: Dataset) -> tuple[Baseline, Evaluation]:
    """Judge a model on `test`, beside the dummy of its training rows."""
    target = predictor.schema.target
    baseline = baseline_from(train.y_true, target=target, sample_weight=train.sample_weight)
    evaluation = evaluate(
        test.y_true,
        predictor.predict(test.X),
        target=target,
        baseline=baseline,
        config=loaded.config.evaluate,
        sample_weight=test.sample_weight,
    )
    return baseline, evaluation


def find_prepared(loaded: LoadedConfig, folder: Path) -> Prepared | None:
    """Return the rows that `preprocess` left in `folder` when they are those of this config, data and versions."""
    if not (folder / "prepared.json").is_file():
        return None
    prepared = load_prepared(folder, fingerprint=fingerprint(loaded.config, fingerprint_data(loaded)))
    if prepared is None:
        logger.info("preparing anew: %s was made from another config, other data or other versions", folder)
    else:
        logger.info("using the prepared rows in %s", folder)
    return prepared


def fit(loaded: LoadedConfig, schema: Schema, dataset: Dataset) -> Pipeline:
    """Compose the pipeline and fit it on `dataset`.

    Raises
    ------
    ConfigError
        If the model cannot do what the config asks.
    """
    from mlcli.models.pipeline import build_pipeline, fit_pipeline

    config = loaded.config
    pipeline = build_pipeline(config, schema)
    logger.info("fitting %s on %d rows", config.model.name, len(dataset))
    return fit_pipeline(pipeline, dataset, model=config.model, classes=schema.target.classes)


def _cross_validate(loaded: LoadedConfig, prepared: Prepared, choice: Choice | None) -> tuple[FoldSummary, ...]:
    """Fit and judge a fresh pipeline on each fold of the training rows; of several models, those that were chosen."""
    import numpy as np

    evaluations = []
    for number, fold in enumerate(prepared.folds, start=1):
        logger.info("fold %d of %d", number, len(prepared.folds))
        train = prepared.train.take(np.asarray(fold.train, dtype=np.intp))
        test = prepared.train.take(np.asarray(fold.test, dtype=np.intp))
        # Not compiled: a fold's model is thrown away, and a program would give the same scores.
        pipeline = _fit_or_refit(loaded, prepared.schema, train, choice)
        predictor = PipelinePredictor(pipeline, prepared.schema)
        evaluations.append(_judge(loaded, predictor, train=train, test=test)[1])
    return summarise_folds(evaluations)


def _store(
    loaded: LoadedConfig,
    prepared: Prepared,
    fitted: Fitted,
    summaries: tuple[FoldSummary, ...],
    *,
    output: Path,
    created: datetime,
    tuning: Tuning | None,
) -> tuple[Path, Manifest, Provenance]:
    """Write the run folder, whole or not at all."""
    from mlcli.artifact.runs import new_run
    from mlcli.artifact.write import ArtifactParts, write_artifact

    # Of what the environment gave, only a database's address may hold a secret; the rest is part of the result.
    secret = {key: text for key, text in loaded.written.items() if key == "data.url"}
    config_text = render_config(loaded.config, complete=True, written=secret)
    with new_run(output) as run:
        write_dataset(run.folder / HOLDOUT, prepared.test, prepared.schema)
        provenance = Provenance(
            split=prepared.split,
            holdout_sha256=hashlib.sha256((run.folder / HOLDOUT).read_bytes()).hexdigest(),
            findings=prepared.findings,
            cross_validation=summaries,
            decision=fitted.curves.decision if fitted.curves else None,
            members=fitted.choice.members if fitted.choice is not None else (),
        )
        parts = ArtifactParts(
            name=loaded.config.name,
            task=prepared.schema.target.task,
            model=fitted.choice.model if fitted.choice is not None else loaded.config.model.name,
            config_text=config_text,
            schema=prepared.schema,
            pipeline=fitted.pipeline,
            metrics=fitted.evaluation.to_json(),
            baseline=msgspec.json.encode(fitted.baseline),
            golden=msgspec.json.encode(
                record_golden(PipelinePredictor(fitted.pipeline, prepared.schema), prepared.test, n_rows=GOLDEN_ROWS)
            ),
            provenance=msgspec.json.encode(provenance),
            profile=describe_rows(prepared, fitted.compiled.predictor).to_json(),
            data_fingerprint=prepared.data_fingerprint,
            n_train=len(prepared.train),
            n_test=len(prepared.test),
            proof=fitted.compiled.proof,
            operations=fitted.compiled.operations,
            arrays=fitted.compiled.arrays,
        )
        manifest = write_artifact(run.folder / "model.mlcli", parts, created=created)
        (run.folder / "metrics.json").write_bytes(fitted.evaluation.to_json())
        (run.folder / "config.yaml").write_text(config_text, encoding="utf-8")
        if tuning is not None:
            (run.folder / "trials.json").write_bytes(tuning.to_json())
        board = fitted.leaderboard if tuning is None else tuning.leaderboard(loaded.config.model.name)
        if board is not None:
            # Beside the artifact, never inside: its times differ from run to run.
            (run.folder / LEADERBOARD).write_bytes(msgspec.json.format(msgspec.json.encode(board)))
        (run.folder / "findings.json").write_bytes(msgspec.json.format(msgspec.json.encode(prepared.findings)))
        if fitted.curves is not None:
            (run.folder / DECISION).write_bytes(msgspec.json.format(msgspec.json.encode(fitted.curves)))
    return run.final, manifest, provenance
