"""The Open Inference Protocol V2, in JSON and with binary tensors, as KServe, Triton and MLServer speak it.

References
----------
.. [1] Open Inference Protocol, "Inference Protocol V2", https://github.com/open-inference/open-inference-protocol
.. [2] Triton Inference Server, "Binary Tensor Data Extension".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlcli import __version__
from mlcli.data.schema import Schema
from mlcli.serving.call import Answer, Call, Columns, Problem, Records, Reply
from mlcli.serving.dialects import Dialect, Endpoint
from mlcli.serving.dialects.addressed import check_address, error_text, not_ready, taken_apart
from mlcli.serving.dialects.json_text import decode_json, encode_json
from mlcli.serving.dialects.operations import Describe, not_ready_response
from mlcli.serving.dialects.v2_binary import HEADER, binary_size, divide_body, read_binary_tensor, write_binary
from mlcli.serving.dialects.v2_describe import (
    describe_infer,
    describe_live,
    describe_model,
    describe_ready,
    describe_server,
)
from mlcli.serving.dialects.v2_json import read_json_tensor
from mlcli.serving.dialects.v2_rows import PREDICT, PREDICT_PROBA, check_outputs, output_tensors, rows_of
from mlcli.serving.dialects.v2_types import InferRequest, Tensor, datatype_of, input_datatype
from mlcli.serving.errors import problem_body

if TYPE_CHECKING:
    from mlcli.serving.service import Service


def error_body(problem: Problem, request_id: str) -> dict[str, Any]:
    """Return the JSON object of an error, with the key `error` that this protocol's clients read."""
    return {**problem_body(problem, request_id), "error": error_text(problem)}


async def server(_service: Service, _call: Call) -> Reply:
    """Say what the server is."""
    return Reply(200, encode_json({"name": "mlcli", "version": __version__, "extensions": ["binary_tensor_data"]}))


async def live(_service: Service, _call: Call) -> Reply:
    """Say that the process answers."""
    return Reply(200, encode_json({"live": True}))


async def ready(service: Service, call: Call) -> Reply:
    """Say whether predictions are answered."""
    return readiness(service, call, {})


async def model_ready(service: Service, call: Call) -> Reply:
    """Say whether the model's predictions are answered."""
    check_address(service, call)
    return readiness(service, call, {"name": service.served.name})


def readiness(service: Service, call: Call, facts: dict[str, Any]) -> Reply:
    """Return `facts` and whether the service is ready: 200, or 503 with the keys of an error as well."""
    if service.ready:
        return Reply(200, encode_json({**facts, "ready": True}))
    problem = not_ready()
    body = {**facts, "ready": False, **error_body(problem, call.request_id)}
    return Reply(503, encode_json(body), headers=problem.headers)


async def model(service: Service, call: Call) -> Reply:
    """Say what the model reads and answers."""
    check_address(service, call)
    served = service.served
    classes = served.schema.target.classes
    outputs = [{"name": PREDICT, "datatype": datatype_of(classes) if classes else "FP64", "shape": [-1]}]
    properties = {"task": served.schema.target.task, "target": served.schema.target.name}
    if classes:
        outputs.append({"name": PREDICT_PROBA, "datatype": "FP64", "shape": [-1, len(classes)]})
        properties["classes"] = encode_json(classes).decode()
    body = {
        "name": served.name,
        "versions": [served.version],
        "platform": "mlcli",
        "inputs": [
            {"name": column.name, "datatype": input_datatype(column), "shape": [-1]} for column in served.schema.columns
        ],
        "outputs": outputs,
        "properties": properties,
    }
    return Reply(200, encode_json(body))


async def infer(service: Service, call: Call) -> Reply:
    """Predict the rows that the inputs hold."""
    check_address(service, call)
    request, rows = await taken_apart(service, _read, call, service.served.schema)
    answer = await service.predict(rows, call)
    return _reply(service, request, answer)


def _read(call: Call, schema: Schema) -> tuple[InferRequest, Columns | Records]:
    header, content = divide_body(call)
    request = decode_json(header, InferRequest)
    check_outputs(request.outputs, schema)
    return request, rows_of(_read_inputs(request, content), schema)


def _read_inputs(request: InferRequest, content: memoryview) -> list[Tensor]:
    """Return the inputs; those whose data follow the JSON take them in their order."""
    tensors: list[Tensor] = []
    start = 0
    for tensor in request.inputs:
        size = binary_size(tensor)
        if size is None:
            tensors.append(read_json_tensor(tensor))
            continue
        if start + size > len(content):
            raise Problem(400, "the body must hold all the bytes that binary_data_size states, after its JSON.")
        tensors.append(read_binary_tensor(tensor, content[start : start + size]))
        start += size
    if start != len(content):
        raise Problem(400, "the body must end with the last input's data. It goes on.")
    return tensors


def _reply(service: Service, request: InferRequest, answer: Answer) -> Reply:
    tensors = output_tensors(answer, request.outputs)
    binary = _binary_outputs(request, tensors)
    contents: list[bytes] = []
    outputs: list[dict[str, Any]] = []
    for tensor, as_bytes in zip(tensors, binary, strict=True):
        output: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        if as_bytes:
            contents.append(write_binary(tensor))
            output["parameters"] = {"binary_data_size": len(contents[-1])}
        else:
            output["data"] = tensor.cells
        outputs.append(output)
    body: dict[str, Any] = {"model_name": service.served.name, "model_version": service.served.version}
    if request.id is not None:
        body["id"] = request.id
    if remarks := _remarks(answer):
        body["parameters"] = remarks
    header = encode_json({**body, "outputs": outputs})
    if not contents:
        return Reply(200, header)
    return Reply(200, b"".join([header, *contents]), "application/octet-stream", headers=((HEADER, str(len(header))),))


def _binary_outputs(request: InferRequest, tensors: Sequence[Tensor]) -> list[bool]:
    """Return for each output whether its data follow the JSON."""
    default = (request.parameters or {}).get("binary_data_output") is True
    asked = {output.name: (output.parameters or {}).get("binary_data", default) for output in request.outputs or ()}
    return [asked.get(tensor.name, default) is True for tensor in tensors]


def _remarks(answer: Answer) -> dict[str, int]:
    """Return how many rows were unlike training, by column, in the plain values that the protocol allows."""
    unseen = {f"unseen:{name}": count for name, count in answer.unseen.items()}
    return {**unseen, **{f"out_of_range:{name}": count for name, count in answer.out_of_range.items()}}


def _describe_ready(path: str) -> Describe:
    facts: dict[str, Any] = {"name": "n"} if "{name}" in path else {}
    return describe_ready(path, not_ready_response(error_body, {**facts, "ready": False}, family="v2"))


_MODEL = "/v2/models/{name}"
_VERSION = "/v2/models/{name}/versions/{version}"

DIALECT = Dialect(
    name="v2",
    prefixes=("/v2",),
    endpoints=(
        Endpoint("/v2", ("GET",), server, describe_server),
        Endpoint("/v2/", ("GET",), server),
        Endpoint("/v2/health/live", ("GET",), live, describe_live, open=True),
        Endpoint("/v2/health/ready", ("GET",), ready, _describe_ready("/v2/health/ready"), open=True),
        *(
            endpoint
            for path in (_MODEL, _VERSION)
            for endpoint in (
                Endpoint(path, ("GET",), model, describe_model(path)),
                Endpoint(f"{path}/ready", ("GET",), model_ready, _describe_ready(path), open=True),
                Endpoint(f"{path}/infer", ("POST",), infer, describe_infer(path), predicts=True),
            )
        ),
    ),
    error_body=error_body,
)
