"""The report as one HTML page that needs no script, no network and no other file."""

from __future__ import annotations

from importlib.resources import files

from mlcli.evaluation.report.content import Content
from mlcli.evaluation.report.explained import (
    columns_section,
    hardest_section,
    latency_section,
    learning_section,
    made_section,
    slices_section,
)
from mlcli.evaluation.report.markup import Markup, el, join, name, paragraph
from mlcli.evaluation.report.opening import asked_section, data_section, leaderboard_section, verdict_section
from mlcli.evaluation.report.scores import charts_section, scores_section
from mlcli.evaluation.report.section import Section

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Content security policy of the page: nothing is loaded and nothing runs."""


def render_report(content: Content) -> str:
    """Return the report as an HTML document.

    Parameters
    ----------
    content : Content
        Everything that it shows.

    Returns
    -------
    str
        A whole document; names and cells from the data are text in it, never markup.
    """
    sections = _sections(content)
    title = f"{content.name}: {content.model}"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="generator", content="mlcli"),
        el("title", title),
        el("style", Markup(files(__package__).joinpath("style.css").read_text(encoding="utf-8"))),
    )
    contents = el(
        "nav",
        el("ol", (el("li", el("a", section.title, href=f"#{section.key}")) for section in sections)),
        aria_label="Contents",
    )
    main = el("main", (section.render() for section in sections))
    page = el("body", _header(content), el("div", contents, main, class_="page"), _footer(content))
    return f"<!doctype html>\n{el('html', head, page, lang='en')}\n"


def _sections(content: Content) -> list[Section]:
    found = [
        verdict_section(content),
        asked_section(content),
        data_section(content),
        leaderboard_section(content.leaderboard, confidence=content.confidence) if content.leaderboard else None,
        scores_section(content),
        charts_section(content),
        columns_section(content),
        slices_section(content),
        hardest_section(content),
        learning_section(content.learning, confidence=content.confidence) if content.learning else None,
        latency_section(content),
        made_section(content),
    ]
    return [section for section in found if section is not None]


def _header(content: Content) -> Markup:
    target = content.schema.target
    return el(
        "header",
        el("h1", name(content.name)),
        paragraph(
            join([el("b", content.model), f", {target.task} of ", name(target.name)]),
            f" · trained {content.origin.created[:10]}",
            f" · judged on {content.evaluation.n_rows:,} rows {content.judged_on}",
        ),
    )


def _footer(content: Content) -> Markup:
    return el(
        "footer", paragraph(f"Made by mlcli on {content.origin.reported[:10]}. Artifact {content.origin.digest[:12]}.")
    )
