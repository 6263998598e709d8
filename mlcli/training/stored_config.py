"""The config inside a stored model."""

from __future__ import annotations

from collections.abc import Sequence

from mlcli.artifact.open import Artifact
from mlcli.config.load import parse_config
from mlcli.config.sections import Config
from mlcli.errors import ArtifactError, ConfigError


def stored_config(artifact: Artifact, *, overrides: Sequence[str] = ()) -> Config:
    """Return the resolved config that the model was trained with.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    overrides : sequence of str
        ``key.path=value`` each: what to read or judge differently this time.

    Raises
    ------
    ArtifactError
        If this version of mlcli does not understand it.
    ConfigError
        If an override asks for something impossible.
    """
    name = f"{artifact.path}: config.yaml"
    try:
        config = parse_config(artifact.config_text, name=name)
    except ConfigError as error:
        raise ArtifactError(
            f"{artifact.path} must hold a config that this version reads. {error.message}",
            hint="Train again with this version.",
        ) from error
    return parse_config(artifact.config_text, name=name, overrides=overrides) if overrides else config
