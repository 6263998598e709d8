"""A fitted pipeline as bytes that depend on what it learnt alone."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from artifact_samples import TRUSTED, boosters, classifiers, fitted, small_pipeline, table, unpack
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.artifact.canonical import STATE, canonical_dump
from mlcli.artifact.estimator import load_estimator
from mlcli.artifact.state import check_state
from mlcli.errors import ArtifactError

FITTED = {"text": lambda: fitted(classifiers()["logistic_regression"](), sparse=True)} | {
    name: lambda make=make: fitted(make()) for name, make in (classifiers() | boosters()).items()
}


@pytest.fixture(scope="module")
def dumped():
    return {name: canonical_dump(make()) for name, make in FITTED.items()}


@pytest.mark.parametrize("name", FITTED)
def test_a_loaded_pipeline_predicts_what_the_stored_one_did(name, dumped):
    loaded = load_estimator(dumped[name], trusted=TRUSTED, place="here")
    np.testing.assert_array_equal(answer(loaded), answer(FITTED[name]()))


def answer(pipeline):
    return (pipeline.predict_proba if hasattr(pipeline, "predict_proba") else pipeline.predict)(table())


@pytest.mark.parametrize("name", ["text", "random_forest", "gradient_boosting", "logistic_regression", "naive_bayes"])
def test_a_loaded_pipeline_is_stored_as_the_same_bytes_again(name, dumped):
    assert canonical_dump(load_estimator(dumped[name], trusted=TRUSTED, place="here")) == dumped[name]


def test_other_processes_write_the_same_bytes(dumped):
    """Neither memory addresses nor the order of sets reach the file."""
    script = (
        "import sys, json, hashlib; sys.path.insert(0, sys.argv[1])\n"
        "from test_artifact_canonical import FITTED, canonical_dump\n"
        "print(json.dumps({name: hashlib.sha256(canonical_dump(make())).hexdigest() for name, make in FITTED.items()}))"
    )
    tests = Path(__file__).parent
    environment = os.environ | {"PYTHONHASHSEED": "4711"}
    found = subprocess.run(
        [sys.executable, "-c", script, str(tests)], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(found.stdout) == {name: hashlib.sha256(content).hexdigest() for name, content in dumped.items()}


@pytest.mark.parametrize("name", FITTED)
def test_no_memory_address_is_in_the_file(name, dumped):
    members = unpack(dumped[name])
    state = json.loads(members[STATE])

    def numbers(value):
        if isinstance(value, dict):
            if "__id__" in value:
                yield value["__id__"]
            for item in value.values():
                yield from numbers(item)
        elif isinstance(value, list):
            for item in value:
                yield from numbers(item)

    ids = list(numbers(state))
    assert set(ids) == set(range(1, len(set(ids)) + 1))
    assert sorted(members.keys() - {STATE}) == sorted(
        f"{number}.{suffix}"
        for number, suffix in enumerate(name.partition(".")[2] for name in members if name != STATE)
    )


@pytest.mark.parametrize("name", FITTED)
def test_what_is_written_passes_the_check_of_what_is_read(name, dumped):
    check_state(dumped[name], place="here")


def estimator_with(**attributes):
    from sklearn.dummy import DummyClassifier

    estimator = DummyClassifier()
    vars(estimator).update(attributes)
    return estimator


def round_trip(estimator):
    from skops.io import loads

    return loads(canonical_dump(estimator), trusted=["numpy.dtype", "scipy.sparse._csr.csr_matrix"])


def test_an_object_in_two_places_stays_one_object():
    array, options = np.arange(3.0), {"a": [1, 2]}
    loaded = round_trip(estimator_with(one=array, two=[array, array.copy()], three=options, four=options))
    assert loaded.one is loaded.two[0]
    assert loaded.one is not loaded.two[1]
    assert loaded.three is loaded.four


def test_equal_arrays_are_stored_once_and_loaded_as_two():
    estimator = estimator_with(one=np.arange(1000.0), two=np.arange(1000.0))
    assert len([name for name in unpack(canonical_dump(estimator)) if name.endswith(".npy")]) == 1
    loaded = round_trip(estimator)
    loaded.one[0] = 7
    assert loaded.two[0] == 0


@settings(max_examples=30, deadline=None)
@given(
    st.sets(st.one_of(st.text(max_size=5), st.integers(), st.floats(allow_nan=False), st.tuples(st.text(max_size=3))))
)
def test_sets_are_the_same_sets_and_written_in_one_order(items):
    one = canonical_dump(estimator_with(items=set(items)))
    backwards = set()
    for item in sorted(items, key=repr, reverse=True):
        backwards.add(item)
    other = canonical_dump(estimator_with(items=backwards))
    assert one == other
    assert round_trip(estimator_with(items=set(items))).items == items


def test_dictionaries_keep_their_order_and_the_types_of_their_keys():
    content = {"z": 1, "a": 2, 3: "x", 0.5: None, "file": "f", "__loader__": "l", "content": []}
    loaded = round_trip(estimator_with(content=content)).content
    assert list(loaded.items()) == list(content.items())
    assert canonical_dump(estimator_with(content=content)) != canonical_dump(
        estimator_with(content=dict(sorted(content.items(), key=repr)))
    )


def test_numbers_come_back_to_the_last_bit():
    numbers = [0.1, -0.0, 1e-308, 2**53 + 1, 1.7976931348623157e308, float("inf")]
    loaded = round_trip(estimator_with(numbers=numbers, scalar=np.float64(0.1), small=np.float32(0.1))).numbers
    assert [repr(number) for number in loaded] == [repr(number) for number in numbers]


def test_a_generator_goes_on_where_it_stood():
    generator = np.random.RandomState(3)
    generator.normal(size=5)
    loaded = round_trip(estimator_with(generator=generator)).generator
    np.testing.assert_array_equal(loaded.normal(size=4), generator.normal(size=4))


def test_sparse_matrices_are_stored_uncompressed():
    from scipy.sparse import csr_matrix

    matrix = csr_matrix(np.eye(50))
    estimator = estimator_with(matrix=matrix)
    (sparse,) = [content for name, content in unpack(canonical_dump(estimator)).items() if name.endswith(".npz")]
    with zipfile.ZipFile(io.BytesIO(sparse)) as npz:
        assert all(info.compress_type == zipfile.ZIP_STORED for info in npz.infolist())
    assert (round_trip(estimator).matrix != matrix).nnz == 0


def test_memory_between_the_fields_of_a_tree_is_blanked():
    records = np.zeros(4, np.dtype({"names": ["a", "b"], "formats": ["u1", "f8"], "offsets": [0, 8], "itemsize": 16}))
    records["a"], records["b"] = 1, 2.0
    clean = records.copy()
    records.view(np.uint8).reshape(4, 16)[:, 1:8] = 170
    assert records.tobytes() != clean.tobytes()
    assert canonical_dump(estimator_with(nodes=records)) == canonical_dump(estimator_with(nodes=clean))


def test_the_stop_words_last_checked_are_no_content():
    pipeline = FITTED["text"]()
    before = canonical_dump(pipeline)
    pipeline.predict(table())
    assert canonical_dump(pipeline) == before


def test_a_model_that_needs_code_is_refused():
    from sklearn.cluster import Birch

    with pytest.raises(ArtifactError, match="without running code"):
        canonical_dump(estimator_with(part=Birch()))


def test_a_small_model_stays_small():
    assert len(canonical_dump(small_pipeline())) < 40_000
