"""A result that was shown and is not good enough."""

from __future__ import annotations

from mlcli.errors import MlcliError


class ShortfallError(Exception):
    """Stdout holds the whole result already; only the reason for the exit code is still to be said.

    Parameters
    ----------
    error : MlcliError
        Why the result does not pass.
    """

    def __init__(self, error: MlcliError) -> None:
        super().__init__(error.message)
        self.error = error
