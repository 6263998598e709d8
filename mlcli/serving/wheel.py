"""The running mlcli as a wheel: what proved a model is what serves it."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import mlcli

_WHEEL = "Wheel-Version: 1.0\nGenerator: mlcli {version}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(folder: Path) -> Path:
    """Write mlcli as a wheel, the same bytes every time.

    Parameters
    ----------
    folder : Path
        Where to write it.

    Returns
    -------
    Path
        ``mlcli-VERSION-py3-none-any.whl`` in `folder`.

    References
    ----------
    .. [1] Python Packaging User Guide, "Binary distribution format".
    """
    place = folder / f"mlcli-{mlcli.__version__}-py3-none-any.whl"
    information = f"mlcli-{mlcli.__version__}.dist-info"
    records = []
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _members(information):
            archive.writestr(_entry(name), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            records.append(f"{name},sha256={digest},{len(content)}\n")
        record = f"{information}/RECORD"
        archive.writestr(_entry(record), "".join([*records, f"{record},,\n"]))
    return place


def _members(information: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of every file of the wheel but the last."""
    package = Path(mlcli.__file__).parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"mlcli/{path.relative_to(package).as_posix()}", path.read_bytes()
    yield f"{information}/METADATA", (distribution("mlcli").read_text("METADATA") or "").encode()
    yield f"{information}/WHEEL", _WHEEL.format(version=mlcli.__version__).encode()
    yield f"{information}/entry_points.txt", b"[console_scripts]\nmlcli = mlcli.cli:main\n"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # dated 1980: the time of writing is no content
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    return entry
