"""What CI systems read of an evaluation: JUnit XML and GitHub's workflow commands."""

import re

import numpy as np
import pytest
from defusedxml.ElementTree import ParseError, fromstring
from evaluation_samples import classes_sample, numbers_sample

from mlcli.evaluation.gates import judge_gates
from mlcli.evaluation.github import render_annotations
from mlcli.evaluation.junit import render_junit
from mlcli.registry import METRICS

# The parts of Jenkins' junit-10.xsd that a suite of ours can break: element -> required attributes,
# allowed attributes, allowed children.
XSD = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "disabled", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name"},
        {"name", "tests", "failures", "errors", "time", "disabled", "skipped", "skips", "timestamp", "hostname", "id",
         "package", "group", "log", "url", "file", "assertions"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name"},
        {"name", "assertions", "time", "timestamp", "classname", "status", "class", "file", "line", "log", "group", "url"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}  # fmt: skip


def broken_rules(text):
    """Return what the schema would say against a document."""
    found = []
    for element in fromstring(text.encode()).iter():
        required, allowed, children = XSD[element.tag]
        found += [f"{element.tag} lacks {name}" for name in required - set(element.keys())]
        found += [f"{element.tag} has {name}" for name in set(element.keys()) - allowed]
        found += [f"{element.tag} holds {child.tag}" for child in element if child.tag not in children]
        found += [
            f"{name} is no count" for name in ("tests", "failures", "errors", "skipped")
            if not re.fullmatch(r"\d+", element.get(name, "0"))
        ]  # fmt: skip
        found += [f"{element.tag}: time" for _ in [0] if not re.fullmatch(r"\d+(\.\d+)?", element.get("time", "0"))]
    return found


def junit(evaluation, gates=(), **options):
    options = {"title": "credit: tree", "name": "credit"} | options
    return render_junit(evaluation, gates=gates, **options)


@pytest.fixture
def evaluation():
    return classes_sample(100).evaluate()


def test_a_suite_keeps_the_rules_of_the_schema_and_counts_what_it_holds(evaluation):
    text = junit(evaluation, judge_gates(evaluation, {"f1": 0.1, "accuracy": 1.0}))
    assert broken_rules(text) == []
    suites = fromstring(text.encode())
    (suite,) = suites
    cases = suite.findall("testcase")
    assert suites.get("tests") == suite.get("tests") == str(len(cases)) == str(2 + len(evaluation.shown))
    assert suites.get("failures") == suite.get("failures") == str(len(suite.findall("testcase/failure"))) == "1"
    assert suite.get("skipped") == str(len(suite.findall("testcase/skipped"))) == "0"


@pytest.mark.parametrize(
    "broken",
    [
        "<testsuites/><a/>",
        "<testsuite/>",
        '<testsuite name="a"><failure/></testsuite>',
        '<testsuite name="a" tests="x"/>',
    ],
)
def test_a_suite_that_breaks_the_rules_is_seen(broken):
    with pytest.raises((ParseError, AssertionError)):
        assert broken_rules(broken) == []


def test_a_gate_is_a_case_that_fails_with_its_message(evaluation):
    gates = judge_gates(evaluation, {"f1": 0.1, "accuracy": 1.0})
    cases = {case.get("name"): case for case in fromstring(junit(evaluation, gates).encode()).iter("testcase")}
    missed = cases["accuracy ≥ 1"].find("failure")
    assert cases["accuracy ≥ 1"].get("classname") == "credit.gates"
    assert missed.get("message") == gates[1].message
    assert missed.get("type") == "GateError"
    assert gates[1].message in missed.text
    assert cases["f1 ≥ 0.1"].find("failure") is None
    assert cases["f1 ≥ 0.1"].findtext("system-out") == gates[0].message


def test_every_metric_shown_is_a_case_with_its_interval():
    evaluation = numbers_sample(100).evaluate()
    cases = {case.get("name"): case for case in fromstring(junit(evaluation).encode()).iter("testcase")}
    assert list(cases) == [METRICS[name].title for name in evaluation.shown]
    for case in cases.values():
        assert re.search(r"\(95 % interval .+ to .+\), dummy .+, on 100 rows", case.findtext("system-out"))


def test_an_undefined_metric_is_skipped_with_the_reason():
    sample = classes_sample(60)
    only = sample.take(np.flatnonzero(sample.y == "ham")).evaluate(sample.y)
    text = junit(only)
    suite = fromstring(text.encode())[0]
    skipped = {case.get("name"): case.find("skipped") for case in suite.iter("testcase")}
    assert "undefined: no row is 'spam'" in skipped["ROC AUC"].get("message")
    assert suite.get("skipped") == str(sum(mark is not None for mark in skipped.values()))
    assert broken_rules(text) == []


def test_labels_and_titles_cannot_break_the_document():
    hostile = ("<a>&\"'\x00\x1b]]>", "b\ufffe")
    sample = classes_sample(60, classes=hostile)
    only = sample.take(np.flatnonzero(sample.y == hostile[0])).evaluate(sample.y)
    text = junit(only, judge_gates(only, {"f1": 1.0}), title="<x>\x07&", name="a<b>")
    assert broken_rules(text) == []
    assert "\x00" not in text
    assert fromstring(text.encode())[0].get("name") == "<x>\ufffd&"


COMMAND = re.compile(r"::(notice|warning|error) title=([^:,\r\n]*)::([^\r\n]*)")


def unescape(part):
    return part.replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")


def commands(text):
    """Return level, title and message of each workflow command; every line must be one."""
    matches = [COMMAND.fullmatch(line) for line in text.splitlines()]
    assert all(matches), text
    return [(match[1], unescape(match[2]), unescape(match[3])) for match in matches]


def test_a_missed_gate_is_an_error_and_a_passed_one_a_notice(evaluation):
    gates = judge_gates(evaluation, {"f1": 0.1, "accuracy": 1.0})
    found = commands(render_annotations(evaluation, name="credit", gates=gates))
    assert found == [
        ("notice", "credit: gate passed: f1 ≥ 0.1", gates[0].message),
        ("error", "credit: gate missed: accuracy ≥ 1", gates[1].message),
        ("notice", "credit: beside the dummy", evaluation.verdict.message),
    ]


def test_a_model_no_better_than_the_dummy_is_a_warning():
    evaluation = classes_sample(5).evaluate()
    ((level, _, message),) = commands(render_annotations(evaluation, name="few"))
    assert level == "warning"
    assert message.startswith("no evidence")


def test_no_name_can_begin_a_command_of_its_own(evaluation):
    text = render_annotations(evaluation, name="a\n::error::b,c:d%", gates=judge_gates(evaluation, {"f1": 0.1}))
    assert next(title.split(" gate")[0] for _, title, _ in commands(text)) == "a\n::error::b,c:d%:"
