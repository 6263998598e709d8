from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The sample tables of the repository."""
    return Path(__file__).parent.parent / "data"
