"""Contributions to linear models: coefficient times distance from the average training row, column by column."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from models_samples import KINDS, fitted_pipeline, mixed_rows, schema_of, target_of

from mlcli.config.sections import PreprocessConfig, TextConfig
from mlcli.data.frames import columns_from_frame
from mlcli.data.typed import TypedColumns
from mlcli.errors import ArtifactError
from mlcli.inference.compile import compile_pipeline
from mlcli.inference.explain_linear import LinearTerms, with_means
from mlcli.inference.stored import from_bytes, to_bytes
from mlcli.inference.translate import translate

PREPROCESS = {
    "n-grams": PreprocessConfig(text=TextConfig(max_features=200)),
    "components of texts": PreprocessConfig(text=TextConfig(max_features=200, components=5)),
    "target encoding": PreprocessConfig(category={"encode": "target"}, text=TextConfig(max_features=50)),
}


def column_of(feature_name):
    """Return the column of a preprocessor's output, whose name begins with the column's."""
    return next(name for name in KINDS if feature_name.startswith(name))


@pytest.mark.parametrize("preprocess", PREPROCESS)
@pytest.mark.parametrize(
    ("name", "kind"), [("ridge", "number"), ("logistic_regression", "text"), ("logistic_regression", "three")]
)
def test_contributions_are_coefficients_times_distances_from_the_average(name, kind, preprocess):
    """Held against scikit-learn's own encoding of the same rows."""
    X, new = mixed_rows(300), mixed_rows(40, seed=5)
    y = target_of(X, kind)
    pipeline = fitted_pipeline(name, X, y, preprocess=PREPROCESS[preprocess])
    schema = schema_of(X, y)
    program = with_means(translate(pipeline, schema), columns_from_frame(X, schema))
    terms = LinearTerms(program.node, len(KINDS))

    ours = terms.rows(columns_from_frame(new, schema))

    encode, estimator = pipeline.named_steps["preprocess"], pipeline.named_steps["estimator"]
    dense = lambda rows: np.asarray(m.toarray() if hasattr(m := encode.transform(rows), "toarray") else m)  # noqa: E731
    owner = [column_of(feature) for feature in encode.get_feature_names_out()]
    coef = np.atleast_2d(estimator.coef_)
    each = (dense(new) - dense(X).mean(axis=0))[:, :, None] * coef.T
    expected = np.stack(
        [each[:, [i for i, o in enumerate(owner) if o == column]].sum(axis=1) for column in KINDS], axis=1
    )
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9 * max(1.0, np.abs(expected).max()))
    average = (dense(X) @ coef.T).mean(axis=0) + estimator.intercept_
    np.testing.assert_allclose(terms.base, average, rtol=1e-9)


def test_training_compiles_the_average_into_the_program():
    X = mixed_rows(300)
    y = target_of(X, "number")
    pipeline, schema = fitted_pipeline("ridge", X, y), schema_of(X, y)
    compiled = compile_pipeline(pipeline, schema, X)
    program = from_bytes(compiled.operations, compiled.arrays, place="here")
    expected = with_means(translate(pipeline, schema), columns_from_frame(X, schema))
    np.testing.assert_array_equal(program.node.head.means, expected.node.head.means)


def test_the_average_of_many_rows_is_one_of_as_many_as_are_enough(monkeypatch):
    X = mixed_rows(300)
    y = target_of(X, "number")
    pipeline, schema = fitted_pipeline("ridge", X, y), schema_of(X, y)
    monkeypatch.setattr("mlcli.inference.explain_linear.MEAN_ROWS", 100)
    compiled = compile_pipeline(pipeline, schema, X)
    means = from_bytes(compiled.operations, compiled.arrays, place="here").node.head.means
    every_third = with_means(translate(pipeline, schema), columns_from_frame(X.iloc[::3], schema))
    np.testing.assert_array_equal(means, every_third.node.head.means)


@pytest.mark.parametrize(
    "means",
    [np.zeros(3), np.zeros((1, 5)), np.full(500, np.nan), np.zeros(500, dtype=np.int64)],
    ids=["too few", "a table", "no numbers", "whole numbers"],
)
def test_means_that_do_not_fit_are_refused(means):
    X = mixed_rows(100)
    y = target_of(X, "number")
    schema = schema_of(X, y)
    program = with_means(translate(fitted_pipeline("ridge", X, y), schema), columns_from_frame(X, schema))
    good = program.node.head.means
    assert from_bytes(*to_bytes(program), place="here")
    means = means if means.shape != (500,) else np.resize(means, good.shape)
    head = msgspec.structs.replace(program.node.head, means=means)
    forged = msgspec.structs.replace(program, node=msgspec.structs.replace(program.node, head=head))
    with pytest.raises(ArtifactError, match=r"linear\.means must"):
        from_bytes(*to_bytes(forged), place="here")


def test_no_rows_have_no_contributions():
    X = mixed_rows(100)
    y = target_of(X, "number")
    schema = schema_of(X, y)
    columns = columns_from_frame(X, schema)
    program = with_means(translate(fitted_pipeline("ridge", X, y), schema), columns)
    none = TypedColumns(tuple(cells[:0] for cells in columns.columns), 0)
    assert LinearTerms(program.node, len(KINDS)).rows(none).shape == (0, len(KINDS), 1)
