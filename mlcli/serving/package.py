"""A stored model to a folder from which a container image is built."""

from __future__ import annotations

import dataclasses
import math
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.artifact.runs import find_artifact
from mlcli.atomic import atomic_folder
from mlcli.serving.container_text import DOCKERFILE, DOCKERIGNORE, KUBERNETES, TOKENS_MOUNT, TOKENS_VOLUME
from mlcli.serving.launch import settings_json
from mlcli.serving.pins import pinned
from mlcli.serving.settings import ServeSettings
from mlcli.serving.wheel import write_wheel

if TYPE_CHECKING:
    from mlcli.serving.served import Served

MODEL = "model.mlcli"
SETTINGS = "settings.json"
REQUIREMENTS = "requirements.txt"

DRAIN_DELAY = 5.0
"""Seconds that a container goes on answering after it was told to stop, where the config says nothing:
a cluster takes about as long to send its clients elsewhere."""

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Package:
    """A folder that was written.

    Parameters
    ----------
    folder : Path
        The container context.
    image : str
        A name and tag for the image, as registries allow them.
    compiled : bool
        Whether the image needs no scikit-learn.
    """

    folder: Path
    image: str
    compiled: bool


def write_package(
    artifact: Path, output: Path, *, settings: ServeSettings, workers: int = 1, tokens: bool = False
) -> Package:
    """Write a container context: Dockerfile, pinned requirements, mlcli itself, the model, a Kubernetes manifest.

    Nothing that a config or a table says stands in the Dockerfile or the
    manifest: paths are fixed, and the model's name is reduced to letters, digits and dashes.

    Parameters
    ----------
    artifact : Path
        A run folder or a ``.mlcli`` file.
    output : Path
        The folder to make, whole or not at all.
    settings : ServeSettings
        Limits and manners of the service.
    workers : int, default=1
        Processes that answer.
    tokens : bool, default=False
        Whether clients must show a token of a secret that is mounted into the container.

    Returns
    -------
    Package
        What was written.

    Raises
    ------
    ArtifactError
        If the model cannot be loaded, or does not predict its golden rows.
    OutputError
        If `output` exists or cannot be written.
    """
    from mlcli.serving.served import load_served

    settings = dataclasses.replace(settings, drain_delay=settings.drain_delay or DRAIN_DELAY)
    # The version that a run's number gives, not that of the copy.
    version = load_served(artifact, settings=settings).version
    with atomic_folder(output) as folder:
        shutil.copyfile(find_artifact(artifact), folder / MODEL)
        served = load_served(folder / MODEL, settings=settings)
        wheel = write_wheel(folder)
        image = f"{image_name(served.name)}:{image_name(version)}"
        texts = {
            REQUIREMENTS: "".join(f"{pin}\n" for pin in pinned(served)),
            SETTINGS: settings_json(settings) + "\n",
            "Dockerfile": _dockerfile(wheel.name, workers=workers, tokens=tokens),
            ".dockerignore": DOCKERIGNORE.format(wheel=wheel.name),
            "k8s.yaml": _kubernetes(served, image, folder / MODEL, settings=settings, workers=workers, tokens=tokens),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    return Package(output, image, served.predictor.compiled)


def image_name(text: str) -> str:
    """Return a name that Docker and Kubernetes take, made of whatever is left of `text`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].rstrip("-") or "model"


def _dockerfile(wheel: str, *, workers: int, tokens: bool) -> str:
    access = '"--token-file", "/run/secrets/mlcli/tokens"' if tokens else '"--insecure"'
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return DOCKERFILE.format(wheel=wheel, workers=workers, access=access, python=python)


def _kubernetes(served: Served, image: str, model: Path, *, settings: ServeSettings, workers: int, tokens: bool) -> str:
    # A program holds its arrays once in memory and once while they are read; scikit-learn brings its libraries.
    one = (96 if served.predictor.compiled else 384) + math.ceil(4 * model.stat().st_size / _MEBIBYTE)
    memory = 64 * math.ceil(one * (workers + (workers > 1) / 4) / 64)
    values: Mapping[str, object] = {
        "name": f"mlcli-{image.partition(':')[0]}",
        "image": image,
        "cpu": workers,
        "memory": memory,
        "most_memory": 2 * memory,
        "grace": math.ceil(settings.drain_delay + settings.deadline + 10),
        "tokens_mount": TOKENS_MOUNT if tokens else "",
        "tokens_volume": TOKENS_VOLUME.format(name=f"mlcli-{image.partition(':')[0]}") if tokens else "",
    }
    return KUBERNETES.format(**values)
