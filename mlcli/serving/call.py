"""One HTTP request and its answer, as plain values between the doors of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CLIENT_GONE = 499
"""Status under which a request is counted whose client left: there is nobody to send one to."""


@dataclass(slots=True)
class Call:
    """A request whose body has been read, within the limits.

    Parameters
    ----------
    method, path : str
        As the client sent them, the path below where the app is mounted.
    query : mapping of str to str
        Parameters of the query; the last of a name.
    path_params : mapping of str to str
        Named parts of the path.
    headers : mapping of str to str
        Names in lower case.
    body : bytes
        The body, decompressed.
    request_id : str
        From ``X-Request-ID``, or made here.
    deadline : float
        Moment of `time.monotonic` when the answer is due, in seconds.
    n_rows : int
        Rows that it asks for, once they are read; for the request log.
    """

    method: str
    path: str
    query: Mapping[str, str]
    path_params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    deadline: float
    n_rows: int = 0


@dataclass(slots=True)
class Reply:
    """An answer.

    Parameters
    ----------
    status : int
        HTTP status.
    body : bytes
        Its content.
    content_type : str
        Media type.
    headers : sequence of (str, str)
        Further headers.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()


class Problem(Exception):  # noqa: N818 - the field calls it a problem (RFC 9457); it is an answer, not a failure of ours
    """A request that cannot be answered as it stands.

    Parameters
    ----------
    status : int
        HTTP status, 400 to 504.
    message : str
        What is wrong: the place, the rule. Never a value, a path or a trace.
    hint : str, optional
        One thing to try.
    cells : sequence of mapping
        For 422: every bad cell, as ``{"row": 1, "column": "age", "rule": "must be a number"}``.
    headers : sequence of (str, str)
        Further headers, such as ``Retry-After`` or ``Allow``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str | None = None,
        cells: Sequence[Mapping[str, Any]] = (),
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
        self.cells = tuple(cells)
        self.headers = tuple(headers)


@dataclass(frozen=True, slots=True)
class Records:
    """Raw rows as mappings of column name to cell (JSON values, or texts)."""

    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Features:
    """Raw rows as sequences of cells, in training column order."""

    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Columns:
    """Raw rows as columns: a sequence, numpy array or arrow array of cells by column name."""

    columns: Mapping[str, Any]
    n_rows: int


Rows = Records | Features | Columns
"""Raw rows, in the form in which a dialect finds them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of the rows of one request.

    Parameters
    ----------
    y_pred : list
        Predicted value or label of each row, as plain Python values.
    y_proba : list of list of float, optional
        Probability of each class, in the order of the classes; None for regression.
    classes : tuple of label
        The classes; empty for regression.
    unseen, out_of_range : dict of str to int
        Rows with a category that training never saw, and with a number or
        date outside the training range, by column.
    """

    y_pred: list[Any]
    y_proba: list[list[float]] | None
    classes: tuple[Any, ...]
    unseen: dict[str, int] = field(default_factory=dict)
    out_of_range: dict[str, int] = field(default_factory=dict)
