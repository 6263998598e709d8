"""An artifact to something that predicts, proven on its golden rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from mlcli.artifact.open import Artifact, load_pipeline, load_program
from mlcli.errors import ArtifactError
from mlcli.inference.golden import Golden, check_golden, golden_columns
from mlcli.inference.predictor import PipelinePredictor, Predictor, ProgramPredictor

if TYPE_CHECKING:
    from mlcli.inference.explain import Explainer


def load_predictor(artifact: Artifact, *, compiled: bool | None = None) -> Predictor:
    """Build the model of an artifact and prove it on the artifact's golden rows.

    A compiled model needs neither scikit-learn nor pandas.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    compiled : bool, optional
        Whether the program answers, or the fitted pipeline. The program where
        there is one, when left out.

    Raises
    ------
    ArtifactError
        If the program is unsound, or the pipeline cannot be trusted or loaded,
        or the golden rows are not predicted as they were when it was trained.
    """
    golden = load_golden(artifact)
    compiled = artifact.manifest.compiled if compiled is None else compiled
    try:
        predictor = _load_program(artifact) if compiled else PipelinePredictor(load_pipeline(artifact), artifact.schema)
        check_golden(predictor, golden)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        if isinstance(error, ArtifactError):
            raise
        # Arrays that fit no model let scikit-learn fail in ways of its own.
        raise ArtifactError(
            f"{artifact.path} must predict its own stored rows. Got: {type(error).__name__}.", hint="Train again."
        ) from error
    return predictor


def load_served_predictor(artifact: Artifact) -> Predictor:
    """Build the model of an artifact to be asked again and again.

    Where scikit-learn answers, its preprocessing of a DataFrame takes longer
    than most of its estimators; it is compiled where that changes no bit.

    Raises
    ------
    ArtifactError
        As `load_predictor` does.
    """
    predictor = load_predictor(artifact)
    if not isinstance(predictor, PipelinePredictor):
        return predictor
    from mlcli.inference.compiled_features import compile_features  # a compiled model needs none of it

    golden = load_golden(artifact)
    features = compile_features(predictor.pipeline, artifact.schema, golden_columns(golden, artifact.schema))
    quicker = replace(predictor, features=features)
    check_golden(quicker, golden)
    return quicker


def load_explainer(artifact: Artifact, predictor: Predictor) -> Explainer:
    """Build what explains an artifact's predictions.

    A predictor has let its program go, so it is read once more: constants of
    another size than those that predict.

    Parameters
    ----------
    artifact : Artifact
        The opened model.
    predictor : Predictor
        What `load_predictor` returned for it.

    Raises
    ------
    ArtifactError
        If the file is no longer what was opened, or holds no row to compare with where one is needed.
    """
    from mlcli.inference.explain import Explainer  # few predictions are explained

    program = load_program(artifact) if predictor.compiled else None
    return Explainer(predictor, program, golden_columns(load_golden(artifact), artifact.schema))


def load_golden(artifact: Artifact) -> Golden:
    """Read the rows that an artifact keeps with their predictions.

    Raises
    ------
    ArtifactError
        If they are not as mlcli writes them.
    """
    try:
        return msgspec.json.decode(artifact.golden, type=Golden)
    except msgspec.DecodeError as error:
        raise ArtifactError(
            f"{artifact.path}: golden.json must hold rows with predictions. {error}.", hint="Train again."
        ) from None


def _load_program(artifact: Artifact) -> Predictor:
    from mlcli.inference.machine import Machine  # with numpy, which the pipeline's own predictor leaves to scikit-learn

    machine = Machine(load_program(artifact))
    machine.let_go()
    return ProgramPredictor(machine, artifact.schema)
