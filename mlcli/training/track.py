"""A stored run, told to a tracking server."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from mlcli.config.sections import Config
from mlcli.errors import MissingExtraError, OutputError
from mlcli.training.train import HOLDOUT

if TYPE_CHECKING:
    from mlcli.training.train import Run

logger = logging.getLogger(__name__)

_KEPT_HERE = frozenset({HOLDOUT})
"""Files of a run that stay where they are: rows of the data go nowhere without being asked for."""

_MOST_ERROR = 200
"""Longest piece of a server's own error that is told, in characters."""

_MOST_TEXT = 500
"""Longest value of a parameter that every version of MLflow's stores takes, in characters."""

_AT_ONCE = 100
"""Most parameters of one call, by MLflow's REST API."""


class Tracked(msgspec.Struct, frozen=True):
    """Where a run stands on a tracking server.

    Parameters
    ----------
    server : str
        Its address, as MLflow writes it.
    experiment, run_id : str
        Name of the experiment, and the server's own name of the run.
    """

    server: str
    experiment: str
    run_id: str


def require_tracking(config: Config) -> None:
    """Check, before anything is trained, that what the config tracks with is there.

    Raises
    ------
    MissingExtraError
        If MLflow is not installed.
    """
    if config.track == "mlflow":
        _client_class()


def track_run(run: Run, config: Config) -> Tracked | None:
    """Log a run's parameters, metrics and files, but no rows, to the tracking server that MLflow finds.

    MLflow looks for it where it always does: in ``MLFLOW_TRACKING_URI``, else in the working folder.

    Parameters
    ----------
    run : Run
        A stored run.
    config : Config
        What it was trained by. Its name is the experiment's.

    Returns
    -------
    Tracked or None
        None where the config tracks nothing.

    Raises
    ------
    OutputError
        If the server cannot be reached, or refuses the run. The stored run stays as it is.
    """
    if config.track is None:
        return None
    client_class = _client_class()
    from mlflow.exceptions import MlflowException

    logger.info("telling MLflow of the run")
    try:
        client = client_class()
        tracked = _log(client, run, config)
    except (MlflowException, OSError) as error:
        raise OutputError(
            f"{run.folder} is stored, but could not be told to MLflow: {_shortened(error)}",
            hint="Set MLFLOW_TRACKING_URI to a server that answers, or leave `track` out.",
        ) from error
    logger.info("tracked as %s of experiment %s at %s", tracked.run_id, tracked.experiment, tracked.server)
    return tracked


def parameters_of(config: Config) -> dict[str, str]:
    """Return every setting that decides the model, by its path in the config; addresses, which may hold secrets, aside."""
    document = config.model_dump(mode="json", exclude={"serve": True, "track": True, "output": True, "data": {"url"}})
    return {
        path: text[: _MOST_TEXT - 1] + "…" if len(text) > _MOST_TEXT else text for path, text in _leaves(document, "")
    }


def _log(client: Any, run: Run, config: Config) -> Tracked:
    from mlflow.entities import Metric, Param
    from mlflow.exceptions import MlflowException

    experiment = _experiment(client, config.name)
    manifest = run.manifest
    tags = {"mlcli.digest": manifest.digest, "mlcli.version": manifest.mlcli_version, "mlcli.task": manifest.task}
    begun = client.create_run(experiment, run_name=run.folder.name, tags=tags)
    run_id: str = begun.info.run_id
    try:
        params = [Param(path, text) for path, text in parameters_of(config).items()]
        for start in range(0, len(params), _AT_ONCE):
            client.log_batch(run_id, params=params[start : start + _AT_ONCE])
        at = begun.info.start_time
        client.log_batch(run_id, metrics=[Metric(name, value, at, 0) for name, value in _metrics(run).items()])
        for file in sorted(set(run.folder.iterdir()) - {run.folder / name for name in _KEPT_HERE}):
            client.log_artifact(run_id, str(file))
    except BaseException:
        with suppress(MlflowException, OSError):  # the first error is the one to tell
            client.set_terminated(run_id, status="FAILED")
        raise
    client.set_terminated(run_id)
    return Tracked(str(client.tracking_uri), config.name, run_id)


def _experiment(client: Any, name: str) -> str:
    """Return the id of an experiment, which is made where there is none."""
    found = client.get_experiment_by_name(name)
    experiment_id: str = client.create_experiment(name) if found is None else found.experiment_id
    return experiment_id


def _metrics(run: Run) -> dict[str, float]:
    """Return each metric, the ends of its interval and the dummy's value."""
    return {
        f"{result.name}{ending}": value
        for result in run.evaluation.metrics
        for ending, value in (
            ("", result.value),
            (".low", result.low),
            (".high", result.high),
            (".dummy", result.dummy),
        )
        if value is not None
    }


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every value that is no section; what is left out is not told."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else _param_name(str(key)))
    elif value is not None and value not in ([], {}):
        yield _param_name(path), value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _param_name(path: str) -> str:
    """Return a path in the characters that MLflow takes in names."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-./ ") else "_" for letter in path)


def _client_class() -> Any:
    try:
        from mlflow.tracking import MlflowClient
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mlflow":
            raise
        raise MissingExtraError("track: mlflow", extra="mlflow") from None
    return MlflowClient


def _shortened(error: Exception) -> str:
    line = str(error).strip().split("\n", maxsplit=1)[0]
    return line if len(line) <= _MOST_ERROR else line[:_MOST_ERROR] + "…"
