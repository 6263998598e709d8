"""``mlcli schema``."""

from typing import Annotated

import typer


def schema_command(
    document: Annotated[
        str | None,
        typer.Option(
            "--document",
            metavar="NAME",
            help="Print the JSON Schema of a document of --json instead, such as train.",
            show_default=False,
        ),
    ] = None,
    documents: Annotated[
        bool, typer.Option("--documents", help="List the documents of --json, to name one by --document.")
    ] = False,
) -> None:
    """Print the JSON Schema of a config, for editors that complete and check YAML; or of what --json prints."""
    from mlcli.cli.terminal import show_json

    if documents:
        from mlcli.cli.documents_text import show_documents
        from mlcli.errors import ConfigError

        if document is not None:
            raise ConfigError(
                f"`--documents` must stand without --document. Got {document!r}.", hint="Leave one of them out."
            )
        show_documents()
    elif document is not None:
        from mlcli.cli.documents.json_schema import document_schema

        show_json(document_schema(document))
    else:
        from mlcli.config.json_schema import config_json_schema

        show_json(config_json_schema())
