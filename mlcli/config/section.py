"""The base of every section of a config file, and what its keys share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

Label = bool | int | float | str
"""A class label as a config may write it."""

AT_KEY = "at_key"
"""Type of an error that a validator raises about one key, named by its context."""


def at(key: str, text: str) -> PydanticCustomError:
    return PydanticCustomError(AT_KEY, "{text}", {"key": key, "text": text})


class Section(BaseModel):
    """Base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


MAX_SEED = 2**31 - 1
"""Greatest seed that every library takes."""

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
"""What ``random_state`` may be."""
