"""The command line: reads, calls and shows; the only room that knows a terminal."""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave with the documented exit code."""
    import sys

    try:
        from mlcli.cli.boundary import run
    except KeyboardInterrupt:  # while the command line itself is still being imported
        sys.exit(130)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets a stand-in for it, not an error.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # both are text files here
    sys.exit(run(sys.argv[1:]))
