"""The report is one page that tells the run's own numbers and takes nothing from the data for markup."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import HOSTILE, LEVEL, hostile_table, plain_table, trained

from mlcli.artifact.open import open_artifact
from mlcli.evaluation.leaderboard import Candidate, Leaderboard
from mlcli.evaluation.learning import LearningCurve, LearningPoint
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.report.axes import number_axis
from mlcli.evaluation.report.markup import Markup, el, escape, shorten
from mlcli.evaluation.report.page import POLICY, render_report
from mlcli.registry import METRICS
from mlcli.training.report import Wanted, report_content

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
browser_only = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
VOID = {"meta", "wbr"}


class Page(HTMLParser):
    """A page as elements with their text; a tag that is not closed in order is an error."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.texts, self.tables, self.ids = [], [], [], {}, []
        self._caption = None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if "id" in dict(attrs):
            self.ids.append(dict(attrs)["id"])
        if tag in VOID:
            return
        self.open.append(tag)
        if dict(attrs).get("role") == "region":
            self._caption = dict(attrs)["aria-label"]
            self.tables.setdefault(self._caption, [])
        elif tag == "tr":
            self.tables[self._caption].append([])
        elif tag in {"td", "th"}:
            self.tables[self._caption][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))
        if {"td", "th"} & set(self.open):
            self.tables[self._caption][-1][-1] += data

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def content_of(run, **options):
    return report_content(open_artifact(run.folder), wanted=Wanted(**options))


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return trained(
        tmp_path_factory.mktemp("classes"),
        hostile_table(),
        target="tgt",
        model="random_forest, params: {n_estimators: 10}",
        data=", columns: {note: text, when: date}",
        rest="split: {cv: 3}\n",
    )


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    text = re.sub(r",(\d+)$", lambda found: f",{int(found[1]) > 110_000}".lower(), plain_table(), flags=re.MULTILINE)
    return trained(tmp_path_factory.mktemp("binary"), text, target="price", model="logistic_regression")


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("values"), plain_table(), target="price")


@pytest.fixture(scope="module")
def contents(classes, binary, values):
    return {"classes": content_of(classes), "binary": content_of(binary), "values": content_of(values)}


RUNS = ["classes", "binary", "values"]


@pytest.fixture(params=RUNS)
def case(request, contents):
    """A run, its content and its page."""
    content = contents[request.param]
    return request.getfixturevalue(request.param), content, Page(render_report(content))


def interval(low, high):
    return "–" if low is None else f"{format_number(low)} to {format_number(high)}"


# The numbers


def test_the_page_tells_the_numbers_of_metrics_json(case):
    run, content, page = case
    stored = json.loads((run.folder / "metrics.json").read_text())

    head, *rows = page.tables["Metrics"]
    assert head[:4] == ["metric", "value", "95 % interval", "dummy"]
    assert len(rows) == len(stored["shown"])
    by_name = {metric["name"]: metric for metric in stored["metrics"]}
    for name, (title, value, ends, dummy, _) in zip(stored["shown"], rows, strict=True):
        metric = by_name[name]
        assert title.startswith(METRICS[name].title)
        assert value == format_number(metric["value"])
        assert ends == interval(metric["low"], metric["high"])
        assert dummy == format_number(metric["dummy"])
    assert content.evaluation.to_json() == (run.folder / "metrics.json").read_bytes()


def test_the_confusion_matrix_is_that_of_metrics_json(classes, contents):
    stored = json.loads((classes.folder / "metrics.json").read_text())["confusion"]
    head, *rows = Page(render_report(contents["classes"])).tables["Confusion matrix"]

    assert head[1:-1] == stored["labels"]
    for label, counts, row in zip(stored["labels"], stored["counts"], rows, strict=True):
        assert row[0] == label
        assert [int(cell.split()[0]) for cell in row[1:-1]] == counts
        assert int(row[-1]) == sum(counts)


def test_scores_of_each_class_are_those_of_metrics_json(classes, contents):
    stored = json.loads((classes.folder / "metrics.json").read_text())["per_class"]
    _, *rows = Page(render_report(contents["classes"])).tables["Classes"]

    for found, (label, n_rows, *cells) in zip(stored, rows, strict=True):
        assert (label, int(n_rows)) == (found["label"], found["n_rows"])
        for name, cell in zip(("precision", "recall", "f1"), cells, strict=True):
            estimate = found[name]
            assert cell == f"{format_number(estimate['value'])} {interval(estimate['low'], estimate['high'])}"


def test_every_column_has_its_importance_in_the_numbers(case):
    _, content, page = case

    _, *rows = page.tables["Permutation importance"]
    assert [(name, value) for name, value, _ in rows] == [
        (one.name, format_number(one.value)) for one in content.importance.columns
    ]


def test_findings_split_and_folds_are_told(case, classes):
    run, content, page = case
    text = "".join(data for _, data in page.texts)

    assert content.split in text
    for finding in content.findings:
        assert finding.message in text
    assert ("Cross-validation" in page.tables) == (run is classes)


def test_how_it_was_made_is_told(case):
    _, content, page = case
    text = "".join(data for _, data in page.texts)

    for part in (
        content.origin.digest,
        content.origin.data_fingerprint,
        content.origin.proof,
        content.origin.config_text,
    ):
        assert part in text
    assert "split.random_state 0" in text
    assert f"numpy {content.origin.versions['numpy']}" in text


# The page itself


def test_nothing_on_the_page_runs_or_is_fetched(case):
    *_, page = case
    policies = [meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"]

    assert policies == [POLICY]
    assert "script-src" not in POLICY
    assert POLICY.startswith("default-src 'none'")
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img", "base", "form", "input"}
    for tag, attrs in page.tags:
        assert not any(name.startswith("on") for name in attrs)
        assert "src" not in attrs
        assert attrs.get("href", "#").startswith("#"), (tag, attrs)
    style = "".join(data for tag, data in page.texts if tag == "style")
    assert "url(" not in style
    assert "@import" not in style


def test_every_entry_of_the_contents_leads_somewhere(case):
    *_, page = case
    places = [attrs["href"].removeprefix("#") for attrs in page.of("a")]

    assert len(places) >= 9
    assert set(places) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_every_chart_says_what_it_is_and_gives_its_numbers(case):
    *_, page = case
    charts = [at for at, (tag, attrs) in enumerate(page.tags) if tag == "svg" and attrs.get("role") == "img"]

    assert len(charts) >= 6
    for at in charts:
        assert page.tags[at + 1][0] == "title"
    titles = [data for tag, data in page.texts if tag == "title"]
    assert all(title.strip() for title in titles)
    assert len(page.of("figure")) == len(page.of("figcaption")) == len(charts)
    assert sum(data == "Numbers" for _, data in page.texts) == len(charts)


def test_headings_go_down_one_step_at_a_time(case):
    *_, page = case
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]

    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_a_page_is_far_smaller_than_a_megabyte(case):
    _, content, _ = case
    assert len(render_report(content).encode()) < 300_000


def test_the_same_run_gives_the_same_page_but_for_times(values):
    first, second = (content_of(values) for _ in range(2))
    origin = msgspec.structs.replace(second.origin, reported=first.origin.reported)
    second = msgspec.structs.replace(second, latency=first.latency, origin=origin)

    assert render_report(first) == render_report(second)


def test_light_dark_phone_and_print_have_their_rules(contents):
    text = render_report(contents["values"])

    for rule in ("prefers-color-scheme: dark", "@media print", "max-width: 34rem", "break-inside: avoid"):
        assert rule in text


# Hostile names


def test_names_and_cells_are_text_and_never_markup(contents):
    text = render_report(contents["classes"])
    page = Page(text)

    told = {data for _, data in page.texts}
    for name in HOSTILE:
        assert name in told, name
    assert LEVEL in told
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert "<b>x</b>" not in text
    assert "&lt;img src=x onerror=alert(" in text
    assert not page.of("img")
    assert not page.of("script")


@given(st.text())
def test_any_text_comes_back_as_it_was(text):
    markup = el("p", text, title=text)
    page = Page(markup)

    told = "".join(data for _, data in page.texts)
    assert told == page.of("p")[0]["title"]
    assert len(told) == len(text)
    assert all(a in (b, "\ufffd") for a, b in zip(told, text, strict=True))
    assert not set(told) & {chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127)}


def test_control_characters_and_half_characters_become_a_mark():
    assert escape("a\x00b\ud800c") == "a\ufffdb\ufffdc"


def test_markup_is_not_escaped_twice_and_text_is_not_taken_for_it():
    inside = el("b", "<")

    assert el("p", inside, "<i>") == "<p><b>&lt;</b>&lt;i&gt;</p>"
    assert isinstance(inside, Markup)


@given(st.text(), st.integers(1, 60))
def test_shortened_text_fits_its_width(text, width):
    short = shorten(text, width)

    assert len(short) <= max(width, 1)
    assert short == " ".join(text.split()) or short.endswith("…")


def test_a_wide_character_takes_two_columns():
    assert shorten("中文列名", 8) == "中文列名"
    assert shorten("中文列名", 7) == "中文…"


# Axes


@given(
    st.floats(-1e12, 1e12),
    st.floats(0, 1e12),
    st.integers(2, 8),
)
def test_an_axis_holds_its_values_and_has_ticks_in_it(low, size, count):
    axis = number_axis("x", low, low + size, count=count)

    assert axis.low <= low <= low + size <= axis.high
    assert 1 <= len(axis.ticks) <= 2 * count + 2
    reach = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - reach <= tick.value <= axis.high + reach for tick in axis.ticks)
    assert 0 <= axis.share(low) <= axis.share(low + size) <= 1


def test_ticks_are_round_and_say_so():
    assert [tick.label for tick in number_axis("x", 0, 1).ticks] == ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert [tick.label for tick in number_axis("year", 2007, 2009, count=2).ticks] == ["2007", "2008", "2009"]
    assert [tick.label for tick in number_axis("x", -20_000, 0, count=2).ticks] == ["−20,000", "−10,000", "0"]
    assert number_axis("x", 0, 4e6, count=2).ticks[-1].label == "4 M"
    assert math.isclose(number_axis("x", 0, 0.005, count=2).ticks[1].value, 0.0025)


# What may be there or not


def test_rows_are_left_out_when_they_are_not_wanted(values):
    page = Page(render_report(content_of(values, rows=False)))

    assert "Hardest rows" not in page.tables
    assert "hardest" not in page.ids


def test_the_hardest_rows_say_that_they_are_rows_of_the_data(case):
    *_, page = case

    assert len(page.tables["Hardest rows"]) == 11
    assert "mlcli report --no-rows" in [data for _, data in page.texts]


def test_the_models_that_were_tried_are_shown(contents):
    board = Leaderboard(
        "rmse",
        greater_is_better=False,
        judged_on="5 folds of 160 training rows",
        candidates=(
            Candidate("boosting <31 leaves>", "gradient_boosting", {}, 12.5, 11, 14, 3.2, 2e-5, 4e-3, 0.7),
            Candidate("svm", "svm", {}, None, note="too slow"),
        ),
        note="a clock cut it",
    )
    page = Page(render_report(msgspec.structs.replace(contents["values"], leaderboard=board)))

    _, first, second = page.tables["Models tried"]
    assert first == ["boosting <31 leaves>", "12.50", "11.00 to 14.00", "0.70", "3.2 s", "20 µs", "4 ms"]
    assert second[1:4] == ["–", "–", "–"]
    text = "".join(data for _, data in page.texts)
    assert "5 folds of 160 training rows" in text
    assert "too slow" in text
    assert "a clock cut it" in text
    assert "Models tried" not in Page(render_report(contents["values"])).tables


def test_a_learning_curve_is_shown_when_there_is_one(contents):
    points = (LearningPoint(20, 1.0, 3.0, 2.5, 3.5), LearningPoint(100, 1.5, 2.0, 1.8, 2.2))
    page = Page(render_report(msgspec.structs.replace(contents["values"], learning=LearningCurve("rmse", points))))

    assert page.tables["Learning curve"][1:] == [
        ["20", "3.000", "2.500 to 3.500", "1.000"],
        ["100", "2.000", "1.800 to 2.200", "1.500"],
    ]
    assert "learning" not in Page(render_report(contents["values"])).ids


def test_the_threshold_in_use_is_marked(contents):
    page = Page(render_report(contents["binary"]))

    assert "in use: 0.5" in [data for _, data in page.texts]
    assert any(row[0] == "0.5 (in use)" for row in page.tables["Thresholds"])


@pytest.mark.parametrize("n_rows", [6, 12])
def test_a_handful_of_rows_has_a_report(n_rows, tmp_path):
    run = trained(tmp_path, plain_table(n_rows), target="price")

    assert Page(render_report(content_of(run))).tables["Metrics"]


def test_a_hold_out_of_one_class_has_a_report(tmp_path):
    lines = plain_table(60).splitlines()
    text = [f"{lines[0]},part"] + [
        re.sub(r"\d+$", "yes" if i % 3 else "no", line) + ",train" if i < 40 else re.sub(r"\d+$", "yes", line) + ",test"
        for i, line in enumerate(lines[1:])
    ]
    run = trained(
        tmp_path,
        "\n".join(text) + "\n",
        target="price",
        model="logistic_regression",
        rest="split: {method: column, column: part}\n",
    )
    content = content_of(run)

    assert content.curves == ()
    assert Page(render_report(content)).tables["Metrics"]


def test_many_classes_are_listed_by_what_is_confused(tmp_path):
    lines = plain_table(600).splitlines()
    text = "\n".join([lines[0]] + [re.sub(r"\d+$", f"c{i % 25}", line) for i, line in enumerate(lines[1:])])
    content = content_of(trained(tmp_path, text + "\n", target="price", model="logistic_regression"))
    page = Page(render_report(content))

    assert "Confusion matrix" not in page.tables
    assert 2 <= len(page.tables["Classes confused most often"]) <= 21
    assert len(content.curves) == 5
    assert "commonest classes" in "".join(data for _, data in page.texts)


# A browser


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@browser_only
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", RUNS)
def test_a_browser_shows_it_without_a_complaint_or_a_scroll_to_the_side(
    name, width, scheme, contents, browser, tmp_path
):
    place = tmp_path / "report.html"
    place.write_text(render_report(contents[name]), encoding="utf-8")
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    complaints = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))

    tab.goto(place.as_uri())

    assert complaints == []
    assert tab.title() == f"demo: {contents[name].model}"
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) < 200) == (scheme == "dark")
    tab.close()


@browser_only
def test_it_prints_in_light_and_cuts_no_chart(contents, browser, tmp_path):
    place = tmp_path / "report.html"
    place.write_text(render_report(contents["binary"]), encoding="utf-8")
    tab = browser.new_page(color_scheme="dark")
    tab.goto(place.as_uri())
    tab.emulate_media(media="print", color_scheme="dark")

    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.querySelector('figure')).breakInside") == "avoid"
    assert tab.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert tab.pdf().startswith(b"%PDF")
    tab.close()
