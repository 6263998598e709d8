"""Programs as bytes: written once, read checked, refused when they point anywhere outside themselves."""

import io
import json
import zipfile

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_samples import frame, model, numbers, program, samples, schema, trees, weights, words

from mlcli.archive import write_archive
from mlcli.data.frames import columns_from_frame
from mlcli.errors import ArtifactError
from mlcli.inference.machine import Machine
from mlcli.inference.program import Linear, Lookup, OneHot, Program, Text
from mlcli.inference.sound import check_contract
from mlcli.inference.stored import from_bytes, to_bytes

SAMPLES = samples()


def read(operations, arrays):
    return from_bytes(operations, arrays, place="here")


def refused(operations, arrays, match=None):
    with pytest.raises(ArtifactError, match=match) as caught:
        read(operations, arrays)
    assert caught.value.message.startswith("here")
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("name", SAMPLES)
def test_a_stored_program_is_the_same_program(name):
    made, contract = SAMPLES[name]
    operations, arrays = to_bytes(made)
    again = read(operations, arrays)
    assert to_bytes(again) == (operations, arrays)
    columns = columns_from_frame(frame(), contract)
    np.testing.assert_array_equal(Machine(again).rows(columns), Machine(made).rows(columns))


def test_every_operation_has_a_sample():
    """Whoever adds an operation adds it to the samples that all these tests run over."""
    written = b"".join(to_bytes(made)[0] for made, _ in SAMPLES.values())
    kinds = {json.loads(msgspec.json.encode(kind.__struct_config__.tag)) for kind in _subclasses()}
    assert {kind for kind in kinds if f'"op":"{kind}"'.encode() not in written} == set()


def _subclasses():
    from mlcli.inference.program import Op

    return Op.__subclasses__()


def test_numpy_reads_the_arrays_without_pickles():
    _, arrays = to_bytes(SAMPLES["kernel"][0])
    with np.load(io.BytesIO(arrays), allow_pickle=False) as found:
        assert len(found.files) == 8
    with zipfile.ZipFile(io.BytesIO(arrays)) as archive:
        assert archive.testzip() is None


def test_arrays_of_any_order_and_byte_order_are_stored_alike():
    head = Linear(np.asfortranarray(weights(3, 2)), weights(3), "softmax")
    other = Linear(weights(3, 2).astype(">f8"), weights(3), "softmax")
    stored = [to_bytes(program(model(each, numbers()), n_classes=3)) for each in (head, other)]
    assert stored[0] == stored[1]


def test_an_array_of_objects_is_a_bug_of_the_translation():
    head = Linear(np.array([[print, 1]], dtype=object), weights(1), "identity")
    with pytest.raises(TypeError, match="object"):
        to_bytes(program(model(head, numbers())))


def changed(name, edit):
    """Return a sample's bytes with its operations edited as JSON."""
    operations, arrays = to_bytes(SAMPLES[name][0])
    tree = json.loads(operations)
    edit(tree)
    return json.dumps(tree).encode(), arrays


def put(*path, value):
    def edit(tree):
        for key in path[:-1]:
            tree = tree[key]
        tree[path[-1]] = value

    return edit


FEATURE = ("node", "features", 0)
SECOND = ("node", "features", 1)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        pytest.param("linear", put(*FEATURE, "columns", value=[0, 6]), id="a column that is not there"),
        pytest.param("linear", put(*FEATURE, "columns", value=[-1, 0]), id="a column from the end"),
        pytest.param("linear", put(*FEATURE, "columns", value=[0, 3]), id="a column of another kind"),
        pytest.param("linear", put(*FEATURE, "columns", value=[]), id="no column"),
        pytest.param("linear", put(*FEATURE, "start", value=1), id="features with a gap"),
        pytest.param("linear", put(*SECOND, "start", value=1), id="features that overlap"),
        pytest.param("linear", put(*SECOND, "start", value=-2), id="features before the first"),
        pytest.param("linear", put(*SECOND, "width", value=5), id="a width that is not filled"),
        pytest.param("linear", put(*SECOND, "width", value=2**40), id="a width beyond all memory"),
        pytest.param("linear", put("node", "n_features", value=2**40), id="features beyond all memory"),
        pytest.param("linear", put("node", "features", value=[]), id="no features"),
        pytest.param("linear", put("columns", 3, "n_levels", value=9), id="more levels than positions"),
        pytest.param("linear", put("n_outputs", value=2), id="outputs that nobody gives"),
        pytest.param("linear", put("node", "head", "link", value="softmax"), id="a link for several values"),
        pytest.param("lookup", put("node", "head", "link", value="sigmoid"), id="a link for one value"),
        pytest.param("linear", put("node", "head", "link", value="eval"), id="a link that nobody knows"),
        pytest.param("linear", put("node", "head", "op", value="pickle"), id="a head that nobody knows"),
        pytest.param("linear", put("node", "head", "coef", value="99"), id="an array that is not there"),
        pytest.param("linear", put("node", "head", "coef", value="../0"), id="an array that climbs"),
        pytest.param("linear", put("node", "head", "coef", value=[[1.0]]), id="an array in the operations"),
        pytest.param("linear", put("node", "head", "coef", value=None), id="no array"),
        pytest.param("linear", put("node", "head", "slopes", value=None) , id="nothing changed but its form"),
        pytest.param("platt", put("node", "head", "offsets", value=None), id="slopes without offsets"),
        pytest.param("linear", put(*FEATURE, "steps", 0, "limit", value=-1.0), id="a limit below 0"),
        pytest.param("dates", put(*SECOND, "parts", value=[["year", "era"]]), id="a part of no date"),
        pytest.param("dates", put(*SECOND, "parts", value=[["year"], ["day"]]), id="parts of no column"),
        pytest.param("dates", put(*SECOND, "origins", value=[2**80]), id="an origin beyond all time"),
        pytest.param("text", put(*FEATURE, "vectorizers", 0, "high", value=10**12), id="n-grams without end"),
        pytest.param("text", put(*FEATURE, "vectorizers", 0, "low", value=0), id="n-grams of no length"),
        pytest.param("text", put(*FEATURE, "width", value=8), id="fewer features than terms"),
        pytest.param("components", put(*FEATURE, "width", value=9), id="more features than components"),
        pytest.param("poly", put("node", "head", "degree", value=10**9), id="a degree without end"),
        pytest.param("network", put("node", "head", "activation", value="os.system"), id="an activation that nobody knows"),
        pytest.param("vote", put("node", "weights", value=[0.5, 0.6]), id="votes of more than one"),
        pytest.param("vote", put("node", "weights", value=[1.5, -0.5]), id="a vote against"),
        pytest.param("vote", put("node", "weights", value=[1.0]), id="a member without a vote"),
        pytest.param("vote", put("node", "members", value=[]), id="a vote of nobody"),
        pytest.param("threshold", put("threshold", value=2.0), id="a threshold beyond 1"),
        pytest.param("threshold", put("positive", value=2), id="a threshold of no class"),
        pytest.param("threshold", put("positive", value=None), id="a threshold without a class"),
        pytest.param("isotonic", put("node", "x", value=[]), id="a curve without points"),
        pytest.param("trees", put("node", "head", "n_trees", value=0), id="no trees"),
        pytest.param("trees", put("node", "head", "n_trees", value=10**9), id="more trees than nodes"),
        pytest.param("trees", put("node", "head", "outputs", value=10**9), id="outputs beyond all memory"),
        pytest.param("trees", put("node", "head", "divisor", value=0.0), id="a mean over none"),
    ],
)  # fmt: skip
def test_operations_that_do_not_fit_are_refused(name, edit):
    operations, arrays = changed(name, edit)
    if json.loads(operations) == json.loads(to_bytes(SAMPLES[name][0])[0]):
        assert read(operations, arrays)  # the editing itself hurts nothing
    else:
        refused(operations, arrays)


def rewired(name, number, array):
    """Return a sample's bytes with another array."""
    operations, arrays = to_bytes(SAMPLES[name][0])
    with np.load(io.BytesIO(arrays)) as found:
        contents = {f"{key}.npy": npy(found[key]) for key in found.files}
    contents[f"{number}.npy"] = array if isinstance(array, bytes) else npy(array)
    return operations, zipped(contents)


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def zipped(contents):
    file = io.BytesIO()
    write_archive(file, contents.items())
    return file.getvalue()


def claiming(shape):
    """An array file of 8 bytes whose header claims another shape."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(8)


def constants(name, field):
    """Return a constant of a sample's head and the number under which it is stored."""
    operations, arrays = to_bytes(SAMPLES[name][0])
    number = json.loads(operations)["node"]["head"][field]
    with np.load(io.BytesIO(arrays)) as found:
        return found[number], number


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(npy(np.array([print], dtype=object), allow_pickle=True), id="objects, which are a pickle"),
        pytest.param(claiming((10**11,)), id="more memory than there is"),
        pytest.param(claiming((2**62, 2**62)), id="more than a number can count"),
        pytest.param(claiming((-1,)), id="a negative length"),
        pytest.param(npy(np.zeros(2))[:-1], id="too few bytes"),
        pytest.param(b"\x80\x04\x8c\x02os.", id="a pickle"),
        pytest.param(b"", id="nothing"),
        pytest.param(npy(np.array(["a", "b"])), id="texts"),
        pytest.param(npy(np.zeros(2, dtype="c16")), id="complex numbers"),
        pytest.param(npy(np.zeros(2, dtype="f2")), id="short numbers"),
        pytest.param(npy(np.zeros(2, dtype=[("a", "f8")])), id="records"),
        pytest.param(npy(np.zeros(3)), id="another length"),
        pytest.param(npy(np.zeros((2, 1))), id="another shape"),
        pytest.param(npy(np.float64(0.0)), id="no shape"),
        pytest.param(npy(np.array([1.0, np.nan])), id="no number"),
        pytest.param(npy(np.array([1.0, np.inf])), id="an infinite number"),
        pytest.param(npy(np.zeros(2, dtype="i8")), id="whole numbers"),
    ],
)
def test_arrays_hold_what_their_operation_needs_and_nothing_else(array):
    refused(*rewired("linear", 0, array))


def test_truth_values_are_0_or_1():
    stored, number = constants("trees", "missing_left")
    refused(*rewired("trees", number, npy(stored).replace(stored.tobytes(), b"\x02" * len(stored))), match="0 and 1")


def shifted(field, change):
    array, number = constants("trees", field)
    array = array.copy()
    change(array)
    return rewired("trees", number, array)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        pytest.param("child", lambda a: a.__setitem__(0, 0), id="a node that is its own child"),
        pytest.param("child", lambda a: a.__setitem__(2, 0), id="a child above its parent"),
        pytest.param("child", lambda a: a.__setitem__(0, len(a) - 1), id="a right child behind the last node"),
        pytest.param("child", lambda a: a.__setitem__(0, 2**31 - 1), id="a child far outside"),
        pytest.param("child", lambda a: a.__setitem__(0, -7), id="a child before the first node"),
        pytest.param("child", lambda a: a.__setitem__(0, a[1]), id="a child of two parents"),
        pytest.param("feature", lambda a: a.__setitem__(0, 2), id="a feature behind the last"),
        pytest.param("feature", lambda a: a.__setitem__(0, -2), id="a feature before the first"),
        pytest.param("value", lambda a: a.__setitem__((3, 0), np.nan), id="a leaf without a number"),
    ],
)  # fmt: skip
def test_trees_that_cannot_be_walked_are_refused(field, change):
    refused(*shifted(field, change))


def test_positions_lie_inside_the_width():
    for code in (-2, 4):
        op = OneHot(3, 2, 4, np.array([0, 1, 2, code, -1]))
        made = program(model(Linear(weights(1, 6), weights(1), "identity"), numbers(), op))
        refused(*to_bytes(made), match="one_hot")


def test_a_table_has_a_row_for_each_code():
    made = program(model(Linear(weights(1, 4), weights(1), "identity"), numbers(), Lookup(3, 2, weights(4, 2))))
    refused(*to_bytes(made), match="lookup")


@pytest.mark.parametrize("terms", [b"[1, 2]", b'["a", "a"]', b"{}", b"[", b'["\\ud800", "b"]', b"\xff\xff"])
def test_terms_are_a_list_of_texts(terms):
    vectorizer = msgspec.structs.replace(words(), terms=np.frombuffer(terms, np.uint8), idf=np.ones(2))
    made = program(model(Linear(weights(1, 2), weights(1), "identity"), Text(5, 0, 2, (vectorizer,), 4.0)))
    refused(*to_bytes(made), match="terms")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda contents: contents | {"9.npy": npy(np.zeros(2))}, id="an array more"),
        pytest.param(lambda contents: contents | {"evil.pkl": b"\x80\x04."}, id="a pickle more"),
        pytest.param(lambda contents: {k: v for k, v in contents.items() if k != "0.npy"}, id="an array less"),
        pytest.param(lambda contents: dict(reversed(contents.items())), id="another order"),
    ],
)
def test_the_arrays_are_those_of_the_operations(change):
    operations, arrays = to_bytes(SAMPLES["linear"][0])
    with zipfile.ZipFile(io.BytesIO(arrays)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    refused(operations, zipped(change(contents)))


def test_a_compressed_archive_is_refused():
    """A bomb: a few bytes that become gigabytes."""
    file = io.BytesIO()
    np.savez_compressed(file, **{"0": np.zeros(10**6)})
    refused(to_bytes(SAMPLES["linear"][0])[0], file.getvalue())


def test_an_array_is_used_once():
    def share(tree):
        tree["node"]["head"]["intercept"] = tree["node"]["head"]["coef"]

    refused(*changed("linear", share))


@pytest.mark.parametrize("operations", [b"", b"{", b"[]", b"{}", b"null", b"\xff\xfe", b"[" * 100_000])
def test_operations_that_are_no_program_are_refused(operations):
    refused(operations, to_bytes(SAMPLES["linear"][0])[1])


def test_a_tower_of_nodes_is_refused():
    inner = to_bytes(SAMPLES["sigmoids"][0])[0]
    tower = inner.replace(b'"member":', b'"member":' + b'{"op":"vote","weights":[1.0],"members":[' * 5_000)
    refused(tower, to_bytes(SAMPLES["sigmoids"][0])[1])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_changed_bytes_are_refused_or_run(data):
    """Whatever is changed, reading ends in an ArtifactError or in a program that runs without a crash."""
    name = data.draw(st.sampled_from(sorted(SAMPLES)))
    made, contract = SAMPLES[name]
    parts = [bytearray(part) for part in to_bytes(made)]
    part = data.draw(st.sampled_from(parts))
    for position in data.draw(st.lists(st.integers(0, len(part) - 1), min_size=1, max_size=3)):
        part[position] = data.draw(st.integers(0, 255))
    try:
        read_back = read(*map(bytes, parts))
        check_contract(read_back, contract, place="here")
    except ArtifactError:
        return
    with np.errstate(all="ignore"):
        assert Machine(read_back).rows(columns_from_frame(frame(), contract)).shape[0] == len(frame())


@pytest.mark.parametrize("change", ["name", "kind", "n_levels"])
def test_a_program_for_other_columns_than_the_contract_is_refused(change):
    made, contract = SAMPLES["constant"]
    other = {"name": "height", "kind": "category", "n_levels": 7}[change]
    columns = (*made.columns[:5], msgspec.structs.replace(made.columns[5], **{change: other}))
    with pytest.raises(ArtifactError, match="another program"):
        check_contract(msgspec.structs.replace(made, columns=columns), contract, place="here")
    check_contract(made, contract, place="here")


def test_a_program_for_other_classes_than_the_contract_is_refused():
    made, _ = SAMPLES["constant"]
    for n_classes in (0, 3):
        with pytest.raises(ArtifactError, match="another program"):
            check_contract(made, schema(n_classes=n_classes), place="here")
    assert isinstance(made, Program)
    assert trees().n_trees == 2
