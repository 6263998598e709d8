"""mlcli's own addresses: ``/predict`` in many formats, and the service about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlcli.serving.call import Answer, Call, Problem, Reply
from mlcli.serving.dialects import Dialect, Endpoint, Quick
from mlcli.serving.errors import problem_body
from mlcli.serving.openapi_predict import describe_predict

if TYPE_CHECKING:
    from mlcli.data.row_reader import ReadRows
    from mlcli.serving.runner import Outcome, Runner
    from mlcli.serving.served import Served
    from mlcli.serving.service import Service

_encode = msgspec.json.Encoder().encode

_JSON = frozenset({"", "application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})
_ANY = frozenset({"", "*/*", "application/json"})

_LONG_BODY = 2**16
"""Longest body in bytes that is read between two turns of the event loop: some two milliseconds."""


async def predict(service: Service, call: Call) -> Reply:
    """Predict the rows of the body."""
    if "explain" in call.query:
        from mlcli.serving.explained import predict_explained, wants_explanations  # few requests ask why

        if (explain := wants_explanations(call)) != "no":
            return await predict_explained(service, call, explain)
    headers = call.headers
    if headers.get("content-type", "") not in _JSON or headers.get("accept", "") not in _ANY:
        from mlcli.serving.formats import predict_formatted  # most requests are plain JSON

        return await predict_formatted(service, call)
    runner = service.runner
    reader = runner.served.reader
    if len(call.body) > _LONG_BODY:
        read = await service.aside(reader.read_json, call.body, max_rows=service.settings.max_rows)
    else:
        read = reader.read_json(call.body, max_rows=service.settings.max_rows)
    wanted = wants_probabilities(call) if call.query else True
    answer = await service.predict_read(runner, read, call)
    return Reply(200, _encode(answer_body(runner.served, answer, probabilities=wanted)))


def _read_quick(runner: Runner, body: bytes, *, max_rows: int) -> ReadRows:
    return runner.served.reader.read_json(body, max_rows=max_rows)


def _quick_text(runner: Runner, read: ReadRows, outcome: Outcome) -> bytes:
    y_pred, y_proba = outcome
    return _encode(answer_body(runner.served, Answer(y_pred, y_proba, runner.classes, read.unseen, read.out_of_range)))


def wants_probabilities(call: Call) -> bool:
    """Return whether the answer holds probabilities: unless ``?probabilities=false`` says no.

    Raises
    ------
    Problem
        400 for another value than true or false.
    """
    match call.query.get("probabilities", "true"):
        case "true" | "1" | "":
            return True
        case "false" | "0":
            return False
    raise Problem(400, "the query's 'probabilities' must be true or false.")


def answer_body(served: Served, answer: Answer, *, probabilities: bool = True) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Returns
    -------
    dict
        ``model`` and ``version``; ``predictions``, one for each row; for
        classification ``probabilities``, for each class one for each row;
        where one decides, the ``threshold`` with its ``class`` and ``value``; and ``warnings``, each with its ``kind``, ``column``, number of ``rows`` and ``message``.
    """
    body: dict[str, Any] = {"model": served.name, "version": served.version, "predictions": answer.y_pred}
    if probabilities and answer.y_proba is not None:
        columns = zip(*answer.y_proba, strict=True) if answer.y_proba else ((),) * len(served.class_keys)
        body["probabilities"] = dict(zip(served.class_keys, columns, strict=True))
    if served.threshold is not None:
        body["threshold"] = served.threshold
    body["warnings"] = _warnings(answer) if answer.unseen or answer.out_of_range else ()
    return body


def _warnings(answer: Answer) -> list[dict[str, Any]]:
    said = [("unseen", counts, "a category that training never saw") for counts in (answer.unseen,)]
    said += [("out_of_range", counts, "a value outside the training range") for counts in (answer.out_of_range,)]
    n_rows = len(answer.y_pred)
    return [
        {
            "kind": kind,
            "column": column,
            "rows": count,
            "message": f"column {column!r} holds {what} in {count} of {n_rows} {'row' if n_rows == 1 else 'rows'}.",
        }
        for kind, counts, what in said
        for column, count in counts.items()
    ]


async def schema(service: Service, _call: Call) -> Reply:
    """Say what the model reads, what training saw, and what it predicts."""
    served = service.served
    body = {
        "model": served.name,
        "version": served.version,
        "digest": served.manifest.digest,
        "estimator": served.manifest.model,
        "compiled": served.predictor.compiled,
        "target": served.schema.target,
        "threshold": served.threshold,
        "columns": served.schema.columns,
        "example": served.example,
    }
    return Reply(200, _encode(body))


async def live(_service: Service, _call: Call) -> Reply:
    """Say that the process answers."""
    return Reply(200, b'{"live":true}')


async def ready(service: Service, _call: Call) -> Reply:
    """Say whether new clients should come."""
    if not service.ready:
        raise Problem(
            503,
            "the service is about to stop.",
            hint="Ask another instance.",
            headers=(("Retry-After", "1"),),
        )
    return Reply(200, b'{"ready":true}')


async def metrics(service: Service, _call: Call) -> Reply:
    """Return what was counted, for Prometheus."""
    from mlcli.serving.exposition import CONTENT_TYPE  # as late as prometheus_client itself

    return Reply(200, service.metrics.text(), CONTENT_TYPE)


def _describe_schema(_service: Service) -> dict[str, Any]:
    return _described("schema", "What the model reads and predicts", _object())


def _describe_live(_service: Service) -> dict[str, Any]:
    return _described("live", "Whether the process answers", _flag("live"))


def _describe_ready(_service: Service) -> dict[str, Any]:
    described = _described("ready", "Whether new clients should come", _flag("ready"))
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described["get"]["responses"]["503"] = {"description": "The service is about to stop.", "content": problem}
    return described


def _describe_metrics(_service: Service) -> dict[str, Any]:
    described = _described("metrics", "What was counted, for Prometheus", {})
    described["get"]["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return described


def _described(name: str, summary: str, answer: dict[str, Any]) -> dict[str, Any]:
    found = {"description": "As it is now.", "content": {"application/json": {"schema": answer}}}
    return {"get": {"operationId": name, "summary": summary, "responses": {"200": found}}}


def _flag(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"const": True}}, "required": [name]}


def _object() -> dict[str, Any]:
    names = ("model", "version", "digest", "estimator", "compiled", "target", "threshold", "columns", "example")
    return {"type": "object", "properties": {name: {} for name in names}, "required": list(names)}


DIALECT = Dialect(
    name="native",
    prefixes=("/",),
    endpoints=(
        Endpoint(
            "/predict",
            ("POST",),
            predict,
            describe_predict,
            predicts=True,
            quick=Quick(
                reads={name.encode() for name in _JSON},
                accepted={name.encode() for name in _ANY},
                content_type=b"application/json",
                read=_read_quick,
                text=_quick_text,
            ),
        ),
        Endpoint("/schema", ("GET",), schema, _describe_schema),
        Endpoint("/livez", ("GET",), live, _describe_live, open=True),
        Endpoint("/readyz", ("GET",), ready, _describe_ready, open=True),
        Endpoint("/metrics", ("GET",), metrics, _describe_metrics),
    ),
    error_body=problem_body,
)
