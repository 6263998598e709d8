"""Thrift's compact protocol, as far as a Parquet file describes itself in it."""

from __future__ import annotations

from typing import Any

_STOP, _TRUE, _FALSE = range(3)
_DEEPEST = 12


def read_struct(data: bytes, position: int) -> tuple[dict[int, Any], int]:
    """Read a struct.

    Parameters
    ----------
    data : bytes
        What holds it.
    position : int
        Where it begins.

    Returns
    -------
    dict
        Its fields by number: whole numbers, truth values, bytes, lists and dicts; None for a fraction.
    int
        The position behind it.

    Raises
    ------
    ValueError, IndexError
        If it is damaged.

    References
    ----------
    .. [1] "Thrift Compact protocol encoding", Apache Thrift.
    """
    reader = _Reader(data, position)
    fields = reader.struct(_DEEPEST)
    return fields, reader.position


class _Reader:
    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self.position = position

    def struct(self, depth: int) -> dict[int, Any]:
        if not depth:
            raise ValueError
        fields: dict[int, Any] = {}
        field = 0
        while (head := self._byte()) != _STOP:
            field = field + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            fields[field] = kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind, depth - 1)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        match kind:
            case 1 | 2 | 3:  # a truth value takes a byte in a list, none as a field
                return self._byte()
            case 4 | 5 | 6:
                return self._signed()
            case 7:
                self.position += 8
                return None
            case 8:
                return self._bytes()
            case 9 | 10:
                return self._list(depth)
            case 12:
                return self.struct(depth)
        raise ValueError  # a map, which Parquet has nowhere

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 != 15 else self._number()
        if not depth or count > len(self._data):
            raise ValueError
        return [self._value(head & 15, depth - 1) for _ in range(count)]

    def _byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def _bytes(self) -> bytes:
        length = self._number()
        start = self.position
        self.position += length
        if self.position > len(self._data):
            raise ValueError
        return self._data[start : self.position]

    def _number(self) -> int:
        number = shift = 0
        while (byte := self._byte()) >= 128:
            number |= (byte & 127) << shift
            shift += 7
            if shift > 63:
                raise ValueError
        return number | byte << shift

    def _signed(self) -> int:
        number = self._number()
        return (number >> 1) ^ -(number & 1)
