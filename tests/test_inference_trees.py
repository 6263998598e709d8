"""Trees run by numpy alone say what scikit-learn says, to the last bits and whatever the number of rows."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tree_samples import (
    TASKS,
    assert_agree,
    dense_layout,
    encoded,
    encoded_row,
    hard_rows,
    library_outputs,
    outputs_of,
    target,
    training_rows,
)

from mlcli.errors import ArtifactError
from mlcli.inference import tree_nodes
from mlcli.inference import trees as trees_module
from mlcli.inference.encode import Encoded, EncodedRow, Layout, full_matrix
from mlcli.inference.grid import Grid, boundaries
from mlcli.inference.program import Lookup, NGrams, OneHot, Text
from mlcli.inference.translate import NotCompiled
from mlcli.inference.translate_trees import translate_forest, translate_hist_boosting, translate_tree
from mlcli.inference.tree_nodes import Tree, ensemble
from mlcli.inference.trees import TreesMachine, check_trees, in_order
from mlcli.inference.trees_walk import fits

FAMILIES = {
    "decision tree": (translate_tree, DecisionTreeClassifier, DecisionTreeRegressor, {}),
    "random forest": (translate_forest, RandomForestClassifier, RandomForestRegressor, {"n_estimators": 12}),
    "extra trees": (translate_forest, ExtraTreesClassifier, ExtraTreesRegressor, {"n_estimators": 12}),
    "boosting": (
        translate_hist_boosting,
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        {"max_iter": 12},
    ),
}
CASES = [(family, task) for family in FAMILIES for task in TASKS]


@pytest.fixture(scope="module")
def fitted():
    """Every family fitted for every task: estimator, head, hard rows, number of classes."""
    X = training_rows()
    found = {}
    for family, task in CASES:
        translate, classifier, regressor, params = FAMILIES[family]
        n_classes = TASKS[task]
        make = regressor if n_classes is None else classifier
        estimator = make(random_state=0, **params).fit(X, target(X, n_classes))
        head = translate(estimator, n_classes)
        found[family, task] = estimator, head, hard_rows(head, X), n_classes
    return found


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}, {case[1]}")
def case(request, fitted):
    return fitted[request.param]


def test_trees_say_what_scikit_learn_says_at_and_beside_every_threshold(case):
    estimator, head, X, n_classes = case
    assert_agree(outputs_of(head, X), library_outputs(estimator, X, n_classes))


def test_bits_and_walks_give_the_same_bits(case):
    _, head, X, _ = case
    looked_up = outputs_of(head, X)
    for widest in (33, 8, 2, 1):
        np.testing.assert_array_equal(outputs_of(head, X, widest=widest), looked_up)


@pytest.mark.parametrize("widest", [64, 4])
def test_a_row_has_the_same_bits_alone_and_in_a_batch_of_any_size(case, widest):
    _, head, X, _ = case
    machine = TreesMachine(head, dense_layout(), widest=widest)
    together = machine.rows(encoded(X))
    for n_rows in (1, 2, 3, 64, 65, len(X) - 1):
        np.testing.assert_array_equal(machine.rows(encoded(X[:n_rows])), together[:n_rows])
    for x, outputs in zip(X[-150:], together[-150:], strict=True):
        assert machine.row(encoded_row(x)) == outputs.tolist()


def test_no_rows_give_no_outputs(case):
    _, head, X, _ = case
    assert outputs_of(head, X[:0]).shape[0] == 0


def test_a_planted_error_in_a_threshold_is_seen(fitted):
    """One step of float32 at the root of one tree, on rows that stand there."""
    estimator, head, X, n_classes = fitted["random forest", "a number"]
    rows = X[:200].copy()
    rows[:, head.feature[0]] = head.threshold[0]
    assert_agree(outputs_of(head, rows), library_outputs(estimator, rows, n_classes))
    step = np.nextafter(np.float32(head.threshold[0]), np.float32(-1e38))
    moved = changed(head, threshold=put(head.threshold, 0, float(np.nextafter(step, np.float32(-1e38)))))
    with pytest.raises(AssertionError):
        assert_agree(outputs_of(moved, rows), library_outputs(estimator, rows, n_classes))


@pytest.mark.parametrize("size", [1, 3])
def test_trees_in_groups_give_the_same_bits(fitted, size, monkeypatch):
    _, head, X, _ = fitted["boosting", "three classes"]
    together = outputs_of(head, X)
    monkeypatch.setattr(trees_module, "_GROUPS", (size,))
    monkeypatch.setattr(trees_module, "_TABLE_BYTES", 0)
    machine = TreesMachine(head, dense_layout())
    assert len(machine._groups) == -(-head.n_trees // size)
    np.testing.assert_array_equal(machine.rows(encoded(X)), together)
    assert machine.row(encoded_row(X[0])) == together[0].tolist()


@pytest.mark.parametrize("widest", [64, 4])
def test_rows_in_blocks_and_chunks_have_the_bits_of_their_neighbours(fitted, widest, monkeypatch):
    _, head, X, _ = fitted["extra trees", "three classes"]
    together = outputs_of(head, X, widest=widest)
    # A block of one row is added up another way.
    for block, chunk in ((1, 2048), (64, 129), (65, 130)):
        monkeypatch.setattr(trees_module, "_CHUNK", chunk)
        machine = TreesMachine(head, dense_layout(), widest=widest)
        machine._block = block
        np.testing.assert_array_equal(machine.rows(encoded(X)), together)


def test_threads_change_no_bit(fitted, monkeypatch):
    _, head, X, _ = fitted["random forest", "three classes"]
    many = np.tile(X, (-(-6000 // len(X)), 1))
    machine = TreesMachine(head, dense_layout())
    outputs = []
    for n_threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", n_threads)
        outputs.append(machine.rows(encoded(many)))
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize("widest", [64, 3])
@pytest.mark.parametrize("family", ["random forest", "boosting"])
def test_categories_by_code_give_the_bits_of_their_features(family, widest):
    rng = np.random.default_rng(3)
    layout = Layout(
        8,
        np.array([0, 7]),
        (
            OneHot(0, 1, 4, np.array([3, 0, 2, 1, 1, -1])),
            # A gap in a table is a gap to a tree.
            Lookup(1, 5, rng.normal(size=(5, 2)) + np.array([[0, 0], [0, np.nan], [0, 0], [0, 0], [np.nan, 0]])),
        ),
        (),
    )
    codes = [rng.integers(0, 6, 500), rng.integers(0, 5, 500)]
    rows = Encoded(500, rng.normal(size=(500, 2)), codes, [])
    X = full_matrix(rows, layout)
    y = np.nan_to_num(X).sum(axis=1) + X[:, 2]
    translate, _, regressor, params = FAMILIES[family]
    head = translate(regressor(random_state=0, **params).fit(X, y), None)
    machine = TreesMachine(head, layout, widest=widest)
    outputs = machine.rows(rows)
    np.testing.assert_array_equal(outputs, outputs_of(head, X))
    for i in range(40):
        row = EncodedRow(rows.dense[i].tolist(), [int(column[i]) for column in codes], [])
        assert machine.row(row) == outputs[i].tolist()


def test_trees_that_ask_for_the_words_of_a_text_are_refused(fitted):
    _, head, _, _ = fitted["boosting", "a number"]
    none = np.zeros(0)
    text = Text(0, 3, 3, (NGrams("word", 1, 1, none, none),), 1.0)
    with pytest.raises(ArtifactError, match="words of a text"):
        TreesMachine(head, Layout(6, np.arange(3), (), (text,)))


def test_a_tree_that_is_one_long_chain_is_walked():
    """Every inner node has a leaf to its left: deeper than any balanced tree."""
    n_inner = 500
    left = np.full(2 * n_inner + 1, -1)
    right = left.copy()
    left[:n_inner] = n_inner + np.arange(n_inner)
    right[:n_inner] = np.arange(1, n_inner + 1)
    right[n_inner - 1] = 2 * n_inner
    threshold = np.concatenate([np.arange(n_inner), np.zeros(n_inner + 1)]) * 1.0
    value = np.concatenate([np.zeros(n_inner), np.arange(n_inner + 1.0)])[:, None]
    chain = Tree(
        left, right, np.zeros_like(left), threshold, np.zeros(len(left), dtype=bool), value, np.ones(len(left))
    )
    head = ensemble([chain, chain], base=np.array([0.5]), link="identity")
    x = np.array([-1.0, 0.0, 0.5, 250.0, 499.0, 499.5, np.nan])
    expected = 0.5 + 2 * np.array([0.0, 0.0, 1.0, 250.0, 499.0, 500.0, 500.0])
    np.testing.assert_array_equal(outputs_of(head, x[:, None])[:, 0], expected)
    machine = TreesMachine(head, dense_layout(1))
    assert [machine.row(encoded_row(x[i : i + 1]))[0] for i in range(len(x))] == expected.tolist()


def test_trees_of_one_leaf_ask_nothing():
    alone = Tree(
        *([np.array([-1])] * 2), np.array([0]), np.zeros(1), np.zeros(1, dtype=bool), np.array([[0.25]]), np.ones(1)
    )
    head = ensemble([alone, alone], base=np.array([1.0]), link="identity")
    assert outputs_of(head, np.zeros((3, 2))).tolist() == [[1.5]] * 3
    assert TreesMachine(head, dense_layout(2)).row(encoded_row(np.zeros(2))) == [1.5]


# --- numbers among thresholds ----------------------------------------------------------------------------------------

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.floats(width=32, allow_nan=False, allow_infinity=False)


@example(thresholds=[-np.finfo(np.float64).max, np.finfo(np.float64).max], more=[], strict=True, precision="float64")
@example(thresholds=[-3.4028234663852886e38, 3.4028234663852886e38, 1e39], more=[], strict=True, precision="float32")
@settings(max_examples=60, deadline=None)
@given(
    thresholds=st.lists(NUMBERS, min_size=1, max_size=20),
    more=st.lists(NUMBERS, max_size=20),
    strict=st.booleans(),
    precision=st.sampled_from(["float32", "float64"]),
)
def test_a_boundary_stands_for_rounding_and_comparing(thresholds, more, strict, precision):
    t = np.array(thresholds)
    b = boundaries(t, strict=strict, precision=precision)
    with np.errstate(over="ignore"):
        x = np.concatenate([t, b, np.nextafter(b, np.inf), np.nextafter(b, -np.inf), more])
        rounded = x.astype(precision).astype(np.float64)[:, None]
    went_left = rounded < t if strict else rounded <= t
    np.testing.assert_array_equal(x[:, None] <= b, went_left)


@settings(max_examples=60, deadline=None)
@given(
    thresholds=st.lists(NUMBERS, min_size=1, max_size=20, unique=True),
    more=st.lists(st.floats(), max_size=20),
)
def test_a_state_counts_the_thresholds_below_a_number(thresholds, more):
    t = np.unique(thresholds)
    grid = Grid(t)
    x = np.concatenate([t, more, [np.inf, -np.inf, np.nan]])
    expected = np.where(np.isnan(x), grid.missing, (t < x[:, None]).sum(axis=1))
    np.testing.assert_array_equal(grid.states(x), expected)
    assert [grid.state(float(number)) for number in x] == expected.tolist()


@pytest.mark.parametrize("n_trees", [1, 2, 9, 127, 1000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_leaves_are_added_one_after_the_other(n_trees, dtype):
    values = np.random.default_rng(0).normal(size=(n_trees, 70)).astype(dtype)
    base = values.dtype.type(0.1)
    expected = np.full(70, base)
    for row in values:
        expected += row
    for n_rows in (1, 2, 3, 70):
        np.testing.assert_array_equal(in_order(np.ascontiguousarray(values[:, :n_rows]), base), expected[:n_rows])


def test_adding_in_pairs_would_be_seen():
    values = np.random.default_rng(0).normal(size=(1000, 70))
    assert any(np.add.reduce(np.ascontiguousarray(values[:, i])) != in_order(values, 0.0)[i] for i in range(70))


# --- what is refused -------------------------------------------------------------------------------------------------


def changed(head, **arrays):
    return msgspec.structs.replace(head, **arrays)


def put(array, at, number):
    array = array.copy()
    array[at] = number
    return array


def first_inner(head):
    return int(np.flatnonzero(head.feature >= 0)[-1])


HOSTILE = {
    "a child beyond the end": lambda h: changed(h, child=put(h.child, 0, len(h.child))),
    "a negative child": lambda h: changed(h, child=put(h.child, 0, -5)),
    "a cycle": lambda h: changed(h, child=put(h.child, first_inner(h), 0)),
    "a node that leads to itself": lambda h: changed(h, child=put(h.child, first_inner(h), first_inner(h))),
    "two parents of a node": lambda h: changed(h, child=put(h.child, 0, h.child[1])),
    "a leaf that leads on": lambda h: changed(h, child=put(h.child, len(h.child) - 1, 0)),
    "a leaf among its parents": lambda h: changed(h, feature=put(h.feature, 0, -1)),
    "a feature beyond the end": lambda h: changed(h, feature=put(h.feature, 0, 6)),
    "a feature below -1": lambda h: changed(h, feature=put(h.feature, 0, -2)),
    "a threshold that is no number": lambda h: changed(h, threshold=put(h.threshold, 0, np.nan)),
    "an infinite threshold": lambda h: changed(h, threshold=put(h.threshold, 0, np.inf)),
    "an infinite value": lambda h: changed(h, value=put(h.value, -1, np.inf)),
    "thresholds of float32": lambda h: changed(h, threshold=h.threshold.astype(np.float32)),
    "children of int64": lambda h: changed(h, child=h.child.astype(np.int64)),
    "too few thresholds": lambda h: changed(h, threshold=h.threshold[:-1]),
    "too few values": lambda h: changed(h, value=h.value[:-1]),
    "values of another width": lambda h: changed(h, value=np.repeat(h.value, 2, axis=1)),
    "a table of features": lambda h: changed(h, feature=h.feature[:, None]),
    "no trees": lambda h: changed(h, n_trees=0),
    "more trees than nodes": lambda h: changed(h, n_trees=len(h.feature) + 1),
    "fewer trees than outputs": lambda h: changed(h, n_trees=h.n_trees - 1),
    "more trees than there are": lambda h: changed(h, n_trees=h.n_trees + 3),
    "no outputs": lambda h: changed(h, outputs=0, base=np.zeros(0)),
    "a base of another length": lambda h: changed(h, base=np.zeros(2)),
    "a base that is no number": lambda h: changed(h, base=np.full(3, np.nan)),
    "a divisor of zero": lambda h: changed(h, divisor=0.0),
    "a mean that does not begin at zero": lambda h: changed(h, divisor=2.0, base=np.ones(3)),
    "too few covers": lambda h: changed(h, cover=h.cover[:-1]),
    "a negative cover": lambda h: changed(h, cover=put(h.cover, 0, -1)),
    "an infinite cover": lambda h: changed(h, cover=put(h.cover.astype(np.float64), 0, np.inf)),
    "covers of float32": lambda h: changed(h, cover=h.cover.astype(np.float32)),
    "an unknown precision": lambda h: changed(h, precision="float16"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_ensemble_that_cannot_be_walked_is_refused(what, fitted):
    head = fitted["boosting", "three classes"][1]
    check_trees(head, 6)
    with pytest.raises(ArtifactError, match="trees must"):
        check_trees(HOSTILE[what](head), 6)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_passes_the_check_can_be_run(data):
    """Random small arrays: refused, or walked to an end."""
    n = data.draw(st.integers(1, 7))
    small = st.integers(-2, n + 1)
    head = ensemble(
        [
            Tree(
                *([np.array([-1])] * 2),
                np.array([0]),
                np.zeros(1),
                np.zeros(1, dtype=bool),
                np.ones((1, 1)),
                np.ones(1),
            )
        ],
        base=np.zeros(1),
        link="identity",
    )
    head = changed(
        head,
        n_trees=data.draw(st.integers(1, 2)),
        feature=np.array(data.draw(st.lists(st.integers(-1, 1), min_size=n, max_size=n)), dtype=np.int32),
        child=np.array(data.draw(st.lists(small, min_size=n, max_size=n)), dtype=np.int32),
        threshold=np.zeros(n),
        missing_left=np.zeros(n, dtype=bool),
        value=np.ones((n, 1)),
        cover=np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), dtype=np.float64),
    )
    try:
        check_trees(head, 2)
    except ArtifactError:
        return
    X = np.array([[-1.0, 1.0], [1.0, -1.0], [np.nan, 0.0]])
    for widest in (64, 1):
        assert (outputs_of(head, X, widest=widest) == head.n_trees).all()


def test_boosting_that_splits_native_categories_does_not_compile():
    X = np.random.default_rng(0).integers(0, 6, (200, 1)).astype(float)
    model = HistGradientBoostingRegressor(max_iter=3, categorical_features=[0]).fit(X, np.isin(X[:, 0], [1, 4]) * 1.0)
    with pytest.raises(NotCompiled, match="native categories"):
        translate_hist_boosting(model, None)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "quantile", "poisson", "gamma"])
def test_every_loss_of_boosting_compiles(loss):
    X = training_rows()
    options = {"quantile": 0.7} if loss == "quantile" else {}
    y = np.exp(target(X, None) / 2000)
    model = HistGradientBoostingRegressor(max_iter=5, loss=loss, **options).fit(X, y)
    assert_agree(outputs_of(translate_hist_boosting(model, None), X), model.predict(X)[:, None])


def test_a_forest_of_several_targets_does_not_compile():
    X = training_rows()
    model = RandomForestRegressor(n_estimators=2).fit(X, X[:, [0, 2]])
    with pytest.raises(NotCompiled, match="several targets"):
        translate_forest(model, None)


@pytest.mark.parametrize(("n_nodes", "n_columns", "holds"), [(2**24 - 1, 2**15 - 1, True), (2**24, 2**15, False)])
def test_a_node_is_one_word_or_is_refused(n_nodes, n_columns, holds):
    assert fits(n_nodes, n_columns) is holds


def test_an_ensemble_of_too_many_nodes_does_not_compile(monkeypatch):
    monkeypatch.setattr(tree_nodes, "fits", lambda n_nodes, n_columns: fits(n_nodes << 30, n_columns))
    with pytest.raises(NotCompiled, match="more than a compiled program holds"):
        translate_tree(DecisionTreeRegressor(max_depth=2).fit([[0.0], [1.0]], [0.0, 1.0]), None)
