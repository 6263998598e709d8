"""Shapley values by their definition: every subset of what may be known, one after another."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from math import factorial

import numpy as np

from mlcli.data.typed import TypedColumns
from mlcli.inference.explain_trees import TreeTerms
from mlcli.inference.program import Model, Numbers


def shapley(value, n_players):
    """Return the Shapley values of a game.

    Parameters
    ----------
    value : callable
        From a frozenset of players to what they are worth, an array.
    """
    value = cache(value)
    phi = [np.zeros_like(value(frozenset())) for _ in range(n_players)]
    for i in range(n_players):
        others = [j for j in range(n_players) if j != i]
        for size in range(n_players):
            weight = factorial(size) * factorial(n_players - size - 1) / factorial(n_players)
            for some in combinations(others, size):
                known = frozenset(some)
                phi[i] = phi[i] + weight * (value(known | {i}) - value(known))
    return np.array(phi)


def tree_values(head, x, known):
    """Return the raw values of a row of which some features are known, walking each tree from its root.

    At a question about an unknown feature both sides are taken, weighted by their covers.
    """
    raw = np.zeros(head.outputs)
    for t in range(head.n_trees):
        value = _below(head, t, x, known)
        raw += value if len(value) == head.outputs else np.eye(head.outputs)[t % head.outputs] * value
    return raw / head.divisor + head.base


def _below(head, node, x, known):
    feature, left = int(head.feature[node]), int(head.child[node])
    if feature < 0:
        return head.value[node].astype(np.float64)
    if feature in known:
        return _below(head, left + (not _goes_left(head, node, x[feature])), x, known)
    covers = head.cover[[left, left + 1]].astype(np.float64)
    shares = covers / covers.sum() if covers.sum() else np.full(2, 0.5)
    return shares[0] * _below(head, left, x, known) + shares[1] * _below(head, left + 1, x, known)


def _goes_left(head, node, x):
    if np.isnan(x):
        return bool(head.missing_left[node])
    with np.errstate(over="ignore"):
        x = np.float32(x).astype(np.float64) if head.precision == "float32" else x
    return bool(x < head.threshold[node] if head.strict else x <= head.threshold[node])


def tree_shapley(head, x):
    """Return the Shapley values of each feature for the raw values of a row, of shape (n_features, outputs)."""
    return shapley(lambda known: tree_values(head, x, known), len(x))


def plain_terms(head, n_features):
    """Return the contributions of columns that are all plain numbers."""
    return TreeTerms(Model(n_features, (Numbers(tuple(range(n_features)), 0),), head), n_features)


def plain_columns(X):
    return TypedColumns(tuple(np.ascontiguousarray(column) for column in X.T), len(X))
