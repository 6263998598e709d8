"""The folder that `preprocess` writes and `train` reuses.

::

    prepared/
    ├── train.parquet    typed training rows
    ├── test.parquet     typed held-out rows
    ├── schema.json      the data contract
    ├── findings.json    what a look at the data found
    └── prepared.json    how it was made, with the fingerprint
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from mlcli.atomic import atomic_folder
from mlcli.data.findings import Finding
from mlcli.data.prepared import read_dataset, write_dataset
from mlcli.data.schema import Schema
from mlcli.errors import DataError, OutputError
from mlcli.training.prepare import Fold, Prepared


class _Made(msgspec.Struct, frozen=True):
    """How a prepared folder was made."""

    fingerprint: str
    data_fingerprint: str
    split: str
    folds: tuple[Fold, ...]
    decision_folds: tuple[Fold, ...] = ()
    tune_folds: tuple[Fold, ...] = ()


def save_prepared(prepared: Prepared, folder: Path) -> None:
    """Write prepared rows to `folder`, in place of an earlier preparation.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    made = _Made(
        prepared.fingerprint,
        prepared.data_fingerprint,
        prepared.split,
        prepared.folds,
        prepared.decision_folds,
        prepared.tune_folds,
    )
    if folder.exists() and not (folder / "prepared.json").is_file():
        raise OutputError(
            f"{folder} must be new, or hold an earlier preparation. Got something else.", hint="Name another folder."
        )
    fresh = folder.with_name(f".{folder.name}.fresh-{os.getpid()}")
    with atomic_folder(fresh) as temporary:
        write_dataset(temporary / "train.parquet", prepared.train, prepared.schema)
        write_dataset(temporary / "test.parquet", prepared.test, prepared.schema)
        (temporary / "schema.json").write_bytes(prepared.schema.to_json())
        (temporary / "findings.json").write_bytes(msgspec.json.format(msgspec.json.encode(prepared.findings)))
        (temporary / "prepared.json").write_bytes(msgspec.json.encode(made))
    # The earlier preparation goes only now that the new one is whole.
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)


def load_prepared(folder: Path, *, fingerprint: str) -> Prepared | None:
    """Read the prepared rows in `folder`, or None when they are not those of `fingerprint`.

    A folder that is missing, damaged or made under another config, other data
    or other versions is no error: the rows are then prepared anew.
    """
    try:
        made = msgspec.json.decode((folder / "prepared.json").read_bytes(), type=_Made)
        if made.fingerprint != fingerprint:
            return None
        schema = Schema.from_json((folder / "schema.json").read_bytes())
        return Prepared(
            schema=schema,
            train=read_dataset(folder / "train.parquet", schema),
            test=read_dataset(folder / "test.parquet", schema),
            folds=made.folds,
            findings=msgspec.json.decode((folder / "findings.json").read_bytes(), type=tuple[Finding, ...]),
            split=made.split,
            data_fingerprint=made.data_fingerprint,
            fingerprint=made.fingerprint,
            decision_folds=made.decision_folds,
            tune_folds=made.tune_folds,
        )
    except (OSError, msgspec.DecodeError, DataError):
        return None
