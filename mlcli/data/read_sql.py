"""Rows of a database query (extra ``sql``)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from mlcli.data.columns import table_from_values
from mlcli.data.read_header import require_distinct
from mlcli.data.source import Source
from mlcli.errors import ConfigError, DataError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 1 << 16
"""Rows that are fetched at a time."""

_READING = re.compile(r"^(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(?:select|with|values|table|from)\b", re.IGNORECASE | re.DOTALL)
"""Queries that read. A config never changes a database."""


@dataclass(frozen=True)
class _Rows:
    names: tuple[str, ...]
    batches: Iterator[Sequence[Sequence[Any]]]


def read_sql(source: Source) -> Iterator[pa.Table]:
    """Read the rows that the query gives, a batch at a time.

    Parameters
    ----------
    source : Source
        Its url and query.

    Yields
    ------
    Table
        The rows in the query's order, first an empty table with the columns.

    Raises
    ------
    DataError
        If the database refuses.
    ConfigError
        If url or query cannot be one.
    MissingExtraError
        If the extra is not installed.
    """
    with _run(source) as rows:
        yield table_from_values({name: [] for name in rows.names}, name=source.label)
        for batch in rows.batches:
            columns = zip(*batch, strict=True)
            yield table_from_values(dict(zip(rows.names, columns, strict=True)), name=source.label)


def digest_query(source: Source) -> str:
    """Return the SHA-256 of the query and its rows.

    Raises
    ------
    DataError
        If the database refuses.
    """
    import msgspec

    assert source.query is not None
    digest = hashlib.sha256(source.query.encode())
    with _run(source) as rows:
        digest.update(msgspec.json.encode(rows.names))
        for batch in rows.batches:
            for row in batch:
                digest.update(msgspec.json.encode(tuple(row)) + b"\n")
    return digest.hexdigest()


@contextmanager
def _run(source: Source) -> Iterator[_Rows]:
    """Run the query; nothing is ever committed."""
    try:
        import sqlalchemy
        from sqlalchemy import exc
    except ImportError:
        raise MissingExtraError(f"reading {source.label}", extra="sql") from None

    assert source.url is not None
    assert source.query is not None
    if _READING.match(source.query) is None:
        raise ConfigError(
            f"data.query must only read: it begins with SELECT or WITH. Got {source.query.strip()[:40]!r}.",
            hint="Write a SELECT.",
        )
    try:
        engine = sqlalchemy.create_engine(source.url, poolclass=sqlalchemy.NullPool)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"data.url {source.label} needs the driver {error.name!r}, which is not installed.",
            hint=f"pip install {error.name}",
        ) from None
    except (exc.ArgumentError, ValueError) as error:
        known = isinstance(error, exc.NoSuchModuleError)
        raise ConfigError(
            f"data.url must be a database URL. Got {source.label!r}{', of an unknown database' if known else ''}.",
            hint="For example sqlite:///data/sales.db or postgresql+psycopg://user:password@host/name.",
        ) from None
    try:
        with engine.connect().execution_options(stream_results=True, yield_per=_BATCH) as connection:
            # A colon in the query is never the start of a parameter: it may stand in a text or a cast.
            result = connection.execute(sqlalchemy.text(source.query.replace(":", r"\:")))
            names = tuple(result.keys())
            require_distinct(names, name="data.query", hint="Give one of them another name with AS.")
            yield _Rows(names, (batch for batch in result.partitions(_BATCH)))
    except exc.SQLAlchemyError as error:
        raise DataError(
            f"{source.label}: the database must answer the query. Got: {_reason(error, engine.url.password)}.",
            hint="Try the query in the database's own client.",
        ) from None
    finally:
        engine.dispose()


def _reason(error: Exception, password: str | None) -> str:
    """Return what the database says, in one line and without the password."""
    text = " ".join(str(getattr(error, "orig", None) or error).split())
    for secret in {password, quote(password), quote_plus(password)} if password else ():
        text = text.replace(secret, "***")
    return text.rstrip(".")
