"""A new model in the place of the old one, while requests come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.errors import MlcliError
from mlcli.serving.banner import named, what_serves
from mlcli.serving.memory import give_back

if TYPE_CHECKING:
    from mlcli.serving.served import Served
    from mlcli.serving.service import Service

logger = logging.getLogger(__name__)


def artifact_to_serve(artifact: Path, runs: Path | None) -> Path:
    """Return which artifact a reload means: the newest run now, or the same path again.

    Parameters
    ----------
    artifact : Path
        What the service was started with.
    runs : Path, optional
        The folder of runs that it was found in, where a config was named.

    Raises
    ------
    ArtifactError
        If there is no run any more.
    """
    from mlcli.artifact.runs import newest_run

    return artifact if runs is None else newest_run(runs)


class Reloader:
    """Loads and proves an artifact beside the running service, and puts it into service when it holds.

    Parameters
    ----------
    service : Service
        Whose model is replaced.
    load : callable
        From the path of an artifact to a proven model; raises `MlcliError`.
    find : callable
        Says which artifact is meant now; raises `MlcliError`.
    serves : callable
        Told the path of every artifact that was put into service.
    """

    def __init__(
        self,
        service: Service,
        *,
        load: Callable[[Path], Served],
        find: Callable[[], Path],
        serves: Callable[[Path], None],
    ) -> None:
        self._service = service
        self._load = load
        self._find = find
        self._serves = serves
        self._turn = asyncio.Lock()
        self._waiting = False
        self._wanted: Path | None = None

    async def reload(self, path: Path | None = None) -> None:
        """Replace the model, or keep it and log why.

        Parameters
        ----------
        path : Path, optional
            The artifact to load; what `find` says, when left out.
        """
        self._wanted = path
        if self._waiting:
            return  # the one that waits will see what this one would have seen
        self._waiting = True
        async with self._turn:
            self._waiting = False
            await self._replace()

    async def _replace(self) -> None:
        before = self._service.served
        try:
            path = self._wanted or self._find()
            # In a thread of its own: requests go on being answered by the old model meanwhile.
            served = await asyncio.to_thread(self._load, path)
        except (MlcliError, OSError, MemoryError) as error:
            logger.error("reload refused, %s goes on: %s", named(before), error)  # noqa: TRY400 - the message says it all
            return
        self._service.swap(served)
        self._serves(path)
        logger.info("now serving %s (%s) instead of %s", named(served), what_serves(served), named(before))
        await asyncio.to_thread(give_back)
