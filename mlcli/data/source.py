"""Where rows come from: files, a database query or standard input."""

from __future__ import annotations

import glob
import hashlib
import logging
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mlcli.config.sections import DataConfig
from mlcli.errors import ConfigError, DataError
from mlcli.registry import did_you_mean

logger = logging.getLogger(__name__)

Format = Literal["csv", "tsv", "parquet", "jsonl", "excel", "sql"]

FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".xlsx": "excel",
    ".xls": "excel",
    ".ods": "excel",
}
"""Format of each file name's ending; the text formats may end in ``.gz`` as well."""

_TEXT_FORMATS = frozenset({"csv", "tsv", "jsonl"})
_STDIN = "-"


@dataclass(frozen=True)
class Source:
    """One place that rows come from, complete enough to be read.

    Parameters
    ----------
    label : str
        The place as the user wrote it, for messages; a database without its password.
    format : Format
        How the rows are written.
    paths : tuple of Path
        The files, in reading order; empty for a query and for standard input.
    names : tuple of str
        What messages call each file.
    url, query : str, optional
        The database and the query whose rows are read.
    stdin : bool
        Whether the rows come on standard input.
    separator : str, optional
        Character between the cells of a text file; None: found from its first lines.
    encoding : str
        Character encoding of text files. A byte order mark is stronger than ``utf-8``.
    sheet : str, optional
        Sheet of an Excel file; None: the first.
    """

    label: str
    format: Format
    paths: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    url: str | None = field(default=None, repr=False)  # it may hold a password
    query: str | None = None
    stdin: bool = False
    separator: str | None = None
    encoding: str = "utf-8"
    sheet: str | None = None


def resolve_source(config: DataConfig, *, base: Path) -> Source:
    """Find what the ``data`` section of a config names.

    Parameters
    ----------
    config : DataConfig
        The section.
    base : Path
        Folder that relative paths start from: the config file's.

    Returns
    -------
    Source
        With absolute paths; globs are expanded, sorted by name.

    Raises
    ------
    DataError
        If a file is missing, is a folder, or no file matches a glob.
    ConfigError
        If the format cannot be told, or the files have several.
    """
    _require_separator(config.separator)
    if config.url is not None:
        return Source(
            label=hide_password(config.url), format="sql", url=_anchor_sqlite(config.url, base), query=config.query
        )
    assert config.path is not None  # DataConfig allows no third way
    written = (config.path,) if isinstance(config.path, str) else config.path
    return replace(
        _source_of_files(written, base=base, named=config.format),
        separator=config.separator,
        encoding=config.encoding,
        sheet=config.sheet,
    )


def source_from_path(text: str, *, like: DataConfig | None = None, format: Format | None = None) -> Source:  # noqa: A002 -- the word of the config and of the option
    """Find the rows that a command line names, relative to the working folder.

    Parameters
    ----------
    text : str
        A file, a glob, or ``-`` for standard input.
    like : DataConfig, optional
        The training data's section: its encoding and sheet hold here too, its separator
        for a CSV file, and its format where the name does not tell.
    format : Format, optional
        Stronger than the file's name.

    Raises
    ------
    DataError
        If the file is missing, is a folder, or no file matches the glob.
    ConfigError
        If the format cannot be told.
    """
    fallback = like.format if like else None
    if text == _STDIN:
        found = Source(label="standard input", format=format or fallback or "csv", stdin=True)
    else:
        found = _source_of_files((text,), base=Path.cwd(), named=format, fallback=fallback)
    if like is None:
        return found
    separator = like.separator if found.format == "csv" else None
    _require_separator(separator)
    return replace(found, separator=separator, encoding=like.encoding, sheet=like.sheet)


def fingerprint(source: Source) -> str:
    """Return a SHA-256 of the content, whatever the files' names and places.

    Of one file it is the digest that ``sha256sum`` prints; of several, the
    digest of their digests in reading order; of a query, the digest of its
    text and its rows.

    Raises
    ------
    DataError
        If the content cannot be read, or comes on standard input.
    """
    if source.stdin:
        raise DataError("standard input can be read once only, so it has no fingerprint.", hint="Save it to a file.")
    if source.format == "sql":
        from mlcli.data.read_sql import digest_query  # sqlalchemy is an extra

        return digest_query(source)
    digests = [_digest_file(path, name) for path, name in zip(source.paths, source.names, strict=True)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def hide_password(url: str) -> str:
    """Return a database URL as messages may show it."""
    place, mark, settings = url.partition("?")
    if "@" not in place:  # then the question mark belongs to the password
        place, mark, settings = url, "", ""
    place = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", place)
    return place + mark + re.sub(r"(?i)((?:^|[&;])(?:password|passwd|pwd)=)[^&;]*", r"\1***", settings)


def _digest_file(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(name, error) from error


def unreadable(name: str, error: OSError) -> DataError:
    """Return the error for a file that the system does not let us read."""
    return DataError(f"{name} must be readable. Got: {error.strerror or error}.", hint="Check the file's permissions.")


def _source_of_files(
    written: tuple[str, ...], *, base: Path, named: Format | None, fallback: Format | None = None
) -> Source:
    found: list[tuple[str, Path]] = []
    for text in written:
        found.extend(_expand(text, base))
    label = ", ".join(written)
    formats = {named or _format_of(name, path, fallback) for name, path in found}
    if len(formats) > 1:
        raise ConfigError(
            f"{label}: all files must have one format. Got: {', '.join(sorted(formats))}.",
            hint="Narrow the glob, for example to *.csv.",
        )
    return Source(
        label=label,
        format=formats.pop(),
        paths=tuple(path for _, path in found),
        names=tuple(name for name, _ in found),
    )


def _format_of(name: str, path: Path, fallback: Format | None) -> Format:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    ending = suffixes[-2] if packed and len(suffixes) > 1 else (suffixes or [""])[-1]
    known = FORMATS.get(ending)
    if known is not None and (not packed or known in _TEXT_FORMATS):
        return known
    if fallback is not None:
        return fallback
    raise ConfigError(
        f"{name} must have a name whose ending tells the format. Got {''.join(suffixes[-2:]) or 'no ending'!r}; "
        f"known: {', '.join(FORMATS)}; text also with .gz.",
        hint="Rename the file, or set data.format.",
    )


def _expand(text: str, base: Path) -> list[tuple[str, Path]]:
    """Return name and absolute path of each file that `text` means."""
    if not text:
        raise DataError("data.path must name a file. Got an empty text.", hint="Write the file's path.")
    path = base.absolute() / Path(text).expanduser()
    if path.is_file() or _is_pipe(path):
        return [(text, path)]
    if path.is_dir():
        raise DataError(
            f"{text} must be a file. Got a folder.",
            hint=f"Name a file in it, or a glob such as {text.rstrip('/')}/*.csv.",
        )
    if not glob.has_magic(text):
        raise _missing(text, path)
    # By root_dir: a bracket in the folder's own name is no pattern.
    found = glob.glob(str(Path(text).expanduser()), root_dir=base, recursive=True)  # noqa: PTH207 -- Path.glob takes no absolute pattern
    matches = sorted(base.absolute() / match for match in found if (base / match).is_file())
    if not matches:
        raise DataError(
            f"{text} must match at least one file. Got none, looking for {path}.", hint="Check the pattern."
        )
    return [(_name(match, base), match) for match in matches]


def _is_pipe(path: Path) -> bool:
    # A shell's <(command) is a pipe: readable once, like standard input.
    return path.is_fifo() or path.is_char_device()


def _name(path: Path, base: Path) -> str:
    return str(path.relative_to(base.absolute())) if path.is_relative_to(base.absolute()) else str(path)


def _missing(text: str, path: Path) -> DataError:
    folder = path.parent
    if not folder.is_dir():
        while not folder.parent.is_dir():
            folder = folder.parent
        return DataError(f"{text} must exist. Got nothing at {path}: there is no folder {folder}.", hint=_like(folder))
    return DataError(f"{text} must exist. Got nothing at {path}.", hint=_like(path))


def _like(path: Path) -> str:
    """Return a hint that names what stands beside a missing file or folder."""
    try:
        beside = sorted(entry.name for entry in path.parent.iterdir() if not entry.name.startswith("."))
    except OSError:
        beside = []
    near = did_you_mean(path.name, beside)
    if near is not None:
        return f"Did you mean {near!r}?"
    if beside:
        return f"{path.parent} holds: {', '.join(beside[:5])}{', ...' if len(beside) > 5 else ''}."
    return "Relative paths start from the config file's folder; on the command line, from the working folder."


def _require_separator(separator: str | None) -> None:
    if separator is not None and (separator in '"\r\n' or not separator.isascii()):
        raise ConfigError(
            f"data.separator must be one ASCII character, no quote and no line end. Got {separator!r}.",
            hint='Common separators: "," ";" "\\t" "|".',
        )


def _anchor_sqlite(url: str, base: Path) -> str:
    """Return a SQLite URL whose relative path starts from `base`; any other URL unchanged."""
    match = re.match(r"^(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)([^?]+)(.*)$", url)
    if match is None:
        return url
    path = base.absolute() / match[2]
    if not path.is_file():
        # SQLite would make an empty database there.
        raise _missing(url, path)
    return f"{match[1]}{path}{match[3]}"
