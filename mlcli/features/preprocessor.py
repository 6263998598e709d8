"""From the data contract and the config to the unfitted preprocessor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcli.config.sections import CategoryConfig, DateConfig, NumberConfig, PreprocessConfig, Task, TextConfig
from mlcli.data.schema import Column, Schema
from mlcli.errors import ConfigError
from mlcli.registry import ModelEntry

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

DENSE_COMPONENTS = 100
"""Components of a text column for a model that takes no sparse matrix."""

WIDE = 500
"""Levels encoded one by one, over all columns, from which a sparse matrix pays."""

TARGET_FOLDS = 5
"""Folds of the cross-fitting behind target encoding."""

_Step = tuple[str, Any, list[str]]


def check_preprocess(config: PreprocessConfig, *, model: ModelEntry) -> None:
    """Refuse a preprocessing that leaves gaps to a model that cannot read them.

    Parameters
    ----------
    config : PreprocessConfig
        What happens to each kind of column.
    model : ModelEntry
        The model that follows.

    Raises
    ------
    ConfigError
        If gaps would reach a model that cannot read them.
    """
    if config.number.impute == "none" and not model.reads_missing:
        raise ConfigError(
            "preprocess.number.impute must fill the gaps, which this model cannot read. Got 'none'.",
            hint="Set preprocess.number.impute: median, or choose a model that reads gaps, such as gradient_boosting.",
        )


def build_preprocessor(
    schema: Schema, config: PreprocessConfig, *, model: ModelEntry, task: Task, random_state: int
) -> ColumnTransformer:
    """Compose the unfitted preprocessor for one table and one model.

    Parameters
    ----------
    schema : Schema
        The columns and what training saw of them.
    config : PreprocessConfig
        What happens to each kind of column.
    model : ModelEntry
        What the model that follows can read.
    task : Task
        Decides what target encoding averages.
    random_state : int
        Seed of the folds of target encoding, of the reduction of texts and of
        the sample behind quantile scaling.

    Returns
    -------
    ColumnTransformer
        Its output is float64, of shape (n_samples, n_features_out): dense,
        except where texts or many levels meet a model that takes a sparse
        matrix. Numbers come first, then booleans, categories, dates, texts.

    Raises
    ------
    ConfigError
        If gaps would reach a model that cannot read them.
    """
    from sklearn.compose import ColumnTransformer

    from mlcli.features.names import output_name

    check_preprocess(config, model=model)
    sparse = _takes_sparse(schema, config, model=model)
    steps = [
        *_number_steps(schema, config.number, model=model, random_state=random_state),
        *_boolean_steps(schema, config.number, model=model),
        *_category_steps(schema, config.category, model=model, task=task, random_state=random_state, sparse=sparse),
        *_date_steps(schema, config.date, config.number, model=model, random_state=random_state),
        *_text_steps(schema, config.text, model=model, random_state=random_state),
    ]
    return ColumnTransformer(
        steps,
        remainder="drop",  # a column that the schema does not name never reaches the model
        # All or nothing: with a threshold between, the form would hang on how full the training rows happen to be.
        sparse_threshold=1.0 if sparse else 0.0,
        verbose_feature_names_out=output_name,
    )


def _names(columns: list[Column]) -> list[str]:
    return [column.name for column in columns]


def _fills(config: NumberConfig, model: ModelEntry) -> bool:
    """Say whether gaps are filled before the model."""
    return config.impute != "none" and not (config.impute == "auto" and model.reads_missing)


def _takes_sparse(schema: Schema, config: PreprocessConfig, *, model: ModelEntry) -> bool:
    """Say whether the model gets a sparse matrix."""
    if model.needs_dense:
        return False
    if schema.of_kind("text") and config.text.components is None:
        return True
    one_hot = [c for c in schema.of_kind("category") if _encoding(c, config.category) == "one_hot"]
    return sum(map(_n_levels, one_hot)) >= WIDE


def _imputer(config: NumberConfig, *, boolean: bool = False) -> Any:
    from sklearn.impute import SimpleImputer

    strategy = "median" if config.impute == "auto" else config.impute
    # keep_empty_features: a column that is blank throughout a fold keeps its place, as zeros.
    if boolean:
        return SimpleImputer(strategy="most_frequent", keep_empty_features=True)
    if strategy == "zero":
        return SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True)
    return SimpleImputer(strategy=strategy, keep_empty_features=True)


def _scaler(config: NumberConfig, *, model: ModelEntry, n_rows: int, random_state: int) -> Any:
    """Return the scaler, None where numbers stay as they are."""
    from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

    scale = config.scale
    if scale == "auto":
        scale = "standard" if model.scale_sensitive else "none"
    if scale == "quantile":
        # A quarter of the rows: a fold must still hold more rows than quantiles.
        n_quantiles = max(2, min(1000, n_rows // 4))
        return QuantileTransformer(n_quantiles=n_quantiles, random_state=random_state)
    scalers = {"standard": StandardScaler, "robust": RobustScaler, "minmax": MinMaxScaler}
    return scalers[scale]() if scale in scalers else None


def _chain(steps: list[tuple[str, Any]]) -> Pipeline:
    from sklearn.pipeline import Pipeline

    return Pipeline(steps)


def _numeric_chain(
    first: tuple[str, Any], config: NumberConfig, *, model: ModelEntry, n_rows: int, random_state: int
) -> Pipeline:
    """Return `first`, then what fills the gaps, then what scales."""
    from mlcli.features.numbers import NumberLimiter

    steps = [first]
    if _fills(config, model):
        steps.append(("impute", _imputer(config)))
    scaler = _scaler(config, model=model, n_rows=n_rows, random_state=random_state)
    if scaler is not None:
        # Limited again: divided by a tiny spread, a huge number leaves float32 once more.
        steps += [("scale", scaler), ("limit_scaled", NumberLimiter())]
    return _chain(steps)


def _indicator_steps(name: str, columns: list[Column]) -> list[_Step]:
    """Return the step that marks gaps, none where training had none."""
    from sklearn.impute import MissingIndicator

    gappy = [column.name for column in columns if column.n_missing]
    # "all" of these, not those that a fold finds missing: a fold without gaps would leave a matrix without columns,
    # which cannot stand beside a sparse one.
    return [(name, MissingIndicator(features="all"), gappy)] if gappy else []


def _number_steps(schema: Schema, config: NumberConfig, *, model: ModelEntry, random_state: int) -> list[_Step]:
    from mlcli.features.numbers import NumberLimiter

    columns = schema.of_kind("number")
    names = _names(columns)
    if not names:
        return []
    chain = _numeric_chain(
        ("limit", NumberLimiter()), config, model=model, n_rows=schema.n_rows, random_state=random_state
    )
    steps: list[_Step] = [("number", chain, names)]
    if config.indicator and _fills(config, model):
        steps += _indicator_steps("number_missing", columns)
    return steps


def _boolean_steps(schema: Schema, config: NumberConfig, *, model: ModelEntry) -> list[_Step]:
    columns = schema.of_kind("boolean")
    names = _names(columns)
    if not names:
        return []
    if not _fills(config, model):
        return [("boolean", "passthrough", names)]
    steps: list[_Step] = [("boolean", _imputer(config, boolean=True), names)]
    if config.indicator:
        steps += _indicator_steps("boolean_missing", columns)
    return steps


def _n_levels(column: Column) -> int:
    return column.n_distinct if column.categories is None else len(column.categories)


def _encoding(column: Column, config: CategoryConfig) -> str:
    if config.encode != "auto":
        return config.encode
    return "one_hot" if _n_levels(column) <= config.max_levels else "target"


def _category_steps(
    schema: Schema, config: CategoryConfig, *, model: ModelEntry, task: Task, random_state: int, sparse: bool
) -> list[_Step]:
    encoders = {
        "one_hot": _one_hot_encoder(config, sparse=sparse),
        "ordinal": _ordinal_encoder(config, model=model),
        "target": _target_encoder(model=model, task=task, random_state=random_state),
    }
    steps: list[_Step] = []
    for encoding, encoder in encoders.items():
        names = _names([c for c in schema.of_kind("category") if _encoding(c, config) == encoding])
        if names:
            steps.append((encoding, encoder, names))
    return steps


def _one_hot_encoder(config: CategoryConfig, *, sparse: bool) -> Any:
    from sklearn.preprocessing import OneHotEncoder

    from mlcli.features.names import level_name

    return OneHotEncoder(
        # An unseen level counts as a rare one, and as none of the known where none was rare. A missing cell is a
        # level of its own when training held one, and unseen otherwise. Neither fails a request, nor warns.
        handle_unknown="infrequent_if_exist",
        min_frequency=config.min_frequency or None,
        sparse_output=sparse,
        feature_name_combiner=level_name,
    )


def _ordinal_encoder(config: CategoryConfig, *, model: ModelEntry) -> Any:
    from sklearn.preprocessing import OrdinalEncoder, StandardScaler

    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=-1,
        encoded_missing_value=-2,
        min_frequency=config.min_frequency or None,
    )
    return _chain([("encode", encoder), ("scale", StandardScaler())]) if model.scale_sensitive else encoder


def _target_encoder(*, model: ModelEntry, task: Task, random_state: int) -> Any:
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import StandardScaler, TargetEncoder

    encoder = TargetEncoder(
        # A regression target of whole numbers would be taken for classes by "auto". Classes are counted by "auto",
        # because a fold may hold fewer of them than the schema.
        target_type="continuous" if task == "regression" else "auto",
        # Not stratified: a class with a single row would make scikit-learn warn, and the folds only blur the leak.
        cv=KFold(TARGET_FOLDS, shuffle=True, random_state=random_state),
    )
    return _chain([("encode", encoder), ("scale", StandardScaler())]) if model.scale_sensitive else encoder


def _date_steps(
    schema: Schema, config: DateConfig, numbers: NumberConfig, *, model: ModelEntry, random_state: int
) -> list[_Step]:
    from mlcli.features.dates import DateEncoder

    names = _names(schema.of_kind("date"))
    if not names:
        return []
    encoder = DateEncoder(
        parts=config.parts, elapsed=config.elapsed, indicator=numbers.indicator and _fills(numbers, model)
    )
    chain = _numeric_chain(("encode", encoder), numbers, model=model, n_rows=schema.n_rows, random_state=random_state)
    return [("date", chain, names)]


def _text_steps(schema: Schema, config: TextConfig, *, model: ModelEntry, random_state: int) -> list[_Step]:
    from mlcli.features.texts import TextEncoder

    components = config.components
    if components is None and model.needs_dense:
        components = DENSE_COMPONENTS
    return [
        (
            f"text_{i}",
            TextEncoder(
                ngrams=config.ngrams,
                max_features=config.max_features,
                min_df=config.min_df,
                components=components,
                random_state=random_state,
            ),
            [column.name],
        )
        for i, column in enumerate(schema.of_kind("text"))
    ]
