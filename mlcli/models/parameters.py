"""The parameters of every model, written down so that listing them imports no library.

``python -m mlcli.models.parameters > mlcli/parameters.json`` writes the file
anew; a test compares it with the installed libraries, and
`mlcli.registry.model_parameters` reads it.
"""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from mlcli.config.sections import Task
from mlcli.models.catalogue import model_parameters_of
from mlcli.registry import MODELS


def collect_parameters() -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Ask the installed libraries for the parameters of every model.

    Returns
    -------
    dict
        By model, by task and by parameter: ``default``, ``allowed`` (in
        words) and, where the default is not the library's, the ``reason``.
    """
    return {name: {task: _by_name(name, cast("Task", task)) for task in entry.tasks} for name, entry in MODELS.items()}


def _by_name(name: str, task: Task) -> dict[str, dict[str, Any]]:
    return {
        parameter.name: {"default": parameter.default, "allowed": parameter.allowed}
        | ({"reason": parameter.reason} if parameter.reason else {})
        for parameter in model_parameters_of(name, task)
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(collect_parameters(), indent=1) + "\n")
