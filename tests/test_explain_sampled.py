"""Shapley values against stored rows: over all subsets where there are few columns, else sampled with an error."""

from __future__ import annotations

import numpy as np
import pytest
from explain_samples import shapley

from mlcli.data.typed import NAT, TypedColumns
from mlcli.inference.explain_sampled import Sampler


def rows_of(n_rows, n_columns, *, seed=0):
    return TypedColumns(tuple(np.random.default_rng(seed).normal(size=(n_columns, n_rows))), n_rows)


def cells_of(columns, i):
    return tuple(cells[i : i + 1] for cells in columns.columns)


def tangled(columns):
    """Two outputs in which columns act together."""
    x = np.array(columns.columns)
    first = x[0] * x[1] + np.abs(x[2]) * (x[-1] > 0) + np.tanh(x.sum(axis=0))
    return np.column_stack([first, 2.0 * x[0] - first])


class Counted:
    """A model that counts the rows that it is asked about."""

    def __init__(self, outputs):
        self.outputs, self.n_rows = outputs, 0

    def __call__(self, columns):
        self.n_rows += columns.n_rows
        return self.outputs(columns)


def by_definition(outputs, background, cells):
    """Return the Shapley values of each column, of shape (n_columns, n_outputs)."""

    def value(known):
        mixed = tuple(
            np.repeat(cell, background.n_rows) if j in known else column
            for j, (cell, column) in enumerate(zip(cells, background.columns, strict=True))
        )
        return outputs(TypedColumns(mixed, background.n_rows)).mean(axis=0)

    return shapley(value, len(cells))


def test_few_columns_are_explained_exactly_by_the_definition():
    background, new = rows_of(7, 5), rows_of(3, 5, seed=1)
    sampler = Sampler(tangled, background, budget=2**5 * 7)
    assert sampler.enumerated
    for i in range(3):
        found = sampler.explain(cells_of(new, i))
        assert found.errors is None
        np.testing.assert_allclose(
            found.contributions, by_definition(tangled, background, cells_of(new, i)), atol=1e-12
        )
    np.testing.assert_allclose(sampler.base, tangled(background).mean(axis=0))


def test_a_budget_below_all_subsets_is_spent_on_a_sample():
    sampler = Sampler(tangled, rows_of(7, 5), budget=2**5 * 7 - 1)
    assert not sampler.enumerated
    assert sampler.explain(cells_of(rows_of(1, 5, seed=1), 0)).errors.shape == (5, 2)


@pytest.mark.parametrize("n_columns", [5, 8])
def test_sampled_contributions_lie_around_the_exact_ones_as_their_errors_say(n_columns):
    """Of 400 about 95 % within two errors."""
    background, new = rows_of(10, n_columns), rows_of(400 // n_columns, n_columns, seed=1)
    exact, sampled = (
        Sampler(tangled, background, budget=10**5),
        Sampler(tangled, background, budget=10 * 2**n_columns - 1),
    )
    assert (exact.enumerated, sampled.enumerated) == (True, False)
    away = []
    for i in range(new.n_rows):
        found = sampled.explain(cells_of(new, i))
        distance = found.contributions[:, 0] - exact.explain(cells_of(new, i)).contributions[:, 0]
        away += list(np.abs(distance) / np.maximum(found.errors[:, 0], 1e-12))
    assert 0.85 <= np.mean(np.array(away) <= 2.0) <= 0.99


def test_a_greater_budget_makes_smaller_errors():
    background, cells = rows_of(10, 12), cells_of(rows_of(1, 12, seed=1), 0)
    few, many = (Sampler(tangled, background, budget=budget).explain(cells).errors for budget in (1000, 16_000))
    assert 2.0 < few.max() / many.max() < 8.0


@pytest.mark.parametrize("n_columns", [1, 2, 3, 12, 200])
def test_sampled_contributions_add_up_to_the_outputs(n_columns):
    def outputs(columns):
        return np.sin(np.sum(columns.columns, axis=0))[:, None] + np.array([0.0, 1.0])

    background, new = rows_of(20, n_columns), rows_of(4, n_columns, seed=1)
    sampler = Sampler(outputs, background, budget=2560)
    for i in range(4):
        total = sampler.base + sampler.explain(cells_of(new, i)).contributions.sum(axis=0)
        np.testing.assert_allclose(total, outputs(new)[i], atol=1e-12)


@pytest.mark.parametrize(("n_columns", "n_background"), [(9, 20), (30, 20), (300, 4), (2000, 2)])
def test_the_model_is_asked_about_no_more_rows_than_the_budget(n_columns, n_background):
    model = Counted(lambda columns: np.sum(columns.columns, axis=0)[:, None])
    sampler = Sampler(model, rows_of(20, n_columns), budget=2560)
    assert sampler.n_background == n_background
    model.n_rows = 0
    sampler.explain(cells_of(rows_of(1, n_columns, seed=1), 0))
    # Of a table this wide one order and its reverse for two rows are the least there is.
    assert model.n_rows <= max(2560, 2 * 2 * n_columns) + 1


def test_a_column_without_effect_gets_nothing_and_says_so_surely():
    sampler = Sampler(lambda c: (c.columns[0] * c.columns[1])[:, None], rows_of(10, 12), budget=2000)
    found = sampler.explain(cells_of(rows_of(1, 12, seed=1), 0))
    assert np.abs(found.contributions[2:]).max() == found.errors[2:].max() == 0.0
    assert found.errors[:2].min() > 0.0


def test_the_same_row_is_always_told_the_same_and_another_is_not():
    background, new = rows_of(10, 12), rows_of(2, 12, seed=1)
    first, again = (Sampler(tangled, background, budget=1000).explain(cells_of(new, 0)) for _ in range(2))
    np.testing.assert_array_equal(first.contributions, again.contributions)
    np.testing.assert_array_equal(first.errors, again.errors)
    assert (Sampler(tangled, background, budget=1000).explain(cells_of(new, 1)).errors != first.errors).any()


def test_rows_that_are_predicted_in_parts_are_told_the_same(monkeypatch):
    background, cells = rows_of(10, 12), cells_of(rows_of(1, 12, seed=1), 0)
    whole = Sampler(tangled, background, budget=1000).explain(cells)
    monkeypatch.setattr("mlcli.inference.explain_sampled._CELLS", 500)
    parts = Sampler(tangled, background, budget=1000).explain(cells)
    np.testing.assert_array_equal(whole.contributions, parts.contributions)


def test_cells_of_every_kind_are_mixed_in_their_own_types():
    seen = []

    def outputs(columns):
        seen.append(columns)
        return np.array(
            [
                [len(text) + float(np.nan_to_num(x))]
                for text, x in zip(columns.columns[3], columns.columns[0], strict=True)
            ]
        )

    background = TypedColumns(
        (np.array([1.0, np.nan]), np.array([0, 3], dtype=np.intp), np.array([5, NAT]), ["", "late \ud800"]), 2
    )
    row = (np.array([2.0]), np.array([1], dtype=np.intp), np.array([NAT]), ["again"])
    found = Sampler(outputs, background, budget=10**4).explain(row)
    np.testing.assert_allclose(found.contributions[:, 0], [1.5, 0.0, 0.0, 2.0])
    for columns in seen:
        assert [c.dtype for c in columns.columns[:3]] == [np.float64, np.intp, np.int64]
        assert all(c.flags.c_contiguous for c in columns.columns[:3])
        assert isinstance(columns.columns[3], list)
    assert Sampler(outputs, background, budget=3).explain(row).errors is not None
