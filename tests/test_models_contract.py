"""What holds for every model of the catalogue, whatever it is."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from models_samples import (
    config_of,
    dataset_of,
    fitted_pipeline,
    mixed_rows,
    schema_of,
    small_params,
    target_of,
)

from mlcli.config.sections import PreprocessConfig, TextConfig
from mlcli.models.pipeline import build_pipeline, fit_pipeline
from mlcli.models.trust import trusted_types
from mlcli.registry import MODELS

BOTH = [(name, task) for name, entry in MODELS.items() for task in entry.tasks]
FORMS = [("ridge", "regression"), ("gradient_boosting", "classification"), ("naive_bayes", "classification")]
"""One model for each form that the preprocessor's output takes: sparse, dense with gaps, dense without."""
CLASSIFIERS = [name for name, entry in MODELS.items() if entry.classification]
X = mixed_rows()
NEW = mixed_rows(40, seed=1)
SHORT_TEXTS = PreprocessConfig(text=TextConfig(max_features=20))
"""Few n-grams keep a fit short."""


def target_for(task):
    return target_of(X, "number" if task == "regression" else "three")


def answers(pipeline, rows):
    """Probabilities where there are any, else values; as one matrix."""
    if hasattr(pipeline, "predict_proba"):
        return pipeline.predict_proba(rows)
    return pipeline.predict(rows)[:, np.newaxis]


def fit_small(name, task):
    return fitted_pipeline(name, X, target_for(task), params=small_params(name, task), preprocess=SHORT_TEXTS)


@pytest.fixture(scope="module")
def fitted():
    """Pipelines fitted on first use, one for each model and task."""
    pipelines = {}

    def fit(name, task):
        if (name, task) not in pipelines:
            pipelines[name, task] = fit_small(name, task)
        return pipelines[name, task]

    return fit


@pytest.mark.parametrize(("name", "task"), BOTH)
def test_every_model_predicts_new_rows_with_finite_numbers(name, task, fitted):
    pipeline = fitted(name, task)

    found = answers(pipeline, NEW)

    assert np.isfinite(found).all()
    assert len(pipeline.predict(NEW)) == len(NEW)
    if task == "classification":
        assert found.min() >= 0
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
        assert set(pipeline.predict(NEW)) <= {"low", "middle", "top"}


@pytest.mark.parametrize(("name", "task"), BOTH)
def test_missing_cells_and_unseen_levels_neither_fail_nor_warn(name, task, fitted):
    rows = NEW.iloc[:4].reset_index(drop=True)
    rows.loc[0] = None
    rows.loc[1, ["purpose", "town", "remark"]] = "never seen"
    rows.loc[2, ["income", "rooms"]] = [1e300, -1e300]
    rows.loc[3, "opened"] = pd.Timestamp("1903-01-01")
    rows = rows.astype(X.dtypes)

    assert np.isfinite(answers(fitted(name, task), rows)).all()


@pytest.mark.parametrize(("name", "task"), BOTH)
def test_a_row_alone_is_answered_as_in_a_batch(name, task, fitted):
    pipeline = fitted(name, task)
    together = answers(pipeline, NEW)[:4]
    alone = np.vstack([answers(pipeline, NEW[i : i + 1]) for i in range(4)])

    np.testing.assert_allclose(alone, together, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "task"), BOTH)
def test_the_same_fit_gives_the_same_model(name, task, fitted):
    again = fit_small(name, task)

    np.testing.assert_array_equal(answers(again, NEW), answers(fitted(name, task), NEW))


@pytest.mark.parametrize(("name", "task"), FORMS)
def test_the_order_of_columns_and_further_columns_do_not_matter(name, task, fitted):
    turned = NEW[NEW.columns[::-1]].assign(extra=1.0)

    np.testing.assert_array_equal(answers(fitted(name, task), turned), answers(fitted(name, task), NEW))


@pytest.mark.parametrize(("name", "task"), FORMS)
def test_every_column_of_the_model_has_a_name(name, task, fitted):
    preprocess = fitted(name, task)[:-1]
    names = preprocess.get_feature_names_out().tolist()

    assert len(names) == preprocess.transform(NEW).shape[1]
    assert names[:2] == ["income", "rooms"]
    assert {"purpose=car", "opened.month", "opened.elapsed_days"} <= set(names)


@pytest.mark.parametrize(("name", "task"), BOTH)
def test_a_stored_pipeline_holds_trusted_types_only_and_answers_alike(name, task, fitted):
    from skops.io import dumps, get_untrusted_types, loads

    pipeline = fitted(name, task)
    content = dumps(pipeline)

    assert set(get_untrusted_types(data=content)) <= set(trusted_types(name))
    loaded = loads(content, trusted=list(trusted_types(name)))
    np.testing.assert_array_equal(answers(loaded, NEW), answers(pipeline, NEW))
    np.testing.assert_array_equal(loaded.predict(NEW), pipeline.predict(NEW))


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("kind", ["text", "integer", "float", "boolean"])
def test_labels_of_every_type_come_back_as_they_went_in(name, kind):
    y = target_of(X, kind)
    columns = X[["income", "rooms"]]
    pipeline = fitted_pipeline(name, columns, y, params=small_params(name, "classification"))

    predicted = pipeline.predict(columns)

    np.testing.assert_array_equal(pipeline.classes_, np.unique(y))
    # Some of scikit-learn's hand texts back as fixed-width texts, which are equal.
    assert predicted.dtype.kind == y.dtype.kind or {predicted.dtype.kind, y.dtype.kind} == {"U", "O"}
    likeliest = pipeline.classes_[np.argmax(pipeline.predict_proba(columns), axis=1)]
    assert np.mean(likeliest == predicted) > 0.99  # ties of a tree may go either way


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_class_with_a_single_row_can_be_fitted(name):
    y = target_of(X, "three")
    y[y == "top"] = "low"
    y[7] = "top"

    pipeline = fitted_pipeline(name, X, y, params=small_params(name, "classification"), preprocess=SHORT_TEXTS)

    proba = pipeline.predict_proba(NEW)
    assert proba.shape == (len(NEW), 3)
    assert np.isfinite(proba).all()


@pytest.mark.parametrize(("name", "task"), [pair for pair in BOTH if MODELS[pair[0]].takes_weights])
def test_weights_reach_the_model(name, task):
    columns, y = X[["income", "rooms"]], target_for(task)
    # Rows of one end weigh as good as nothing.
    weights = np.where(y == "top", 1e-6, 1.0) if task == "classification" else np.where(y > np.median(y), 1e-6, 1.0)
    params = small_params(name, task)
    plain = fitted_pipeline(name, columns, y, params=params)
    weighted = fitted_pipeline(name, columns, y, params=params, sample_weight=weights)

    if task == "classification":
        top = list(plain.classes_).index("top")
        assert weighted.predict_proba(columns)[:, top].mean() < plain.predict_proba(columns)[:, top].mean()
    else:
        assert weighted.predict(columns).mean() < plain.predict(columns).mean()


@pytest.mark.parametrize(
    ("name", "task"), [("random_forest", "regression"), ("xgboost", "classification"), ("mlp", "regression")]
)
def test_numbers_at_the_end_of_what_a_float_holds_can_be_trained_on(name, task):
    rows = X.copy()
    rows.loc[:3, "income"] = [1.7e308, -1.7e308, 5e-324, 1e39]
    pipeline = fitted_pipeline(name, rows, target_for(task), params=small_params(name, task))

    assert np.isfinite(answers(pipeline, rows)).all()


def test_a_forest_is_the_same_whatever_the_number_of_cores():
    y = target_for("classification")
    default = fitted_pipeline("random_forest", X, y, params={"n_estimators": 10})
    single = fitted_pipeline("random_forest", X, y, params={"n_estimators": 10, "n_jobs": 1})

    np.testing.assert_array_equal(default.predict_proba(NEW), single.predict_proba(NEW))


def test_nothing_is_written_or_printed(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)  # where CatBoost would leave its folder
    for name in ("lightgbm", "xgboost", "catboost"):
        fitted_pipeline(name, X, target_for("regression"), params=small_params(name, "regression"))

    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_fit_reports_the_model_the_rows_and_the_seconds(caplog):
    config = config_of("ridge")
    y = target_for("regression")
    with caplog.at_level(logging.INFO, logger="mlcli"):
        fit_pipeline(build_pipeline(config, schema_of(X, y)), dataset_of(X, y), model=config.model)

    assert caplog.messages[-1].startswith("fitted ridge on 150 rows in ")
