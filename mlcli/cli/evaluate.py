"""``mlcli evaluate``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import ArtifactPath, AsJson, ConfigFile, FailOnDrift, Overrides, Quiet, Verbose


class EvaluationFormat(StrEnum):
    """How an evaluation is written."""

    table = "table"
    json = "json"
    markdown = "markdown"
    junit = "junit"
    github = "github"


def evaluate_command(
    config: ConfigFile = None,
    artifact: ArtifactPath = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Judge on these rows instead of the stored hold-out; - reads stdin.",
            show_default=False,
        ),
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under",
            metavar="METRIC=VALUE",
            help="A gate, beside those of the config: a miss is exit code 5; repeatable.",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            metavar="RUN",
            help="A gate: not worse than this model on the same rows. A run folder, a .mlcli file, or the number "
            "of a run of the config.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            "--tolerance",
            metavar="METRIC=VALUE",
            help="How much worse than --baseline a metric may be, beside those of the config; repeatable. "
            "Without any: not significantly worse by the main metric.",
            show_default=False,
        ),
    ] = None,
    confident: Annotated[
        bool, typer.Option("--confident", help="Judge gates on the unfavourable end of the interval.")
    ] = False,
    fail_on_drift: FailOnDrift = False,
    as_format: Annotated[
        EvaluationFormat | None,
        typer.Option("--format", help="Left out: by the name of --output, else table.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the result to a file, such as report.md, instead of stdout.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Judge a trained model: every metric with an interval, beside a dummy; gates for CI."""
    from mlcli.cli.drift_text import refuse_drift, say_drift
    from mlcli.cli.evaluation_text import Judged, say_gates, write_evaluation
    from mlcli.cli.locate import evaluation_settings, find_model, named_gates
    from mlcli.cli.rival import judge_beside, named_tolerances
    from mlcli.cli.rows_named import NamedRows
    from mlcli.cli.runs_named import find_run
    from mlcli.cli.terminal import stages
    from mlcli.errors import ConfigError

    if fail_on_drift and data is None:
        raise ConfigError("`--fail-on-drift` must be asked of new rows. Got none.", hint="Name them: --data FILE")
    with stages(verbose=verbose, quiet=quiet):
        model = find_model(config, artifact, overrides, quiet=quiet)
        settings = evaluation_settings(model, config=config, artifact=artifact, overrides=overrides)

        from mlcli.artifact.open import open_artifact
        from mlcli.evaluation.decision import read_decision
        from mlcli.evaluation.gates import judge_gates
        from mlcli.training.drift import compare_with
        from mlcli.training.judge import evaluate_artifact

        confident = confident or settings.confident
        gates = {**settings.gates, **named_gates(fail_under, task=model.schema.target.task)}
        tolerances = named_tolerances(tolerance, baseline, settings, task=model.schema.target.task)
        # Opened before the work: a name that leads nowhere is said at once.
        rival = None if baseline is None else open_artifact(find_run(baseline, config=config, overrides=overrides))
        rows = NamedRows.find(data, model, overrides=overrides)
        comparison = None if rows.source is None else compare_with(model, required=fail_on_drift)
        watch = None if comparison is None else comparison.add
        evaluation = evaluate_artifact(model, data=rows.source, config=settings, stdin=rows.stdin(), watch=watch)
        drift = None if comparison is None else comparison.report()
        verdicts = judge_gates(evaluation, gates, confident=confident)
        compared = None
        if rival is not None:
            compared, kept = judge_beside(
                rival, model, tolerances=tolerances, rows=rows, settings=settings, confident=confident
            )
            verdicts += kept
    judged = Judged(
        evaluation,
        verdicts,
        manifest=model.manifest,
        data=data,
        compared=compared,
        decision=read_decision(model.provenance),
        drift=drift,
    )
    form = as_format.value if as_format else None
    write_evaluation(judged, form=form, as_json=as_json, output=output, quiet=quiet)
    say_drift(drift, quiet=quiet)
    say_gates(verdicts, quiet=quiet)
    refuse_drift(drift, source=str(data), gate=fail_on_drift)
