"""The sections of a config file: every key, its type, its default, its meaning.

A default is written once, here. The JSON Schema, the reference in ``docs/``
and the file that ``mlcli init`` writes are all made from these classes.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlcli.config import kinds
from mlcli.config.model_sections import CalibrateConfig, ModelConfig, ThresholdConfig, TuneConfig
from mlcli.config.section import Label, Section, Seed, at

Kind = kinds.Kind
ColumnKind = kinds.ColumnKind
Task = kinds.Task


class DataConfig(Section):
    """Where the rows come from and what their columns mean."""

    path: str | tuple[str, ...] | None = Field(
        None,
        description="A file, a glob, or a list of them; relative to this config file. CSV, TSV (also .gz), Parquet, JSON Lines, Excel.",
    )
    url: str | None = Field(
        None,
        repr=False,  # it may hold a password
        description="A database URL, read with `query` (extra `sql`); instead of `path`. Write secrets as ${NAME}.",
    )
    query: str | None = Field(None, description="The SQL query whose rows are read from `url`.")
    format: Literal["csv", "tsv", "parquet", "jsonl", "excel"] | None = Field(
        None, description="The files' format, where the name does not tell."
    )
    separator: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="Character between cells of a text file. Left out: found from the first lines.",
    )
    encoding: str = Field("utf-8", description="Character encoding of text files.")
    sheet: str | None = Field(None, description="Sheet of an Excel file. Left out: the first.")
    target: str = Field(description="The column to predict.")
    positive: Label | None = Field(
        None,
        description="The class that precision, recall and F1 are about, of two. Left out: 1, true or yes where there is one, else the rarer.",
    )
    id: tuple[str, ...] = Field(
        (), description="Columns that name a row: never seen by the model, kept in predictions."
    )
    weight: str | None = Field(None, description="Column of sample weights (>= 0), used in fitting and in the metrics.")
    drop: tuple[str, ...] = Field((), description="Columns that the model must not see.")
    columns: dict[str, ColumnKind] = Field({}, description="Kinds that correct the inferred ones, by column.")
    missing_values: tuple[str, ...] = Field(
        (), description="Cell texts that mean missing, beside the blank cell: for example NA, ?, -999."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("needs either 'path' or 'url' with 'query'")
        if (self.url is None) != (self.query is None):
            raise ValueError("'url' and 'query' go together")
        return self

    @model_validator(mode="after")
    def _target_is_its_own(self) -> Self:
        for key, names in (("id", self.id), ("drop", self.drop), ("weight", (self.weight,))):
            if self.target in names:
                raise at(f"data.{key}", f"must not name the target {self.target!r}")
        return self


class SplitConfig(Section):
    """How rows are divided into those the model learns from and those it is judged on."""

    method: Literal["random", "time", "group", "hash", "column", "files"] = Field(
        "random",
        description=(
            "random: by chance; time: the latest rows of `column` are the test; group: no value of `column` in both; "
            "hash: by a hash of `column`, stable as the data grows; column: `column` says which; files: `test_path` is the test."
        ),
    )
    test_size: float = Field(
        0.2, gt=0, lt=1, description="Share of the rows (of the groups, for `group` and `hash`) held out."
    )
    stratify: bool = Field(
        True, description="Keep the class shares in both parts (random and group splits of classes)."
    )
    random_state: Seed = Field(0, description="Seed of the shuffle.")
    column: str | None = Field(None, description="Column that the methods time, group, hash and column read.")
    test_values: tuple[Label, ...] = Field(
        ("test",), description="Values of `column` that mark a test row (method column)."
    )
    test_path: str | tuple[str, ...] | None = Field(None, description="Files of the test rows (method files).")
    cv: int = Field(
        0,
        ge=0,
        le=100,
        description="Folds of a cross-validation on the training rows, beside the hold-out; 0 for none, else 2 or more.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.method in {"time", "group", "hash", "column"} and self.column is None:
            raise ValueError(f"method {self.method!r} needs 'column'")
        if self.method in {"random", "files"} and self.column is not None:
            raise ValueError(f"method {self.method!r} reads no 'column'")
        if (self.method == "files") != (self.test_path is not None):
            raise ValueError("method 'files' and 'test_path' go together")
        if self.cv == 1:
            raise ValueError("'cv' must be 0 or at least 2")
        return self


class NumberConfig(Section):
    """How number columns reach the model."""

    impute: Literal["auto", "median", "mean", "zero", "none"] = Field(
        "auto",
        description="What stands for a missing number. auto: none for models that read gaps themselves, else the median.",
    )
    indicator: bool = Field(
        True, description="Add a 0/1 column for every number column with gaps in training, when imputing."
    )
    scale: Literal["auto", "standard", "robust", "minmax", "quantile", "none"] = Field(
        "auto", description="auto: standard for models that compare distances or weights, none for trees."
    )


class CategoryConfig(Section):
    """How category columns reach the model."""

    encode: Literal["auto", "one_hot", "ordinal", "target"] = Field(
        "auto",
        description="auto: one_hot up to `max_levels` levels in training, cross-fitted target encoding above.",
    )
    min_frequency: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.005, description="Levels rarer than this share of the training rows are lumped into one (one_hot, ordinal)."
    )
    max_levels: int = Field(50, ge=2, le=10_000, description="Most levels that `auto` encodes one by one.")


class DateConfig(Section):
    """How date columns reach the model."""

    parts: (
        tuple[Literal["year", "month", "day", "weekday", "hour", "minute", "quarter", "day_of_year", "weekend"], ...]
        | None
    ) = Field(None, description="Parts taken out of each date. Left out: those that vary in training.")
    elapsed: bool = Field(True, description="Add the days since the earliest training date.")


class TextConfig(Section):
    """How text columns reach the model."""

    ngrams: Literal["auto", "word", "char", "both"] = Field(
        "auto",
        description="auto: words and characters together; characters alone where words are not separated by spaces (Chinese, Japanese, Thai).",
    )
    max_features: int = Field(50_000, ge=10, description="Most n-grams kept of each sort, by frequency.")
    min_df: int = Field(2, ge=1, description="An n-gram must stand in at least this many training texts.")
    components: int | None = Field(
        None,
        ge=2,
        description="Reduce the n-grams to this many dense components. Left out: 100 for models that need dense input, else none.",
    )


class PreprocessConfig(Section):
    """What happens to each kind of column before the model."""

    number: NumberConfig = Field(NumberConfig(), description="Number columns.")
    category: CategoryConfig = Field(CategoryConfig(), description="Category columns.")
    date: DateConfig = Field(DateConfig(), description="Date columns.")
    text: TextConfig = Field(TextConfig(), description="Text columns.")


class EvaluateConfig(Section):
    """How the model is judged."""

    metrics: tuple[str, ...] | None = Field(
        None, description="Metrics shown, in this order. Left out: all that fit the task."
    )
    gates: dict[str, float] = Field(
        {}, description="Value each metric must reach (a score) or stay under (an error); a miss is exit code 5."
    )
    tolerances: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {}, description="How much worse each metric may be than that of `evaluate --baseline RUN`, in its unit."
    )
    confident: bool = Field(
        False, description="Judge gates on the unfavourable end of the interval instead of the value."
    )
    resamples: int = Field(1000, ge=100, le=100_000, description="Bootstrap resamples behind each interval.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Probability that an interval is meant to hold.")
    random_state: Seed = Field(0, description="Seed of the resampling.")


class ServeConfig(Section):
    """How the model answers over HTTP."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address to listen on. Another than this machine's own needs a token file, or `--insecure`.",
    )
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 for any that is free.")
    workers: int = Field(1, ge=1, le=256, description="Processes that answer.")
    unseen: Literal["warn", "error"] = Field(
        "warn", description="What a category that training never saw is: a warning in the answer, or a refused request."
    )
    out_of_range: Literal["warn", "error"] = Field(
        "warn", description="What a number or date outside the training range is: a warning, or a refused request."
    )
    cors: tuple[str, ...] = Field(
        (), description="Origins of web pages that may call the service, such as https://shop.example; * for all."
    )
    max_body: int = Field(
        64 * 2**20, ge=1024, le=2**31, description="Longest request body in bytes, also after decompression."
    )
    max_rows: int = Field(100_000, ge=1, le=10_000_000, description="Most rows of one request.")
    max_cell: int = Field(2**20, ge=16, le=2**28, description="Longest text of one cell, in characters.")
    queue: int = Field(
        1024,
        ge=1,
        le=1_000_000,
        description="Requests that may wait for their prediction; beyond it the answer is 429.",
    )
    deadline: float = Field(
        30.0, gt=0, le=3600, description="Seconds until a request that still waits is answered with 504."
    )
    drain_delay: float = Field(
        0.0,
        ge=0,
        le=3600,
        description="Seconds that a service asked to stop goes on answering, so that a load balancer sees it is not ready.",
    )


class Config(Section):
    """Everything a run needs to be told."""

    name: str = Field(
        "", pattern=r"^(?:\w[\w.\- ]*)?$", max_length=100, description="Name of the runs. Left out: the file's name."
    )
    task: Task | None = Field(None, description="Left out: taken from the target, and said on stderr.")
    output: str | None = Field(
        None,
        description="Folder of the runs, relative to this config file. Left out: runs/NAME under the working folder.",
    )
    data: DataConfig = Field(description="Where the rows come from and what their columns mean.")
    split: SplitConfig = Field(SplitConfig(), description="How rows are held out for the evaluation.")
    preprocess: PreprocessConfig = Field(
        PreprocessConfig(), description="What happens to each kind of column before the model."
    )
    model: ModelConfig = Field(description="Which model, with which parameters.")
    calibrate: CalibrateConfig = Field(
        CalibrateConfig(), description="How probabilities are brought to what is observed."
    )
    threshold: ThresholdConfig = Field(
        ThresholdConfig(), description="From which probability on a row gets the positive class, of two."
    )
    tune: TuneConfig | None = Field(
        None, description="A search for the model's parameters, before it is fitted. Left out: none."
    )
    evaluate: EvaluateConfig = Field(EvaluateConfig(), description="How the model is judged.")
    serve: ServeConfig = Field(ServeConfig(), description="How the model answers over HTTP.")
    track: Literal["mlflow"] | None = Field(
        None,
        description="Where a finished run is told to: the MLflow server that MLFLOW_TRACKING_URI names (extra `mlflow`). Left out: nowhere.",
    )

    @model_validator(mode="after")
    def _classes_only(self) -> Self:
        if self.task == "regression":
            if self.data.positive is not None:
                raise at("data.positive", "is for classification, and task is regression")
            if self.model.class_weight is not None:
                raise at("model.class_weight", "is for classification, and task is regression")
            if self.calibrate.method != "none":
                raise at("calibrate.method", "is for classification, and task is regression")
            if self.threshold.rule is not None:
                raise at(f"threshold.{self.threshold.rule}", "is for classification, and task is regression")
        return self

    @property
    def decision_cv(self) -> int:
        """Folds that calibration and threshold are learned on; 0 where there is nothing to learn."""
        learns = self.calibrate.method != "none" or self.threshold.rule not in {None, "value"}
        return self.calibrate.cv if learns else 0
