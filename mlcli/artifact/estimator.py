"""Checked skops bytes to the fitted pipeline: the one place where a stored model becomes objects."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from mlcli.artifact.bounds import check_bounds
from mlcli.artifact.manifest import library_versions
from mlcli.artifact.state import check_state
from mlcli.errors import ArtifactError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

logger = logging.getLogger(__name__)

_LEARNT_BY = ("scikit-learn", "lightgbm", "xgboost", "catboost")
"""Libraries whose objects a model is made of; another version may read them differently."""


def load_estimator(content: bytes, *, trusted: Collection[str], place: str) -> Pipeline:
    """Build the pipeline in a skops file.

    Parameters
    ----------
    content : bytes
        What `canonical_dump` returned.
    trusted : collection of str
        Qualified names of the types that may be built, beside those of
        scikit-learn that skops knows to be harmless.
    place : str
        What the file is called in an error message.

    Raises
    ------
    ArtifactError
        If the file is not what `canonical_dump` writes, names a type that is
        not trusted, or holds arrays that point outside themselves.
    """
    from sklearn.exceptions import InconsistentVersionWarning
    from sklearn.pipeline import Pipeline

    check_state(content, place=place)
    with warnings.catch_warnings():
        # Said once, by `warn_of_versions`, instead of once for each of a thousand trees.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        estimator = _build(content, trusted=trusted, place=place)
    if type(estimator) is not Pipeline:
        raise ArtifactError(
            f"{place} must hold a fitted pipeline. Got {type(estimator).__name__}.", hint="Train again."
        )
    check_bounds(estimator, place=place)
    return estimator


def warn_of_versions(versions: Mapping[str, str], *, place: str) -> None:
    """Log a warning for each library that is not in the version that the model was trained with.

    Parameters
    ----------
    versions : mapping of str to str
        Versions that the manifest records.
    place : str
        What the artifact is called.
    """
    here = library_versions()
    for library in _LEARNT_BY:
        if library in versions and library in here and versions[library] != here[library]:
            logger.warning(
                "%s was trained with %s %s, and %s is installed: its predictions may differ. Train again to be sure.",
                place,
                library,
                versions[library],
                here[library],
            )


def _build(content: bytes, *, trusted: Collection[str], place: str) -> Any:
    from skops.io import loads
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return loads(content, trusted=sorted(trusted))
    except UntrustedTypesFoundException as error:
        raise ArtifactError(
            # The first line names the types; the rest explains how to trust them, which is not for a user to decide.
            f"{place} must hold only types that mlcli trusts for this model. {str(error).splitlines()[0]}",
            hint="Train again; do not use a model from an unknown source.",
        ) from None
    except ModuleNotFoundError as error:
        raise ArtifactError(
            f"{place} needs the library {error.name!r}, which is not installed.", hint="pip install 'mlcli[boost]'"
        ) from None
    except Exception as error:
        # The types are trusted, their content is not: a foreign state may make any constructor raise anything.
        raise ArtifactError(
            f"{place} must hold a model as mlcli stores it. {type(error).__name__}: {error}.",
            hint="Install the library versions that `mlcli inspect` lists, or train again.",
        ) from error
