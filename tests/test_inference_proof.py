"""The proof catches a planted error in every constant of every operation, and passes what is right."""

from __future__ import annotations

import json
import re
from typing import Any, get_args, get_type_hints

import msgspec
import numpy as np
import pytest
from program_samples import Reference, frame, samples, trees

from mlcli.data.frames import columns_from_frame, frame_from_columns
from mlcli.data.typed import NAT, columns_from_rows
from mlcli.errors import ArtifactError
from mlcli.inference import program as program_module
from mlcli.inference.machine import Machine
from mlcli.inference.proof import SINGLE_TOLERANCE, TOLERANCE, prove, tolerance_of
from mlcli.inference.proof_rows import N_ROWS, cells_of, proof_rows
from mlcli.inference.proof_thresholds import _nodes_on_the_way
from mlcli.inference.sound import check_contract
from mlcli.inference.stored import from_bytes, to_bytes

SAMPLES = samples()
FRAME = frame()


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key] if isinstance(key, int) else getattr(value, key)
    return value


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return `value` with `new` at `path`."""
    if not path:
        return new
    key, *rest = path
    inner = replaced(at(value, (key,)), tuple(rest), new)
    if isinstance(key, int):
        return (*value[:key], inner, *value[key + 1 :])
    return msgspec.structs.replace(value, **{key: inner})


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Yield the path of every constant below `value`."""
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from leaves(getattr(value, field), (*path, field))
    elif isinstance(value, tuple) and any(isinstance(item, msgspec.Struct | tuple | np.ndarray) for item in value):
        for i, item in enumerate(value):
            yield from leaves(item, (*path, i))
        yield path
    elif value is not None:
        yield path


def mutants(value: Any, choices: tuple[Any, ...]) -> Any:
    """Yield (what was done, the constant with an error in it)."""
    match value:
        case np.ndarray():
            yield from array_mutants(value)
        case bool():
            yield "flipped", not value
        case float():
            yield "nudged", value * 1.01 + 0.01
        case int():
            yield "shifted", value + 1
        case str():
            yield from ((f"taken for {other}", other) for other in choices if other != value)
        case tuple():
            if value[:-1]:
                yield "cut", value[:-1]
                if not isinstance(value[0], np.ndarray | msgspec.Struct) and value[::-1] != value:
                    yield "turned", value[::-1]
            elif value and isinstance(value[0], msgspec.Struct):
                yield "emptied", ()
            for i, item in enumerate(value):
                if isinstance(item, bool | int | float | str):
                    for what, other in mutants(item, ("month",)):
                        yield f"{what} at {i}", (*value[:i], other, *value[i + 1 :])


def array_mutants(array: np.ndarray) -> Any:
    if array.dtype == np.uint8:
        terms = json.loads(array.tobytes())
        for what, other in (("turned", terms[::-1]), ("changed", [terms[0] + "x", *terms[1:]])):
            yield what, np.frombuffer(json.dumps(other).encode(), np.uint8)
        return
    for i in sorted({0, array.size - 1}):
        other = array.copy()
        flat = other.reshape(-1)
        if array.dtype.kind == "b":
            flat[i] = not flat[i]
        else:
            flat[i] += 1 if array.dtype.kind == "i" else 0.01 * abs(flat[i]) + 0.01
        yield f"nudged at {i}", other
    for what, other in (("rolled", np.roll(array, 1)), ("turned", array.reshape(-1)[::-1].reshape(array.shape))):
        if not np.array_equal(other, array):
            yield what, np.ascontiguousarray(other)


def literals(owner: Any, field: str) -> tuple[Any, ...]:
    if not isinstance(owner, msgspec.Struct):
        return ()
    return get_args(get_type_hints(type(owner), vars(program_module)).get(field))


def planted(name: str) -> Any:
    """Yield (what was done where, the program with the error) for a sample."""
    made, _ = SAMPLES[name]
    for path in leaves(made):
        choices = literals(at(made, path[:-1]), path[-1]) if path else ()
        for what, other in mutants(at(made, path), choices):
            yield f"{'.'.join(map(str, path))} {what}", replaced(made, path, other)


def caught(mutant: Any, reference: Reference) -> bool:
    """Say whether a program is refused, or not proven, even on a twentieth of the rows that `train` takes."""
    try:
        again = from_bytes(*to_bytes(mutant), place="here")
        check_contract(again, reference.schema, place="here")
        machine = Machine(again)
    except ArtifactError:
        return True
    with np.errstate(all="ignore"):
        return not prove(machine, reference, reference.schema, FRAME, n_rows=N_ROWS // 20).proven


ALIKE = (
    (
        r"steps\.0\.limit nudged",
        "whatever lies beyond the limit is settled: an exp that is infinite, a sigmoid that is 0 or 1",
    ),
    (r"origins shifted", "a microsecond, in days, is less than the tolerance"),
    (r"dates .*values nudged at 3", "the flag of a missing date is never missing itself"),
    (r"vectorizers\.\d\.high shifted", "longer n-grams than the vocabulary holds find nothing in it"),
    (r"kernel .*(degree|coef0)", "an rbf kernel has neither"),
    (r"head\.(threshold|missing_left) nudged at (9|29)", "a leaf asks nothing"),
    (r"head\.value nudged at 0", "an inner node has no value"),
    (r"head\.(means|cover) ", "explanations read them, and predictions do not"),
    (r"forest .*strict flipped", "its thresholds are no float32, so nothing can equal one"),
)
"""Changes that are no errors: the program answers as before."""


@pytest.mark.parametrize("name", SAMPLES)
def test_the_proof_catches_an_error_planted_in_any_constant(name):
    reference = Reference(*SAMPLES[name])
    found = list(planted(name))
    survivors = [what for what, mutant in found if not caught(mutant, reference)]
    assert len(found) > 20
    assert [what for what in survivors if not is_alike(f"{name} {what}")] == []


def is_alike(what: str) -> bool:
    return any(re.search(pattern, what) for pattern, _ in ALIKE)


def test_every_change_that_is_no_error_is_still_made():
    """A pattern that matches nothing would hide nothing, and should go."""
    made = [f"{name} {what}" for name in SAMPLES for what, _ in planted(name)]
    assert [pattern for pattern, _ in ALIKE if not any(re.search(pattern, what) for what in made)] == []


def test_errors_are_planted_in_every_field_of_every_operation():
    touched = {
        (type(at(made, path[:-1])).__name__, path[-1])
        for made, _ in SAMPLES.values()
        for path in leaves(made)
        if path and isinstance(path[-1], str)
    }
    # A tuple's own entries stand for the field that holds it.
    touched |= {
        (type(at(made, path[:cut])).__name__, path[cut])
        for made, _ in SAMPLES.values()
        for path in leaves(made)
        for cut in range(len(path))
        if isinstance(path[cut], str)
    }
    fields = {(kind.__name__, field) for kind in operations() for field in kind.__struct_fields__}
    assert fields - touched == set()


def operations() -> list[type]:
    kinds = [kind for kind in vars(program_module).values() if isinstance(kind, type)]
    return [
        kind for kind in kinds if issubclass(kind, msgspec.Struct) and kind not in {program_module.Op, msgspec.Struct}
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_program_is_proven_equal_to_what_it_was_made_of(name):
    made, contract = SAMPLES[name]
    proof = prove(Machine(made), Reference(made, contract), contract, FRAME)
    assert proof.reason is None
    assert proof.proven
    assert proof.n_rows >= N_ROWS
    assert proof.largest_difference == 0.0
    assert f"proven on {proof.n_rows:,} rows" in proof.verdict


def test_the_same_program_is_proven_on_the_same_rows():
    made, contract = SAMPLES["dates"]
    training = columns_from_frame(FRAME, contract)
    first, again = (proof_rows(made, contract, training) for _ in range(2))
    for cells, others in zip(first.columns, again.columns, strict=True):
        assert [repr(cell) for cell in cells] == [repr(cell) for cell in others]


class Distorted(Reference):
    """A pipeline that answers a little, or very, differently."""

    distort: Any = staticmethod(lambda outputs: outputs)

    def outputs(self, X: Any) -> Any:
        return self.distort(super().outputs(X).copy())


@pytest.mark.parametrize(
    ("name", "distort", "proven"),
    [
        pytest.param("platt", lambda o: o + np.array([[-4e-10, 4e-10]]), True, id="a difference of rounding"),
        pytest.param("platt", lambda o: o + np.array([[-2e-9, 2e-9]]), False, id="a difference beyond rounding"),
        pytest.param("linear", lambda o: o * (1 + 5e-10), True, id="a large value a little off"),
        pytest.param("linear", lambda o: o * (1 + 2e-9), False, id="a value off by more"),
        pytest.param("linear", lambda o: np.where(o > 1.2, np.nan, o), False, id="no number"),
        pytest.param("linear", lambda o: np.where(np.arange(len(o))[:, None] == 7, o + 1, o), False, id="one row alone"),
        pytest.param("platt", lambda o: o[:, :1], False, id="another number of outputs"),
    ],
)  # fmt: skip
def test_both_sides_of_the_tolerance(name, distort, proven):
    made, contract = SAMPLES[name]
    pipeline = Distorted(made, contract)
    pipeline.distort = distort
    proof = prove(Machine(made), pipeline, contract, FRAME)
    assert proof.proven is proven
    assert (proof.reason is None) is proven
    if not proven:
        assert proof.verdict.startswith("served by scikit-learn: ")


class Moody(Machine):
    """A machine whose answer hangs on how many rows it is given."""

    def __init__(self, made: Any, *, alone: float = 0.0, in_tens: float = 0.0) -> None:
        super().__init__(made)
        self._alone, self._in_tens = alone, in_tens

    def row(self, cells: Any) -> list[float]:
        return [output + self._alone for output in super().row(cells)]

    def rows(self, columns: Any) -> Any:
        return super().rows(columns) + (self._in_tens if columns.n_rows == 10 else 0.0)


@pytest.mark.parametrize("mood", [{"alone": 1e-12}, {"in_tens": 1e-12}])
def test_a_row_that_changes_with_its_company_is_not_proven(mood):
    made, contract = SAMPLES["linear"]
    proof = prove(Moody(made, **mood), Reference(made, contract), contract, FRAME)
    assert not proof.proven
    assert "alone" in proof.reason
    assert prove(Moody(made), Reference(made, contract), contract, FRAME).proven


def rows_of(name):
    made, contract = SAMPLES[name]
    return proof_rows(made, contract, columns_from_frame(FRAME, contract)), contract


def test_the_rows_hold_what_is_special_of_each_kind():
    rows, contract = rows_of("linear")
    length, width, paid, colour, since, note = rows.columns
    for special in (1e300, -1e300, 0.0, FRAME["length"].min(), FRAME["length"].max()):
        assert (length == special).any()
    assert np.isnan(length).any()
    assert np.signbit(width[width == 0.0]).any()
    assert (width > FRAME["width"].max()).any()
    assert {str(value) for value in np.unique(paid)} == {"0.0", "1.0", "nan"}
    assert set(np.unique(colour)) == {0, 1, 2, 3, 4}
    assert (since == NAT).any()
    assert "" in note
    assert any("日" in text for text in note)
    assert rows.n_rows >= N_ROWS
    everything_missing = [np.nan, np.nan, np.nan, 4, NAT, ""]
    found = [cells_of(rows, i) for i in np.flatnonzero(np.isnan(length) & np.isnan(width) & (since == NAT))]
    assert any(repr(cells) == repr([*map(float, everything_missing[:3]), *everything_missing[3:]]) for cells in found)
    assert len(contract.columns) == len(rows.columns)


def test_no_row_holds_two_huge_numbers():
    """What they cancel to would hang on the order in which they are added."""
    rows, _ = rows_of("linear")
    huge = sum((np.abs(rows.columns[j]) > 1e6).astype(int) for j in (0, 1))
    assert huge.max() == 1


def test_rows_reach_each_threshold_and_the_numbers_beside_it():
    rows, _ = rows_of("trees")
    head = SAMPLES["trees"][0].node.head
    for feature, threshold in zip(head.feature, head.threshold, strict=True):
        if feature >= 0:
            cells = rows.columns[feature]
            for beside in (threshold, np.nextafter(threshold, -np.inf), np.nextafter(threshold, np.inf)):
                assert (cells == beside).any()


def test_a_drawn_node_lies_on_the_way_down():
    head = trees()
    features = np.random.default_rng(0).normal(size=(500, 2))
    nodes = _nodes_on_the_way(head, features, np.random.default_rng(1))
    assert set(nodes.tolist()) == set(np.flatnonzero(head.feature >= 0).tolist())
    for row, node in zip(features, nodes, strict=True):
        ways = set()
        for root in range(head.n_trees):
            at_node = root
            while head.feature[at_node] >= 0:
                ways.add(at_node)
                at_node = head.child[at_node] + int(row[head.feature[at_node]] > head.threshold[at_node])
        assert node in ways


def test_the_rows_of_both_are_the_same_rows():
    """The pipeline reads a frame, the program plain columns; the one is made of the other."""
    rows, contract = rows_of("linear")
    again = columns_from_frame(frame_from_columns(rows, contract), contract)
    for column, cells, others in zip(contract.columns, rows.columns, again.columns, strict=True):
        if column.kind == "text":
            assert cells == others
        else:
            np.testing.assert_array_equal(cells, others)


def test_single_cells_make_the_row_that_they_were_taken_from():
    rows, contract = rows_of("dates")
    one = columns_from_rows([cells_of(rows, 11)], contract.columns)
    machine = Machine(SAMPLES["dates"][0])
    assert machine.row(cells_of(rows, 11)) == machine.rows(one)[0].tolist()


def test_models_that_add_up_in_float32_may_be_off_by_more():
    pytest.importorskip("xgboost")
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBClassifier

    assert tolerance_of(make_pipeline(LogisticRegression())) == TOLERANCE
    assert tolerance_of(make_pipeline(XGBClassifier())) == SINGLE_TOLERANCE
    assert tolerance_of(make_pipeline(CalibratedClassifierCV(XGBClassifier()))) == SINGLE_TOLERANCE
