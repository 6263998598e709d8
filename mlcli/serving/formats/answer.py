"""Predictions in the formats of an answer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from mlcli.serving.call import Answer, Reply

if TYPE_CHECKING:
    from mlcli.serving.served import Served

_SPECIAL = re.compile('[",\r\n]')
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\r")
"""Characters that no XML document can hold, or that its readers change."""


def encode(answer: Answer, served: Served, *, media: str, probabilities: bool = True) -> Reply:
    """Return an answer in a media type that `negotiate` chose.

    Parameters
    ----------
    answer : Answer
        What the model says.
    served : Served
        The model.
    media : str
        One of `mlcli.serving.formats.accept.OFFERED`.
    probabilities : bool, default=True
        Whether to say the probability of each class.
    """
    from mlcli.serving.dialects.native import answer_body  # it names this room in turn

    if not probabilities:
        answer = Answer(answer.y_pred, None, answer.classes, answer.unseen, answer.out_of_range)
    if media == "text/csv":
        return Reply(200, encode_csv(answer), "text/csv; charset=utf-8")
    if media in {"application/xml", "text/xml"}:
        xml = encode_xml(answer, model=served.name, version=served.version)
        return Reply(200, xml, f"{media}; charset=utf-8")
    return Reply(200, msgspec.json.encode(answer_body(served, answer, probabilities=probabilities)))


def encode_csv(answer: Answer) -> bytes:
    """Return an answer as CSV: the columns that ``mlcli predict`` writes, in the same digits.

    ``prediction`` and for classes one ``probability_CLASS`` each; a line for each row.
    """
    names = ["prediction"]
    if answer.y_proba is not None:
        for label in answer.classes:
            name = f"probability_{label_text(label)}"
            while name in names:
                name += "_"
            names.append(name)
    only = '""' if len(names) == 1 else ""  # a blank line would be no row
    lines = [",".join(map(_quoted, names))]
    predictions: Iterable[str] = (_quoted(cell_text(value)) or only for value in answer.y_pred)
    if answer.y_proba is None:
        lines += predictions
    else:
        lines += [
            ",".join((prediction, *map(number_text, shares)))
            for prediction, shares in zip(predictions, answer.y_proba, strict=True)
        ]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def encode_xml(answer: Answer, *, model: str, version: str) -> bytes:
    """Return an answer as XML.

    A label that XML cannot hold, for a control character in it, is written as
    a JSON text, and its element says ``encoding="json"``.

    Parameters
    ----------
    answer : Answer
        What the model says.
    model, version : str
        Its name and version.
    """
    shown = [_attribute("class", label_text(label)) for label in answer.classes]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<predictions{_attribute('model', model)}{_attribute('version', version)}>",
    ]
    for i, value in enumerate(answer.y_pred):
        shares: Sequence[float] = answer.y_proba[i] if answer.y_proba is not None else ()
        likely = "".join(
            f"<probability{name}>{number_text(share)}</probability>"
            for name, share in zip(shown if shares else (), shares, strict=True)
        )
        lines.append(f"<row><prediction{_content(cell_text(value))}</prediction>{likely}</row>")
    for kind, counts in (("unseen", answer.unseen), ("out_of_range", answer.out_of_range)):
        lines += [
            f'<warning kind="{kind}"{_attribute("column", column)} rows="{count}"/>' for column, count in counts.items()
        ]
    lines.append("</predictions>\n")
    return "\n".join(lines).encode()


def label_text(label: object) -> str:
    """Return a class as the name of its column says it: truth values in lower case."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def cell_text(value: Any) -> str:
    """Return a predicted value or label as ``mlcli predict`` writes it."""
    return number_text(value) if isinstance(value, float) else label_text(value)


def number_text(number: float) -> str:
    """Return the shortest text of a number as ``mlcli predict`` writes it; blank where it is not finite.

    Plain digits from 1e-6 to below 1e10, else as ``1.5e-7`` and ``1e+10``, as
    Arrow has it.
    """
    if not math.isfinite(number):
        return ""
    text = repr(number)
    if 1e-4 <= abs(number) < 1e10 or number == 0:
        return text.removesuffix(".0")
    sign = "-" if number < 0 else ""
    mantissa, _, power = text.removeprefix("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    # Python writes an exponent below 1e-4, so that `whole` is never 0 here.
    exponent = len(whole) - 1 + int(power or 0)
    digits = (whole + fraction).rstrip("0")
    if -6 <= exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    point = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{point}e{exponent:+d}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text


def _content(text: str) -> str:
    """Return the end of an opening tag, and the text behind it."""
    if _NO_XML.search(text) is None:
        return f">{escape(text)}"
    return f' encoding="json">{escape(json.dumps(text))}'


def _attribute(name: str, text: str) -> str:
    if _NO_XML.search(text) is None:
        escaped = quoteattr(text)
        return f" {name}={escaped}"
    return f' {name}={quoteattr(json.dumps(text))} {name}-encoding="json"'
