"""One pipeline that holds everything learned: preprocessor and estimator."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlcli.config.model_sections import ModelConfig
from mlcli.config.sections import Config
from mlcli.data.cells import canonical, canonical_number
from mlcli.data.dataset import Dataset
from mlcli.data.schema import ClassLabel, Schema
from mlcli.errors import ConfigError, DataError
from mlcli.models.catalogue import build_estimator, model_entry
from mlcli.registry import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

logger = logging.getLogger(__name__)


def build_pipeline(config: Config, schema: Schema) -> Pipeline:
    """Compose the unfitted pipeline that `config` describes for a table.

    Parameters
    ----------
    config : Config
        Preprocessing and model.
    schema : Schema
        The table's columns and target.

    Returns
    -------
    Pipeline
        Steps ``preprocess`` (ColumnTransformer) and ``estimator``.

    Raises
    ------
    ConfigError
        If preprocessing and model do not go together.
    MissingExtraError
        If the model's library is not installed.
    """
    from sklearn.pipeline import Pipeline

    from mlcli.features.preprocessor import build_preprocessor

    task = schema.target.task
    estimator = build_estimator(config.model, task=task)
    preprocess = build_preprocessor(
        schema,
        config.preprocess,
        model=model_entry(config.model.name),
        task=task,
        random_state=config.model.random_state,
    )
    return Pipeline([("preprocess", preprocess), ("estimator", estimator)])


def fit_pipeline(
    pipeline: Pipeline, dataset: Dataset, *, model: ModelConfig, classes: Sequence[ClassLabel] | None = None
) -> Pipeline:
    """Fit preprocessor and estimator on training rows.

    Parameters
    ----------
    pipeline : Pipeline
        What `build_pipeline` returned; fitted in place.
    dataset : Dataset
        The training rows, with their target.
    model : ModelConfig
        Name for messages and weights of the classes.
    classes : sequence of label, optional
        Every class of the target, where these rows (a fold) may lack some.

    Returns
    -------
    Pipeline
        `pipeline`.

    Raises
    ------
    ConfigError
        If weights are asked of a model that takes none, if a weight names no
        class, or if the model refuses its parameters for these rows.
    DataError
        If the rows carry no target.
    """
    if dataset.y is None:
        raise DataError(f"the training rows must carry the target. Got {len(dataset)} rows without it.")
    preprocess, estimator = pipeline.named_steps["preprocess"], pipeline.named_steps["estimator"]
    check_neighbors(estimator, n_rows=len(dataset))  # before rows are prepared for nothing
    weights = fit_weights(dataset, model=model, classes=classes)
    started = time.perf_counter()
    features = preprocess.fit_transform(dataset.X, dataset.y)
    logger.info(
        "preprocessed %d rows into %d columns in %.1f s",
        len(dataset),
        features.shape[1],
        time.perf_counter() - started,
    )
    started = time.perf_counter()
    fit_estimator(estimator, features, dataset.y, name=model.name, sample_weight=weights)
    logger.info("fitted %s on %d rows in %.1f s", model.name, len(dataset), time.perf_counter() - started)
    return pipeline


def fit_estimator(
    estimator: Any, features: Any, y: NDArray[Any], *, name: str, sample_weight: NDArray[np.float64] | None
) -> None:
    """Fit the estimator alone, on rows that the preprocessor has seen to.

    Parameters
    ----------
    estimator : estimator
        What `build_estimator` returned; fitted in place.
    features : array or sparse matrix of shape (n_samples, n_features)
        The preprocessor's output.
    y : ndarray of shape (n_samples,)
        The target.
    name : str
        Name of the model, for messages.
    sample_weight : ndarray of shape (n_samples,), optional
        What `fit_weights` returned.

    Raises
    ------
    ConfigError
        If the model refuses its parameters for these rows.
    """
    check_neighbors(estimator, n_rows=len(y))
    fit_options = {} if sample_weight is None else {"sample_weight": sample_weight}
    with _advice_logged(name), _all_cores(estimator):
        try:
            estimator.fit(features, y, **fit_options)
        except ValueError as error:
            # scikit-learn says so, and only here, when a parameter does not suit the rows (a liblinear solver and three
            # classes, a Poisson loss and a negative target). The cause stays chained.
            raise ConfigError(
                f"model {name!r} must suit the {len(y)} training rows. Got: {_first_line(error)}",
                hint=f"Change model.params, or choose another model; `mlcli models {name}` lists the parameters.",
            ) from error


def fit_weights(
    dataset: Dataset, *, model: ModelConfig, classes: Sequence[ClassLabel] | None = None
) -> NDArray[np.float64] | None:
    """Return the weights to fit a model on rows with, or None where all weigh the same.

    Raises
    ------
    ConfigError
        If weights are asked of a model that takes none, or a weight names no class.
    """
    weights = weights_for(dataset.y_true, model.class_weight, dataset.sample_weight, classes=classes)
    if weights is not None and not model_entry(model.name).takes_weights:
        place = "model.class_weight" if model.class_weight is not None else "data.weight"
        raise ConfigError(
            f"{place} must be left out: model {model.name!r} takes no weights. Got weights.",
            hint="Choose another model, such as gradient_boosting.",
        )
    return weights


def weights_for(
    y: NDArray[Any],
    class_weight: str | Mapping[str, float] | None,
    sample_weight: NDArray[np.float64] | None,
    *,
    classes: Sequence[ClassLabel] | None = None,
) -> NDArray[np.float64] | None:
    """Return the weight of each row: its own times its class's.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels; any target where `class_weight` is None.
    class_weight : {"balanced"}, mapping or None
        balanced gives every class the same total weight,
        ``n_samples / (n_classes * n_samples_of_class)``; a mapping gives
        weights by label, written as text, and 1 to a class that it leaves out.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the rows, >= 0.
    classes : sequence of label, optional
        Every class that `class_weight` may name. Left out: those in `y`.

    Returns
    -------
    ndarray of shape (n_samples,), optional
        Weights, float64; None where all rows weigh the same.

    Raises
    ------
    ConfigError
        If `class_weight` names a class that the target does not have.
    """
    import numpy as np

    if class_weight is None:
        return sample_weight
    present, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    if isinstance(class_weight, str):
        by_class = len(y) / (len(present) * counts.astype(np.float64))
    else:
        known = [_label_text(label) for label in (present if classes is None else classes)]
        weights = {_known_label(label, known): weight for label, weight in class_weight.items()}
        by_class = np.array([weights.get(_label_text(label), 1.0) for label in present], dtype=np.float64)
    rows = by_class[codes]
    return rows if sample_weight is None else rows * sample_weight


def _known_label(label: str, known: list[str]) -> str:
    """Return the class that a config's text means."""
    text = label.strip()
    for form in (text, text.lower(), canonical(text)):
        if form in known:
            return form
    close = did_you_mean(text, known)
    raise ConfigError(
        f"model.class_weight must name classes of the target ({', '.join(known)}). Got {label!r}.",
        hint=f"Did you mean {close!r}?" if close else None,
    )


def _label_text(label: Any) -> str:
    """Return a label as a config writes it: true, 3, 2.5, good."""
    value = label.item() if hasattr(label, "item") else label
    if isinstance(value, bool):
        return str(value).lower()
    return canonical_number(value) if isinstance(value, int | float) else str(value)


def check_neighbors(estimator: Any, *, n_rows: int) -> None:
    """Refuse more neighbours than rows, of which scikit-learn complains at the first prediction only.

    Raises
    ------
    ConfigError
        If there are.
    """
    n_neighbors = getattr(estimator, "n_neighbors", None)
    if n_neighbors is not None and n_neighbors > n_rows:
        raise ConfigError(
            f"model.params.n_neighbors must be at most the {n_rows} training rows. Got {n_neighbors}.",
            hint=f"Set model.params.n_neighbors: {max(1, n_rows // 10)}.",
        )


@contextmanager
def _advice_logged(name: str) -> Iterator[None]:
    """Log each advice of the library once, where it would warn, perhaps many times, in the midst of its code."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)  # of which ConvergenceWarning is one
        yield
    advice: dict[str, str] = {}
    for warning in caught:
        line = _first_line(warning.message)
        if issubclass(warning.category, ConvergenceWarning):
            early = f"stopped before it converged; a greater model.params.max_iter may do better ({line})"
            advice.setdefault("ConvergenceWarning", early)
        elif issubclass(warning.category, UserWarning):
            advice.setdefault(line, line)
        else:
            # A sign of something wrong with the code is not for the user to read as advice.
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    for line in advice.values():
        logger.warning("%s: %s", name, line)


@contextmanager
def _all_cores(estimator: Any) -> Iterator[None]:
    """Let a forest that says nothing of n_jobs grow on every core.

    Its trees do not depend on the number of threads. Its predictions do, in
    the last digit, so there the default of one thread stays.
    """
    from joblib import parallel_config
    from sklearn.ensemble._forest import BaseForest

    if not isinstance(estimator, BaseForest):
        yield
        return
    with parallel_config(backend="threading", n_jobs=-1):
        yield


def _first_line(error: object) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0]
