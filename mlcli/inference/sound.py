"""Whether a program points inside itself.

A machine follows positions, widths and shapes without looking again. Here they
are held against each other once, before a program that was read from a file is run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from mlcli.data.schema import Schema
from mlcli.errors import ArtifactError
from mlcli.inference.program import Isotonic, Model, Node, Program, ProgramColumn, Sigmoids, Vote
from mlcli.inference.sound_arrays import UnsoundError, finite, floats, length, rule
from mlcli.inference.sound_features import check_feature
from mlcli.inference.sound_heads import check_head

MAX_NODES = 1_000
"""Most nodes of a program: members of votes and what calibrates them."""

_HINT = "Train again; do not use a model from an unknown source."


def check_program(program: Program, *, place: str) -> None:
    """Refuse a program that a machine cannot run without looking where it steps.

    Parameters
    ----------
    program : Program
        A program of the right types, of any content.
    place : str
        What it is called in an error message.

    Raises
    ------
    ArtifactError
        If a position, a shape or a number is not one that a translation gives.
    """
    try:
        rule(len(list(nodes_of(program.node))) <= MAX_NODES, f"a program must have at most {MAX_NODES:,} nodes")
        n_outputs = _check_node(program.node, program.columns)
        rule(n_outputs == program.n_outputs, "the operations must give the outputs that the program states")
        if program.task == "regression":
            rule(n_outputs == 1, "a regression must have one output")
        else:
            rule(n_outputs >= 2, "a classification must have an output for each class")
        _check_threshold(program)
    except UnsoundError as error:
        raise ArtifactError(f"{place}: {error}. Got something else.", hint=_HINT) from None
    except ArtifactError as error:
        raise ArtifactError(f"{place}: {error.message}", hint=error.hint) from None


def program_columns(schema: Schema) -> tuple[ProgramColumn, ...]:
    """Return the columns that a program under this contract reads."""
    return tuple(ProgramColumn(column.name, column.kind, len(column.categories or ())) for column in schema.columns)


def check_contract(program: Program, schema: Schema, *, place: str) -> None:
    """Refuse a program that was made for another data contract.

    Raises
    ------
    ArtifactError
        If task, columns, levels or classes differ.
    """
    n_outputs = len(schema.target.classes or ()) if schema.target.task == "classification" else 1
    stated = (program.task, program.columns, program.n_outputs)
    if stated != (schema.target.task, program_columns(schema), n_outputs):
        raise ArtifactError(
            f"{place}: the program must read the columns of the data contract and give its target. Got another program.",
            hint=_HINT,
        )


def nodes_of(node: Node) -> Iterator[Node]:
    """Yield a node and every node below it."""
    pending: list[Node] = [node]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, Vote):
            pending.extend(reversed(node.members))
        elif not isinstance(node, Model):
            pending.append(node.member)


def _check_threshold(program: Program) -> None:
    threshold, positive = program.threshold, program.positive
    rule((threshold is None) == (positive is None), "a threshold must name its class")
    if threshold is not None:
        rule(program.n_outputs == 2 and positive in {0, 1}, "a threshold must be for one of two classes")
        rule(0.0 <= threshold <= 1.0, "a threshold must be a probability")


def _check_node(node: Node, columns: Sequence[ProgramColumn]) -> int:
    """Return the number of a node's outputs."""
    match node:
        case Model():
            _check_features(node, columns)
            return check_head(node.head, node.n_features)
        case Vote():
            return _check_vote(node, columns)
        case Sigmoids():
            n_outputs = _check_node(node.member, columns)
            n = length(node.slopes, "sigmoids.slopes")
            floats(node.slopes, (n,), "sigmoids.slopes")
            floats(node.offsets, (n,), "sigmoids.offsets")
            return _calibrated(n, n_outputs)
        case Isotonic():
            n_outputs = _check_node(node.member, columns)
            rule(len(node.x) == len(node.y), "isotonic.x and isotonic.y must go together")
            for x, y in zip(node.x, node.y, strict=True):
                floats(x, (max(1, length(x, "isotonic.x")),), "isotonic.x")
                floats(y, x.shape, "isotonic.y")
                rule(bool((x[1:] >= x[:-1]).all()), "isotonic.x must rise")
            return _calibrated(len(node.x), n_outputs)


def _calibrated(n: int, n_raw: int) -> int:
    """Return the number of outputs of a calibration by `n` curves."""
    rule(n >= 1 and n != 2, "a calibration must have one curve for two classes, else one a class")
    rule(n_raw in {1, 2} if n == 1 else n_raw == n, "a calibration must fit the outputs of its member")
    return 2 if n == 1 else n


def _check_vote(node: Vote, columns: Sequence[ProgramColumn]) -> int:
    counts = {_check_node(member, columns) for member in node.members}
    rule(len(counts) == 1, "the members of a vote must have the same outputs")
    rule(len(node.weights) == len(node.members), "a vote must have a weight for each member")
    for weight in node.weights:
        finite(weight, "vote.weights")
        rule(weight >= 0, "vote.weights must not be negative")
    rule(math.isclose(math.fsum(node.weights), 1.0, rel_tol=0, abs_tol=1e-9), "vote.weights must sum to 1")
    return counts.pop()


def _check_features(model: Model, columns: Sequence[ProgramColumn]) -> None:
    """Check every feature operation, and that together they fill every feature once."""
    spans = sorted((feature.start, check_feature(feature, columns)) for feature in model.features)
    position = 0
    for start, width in spans:
        rule(start == position, "the features must be filled once each, without gaps")
        position += width
    rule(position == model.n_features, "the features must be as many as the model states")
