"""Which runs a command line is about, and whether they may be removed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlcli.cli.runs_named import config_folder
from mlcli.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from mlcli.training.prune import PrunePlan
    from mlcli.training.runs import RunFolder

_ALL = Path("runs")


def read_wanted(
    folder: Path | None, *, config: Path | None, overrides: Sequence[str] | None, metric: str | None
) -> list[RunFolder]:
    """Read the runs of a folder or of a config; with neither, of every folder below ./runs.

    Raises
    ------
    ArtifactError
        If there are none.
    ConfigError
        If both a folder and a config are named, the config cannot be read, or the metric is not known.
    """
    one = _named(folder, config, overrides)
    if one is not None and not _holds_folders(one):
        return [_read(one, metric, config, overrides)]
    folders = _folders_below(one or _ALL)
    if not folders:
        raise ArtifactError(
            f"{one or _ALL} must hold runs. Got none.", hint="Train first, or name them: mlcli runs FOLDER"
        )
    return [_read(place, metric, None, None) for place in folders]


def read_one(
    folder: Path | None, *, config: Path | None, overrides: Sequence[str] | None, metric: str | None
) -> RunFolder:
    """Read the runs of one folder or one config, every byte of them.

    Raises
    ------
    ArtifactError
        If there are none.
    ConfigError
        If neither or both are named, or the config cannot be read.
    """
    one = _named(folder, config, overrides)
    if one is None:
        raise ConfigError(
            "a folder of runs must be named: there is no mlcli.yaml in this folder.",
            hint="Add --config FILE, or name the folder: mlcli runs prune FOLDER",
        )
    return _read(one, metric, config, overrides, thorough=True)


def agreed(plan: PrunePlan, *, yes: bool, as_json: bool) -> bool:
    """Return whether the runs may go: by ``--yes``, or by a person's answer.

    Raises
    ------
    ConfigError
        If nobody can be asked.
    """
    if yes:
        return True
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            f"{len(plan.removed)} runs are removed only when somebody says so. Got nobody to ask.",
            hint="Add --yes, or --dry-run to see what would go.",
        )
    return typer.confirm(f"Remove {len(plan.removed)} runs?", err=True)


def _named(folder: Path | None, config: Path | None, overrides: Sequence[str] | None) -> Path | None:
    # An empty one stands for none, see the group of the commands.
    folder = None if folder is None or str(folder) in {"", "."} else folder
    if folder is None:
        return config_folder(config, overrides)
    if not folder.is_dir():
        hint = "Write options behind it: mlcli runs prune --config FILE" if str(folder) == "prune" else None
        raise ArtifactError(
            f"{folder} must be a folder of runs. There is none.", hint=hint or "See what there is: mlcli runs"
        )
    if config is not None:
        raise ConfigError("runs must be named once. Got a folder and a config.", hint="Leave one of them out.")
    return folder


def _read(
    folder: Path,
    metric: str | None,
    config: Path | None,
    overrides: Sequence[str] | None,
    *,
    thorough: bool = False,
) -> RunFolder:
    from mlcli.registry import require_metric
    from mlcli.training.runs import read_runs

    if metric is not None:
        require_metric(metric)
    return read_runs(folder, metric=metric, shown=_shown(config, overrides), thorough=thorough)


def _shown(config: Path | None, overrides: Sequence[str] | None) -> tuple[str, ...]:
    """Return the metrics that a config chooses."""
    from mlcli.cli.locate import DEFAULT_CONFIG, read_config

    if config is None and not DEFAULT_CONFIG.is_file():
        return ()
    return read_config(config, overrides).config.evaluate.metrics or ()


def _holds_folders(folder: Path) -> bool:
    """Return whether a folder holds no runs itself, but folders that do."""
    from mlcli.artifact.runs import numbered_folders

    return not numbered_folders(folder) and bool(_folders_below(folder))


def _folders_below(folder: Path) -> list[Path]:
    from mlcli.artifact.runs import numbered_folders

    return [place for place in sorted(folder.glob("*/")) if numbered_folders(place)]
