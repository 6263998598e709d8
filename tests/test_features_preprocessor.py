"""From the contract of a table to what a model sees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from models_samples import column_of, mixed_rows, schema_of, target_of
from scipy.sparse import issparse
from sklearn.base import clone

from mlcli.config.sections import CategoryConfig, DateConfig, NumberConfig, PreprocessConfig, TextConfig
from mlcli.errors import ConfigError
from mlcli.features.numbers import LIMIT, NumberLimiter
from mlcli.features.preprocessor import WIDE, build_preprocessor, check_preprocess
from mlcli.registry import MODELS

X = mixed_rows()
Y = target_of(X)
LINEAR, BOOSTING, FOREST = MODELS["logistic_regression"], MODELS["gradient_boosting"], MODELS["random_forest"]


def preprocessor(rows, config=None, *, model=LINEAR, kinds=None, y=Y, task="classification"):
    kinds = kinds or {name: kind for name, kind in schema_kinds().items() if name in rows}
    schema = schema_of(rows, y, kinds=kinds)
    return build_preprocessor(schema, config or PreprocessConfig(), model=model, task=task, random_state=0)


def schema_kinds():
    from models_samples import KINDS

    return KINDS


def output(rows, config=None, *, y=Y, **options):
    """The transformed rows as a frame with names."""
    transformer = preprocessor(rows, config, y=y, **options)
    features = transformer.fit_transform(rows, y)
    dense = features.toarray() if issparse(features) else features
    return pd.DataFrame(dense, columns=transformer.get_feature_names_out())


def number(**options):
    return PreprocessConfig(number=NumberConfig(**options))


def category(**options):
    return PreprocessConfig(category=CategoryConfig(**options))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("median", X["income"].median()), ("mean", X["income"].mean()), ("zero", 0.0), ("auto", X["income"].median())],
)
def test_gaps_in_numbers_are_filled_and_marked(strategy, expected):
    found = output(X[["income", "rooms"]], number(impute=strategy, scale="none"))
    gaps = X["income"].isna().to_numpy()

    assert list(found) == ["income", "rooms", "income=(missing)"]  # rooms had no gap
    np.testing.assert_allclose(found["income"][gaps], expected)
    np.testing.assert_array_equal(found["income=(missing)"], gaps)


def test_without_the_indicator_gaps_are_only_filled():
    assert list(output(X[["income"]], number(indicator=False))) == ["income"]


@pytest.mark.parametrize("config", [PreprocessConfig(), number(impute="none")])
def test_a_model_that_reads_gaps_gets_them(config):
    found = output(X[["income", "owner", "opened"]], config, model=BOOSTING)

    assert found[["income", "owner", "opened.elapsed_days"]].isna().any().all()
    assert not any(name.endswith("=(missing)") for name in found)


def test_gaps_may_be_filled_for_a_model_that_reads_them():
    found = output(X[["income", "owner", "opened"]], number(impute="median"), model=BOOSTING)

    assert not found.isna().any().any()
    assert {"income=(missing)", "owner=(missing)", "opened=(missing)"} <= set(found)


def test_gaps_left_to_a_model_that_cannot_read_them_are_refused():
    with pytest.raises(ConfigError, match=r"preprocess.number.impute must fill the gaps.* Got 'none'") as error:
        check_preprocess(number(impute="none"), model=LINEAR)
    assert "preprocess.number.impute: median" in error.value.hint
    check_preprocess(number(impute="none"), model=BOOSTING)


@pytest.mark.parametrize(
    ("scale", "low", "high"),
    [("standard", -4, 4), ("robust", -4, 4), ("minmax", 0, 1), ("quantile", 0, 1), ("auto", -4, 4)],
)
def test_numbers_share_a_scale_for_a_model_that_compares_them(scale, low, high):
    found = output(X[["income", "rooms"]], number(scale=scale))

    assert found["income"].between(low - 1e-12, high + 1e-12).all()
    assert found["rooms"].between(low - 1e-12, high + 1e-12).all()


def test_trees_get_numbers_as_they_are():
    np.testing.assert_array_equal(output(X[["income"]], model=FOREST)["income"], X["income"])


@pytest.mark.parametrize("n_rows", [3, 10, 50])
def test_quantiles_of_few_rows_do_not_warn(n_rows):
    output(X[["rooms"]][:n_rows], number(scale="quantile"), y=Y[:n_rows])


def test_huge_numbers_are_limited_before_and_after_scaling():
    transformer = preprocessor(X[["income"]], number(scale="minmax", indicator=False), model=FOREST)
    tiny = X[["income"]] * 1e-12
    transformer.fit(tiny)

    found = transformer.transform(pd.DataFrame({"income": [1.7e308, -1.7e308]}))

    np.testing.assert_array_equal(found.ravel(), [LIMIT, -LIMIT])


def test_the_limiter_leaves_ordinary_and_missing_numbers_alone():
    rows = np.array([[1.5], [np.nan], [-1e29], [2e30]])

    np.testing.assert_array_equal(NumberLimiter().fit_transform(rows), [[1.5], [np.nan], [-1e29], [1e30]])
    with pytest.raises(ValueError, match="limit"):
        NumberLimiter(limit=0.0).fit(rows)


def test_a_number_column_without_a_value_becomes_zeros():
    blank = pd.DataFrame({"income": np.full(20, np.nan)})

    assert output(blank, y=Y[:20])["income"].tolist() == [0.0] * 20


def test_booleans_keep_to_zero_and_one():
    found = output(X[["owner"]])

    assert set(found["owner"]) == {0.0, 1.0}
    np.testing.assert_array_equal(found["owner=(missing)"], X["owner"].isna())


def test_levels_have_a_column_each_and_missing_is_one_of_them():
    found = output(X[["purpose"]])

    assert list(found) == ["purpose=boat", "purpose=car", "purpose=house", "purpose=(missing)"]
    np.testing.assert_array_equal(found["purpose=(missing)"], X["purpose"].isna())


def test_rare_levels_share_a_column_with_unseen_ones():
    transformer = preprocessor(X[["purpose"]], category(min_frequency=0.2))
    transformer.fit(X[["purpose"]], Y)
    assert transformer.get_feature_names_out().tolist() == ["purpose=boat", "purpose=car", "purpose=(rare)"]

    new = pd.DataFrame({"purpose": pd.Series(["house", "spaceship", "car", None], dtype="str")})

    np.testing.assert_array_equal(transformer.transform(new)[:, 2], [1, 1, 0, 1])


def test_an_unseen_level_is_none_of_the_known_where_none_was_rare():
    transformer = preprocessor(X[["purpose"]], category(min_frequency=0.0)).fit(X[["purpose"]], Y)

    new = pd.DataFrame({"purpose": pd.Series(["spaceship"], dtype="str")})

    np.testing.assert_array_equal(transformer.transform(new), [[0, 0, 0, 0]])


def test_ordinal_codes_tell_unseen_from_missing():
    transformer = preprocessor(X[["purpose"]], category(encode="ordinal"), model=FOREST).fit(X[["purpose"]], Y)

    new = pd.DataFrame({"purpose": pd.Series(["boat", "car", "spaceship", None], dtype="str")})

    np.testing.assert_array_equal(transformer.transform(new).ravel(), [0, 1, -1, -2])


@pytest.mark.parametrize("encode", ["ordinal", "target"])
def test_codes_share_the_scale_of_numbers(encode):
    found = output(X[["town"]], category(encode=encode))["town"]

    assert abs(found.mean()) < 0.5
    assert 0.5 < found.std() < 2


@pytest.mark.parametrize(("n_levels", "encoding"), [(50, "one_hot"), (51, "target")])
def test_many_levels_are_encoded_by_their_target(n_levels, encoding):
    towns = pd.DataFrame({"town": pd.Series([f"t{i % n_levels}" for i in range(150)], dtype="str")})

    (name, _, _) = preprocessor(towns).transformers[0]

    assert name == encoding


def test_target_encoding_of_numbers_averages_them_even_when_whole():
    towns = pd.DataFrame({"town": pd.Series(["a", "b"] * 75, dtype="str")})
    y = np.where(towns["town"] == "a", 10.0, 30.0) + np.tile([0.0, 0.0, 1.0], 50)
    transformer = preprocessor(towns, category(encode="target"), model=FOREST, y=y, task="regression").fit(towns, y)

    found = transformer.transform(pd.DataFrame({"town": pd.Series(["a", "b", "new"], dtype="str")}))

    np.testing.assert_allclose(found.ravel(), [10.33, 30.33, 20.33], atol=0.1)


def test_target_encoding_gives_no_row_its_own_answer():
    rng = np.random.default_rng(0)
    ids = pd.DataFrame({"town": pd.Series([f"id {i}" for i in range(150)], dtype="str")})
    y = rng.normal(size=150)
    transformer = preprocessor(ids, category(encode="target"), model=FOREST, y=y, task="regression")

    learnt = transformer.fit_transform(ids, y).ravel()

    assert abs(np.corrcoef(learnt, y)[0, 1]) < 0.5


@pytest.mark.parametrize(("kind", "width"), [("text", 1), ("three", 3), ("boolean", 1), ("integer", 1)])
def test_target_encoding_suits_labels_of_every_type(kind, width):
    y = target_of(X, kind)

    assert output(X[["town"]], category(encode="target"), y=y).shape == (150, width)


def test_target_encoding_bears_a_fold_without_one_of_the_classes():
    y = target_of(X, "three")
    rows, kept = X[["town"]][y != "top"], y[y != "top"]
    transformer = preprocessor(X[["town"]], category(encode="target"), y=y)

    assert transformer.fit_transform(rows, kept).shape == (len(kept), 1)


def test_dates_are_taken_apart_filled_and_scaled():
    config = PreprocessConfig(date=DateConfig(parts=("month",)))
    found = output(X[["opened"]], config)

    assert list(found) == ["opened.month", "opened.elapsed_days", "opened=(missing)"]
    assert not found.isna().any().any()
    assert found["opened.elapsed_days"].std() == pytest.approx(1, abs=0.05)


def test_texts_stay_sparse_for_a_model_that_takes_them_so():
    transformer = preprocessor(X[["income", "remark"]])

    assert issparse(transformer.fit_transform(X[["income", "remark"]], Y))
    assert {"income", "remark~house", "remark~ hou"} <= set(transformer.get_feature_names_out())


@pytest.mark.parametrize("columns", [["rooms"], ["whole"], ["rooms", "whole", "income", "owner"]])
def test_columns_without_gaps_stand_beside_sparse_texts(columns):
    rows = X.assign(whole=(X["rooms"] > 3).astype(float))[[*columns, "remark"]]
    transformer = preprocessor(rows, kinds={**schema_kinds(), "whole": "boolean"})

    assert issparse(transformer.fit_transform(rows, Y))


def test_a_fold_without_the_gaps_of_the_table_keeps_the_features_of_the_table():
    rows = X[["income", "remark"]]
    transformer = preprocessor(rows)
    full = rows[rows["income"].notna()]

    transformer.fit(full, Y[: len(full)])

    assert "income=(missing)" in transformer.get_feature_names_out()


def test_texts_without_a_single_n_gram_are_nothing_to_the_model():
    marks = pd.DataFrame({"rooms": X["rooms"], "remark": pd.Series(["!"] * len(X), dtype="str")})
    found = preprocessor(marks, PreprocessConfig(text=TextConfig(ngrams="word"))).fit_transform(marks, Y)

    assert found.shape == (len(X), 2)
    assert found[:, 1].nnz == 0


@pytest.mark.parametrize(("model", "components", "width"), [(BOOSTING, None, 100), (BOOSTING, 7, 7), (LINEAR, 7, 7)])
def test_texts_are_dense_components_where_asked_or_needed(model, components, width):
    found = preprocessor(X[["remark"]], PreprocessConfig(text=TextConfig(components=components)), model=model)
    features = found.fit_transform(X[["remark"]], Y)

    assert not issparse(features)
    assert features.shape == (150, width)


@pytest.mark.parametrize(
    ("n_levels", "model", "sparse"), [(WIDE - 1, LINEAR, False), (WIDE, LINEAR, True), (WIDE, BOOSTING, False)]
)
def test_many_levels_one_by_one_are_sparse(n_levels, model, sparse):
    towns = pd.DataFrame({"town": pd.Series([f"t{i}" for i in range(n_levels)], dtype="str")})
    y = Y[np.arange(n_levels) % 150]
    transformer = preprocessor(towns, category(encode="one_hot", min_frequency=0.0), model=model, y=y)

    assert issparse(transformer.fit_transform(towns, y)) == sparse


def test_columns_that_the_schema_does_not_name_never_reach_the_model():
    transformer = preprocessor(X[["income"]]).fit(X[["income"]], Y)

    leak = X[["income"]].assign(answer=1.0)

    np.testing.assert_array_equal(transformer.transform(leak), transformer.transform(X[["income"]]))


@pytest.mark.parametrize("name", ["日期", "a b", "x(1)", "$", "{0}", "a__b", "a=b", "%s"])
def test_columns_may_have_any_name(name):
    rows = pd.DataFrame({name: X["income"], f"{name}2": X["purpose"]})
    found = output(rows, kinds={name: "number", f"{name}2": "category"})

    assert {name, f"{name}=(missing)", f"{name}2=car"} <= set(found)


def test_names_that_coincide_do_no_harm():
    rows = pd.DataFrame(
        {"a": pd.Series(["b=c", "x"] * 75, dtype="str"), "a=b": pd.Series(["c", "y"] * 75, dtype="str")}
    )
    found = output(rows, kinds={"a": "category", "a=b": "category"})

    assert list(found).count("a=b=c") == 2


def test_composing_is_repeatable_and_learns_nothing():
    transformer = preprocessor(X)
    one = clone(transformer).fit_transform(X, Y)

    np.testing.assert_array_equal(one.toarray(), transformer.fit_transform(X, Y).toarray())


def test_a_column_of_the_sample_schema_counts_its_gaps():
    found = column_of("purpose", X["purpose"], "category")

    assert found.n_missing == X["purpose"].isna().sum()
    assert sum(found.categories.values()) + found.n_missing == len(X)
