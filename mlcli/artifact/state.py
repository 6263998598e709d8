"""Whether a skops file holds only what a model of ours is made of.

skops decides by types, and builds what is of a trusted type. That leaves room
for a file that is of the right types and still hurts: a tree whose children
lie outside it, an array that claims more memory than there is, a loader that
calls what it should only describe. All of that is refused here, before
anything is built.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from mlcli.archive import read_content, read_layout
from mlcli.artifact.bounds import check_tree_nodes
from mlcli.artifact.canonical import STATE
from mlcli.errors import ArtifactError
from mlcli.npy import view_npy

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FILE = re.compile(r"(?:0|[1-9][0-9]{0,5})\.(?:npy|npz|bin)")
_NPZ_MEMBER = re.compile(r"[a-z_]{1,20}\.npy")
_PLAIN: Mapping[str, frozenset[str]] = {
    "JsonNode": frozenset({"builtins.str"}),
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict"}),
    "DefaultDictNode": frozenset({"collections.defaultdict"}),
    "ListNode": frozenset({"builtins.list"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "SetNode": frozenset({"builtins.set"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "BytesNode": frozenset({"builtins.bytes"}),
    "BytearrayNode": frozenset({"builtins.bytearray"}),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator"}),
    "TreeNode": frozenset({"sklearn.tree._tree.Tree"}),
    "PartialNode": frozenset({"functools.partial"}),
}
"""Loaders that may build these types and no other, whatever else is trusted."""

_JUDGED = frozenset(
    {
        "ObjectNode",
        "TypeNode",
        "FunctionNode",
        "ConstructorFromReduceNode",
        "NdArrayNode",
        "SparseMatrixNode",
        "LossNode",
    }
)
"""Loaders whose types skops holds against the trusted ones. No other loader is
read: not MethodNode and OperatorFuncNode, which call what the file names."""

_SUFFIX = {"NdArrayNode": ".npy", "SparseMatrixNode": ".npz", "BytesNode": ".bin", "BytearrayNode": ".bin"}


def check_state(content: bytes, *, place: str) -> None:
    """Refuse a skops file that `canonical_dump` cannot have written.

    Parameters
    ----------
    content : bytes
        The file.
    place : str
        What it is called in an error message.

    Raises
    ------
    ArtifactError
        If its layout, a member, a node or a tree is not as it must be.
    """
    file = io.BytesIO(content)
    members = {member.name: member for member in read_layout(file, place=place)}
    if STATE not in members:
        _refuse(place, f"must hold {STATE}", "none")
    state = _read_json(read_content(file, members[STATE], place=place), place=place)
    view = memoryview(content)
    # Views, not copies: a forest does not fit into memory twice. skops compares the checksums when it reads them.
    files = {m.name: view[m.start : m.start + m.size] for m in members.values() if m.name != STATE}
    checking = _Checking(files, place)
    try:
        checking.check(state)
    except RecursionError:
        _refuse(place, "must be nested as deep as a model is", "a deeper one")
    unused = files.keys() - checking.used
    if unused:
        _refuse(place, "must hold only the files that its objects use", f"{min(unused)} beside them")
    checking.check_files()


class _Checking:
    """One pass over one state: the objects seen and the files used so far."""

    def __init__(self, files: Mapping[str, memoryview], place: str) -> None:
        self._files = files
        self._place = place
        self._shared: dict[int, dict[str, Any]] = {}
        self.used: set[str] = set()

    def check(self, value: Any) -> None:
        """Check a value of the state and everything below it."""
        if isinstance(value, list):
            for item in value:
                self.check(item)
        elif isinstance(value, dict):
            if isinstance(value.get("__loader__"), str):
                self._check_node(value)
            for item in value.values():
                self.check(item)

    def check_files(self) -> None:
        """Check that every array file holds as many plain values as it says."""
        for name, content in self._files.items():
            if name.endswith(".npy"):
                view_npy(content, place=f"{self._place}: {name}")
            elif name.endswith(".npz"):
                check_npz(content, place=f"{self._place}: {name}")

    def _check_node(self, node: dict[str, Any]) -> None:
        loader = node["__loader__"]
        kind = f"{node.get('__module__')}.{node.get('__class__')}"
        if loader not in _JUDGED and kind not in _PLAIN.get(loader, frozenset()):
            _refuse(self._place, "must be built by the loaders that mlcli knows", f"{loader} of {kind}")
        self._check_shared(node)
        if "file" in node:
            self._check_file(node["file"], loader)
        if loader == "TreeNode":
            self._check_tree(node)

    def _check_shared(self, node: dict[str, Any]) -> None:
        """Check that two places of one object describe the same: skops builds the first and trusts it for both."""
        identity = node.get("__id__")
        if identity is None:
            return
        if not isinstance(identity, int) or self._shared.setdefault(identity, node) != node:
            _refuse(self._place, "must describe each shared object alike", f"two of number {identity!r}")

    def _check_file(self, name: Any, loader: str) -> None:
        if not isinstance(name, str) or not _FILE.fullmatch(name) or not name.endswith(_SUFFIX.get(loader, "/")):
            _refuse(self._place, "must name its files by number", repr(name))
        if name not in self._files:
            _refuse(self._place, "must hold every file that it names", f"no {name}")
        self.used.add(name)

    def _check_tree(self, node: dict[str, Any]) -> None:
        """Check a tree's counts and nodes: scikit-learn follows them without looking."""
        try:
            n_features, classes, n_outputs = node["__reduce__"]["args"]["content"]
            entries = node["content"]["content"]
            n_nodes, n_features, n_outputs = (_whole(count) for count in (entries["node_count"], n_features, n_outputs))
            nodes, values, n_classes = (self._array(entry) for entry in (entries["nodes"], entries["values"], classes))
        except (KeyError, TypeError, ValueError):
            _refuse(self._place, "must hold trees as scikit-learn stores them", "another form")
        if n_classes.shape != (n_outputs,) or len(nodes) != n_nodes or values.shape[:2] != (n_nodes, n_outputs):
            _refuse(self._place, "must hold trees whose counts agree", f"{len(nodes)} nodes for {n_nodes}")
        check_tree_nodes(nodes, n_features=n_features, place=self._place)

    def _array(self, entry: dict[str, Any]) -> NDArray[Any]:
        if entry["__loader__"] != "NdArrayNode" or entry["type"] != "numpy":
            raise TypeError
        return view_npy(self._files[entry["file"]], place=f"{self._place}: {entry['file']}")


def check_npz(content: memoryview, *, place: str) -> None:
    """Refuse an npz file whose arrays are not stored, or not plain.

    Raises
    ------
    ArtifactError
        If one is not.
    """
    file = io.BytesIO(content)
    for member in read_layout(file, place=place):
        if not _NPZ_MEMBER.fullmatch(member.name):
            _refuse(place, "must hold the arrays of a sparse matrix", repr(member.name))
        view_npy(memoryview(read_content(file, member, place=place)), place=f"{place}: {member.name}")


def _whole(node: dict[str, Any]) -> int:
    """Return the whole number that a JSON node holds."""
    number = json.loads(node["content"])
    if node["__loader__"] != "JsonNode" or type(number) is not int or number < 0:
        raise TypeError
    return number


def _read_json(content: bytes, *, place: str) -> dict[str, Any]:
    try:
        state = json.loads(content)
    except (ValueError, RecursionError):
        _refuse(place, f"must hold JSON in {STATE}", "something else")
    if not isinstance(state, dict) or "__loader__" not in state:
        _refuse(place, f"must describe an object in {STATE}", "something else")
    return state


def _refuse(place: str, rule: str, got: str) -> NoReturn:
    raise ArtifactError(f"{place} {rule}. Got {got}.", hint="Train again; do not use a model from an unknown source.")
