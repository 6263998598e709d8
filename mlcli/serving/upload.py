"""The one file of a form, as browsers upload it."""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from mlcli.serving.call import Problem

_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "xml": "application/xml",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
"""Media types by the end of a file's name: browsers know few of them."""


@dataclass
class _Part:
    """A part of a form that is being read."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)

    def file_name(self) -> str | None:
        """Return the name of the file that it is, None for a field."""
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        name = options.get(b"filename")
        return None if name is None else name.decode("utf-8", "replace")

    def content_type(self, name: str) -> str:
        return _TYPES.get(name.rpartition(".")[2].lower()) or self.headers.get(b"content-type", b"text/csv").decode(
            "latin-1"
        )


def uploaded_file(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Return the content and the media type of the one file in a form.

    Parameters
    ----------
    body : bytes
        The form, as ``multipart/form-data``.
    content_type : str
        The request's header, which holds the boundary.

    Raises
    ------
    Problem
        400 if the form is malformed, or holds no file or several.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise Problem(400, "a form's Content-Type must name its boundary.")
    parts = _parts(body, boundary)
    files = [(part, name) for part in parts if (name := part.file_name()) is not None]
    if len(files) != 1:
        raise Problem(400, f"the form must hold one file. It holds {len(files)}.", hint="curl -F file=@rows.csv URL")
    part, name = files[0]
    return bytes(part.content), part.content_type(name)


def _parts(body: bytes, boundary: bytes) -> list[_Part]:
    parts: list[_Part] = []
    header: list[bytearray] = [bytearray(), bytearray()]

    def on_header_end() -> None:
        parts[-1].headers[bytes(header[0]).lower()] = bytes(header[1])
        header[0], header[1] = bytearray(), bytearray()

    ended: list[bool] = []
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": lambda: parts.append(_Part()),
                "on_header_field": lambda data, start, end: header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: header[1].extend(data[start:end]),
                "on_header_end": on_header_end,
                "on_part_data": lambda data, start, end: parts[-1].content.extend(data[start:end]),
                "on_end": lambda: ended.append(True),
            },
        )
        parser.write(body)
        parser.finalize()
    except MultipartParseError:
        raise Problem(400, "the form must be well-formed multipart/form-data.") from None
    if not ended:
        raise Problem(400, "the form must end with its boundary. It ends too soon.")
    return parts
