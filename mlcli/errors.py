"""The errors that a user of mlcli can fix.

::

    MlcliError
    ├── ConfigError (ValueError)       the command line or the YAML file
    │   └── MissingExtraError          an optional library is not installed
    ├── DataError (ValueError)         a table, a column, a row, a cell
    ├── ArtifactError (ValueError)     a saved model or run
    ├── OutputError (OSError)          a place that cannot be written
    └── GateError                      a score below what was asked for

Every message reads *place must rule. Got value.*; the hint is one thing to
try next. This module knows neither exit codes nor HTTP statuses: the two
doors, ``cli`` and ``serving``, hold those mappings.
"""

from __future__ import annotations

from collections.abc import Sequence


class MlcliError(Exception):
    """Base of every error that a user of mlcli can fix.

    Parameters
    ----------
    message : str
        What is wrong: the place, the rule, the value seen.
    hint : str, optional
        One thing to try next.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(MlcliError, ValueError):
    """The command line or a config file asks for something impossible.

    Parameters
    ----------
    message : str
        What is wrong; several problems stand one a line.
    hint : str, optional
        One thing to try next.
    problems : sequence of str, optional
        Every problem found, each with its place. Defaults to the message.
    """

    def __init__(self, message: str, *, hint: str | None = None, problems: Sequence[str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems) if problems is not None else (message,)


class MissingExtraError(ConfigError):
    """An optional library is needed and not installed.

    Parameters
    ----------
    what : str
        What the user asked for, such as ``"model 'lightgbm'"``.
    extra : str
        Name of the extra that brings the library.
    """

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(
            f"{what} needs the extra {extra!r}, which is not installed.", hint=f"pip install 'mlcli[{extra}]'"
        )
        self.extra = extra


class DataError(MlcliError, ValueError):
    """A table does not hold what it must hold."""


class ArtifactError(MlcliError, ValueError):
    """A saved model or run cannot be used as it is."""


class OutputError(MlcliError, OSError):
    """A file or folder cannot be written."""


class GateError(MlcliError):
    """A score missed a gate that was asked for."""
