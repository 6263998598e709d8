"""Which runs a command line names, by path or by number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mlcli.cli.locate import DEFAULT_CONFIG, output_folder, read_config
from mlcli.errors import ArtifactError, ConfigError

_NUMBER = re.compile(r"[0-9]{1,9}")


def find_run(named: Path, *, config: Path | None, overrides: Sequence[str] | None) -> Path:
    """Return the place of a run: a path, or the number of a run of the config.

    Raises
    ------
    ConfigError
        If it is a number and the config cannot be read.
    """
    if not _NUMBER.fullmatch(str(named)) or named.exists():
        return named
    folder = config_folder(config, overrides)
    return named if folder is None else folder / f"{int(str(named)):03d}"


def find_pair(
    a: Path | None, b: Path | None, *, config: Path | None, overrides: Sequence[str] | None
) -> tuple[Path, Path]:
    """Return the two runs to compare: those named, and else the newest of the config.

    Raises
    ------
    ConfigError
        If one is left out and no config leads to it, or the config cannot be read.
    ArtifactError
        If the config has too few runs.
    """
    if a is not None and b is not None:
        return find_run(a, config=config, overrides=overrides), find_run(b, config=config, overrides=overrides)
    from mlcli.artifact.runs import list_runs, newest_run

    folder = config_folder(config, overrides)
    if folder is None:
        raise ConfigError(
            "two models must be named: there is no config that leads to its runs.",
            hint="mlcli compare A B, each a run folder or a .mlcli file; or add --config FILE.",
        )
    newest = newest_run(folder)
    if a is not None:
        return find_run(a, config=config, overrides=overrides), newest
    runs = list_runs(folder)
    if len(runs) < 2:
        raise ArtifactError(
            f"{folder} must hold two runs to compare. Got one.", hint="Train another, or name two: mlcli compare A B"
        )
    return runs[-2], newest


def config_folder(config: Path | None, overrides: Sequence[str] | None) -> Path | None:
    """Return the folder of a config's runs: of the one named, or of ./mlcli.yaml; None with neither."""
    if config is None and not DEFAULT_CONFIG.is_file():
        return None
    return output_folder(read_config(config, overrides))
