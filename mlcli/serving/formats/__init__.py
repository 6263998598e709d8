"""The table of formats in which rows come and predictions go, beside plain JSON.

Each file of this folder is one format. To read another, write its file and
add a line to `DECODERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from mlcli.serving.call import Call, Problem, Reply, Rows
from mlcli.serving.formats.accept import negotiate
from mlcli.serving.settings import ServeSettings

if TYPE_CHECKING:
    from mlcli.data.row_reader import ReadRows, RowReader
    from mlcli.serving.service import Service

__all__ = ["DECODERS", "MediaType", "decode", "media_type", "negotiate", "predict_formatted", "read_formatted"]

Decode = Callable[[bytes, Mapping[str, str], ServeSettings], Rows]
"""Reads a body, with the parameters of its media type and the service's limits."""

_CSV, _XML, _ARROW, _PARQUET = (
    "mlcli.serving.formats.csv:decode_csv",
    "mlcli.serving.formats.xml:decode_xml",
    "mlcli.serving.formats.arrow:decode_arrow",
    "mlcli.serving.formats.parquet:decode_parquet",
)

DECODERS: Mapping[str, str] = {
    "text/csv": _CSV,
    "application/csv": _CSV,
    "text/tab-separated-values": "mlcli.serving.formats.csv:decode_tsv",
    "application/xml": _XML,
    "text/xml": _XML,
    "application/vnd.apache.arrow.stream": _ARROW,
    "application/vnd.apache.arrow.file": _ARROW,
    "application/vnd.apache.parquet": _PARQUET,
    "application/x-parquet": _PARQUET,
    "application/parquet": _PARQUET,
}
"""What reads each media type, as import strings: a service that is asked in JSON pays for none of them."""

_JSON = ("", "application/json", "text/json")
_FORM = "multipart/form-data"
_LONG_BODY = 2**14
"""Longest body in bytes of a text that is read between two turns of the event loop: some milliseconds."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """What a Content-Type says.

    Parameters
    ----------
    name : str
        Type and subtype, lower case; empty where there was none.
    parameters : mapping of str to str
        Such as ``charset``, names in lower case.
    """

    name: str
    parameters: Mapping[str, str]


def media_type(content_type: str) -> MediaType:
    """Take a Content-Type apart."""
    name, *parameters = content_type.split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return MediaType(
        name.strip().lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs if value}
    )


def decode(body: bytes, content_type: str, settings: ServeSettings) -> Rows:
    """Read the rows of a body that is not JSON.

    Parameters
    ----------
    body : bytes
        The body, decompressed.
    content_type : str
        The request's header.
    settings : ServeSettings
        Limits of the service.

    Raises
    ------
    Problem
        400 for a body that is not what it says, 413 for one that is too long
        when it is unpacked, 415 for an unknown media type or charset.
    """
    media = media_type(content_type)
    target = DECODERS.get(media.name)
    if target is None:
        raise Problem(
            415,
            "the body must be of a media type that the service reads.",
            hint=f"Send application/json, or one of: {', '.join(DECODERS)}.",
        )
    module, _, function = target.partition(":")
    reader: Decode = getattr(import_module(module), function)
    return reader(body, media.parameters, settings)


async def predict_formatted(service: Service, call: Call) -> Reply:
    """Predict the rows of a body of any format, and answer in the format that the client accepts.

    Raises
    ------
    Problem
        As `decode`; 406 if no format of an answer is accepted.
    """
    from mlcli.serving.dialects.native import wants_probabilities  # it names this module in turn
    from mlcli.serving.formats.answer import encode

    accepted = negotiate(call.headers.get("accept"))
    if accepted is None:
        raise Problem(
            406, "an answer can be JSON, CSV or XML.", hint="Accept: application/json, text/csv or application/xml."
        )
    probabilities = wants_probabilities(call)
    runner = service.runner
    read = await read_formatted(service, call, runner.served.reader)
    answer = await service.predict_read(runner, read, call)
    return encode(answer, runner.served, media=accepted, probabilities=probabilities)


async def read_formatted(service: Service, call: Call, reader: RowReader) -> ReadRows:
    """Read the rows of a body of any format.

    Raises
    ------
    Problem
        As `decode`.
    RowsRefused, MalformedRows
        If rows break the data contract.
    """
    body, content_type = _body(call)
    name = media_type(content_type).name
    arguments = (reader, body, content_type, service.settings)
    # Arrow's own import takes longer than any body that would be read at once.
    if len(body) > _LONG_BODY or name.startswith("application/vnd.apache."):
        return await service.aside(_read, *arguments)
    return _read(*arguments)


def _body(call: Call) -> tuple[bytes, str]:
    """Return the rows' bytes and their media type: of the body, or of the one file in a form."""
    content_type = call.headers.get("content-type", "")
    if media_type(content_type).name != _FORM:
        return call.body, content_type
    from mlcli.serving.upload import uploaded_file  # few requests are forms

    return uploaded_file(call.body, content_type)


def _read(reader: RowReader, body: bytes, content_type: str, settings: ServeSettings) -> ReadRows:
    from mlcli.serving.service import read_rows  # the service names its dialects, and they name this module

    media = media_type(content_type)
    if media.name in _JSON or media.name.endswith("+json"):
        if media.parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8", "us-ascii"}:
            raise Problem(415, "JSON must be sent in UTF-8.", hint="Content-Type: application/json")
        return reader.read_json(body, max_rows=settings.max_rows)
    return read_rows(reader, decode(body, content_type, settings))
