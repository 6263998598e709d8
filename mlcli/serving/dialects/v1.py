"""The protocol of TensorFlow Serving and of KServe, version 1.

References
----------
.. [1] TensorFlow Serving, "RESTful API", https://www.tensorflow.org/tfx/serving/api_rest
.. [2] KServe, "V1 Inference Protocol".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mlcli.serving.call import Call, Problem, Reply, Rows
from mlcli.serving.dialects import Dialect, Endpoint
from mlcli.serving.dialects.addressed import check_address, error_text, not_ready, taken_apart
from mlcli.serving.dialects.json_text import decode_json, encode_json
from mlcli.serving.dialects.tables import read_columns_or_rows, read_rows
from mlcli.serving.dialects.v1_describe import describe_list, describe_predict, describe_status
from mlcli.serving.errors import problem_body

if TYPE_CHECKING:
    from mlcli.serving.service import Service

PROBABILITIES = "predict_proba"
"""The signature that asks for the probability of each class in place of the label; any other name is ignored."""


class PredictRequest(msgspec.Struct):
    """Rows, or columns; exactly one of them."""

    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    signature_name: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Rows to predict, the key of their answer, and whether it holds probabilities."""

    rows: Rows
    key: str
    probabilities: bool


def error_body(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return the JSON object of an error, with the key `error` that these servers' clients read."""
    return {**problem_body(problem, request_id), "error": error_text(problem)}


async def models(service: Service, _: Call) -> Reply:
    """List the models: the one that is served."""
    return Reply(200, encode_json({"models": [service.served.name]}))


async def status(service: Service, call: Call) -> Reply:
    """Say whether the model answers, as TensorFlow Serving and as KServe say it."""
    check_address(service, call)
    served = service.served
    body: dict[str, Any] = {
        "name": served.name,
        "ready": service.ready,
        "model_version_status": [version_status(served.version, ready=service.ready)],
    }
    if service.ready:
        return Reply(200, encode_json(body))
    problem = not_ready()
    return Reply(503, encode_json({**body, **error_body(problem, call.request_id)}), headers=problem.headers)


def version_status(version: str, *, ready: bool) -> dict[str, Any]:
    """Return the state of a version as TensorFlow Serving writes it."""
    return {
        "version": version,
        "state": "AVAILABLE" if ready else "UNLOADING",
        "status": {"error_code": "OK", "error_message": ""},
    }


async def predict(service: Service, call: Call) -> Reply:
    """Predict rows (`instances`), or columns (`inputs`)."""
    check_address(service, call)
    asked = await taken_apart(service, read_request, call)
    if asked.probabilities and service.served.schema.target.classes is None:
        raise Problem(400, "signature_name must not ask for probabilities: the model predicts a number.")
    answer = await service.predict(asked.rows, call)
    said = answer.y_proba if asked.probabilities and answer.y_proba is not None else answer.y_pred
    return Reply(200, encode_json({asked.key: said}))


def read_request(call: Call) -> Asked:
    """Read a request for predictions.

    Raises
    ------
    Problem
        400, if the body does not hold exactly one of `instances` and `inputs`, or one of another form.
    """
    request = decode_json(call.body, PredictRequest)
    probabilities = request.signature_name == PROBABILITIES
    match request.instances, request.inputs:
        case msgspec.Raw() as rows, msgspec.UnsetType():
            return Asked(read_rows(rows, place="'instances'"), "predictions", probabilities)
        case msgspec.UnsetType(), msgspec.Raw() as columns:
            return Asked(read_columns_or_rows(columns, place="'inputs'"), "outputs", probabilities)
    raise Problem(
        400,
        "the body must hold exactly one of 'instances' and 'inputs'.",
        hint="'instances' is a list of rows, 'inputs' an object of columns.",
    )


_PATHS = ("/v1/models/{name}", "/v1/models/{name}/versions/{version}")

DIALECT = Dialect(
    name="v1",
    prefixes=("/v1",),
    endpoints=(
        Endpoint("/v1/models", ("GET",), models, describe_list),
        *(
            endpoint
            for path in _PATHS
            # The router takes the first path that fits, and a model's fits that of its predictions too.
            for endpoint in (
                Endpoint(f"{path}:predict", ("POST",), predict, describe_predict(f"{path}:predict"), predicts=True),
                Endpoint(path, ("GET",), status, describe_status(path, error_body)),
            )
        ),
    ),
    error_body=error_body,
)
