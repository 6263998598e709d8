"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

# readable=False: typer would refuse an unreadable file in its own words, as a mistake on the command line.
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="The config. Left out: ./mlcli.yaml.", show_default=False, readable=False
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set any key of the config, such as model.params.C=0.1; repeatable.",
        show_default=False,
    ),
]
ArtifactPath = Annotated[
    Path | None,
    typer.Option(
        "--artifact",
        "-a",
        metavar="PATH",
        help="A run folder or a .mlcli file. Left out: the newest run of the config.",
        show_default=False,
        readable=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]
FailOnDrift = Annotated[
    bool,
    typer.Option("--fail-on-drift", help="Leave with exit code 5 where the rows have drifted far from training."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only warnings and errors on stderr.")]
