"""A stored model, opened, loaded and proven: what a service answers with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.artifact.manifest import Manifest
from mlcli.artifact.open import Artifact, load_distributions, open_artifact
from mlcli.artifact.predictor import load_explainer, load_golden, load_served_predictor
from mlcli.data.distributions import Distributions
from mlcli.data.row_reader import RowReader
from mlcli.data.schema import Column, Schema
from mlcli.inference.predictor import Predictor
from mlcli.serving.pace import Pace, measure_pace
from mlcli.serving.settings import ServeSettings

if TYPE_CHECKING:
    from mlcli.inference.explain import Explainer

_RUN = re.compile(r"[0-9]{3,9}")


@dataclass(frozen=True)
class Served:
    """A model in service.

    Parameters
    ----------
    name, version : str
        What clients call it.
    manifest : Manifest
        What its artifact says of itself.
    schema : Schema
        The data contract.
    predictor : Predictor
        What answers.
    reader : RowReader
        From raw rows to typed ones.
    example : dict of str to cell
        A real row in JSON's values, by column.
    examples : tuple of dict
        More of them.
    pace : Pace, optional
        The time that its predictions take, for a compiled model.
    distributions : Distributions, optional
        How its training rows are spread; None for artifacts of old formats.
    artifact : Artifact, optional
        The opened file, from which explanations are made.

    Attributes
    ----------
    class_keys : tuple of str
        Each class as the key of a JSON object; empty for regression.
    threshold : dict, optional
        ``class`` and the least probability of it, ``value``, that gives it as
        the label; None where the likelier class is the label.
    """

    name: str
    version: str
    manifest: Manifest
    schema: Schema
    predictor: Predictor
    reader: RowReader
    example: dict[str, Any]
    examples: tuple[dict[str, Any], ...]
    pace: Pace | None = None
    distributions: Distributions | None = None
    artifact: Artifact | None = None
    class_keys: tuple[str, ...] = field(init=False)
    threshold: dict[str, Any] | None = field(init=False)

    def __post_init__(self) -> None:
        classes = self.schema.target.classes or ()
        keys = tuple(str(label).lower() if isinstance(label, bool) else str(label) for label in classes)
        object.__setattr__(self, "class_keys", keys)
        found = self.predictor.threshold
        threshold = None if found is None else {"class": classes[found.positive], "value": found.value}
        object.__setattr__(self, "threshold", threshold)

    def explainer(self) -> Explainer:
        """Return what explains its predictions; made when it is first asked for, and kept.

        Raises
        ------
        ArtifactError
            If the file is no longer what was opened.
        """
        return self._explainer

    @cached_property
    def _explainer(self) -> Explainer:
        assert self.artifact is not None, "a model that was loaded from a file"
        return load_explainer(self.artifact, self.predictor)


def load_served(path: Path, *, settings: ServeSettings) -> Served:
    """Open a stored model, load it, and prove it on its golden rows.

    Parameters
    ----------
    path : Path
        A run folder or a ``.mlcli`` file.
    settings : ServeSettings
        How strictly rows are read.

    Raises
    ------
    ArtifactError
        If it cannot be used as it is.
    """
    return serve_artifact(open_artifact(path), settings=settings)


def serve_artifact(artifact: Artifact, *, settings: ServeSettings) -> Served:
    """Load an opened model and prove it on its golden rows.

    Raises
    ------
    ArtifactError
        If it cannot be used as it is.
    """
    schema = artifact.schema
    examples = _examples(artifact)
    predictor = load_served_predictor(artifact)
    return Served(
        name=artifact.manifest.name,
        version=_version(artifact),
        manifest=artifact.manifest,
        schema=schema,
        predictor=predictor,
        reader=RowReader(
            schema, max_cell=settings.max_cell, unseen=settings.unseen, out_of_range=settings.out_of_range
        ),
        example=_best(examples, schema),
        examples=examples,
        # Measured here, not where it is put into service: a reload loads beside requests that go on.
        pace=measure_pace(predictor, examples) if predictor.compiled else None,
        distributions=load_distributions(artifact),
        artifact=artifact,
    )


def _best(examples: tuple[dict[str, Any], ...], schema: Schema) -> dict[str, Any]:
    """Return the example that shows best what each column holds: like training, and without gaps."""
    reader = RowReader(schema, max_cell=2**31, unseen="warn", out_of_range="warn")

    def shortcomings(example: dict[str, Any]) -> tuple[int, int]:
        read = reader.read_records([example])
        return len(read.unseen) + len(read.out_of_range), sum(cell is None for cell in example.values())

    return min(examples, key=shortcomings)


def _version(artifact: Artifact) -> str:
    """Return the run's number, or the beginning of the digest where the file stands in no run folder."""
    folder = artifact.path.absolute().parent.name
    return str(int(folder)) if _RUN.fullmatch(folder) else artifact.manifest.digest[:12]


def _examples(artifact: Artifact) -> tuple[dict[str, Any], ...]:
    """Return the golden rows in the values that a client would send."""
    golden = load_golden(artifact)
    columns = artifact.schema.columns
    rows = tuple({column.name: _shown(row.get(column.name), column) for column in columns} for row in golden.rows)
    return rows or ({column.name: column.example for column in columns},)


def _shown(cell: float | str | None, column: Column) -> Any:
    match cell, column.kind:
        case float(), "boolean":
            return bool(cell)
        case float(), "number" if column.number is not None and column.number.integer and cell.is_integer():
            return int(cell)
        case str(), "date":
            return cell.removesuffix("T00:00:00")
    return cell
