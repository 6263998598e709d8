"""The model card: Markdown for people, with front matter that model hubs read."""

from __future__ import annotations

import io
from typing import Any

from mlcli.data.schema import Schema
from mlcli.evaluation.markdown import interval_text, lay_table, plain_text, render_markdown
from mlcli.evaluation.numerals import format_number
from mlcli.evaluation.report.content import Content
from mlcli.registry import METRICS

CARD = "model_card.md"
"""Name of the card in a run folder."""

_MOST_COLUMNS = 50
_MOST_IMPORTANT = 10
_MOST_FINDINGS = 20
_MOST_SLICES = 10


def render_card(content: Content) -> str:
    """Write the model card.

    It says only what is known of the model, so the same run gives the same
    card. The licence, and what the model is meant for, are its owner's to add.

    Parameters
    ----------
    content : Content
        Everything that is known of the model.

    Returns
    -------
    str
        Markdown with YAML front matter.

    References
    ----------
    .. [1] Mitchell et al. (2019), "Model Cards for Model Reporting", FAT*.
    """
    parts = [
        _front_matter(content),
        f"# {plain_text(content.name)}",
        _opening(content),
        "<!-- Say here who uses the predictions, for which decision, and what they must not be used for. -->",
        _evaluation(content),
        "## Where it is weak",
        _limits(content),
        "## What it leans on",
        _importance(content),
        "## Data",
        _data(content),
        "## How to use it",
        _use(),
        "## How it was made",
        _made(content),
    ]
    return "\n\n".join(parts) + "\n"


def pipeline_tag(schema: Schema) -> str:
    """Return the hubs' name of the task: of a table, or of texts alone."""
    if all(column.kind == "text" for column in schema.columns) and schema.target.task == "classification":
        return "text-classification"
    return f"tabular-{schema.target.task}"


def _front_matter(content: Content) -> str:
    """Write the metadata in the form of the Hugging Face Hub; the licence is left to the owner."""
    from ruamel.yaml import YAML  # half of the start-up time of a command that needs no YAML

    evaluation, tag = content.evaluation, pipeline_tag(content.schema)
    measured = [result for result in evaluation.shown_metrics if result.value is not None]
    metadata: dict[str, Any] = {
        "library_name": "mlcli",
        "pipeline_tag": tag,
        "tags": ["mlcli", "scikit-learn", tag, content.model],
        "datasets": [content.dataset],
        "metrics": [result.name for result in measured],
        "model-index": [
            {
                "name": content.name,
                "results": [
                    {
                        "task": {"type": tag, "name": f"{evaluation.task} of {content.schema.target.name}"},
                        "dataset": {
                            "type": content.dataset,
                            "name": f"{content.dataset}, {evaluation.n_rows} rows {content.judged_on}",
                            "split": "test",
                        },
                        "metrics": [
                            {
                                "type": result.name,
                                "name": METRICS[result.name].title if result.name in METRICS else result.name,
                                "value": result.value,
                            }
                            for result in measured
                        ],
                    }
                ],
            }
        ],
    }
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 4096  # a folded name is hard to read
    yaml.dump(metadata, text)
    return f"---\n# license: add yours here, such as apache-2.0\n{text.getvalue()}---"


def _opening(content: Content) -> str:
    target = content.schema.target
    what = (
        f"which of {len(target.classes)} classes {plain_text(target.name)} is"
        if target.classes is not None
        else f"the number {plain_text(target.name)}"
    )
    return (
        f"A `{content.model}` that predicts {what} from {len(content.schema.columns)} columns, trained with "
        f"[mlcli](#how-it-was-made) on {content.n_train:,} rows of {plain_text(content.dataset)}."
    )


def _evaluation(content: Content) -> str:
    return render_markdown(content.evaluation, title="Evaluation").rstrip("\n")


def _limits(content: Content) -> str:
    lines = [
        (
            f"- Judged on {content.evaluation.n_rows:,} rows {plain_text(content.judged_on)} "
            f"(split: {plain_text(content.split)}). Nothing is known of rows of another origin or time."
        ),
    ]
    if content.reliability is not None:
        gap = format_number(content.reliability.expected_error)
        lines.append(f"- Its probabilities are off by {gap} on average (expected calibration error).")
    lines += [
        f"- {finding.severity}: {plain_text(finding.message)}"
        for finding in content.findings[:_MOST_FINDINGS]
        if finding.severity != "note"
    ]
    metric = METRICS[content.slices.metric].title
    worse = [one for one in content.slices.slices if one.worse][:_MOST_SLICES]
    if not worse:
        lines.append(
            f"- No part of the rows differs for the worse by more than {len(content.slices.slices)} looks explain."
        )
        return "\n".join(lines)
    rows = [
        (
            plain_text(one.column),
            plain_text(one.part),
            f"{one.n_rows:,}",
            format_number(one.value),
            interval_text(one.low, one.high),
        )
        for one in worse
    ]
    lines.append(f"- {metric} is worse than on the other rows, by more than chance explains, on:")
    table = lay_table(("Column", "Part", "Rows", metric, f"{content.confidence} interval"), rows, text_columns=2)
    return "\n".join(lines) + f"\n\n{table}"


def _importance(content: Content) -> str:
    found = content.importance
    rows = [
        (plain_text(one.name), format_number(one.value), interval_text(one.low, one.high))
        for one in found.columns[:_MOST_IMPORTANT]
    ]
    table = lay_table(("Column", "Importance", f"{content.confidence} interval"), rows)
    metric = METRICS[found.metric].title
    return f"How much worse {metric} gets when a column is shuffled among the rows it is judged on.\n\n{table}"


def _data(content: Content) -> str:
    columns = content.schema.columns
    listed = lay_table(
        ("Column", "Kind", "Missing"),
        [(plain_text(one.name), one.kind, f"{one.n_missing:,}") for one in columns[:_MOST_COLUMNS]],
        text_columns=2,
    )
    more = len(columns) - _MOST_COLUMNS
    rest = f"\n\nand {more:,} more columns." if more > 0 else ""
    return f"{content.n_train:,} rows to learn from, {content.n_test:,} held out.\n\n{listed}{rest}"


def _use() -> str:
    return (
        "```sh\nmlcli predict rows.csv --artifact model.mlcli   # every row of a file\n"
        "mlcli serve --artifact model.mlcli              # HTTP, with a page to try it\n"
        "mlcli inspect model.mlcli                       # what is in it, and whether it is intact\n```"
    )


def _made(content: Content) -> str:
    origin = content.origin
    versions = ", ".join(f"{library} {version}" for library, version in origin.versions.items())
    return "\n".join(
        [
            f"- mlcli {origin.mlcli_version}, {origin.created}; {versions}",
            f"- artifact digest `{origin.digest}`",
            f"- data fingerprint `{origin.data_fingerprint}`",
            f"- seeds: {', '.join(f'{key} {seed}' for key, seed in origin.seeds.items())}",
            f"- {plain_text(origin.proof)}",
        ]
    )
