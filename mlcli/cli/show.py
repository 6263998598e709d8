"""How runs, prepared rows and findings are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.cli.terminal import say, show, show_json

if TYPE_CHECKING:
    from rich.table import Table

    from mlcli.config.load import LoadedConfig
    from mlcli.data.findings import Finding
    from mlcli.data.schema import Schema
    from mlcli.inference.explain import Explainer
    from mlcli.inference.stream import Remarks
    from mlcli.training.prepare import Prepared
    from mlcli.training.report_files import Reported
    from mlcli.training.track import Tracked
    from mlcli.training.train import Run

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def show_run(
    run: Run, tracked: Tracked | None = None, *, as_json: bool, quiet: bool, reported: Reported | None = None
) -> None:
    """Show a finished training run: scores beside the dummy's, findings, its report, and where it went."""
    from mlcli.cli.evaluation_text import Judged, show_folds, show_scores
    from mlcli.cli.leaderboard_text import show_leaderboard
    from mlcli.cli.report_text import say_report_of
    from mlcli.cli.tuning_text import show_tuning, tuning_result

    judged = Judged(run.evaluation, (), manifest=run.manifest, decision=run.provenance.decision)
    if as_json:
        from mlcli.cli.documents.document import given
        from mlcli.cli.documents.trained import TrainDocument

        show_json(
            TrainDocument(
                run=str(run.folder),
                digest=run.manifest.digest,
                seconds=round(run.seconds, 3),
                proof=run.manifest.proof,
                split=run.provenance.split,
                findings=run.provenance.findings,
                cross_validation=run.provenance.cross_validation,
                tuning=given(tuning_result(run.tuning)),
                leaderboard=given(run.leaderboard),
                name=run.manifest.name,
                model=run.manifest.model,
                decision=run.provenance.decision,
                evaluation=run.evaluation,
                gates=(),
                tracked=given(tracked),
            )
        )
    else:
        if run.leaderboard is not None:
            show_leaderboard(run.leaderboard)
        show_scores(judged)
        # The folds are judged as the model was fitted: what is learned about it is learned once, on all of them.
        show_folds(run.provenance.cross_validation, plain=run.provenance.decision is not None)
        show_tuning(run.tuning)
        _say_findings(run.provenance.findings, quiet=quiet)
    if not quiet:
        if run.manifest.proof is not None:
            say(run.manifest.proof.verdict)
        say_report_of(run, reported)
        say(f"stored: {run.folder} (digest {run.manifest.digest[:12]}, {run.seconds:.1f} s)")
        if tracked is not None:
            say(f"tracked: run {tracked.run_id} of experiment {tracked.experiment} at {tracked.server}")


def show_prepared(prepared: Prepared, *, folder: Path, as_json: bool, quiet: bool) -> None:
    """Show what was prepared and where it lies."""
    if as_json:
        from mlcli.cli.documents.trained import PreprocessDocument

        show_json(
            PreprocessDocument(
                folder=str(folder),
                fingerprint=prepared.fingerprint,
                split=prepared.split,
                n_train=len(prepared.train),
                n_test=len(prepared.test),
                schema=prepared.schema,
                findings=prepared.findings,
            )
        )
    else:
        show(column_table(prepared.schema))
        _say_findings(prepared.findings, quiet=quiet)
    if not quiet:
        say(f"prepared: {folder} ({len(prepared.train):,} training rows, {len(prepared.test):,} held out)")


def column_table(schema: Schema) -> Table:
    """Return the columns of a schema as a table."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    # A long name goes on in the next line: cut off, it would name no column.
    table.add_column("column", overflow="fold")
    table.add_column("kind")
    for header in ("missing", "distinct"):
        table.add_column(header, justify="right")
    table.add_column("why")
    for column in schema.columns:
        table.add_row(
            escape(column.name), column.kind, str(column.n_missing or ""), str(column.n_distinct), escape(column.reason)
        )
    for ignored in schema.ignored:
        table.add_row(escape(ignored.name), "ignored", "", "", escape(ignored.reason), style="dim")
    target = schema.target
    table.add_row(
        escape(target.name), "target", "", str(len(target.classes or ()) or ""), escape(target.reason), style="bold"
    )
    return table


def show_config_is_valid(loaded: LoadedConfig, *, as_json: bool) -> None:
    """Say that a config holds, without having read any data."""
    if as_json:
        from mlcli.cli.documents.checked import ConfigCheckDocument

        config = loaded.config
        show_json(ConfigCheckDocument(config=str(loaded.path), valid=True, name=config.name, model=config.model.name))
        return
    show(f"{loaded.path}: the config is valid (model {loaded.config.model.name}; the data was not read)")


def show_findings(findings: Sequence[Finding], *, schema: Schema, as_json: bool) -> None:
    """List findings with what to do about each."""
    if as_json:
        from mlcli.cli.documents.checked import CheckDocument

        show_json(CheckDocument(findings=tuple(findings), schema=schema))
        return
    show(column_table(schema), "")
    if not findings:
        show("No findings: nothing about the data looks wrong.")
        return
    from rich.markup import escape
    from rich.padding import Padding

    for finding in findings:
        columns = (
            f" {', '.join(map(escape, finding.columns[:6]))}{' …' if len(finding.columns) > 6 else ''}"
            if finding.columns
            else ""
        )
        show(f"[{_STYLES[finding.severity]}]{finding.severity}[/] [bold]{finding.code}[/]{columns}")
        show(
            Padding(escape(finding.message), (0, 0, 0, 2), expand=False),
            Padding(f"→ {escape(finding.advice)}", (0, 0, 0, 2), expand=False),
        )


def _say_findings(findings: Sequence[Finding], *, quiet: bool) -> None:
    """Say errors and warnings in a line each; notes only by number."""
    for finding in findings:
        if finding.severity != "note":
            say(f"{finding.severity}: {finding.code}: {finding.message}")
    n_notes = sum(finding.severity == "note" for finding in findings)
    if n_notes and not quiet:
        say(f"{n_notes} note{'s' if n_notes > 1 else ''} about the data: mlcli check")


def say_remarks(remarks: Remarks, *, output: Path | None, quiet: bool) -> None:
    """Say on stderr how many rows were predicted and what was unusual about them."""
    if not quiet:
        say(f"predicted {remarks.n_rows:,} rows{f': {output}' if output else ''}")
    _say_counts(remarks.unseen, "hold a category that training never saw", remarks.n_rows)
    _say_counts(remarks.out_of_range, "lie outside the training range", remarks.n_rows)


_SCALES = {
    "target": "the predicted number",
    "log_target": "the logarithm of the predicted number",
    "probability": "the probability of the predicted class",
    "log_odds": "the log-odds of the predicted class",
    "score": "the predicted class's score before it is made a probability",
}

_METHODS = {
    "constant": "the model says the same of every row",
    "linear": "exact, from the coefficients",
    "tree_shap": "exact SHAP values of trees",
    "enumerated": "Shapley values over all subsets of columns",
    "sampled": "Shapley values over a sample of orders of columns, with standard errors",
}


def say_explained(explainer: Explainer) -> None:
    """Say on stderr what contributions add up to and how they are found."""
    compared = f", against {explainer.n_background} stored rows" if explainer.n_background else ""
    say(f"explained: {_SCALES[explainer.scale]}; {_METHODS[explainer.method]}{compared}")


def _say_counts(counts: Mapping[str, int], what: str, n_rows: int) -> None:
    for column, count in sorted(counts.items(), key=lambda item: -item[1]):
        say(f"warning: column {column!r}: {count:,} of {n_rows:,} rows {what}")
