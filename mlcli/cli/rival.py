"""The model that another must keep up with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.errors import ConfigError

if TYPE_CHECKING:
    from mlcli.artifact.open import Artifact
    from mlcli.cli.rows_named import NamedRows
    from mlcli.config.sections import EvaluateConfig, Task
    from mlcli.evaluation.compared import Compared
    from mlcli.evaluation.gates import GateVerdict


def named_tolerances(
    texts: Sequence[str] | None, baseline: Path | None, settings: EvaluateConfig, *, task: Task
) -> dict[str, float]:
    """Return the tolerances of the config with those that ``--tolerance`` words name.

    Raises
    ------
    ConfigError
        If one is malformed or measures another task, or there is no model that they are about.
    """
    from mlcli.evaluation.tolerances import parse_tolerance

    if texts and baseline is None:
        raise ConfigError(
            "`--tolerance` must stand beside a model to compare with. Got no --baseline.",
            hint="Add --baseline RUN, a run folder or a .mlcli file.",
        )
    tolerances = dict(settings.tolerances)
    for text in texts or ():
        try:
            name, tolerance = parse_tolerance(text, task=task)
        except ConfigError as error:
            raise ConfigError(
                f"`--tolerance {text}`: {error.message}", hint=error.hint or "Write METRIC=VALUE, such as f1=0.01."
            ) from None
        tolerances[name] = tolerance
    return tolerances


def judge_beside(
    rival: Artifact,
    model: Artifact,
    *,
    tolerances: Mapping[str, float],
    rows: NamedRows,
    settings: EvaluateConfig,
    confident: bool,
) -> tuple[Compared, tuple[GateVerdict, ...]]:
    """Compare a model with its rival, and judge whether it keeps up.

    Raises
    ------
    ArtifactError
        If the two predict different things, or share no rows.
    DataError
        If the rows break a data contract.
    """
    from mlcli.evaluation.tolerances import judge_tolerances
    from mlcli.training.compare import compare_artifacts, short_path

    compared = compare_artifacts(rival, model, data=rows.source, config=settings, stdin=rows.stdin())
    verdicts = judge_tolerances(compared.comparison, tolerances, against=short_path(rival), confident=confident)
    return compared, verdicts
