"""An evaluation as JUnit XML, which Jenkins, GitLab and most others show as test results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from mlcli.evaluation.gates import GateVerdict
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.results import Evaluation, MetricResult
from mlcli.registry import METRICS

_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold."""


def render_junit(evaluation: Evaluation, *, title: str, name: str, gates: Sequence[GateVerdict] = ()) -> str:
    """Write an evaluation as one JUnit test suite.

    Each gate is a test case, failed when it was missed. Each metric shown is
    one as well: its text is its value with the interval, and it is skipped
    where it is undefined.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    title : str
        Name of the suite, such as the model and the rows.
    name : str
        Name of the runs; the test cases' class name begins with it.
    gates : sequence of GateVerdict
        What the gates say.

    Returns
    -------
    str
        The document, ending in a newline. It holds no time: the judgement takes none.

    References
    ----------
    .. [1] Jenkins xUnit plugin, ``junit-10.xsd``: suites, their counts, test
       cases, ``failure`` and ``skipped``.
    """
    cases = [_gate(gate, name) for gate in gates] + [_metric(m, evaluation, name) for m in evaluation.shown_metrics]
    counts = {
        "name": _clean(title),
        "tests": str(len(cases)),
        "failures": str(sum(not gate.passed for gate in gates)),
        "errors": "0",
        "skipped": str(sum(result.value is None for result in evaluation.shown_metrics)),
        "time": "0",
    }
    suite = ET.Element("testsuite", counts)
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _clean(evaluation.verdict.message)
    suites = ET.Element("testsuites", {key: counts[key] for key in ("name", "tests", "failures", "errors", "time")})
    suites.append(suite)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _case(name: str, group: str) -> ET.Element:
    return ET.Element("testcase", {"name": _clean(name), "classname": _clean(group), "time": "0"})


def _gate(gate: GateVerdict, name: str) -> ET.Element:
    case = _case(gate.rule, f"{name}.gates")
    if not gate.passed:
        ET.SubElement(case, "failure", {"message": _clean(gate.message), "type": "GateError"}).text = _clean(
            f"{gate.rule}: {gate.message}."
        )
    else:
        ET.SubElement(case, "system-out").text = _clean(gate.message)
    return case


def _metric(result: MetricResult, evaluation: Evaluation, name: str) -> ET.Element:
    case = _case(METRICS[result.name].title, f"{name}.metrics")
    if result.value is None:
        ET.SubElement(case, "skipped", {"message": _clean(result.note or "undefined on these rows")})
        return case
    text = f"{result.name} {format_number(result.value)}"
    if result.low is not None and result.high is not None:
        ends = f"{format_number(result.low)} to {format_number(result.high)}"
        text += f" ({100 * evaluation.confidence:.4g} % interval {ends})"
    text += f", dummy {format_number(result.dummy)}, on {evaluation.n_rows:,} rows"
    ET.SubElement(case, "system-out").text = _clean(text)
    return case


def _clean(text: str) -> str:
    """Return text without what XML cannot hold, which a class label may."""
    return _NO_XML.sub("\ufffd", text)
