"""An evaluation as workflow commands, which GitHub Actions shows as annotations of a run."""

from __future__ import annotations

from collections.abc import Sequence

from mlcli.evaluation.gates import GateVerdict
from mlcli.evaluation.results import Evaluation

_LEVELS = {"better": "notice", "no evidence": "warning", "worse": "warning"}


def render_annotations(evaluation: Evaluation, *, name: str, gates: Sequence[GateVerdict] = ()) -> str:
    """Write the gates, and the verdict beside the dummy, as one workflow command a line.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    name : str
        Name of the runs, for the titles.
    gates : sequence of GateVerdict
        What the gates say: an error for each that was missed, a notice for each that was passed.

    Returns
    -------
    str
        The lines, each ending in a newline.

    References
    ----------
    .. [1] GitHub Docs, "Workflow commands for GitHub Actions": the form of a
       command, and what must be escaped in it.
    """
    lines = [
        _command("notice" if gate.passed else "error", f"{name}: gate {_state(gate)}: {gate.rule}", gate.message)
        for gate in gates
    ]
    verdict = evaluation.verdict
    lines.append(_command(_LEVELS[verdict.outcome], f"{name}: beside the dummy", verdict.message))
    return "".join(lines)


def _state(gate: GateVerdict) -> str:
    return "passed" if gate.passed else "missed"


def _command(level: str, title: str, message: str) -> str:
    title = _escape(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{_escape(message)}\n"


def _escape(text: str) -> str:
    """Escape what would end a command, so that no label or path can begin another."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
