"""A fitted estimator as skops bytes that depend on what it learnt and on nothing else.

skops writes memory addresses: as ``__id__`` of every object, as names of the
array files, and sets in the order of the day. Here the dump is written anew:

- an ``__id__`` stands only where an object is shared, numbered in the order
  of the document; immutable leaves are shared by value, all else by identity;
- array files are numbered in the order of the document, equal ones are one;
- sets are sorted, keys of the format are sorted, dictionaries keep their order;
- sparse matrices are stored, not compressed;
- the zip is laid out as `mlcli.archive` does.

``skops.io.loads`` reads the result as it reads its own.

References
----------
.. [1] The skops persistence format, https://skops.readthedocs.io/en/stable/persistence.html
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Hashable
from typing import Any
from zipfile import ZipFile

from mlcli.archive import ArchiveWriter, write_archive
from mlcli.errors import ArtifactError

STATE = "schema.json"
"""Member of a skops file that holds the tree of objects."""

_LEAVES = frozenset({"JsonNode", "TypeNode", "FunctionNode"})
"""Nodes whose objects are immutable and small: equal ones may be one object."""

_VALUES = frozenset({"TupleNode", "BytesNode", "SliceNode", "DTypeNode"})
"""Nodes whose objects are immutable: whether two are one object cannot be told, save by ``is``."""

_ADDRESSES = frozenset({"_stop_words_id"})
"""Attributes that hold a memory address. CountVectorizer remembers the id of the
stop words that it last checked; None makes it check once more."""


def canonical_dump(estimator: Any) -> bytes:
    """Return `estimator` in skops format, the same bytes in every process.

    Parameters
    ----------
    estimator : object
        A fitted estimator or pipeline.

    Raises
    ------
    ArtifactError
        If skops cannot hold a part of it.
    """
    from skops.io import dump
    from skops.io.exceptions import UnsupportedTypeException

    raw = io.BytesIO()
    try:
        dump(estimator, raw)
    except (UnsupportedTypeException, RecursionError) as error:
        raise ArtifactError(
            f"every part of a model must be one that can be stored without running code. {error}",
            hint="Choose another model from `mlcli models`.",
        ) from error
    return canonicalise(raw)


def canonicalise(raw: io.BytesIO) -> bytes:
    """Rewrite a skops file so that it depends on its content alone.

    Parameters
    ----------
    raw : BytesIO
        What ``skops.io.dump`` wrote.
    """
    canonical = io.BytesIO()
    with ZipFile(raw) as dumped:
        rewriting = _Rewriting(dumped, ArchiveWriter(canonical))
        rewriting.write(json.loads(dumped.read(STATE)))
    return canonical.getvalue()


class _Rewriting:
    """One pass over one dump: what was counted, numbered, named and written so far."""

    def __init__(self, dumped: ZipFile, writer: ArchiveWriter) -> None:
        self._dumped = dumped
        self._writer = writer
        self._names: dict[str, str] = {}
        self._by_digest: dict[str, str] = {}
        self._uses: Counter[Hashable] = Counter()
        self._numbers: dict[Hashable, int] = {}

    def write(self, state: dict[str, Any]) -> None:
        """Write the array files in the order of the document, then the document."""
        self.settle(state)
        document = json.dumps(self.rewrite(state), separators=(",", ":"), ensure_ascii=True)
        self._writer.add(STATE, document.encode("ascii"))
        self._writer.finish()

    def settle(self, value: Any) -> None:
        """Sort sets, blank addresses and count how often each object is used."""
        if isinstance(value, list):
            for item in value:
                self.settle(item)
        elif isinstance(value, dict):
            for key, item in value.items():
                if key in _ADDRESSES and _is_node(item) and item["__loader__"] == "JsonNode":
                    item["content"] = "null"
                self.settle(item)
            if _is_node(value) and value["__loader__"] == "SetNode":
                value["content"].sort(key=self._content_key)
            identity = _identity(value)
            if identity is not None:
                self._uses[identity] += 1

    def rewrite(self, value: Any) -> Any:
        """Return `value` with its keys in order, its objects numbered and its files renamed."""
        if isinstance(value, list):
            return [self.rewrite(item) for item in value]
        if not isinstance(value, dict):
            return value
        if not _is_node(value):
            # The entries of a dictionary: their order is content, and `key_types` counts on it.
            return {key: self.rewrite(item) for key, item in value.items()}
        identity = _identity(value)
        rewritten: dict[str, Any] = {}
        if identity is not None and self._uses[identity] > 1:
            # From 1: skops reads an id of 0 as none.
            rewritten["__id__"] = self._numbers.setdefault(identity, len(self._numbers) + 1)
        for key in sorted(value.keys() - {"__id__", "is_json"}):
            is_file = key == "file" and isinstance(value[key], str)
            rewritten[key] = self._rename(value[key]) if is_file else self.rewrite(value[key])
        return rewritten

    def _rename(self, source: str) -> str:
        """Return the new name of a file, having written it where no equal one was."""
        if source not in self._names:
            content = self._content(source)
            suffix = source.rpartition(".")[2]
            # Two kinds of file never share a name, whatever they hold.
            digest = f"{hashlib.sha256(content).hexdigest()}.{suffix}"
            if digest not in self._by_digest:
                self._by_digest[digest] = f"{len(self._by_digest)}.{suffix}"
                self._writer.add(self._by_digest[digest], content)
            self._names[source] = self._by_digest[digest]
        return self._names[source]

    def _content(self, source: str) -> bytes:
        """Return the content of a file, less what is not content."""
        content = self._dumped.read(source)
        if source.endswith(".npy"):
            return _blank_padding(content)
        return _store_sparse(content) if source.endswith(".npz") else content

    def _content_key(self, value: Any) -> str:
        """Return text by which a set's items are sorted: all of their content, none of their addresses."""
        return json.dumps(self._without_addresses(value), sort_keys=True)

    def _without_addresses(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._without_addresses(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: self._content(item).hex() if key == "file" and isinstance(item, str) else self._without_addresses(item)
            for key, item in value.items()
            if key != "__id__"
        }


def _is_node(value: Any) -> bool:
    """Tell a described object from a plain mapping, one of whose keys may be ``__loader__`` as well."""
    return isinstance(value, dict) and isinstance(value.get("__loader__"), str)


def _identity(value: dict[str, Any]) -> Hashable | None:
    """Return what makes two places hold one object, or None where that does not matter."""
    if not _is_node(value) or value["__loader__"] in _VALUES:
        return None
    loader = value["__loader__"]
    if loader in _LEAVES:
        return (loader, value["__module__"], value["__class__"], value.get("content"))
    if loader == "NdArrayNode" and value["__class__"] != "ndarray":
        return None  # a numpy scalar
    return value.get("__id__")


def _blank_padding(content: bytes) -> bytes:
    """Return an npy file with zeros between the fields of its records.

    The nodes of a scikit-learn tree end in 7 bytes of padding, which hold
    whatever was in memory: not reproducible, and nobody's business.
    """
    # Only a record's description holds a list; the header of a plain array never does.
    if b"'descr': [" not in content[:128]:
        return content
    import numpy as np

    records = np.load(io.BytesIO(content), allow_pickle=False)
    blank = np.zeros(records.shape, records.dtype)  # zeros_like would fill the fields alone
    for field in records.dtype.names:
        blank[field] = records[field]
    blanked = io.BytesIO()
    np.save(blanked, blank, allow_pickle=False)
    return blanked.getvalue()


def _store_sparse(content: bytes) -> bytes:
    """Return an npz with its arrays stored, laid out as every archive of ours."""
    stored = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as npz:
        write_archive(stored, ((name, npz.read(name)) for name in npz.namelist()))
    return stored.getvalue()
