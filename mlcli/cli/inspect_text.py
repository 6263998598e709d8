"""How an artifact is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlcli.cli.shortfall import ShortfallError
from mlcli.cli.show import column_table
from mlcli.cli.terminal import show, show_json
from mlcli.errors import ArtifactError
from mlcli.evaluation.decision import read_decision
from mlcli.evaluation.numerals import format_number

if TYPE_CHECKING:
    from mlcli.artifact.manifest import Manifest
    from mlcli.artifact.open import Artifact, MemberCheck
    from mlcli.evaluation.decision import Decision


def show_artifact(artifact: Artifact, members: Sequence[MemberCheck], *, as_json: bool) -> None:
    """Show manifest, columns, scores and members of an artifact.

    Raises
    ------
    ShortfallError
        If a member is not what its digest says.
    """
    decision = read_decision(artifact.provenance)
    if as_json:
        from mlcli.cli.documents.inspected import InspectDocument

        show_json(
            InspectDocument(
                path=str(artifact.path),
                manifest=artifact.manifest,
                decision=decision,
                schema=artifact.schema,
                members=tuple(members),
            )
        )
    else:
        _show_origin(artifact, decision)
        show(column_table(artifact.schema), "")
        _show_members(members)
    altered = [member.name for member in members if not member.ok]
    if altered:
        raise ShortfallError(
            ArtifactError(
                f"{artifact.path}: every member must have its stated digest. Altered: {', '.join(altered)}.",
                hint="Restore the file, or train again.",
            )
        )


def _show_origin(artifact: Artifact, decision: Decision | None) -> None:
    """Show where a model came from and what it scored."""
    from rich.markup import escape
    from rich.table import Table

    manifest = artifact.manifest
    show(f"[bold]{manifest.name}[/] · {manifest.model} · {manifest.task}")
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_row("digest", manifest.digest)
    facts.add_row("created", manifest.created)
    facts.add_row("trained on", f"{manifest.n_train:,} rows, judged on {manifest.n_test:,}")
    facts.add_row("data sha256", manifest.data_fingerprint)
    facts.add_row("config sha256", manifest.config_digest)
    made_of = _made_of(artifact)
    if made_of:
        facts.add_row("made of", escape(made_of))
    facts.add_row("predicts", escape(_verdict(manifest)))
    for message in decision.messages if decision else ():
        what, _, told = message.partition(": ")
        facts.add_row(escape(what), escape(told))
    facts.add_row("format", str(manifest.format_version))
    facts.add_row("versions", ", ".join(f"{name} {version}" for name, version in sorted(manifest.versions.items())))
    show(facts, "")
    scores = Table("metric", box=None, pad_edge=False, header_style="bold")
    for header in ("value", "interval", "dummy"):
        scores.add_column(header, justify="right", no_wrap=True)
    for name, score in manifest.metrics.items():
        scores.add_row(
            name,
            format_number(score.value),
            "–" if score.low is None else f"{format_number(score.low)} to {format_number(score.high)}",
            format_number(score.dummy),
        )
    show(scores, "")


def _made_of(artifact: Artifact) -> str:
    """Return the weights and names of the models that were chosen, empty where one was named."""
    import msgspec

    members = msgspec.json.decode(artifact.provenance).get("members", ())
    return " + ".join(f"{member['weight']:.2f} {member['name']}" for member in members)


def _verdict(manifest: Manifest) -> str:
    """Say what answers, the program or scikit-learn, and why."""
    if manifest.proof is None:
        return f"served by scikit-learn: format version {manifest.format_version} held no program"
    return manifest.proof.verdict


def _show_members(members: Sequence[MemberCheck]) -> None:
    from rich.table import Table

    table = Table("member", box=None, pad_edge=False, header_style="bold")
    table.add_column("bytes", justify="right")
    table.add_column("sha256")
    table.add_column("")
    for member in members:
        table.add_row(
            member.name,
            f"{member.size:,}",
            member.sha256[:16],
            "[green]intact[/]" if member.ok else "[bold red]ALTERED[/]",
        )
    show(table)
