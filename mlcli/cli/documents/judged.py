"""What ``mlcli evaluate``, ``compare`` and ``report`` print with ``--json``."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from mlcli.cli.documents.document import Document
from mlcli.config.difference import ConfigChange
from mlcli.data.drift import DriftReport
from mlcli.data.schema_difference import SchemaDifference
from mlcli.evaluation.changes import Changes
from mlcli.evaluation.compared import Compared, Side
from mlcli.evaluation.comparison import Comparison
from mlcli.evaluation.decision import Decision
from mlcli.evaluation.gates import GateVerdict
from mlcli.evaluation.report.content import Content
from mlcli.evaluation.results import Evaluation


class EvaluateDocument(Document, frozen=True, tag="evaluate/1"):
    """How good a stored model is, and whether it passed its gates.

    Parameters
    ----------
    name : str
        Name of the run.
    model : str
        Name of the model in the catalogue.
    digest : str
        Which artifact it is.
    decision : Decision, optional
        The model's calibration and threshold; null where it has neither.
    evaluation : Evaluation
        The scores.
    gates : tuple of GateVerdict
        What each gate says.
    compared : Compared
        What sets it apart from the model of ``--baseline``. Left out without one.
    drift : DriftReport
        How the rows of ``--data`` differ from training. Left out without them,
        and where the artifact is of a format that cannot tell.
    """

    name: str
    model: str
    digest: str
    decision: Decision | None
    evaluation: Evaluation
    gates: tuple[GateVerdict, ...]
    compared: Compared | UnsetType = UNSET
    drift: DriftReport | UnsetType = UNSET


class CompareDocument(Document, frozen=True, tag="compare/1"):
    """What sets one stored model apart from another.

    Parameters
    ----------
    a : Side
        The model that was there before.
    b : Side
        The model that is judged.
    rows : str
        The rows that both were judged on, for people.
    cautions : tuple of str
        Why the numbers may flatter one of them.
    comparison : Comparison
        Every metric of both, with the interval of the difference.
    config : tuple of ConfigChange
        Keys of the resolved configs that differ.
    schema : SchemaDifference
        What B asks of its rows otherwise.
    changes : Changes
        The rows that they do not predict alike.
    """

    a: Side
    b: Side
    rows: str
    cautions: tuple[str, ...]
    comparison: Comparison
    config: tuple[ConfigChange, ...]
    schema: SchemaDifference
    changes: Changes

    @classmethod
    def of(cls, compared: Compared) -> CompareDocument:
        """Return a comparison as its document."""
        return cls(
            a=compared.a,
            b=compared.b,
            rows=compared.rows,
            cautions=compared.cautions,
            comparison=compared.comparison,
            config=compared.config,
            schema=compared.schema,
            changes=compared.changes,
        )


class ReportDocument(Document, frozen=True, tag="report/1"):
    """Where a report was written, with everything that it shows.

    Parameters
    ----------
    report : str
        The page.
    card : str, optional
        The model card; null where none was asked for.
    bytes : int
        Size of the page.
    seconds : float
        How long it took.
    content : Content
        Everything that the page shows.
    """

    report: str
    card: str | None
    bytes: int
    seconds: float
    content: Content
