"""A fitted pipeline to the predictor that serves it: its program where that is proven, else itself."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.data.schema import Schema
from mlcli.errors import ArtifactError
from mlcli.inference.predictor import PipelinePredictor, Predictor, ProgramPredictor
from mlcli.inference.proof import Proof, prove, tolerance_of

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

logger = logging.getLogger(__name__)

_OURS = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError, MemoryError)
"""What a mistake of ours, or a pipeline that nobody thought of, may raise."""


@dataclass(frozen=True)
class Compiled:
    """What became of a pipeline.

    Parameters
    ----------
    predictor : Predictor
        What answers from now on.
    proof : Proof
        Whether it is the program.
    operations, arrays : bytes, optional
        The program as `mlcli.inference.stored` writes it; None where it is not proven.
    """

    predictor: Predictor
    proof: Proof
    operations: bytes | None = None
    arrays: bytes | None = None


def compile_pipeline(pipeline: Pipeline, schema: Schema, X: pd.DataFrame) -> Compiled:
    """Translate a fitted pipeline, store the program, read it back and prove what was read.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted scikit-learn pipeline.
    schema : Schema
        The data contract of its training rows.
    X : DataFrame of shape (n_samples, n_features)
        Typed training rows.

    Returns
    -------
    Compiled
        The program when it is proven; else the pipeline, and why.
    """
    from mlcli.inference.translate import NotCompiled

    logger.info("compiling the model and proving it")
    started = time.perf_counter()
    try:
        compiled = _compile(pipeline, schema, X)
    except NotCompiled as error:
        compiled = _served_by_pipeline(pipeline, schema, error.reason)
    except ArtifactError as error:
        compiled = _served_by_pipeline(pipeline, schema, error.message)
    except _OURS as error:
        # The fitted model is whole and serves as it is: hours of training must not end here.
        logger.debug("while compiling", exc_info=True)
        compiled = _served_by_pipeline(pipeline, schema, f"compiling it failed with {type(error).__name__}: {error}")
    logger.debug("%s (%.1f s)", compiled.proof.verdict, time.perf_counter() - started)
    return compiled


def _compile(pipeline: Pipeline, schema: Schema, X: pd.DataFrame) -> Compiled:
    from mlcli.data.frames import columns_from_frame
    from mlcli.inference.explain_linear import MEAN_ROWS, with_means
    from mlcli.inference.machine import Machine
    from mlcli.inference.sound import check_contract
    from mlcli.inference.stored import from_bytes, to_bytes
    from mlcli.inference.translate import translate

    # Every so many rows: a table in the order of time begins with other rows than it ends with.
    some = columns_from_frame(X.iloc[:: max(1, -(-len(X) // MEAN_ROWS))], schema)
    operations, arrays = to_bytes(with_means(translate(pipeline, schema), some))
    # What is proven is what will be loaded, not what it was stored from.
    program = from_bytes(operations, arrays, place="the program")
    check_contract(program, schema, place="the program")
    machine = Machine(program)
    proof = prove(machine, pipeline, schema, X)
    if not proof.proven:
        return Compiled(PipelinePredictor(pipeline, schema), proof)
    return Compiled(ProgramPredictor(machine, schema), proof, operations, arrays)


def _served_by_pipeline(pipeline: Pipeline, schema: Schema, reason: str) -> Compiled:
    proof = Proof(proven=False, reason=reason, n_rows=0, largest_difference=None, tolerance=tolerance_of(pipeline))
    return Compiled(PipelinePredictor(pipeline, schema), proof)
