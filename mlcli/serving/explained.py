"""``/predict?explain=true``: predictions with what each column contributes to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from mlcli.data.typed import TypedColumns
from mlcli.errors import ArtifactError
from mlcli.serving.call import Answer, Call, Problem, Reply

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlcli.inference.explain import Explained, Explainer, Explanations
    from mlcli.serving.served import Served
    from mlcli.serving.service import Service

Wanted = Literal["no", "predicted", "all"]
"""Whether contributions are wanted, and to which classes."""

MAX_ROWS = 100
"""Most rows of a request that are explained: a row takes some tenths of a second where it is sampled."""


def wants_explanations(call: Call) -> Wanted:
    """Return what the query's ``explain`` says: true, false, or all for every class.

    Raises
    ------
    Problem
        400 for another value.
    """
    match call.query.get("explain", "false"):
        case "false":
            return "no"
        case "true":
            return "predicted"
        case "all":
            return "all"
    raise Problem(400, "the query's 'explain' must be true, false or all.")


async def predict_explained(service: Service, call: Call, wanted: Wanted) -> Reply:
    """Predict the rows of a body of any format and explain each prediction; the answer is JSON.

    Explanations are worked out in a thread, one row at a time: the service goes
    on answering, and a late request is given up between two rows.

    Raises
    ------
    Problem
        406 if JSON is not accepted, 413 for too many rows, 503 where the
        model's file is no longer what it was when it was loaded; else as
        `mlcli.serving.formats.predict_formatted`.
    """
    from mlcli.serving.dialects.native import answer_body, wants_probabilities  # it names this module in turn
    from mlcli.serving.formats import negotiate, read_formatted

    if negotiate(call.headers.get("accept"), offered=("application/json",)) is None:
        raise Problem(406, "an explanation can be JSON alone.", hint="Accept: application/json")
    probabilities = wants_probabilities(call)
    runner = service.runner
    read = await read_formatted(service, call, runner.served.reader)
    if read.n_rows > MAX_ROWS:
        raise Problem(
            413,
            f"a request must hold at most {MAX_ROWS} rows to be explained. Got {read.n_rows:,}.",
            hint="Send fewer rows in one request, or explain a file with `mlcli predict --explain`.",
        )
    answer = await service.predict_read(runner, read, call)
    try:
        explainer = await service.aside(runner.served.explainer)
    except ArtifactError:
        raise Problem(
            503,
            "the model's file must be the one that was loaded, to explain its predictions.",
            hint="Put the file back, or reload the service.",
            headers=(("Retry-After", "60"),),
        ) from None
    found = await _explain(service, explainer, read.as_columns())
    body = answer_body(runner.served, answer, probabilities=probabilities)
    body["explanations"] = explanations_body(runner.served, explainer, found, answer, wanted)
    return Reply(200, msgspec.json.encode(body))


async def _explain(service: Service, explainer: Explainer, columns: TypedColumns) -> Explanations:
    """Explain rows one by one: between two of them the thread is free for other requests."""
    from mlcli.inference.explain import joined

    parts = [
        TypedColumns(tuple(cells[i : i + 1] for cells in columns.columns), min(1, columns.n_rows))
        for i in range(max(1, columns.n_rows))
    ]
    return joined([await service.aside(explainer.explain, part) for part in parts])


def explanations_body(
    served: Served, explainer: Explainer, found: Explanations, answer: Answer, wanted: Wanted
) -> dict[str, Any]:
    """Return the JSON object of explanations.

    Returns
    -------
    dict
        ``method``, ``scale`` and ``background_rows``; then ``base``, one for
        each row, and ``contributions``, for each column one for each row, and
        where they are sampled ``errors`` likewise. With ``explain=all`` these
        stand under ``classes`` for each class of a classification.
    """
    body: dict[str, Any] = {
        "method": found.method,
        "scale": found.scale,
        "background_rows": explainer.n_background,
    }
    n_rows = len(answer.y_pred)
    if wanted == "all" and served.class_keys:
        every = [np.full(n_rows, k, dtype=np.intp) for k in range(len(served.class_keys))]
        body["classes"] = {
            key: _told(found.chosen(outputs), found.columns)
            for key, outputs in zip(served.class_keys, every, strict=True)
        }
        return body
    return body | _told(found.chosen(explainer.predicted(answer.y_pred)), found.columns)


def _told(explained: Explained, names: Sequence[str]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "base": explained.base.tolist(),
        "contributions": _by_column(explained.contributions, names),
    }
    if explained.errors is not None:
        told["errors"] = _by_column(explained.errors, names)
    return told


def _by_column(numbers: NDArray[np.float64], names: Sequence[str]) -> dict[str, list[float]]:
    return dict(zip(names, numbers.T.tolist(), strict=True))
