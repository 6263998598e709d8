"""Which config and which model a command line means."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.cli.terminal import say
from mlcli.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from mlcli.artifact.open import Artifact
    from mlcli.config.load import LoadedConfig
    from mlcli.config.sections import EvaluateConfig, ServeConfig, Task

DEFAULT_CONFIG = Path("mlcli.yaml")


def read_config(path: Path | None, overrides: Sequence[str] | None) -> LoadedConfig:
    """Load the config that was named, or ./mlcli.yaml.

    Raises
    ------
    ConfigError
        If neither is there, or it says something impossible.
    """
    from mlcli.config.load import load_config

    if path is None and not DEFAULT_CONFIG.is_file():
        raise ConfigError(
            "a config must be named: there is no mlcli.yaml in this folder.",
            hint="Add --config FILE, or write one: mlcli init DATA --target COLUMN > mlcli.yaml",
        )
    return load_config(path or DEFAULT_CONFIG, overrides=tuple(overrides or ()), environ=os.environ)


def output_folder(loaded: LoadedConfig) -> Path:
    """Return the folder of a config's runs, as short as it can be said."""
    if loaded.config.output is None:
        return Path("runs") / loaded.config.name
    folder = loaded.base / loaded.config.output
    try:
        return folder.resolve().relative_to(Path.cwd())
    except ValueError:
        return folder


def find_model(
    config: Path | None, artifact: Path | None, overrides: Sequence[str] | None = None, *, quiet: bool = False
) -> Artifact:
    """Open the model that the command line means, and say on stderr which it is.

    Parameters
    ----------
    config : Path, optional
        A config: its newest run is meant.
    artifact : Path, optional
        A run folder or a ``.mlcli`` file; goes before `config`.
    overrides : sequence of str, optional
        ``--set`` words; for the config that leads to the runs.
    quiet : bool, default=False
        Do not say which model it is.

    Raises
    ------
    ArtifactError
        If there is no such run, or its artifact cannot be opened.
    ConfigError
        If the config cannot be read.
    """
    from mlcli.artifact.open import open_artifact
    from mlcli.artifact.runs import newest_run

    if artifact is None:
        artifact = (
            newest_run(output_folder(read_config(config, overrides)))
            if _config_leads(config, artifact)
            else _newest_of_all()
        )
    opened = open_artifact(artifact)
    if not quiet:
        say(f"model: {artifact} ({opened.manifest.model}, trained {opened.manifest.created})")
    return opened


def evaluation_settings(
    model: Artifact, *, config: Path | None, artifact: Path | None, overrides: Sequence[str] | None
) -> EvaluateConfig:
    """Return how to judge: as the config that led to the model says now, else as its own said when it was trained.

    A config in this folder says nothing of a model that was named by its path.
    """
    from mlcli.training.stored_config import stored_config

    if config is not None or _config_leads(config, artifact):
        return read_config(config, overrides).config.evaluate
    return stored_config(model, overrides=overrides or ()).evaluate


@dataclass(frozen=True)
class ToServe:
    """What a command line wants served.

    Parameters
    ----------
    path : Path
        A run folder or a ``.mlcli`` file.
    runs : Path, optional
        The config's folder of runs, where it led to the model: a reload serves the newest.
    serve : ServeConfig
        How to serve it.
    """

    path: Path
    runs: Path | None
    serve: ServeConfig


def find_served(config: Path | None, artifact: Path | None, overrides: Sequence[str] | None = None) -> ToServe:
    """Return the model to serve, unopened, and how: as the config says now, else as the model's own said.

    Raises
    ------
    ArtifactError
        If there is no such run, or its config must be read and cannot be.
    ConfigError
        If the config cannot be read.
    """
    from mlcli.artifact.runs import find_artifact, newest_run

    if config is not None or _config_leads(config, artifact):
        loaded = read_config(config, overrides)
        runs = None if artifact else output_folder(loaded)
        path = artifact or newest_run(output_folder(loaded))
        find_artifact(path)
        return ToServe(path, runs, loaded.config.serve)
    from mlcli.artifact.open import open_artifact
    from mlcli.training.stored_config import stored_config

    path = artifact or _newest_of_all()
    # The serving process reads the fitted pipeline, if it needs it; its config is all that counts here.
    model = open_artifact(path, check_estimator=False)
    return ToServe(path, None, stored_config(model, overrides=overrides or ()).serve)


def _config_leads(config: Path | None, artifact: Path | None) -> bool:
    """Return whether it is a config that leads to the model: the one named, or ./mlcli.yaml."""
    return artifact is None and (config is not None or DEFAULT_CONFIG.is_file())


def named_gates(texts: Sequence[str] | None, *, task: Task) -> dict[str, float]:
    """Return the gates that ``--fail-under`` words name.

    Raises
    ------
    ConfigError
        If one is malformed, measures another task, or can never decide anything.
    """
    from mlcli.evaluation.gates import parse_gate

    gates: dict[str, float] = {}
    for text in texts or ():
        try:
            name, bound = parse_gate(text, task=task)
        except ConfigError as error:
            raise ConfigError(
                f"`--fail-under {text}`: {error.message}", hint=error.hint or "Write METRIC=VALUE, such as f1=0.75."
            ) from None
        gates[name] = bound
    return gates


def _newest_of_all() -> Path:
    """Return the newest run below ./runs, of whichever config."""
    from mlcli.artifact.runs import newest_run

    newest: list[Path] = []
    for folder in sorted(Path("runs").glob("*/")):
        try:
            newest.append(newest_run(folder))
        except ArtifactError:
            continue  # a folder without a complete run is not a candidate
    if not newest:
        raise ArtifactError(
            "a model must be named: there is no mlcli.yaml and no run below ./runs.",
            hint="Add --config FILE or --artifact PATH, or train first: mlcli train --config FILE",
        )
    return max(newest, key=lambda run: (run / "model.mlcli").stat().st_mtime)
