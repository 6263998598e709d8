"""The socket that a service listens on, and its address in words."""

from __future__ import annotations

import errno
import ipaddress
import resource
import socket
from pathlib import Path

from mlcli.errors import ConfigError

BACKLOG = 4096
"""Connections that may wait to be accepted; the system's own limit holds below it."""


def check_exposure(host: str, *, token_file: Path | None, insecure: bool) -> None:
    """Refuse to listen beyond this machine without tokens, unless that is said in so many words.

    Raises
    ------
    ConfigError
        If anyone who reaches the port could ask the model.
    """
    if not (token_file or insecure or is_loopback(host)):
        raise ConfigError(
            f"serve.host must be this machine's own address, or clients must show a token. Got {host!r}.",
            hint="Add --token-file FILE (one token a line), or --insecure to answer everyone who reaches the port.",
        )


def is_loopback(host: str) -> bool:
    """Return whether only this machine itself reaches an address."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Clients that come before the model is loaded wait in its queue.

    Raises
    ------
    ConfigError
        If the address is not this machine's, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise ConfigError(
            f"serve.host must be an address of this machine. Got {host!r}.",
            hint="Use 127.0.0.1, or 0.0.0.0 for every address.",
        ) from None
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # A restart must not wait for the connections of the last process to be forgotten.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(host, port, error) from None
    listener.setblocking(False)
    return listener


def _refused(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"port {port} of {host} must be free. Another program listens there.",
            hint="Choose another with --port, or --port 0 for any that is free.",
        )
    if error.errno == errno.EACCES:
        return ConfigError(
            f"port {port} of {host} must be open to this user. Ports below 1024 are the system's.",
            hint="Choose a port from 1024 on, such as --port 8000.",
        )
    return ConfigError(
        f"serve.host must be an address of this machine. Got {host!r}: {error.strerror}.",
        hint="Use 127.0.0.1, or 0.0.0.0 for every address.",
    )


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """Return the address of a service as a client on this machine writes it."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
        host = "127.0.0.1"
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if tls else 'http'}://{host}:{port}"


def raise_open_files() -> int:
    """Let this process open as many files as the system allows it; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # "Unlimited" makes some systems walk through a billion descriptors at every fork.
    wanted = 1 << 20 if hard == resource.RLIM_INFINITY else min(hard, 1 << 20)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
