"""The portfolio of `auto`, and how its members are fitted and put together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models_samples import config_of, dataset_of, mixed_rows, schema_of, target_of

from mlcli.artifact.canonical import canonical_dump
from mlcli.artifact.estimator import load_estimator
from mlcli.config.model_sections import ModelConfig
from mlcli.config.sections import PreprocessConfig, TextConfig
from mlcli.inference.compile import compile_pipeline
from mlcli.inference.latency import measure_latency
from mlcli.models import portfolio
from mlcli.models.catalogue import check_parameters
from mlcli.models.members import combine, fit_recipe, refitted_as
from mlcli.models.portfolio import MAX_TREES, ROUNDS, Recipe, build_portfolio, libraries_sentence
from mlcli.models.trust import trusted_types

X = mixed_rows()
NEW = mixed_rows(40, seed=1)
SHORT_TEXTS = PreprocessConfig(text=TextConfig(max_features=20))
NUMBERS = X[["income", "rooms", "purpose"]]


def schema_with(task, *, n_rows, columns=NUMBERS, n_classes=3):
    import msgspec

    schema = schema_of(columns, target_of(X, "number" if task == "regression" else "three"))
    target = schema.target
    if task == "classification":
        target = msgspec.structs.replace(target, classes=tuple(f"c{i}" for i in range(n_classes)))
    return msgspec.structs.replace(schema, n_rows=n_rows, target=target)


def names(task, effort, n_rows, *, boost="auto", **options):
    config = config_of("auto", effort=effort, boost=boost)
    return [recipe.name for recipe in build_portfolio(config, schema_with(task, n_rows=n_rows, **options))]


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("effort", ["quick", "standard", "thorough"])
@pytest.mark.parametrize("n_rows", [100, 5_000, 50_000])
def test_every_recipe_is_a_model_that_a_config_may_say(task, effort, n_rows):
    recipes = build_portfolio(config_of("auto", effort=effort), schema_with(task, n_rows=n_rows))

    assert len({recipe.name for recipe in recipes}) == len(recipes)
    for recipe in recipes:
        check_parameters(recipe.model, task=task)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_more_effort_tries_more_and_nothing_less(task):
    for n_rows in (100, 5_000):
        quick, standard, thorough = (names(task, effort, n_rows) for effort in ("quick", "standard", "thorough"))
        assert len(quick) == 2
        assert set(quick) < set(standard) < set(thorough)


def test_machines_that_grow_with_the_square_of_the_rows_are_for_small_tables():
    assert any(name.startswith("svm") for name in names("classification", "standard", 3_000))
    assert not any(name.startswith("svm") for name in names("classification", "thorough", 3_001))


def test_the_width_of_a_kernel_goes_by_the_columns():
    def widths(columns):
        recipes = build_portfolio(config_of("auto"), schema_with("classification", n_rows=100, columns=columns))
        return {r.name: r.model.params.get("gamma", "scale") for r in recipes if r.model.name == "svm"}

    assert widths(NUMBERS) == {"svm (C=1)": "scale", "svm (narrow)": 0.666667, "svm (wide)": 0.1}
    assert widths(NUMBERS[["income"]])["svm (narrow)"] == 2.0


def test_texts_are_for_models_that_read_many_columns():
    assert names("classification", "standard", 500, columns=X) == [
        "logistic_regression",
        "gradient_boosting (31 leaves)",
    ]


def test_many_classes_take_fewer_rounds():
    def most(n_classes):
        recipes = build_portfolio(config_of("auto"), schema_with("classification", n_rows=100, n_classes=n_classes))
        return next(r.model.params["max_iter"] for r in recipes if r.early_stopping)

    assert most(2) == MAX_TREES
    assert most(10) == 100
    assert most(100) == 60


def test_seed_and_class_weights_reach_every_candidate():
    config = config_of("auto", random_state=7, class_weight="balanced")
    recipes = build_portfolio(config, schema_with("classification", n_rows=100))

    assert {(r.model.random_state, r.model.class_weight) for r in recipes} == {(7, "balanced")}


def test_listed_models_are_tried_as_they_are_written():
    config = config_of("auto", candidates=({"name": "svm", "params": {"C": 2}}, {"name": "svm", "params": {"C": 2.0}}))
    recipes = build_portfolio(config, schema_with("classification", n_rows=100))

    assert [recipe.name for recipe in recipes] == ["svm (C=2)", "svm (C=2.0)"]
    assert not any(recipe.early_stopping for recipe in recipes)


@pytest.fixture
def without_boost(monkeypatch):
    monkeypatch.setattr(portfolio, "find_spec", lambda name: None)


def boosted(names_):
    return sorted(name.split(" ")[0] for name in names_ if name.startswith(("lightgbm", "catboost")))


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("n_rows", [100, 5_000])
def test_libraries_of_the_extra_are_tried_where_they_are_installed(task, n_rows):
    assert boosted(names(task, "standard", n_rows)) == ["catboost", "lightgbm", "lightgbm"]
    assert boosted(names(task, "quick", n_rows)) == []
    assert names(task, "standard", n_rows, boost="always") == names(task, "standard", n_rows)


def test_catboost_is_left_out_where_many_classes_make_it_slow():
    assert "catboost" in boosted(names("classification", "standard", 100, n_classes=5))
    assert "catboost" not in boosted(names("classification", "standard", 100, n_classes=6))


def test_without_the_extra_or_where_a_config_says_never_the_core_alone_is_tried(request):
    never = names("classification", "standard", 100, boost="never")
    request.getfixturevalue("without_boost")

    assert names("classification", "standard", 100) == never
    assert boosted(never) == []


def sentence(*, n_classes=3, columns=NUMBERS, **model):
    schema = schema_with("classification", n_rows=100, n_classes=n_classes, columns=columns)
    return libraries_sentence(config_of("auto", **model), schema)


def test_what_is_installed_is_said_where_it_decides(request):
    assert sentence() == "with catboost and lightgbm, since the extra boost is installed"
    assert sentence(n_classes=6) == "with lightgbm, since the extra boost is installed"
    assert sentence(boost="never") is sentence(effort="quick") is sentence(candidates=({"name": "lightgbm"},)) is None
    assert sentence(columns=X) is None, "texts are for the core's models"
    request.getfixturevalue("without_boost")
    assert sentence() == "without catboost and lightgbm, which the extra boost brings: it is not installed"
    assert sentence(n_classes=6).startswith("without lightgbm, which")
    assert sentence(boost="never") is sentence(effort="quick") is sentence(candidates=({"name": "svm"},)) is None
    assert sentence(columns=X) is None


def test_recipes_that_preprocess_alike_are_those_of_models_that_read_alike():
    recipes = build_portfolio(config_of("auto"), schema_with("classification", n_rows=100))
    by_kind = {recipe.preprocessing: set() for recipe in recipes}
    for recipe in recipes:
        by_kind[recipe.preprocessing].add(recipe.model.name)

    trees = {"gradient_boosting", "random_forest", "extra_trees", "lightgbm", "catboost"}
    assert sorted(by_kind.values(), key=len) == [{"logistic_regression", "svm", "mlp"}, trees]
    assert replace(recipes[0], preprocess=SHORT_TEXTS).preprocessing != recipes[0].preprocessing
    assert (
        replace(recipes[0], model=recipes[0].model.model_copy(update={"random_state": 1})).preprocessing
        != recipes[0].preprocessing
    )


def boosting(**params):
    model = ModelConfig(name="gradient_boosting", params={"max_iter": 300, "learning_rate": 0.3, **params})
    return Recipe("boosting", model, early_stopping=True, preprocess=PreprocessConfig())


@pytest.mark.parametrize("name", ["lightgbm", "catboost", "xgboost"])
@pytest.mark.parametrize("kind", ["number", "three", "text"])
def test_boosting_libraries_stop_early_and_leave_their_threads_as_they_were(name, kind):
    y = target_of(X, kind)
    schema = schema_of(NUMBERS, y)
    rows = dataset_of(NUMBERS, y)
    train, rest = rows.take(np.arange(100)), rows.take(np.arange(100, len(X)))
    model = ModelConfig(name=name, params={ROUNDS[name]: 300, "learning_rate": 0.3})
    recipe = Recipe("boosting", model, early_stopping=True, preprocess=PreprocessConfig())

    estimator = fit_recipe(recipe, config_of("auto"), schema, train, held_out=rest).named_steps["estimator"]

    assert 1 <= estimator.n_iter_ < 300
    assert estimator.n_jobs is None
    again = refitted_as(recipe, [estimator.n_iter_])
    assert fit_recipe(again, config_of("auto"), schema, rows).named_steps["estimator"].n_iter_ == estimator.n_iter_


@pytest.mark.parametrize("kind", ["number", "three", "text"])
def test_boosting_ends_where_the_rows_held_out_are_told_best(kind):
    y = target_of(X, kind)
    schema = schema_of(NUMBERS, y)
    rows = dataset_of(NUMBERS, y)
    train, rest = rows.take(np.arange(100)), rows.take(np.arange(100, len(X)))

    pipeline = fit_recipe(boosting(), config_of("auto"), schema, train, held_out=rest)

    estimator = pipeline.named_steps["estimator"]
    scores = estimator.validation_score_
    assert estimator.n_iter_ == max(1, int(np.argmax(scores)))
    assert estimator.n_iter_ < len(scores) - 1 < 300, "it waited, and took back what it waited for"


def test_a_class_that_only_the_rows_held_out_have_does_not_stop_the_fit():
    y = target_of(X, "three")
    rows = dataset_of(NUMBERS, y)
    train, rest = rows.take(np.flatnonzero(y != "top")), rows

    pipeline = fit_recipe(boosting(), config_of("auto"), schema_of(NUMBERS, y), train, held_out=rest)

    assert pipeline.named_steps["estimator"].classes_.tolist() == ["low", "middle"]


def test_on_all_rows_boosting_takes_the_mean_of_the_rounds():
    again = refitted_as(boosting(), [10, 11, 13])

    assert (again.early_stopping, again.model.params["max_iter"]) == (False, 12)
    assert refitted_as(again, []) is again, "what does not stop early stays as it is"


def fitted_members(kind, columns):
    y = target_of(X, kind)
    schema = schema_of(columns, y)
    names_ = ("ridge",) if kind == "number" else ("logistic_regression",)
    recipes = [
        Recipe(name, ModelConfig(name=name, params=params), early_stopping=False, preprocess=SHORT_TEXTS)
        for name, params in [
            (names_[0], {}),
            ("random_forest", {"n_estimators": 5}),
            ("gradient_boosting", {"max_iter": 5}),
            ("mlp", {"hidden_layer_sizes": [5], "max_iter": 20}),
        ]
    ]
    rows = dataset_of(columns, y)
    return schema, [(r.name, fit_recipe(r, config_of("auto"), schema, rows)) for r in recipes]


@pytest.mark.parametrize("kind", ["number", "three", "integer", "boolean", "float"])
def test_members_that_preprocess_separately_are_stored_compiled_and_proven_together(kind):
    schema, members = fitted_members(kind, X)
    pipeline = combine(members, (0.4, 0.3, 0.2, 0.1), schema)

    compiled = compile_pipeline(pipeline, schema, X)
    again = load_estimator(canonical_dump(pipeline), trusted=trusted_types("auto"), place="here")

    assert compiled.proof.proven, compiled.proof.reason
    method = "predict" if kind == "number" else "predict_proba"
    expected = sum(w * getattr(p, method)(NEW) for w, (_, p) in zip((0.4, 0.3, 0.2, 0.1), members, strict=True))
    np.testing.assert_allclose(getattr(pipeline, method)(NEW), expected, rtol=1e-12)
    np.testing.assert_array_equal(getattr(again, method)(NEW), getattr(pipeline, method)(NEW))
    assert pipeline.predict(NEW).dtype == again.predict(NEW).dtype
    if kind != "number":
        assert set(pipeline.predict(NEW).tolist()) <= set(schema.target.classes)


def test_one_member_is_itself():
    schema, members = fitted_members("three", NUMBERS)

    assert combine(members[:1], (1.0,), schema) is members[0][1]


def test_a_latency_is_that_of_the_program_where_there_is_one():
    schema, members = fitted_members("three", NUMBERS)
    compiled = measure_latency(combine(members, (0.25,) * 4, schema), schema, NUMBERS)
    neighbours = Recipe("k", ModelConfig(name="nearest_neighbors"), early_stopping=False, preprocess=SHORT_TEXTS)
    y = target_of(X, "three")
    served = measure_latency(
        fit_recipe(neighbours, config_of("auto"), schema, dataset_of(NUMBERS, y)), schema, NUMBERS.iloc[:3]
    )

    assert compiled.compiled
    assert not served.compiled
    assert 0 < compiled.row_seconds < served.row_seconds
