"""How much a Parquet file holds, told from its own descriptions before anything is unpacked.

Arrow is not asked: it believes the footer, and some damaged footers end its
process instead of raising an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlcli.serving.formats.thrift import read_struct

MAGIC = b"PAR1"
_LONGEST_FOOTER = 2**20
_MOST_PAGES = 20_000
_BYTE_ARRAY = 6

# Numbers of fields in parquet.thrift.
_ELEMENTS, _ROWS, _GROUPS = 2, 3, 4
_LENGTH, _REPETITION, _NAME, _CHILDREN = 2, 3, 4, 5
_GROUP_COLUMNS, _GROUP_ROWS, _CHUNK = 1, 3, 3
_TYPE, _PATH, _VALUES, _PACKED, _DATA, _DICTIONARY = 1, 3, 5, 7, 9, 11
_PAGE_UNPACKED, _PAGE_PACKED = 2, 3
_REPEATED = 2


@dataclass(frozen=True, slots=True)
class Size:
    """What a file says that it holds.

    Parameters
    ----------
    n_rows : int
        Rows, by whichever of its counts is the greatest.
    unpacked : int
        Bytes of `columns` when they are unpacked: of their pages, or of cells of a fixed length.
    columns : tuple of str
        Columns of plain values. Lists and groups are left out: a few bytes
        may hold a billion of their values.
    texts : tuple of str
        Those of texts or bytes.
    """

    n_rows: int
    unpacked: int
    columns: tuple[str, ...]
    texts: tuple[str, ...]


def parquet_size(body: bytes, *, most: int) -> Size:
    """Measure a Parquet file.

    Parameters
    ----------
    body : bytes
        The file.
    most : int
        Unpacked bytes at which measuring ends.

    Raises
    ------
    ValueError, IndexError, KeyError, TypeError, AttributeError
        If it is damaged.

    References
    ----------
    .. [1] "Apache Parquet Format", parquet.thrift: FileMetaData, RowGroup, ColumnMetaData, PageHeader.
    """
    length = int.from_bytes(body[-8:-4], "little")
    if (
        len(body) < 12
        or not body.startswith(MAGIC)
        or not body.endswith(MAGIC)
        or length > min(len(body) - 12, _LONGEST_FOOTER)
    ):
        raise ValueError
    footer, _ = read_struct(body[-8 - length : -8], 0)
    flat = _flat_columns(footer[_ELEMENTS])
    unpacked = n_pages = 0
    n_values: Counter[str | bytes] = Counter(
        {"rows": max(footer[_ROWS], sum(group[_GROUP_ROWS] for group in footer[_GROUPS]))}
    )
    texts = set[str]()
    for chunk in (column[_CHUNK] for group in footer[_GROUPS] for column in group[_GROUP_COLUMNS]):
        name = b".".join(chunk[_PATH])
        if len(chunk[_PATH]) > 1 or name not in flat:
            if any((name + b".").startswith(other + b".") for other in flat):
                raise ValueError  # Arrow would read it for a part of the other
            continue
        # Arrow reads as many cells of a column as its chunks say, whatever the rows.
        n_values[name] += chunk[_VALUES]
        # A dictionary repeats a long cell in a few bits; of texts, Arrow is asked to keep the dictionary.
        unpacked += chunk[_VALUES] * flat[name]
        for size in _pages(chunk, body):
            n_pages += 1
            unpacked += size
            if n_pages > _MOST_PAGES:
                raise ValueError
            if unpacked > most:
                return Size(max(n_values.values()), unpacked, (), ())
        if chunk[_TYPE] == _BYTE_ARRAY:
            texts.add(name.decode())
    return Size(max(n_values.values()), unpacked, tuple(name.decode() for name in flat), tuple(sorted(texts)))


def _flat_columns(elements: list[dict[int, Any]]) -> dict[bytes, int]:
    """Return the columns that hold one plain value a row, each with the bytes of a cell where they are fixed.

    The elements are the tree of the schema, written out in order.
    """
    flat: dict[bytes, int] = {}
    # Elements that are still to come below each group that is open; the first element is the root.
    open_groups = [elements[0][_CHILDREN]]
    for element in elements[1:]:
        while open_groups and not open_groups[-1]:
            open_groups.pop()
        open_groups[-1] -= 1
        if children := element.get(_CHILDREN):
            open_groups.append(children)
        elif len(open_groups) == 1 and element.get(_REPETITION) != _REPEATED:
            if element[_NAME] in flat:
                raise ValueError
            flat[element[_NAME]] = max(0, element.get(_LENGTH) or 0)
    return flat


def _pages(chunk: dict[int, Any], body: bytes) -> Iterator[int]:
    """Yield the unpacked bytes of each page of a column chunk, of which the footer tells the place alone."""
    if chunk[_VALUES] <= 0:
        return
    position = min(chunk[_DATA], chunk.get(_DICTIONARY) or chunk[_DATA])
    end = position + chunk[_PACKED]
    if position < 0 or end > len(body):
        raise ValueError
    while position < end:
        header, position = read_struct(body, position)
        unpacked, packed = header[_PAGE_UNPACKED], header[_PAGE_PACKED]
        if unpacked < 0 or packed < 0:
            raise ValueError
        position += packed
        yield unpacked
