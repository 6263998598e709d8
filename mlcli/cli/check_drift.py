"""``mlcli check --against``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mlcli.errors import ConfigError


def check_drift(
    data: str | None,
    against: Path | None,
    *,
    overrides: Sequence[str] | None,
    gate: bool,
    strict: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Hold new rows against those that a run was trained on, and show what differs.

    Raises
    ------
    ConfigError
        If the rows or the run are not named.
    ShortfallError
        If the rows have drifted and that was asked to fail.
    """
    from mlcli.cli.drift_text import refuse_drift, show_drift
    from mlcli.cli.locate import find_model
    from mlcli.cli.terminal import show_json, stages

    if against is None or data is None:
        raise ConfigError(
            f"drift must be asked of new rows against a run. Got no {'run' if against is None else 'rows'}.",
            hint="mlcli check --against RUN DATA; a config is named by --config FILE",
        )
    with stages(verbose=verbose, quiet=quiet):
        model = find_model(None, against, overrides, quiet=quiet)

        from mlcli.data.source import source_from_path
        from mlcli.training.drift import compare_source
        from mlcli.training.stored_config import stored_config

        source = source_from_path(data, like=stored_config(model, overrides=overrides or ()).data)
        report = compare_source(model, source, stdin=sys.stdin.buffer)
    if as_json:
        from mlcli.cli.documents.checked import DriftCheckDocument

        manifest = model.manifest
        show_json(DriftCheckDocument(name=manifest.name, digest=manifest.digest, data=data, drift=report))
    else:
        show_drift(report, title=f"{source.label}: {report.n_rows:,} rows against {model.manifest.name}")
    refuse_drift(report, source=source.label, gate=gate, strict=strict)
