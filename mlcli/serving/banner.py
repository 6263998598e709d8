"""What a service says of itself when it starts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from mlcli.serving.served import Served

_LONGEST_TEXT = 200
"""Characters of a text cell that are shown."""

_LONGEST_LINE = 8000
"""Characters of a line that a terminal takes well."""


def what_serves(served: Served) -> str:
    """Return the model and how it answers, as half a sentence."""
    manifest = served.manifest
    proof = manifest.proof
    if served.predictor.compiled and proof is not None:
        how = f"compiled and proven on {proof.n_rows:,} rows"
    else:
        reason = (proof.reason if proof is not None else None) or "it was trained before models were compiled"
        how = f"served by scikit-learn: {reason}"
    return printable(f"{manifest.model}, {how}")


def named(served: Served) -> str:
    """Return the model's name and version."""
    return printable(f"{served.name} version {served.version}")


def one_line(served: Served, url: str) -> str:
    """Return what a log should hold of a service that has started."""
    return f"serving {named(served)} at {url} ({what_serves(served)})"


def for_people(
    served: Served, url: str, *, token_file: Path | None = None, cert: Path | None = None, workers: int = 1
) -> str:
    """Return what a person at a terminal wants to know of a service that has started.

    Parameters
    ----------
    served : Served
        The model.
    url : str
        Where it listens.
    token_file, cert : Path, optional
        Tokens that a client needs, and the certificate that it should expect.
    workers : int, default=1
        Processes that answer.
    """
    by = f", {workers} workers" if workers > 1 else ""
    lines = [
        f"serving  {named(served)}",
        f"model    {what_serves(served)}",
        f"at       {url}  (the page to try it, {url}/docs for developers{by}; Ctrl-C stops)",
    ]
    curl = curl_line(served.example, url, token_file=token_file, cert=cert)
    return "\n".join([*lines, f"try      {curl}"] if len(curl) <= _LONGEST_LINE else lines)


def curl_line(example: Mapping[str, Any], url: str, *, token_file: Path | None = None, cert: Path | None = None) -> str:
    """Return a command that asks for one prediction, as it can be pasted into a shell.

    Parameters
    ----------
    example : mapping of str to cell
        A row, as JSON values by column.
    url : str
        Where the service listens.
    token_file, cert : Path, optional
        Tokens that a client needs, and the certificate that it should expect.
    """
    words = ["curl", "-s"]
    if cert is not None:
        words += ["--cacert", shlex.quote(str(cert))]
    if token_file is not None:
        # The token itself belongs neither on a screen nor into a history of commands.
        lines = f"grep -v -e '^[[:space:]]*#' -e '^[[:space:]]*$' {shlex.quote(str(token_file))}"
        words += ["-H", f'"authorization: Bearer $({lines} | head -n 1)"']
    row = {name: _shortened(cell) for name, cell in example.items()}
    body = printable(msgspec.json.encode({"rows": [row]}).decode())
    return " ".join(
        [*words, "-H", shlex.quote("content-type: application/json"), "-d", shlex.quote(body), f"{url}/predict"]
    )


def printable(text: str) -> str:
    """Return text with what a terminal would obey or hide written as JSON escapes."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _shortened(cell: Any) -> Any:
    return cell[:_LONGEST_TEXT] if isinstance(cell, str) else cell
