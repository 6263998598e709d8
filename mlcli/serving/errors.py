"""The one shape of an error, which each dialect extends by its own key."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from mlcli.data.row_errors import MalformedRows, RowsRefused, TooManyRows
from mlcli.serving.call import Problem


def problem_body(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return the JSON object of an error.

    Parameters
    ----------
    problem : Problem
        What is wrong.
    request_id : str
        Name of the request, as it stands in the log.

    Returns
    -------
    dict
        ``status``, ``title`` (the status in words), ``detail``, ``request_id``,
        and where there is one ``hint`` and ``cells``: the keys of RFC 9457, with ours.

    References
    ----------
    .. [1] RFC 9457, "Problem Details for HTTP APIs".
    """
    body: dict[str, Any] = {
        "status": problem.status,
        "title": HTTPStatus(problem.status).phrase,
        "detail": problem.message,
        "request_id": request_id,
    }
    if problem.hint:
        body["hint"] = problem.hint
    if problem.cells:
        body["cells"] = [dict(cell) for cell in problem.cells]
    return body


def problem_of(error: Exception) -> Problem | None:
    """Return what an error of the rooms below says to a client; None for one that is a fault of ours.

    Only errors whose message never holds a cell's value are here.
    """
    match error:
        case Problem():
            return error
        case RowsRefused():
            cells = [{"row": cell.row, "column": cell.column, "rule": cell.rule} for cell in error.cells]
            return Problem(422, error.message, hint=error.hint, cells=cells)
        case TooManyRows():
            return Problem(413, error.message, hint=error.hint)
        case MalformedRows():
            return Problem(400, error.message, hint=error.hint)
        case RecursionError():
            # Nothing of ours calls itself but on what a client sent.
            return Problem(400, "the body must be nested less deeply.")
    return None
