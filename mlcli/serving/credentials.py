"""Tokens and certificates, read from files: never from a command line, never shown."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from mlcli.errors import ConfigError

_LONGEST = 1 << 20
"""Most bytes of a token file."""


def read_tokens(path: Path) -> tuple[str, ...]:
    """Read bearer tokens, one a line; blank lines and lines that begin with ``#`` are left out.

    Parameters
    ----------
    path : Path
        A text file.

    Returns
    -------
    tuple of str
        At least one token.

    Raises
    ------
    ConfigError
        If it cannot be read, holds no token, or one that no header can carry.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
        lines = [line.strip() for line in content.decode("utf-8").splitlines()]
    except OSError as error:
        raise ConfigError(
            f"the token file {path} must be readable. {error.strerror}.", hint="Check the path and its permissions."
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"the token file {path} must be text.", hint="Write one token a line.") from None
    if len(content) > _LONGEST:
        raise ConfigError(f"the token file {path} must be at most {_LONGEST:,} bytes long.", hint="Name another file.")
    tokens = tuple(line for line in lines if line and not line.startswith("#"))
    if not tokens:
        # An empty file would let nobody in, or worse everybody.
        raise ConfigError(
            f"the token file {path} must hold a token. It holds none.",
            hint=f"Write one, such as: openssl rand -hex 32 > {path}",
        )
    for number, line in enumerate(lines, start=1):
        if not line.startswith("#") and not all("!" <= character <= "~" for character in line):
            raise ConfigError(
                f"the token file {path}, line {number}, must be one word of ASCII letters, digits and signs.",
                hint="Write one token a line, such as the output of: openssl rand -hex 32",
            )
    return tokens


def tls_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return what TLS needs, or None for a service without.

    Raises
    ------
    ConfigError
        If a file cannot be read, or the two do not belong together.
    """
    if cert is None:
        if key is not None:
            raise ConfigError("`--tls-key` must stand beside `--tls-cert`.", hint="Add --tls-cert FILE.")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A password given here keeps OpenSSL from asking for one at a terminal that nobody watches.
        context.load_cert_chain(os.fspath(cert), os.fspath(key) if key else None, password="")
    except ssl.SSLError:
        raise ConfigError(
            f"the certificate {cert} and the key {key or 'in it'} must be PEM, belong together and need no password.",
            hint="Name the certificate chain by --tls-cert and its unencrypted key by --tls-key.",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"the files of `--tls-cert` and `--tls-key` must be readable. {error.strerror}.",
            hint="Check the paths and their permissions.",
        ) from None
    return context
