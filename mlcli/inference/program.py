"""A fitted pipeline as data: a tree of typed operations with their constants as arrays.

Nothing here runs anything. `mlcli.inference.translate` makes a program out of a
fitted pipeline, `mlcli.inference.machine` runs one, `mlcli.inference.stored`
writes it to bytes and reads it back.

A program reads `mlcli.data.typed.TypedColumns`. Its feature operations fill a
matrix of features whose column order is that of the fitted preprocessor; its
head turns features into outputs: one value a row for regression, one
probability a class for classification.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from mlcli.config.kinds import Kind, Task

Array = np.ndarray
"""A constant. In the stored form its name stands in the operations and its content beside them."""


class Op(msgspec.Struct, frozen=True, tag_field="op", eq=False):
    """Base of all operations: tagged by name in the stored form."""


# --- elementwise steps over a block of k number columns, in order ---------------------------------------------------


class Clip(Op, tag="clip", frozen=True):
    """Numbers limited to [-limit, limit]; NaN stays."""

    limit: float


class Impute(Op, tag="impute", frozen=True):
    """NaN replaced by `values` of shape (k,)."""

    values: Array


class Scale(Op, tag="scale", frozen=True):
    """``(x - centre) / spread``, each of shape (k,)."""

    centre: Array
    spread: Array


class Affine(Op, tag="affine", frozen=True):
    """``x * factor + offset``, each of shape (k,)."""

    factor: Array
    offset: Array


class Quantile(Op, tag="quantile", frozen=True):
    """scikit-learn's QuantileTransformer (uniform): `quantiles` of shape (n_quantiles, k), `references` of (n_quantiles,)."""

    quantiles: Array
    references: Array


Step = Clip | Impute | Scale | Affine | Quantile

# --- feature operations: each fills `width` features from `start` on -------------------------------------------------


class Numbers(Op, tag="numbers", frozen=True):
    """Number or boolean columns, by position among the program's columns, through `steps`."""

    columns: tuple[int, ...]
    start: int
    steps: tuple[Step, ...] = ()


class Gaps(Op, tag="gaps", frozen=True):
    """1 where the column is missing, else 0; one feature a column."""

    columns: tuple[int, ...]
    start: int


class OneHot(Op, tag="one_hot", frozen=True):
    """A category as one feature of `width` set to 1.

    `positions` of shape (n_levels + 2,) gives for each code (levels, then
    unseen, then missing) the feature that is set, counted from `start`; -1 for none.
    """

    column: int
    start: int
    width: int
    positions: Array


class Lookup(Op, tag="lookup", frozen=True):
    """A category as the row of `table`, of shape (n_levels + 2, width), at its code."""

    column: int
    start: int
    table: Array


class Dates(Op, tag="dates", frozen=True):
    """Date columns taken apart as `mlcli.features.dates.DateEncoder` does, then through `steps`.

    One entry a column in each tuple; features stand in the order of the encoder.
    """

    columns: tuple[int, ...]
    start: int
    parts: tuple[tuple[str, ...], ...]
    elapsed: tuple[bool, ...]
    origins: tuple[int, ...]
    gaps: tuple[bool, ...]
    steps: tuple[Step, ...] = ()


class NGrams(msgspec.Struct, frozen=True, eq=False):
    """One vectorizer: `terms` is the UTF-8 of a JSON list (uint8 array) in column order, `idf` of shape (n_terms,)."""

    analyzer: Literal["word", "char_wb", "char"]
    low: int
    high: int
    terms: Array
    idf: Array


class Text(Op, tag="text", frozen=True):
    """A text column as `mlcli.features.texts.TextEncoder` encodes it: n-grams, or their `components`.

    `components`, of shape (n_components, n_terms of all vectorizers) or None
    for the n-grams themselves, as a sparse row.
    """

    column: int
    start: int
    width: int
    vectorizers: tuple[NGrams, ...]
    weight: float
    components: Array | None = None


Feature = Numbers | Gaps | OneHot | Lookup | Dates | Text

# --- heads: features to outputs --------------------------------------------------------------------------------------

Link = Literal["identity", "exp", "sigmoid", "softmax", "ovr"]
"""Raw values to outputs: as they are; e to them; one value to two probabilities (1 - p, p); several to
probabilities that sum to 1 by softmax; by a sigmoid each, divided by their sum (equal shares where it is 0)."""


class Constant(Op, tag="constant", frozen=True):
    """The same outputs for every row: `outputs` of shape (n_outputs,)."""

    outputs: Array


class Linear(Op, tag="linear", frozen=True):
    """``X @ coef.T + intercept`` through sigmoids and a link.

    `coef` of shape (k, n_features), `intercept` of shape (k,). Where `slopes`
    is given, raw values become ``-(slopes * raw + offsets)`` before the link: Platt's scaling.
    `means` of shape (n_features,), the features of the average training row, serves explanations alone; None in
    format versions 1 and 2.
    """

    coef: Array
    intercept: Array
    link: Link
    slopes: Array | None = None
    offsets: Array | None = None
    means: Array | None = None


class Bayes(Op, tag="bayes", frozen=True):
    """Gaussian naive Bayes: `mean` and `variance` of shape (n_classes, n_features), `log_prior` of shape (n_classes,)."""

    mean: Array
    variance: Array
    log_prior: Array


class Network(Op, tag="network", frozen=True):
    """Dense layers: `weights` of shape (n_in, n_out) each, `biases` of shape (n_out,), the activation between them."""

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    activation: Literal["identity", "logistic", "tanh", "relu"]
    link: Link


class Kernel(Op, tag="kernel", frozen=True):
    """A kernel machine: ``kernel(X, vectors) @ coef.T + intercept``.

    `vectors` of shape (n_vectors, n_features), `coef` of shape (k, n_vectors).
    Where `pairs` is set, the k raw values are for each pair of classes, (0, 1),
    (0, 2), ... (1, 2), ..., and their votes make one raw value a class. Then
    Platt's scaling as in `Linear` and the link.
    """

    vectors: Array
    coef: Array
    intercept: Array
    kernel: Literal["linear", "poly", "rbf", "sigmoid"]
    gamma: float
    degree: int
    coef0: float
    link: Link
    slopes: Array | None = None
    offsets: Array | None = None
    pairs: bool = False


class Trees(Op, tag="trees", frozen=True):
    """An ensemble of decision trees.

    Nodes of all trees stand in breadth-first order: first the root of every
    tree, in order, then their children, and so on; the right child stands
    behind the left one.

    Parameters
    ----------
    n_trees : int
        Number of trees; their roots are the first nodes.
    feature : ndarray of shape (n_nodes,), int32
        Feature that an inner node asks for; -1 for a leaf.
    threshold : ndarray of shape (n_nodes,), float64
        An inner node sends ``x <= threshold`` (``x < threshold`` where
        `strict`) to the left.
    child : ndarray of shape (n_nodes,), int32
        Left child; the right one is the next. A leaf's own position.
    missing_left : ndarray of shape (n_nodes,), bool
        Whether a missing x goes to the left.
    value : ndarray of shape (n_nodes, n_values), float64 or float32
        Value of each leaf; zeros elsewhere. Float32 where the sum over trees
        is one of float32, as XGBoost's is. n_values is the number of outputs
        before the link, or 1 where each tree is for one output only.
    outputs : int
        Number of raw outputs. Where n_values is 1 and `outputs` above, tree
        ``t`` adds to output ``t % outputs``.
    base : ndarray of shape (outputs,)
        What the sum over trees begins at; 0 where `divisor` is not 1.
    divisor : float
        What the sum over trees is divided by.
    strict : bool
        See `threshold`.
    precision : {"float32", "float64"}
        float32: features are rounded to it before they are compared.
    link : Link
        Raw values to outputs.
    cover : ndarray of shape (n_nodes,), int32 or float64, optional
        Weight of the training rows that reached each node, as the library
        counts it; it serves explanations alone. None in format versions 1 and 2.
    """

    n_trees: int
    feature: Array
    threshold: Array
    child: Array
    missing_left: Array
    value: Array
    outputs: int
    base: Array
    divisor: float
    strict: bool
    precision: Literal["float32", "float64"]
    link: Link
    cover: Array | None = None


Head = Constant | Linear | Bayes | Network | Kernel | Trees

# --- nodes: from rows to outputs -------------------------------------------------------------------------------------


class Model(Op, tag="model", frozen=True):
    """Features, then a head."""

    n_features: int
    features: tuple[Feature, ...]
    head: Head


class Vote(Op, tag="vote", frozen=True):
    """The weighted mean of its members' outputs; `weights` sum to 1."""

    members: tuple[Node, ...]
    weights: tuple[float, ...]


class Sigmoids(Op, tag="sigmoids", frozen=True):
    """Calibration by a sigmoid a class, of shape (n,) each; n is 1 for two classes.

    ``1 / (1 + exp(slope * raw + offset))`` of the member's outputs, which are
    its raw values where its head has the link ``identity``, else probabilities;
    for two classes of the last output. Several classes are divided by their sum.
    """

    member: Node
    slopes: Array
    offsets: Array


class Isotonic(Op, tag="isotonic", frozen=True):
    """Calibration by a rising curve a class: between the points (x, y), linearly, the ends beyond them.

    Of the member's outputs as in `Sigmoids`; one curve for two classes.
    """

    member: Node
    x: tuple[Array, ...]
    y: tuple[Array, ...]


Node = Model | Vote | Sigmoids | Isotonic


class ProgramColumn(msgspec.Struct, frozen=True):
    """A column that the program reads, in schema order; `n_levels` of a category."""

    name: str
    kind: Kind
    n_levels: int = 0


class Program(msgspec.Struct, frozen=True, eq=False):
    """A fitted pipeline as data.

    Parameters
    ----------
    task : Task
        Classification or regression.
    columns : tuple of ProgramColumn
        What it reads, in schema order.
    n_outputs : int
        1 for regression, else the number of classes.
    node : Node
        The operations.
    threshold : float, optional
        For two classes: the least probability of the class `positive` that
        makes it the label. None: the likelier class, the first on a tie.
    positive : int, optional
        Position of that class.
    """

    task: Task
    columns: tuple[ProgramColumn, ...]
    n_outputs: int
    node: Node
    threshold: float | None = None
    positive: int | None = None
