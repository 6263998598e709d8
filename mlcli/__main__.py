"""``python -m mlcli``: the same as ``mlcli``."""

from mlcli.cli import main

main()
