"""Published schedule searches: their paths are the best there are, by brute force."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.offline.judge import Candidate
from foretrace.offline.published import _least_greatest, _least_sum, cem, dpcache, lemica, smoothcache

Weights = list[list[float]]


def paths(total: int, count: int) -> list[tuple[int, ...]]:
    return [(0, *rest) for rest in combinations(range(1, total), count - 1)]


def weights_of(path: tuple[int, ...], total: int, table: Weights) -> list[float]:
    return [table[begin][end] for begin, end in pairwise((*path, total))]


@st.composite
def problems(draw: st.DrawFn) -> tuple[int, int, Weights]:
    total = draw(st.integers(2, 7))
    count = draw(st.integers(1, total))
    whole = st.integers(0, 20).map(float)  # whole numbers, so that sums are exact
    row = st.lists(whole, min_size=total + 1, max_size=total + 1)
    return total, count, draw(st.lists(row, min_size=total, max_size=total))


@given(problems())
def test_the_sum_is_the_least_of_all_paths(problem: tuple[int, int, Weights]) -> None:
    total, count, table = problem
    found = _least_sum(total, count, lambda begin, end: table[begin][end])
    assert len(found) == count and found[0] == 0
    least = min(sum(weights_of(path, total, table)) for path in paths(total, count))
    assert sum(weights_of(tuple(found), total, table)) == least


@given(problems())
def test_the_greatest_weights_are_the_least_in_order(problem: tuple[int, int, Weights]) -> None:
    total, count, table = problem
    found = _least_greatest(total, count, lambda begin, end: table[begin][end])
    best = min(sorted(weights_of(path, total, table), reverse=True) for path in paths(total, count))
    assert sorted(weights_of(tuple(found), total, table), reverse=True) == best


def features(total: int, seed: int) -> torch.Tensor:
    rows = torch.randn(total, 40, generator=torch.Generator().manual_seed(seed)).cumsum(0)
    return rows @ rows.T


@pytest.mark.parametrize("count", [3, 5, 9])
def test_all_keep_the_number_and_the_first_step(count: int) -> None:
    gram = features(16, 1)
    for found in (cem(gram, count), dpcache(gram, ft.Lagrange(1), count)):
        assert len(found) == count and found[0] == 0 and found == sorted(set(found))
    assert dpcache(gram, ft.Lagrange(1), count)[:3] == [0, 1, 2]
    assert len(smoothcache(gram, count)) <= count


def test_a_jump_is_computed_where_it_happens() -> None:
    rows = torch.zeros(12, 2)
    rows[:7, 0], rows[7:, 1] = 1.0, 1.0
    gram = rows @ rows.T
    assert smoothcache(gram, 2) == [0, 7]
    assert cem(gram, 2) in ([0, 6], [0, 7])  # the step before a gap is what the gap is compared with
    assert 7 in dpcache(gram, ft.Reuse(), 4)


class Toy:
    """A judge whose error is one weight for each skipped step."""

    def __init__(self, costs: list[float]) -> None:
        self.costs, self.runs = costs, 0

    def error(self, candidate: Candidate) -> float:
        self.runs += 1
        return sum(self.costs[i] for i in range(len(self.costs)) if i not in candidate.computed)


def test_lemica_runs_every_gap_once_and_spares_the_dear_steps() -> None:
    costs = [1.0] * 10
    costs[4] = 100.0
    judge = Toy(costs)
    found = lemica(judge, ft.Reuse(), 10, 4, longest=5)  # type: ignore[arg-type]
    assert len(found) == 4 and 4 in found
    assert judge.runs == sum(min(b + 5, 10) - b - 1 for b in range(10) if min(b + 5, 10) >= b + 2)
