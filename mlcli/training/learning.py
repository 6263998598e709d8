"""The model trained again on fewer rows: whether more would help."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from mlcli.artifact.open import Artifact
from mlcli.config.load import LoadedConfig
from mlcli.errors import ConfigError, DataError
from mlcli.evaluation.baseline import Baseline
from mlcli.evaluation.evaluate import evaluate
from mlcli.evaluation.learning import LearningCurve, LearningPoint
from mlcli.evaluation.losses import mean_metric, row_losses, weights_of
from mlcli.evaluation.metrics import rows_judged
from mlcli.inference.predictor import PipelinePredictor
from mlcli.registry import AUTO
from mlcli.training.prepare import prepare
from mlcli.training.stored_config import stored_config
from mlcli.training.train import fit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlcli.data.dataset import Dataset

logger = logging.getLogger(__name__)

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)
"""Shares of the training rows that the model is trained on."""

_FEWEST_ROWS = 20


def learning_curve(
    artifact: Artifact, loaded: LoadedConfig, *, test: Dataset, baseline: Baseline, metric: str
) -> LearningCurve:
    """Train on growing parts of the training rows and judge each on the hold-out.

    Parameters
    ----------
    artifact : Artifact
        The model, whose stored config is trained again.
    loaded : LoadedConfig
        The config that leads to its data.
    test : Dataset
        The hold-out.
    baseline : Baseline
        The dummy of all training rows.
    metric : str
        The metric of the curve.

    Raises
    ------
    ConfigError
        If the config leaves several models to choose from.
    DataError
        If the data is no longer what the model was trained from.
    """
    import numpy as np

    again = _as_trained(artifact, loaded)
    if again.config.model.name == AUTO:
        raise ConfigError(
            f"--learning-curve must be asked of one model. {artifact.path} was chosen from several, "
            "and each of its points would be a choice of its own.",
            hint="Leave --learning-curve out, or train the best model of the leaderboard by its name.",
        )
    prepared = prepare(again)
    same = np.array_equal(prepared.test.rows, test.rows)
    if prepared.data_fingerprint != artifact.manifest.data_fingerprint or not same:
        raise DataError(
            f"the data of {loaded.path} must be what {artifact.path} was trained from. It is not.",
            hint="Restore the data, train again, or leave --learning-curve out.",
        )
    order = np.random.default_rng(again.config.split.random_state).permutation(len(prepared.train))
    points = []
    for size in _sizes(len(order)):
        part = prepared.train.take(np.sort(order[:size]))
        if not _has_every_class(artifact, part.y_true):
            logger.info("left %d training rows out of the learning curve: they lack a class", size)
            continue
        points.append(_point(again, artifact, part, test, baseline=baseline, metric=metric))
    return LearningCurve(metric, tuple(points))


def _as_trained(artifact: Artifact, loaded: LoadedConfig) -> LoadedConfig:
    """Return the stored config, with the place of its data from the config that leads to it."""
    stored = stored_config(artifact)
    places = {"path": loaded.config.data.path, "url": loaded.config.data.url}
    split = stored.split.model_copy(update={"test_path": loaded.config.split.test_path})
    update = {"data": stored.data.model_copy(update=places), "split": split, "task": artifact.schema.target.task}
    return replace(loaded, config=stored.model_copy(update=update))


def _sizes(n_rows: int) -> list[int]:
    return sorted({size for share in SHARES if (size := round(share * n_rows)) >= min(_FEWEST_ROWS, n_rows)})


def _has_every_class(artifact: Artifact, y: NDArray[np.generic]) -> bool:
    classes = artifact.schema.target.classes
    return classes is None or len(set(y.tolist())) == len(classes)


def _point(
    loaded: LoadedConfig, artifact: Artifact, train: Dataset, test: Dataset, *, baseline: Baseline, metric: str
) -> LearningPoint:
    target = artifact.schema.target
    predictor = PipelinePredictor(fit(loaded, artifact.schema, train), artifact.schema)
    evaluation = evaluate(
        test.y_true,
        predictor.predict(test.X),
        target=target,
        baseline=baseline,
        config=loaded.config.evaluate,
        sample_weight=test.sample_weight,
    )
    seen = rows_judged(train.y_true, predictor.predict(train.X), target=target, sample_weight=train.sample_weight)
    on_train = mean_metric(row_losses(seen, metric), weights_of(seen), metric)
    result = evaluation.metric(metric)
    return LearningPoint(len(train), on_train, result.value, result.low, result.high)
