"""Which models compile, held against the page that says so."""

from __future__ import annotations

import pytest
from compiled_table import BOTH, PAGE, compile_one, verdicts
from models_samples import small_params

FLOAT32 = {"xgboost", "catboost"}
"""Libraries that add up in float32, or round their own tables to it."""


@pytest.fixture(scope="module")
def page():
    return {(name, task): verdict for name, task, verdict in verdicts(PAGE.read_text(encoding="utf-8"))}


@pytest.mark.parametrize(("name", "task"), BOTH)
def test_a_model_compiles_or_the_page_says_why_not(name, task, page):
    result = compile_one(name, task, params=small_params(name, task), n_new=500)

    assert page[name, task] == ("yes" if result.reason is None else f"no: {result.reason}")
    assert result.difference <= (1e-6 if name in FLOAT32 else 1e-9)


def test_the_page_lists_every_model_and_no_other(page):
    assert sorted(page) == sorted(BOTH)


@pytest.mark.parametrize(
    "name",
    [
        "linear", "ridge", "lasso", "elastic_net", "logistic_regression", "naive_bayes", "mlp", "decision_tree",
        "random_forest", "extra_trees", "gradient_boosting", "lightgbm", "xgboost", "catboost",
    ],
)  # fmt: skip
def test_the_models_that_people_serve_compile(name, page):
    assert {verdict for (model, _), verdict in page.items() if model == name} == {"yes"}
