"""``mlcli schema``."""


def schema_command() -> None:
    """Print the JSON Schema of a config, for editors that complete and check YAML."""
    from mlcli.cli.terminal import show_json
    from mlcli.config.json_schema import config_json_schema

    show_json(config_json_schema())
