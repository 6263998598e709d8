"""The machine: a row is the same alone and among others, and every operation does what the library's does."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inference_samples import ODD_NUMBERS, ODD_TEXTS, cells_of, same_bits, taken
from models_samples import fitted_pipeline, mixed_rows, schema_of, small_params, target_of
from scipy.special import expit
from sklearn.preprocessing import QuantileTransformer

from mlcli.config.sections import PreprocessConfig
from mlcli.data.typed import NAT, TypedColumns
from mlcli.errors import ArtifactError
from mlcli.features.dateparts import PARTS
from mlcli.features.ngrams import NGRAMS
from mlcli.features.texts import SORTS, NGramVectorizer
from mlcli.inference.encode import Encoder, full_matrix, full_row, one_row
from mlcli.inference.encode_ngrams import GramFinder, NumberTable
from mlcli.inference.encode_numbers import Curve, Steps
from mlcli.inference.encode_texts import TextEncoder
from mlcli.inference.head_kernel import votes
from mlcli.inference.links import apply_link, link_row
from mlcli.inference.machine import Machine
from mlcli.inference.program import (
    Affine,
    Clip,
    Dates,
    Gaps,
    Impute,
    Lookup,
    NGrams,
    Numbers,
    OneHot,
    Quantile,
    Scale,
    Text,
)
from mlcli.inference.translate import translate

PROPERTY = settings(max_examples=40, deadline=None)
LINKS = ["identity", "exp", "sigmoid", "softmax", "ovr"]

anything = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(ODD_NUMBERS))
moments = st.one_of(st.integers(-(2**62), 2**62), st.sampled_from([NAT, 0, -1, 86_399_999_999, 951_782_400_000_000]))
texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from([*ODD_TEXTS, "\ud800", "good \udfff bad"]),
    st.lists(st.sampled_from(["good", "bad", "late", "paid", "a", "Straße", "不好"]), max_size=12).map(" ".join),
)


# --- whole programs -------------------------------------------------------------------------------------------------

PROGRAMS = [
    ("logistic_regression", "text", {}),
    ("logistic_regression", "three", {"number": {"scale": "quantile"}, "text": {"components": 3}}),
    ("ridge", "number", {"number": {"scale": "minmax"}, "category": {"encode": "ordinal"}}),
    ("linear_svm", "text", {"category": {"encode": "target"}, "text": {"components": 3}}),
    ("naive_bayes", "three", {}),
    ("mlp", "three", {}),
    ("svm", "three", {}),
]


@cache
def machine_of(name, target, options):
    X = mixed_rows()
    y = target_of(X, target)
    params = small_params(name, "regression" if target == "number" else "classification")
    pipeline = fitted_pipeline(name, X, y, params=params, preprocess=PreprocessConfig(**json.loads(options)))
    return Machine(translate(pipeline, schema_of(X, y)))


@st.composite
def typed_rows(draw, program):
    kinds = {
        "number": anything,
        "boolean": st.sampled_from([0.0, 1.0, math.nan]),
        "date": moments,
        "text": texts,
    }
    n_rows = draw(st.integers(1, 9))
    columns = []
    for column in program.columns:
        cell = st.integers(0, column.n_levels + 1) if column.kind == "category" else kinds[column.kind]
        cells = draw(st.lists(cell, min_size=n_rows, max_size=n_rows))
        dtype = {"category": np.intp, "date": np.int64}.get(column.kind, np.float64)
        columns.append(cells if column.kind == "text" else np.array(cells, dtype=dtype))
    return TypedColumns(tuple(columns), n_rows)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(("name", "target", "options"), PROGRAMS, ids=[f"{n}-{t}" for n, t, _ in PROGRAMS])
def test_a_row_alone_is_the_row_among_others_to_the_last_bit(name, target, options):
    machine = machine_of(name, target, json.dumps(options))

    @settings(max_examples=15, deadline=None)
    @given(st.data())
    def check(data):
        columns = data.draw(typed_rows(machine.program))
        order = data.draw(st.permutations(range(len(columns))))
        together = machine.rows(columns)
        alone = np.array([machine.row(cells) for cells in cells_of(columns)])
        assert same_bits(together, alone)
        assert same_bits(together[order], machine.rows(taken(columns, order)))
        assert together.shape == (len(columns), machine.program.n_outputs)

    check()


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(("name", "target", "options"), PROGRAMS, ids=[f"{n}-{t}" for n, t, _ in PROGRAMS])
@pytest.mark.parametrize("n_rows", [0, 1, 2, 15, 16, 17, 257, 600])
def test_batches_of_any_size_hold_the_same_rows(name, target, options, n_rows):
    machine = machine_of(name, target, json.dumps(options))
    columns = taken(some_rows(machine.program), [i % 40 for i in range(n_rows)])

    outputs = machine.rows(columns)

    assert outputs.shape == (n_rows, machine.program.n_outputs)
    expected = machine.rows(some_rows(machine.program))[[i % 40 for i in range(n_rows)]]
    assert same_bits(outputs, expected)


def some_rows(program):
    rng = np.random.default_rng(3)
    columns = []
    for column in program.columns:
        match column.kind:
            case "number":
                columns.append(np.where(rng.random(40) < 0.1, np.nan, rng.normal(100, 1000, 40)))
            case "boolean":
                columns.append(rng.integers(0, 2, 40).astype(float))
            case "category":
                columns.append(rng.integers(0, column.n_levels + 2, 40).astype(np.intp))
            case "date":
                columns.append(rng.integers(15e14, 18e14, 40))
            case "text":
                columns.append([" ".join(rng.choice(["good", "bad", "never", "house"], i % 7)) for i in range(40)])
    return TypedColumns(tuple(columns), 40)


def test_the_machine_loads_neither_scikit_learn_nor_pandas():
    code = (
        "import sys, mlcli.inference.machine, mlcli.inference.head_kernel, mlcli.inference.head_network;"
        "import mlcli.inference.head_bayes;"
        "heavy = {'sklearn', 'pandas', 'scipy', 'pyarrow', 'pydantic', 'typer', 'rich'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_comparison_of_bits_sees_a_last_bit_and_a_sign_of_zero():
    assert same_bits(np.array([1.0, np.nan]), np.array([1.0, np.nan]))
    assert not same_bits(np.array([1.0]), np.array([np.nextafter(1.0, 2.0)]))
    assert not same_bits(np.array([0.0]), np.array([-0.0]))
    assert not same_bits(np.array([0.0]), np.array([0.0, 0.0]))


# --- numbers --------------------------------------------------------------------------------------------------------

THREE = np.array([1.0, -2.0, 3.5])
STEPS = {
    "none": (),
    "clip": (Clip(1e30),),
    "the usual": (Clip(1e30), Impute(THREE), Scale(THREE, THREE), Clip(1e30)),
    "without the first": (Impute(THREE), Scale(THREE, THREE), Clip(10.0)),
    "affine": (Clip(1e30), Impute(THREE), Affine(THREE, THREE), Clip(1e30)),
    "two scales": (Scale(THREE, THREE), Scale(THREE, THREE)),
    "quantile": (
        Impute(THREE),
        Quantile(np.sort(np.outer([1.0, 1.0, 2.0, 5.0], [1, 2, 3]), axis=0), np.linspace(0, 1, 4)),
    ),
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
@PROPERTY
@given(numbers=st.lists(st.tuples(anything, anything, anything), min_size=1, max_size=6))
def test_steps_give_one_row_the_bits_of_many(steps, numbers):
    machine = Steps(steps, width=3)
    block = np.array(numbers)

    with np.errstate(all="ignore"):
        machine.rows(block)

    assert same_bits(block, np.array([machine.row(list(row)) for row in numbers]))


def test_steps_mean_what_they_say():
    machine = Steps((Clip(10.0), Impute(THREE), Scale(THREE, np.array([2.0, 4.0, 5.0])), Clip(1.0)), width=3)

    assert machine.row([99.0, math.nan, math.nan]) == [1.0, 0.0, 0.0]
    assert machine.row([-99.0, -2.0, 4.5]) == [-1.0, 0.0, 0.2]


def test_a_spread_of_zero_is_refused():
    with pytest.raises(ArtifactError, match="spreads other than 0"):
        Steps((Scale(THREE, np.array([1.0, 0.0, 1.0])),), width=3)


@PROPERTY
@given(
    values=hnp.arrays(np.float64, 40, elements=st.integers(-5, 5).map(float) | st.floats(-1e6, 1e6)),
    probes=st.lists(st.floats(-1e7, 1e7) | st.integers(-6, 6).map(float) | st.just(math.nan), min_size=1, max_size=8),
)
def test_quantiles_are_those_of_scikit_learn(values, probes):
    transformer = QuantileTransformer(n_quantiles=10).fit(values.reshape(-1, 1))
    step = Quantile(transformer.quantiles_, transformer.references_)
    column = np.array(probes + values.tolist()).reshape(-1, 1)

    block = column.copy()
    Steps((step,), width=1).rows(block)

    np.testing.assert_allclose(block, transformer.transform(column), rtol=0, atol=1e-12)


@PROPERTY
@given(
    x=st.lists(st.floats(-100, 100, allow_subnormal=False), min_size=2, max_size=9, unique=True).map(sorted),
    probes=st.lists(st.floats(-200, 200, allow_subnormal=False) | st.just(math.nan), min_size=1, max_size=9),
)
def test_a_curve_is_the_library_s_interpolation(x, probes):
    y = np.linspace(0, 1, len(x)) ** 2
    curve = Curve(np.array(x), y)
    at = np.array(probes + x)

    np.testing.assert_allclose(curve.values(at), np.interp(at, x, y), rtol=0, atol=1e-12)
    assert same_bits(curve.values(at), np.array([curve.value(place) for place in at.tolist()]))


# --- dates ----------------------------------------------------------------------------------------------------------


@PROPERTY
@given(st.lists(moments, min_size=1, max_size=8))
def test_dates_come_apart_alike_alone_and_together(column):
    op = Dates((0,), 0, (tuple(PARTS),), (True,), (1_500_000_000_000_000,), (True,))
    encoder = Encoder((op,), len(PARTS) + 2)

    together = encoder.rows(TypedColumns((np.array(column, dtype=np.int64),), len(column))).dense

    assert same_bits(together, np.array([encoder.row([moment]).dense for moment in column]))


@PROPERTY
@given(st.datetimes())
def test_the_parts_of_a_date_are_the_calendar_s(moment):
    micros = int(np.datetime64(moment, "us").astype(np.int64))
    encoder = Encoder((Dates((0,), 0, (tuple(PARTS),), (False,), (0,), (False,)),), len(PARTS))

    parts = dict(zip(PARTS, encoder.row([micros]).dense, strict=True))

    assert (parts["year"], parts["month"], parts["day"]) == (moment.year, moment.month, moment.day)
    assert (parts["hour"], parts["minute"], parts["weekday"]) == (moment.hour, moment.minute, moment.weekday())
    assert parts["day_of_year"] == moment.timetuple().tm_yday


# --- categories and the matrix --------------------------------------------------------------------------------------


def test_the_matrix_puts_every_feature_in_its_place():
    features = (
        Lookup(1, 4, np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]])),
        Numbers((0,), 0),
        OneHot(1, 1, 2, np.array([1, 0, -1, -1])),
        Gaps((0,), 3),
    )
    encoder = Encoder(features, 6)
    columns = TypedColumns((np.array([7.0, math.nan, 9.0]), np.array([0, 1, 3], dtype=np.intp)), 3)

    matrix = full_matrix(encoder.rows(columns), encoder.layout)

    expected = [[7, 0, 1, 0, 1, 10], [math.nan, 1, 0, 1, 2, 20], [9, 0, 0, 0, 4, 40]]
    np.testing.assert_array_equal(matrix, expected)
    for cells, row in zip(cells_of(columns), expected, strict=True):
        np.testing.assert_array_equal(full_matrix(one_row(encoder.row(cells)), encoder.layout)[0], row)
        np.testing.assert_array_equal(full_row(encoder.row(cells), encoder.layout)[0], row)


# --- texts ----------------------------------------------------------------------------------------------------------

CORPUS = ["good house bad car", "Bad bad paid", "很好 不好 很好", "straße a-b a_b 12", "late\tpaid  late", "good"] * 2


@cache
def vectorizer_of(sort):
    analyzer, low, high = SORTS[sort]
    vectorizer = NGramVectorizer(analyzer=analyzer, low=low, high=high, min_df=1, max_features=60)
    vectorizer.fit_transform(CORPUS)
    terms = np.frombuffer(json.dumps(list(vectorizer.vocabulary_)).encode(), dtype=np.uint8)
    return vectorizer, NGrams(analyzer, low, high, terms, vectorizer.idf_)


@pytest.mark.parametrize("sort", SORTS)
@PROPERTY
@given(lines=st.lists(texts, min_size=1, max_size=5))
def test_n_grams_are_found_as_the_vectorizer_cuts_them(sort, lines):
    vectorizer, ngrams = vectorizer_of(sort)

    rows, terms = GramFinder(ngrams).find(lines)

    known = [
        (row, vectorizer.vocabulary_[gram])
        for row, line in enumerate(lines)
        for gram in NGRAMS[ngrams.analyzer](line, ngrams.low, ngrams.high)
        if gram in vectorizer.vocabulary_
    ]
    assert sorted(zip(rows.tolist(), terms.tolist(), strict=True)) == sorted(known)


@pytest.mark.parametrize("sort", SORTS)
def test_weights_are_those_of_the_vectorizer_to_the_last_bit(sort):
    vectorizer, ngrams = vectorizer_of(sort)
    lines = [*CORPUS, "", "nothing known: qqq", "good " * 3000, "bad"]
    op = Text(0, 0, len(ngrams.idf), (ngrams,), 4.0)

    found = TextEncoder(op).sparse(lines)

    matrix = np.zeros((len(lines), op.width))
    matrix[found.rows, found.indices] = found.weights
    assert same_bits(matrix, (vectorizer.transform(lines) * 4.0).toarray())


def test_texts_too_long_for_one_portion_are_counted_as_others(monkeypatch):
    _, ngrams = vectorizer_of("char")
    encoder = TextEncoder(Text(0, 0, 2, (ngrams,), 1.0, np.ones((2, len(ngrams.idf)))))
    whole = Encoder((encoder.op,), 2).rows(TypedColumns((CORPUS,), len(CORPUS))).dense

    monkeypatch.setattr("mlcli.inference.encode_texts._LETTERS", 20)

    assert same_bits(whole, Encoder((encoder.op,), 2).rows(TypedColumns((CORPUS,), len(CORPUS))).dense)


def test_a_vectorizer_that_learned_nothing_finds_nothing():
    for sort, (analyzer, low, high) in SORTS.items():
        empty = NGrams(analyzer, low, high, np.frombuffer(b"[]", dtype=np.uint8), np.zeros(0))
        found = TextEncoder(Text(0, 0, 0, (empty,), 1.0)).sparse(["any text", ""])
        assert (found.n_rows, len(found.weights)) == (2, 0), sort


def test_n_grams_inside_words_must_begin_short():
    long = NGrams("char_wb", 4, 5, np.frombuffer(b'["good"]', dtype=np.uint8), np.ones(1))

    with pytest.raises(ArtifactError, match="3 letters or fewer"):
        GramFinder(long)


@PROPERTY
@given(st.sets(st.integers(1, 2**62) | st.integers(1, 50), max_size=60), st.lists(st.integers(1, 60), max_size=30))
def test_a_number_table_is_a_dictionary(keys, probes):
    known = np.array(sorted(keys), dtype=np.int64)
    table = NumberTable(known, first=7)
    asked = np.array([*probes, *keys], dtype=np.int64)

    found, values = table.find(asked)

    expected = {int(key): 7 + i for i, key in enumerate(known)}
    assert dict(zip(asked[found].tolist(), values.tolist(), strict=True)) == expected
    assert found.tolist() == [i for i, key in enumerate(asked.tolist()) if key in expected]


# --- links and votes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", LINKS)
@PROPERTY
@given(data=st.data())
def test_a_link_gives_one_row_the_bits_of_many(link, data):
    k = 1 if link == "sigmoid" else data.draw(st.integers(2, 9))
    value = st.one_of(
        st.floats(-50, 50), st.floats(-800, 800), st.sampled_from([0.0, -0.0, 709.78, -709.78, 1e300, -1e300])
    )
    raw = np.array(data.draw(st.lists(st.lists(value, min_size=k, max_size=k), min_size=1, max_size=7)))

    together = apply_link(raw, link)

    assert same_bits(together, np.array([link_row(row, link) for row in raw.tolist()]))
    assert same_bits(together[-1:], apply_link(raw[-1:].copy(), link))


def test_links_mean_what_they_say():
    np.testing.assert_allclose(apply_link(np.array([[2.0], [-900.0]]), "sigmoid"), [[1 - expit(2), expit(2)], [1, 0]])
    np.testing.assert_allclose(apply_link(np.array([[0.0, np.log(3)]]), "softmax"), [[0.25, 0.75]])
    np.testing.assert_allclose(apply_link(np.array([[0.0, -900.0], [-900.0, -900.0]]), "ovr"), [[1, 0], [0.5, 0.5]])
    np.testing.assert_allclose(apply_link(np.array([[0.0, 1.0]]), "exp"), [[1.0, np.e]])


def test_votes_of_pairs_are_those_of_scikit_learn():
    from sklearn.utils.multiclass import _ovr_decision_function

    pairs = np.random.default_rng(0).normal(size=(50, 10))
    pairs[0] = 0.0

    np.testing.assert_allclose(votes(pairs), _ovr_decision_function(pairs < 0, -pairs, 5), rtol=0, atol=1e-15)


def test_a_frame_of_no_rows_gives_no_outputs():
    machine = machine_of("ridge", "number", json.dumps(PROGRAMS[2][2]))
    empty = taken(some_rows(machine.program), [])

    assert machine.rows(empty).shape == (0, 1)
