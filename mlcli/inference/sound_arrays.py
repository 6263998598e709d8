"""Rules for the constants of a program."""

from __future__ import annotations

import math

import numpy as np

from mlcli.inference.program import Array


class UnsoundError(ValueError):
    """A rule that a program breaks; `mlcli.inference.sound` says where."""


def rule(holds: bool, text: str) -> None:
    """Raise `text` where the rule does not hold."""
    if not holds:
        raise UnsoundError(text)


def finite(number: float, name: str) -> None:
    """Require a finite number."""
    rule(math.isfinite(number), f"{name} must be finite")


def floats(array: Array, shape: tuple[int, ...], name: str, *, nan: bool = False) -> None:
    """Require float64 or float32 numbers of a shape, finite save for NaN where `nan` allows it."""
    rule(array.dtype.kind == "f", f"{name} must hold floats")
    shaped(array, shape, name)
    bad = np.isinf(array) if nan else ~np.isfinite(array)
    rule(not bad.any(), f"{name} must be finite")


def shaped(array: Array, shape: tuple[int, ...], name: str) -> None:
    """Require a shape."""
    rule(array.shape == shape, f"{name} must be of shape {shape}")


def inside(array: Array, low: int, high: int, name: str) -> None:
    """Require whole numbers in [low, high)."""
    rule(array.dtype.kind == "i", f"{name} must hold whole numbers")
    rule(not array.size or bool(array.min() >= low and array.max() < high), f"{name} must lie in [{low}, {high})")


def table(array: Array, name: str) -> tuple[int, int]:
    """Return the shape of a table that has one."""
    rule(array.ndim == 2, f"{name} must have rows and columns")
    return array.shape[0], array.shape[1]


def length(array: Array, name: str) -> int:
    """Return the length of an array that has one."""
    rule(array.ndim == 1, f"{name} must be a plain list of numbers")
    return int(array.shape[0])
