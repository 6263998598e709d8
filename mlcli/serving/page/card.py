"""The model card: what the service says of its model, to the page and to whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcli.data.schema import Column
from mlcli.registry import METRICS
from mlcli.serving.openapi_schemas import number_of

if TYPE_CHECKING:
    from mlcli.artifact.manifest import Manifest
    from mlcli.serving.served import Served
    from mlcli.serving.service import Service

Json = dict[str, Any]


def model_card(service: Service) -> Json:
    """Return what a reader must know of the model in service, as plain JSON.

    Parameters
    ----------
    service : Service
        The model in service, and its settings.

    Returns
    -------
    dict
        Name, version, task, target, how it is served, scores beside the
        dummy's, columns with what training saw of them, and example rows.
    """
    served, settings = service.served, service.settings
    manifest = served.manifest
    return {
        "name": served.name,
        "version": served.version,
        "task": manifest.task,
        "model": manifest.model,
        "created": manifest.created,
        "mlcli_version": manifest.mlcli_version,
        "digest": manifest.digest,
        "n_train": manifest.n_train,
        "n_test": manifest.n_test,
        "engine": _engine(served),
        "target": _target(served),
        "metrics": _metrics(manifest),
        "columns": [_column(column) for column in served.schema.columns],
        "examples": [dict(example) for example in served.examples] or [dict(served.example)],
        "limits": {"max_rows": settings.max_rows, "max_body": settings.max_body, "max_cell": settings.max_cell},
        "unseen": settings.unseen,
        "out_of_range": settings.out_of_range,
    }


def _engine(served: Served) -> Json:
    """Say what answers: the compiled program and how it was proven, or scikit-learn and why."""
    proof = served.manifest.proof
    return {
        "compiled": served.predictor.compiled,
        "reason": "trained by a version that compiled nothing" if proof is None else proof.reason,
        "n_rows": None if proof is None else proof.n_rows,
        "largest_difference": None if proof is None else proof.largest_difference,
    }


def _target(served: Served) -> Json:
    target = served.schema.target
    spread = target.number
    return {
        "name": target.name,
        "classes": None if target.classes is None else list(served.class_keys),
        "threshold": _threshold(served),
        "range": None if spread is None else [spread.minimum, spread.maximum],
        "typical": None if spread is None else spread.quantiles[3],
    }


def _threshold(served: Served) -> Json | None:
    found = served.predictor.threshold
    return None if found is None else {"class": served.class_keys[found.positive], "value": found.value}


def _metrics(manifest: Manifest) -> list[Json]:
    rows = []
    for name, summary in manifest.metrics.items():
        entry = METRICS.get(name)
        rows.append(
            {
                "name": name,
                # An artifact may come from a version of mlcli that knew metrics which this one does not.
                "title": name if entry is None else entry.title,
                "greater_is_better": entry is None or entry.greater_is_better,
                "value": summary.value,
                "low": summary.low,
                "high": summary.high,
                "dummy": summary.dummy,
            }
        )
    return rows


def _column(column: Column) -> Json:
    described: Json = {
        "name": column.name,
        "kind": column.kind,
        "storage": column.storage,
        "n_missing": column.n_missing,
        "example": column.example,
    }
    if column.number is not None:
        described["range"] = [column.number.minimum, column.number.maximum]
        described["typical"] = column.number.quantiles[3]
        described["integer"] = column.number.integer
    if column.date is not None:
        described["range"] = [column.date.minimum, column.date.maximum]
        described["format"] = column.date.format
    if column.categories is not None:
        numeric = column.storage == "number"
        described["levels"] = [
            {"text": level, "value": number_of(level) if numeric else level, "count": count}
            for level, count in column.categories.items()
        ]
    if column.text is not None:
        described["length"] = {"median": column.text.median, "maximum": column.text.maximum}
    return described
