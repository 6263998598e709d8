"""``mlcli predict``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import ArtifactPath, ConfigFile, FailOnDrift, Overrides, Quiet, Verbose
from mlcli.errors import ConfigError


class RowFormat(StrEnum):
    """Formats that predictions are written in."""

    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


class Keep(StrEnum):
    """Input columns that stand beside the predictions."""

    ids = "ids"
    all = "all"
    none = "none"


def predict_command(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Rows to predict: a file, a glob, or - for stdin.")],
    config: ConfigFile = None,
    artifact: ArtifactPath = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write; .csv, .jsonl or .parquet. Left out: stdout.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    as_format: Annotated[
        RowFormat | None,
        typer.Option("--format", help="Left out: by the name of --output, else csv.", show_default=False),
    ] = None,
    keep: Annotated[
        Keep,
        typer.Option("--keep", help="Input columns to write beside the predictions: the id columns, all, or none."),
    ] = Keep.ids,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Write beside each prediction what every column contributes to it."),
    ] = False,
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            metavar="N",
            min=1,
            help="With --explain: only the N largest contributions of each row, and the sum of the others.",
            show_default=False,
        ),
    ] = None,
    fail_on_drift: FailOnDrift = False,
    overrides: Overrides = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Predict every row of a file of any size, in its order."""
    import sys

    from mlcli.cli.drift_text import refuse_drift, say_drift
    from mlcli.cli.locate import find_model
    from mlcli.cli.show import say_explained, say_remarks
    from mlcli.cli.terminal import row_counter, stages

    if top is not None and not explain:
        raise ConfigError("--top must stand with --explain. Got it alone.", hint="Add --explain.")
    with stages(verbose=verbose, quiet=quiet):
        model = find_model(config, artifact, overrides, quiet=quiet)

        from mlcli.artifact.predictor import load_predictor
        from mlcli.data.reading import iter_tables
        from mlcli.data.source import source_from_path
        from mlcli.data.writing import format_of, open_writer
        from mlcli.inference.stream import Remarks, kept_columns, predict_tables
        from mlcli.training.drift import observe
        from mlcli.training.stored_config import stored_config

        form = as_format.value if as_format else format_of(output) if output else "csv"
        source = source_from_path(data, like=stored_config(model, overrides=overrides or ()).data)
        predictor = load_predictor(model)
        observed = observe(model, required=fail_on_drift)
        explained = None
        if explain:
            from mlcli.artifact.predictor import load_explainer
            from mlcli.inference.explain_table import ExplainedTable

            explainer = load_explainer(model, predictor)
            explained = ExplainedTable(explainer, form="object" if form == "jsonl" else "columns", top=top)
            if not quiet:
                say_explained(explainer)
    remarks = Remarks()
    tables = iter_tables(source, stdin=sys.stdin.buffer)
    # Rows that scroll past are their own progress.
    counted = not quiet and (output is not None or not sys.stdout.isatty())
    with row_counter(wanted=counted) as count, open_writer(output or sys.stdout.buffer, format=form) as writer:
        for table in predict_tables(
            predictor,
            tables,
            source=source.label,
            keep=kept_columns(keep.value, model.schema),
            remarks=remarks,
            observed=observed,
            explained=explained,
        ):
            writer.write(table)
            count(remarks.n_rows)
    say_remarks(remarks, output=output, quiet=quiet)
    if observed is not None:
        from mlcli.data.drift import judge_drift

        drift = judge_drift(observed)
        say_drift(drift, quiet=quiet)
        refuse_drift(drift, source=source.label, gate=fail_on_drift)
