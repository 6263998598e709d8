"""Names and parameters to estimators, and what is refused before any data is read."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from mlcli.config.model_sections import ModelConfig
from mlcli.errors import ConfigError, MissingExtraError
from mlcli.models import catalogue
from mlcli.models.catalogue import PREFERENCES, build_estimator, check_parameters, model_entry, model_parameters_of
from mlcli.models.parameters import collect_parameters
from mlcli.models.trust import trusted_types
from mlcli.registry import MODELS

BOTH = [(name, task) for name, entry in MODELS.items() for task in entry.tasks]


def check(name, params, task="classification", **options):
    check_parameters(ModelConfig(name=name, params=params), task=task, **options)


@pytest.mark.parametrize(("name", "task"), BOTH)
def test_the_defaults_of_every_model_pass_the_check_when_written_out(name, task):
    written = {parameter.name: parameter.default for parameter in model_parameters_of(name, task)}
    hangs_together = {k: v for k, v in written.items() if (name, k) != ("dummy", "constant")}

    check(name, hangs_together, task)


@pytest.mark.parametrize(("name", "task"), BOTH)
def test_an_estimator_has_the_defaults_that_are_listed(name, task):
    estimator = build_estimator(ModelConfig(name=name), task=task)
    params = estimator.get_params(deep=False)

    for parameter in model_parameters_of(name, task):
        value = params[parameter.name]
        assert (list(value) if isinstance(value, tuple) else value) == parameter.default


def test_the_stored_parameters_are_those_of_the_installed_libraries():
    stored = files("mlcli").joinpath("parameters.json").read_text(encoding="utf-8")

    assert json.loads(stored) == collect_parameters(), "python -m mlcli.models.parameters > mlcli/parameters.json"


@pytest.mark.parametrize("name", PREFERENCES)
def test_every_preference_differs_from_the_library_and_says_why(name):
    for preference in PREFERENCES[name]:
        assert preference.param in {
            parameter.name
            for task in MODELS[name].tasks
            for parameter in model_parameters_of(name, task)
            if parameter.reason == preference.reason and parameter.default == preference.value
        }
        for task in MODELS[name].tasks:
            library = catalogue._estimator_class(name, task)().get_params()[preference.param]
            assert library != preference.value


def test_the_seed_of_the_config_reaches_the_estimator_unless_params_say_otherwise():
    assert build_estimator(ModelConfig(name="mlp", random_state=7), task="regression").random_state == 7
    assert build_estimator(ModelConfig(name="mlp", params={"random_state": 3}), task="regression").random_state == 3
    assert not hasattr(build_estimator(ModelConfig(name="linear"), task="regression"), "random_state")


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("logistic_regression", {"C": -1}, "model.params.C must be a float in the range (0.0, inf]. Got -1."),
        ("logistic_regression", {"C": True}, "model.params.C must be a float in the range (0.0, inf]. Got True."),
        ("logistic_regression", {"C": "1"}, "model.params.C must be a float in the range (0.0, inf]. Got '1'."),
        ("random_forest", {"n_estimators": 0}, "n_estimators must be an int in the range [1, inf). Got 0."),
        ("random_forest", {"n_estimators": 1.5}, "n_estimators must be an int in the range [1, inf). Got 1.5."),
        ("random_forest", {"random_state": None}, "random_state must be an int in the range [0, 2147483647]. Got None"),
        ("svm", {"kernel": "precomputed"}, "kernel must be one of linear, poly, rbf, sigmoid. Got 'precomputed'."),
        ("svm", {"kernel": "os.system"}, "kernel must be one of linear, poly, rbf, sigmoid. Got 'os.system'."),
        ("svm", {"cv": 1}, "cv must be an int in the range [2, inf). Got 1."),
        ("nearest_neighbors", {"weights": "numpy.sum"}, "weights must be one of distance, uniform or null."),
        ("nearest_neighbors", {"metric": {"a": 1}}, "metric must be one of braycurtis, "),
        ("lightgbm", {"num_leaves": 1}, "num_leaves must be an int in the range [2, 131072]. Got 1."),
        ("xgboost", {"subsample": 1.5}, "subsample must be a float in the range (0.0, 1.0]. Got 1.5."),
        ("catboost", {"depth": "6"}, "depth must be an int in the range [1, 16]. Got '6'."),
        ("gradient_boosting", {"max_iter": [1]}, "max_iter must be an int in the range [1, inf). Got [1]."),
        ("mlp", {"hidden_layer_sizes": "100"}, "hidden_layer_sizes must be a list or an int in the range [1, inf)."),
        ("dummy", {"strategy": "uniform"}, "strategy must be one of constant, most_frequent, prior. Got 'uniform'."),
    ],
)
def test_a_value_that_the_estimator_rejects_is_refused(name, params, message):
    with pytest.raises(ConfigError) as error:
        check(name, params)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("logistic_regression", {"C": 1}),
        ("logistic_regression", {"solver": "saga", "l1_ratio": 0.5}),
        ("random_forest", {"max_features": "sqrt", "max_depth": None, "min_samples_leaf": 0.1}),
        ("random_forest", {"max_features": 40}),
        ("naive_bayes", {"priors": [0.2, 0.3, 0.5]}),
        ("nearest_neighbors", {"n_neighbors": 500}),
        ("mlp", {"hidden_layer_sizes": [10, 5]}),
        ("mlp", {"hidden_layer_sizes": 10}),
        ("svm", {"gamma": 0.1}),
    ],
)
def test_a_value_that_the_estimator_accepts_passes(name, params):
    check(name, params)


@pytest.mark.parametrize(
    ("name", "param", "hint"),
    [
        ("random_forest", "n_estimator", "Did you mean 'n_estimators'?"),
        ("random_forest", "zzz", "`mlcli models random_forest` lists the parameters."),
        ("logistic_regression", "class_weight", "Use model.class_weight, which every model that takes weights obeys."),
        (
            "logistic_regression",
            "penalty",
            "Use l1_ratio: 0 for the L2 penalty, 1 for L1; and a very large C for none.",
        ),
        ("random_forest", "verbose", "Use -v on the command line."),
        ("catboost", "train_dir", "`mlcli models catboost` lists the parameters."),
        ("xgboost", "callbacks", "`mlcli models xgboost` lists the parameters."),
    ],
)
def test_a_parameter_that_is_not_on_offer_is_refused_with_a_way_out(name, param, hint):
    with pytest.raises(ConfigError, match=f"model.params.{param} must be ") as error:
        check(name, {param: 1})
    assert error.value.hint == hint


def test_all_problems_are_told_at_once_with_their_places():
    with pytest.raises(ConfigError) as error:
        check("random_forest", {"n_estimators": 0, "depth": 3}, place=lambda key: f"c.yaml:9:9: {key}")
    assert len(error.value.problems) == 2
    assert all(problem.startswith("c.yaml:9:9: model.params.") for problem in error.value.problems)


def test_values_that_do_not_go_together_are_refused_in_the_words_of_the_library():
    with pytest.raises(ConfigError, match=r"model\.params must go together\. Got .*l1_ratio: 1.*lbfgs"):
        check("logistic_regression", {"solver": "lbfgs", "l1_ratio": 1.0})


def test_without_a_task_the_parameters_must_suit_one():
    check("gradient_boosting", {"loss": "poisson"}, task=None)
    check("gradient_boosting", {"loss": "log_loss"}, task=None)
    with pytest.raises(ConfigError, match="loss must be log_loss"):
        check("gradient_boosting", {"loss": "poisson"}, task="classification")
    with pytest.raises(ConfigError, match="loss must be"):
        check("gradient_boosting", {"loss": "none of them"}, task=None)


def test_class_weights_of_a_regression_are_refused():
    with pytest.raises(ConfigError, match=r"model.class_weight must be left out: a regression has no classes"):
        check_parameters(ModelConfig(name="random_forest", class_weight="balanced"), task="regression")


def test_an_unknown_model_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"model\.name must be one of .*Got 'randomforest'") as error:
        model_entry("randomforest")
    assert error.value.hint == "Did you mean 'random_forest'?"
    with pytest.raises(ConfigError, match="Got 'randomforest'"):
        trusted_types("randomforest")


def test_a_model_of_the_other_task_is_refused_with_those_that_fit():
    with pytest.raises(ConfigError, match=r"model.name must be a model for classification. Got 'ridge'") as error:
        check("ridge", {})
    assert "logistic_regression" in error.value.hint


def test_a_model_whose_library_is_not_installed_names_the_extra(monkeypatch):
    monkeypatch.setattr(catalogue, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as error:
        build_estimator(ModelConfig(name="lightgbm"), task="regression")
    assert error.value.hint == "pip install 'mlcli[boost]'"
    build_estimator(ModelConfig(name="ridge"), task="regression")
