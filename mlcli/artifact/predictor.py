"""An opened artifact to the predictor that answers for it."""

from __future__ import annotations

import msgspec

from mlcli.artifact.open import Artifact, load_pipeline
from mlcli.errors import ArtifactError
from mlcli.inference.golden import Golden, check_golden
from mlcli.inference.predictor import Predictor


def load_predictor(artifact: Artifact) -> Predictor:
    """Load the fitted pipeline and prove it on the artifact's golden rows.

    Raises
    ------
    ArtifactError
        If the pipeline cannot be trusted or loaded, or predicts its golden
        rows differently than when it was trained.
    """
    predictor = Predictor(load_pipeline(artifact), artifact.schema)
    try:
        golden = msgspec.json.decode(artifact.golden, type=Golden)
    except msgspec.DecodeError as error:
        raise ArtifactError(
            f"{artifact.path}: golden.json must hold rows with predictions. {error}.", hint="Train again."
        ) from None
    try:
        check_golden(predictor, golden)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        if isinstance(error, ArtifactError):
            raise
        # Arrays that fit no model let scikit-learn fail in ways of its own.
        raise ArtifactError(
            f"{artifact.path} must predict its own stored rows. Got: {type(error).__name__}.", hint="Train again."
        ) from error
    return predictor
