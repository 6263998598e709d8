"""The sections that say which model is learned and how it decides: choice, parameters, search, calibration, threshold."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mlcli.config.section import Section, Seed, at
from mlcli.registry import AUTO


class CandidateConfig(Section):
    """One model of a list to choose from."""

    name: str = Field(description="A name from `mlcli models`.")
    params: dict[str, Any] = Field({}, description="Its parameters.")


_LATENCY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(us|ms|s)")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class ModelConfig(Section):
    """Which model, with which parameters. A name alone, or a list of models to choose from, may stand for all of it."""

    name: str = Field(
        description="A name from `mlcli models`; or auto: the best of several, chosen by cross-validation and combined."
    )
    params: dict[str, Any] = Field(
        {}, description="Parameters of the model; `mlcli models NAME` lists them with their defaults."
    )
    candidates: tuple[CandidateConfig, ...] = Field(
        (),
        description="For auto: the models to choose from, by name or as {name, params}. Left out: a portfolio that fits the table.",
    )
    effort: Literal["quick", "standard", "thorough"] = Field(
        "standard",
        description="For auto: how many models are tried. Never a clock: the same config gives the same model.",
    )
    boost: Literal["auto", "always", "never"] = Field(
        "auto",
        description=(
            "For auto: whether LightGBM and CatBoost are tried too. auto: where the extra boost is installed; "
            "always: it must be; never: the choice does not hang on it."
        ),
    )
    max_minutes: float | None = Field(
        None,
        gt=0,
        le=100_000,
        description="For auto: no further fit is begun after this long, and the run says so; the choice then hangs on the clock.",
    )
    max_latency: str | None = Field(
        None,
        description="For auto: longest time that one row may take, such as 1ms or 500us, measured here; the choice then hangs on the clock.",
    )
    random_state: Seed = Field(0, description="Seed of everything random in the model.")
    class_weight: Literal["balanced"] | dict[str, Annotated[float, Field(ge=0)]] | None = Field(
        None,
        description="Weight of each class in fitting: balanced, or a weight by class label. Left out: all rows weigh the same.",
    )

    @property
    def max_row_seconds(self) -> float | None:
        """`max_latency` in seconds."""
        found = None if self.max_latency is None else _LATENCY.fullmatch(self.max_latency)
        return None if found is None else float(found[1]) * _UNITS[found[2]]

    def of(self, candidate: CandidateConfig) -> ModelConfig:
        """Return the config of one candidate, with the seed and the class weights of all."""
        return ModelConfig(
            name=candidate.name,
            params=candidate.params,
            random_state=self.random_state,
            class_weight=self.class_weight,
        )

    @model_validator(mode="after")
    def _auto_or_one(self) -> Self:
        if self.name == AUTO:
            if self.params:
                raise at(
                    "model.params", "must be left out with auto; name the models and their params in model.candidates"
                )
            if self.candidates and self.boost != "auto":
                raise at("model.boost", "must be left out where model.candidates names the models")
            if self.max_latency is not None and not self.max_row_seconds:
                raise at("model.max_latency", "must be a time above 0 with its unit, such as 1ms, 500us or 0.01s")
            return self
        for key in ("candidates", "effort", "boost", "max_minutes", "max_latency"):
            if getattr(self, key) != type(self).model_fields[key].default:
                raise at(f"model.{key}", f"is for a choice of models, and model.name is not {AUTO}")
        return self


class CalibrateConfig(Section):
    """How probabilities are brought to what is observed; learned out-of-fold on the training rows."""

    method: Literal["auto", "sigmoid", "isotonic", "none"] = Field(
        "none",
        description=(
            "sigmoid: by a curve of two numbers; isotonic: by any rising curve, for 1,000 rows and more; "
            "auto: what a cross-validation finds best, none among it."
        ),
    )
    cv: int = Field(
        5, ge=2, le=100, description="Folds of the training rows that calibration and threshold are learned on."
    )


class CostsConfig(Section):
    """What a wrong label costs, in any unit; a right one costs nothing."""

    false_positive: float | None = Field(
        None, ge=0, description="Cost of a row of the other class that gets the positive one."
    )
    false_negative: float | None = Field(
        None, ge=0, description="Cost of a row of the positive class that gets the other one."
    )

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.false_positive is None) != (self.false_negative is None):
            raise ValueError("'false_positive' and 'false_negative' go together")
        if self.false_positive == self.false_negative == 0:
            raise ValueError("must make one of the two errors cost something")
        return self

    @property
    def given(self) -> bool:
        """Whether costs were named."""
        return self.false_positive is not None


class ThresholdConfig(Section):
    """From which probability on a row gets the positive class, of two. At most one of these; none for the likelier class."""

    optimize: Literal["f1", "balanced_accuracy"] | None = Field(
        None, description="Choose the threshold where this is best out-of-fold."
    )
    precision: float | None = Field(
        None, gt=0, le=1, description="Choose the threshold of the best recall among those that reach this precision."
    )
    recall: float | None = Field(
        None, gt=0, le=1, description="Choose the threshold of the best precision among those that reach this recall."
    )
    costs: CostsConfig = Field(CostsConfig(), description="Choose the threshold where errors cost least.")
    value: float | None = Field(None, ge=0, le=1, description="This very threshold; nothing is learned.")

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        given = [name for name in ("optimize", "precision", "recall", "value") if getattr(self, name) is not None]
        given += ["costs"] if self.costs.given else []
        if len(given) > 1:
            raise ValueError(f"must say one way to find the threshold. Got {' and '.join(given)}")
        return self

    @property
    def rule(self) -> Literal["optimize", "precision", "recall", "costs", "value"] | None:
        """The key that was given."""
        if self.costs.given:
            return "costs"
        if self.optimize is not None:
            return "optimize"
        if self.precision is not None:
            return "precision"
        if self.recall is not None:
            return "recall"
        return None if self.value is None else "value"


class TuneConfig(Section):
    """A search for the model's parameters on the training rows, before it is fitted; none without this section."""

    trials: int = Field(
        30, ge=1, le=1000, description="Sets of parameters that are tried; the first is the model as `model` says it."
    )
    method: Literal["random", "tpe"] = Field(
        "random",
        description="random: points drawn at random; tpe: points near those that did well, by Optuna (extra `tune`), poor ones stopped early.",
    )
    cv: int = Field(
        5, ge=2, le=100, description="Folds of the training rows that each trial is judged on, by the split's method."
    )
    metric: str | None = Field(
        None, description="The metric that decides. Left out: log_loss for classification, rmse for regression."
    )
    space: dict[str, Any] = Field(
        {},
        description="By parameter: [low, high], [low, high, log] or {choices: [...]}. Left out: `mlcli models NAME` shows it; what `model.params` sets then stays.",
    )
    random_state: Seed = Field(0, description="Seed of the search.")
