"""Estimators that are built to hurt are refused before, or as, they are built."""

import io
import json
import sys
from contextlib import suppress

import numpy as np
import pytest
from artifact_samples import TRUSTED, boosters, classifiers, edit_state, fitted, pack, small_pipeline, table, unpack
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.artifact.canonical import STATE, canonical_dump
from mlcli.artifact.estimator import load_estimator
from mlcli.errors import ArtifactError


@pytest.fixture(scope="module")
def good():
    return canonical_dump(small_pipeline())


@pytest.fixture(scope="module")
def stored():
    made = {"text": fitted(classifiers()["logistic_regression"](), sparse=True)}
    for name in ("decision_tree", "random_forest", "gradient_boosting", "svm", "nearest_neighbors"):
        made[name] = fitted(classifiers()[name]())
    return {name: canonical_dump(pipeline) for name, pipeline in made.items()}


def load(content):
    return load_estimator(content, trusted=TRUSTED, place="here")


def refused(content, match=None):
    with pytest.raises(ArtifactError, match=match) as caught:
        load(content)
    assert caught.value.message.startswith("here")
    assert caught.value.hint
    return caught.value


def nodes(value, loader):
    """Every node of one loader in a state."""
    if isinstance(value, dict):
        if value.get("__loader__") == loader:
            yield value
        for item in value.values():
            yield from nodes(item, loader)
    elif isinstance(value, list):
        for item in value:
            yield from nodes(item, loader)


def leaf(text):
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(text)}


def arguments(*texts):
    return {
        "__class__": "tuple",
        "__module__": "builtins",
        "__loader__": "TupleNode",
        "content": [leaf(t) for t in texts],
    }


def planted(node):
    """Put a node where the pipeline has a plain attribute."""

    def edit(state):
        state["content"]["content"]["verbose"] = node

    return edit


def mapping(**content):
    keys = {
        "__class__": "list",
        "__module__": "builtins",
        "__loader__": "ListNode",
        "content": [string_type() for _ in content],
    }
    return {
        "__class__": "dict",
        "__module__": "builtins",
        "__loader__": "DictNode",
        "content": content,
        "key_types": keys,
    }


def string_type():
    return {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"}


COMMAND = "touch /tmp/never-made-by-a-model"

HOSTILE = {
    "a constructor call": {
        "__class__": "system", "__module__": "os", "__loader__": "ConstructorFromReduceNode", "content": arguments(COMMAND)},
    "a class of another module": {
        "__class__": "Popen", "__module__": "subprocess", "__loader__": "ObjectNode", "content": mapping(args=leaf(COMMAND))},
    "a function": {"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode"},
    "a type": {"__class__": "system", "__module__": "os", "__loader__": "TypeNode"},
    "a list that is a function": {
        "__class__": "system", "__module__": "os", "__loader__": "ListNode", "content": [leaf(COMMAND)]},
    "a dictionary that is a function": {**mapping(a=leaf(1)), "__class__": "system", "__module__": "os"},
    "a list of a trusted class": {
        "__class__": "Tree", "__module__": "sklearn.tree._tree", "__loader__": "ListNode", "content": []},
    "a tree that is a function": {
        "__class__": "system", "__module__": "os", "__loader__": "TreeNode", "__reduce__": {"args": arguments(COMMAND)},
        "content": mapping(a=leaf(1))},
    "a loss that is a function": {
        "__class__": "system", "__module__": "os", "__loader__": "LossNode", "__reduce__": {"args": arguments(COMMAND)},
        "content": mapping(a=leaf(1))},
    "an operator": {
        "__class__": "methodcaller", "__module__": "operator", "__loader__": "OperatorFuncNode", "attrs": arguments("system", COMMAND)},
    "a method": {
        "__class__": "str", "__module__": "builtins", "__loader__": "MethodNode", "content": {"func": "upper", "obj": leaf("x")}},
    "a partial call": {
        "__class__": "partial", "__module__": "functools", "__loader__": "PartialNode",
        "content": {"func": {"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode"},
                    "args": arguments(COMMAND), "kwds": mapping(), "namespace": leaf(None)}},
    "a default factory": {
        "__class__": "defaultdict", "__module__": "collections", "__loader__": "DefaultDictNode",
        "content": {"main": mapping(), "default_factory": {"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode"}}},
    "a numpy function that reads files": {
        "__class__": "fromfile", "__module__": "numpy", "__loader__": "NdArrayNode", "type": "json", "content": [],
        "shape": arguments(0)},
    "a loader that nobody knows": {"__class__": "x", "__module__": "y", "__loader__": "PickleNode", "content": leaf("x")},
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_nothing_but_the_trusted_types_is_built(what, good, monkeypatch):
    called = []
    monkeypatch.setattr("os.system", called.append)
    monkeypatch.setattr("posix.system", called.append)
    monkeypatch.setattr("subprocess.Popen", called.append)
    monkeypatch.setattr("numpy.fromfile", called.append)
    refused(edit_state(good, planted(HOSTILE[what])))
    assert called == []


def test_an_untrusted_type_is_named(good):
    error = refused(
        edit_state(good, planted(HOSTILE["a class of another module"])), match="only types that mlcli trusts"
    )
    assert "subprocess.Popen" in error.message


def test_a_type_is_trusted_for_the_models_that_need_it_alone(good):
    with pytest.raises(ArtifactError, match=r"sklearn\.tree\._tree\.Tree"):
        load_estimator(good, trusted=[name for name in TRUSTED if "Tree" not in name], place="here")


def test_an_old_protocol_of_skops_does_not_open_another_door(good):
    def edit(state):
        state["protocol"] = 0
        planted({"__class__": "x", "__module__": "y", "__loader__": "FunctionNode",
                 "content": {"module_path": "posix", "function": "system"}})(state)  # fmt: skip

    refused(edit_state(good, edit))


def test_an_estimator_that_is_no_pipeline_is_refused():
    from sklearn.dummy import DummyClassifier

    refused(canonical_dump(DummyClassifier()), match="must hold a fitted pipeline")


def test_two_descriptions_of_one_object_are_refused(good):
    """skops builds the first and takes the second for the same."""

    def edit(state):
        harmless, harmful = leaf("x") | {"__id__": 9000}, HOSTILE["a type"] | {"__id__": 9000}
        state["content"]["content"]["verbose"] = {**mapping(), "content": {"a": harmless, "b": harmful}}

    refused(edit_state(good, edit))


def array_bytes(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def claiming(shape):
    """An array file of 8 bytes whose header claims another shape."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(8)


def first_array(content):
    return min(name for name in unpack(content) if name.endswith(".npy"))


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(array_bytes(np.array([print], dtype=object), allow_pickle=True), id="objects, which are a pickle"),
        pytest.param(claiming((10**11,)), id="more memory than there is"),
        pytest.param(claiming((2**62, 2**62)), id="more than a number can count"),
        pytest.param(claiming((-1,)), id="a negative length"),
        pytest.param(claiming((0, 2**70)), id="an impossible shape"),
        pytest.param(array_bytes(np.zeros(3)) + b"x", id="something behind the array"),
        pytest.param(array_bytes(np.zeros(3))[:-1], id="too few bytes"),
        pytest.param(b"\x80\x04\x8c\x02os.", id="a pickle"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x93NUMPY\x01\x00\xff\x00" + b"(" * 255, id="a header that is no header"),
    ],
)
def test_array_files_hold_plain_values_as_long_as_they_say(array, good):
    members = unpack(good)
    refused(pack(members | {first_array(good): array}))


@pytest.mark.parametrize("name", ["evil.pkl", "../up.npy", "/root.npy", "0.py", "999.npy"])
def test_files_that_no_object_uses_are_refused(name, good):
    refused(pack(unpack(good) | {name: b"x"}), match="only the files that its objects use")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "schema.json", "77.npy", "0.bin"])
def test_objects_name_no_other_file(name, good):
    def edit(state):
        next(node for node in nodes(state, "NdArrayNode") if "file" in node)["file"] = name

    refused(edit_state(good, edit))


@pytest.fixture(scope="module")
def sparse_neighbours():
    """A pipeline that holds a sparse matrix: its training rows."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import Pipeline

    steps = [("words", CountVectorizer()), ("estimator", KNeighborsClassifier())]
    return canonical_dump(Pipeline(steps).fit(table()["remark"], np.arange(120) % 2))


def test_a_compressed_sparse_matrix_is_refused(sparse_neighbours):
    """A bomb: a few bytes that become gigabytes."""
    (name,) = [name for name in unpack(sparse_neighbours) if name.endswith(".npz")]
    bomb = io.BytesIO()
    np.savez_compressed(bomb, data=np.zeros(10**6), format=b"csr", shape=(2, 2))
    assert len(bomb.getvalue()) < 10_000
    refused(pack(unpack(sparse_neighbours) | {name: bomb.getvalue()}), match="laid out as")


@pytest.mark.parametrize(
    "state", [b"", b"[]", b"null", b"{", b"[" * 100_000, b'{"a":' * 50_000, b'{"__loader__": "ObjectNode"}', b"\xff"]
)
def test_a_state_that_describes_nothing_is_refused(state, good):
    refused(pack(unpack(good) | {STATE: state}))


def test_a_state_nested_without_end_is_refused(good):
    def edit(state):
        node = leaf(1)
        for _ in range(3000):
            node = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": [node]}
        planted(node)(state)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)  # to write it; reading it is what is tested
    try:
        content = edit_state(good, edit)
    finally:
        sys.setrecursionlimit(limit)
    refused(content)


def with_tree(content, change):
    """Change the nodes of the first tree."""
    members = unpack(content)
    state = json.loads(members[STATE])
    entries = next(nodes(state, "TreeNode"))["content"]["content"]
    name = entries["nodes"]["file"]
    array = np.load(io.BytesIO(members[name]))
    change(array)
    return pack(members | {name: array_bytes(array)})


TREES = {
    "a child outside": ("left_child", 10**6),
    "a child far outside": ("right_child", 2**62),
    "a negative child": ("right_child", -3),
    "a circle": ("left_child", 0),
    "a feature outside": ("feature", 10**6),
    "a negative feature": ("feature", -1),
}


@pytest.mark.parametrize("name", ["decision_tree", "random_forest"])
@pytest.mark.parametrize("what", TREES)
def test_a_tree_that_cannot_be_walked_is_refused(what, name, stored):
    field, value = TREES[what]

    def change(array):
        array[field][0] = value

    refused(with_tree(stored[name], change), match="point inside themselves")


def test_a_tree_that_is_only_changed_in_its_numbers_is_loaded(stored):
    def change(array):
        array["threshold"][0] += 0.5

    assert load(with_tree(stored["decision_tree"], change)).predict(table()).shape == (120,)


@pytest.mark.parametrize("entry", ["node_count", "n_outputs", "n_features"])
@pytest.mark.parametrize("number", [0, 10**6, 2**80, -1, 1.5, "1", None])
def test_the_counts_of_a_tree_must_agree(entry, number, stored):
    def edit(state):
        tree = next(nodes(state, "TreeNode"))
        n_features, _, n_outputs = tree["__reduce__"]["args"]["content"]
        counts = {
            "node_count": tree["content"]["content"]["node_count"],
            "n_outputs": n_outputs,
            "n_features": n_features,
        }
        counts[entry].pop("__id__", None)
        counts[entry]["content"] = json.dumps(number)

    refused(edit_state(stored["decision_tree"], edit))


def test_a_forest_whose_trees_know_more_columns_than_it_is_refused(stored):
    def edit(state):
        *_, forest = nodes(state, "ObjectNode")
        forest = next(n for n in nodes(state, "ObjectNode") if n["__class__"] == "RandomForestClassifier")
        forest["content"]["content"]["n_features_in_"] = leaf(1)

    refused(edit_state(stored["random_forest"], edit), match="point inside themselves")


def loaded_with(content, change):
    """Load a good pipeline, change the object, store it again: hostile content of trusted types."""
    pipeline = load(content)
    change(pipeline)
    return canonical_dump(pipeline)


def boosted(**fields):
    def change(pipeline):
        array = pipeline[-1]._predictors[0][0].nodes
        for field, value in fields.items():
            array[field][0] = value

    return change


def attribute(step, name, value):
    def change(pipeline):
        owner = pipeline[-1] if step is None else pipeline[0].named_transformers_[step]
        setattr(owner, name, value(getattr(owner, name)))

    return change


def no_walk(pipeline):
    pipeline[-1]._predictors[0][0].nodes = pipeline[-1]._predictors[0][0].nodes[:0]


def neighbours(index, change):
    def edit(pipeline):
        state = list(pipeline[-1]._tree.__getstate__())
        state[index] = change(state[index])
        pipeline[-1]._tree.__setstate__(tuple(state))

    return edit


def outside(array):
    array = array.copy()
    array[0] = 10**6
    return array


def outside_range(array):
    array = array.copy()
    array["idx_end"][-1] = 10**6
    return array


def sparse_outside(matrix):
    matrix = matrix.copy()
    matrix.indices[0] = 10**6
    return matrix


OUTSIDE = {
    "boosting: a child outside": ("gradient_boosting", boosted(left=10**6)),
    "boosting: a circle": ("gradient_boosting", boosted(right=0)),
    "boosting: a feature outside": ("gradient_boosting", boosted(feature_idx=10**6)),
    "boosting: a category set that is not there": ("gradient_boosting", boosted(is_categorical=1, bitset_idx=7)),
    "boosting: no nodes": ("gradient_boosting", no_walk),
    "one-hot: fewer columns than levels": ("text", attribute("category", "_n_features_outs", lambda outs: [1])),
    "one-hot: a level outside": (
        "text",
        attribute("category", "_default_to_infrequent_mappings", lambda maps: [outside(maps[0])]),
    ),
    "one-hot: a mapping gone": ("text", attribute("category", "_default_to_infrequent_mappings", lambda maps: [None])),
    "tf-idf: a column outside": ("text", attribute("text", "vocabulary_", lambda words: dict.fromkeys(words, 10**6))),
    "svm: too few coefficients": ("svm", attribute(None, "_dual_coef_", lambda coef: coef[:, :1])),
    "svm: no intercept": ("svm", attribute(None, "_intercept_", lambda intercept: intercept[:0])),
    "svm: counts that are not there": ("svm", attribute(None, "_n_support", lambda counts: counts + 10**6)),
    "neighbours: fewer labels than rows": ("nearest_neighbors", attribute(None, "_y", lambda y: y[:1])),
    "neighbours: a row outside": ("nearest_neighbors", neighbours(1, outside)),
    "neighbours: a range outside": ("nearest_neighbors", neighbours(2, outside_range)),
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_indices_that_point_outside_are_refused(what, stored):
    name, change = OUTSIDE[what]
    refused(loaded_with(stored[name], change), match="point inside themselves")


def test_a_sparse_matrix_that_points_outside_is_refused(sparse_neighbours):
    assert load(sparse_neighbours).predict(["good and odd"]).shape == (1,)
    change = attribute(None, "_fit_X", sparse_outside)
    refused(loaded_with(sparse_neighbours, change), match="point inside themselves")


@pytest.mark.parametrize(
    "name", ["text", "decision_tree", "random_forest", "gradient_boosting", "svm", "nearest_neighbors"]
)
def test_the_changes_above_start_from_good_estimators(name, stored):
    assert load(loaded_with(stored[name], lambda pipeline: None)).predict(table()).shape == (120,)


@pytest.mark.parametrize("name", boosters())
def test_a_booster_of_an_extra_is_loaded_when_it_is_trusted(name):
    content = canonical_dump(fitted(boosters()[name]()))
    assert load(content).predict(table()).shape == (120,)
    with pytest.raises(ArtifactError, match=name):
        load_estimator(content, trusted=["numpy.dtype"], place="here")


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_any_change_of_the_state_is_refused_or_loaded_but_never_crashes(data, good):
    """Digests are right here: someone made the change on purpose."""
    members = unpack(good)
    name = data.draw(st.sampled_from(sorted(members)))
    content = bytearray(members[name])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ArtifactError):
        assert type(load(pack(members | {name: bytes(content)}))).__name__ == "Pipeline"
