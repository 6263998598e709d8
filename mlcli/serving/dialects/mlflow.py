"""MLflow's scoring protocol, as its model server speaks it.

References
----------
.. [1] MLflow, "Deploy MLflow Model as a Local Inference Server",
   https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlcli import __version__
from mlcli.serving.call import Call, Features, Problem, Records, Reply, Rows
from mlcli.serving.dialects import Dialect, Endpoint
from mlcli.serving.dialects.addressed import error_text, not_ready, taken_apart
from mlcli.serving.dialects.json_text import decode_json, encode_json
from mlcli.serving.dialects.mlflow_describe import describe_health, describe_invocations, describe_version
from mlcli.serving.dialects.tables import read_columns_or_rows, read_rows, table_of
from mlcli.serving.errors import problem_body
from mlcli.serving.formats import decode, media_type
from mlcli.serving.settings import ServeSettings

if TYPE_CHECKING:
    from mlcli.serving.service import Service

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
"""Keys under which a body holds its rows; exactly one of them."""

ERROR_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    422: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""MLflow's names of errors by HTTP status; of every other status below 500 BAD_REQUEST."""


class Split(msgspec.Struct, forbid_unknown_fields=True):
    """A frame as pandas writes it with ``orient="split"``; the index is ignored."""

    data: list[list[Any]]
    columns: list[str | int] | None = None
    index: Any = None


def error_body(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return the JSON object of an error, with the keys `error_code` and `message` that MLflow's clients read."""
    code = ERROR_CODES.get(problem.status, "BAD_REQUEST" if problem.status < 500 else "INTERNAL_ERROR")
    return {**problem_body(problem, request_id), "error_code": code, "message": error_text(problem)}


async def ping(service: Service, _: Call) -> Reply:
    """Say whether predictions are answered."""
    if not service.ready:
        raise not_ready()
    return Reply(200, b"\n", "text/plain; charset=utf-8")


async def version(_service: Service, _call: Call) -> Reply:
    """Say which version of mlcli answers."""
    return Reply(200, __version__.encode(), "text/plain; charset=utf-8")


async def invocations(service: Service, call: Call) -> Reply:
    """Predict rows in any of the protocol's forms."""
    rows = await taken_apart(service, read_body, call, service.settings)
    answer = await service.predict(rows, call)
    return Reply(200, encode_json({"predictions": answer.y_pred}))


def read_body(call: Call, settings: ServeSettings) -> Rows:
    """Return the rows of a body: JSON in MLflow's forms, or CSV, Parquet and whatever else ``/predict`` reads.

    Raises
    ------
    Problem
        415 for another content type, 400 for a body that is not of its type. Without a content type it is JSON.
    """
    content_type = call.headers.get("content-type", "")
    media = media_type(content_type)
    if media.name not in {"", "application/json"}:
        return decode(call.body, content_type, settings)
    if media.parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise Problem(415, "JSON must be sent in UTF-8.", hint="Content-Type: application/json")
    return read_json(call.body)


def read_json(body: bytes) -> Rows:
    """Return the rows of a JSON body.

    Parameters
    ----------
    body : bytes
        An object with exactly one of `FORMATS`; its `params` are ignored, as
        the model takes none.

    Raises
    ------
    Problem
        400, if it holds none or several of them, or one of another form.
    """
    content = decode_json(body, dict[str, msgspec.Raw])
    found = [name for name in FORMATS if name in content]
    if len(found) != 1:
        got = ", ".join(found) or "none of them"
        raise Problem(400, f"the body must hold exactly one of {', '.join(FORMATS)}. It holds {got}.")
    (name,) = found
    match name:
        case "dataframe_split":
            return read_split(content[name])
        case "dataframe_records":
            return Records(decode_json(content[name], list[dict[str, Any]], place=name))
        case "instances":
            return read_rows(content[name], place=name)
    return read_columns_or_rows(content[name], place=name)


def read_split(text: msgspec.Raw) -> Rows:
    """Return the rows of a frame in pandas' split form.

    Raises
    ------
    Problem
        400, if its parts do not fit together.
    """
    split = decode_json(text, Split, place="dataframe_split")
    columns = split.columns
    # pandas numbers the columns of a frame without names.
    if columns is None or (columns and columns == list(range(len(columns)))):
        return Features(split.data)
    names = [name for name in columns if isinstance(name, str)]
    if len(names) != len(columns):
        raise Problem(400, "dataframe_split: columns must be texts, or the numbers from 0 in order.")
    return table_of(names, split.data, place="dataframe_split")


DIALECT = Dialect(
    name="mlflow",
    prefixes=("/invocations", "/ping", "/health", "/version"),
    endpoints=(
        Endpoint("/invocations", ("POST",), invocations, describe_invocations, predicts=True),
        Endpoint("/ping", ("GET",), ping, describe_health, open=True),
        Endpoint("/health", ("GET",), ping, describe_health, open=True),
        Endpoint("/version", ("GET",), version, describe_version),
    ),
    error_body=error_body,
)
