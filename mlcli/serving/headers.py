"""What stands before the body of a request, read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar, overload
from urllib.parse import parse_qsl

from mlcli.serving.call import Problem

_MOST_PARAMETERS = 100
_T = TypeVar("_T")


class Headers(Mapping[str, str]):
    """Headers by name in lower case, decoded when they are looked up.

    Most of a request's headers are never asked for, and decoding them would
    cost more than predicting a row.

    Parameters
    ----------
    raw : iterable of (bytes, bytes)
        As ASGI hands them over. Values of a repeated name are joined by commas.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        pairs = raw if isinstance(raw, list) else list(raw)
        self.raw: dict[bytes, bytes] = dict(pairs)
        if len(self.raw) != len(pairs):
            self.raw = {}
            for name, value in pairs:
                self.raw[name] = b"%b, %b" % (self.raw[name], value) if name in self.raw else value

    def __getitem__(self, name: str) -> str:
        return self.raw[name.encode("latin-1")].decode("latin-1")

    @overload
    def get(self, key: str, /) -> str | None: ...
    @overload
    def get(self, key: str, default: str, /) -> str: ...
    @overload
    def get(self, key: str, default: _T, /) -> str | _T: ...
    def get(self, key: str, default: object = None, /) -> object:
        """Return a header's value, or `default`; without the exception that `Mapping.get` pays for."""
        value = self.raw.get(key.encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self.raw)

    def __len__(self) -> int:
        return len(self.raw)


_NO_PARAMETERS: Mapping[str, str] = {}


def read_query(query: bytes) -> Mapping[str, str]:
    """Return the parameters of a query, the last of a name.

    Raises
    ------
    Problem
        400 for more than a hundred parameters.
    """
    if not query:
        return _NO_PARAMETERS
    try:
        return dict(
            parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
        )
    except ValueError:
        raise Problem(400, f"the query must have at most {_MOST_PARAMETERS} parameters.") from None
