"""Models whose raw values are sums over columns, up to a link: their contributions are exact."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import TypedColumns
from mlcli.inference.program import Constant, Isotonic, Linear, Link, Model, Node, Sigmoids, Trees, Vote

Method = Literal["constant", "linear", "tree_shap", "enumerated", "sampled"]
"""How contributions are found. constant: every row is told the same; linear: coefficient times distance from the
average training row; tree_shap: exact SHAP values of trees; enumerated: Shapley values over all subsets of columns;
sampled: the same over random orders of the columns, with a standard error."""


class Terms(Protocol):
    """Contributions of columns to raw values that they add up to.

    Attributes
    ----------
    base : ndarray of shape (n_raw,)
        What the contributions of a row begin at.
    link : Link
        From raw values to outputs.
    method : Method
        How contributions are found.
    """

    base: NDArray[np.float64]
    link: Link
    method: Method

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the contributions, of shape (n_rows, n_columns, n_raw)."""


def additive_terms(node: Node, n_columns: int) -> Terms | None:
    """Return the exact contributions of a node; None where it has none.

    Contributions pass through a mean of models, or through a sigmoid behind
    one, where these models' outputs are themselves sums. The mean of two
    models' probabilities is no sum of what adds up to their log-odds: there
    they are sampled. So they are for a program of format version 1 or 2, which
    does not know its training rows.

    Parameters
    ----------
    node : Node
        A program's operations.
    n_columns : int
        Columns of the program.
    """
    match node:
        case Model(head=Linear() as head) if head.means is not None:
            from mlcli.inference.explain_linear import LinearTerms  # each brings what runs its model

            return LinearTerms(node, n_columns)
        case Model(head=Trees() as head) if head.cover is not None:
            from mlcli.inference.explain_trees import TreeTerms

            return TreeTerms(node, n_columns)
        case Model(head=Constant() as head):
            return ConstantTerms(head, n_columns)
        case Sigmoids():
            member = additive_terms(node.member, n_columns)
            return None if member is None or member.link != "identity" else SigmoidTerms(node, member)
        case Vote():
            members = [additive_terms(each, n_columns) for each in node.members]
            sums = [member for member in members if member is not None and member.link == "identity"]
            return VoteTerms(node.weights, sums) if len(sums) == len(members) else None
        case Isotonic() | Model():
            return None


class ConstantTerms:
    """A model that says the same of every row: nothing contributes."""

    def __init__(self, head: Constant, n_columns: int) -> None:
        self.base = head.outputs
        self.link: Link = "identity"
        self.method: Method = "constant"
        self._shape = (n_columns, len(head.outputs))

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return zeros, of shape (n_rows, n_columns, n_outputs)."""
        return np.zeros((columns.n_rows, *self._shape))


class SigmoidTerms:
    """Contributions to what a calibration by sigmoids makes of sums, before the sigmoid: sums again."""

    def __init__(self, node: Sigmoids, member: Terms) -> None:
        self._member, self._slopes = member, node.slopes
        self._n = len(node.slopes)
        self.base = -(node.slopes * member.base[-self._n :] + node.offsets)
        self.link: Link = "sigmoid" if self._n == 1 else "ovr"
        self.method = member.method

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the contributions, of shape (n_rows, n_columns, n_raw)."""
        found: NDArray[np.float64] = self._member.rows(columns)[:, :, -self._n :] * -self._slopes
        return found


class VoteTerms:
    """Contributions to a weighted mean of outputs that are sums."""

    def __init__(self, weights: tuple[float, ...], members: list[Terms]) -> None:
        self._members = list(zip(members, weights, strict=True))
        self.base: NDArray[np.float64] = np.sum([member.base * weight for member, weight in self._members], axis=0)
        self.link: Link = "identity"
        methods = {member.method for member in members} - {"constant"}
        # Of trees and linear models together: those that need saying.
        self.method: Method = "tree_shap" if "tree_shap" in methods else (methods or {"constant"}).pop()

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the contributions, of shape (n_rows, n_columns, n_outputs)."""
        first, *others = [member.rows(columns) * weight for member, weight in self._members]
        for other in others:
            first += other
        return first
