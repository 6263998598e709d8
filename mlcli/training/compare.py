"""Two stored models, compared on the same rows."""

from __future__ import annotations

import logging
from typing import BinaryIO

import msgspec
import numpy as np

from mlcli.artifact.open import Artifact
from mlcli.artifact.runs import MODEL
from mlcli.config.difference import ConfigChange, config_difference
from mlcli.config.sections import EvaluateConfig
from mlcli.data.schema_difference import schema_difference
from mlcli.data.source import Source, hide_password
from mlcli.errors import ArtifactError, DataError
from mlcli.evaluation.changes import find_changes
from mlcli.evaluation.compared import Compared, Side
from mlcli.evaluation.comparison import compare_predictions
from mlcli.training.same_rows import held_out_by_both, named_rows, with_one_weight
from mlcli.training.stored_config import stored_config

logger = logging.getLogger(__name__)


def compare_artifacts(
    a: Artifact, b: Artifact, *, data: Source | None, config: EvaluateConfig, stdin: BinaryIO | None = None
) -> Compared:
    """Compare two stored models.

    Parameters
    ----------
    a, b : Artifact
        The model that was there before, and the one that is judged.
    data : Source, optional
        Rows with a target. Those that both models held out, when left out.
    config : EvaluateConfig
        Metrics and resampling.
    stdin : BinaryIO, optional
        Standard input; needed when `data` is standard input.

    Raises
    ------
    ArtifactError
        If the two predict different things, or share no held-out rows.
    DataError
        If the rows break a data contract or carry no target.
    """
    from mlcli.artifact.predictor import load_predictor

    _require_one_target(a, b)
    found = held_out_by_both(a, b) if data is None else named_rows(a, b, data, stdin=stdin)
    rows = with_one_weight(found, a, b)
    if not np.array_equal(rows.a.y_true, rows.b.y_true):
        raise DataError(
            f"the target {b.schema.target.name!r} must mean the same to both models. Its values differ.",
            hint="Train one of them again with the other's data section.",
        )
    logger.info("comparing %s with %s on %d rows", b.manifest.model, a.manifest.model, len(rows.b))
    before, after = load_predictor(a).predict(rows.a.X), load_predictor(b).predict(rows.b.X)
    return Compared(
        a=_side(a),
        b=_side(b),
        rows=rows.how,
        cautions=rows.cautions,
        comparison=compare_predictions(
            rows.b.y_true,
            before,
            after,
            target=b.schema.target,
            config=config,
            sample_weight=rows.b.sample_weight,
        ),
        config=tuple(_without_password(change) for change in config_difference(stored_config(a), stored_config(b))),
        schema=schema_difference(a.schema, b.schema),
        changes=find_changes(rows.b, before, after),
    )


def short_path(artifact: Artifact) -> str:
    """Return the run folder of an artifact, or the file where it stands alone."""
    return str(artifact.path.parent if artifact.path.name == MODEL else artifact.path)


def _require_one_target(a: Artifact, b: Artifact) -> None:
    one, other = a.schema.target, b.schema.target
    if one.name != other.name:
        raise ArtifactError(
            f"both models must predict the same column. {a.path} predicts {one.name!r}, {b.path} {other.name!r}.",
            hint="Name two models of one target.",
        )
    if one.task != other.task:
        raise ArtifactError(
            f"both models must have the same task. {a.path} has {one.task}, {b.path} {other.task}.",
            hint="Set `task` in the config and train one of them again.",
        )


def _side(artifact: Artifact) -> Side:
    manifest = artifact.manifest
    return Side(
        path=short_path(artifact),
        name=manifest.name,
        model=manifest.model,
        digest=manifest.digest,
        created=manifest.created,
        n_train=manifest.n_train,
    )


def _without_password(change: ConfigChange) -> ConfigChange:
    """Return a change as it may be shown: an address may hold a password."""
    if change.key != "data.url":
        return change
    hidden = {side: hide_password(text) for side in ("old", "new") if isinstance(text := getattr(change, side), str)}
    return msgspec.structs.replace(change, **hidden)
