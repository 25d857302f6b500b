"""Orders fixed per step from a recording."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.offline.orders import orders_by_step
from laws.test_predictors import forecast

BASES = tuple(ft.Lagrange(n) for n in (0, 1, 2, 3))


def path(seed: int, steps: int = 14) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    rough = 0.05 * torch.randn(steps, 6, generator=generator, dtype=torch.float64)
    return torch.stack([a * torch.sin(0.3 * i + b) for i in range(steps)]) + rough


@given(seed=st.integers(0, 99), computed=st.sets(st.integers(1, 13), max_size=6))
def test_no_other_order_is_nearer_to_the_recorded_feature(seed: int, computed: set[int]) -> None:
    features, table = path(seed), sorted({0} | computed)
    found = orders_by_step(features @ features.T, table, BASES)
    for t in set(range(14)) - set(table):
        known = [i for i in table if i < t]
        errors = [
            float((forecast(base, known, t, [features[i] for i in known]) - features[t]).norm())
            for base in BASES
        ]
        assert errors[found.choices[t]] <= min(errors) + 1e-6


def test_of_a_line_the_line_is_taken_and_ties_go_to_the_first() -> None:
    features = torch.arange(10.0, dtype=torch.float64)[:, None] + 1
    found = orders_by_step(features @ features.T, [0, 1, 4, 7], (ft.Reuse(), ft.Lagrange(1)))
    assert [found.choices[t] for t in (2, 3, 5, 6, 8, 9)] == [1] * 6
    assert [found.choices[t] for t in (0, 1, 4, 7)] == [0] * 4


@pytest.mark.parametrize("computed", [(), (1, 2), (0, 20)])
def test_bad_tables_are_refused(computed: tuple[int, ...]) -> None:
    with pytest.raises(InvalidSetting, match=r"computed got .*; expected .*\. Pass"):
        orders_by_step(torch.eye(10), computed)
