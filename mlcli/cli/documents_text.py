"""How the documents of ``--json`` are listed."""

from __future__ import annotations

from mlcli.cli.documents.document import version_of
from mlcli.cli.documents.json_schema import summary_of
from mlcli.cli.documents.table import DOCUMENTS, document_class
from mlcli.cli.terminal import show


def show_documents() -> None:
    """List every document with its version and the command that prints it."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("document", no_wrap=True)
    table.add_column("printed with --json by", no_wrap=True)
    table.add_column("what it holds")
    for name, entry in DOCUMENTS.items():
        document = document_class(name)
        table.add_row(version_of(document), entry.command, summary_of(document))
    show(table, "", "The schema of one: mlcli schema --document NAME")
