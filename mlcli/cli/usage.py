"""Mistakes on the command line, said as every other mistake is said."""

from __future__ import annotations

import re

import typer

CLICK_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
"""ClickException, which typer carries with it but does not export."""

_EXTRA = re.compile(r"unexpected extra arguments?(?:\(s\))? \((.+)\)")


def usage_problem(error: Exception) -> tuple[str, str]:
    """Return what is wrong with the command line, and one thing to try.

    Parameters
    ----------
    error : Exception
        What the parser of the command line raised: a `CLICK_ERROR`.
    """
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "mlcli"
    message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    if hasattr(error, "option_name") and hasattr(error, "possibilities"):
        return _unknown_option(command, error.option_name, error.possibilities or ())
    if extra := _EXTRA.search(message):
        return _extra_words(command, extra[1])
    # pydantic reads the values for typer, and says so in front of every message.
    return f"{command}: {message.replace('Value error, ', '')}", f"See {command} --help"


def is_bare_command(error: Exception) -> bool:
    """Return whether `error` is only the help text, for a command line without a command."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _unknown_option(command: str, name: str, known: list[str] | tuple[str, ...]) -> tuple[str, str]:
    from mlcli.registry import did_you_mean  # --help need not pay for the catalogue

    close = did_you_mean(name, tuple(known))
    return (
        f"{command}: unknown option {name!r}{f' - did you mean {close!r}?' if close else '.'}",
        f"See {command} --help",
    )


def _extra_words(command: str, words: str) -> tuple[str, str]:
    """Say that nothing was expected where `words` stand; a config is what people put there most."""
    if words.endswith((".yaml", ".yml")) and " " not in words:
        return f"{command}: the config needs its option in front. Got {words!r}.", f"{command} --config {words}"
    return f"{command}: nothing is expected after the options. Got {words!r}.", f"See {command} --help"
