"""Words that the data contract and the config share.

They stand apart from the sections so that a stored data contract is read
without pydantic, whose import costs more than opening a model.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["number", "category", "boolean", "text", "date"]
"""How a column is used by the model."""

ColumnKind = Literal["number", "category", "boolean", "text", "date", "ignore"]
"""What a config may say of a column: a kind, or that it is left out."""

Task = Literal["classification", "regression"]
"""What a model predicts: one of some classes, or a number."""
