"""The CI examples in the docs: YAML that parses, and commands that mlcli knows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML

from mlcli.cli.app import app

PAGE = Path(__file__).parent.parent / "docs" / "ci.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def commands(node):
    """Yield every text of a YAML document that is a command of mlcli."""
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from commands(inner)
    elif isinstance(node, str) and node.startswith("mlcli "):
        yield shlex.split(node)[1:]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n", 1)[0].strip())
def test_every_command_of_the_examples_is_one_that_mlcli_reads(block):
    found = list(commands(YAML(typ="safe").load(block)))

    assert found
    for name, *words in found:
        command = typer.main.get_command(app).commands[name]
        command.make_context(name, words)  # raises for an option or a value that it does not know
