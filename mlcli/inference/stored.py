"""A program as bytes: its operations as JSON, its constants as arrays beside them.

The arrays are a zip of npy files, as `numpy.savez` writes it, in the one
layout of `mlcli.archive`. In the operations an array stands as its number.
`numpy.load` reads the file without pickles; we read it without NumPy's reader,
which allocates what a header claims.
"""

from __future__ import annotations

import io
from typing import Any

import msgspec
import numpy as np

from mlcli.archive import read_content, read_layout, write_archive
from mlcli.errors import ArtifactError
from mlcli.inference.program import Program
from mlcli.inference.sound import check_program
from mlcli.npy import view_npy

OPERATIONS_CAP = 64 << 20
"""Longest operations, in bytes."""

DTYPES = ("<f8", "<f4", "<i8", "<i4", "|u1", "|b1")
"""What an array of a program may hold."""

_HINT = "Train again; do not use a model from an unknown source."


def to_bytes(program: Program) -> tuple[bytes, bytes]:
    """Return a program as bytes, the same for the same program.

    Parameters
    ----------
    program : Program
        Operations and constants.

    Returns
    -------
    operations : bytes
        The operations as JSON.
    arrays : bytes
        The constants as an npz file.

    Raises
    ------
    TypeError
        If a constant is of a type that is not stored: a bug of the translation.
    ArtifactError
        If the constants are too long for one file.
    """
    arrays: list[tuple[str, bytes]] = []

    def put(constant: Any) -> Any:
        if isinstance(constant, np.ndarray):
            arrays.append((f"{len(arrays)}.npy", _npy(constant)))
            return str(len(arrays) - 1)
        if isinstance(constant, np.integer | np.floating | np.bool_):
            return constant.item()
        raise TypeError(f"a program holds numbers, texts and arrays. Got {type(constant).__name__}.")

    operations = msgspec.json.encode(program, enc_hook=put)
    file = io.BytesIO()
    write_archive(file, arrays)
    return operations, file.getvalue()


def from_bytes(operations: bytes, arrays: bytes, *, place: str) -> Program:
    """Return the program that `to_bytes` was given, checked.

    Parameters
    ----------
    operations, arrays : bytes
        What `to_bytes` returned, or what somebody made up.
    place : str
        What they are called in an error message.

    Returns
    -------
    Program
        A program that a machine can run without reading outside its arrays.

    Raises
    ------
    ArtifactError
        If the bytes are not a sound program.
    """
    if len(operations) > OPERATIONS_CAP:
        raise ArtifactError(
            f"{place}: the operations must be at most {OPERATIONS_CAP:,} bytes long. Got {len(operations):,}.",
            hint=_HINT,
        )
    constants = _read_arrays(arrays, place=place)
    used: set[str] = set()

    def get(_: type, name: Any) -> Any:
        if not isinstance(name, str) or name not in constants or name in used:
            raise ValueError(f"must name each array once. Got {name!r:.40}")  # msgspec adds where
        used.add(name)
        return constants[name]

    try:
        program = msgspec.json.decode(operations, type=Program, dec_hook=get)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(
            f"{place}: the operations must be as mlcli writes them. {str(error).rstrip('.')}.", hint=_HINT
        ) from None
    if used != constants.keys():
        raise ArtifactError(f"{place} must use every array that it holds. Got one more.", hint=_HINT)
    check_program(program, place=place)
    return program


def _npy(array: np.ndarray) -> bytes:
    """Return an array as an npy file, little-endian and row by row."""
    plain = np.ascontiguousarray(array).reshape(array.shape)
    plain = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    if plain.dtype.str not in DTYPES:
        raise TypeError(f"a program's arrays hold {', '.join(DTYPES)}. Got {array.dtype}.")
    file = io.BytesIO()
    np.lib.format.write_array(file, plain, version=(1, 0), allow_pickle=False)
    return file.getvalue()


def _read_arrays(content: bytes, *, place: str) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file by number."""
    file = io.BytesIO(content)
    arrays: dict[str, np.ndarray] = {}
    for number, member in enumerate(read_layout(file, place=place)):
        where = f"{place}: {member.name}"
        if member.name != f"{number}.npy":
            raise ArtifactError(f"{place} must hold its arrays by number. Got {member.name!r:.40}.", hint=_HINT)
        stored = view_npy(memoryview(read_content(file, member, place=place)), place=where)
        if stored.dtype.str not in DTYPES:
            raise ArtifactError(f"{where} must hold {', '.join(DTYPES)}. Got {stored.dtype}.", hint=_HINT)
        if stored.dtype.kind == "b" and stored.size and stored.view(np.uint8).max() > 1:
            raise ArtifactError(f"{where} must hold truth values as 0 and 1. Got another.", hint=_HINT)
        # Copied: inside the file an array stands at any byte, and unaligned numbers are slow to read.
        array = np.array(stored, order="C")
        array.flags.writeable = False
        arrays[str(number)] = array
    return arrays
