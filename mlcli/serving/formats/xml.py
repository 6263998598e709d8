"""XML: ``<rows><row><column name="age">37</column></row></rows>``, or ``<age>37</age>`` for a column."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]  # it ships no types
from defusedxml.ElementTree import XMLParser  # type: ignore[import-untyped]  # likewise

from mlcli.serving.call import Problem, Records
from mlcli.serving.formats.charset import decode_text
from mlcli.serving.settings import ServeSettings

_SHAPE = 'Send <rows><row><column name="age">37</column></row></rows>.'
_PIECE = 2**20


def decode_xml(body: bytes, parameters: Mapping[str, str], settings: ServeSettings) -> Records:
    """Read XML without a document type; an empty element is a missing cell.

    Parameters
    ----------
    body : bytes
        The document.
    parameters : mapping of str to str
        ``charset``; where it is absent, what the document says.
    settings : ServeSettings
        Limits of the service.

    Returns
    -------
    Records
        Cells as text.

    Raises
    ------
    Problem
        400 if it is not well-formed, holds entities, or has another shape; 413
        for too many rows, 415 for an unknown charset.

    References
    ----------
    .. [1] "Extensible Markup Language (XML) 1.0", fifth edition, W3C.
    """
    charset = parameters.get("charset")
    document: bytes | str = body if charset is None else decode_text(body, charset)
    target = _Target(settings.max_rows)
    parser = XMLParser(target=target, forbid_dtd=True)
    try:
        for start in range(0, len(document), _PIECE):
            parser.feed(document[start : start + _PIECE])
        parser.close()
    except ParseError as error:
        line, column = error.position
        raise Problem(
            400, f"the body must be well-formed XML. It is not at line {line}, column {column + 1}."
        ) from None
    except DefusedXmlException:
        raise Problem(400, "the XML must have no document type and no entities.", hint="Take <!DOCTYPE> out.") from None
    except (LookupError, ValueError):  # an encoding that the document names
        raise Problem(400, "the XML must be in an encoding that is known.", hint="Send UTF-8.") from None
    return Records(target.rows)


class _Target:
    """Takes the rows while the document is read, so that no tree of it is ever built."""

    def __init__(self, max_rows: int) -> None:
        self.rows: list[dict[str, str]] = []
        self._max_rows = max_rows
        self._depth = 0
        self._row_depth = 2
        self._name = ""
        self._texts: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Open an element."""
        self._depth += 1
        local = tag.rpartition("}")[2]
        if self._depth == 1:
            if local not in {"rows", "row"}:
                raise Problem(400, "the XML's root must be 'rows', or one 'row'.", hint=_SHAPE)
            self._row_depth = 1 if local == "row" else 2
        elif self._depth == 2 and local != "row" and self._row_depth == 2:
            raise Problem(400, "'rows' must hold elements 'row' alone.", hint=_SHAPE)
        if self._depth == self._row_depth:
            self._begin_row()
        elif self._depth == self._row_depth + 1:
            self._name = attributes["name"] if local == "column" and "name" in attributes else local
            self._texts = []
        elif self._depth > self._row_depth:
            raise Problem(400, f"row {len(self.rows)}: a column must hold text, not elements.", hint=_SHAPE)

    def data(self, text: str) -> None:
        """Take text."""
        if self._depth == self._row_depth + 1:
            self._texts.append(text)
        elif text.strip():
            raise Problem(400, "text must stand inside columns.", hint=_SHAPE)

    def end(self, _tag: str) -> None:
        """Close an element."""
        if self._depth == self._row_depth + 1:
            row = self.rows[-1]
            if self._name in row:
                raise Problem(400, f"row {len(self.rows)} must hold each column once.", hint=_SHAPE)
            row[self._name] = "".join(self._texts)
        self._depth -= 1

    def close(self) -> None:
        """End the document."""

    def _begin_row(self) -> None:
        if len(self.rows) == self._max_rows:
            raise Problem(
                413,
                f"a request must have at most {self._max_rows} rows. Got more.",
                hint="Send the rows in several requests.",
            )
        self.rows.append({})
