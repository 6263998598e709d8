"""The house keeps its order: imports point up, and nothing heavy is imported at the top of a light room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mlcli

PACKAGE = Path(mlcli.__file__).parent
ROOMS = (
    "errors",
    "registry",
    "spaces",
    "atomic",
    "archive",
    "npy",
    "config",
    "data",
    "features",
    "models",
    "evaluation",
    "inference",
    "artifact",
    "training",
    "serving",
    "cli",
)
HEAVY = {
    "sklearn",
    "pandas",
    "scipy",
    "pyarrow",
    "skops",
    "matplotlib",
    "lightgbm",
    "xgboost",
    "catboost",
    "sqlalchemy",
    "optuna",
}
# These define classes on scikit-learn's bases; other modules import them inside functions only.
ESTIMATOR_MODULES = {"features", "models"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree, *, top_only):
    """Yield the modules a file imports, those for type checkers alone left out."""
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            pending.extend(node.orelse)
        elif not (top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            pending.extend(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_up_the_list_of_rooms(path):
    room = room_of(path)
    if room in {"__init__", "__main__"}:
        pytest.skip("the package's own door may name any room")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    below = {
        name
        for name in imports(tree, top_only=False)
        if name.startswith("mlcli.") and ROOMS.index(name.split(".")[1]) > ROOMS.index(room)
    }
    assert below == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_a_heavy_library_at_its_top(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {name.split(".")[0] for name in imports(tree, top_only=True)} & HEAVY
    if room_of(path) in ESTIMATOR_MODULES:
        found -= {"sklearn", "scipy", "pandas"}
    assert found == set()


def test_a_planted_import_is_found():
    tree = ast.parse(
        "import os\ndef f():\n    import pandas\nclass A:\n    from mlcli.cli import main\nimport sklearn.svm"
    )
    assert set(imports(tree, top_only=True)) == {"os", "mlcli.cli", "sklearn.svm"}
    assert "pandas" in set(imports(tree, top_only=False))
