"""Schedules with fitted factors from a Gram matrix: the cheapest there is, and the cost is what is missed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from foretrace.history import Step
from foretrace.offline.candidate import Candidate
from foretrace.offline.factors import factors_of, free_gaps, with_factors
from foretrace.offline.free_proposal import DAMPING, GapCosts, propose_with_factors

seeds = st.integers(0, 999)


def walk(total: int, seed: int) -> Tensor:
    """Features (steps, 6) that drift and jitter."""
    noise = torch.randn(total, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return noise.cumsum(dim=0) + 0.3 * noise.flip(0)


def left(features: Tensor, candidate: Candidate, weights: Sequence[float]) -> list[float]:
    """``|sum_j A_j (F_j - forecast)|^2`` of every gap with skipped steps, by the predictor itself."""
    predictor, state, found = candidate.predictor, candidate.predictor.init(), []
    for newest, end in pairwise([*candidate.computed, len(features)]):
        state = predictor.commit(state, Step(newest), (features[newest],))
        missed = [weights[j] * (features[j] - predictor.predict(state, Step(j))[0])
                  for j in range(newest + 1, end)]  # fmt: skip
        if missed:
            found.append(float(torch.stack(missed).sum(dim=0).square().sum()))
    return found


def best(features: Tensor, computed: Sequence[int], weights: Sequence[float]) -> float:
    """The least cost of a schedule, by ordinary least squares over each gap's increments."""
    total, cost = len(features), 0.0
    rows = free_gaps(computed, total)
    none = left(features, with_factors(computed, total, rows, [0.0] * len(rows)), weights)
    for number, begin in enumerate(
        dict.fromkeys(s + 1 for s, e in pairwise([*computed, total]) if e - s > 1)
    ):
        own = [i for i, gap in enumerate(rows) if gap.begin == begin]
        if not own:
            cost += none[number]
            continue

        def at(values: Sequence[float], own: list[int] = own, number: int = number) -> float:
            factors = [0.0] * len(rows)
            for i, value in zip(own, values, strict=True):
                factors[i] = value
            return left(features, with_factors(computed, total, rows, factors), weights)[number]

        unit = np.eye(len(own))
        zero = at([0.0] * len(own))
        square = np.array([[(at(a + b) - at(a) - at(b) + zero) / 2 for b in unit] for a in unit])
        slope = np.array([(at(a) - zero - square[i, i]) / -2 for i, a in enumerate(unit)])
        damped = square + np.diag(DAMPING * square.diagonal() + 1e-12)
        step = np.linalg.solve(damped, slope)
        cost += zero - 2 * slope @ step + step @ square @ step
    return cost


@settings(max_examples=30)
@given(data=st.data(), total=st.integers(3, 9), seed=seeds)
def test_the_cost_is_what_the_forecasts_with_these_factors_miss(data, total, seed) -> None:
    features = walk(total, seed)
    computed = (0, *sorted(data.draw(st.sets(st.integers(1, total - 2), max_size=4))))
    weights = data.draw(st.lists(st.floats(0.1, 10), min_size=total, max_size=total))
    costs = GapCosts((features @ features.T).numpy(), np.asarray(weights))
    found = list(costs.gaps(computed))
    rows = free_gaps(computed, total)
    factors = {begin: two for begin, _, two in found}
    candidate = with_factors(computed, total, rows, [factors[g.begin][g.increment - 1] for g in rows])
    scale = float(features.square().sum()) * max(weights) ** 2
    assert [cost for _, cost, _ in found] == pytest.approx(
        left(features, candidate, weights), abs=1e-6 * scale
    )
    assert sum(cost for _, cost, _ in found) == pytest.approx(
        best(features, computed, weights), abs=1e-6 * scale
    )


@settings(max_examples=15)
@given(data=st.data(), total=st.integers(3, 7), seed=seeds, power=st.sampled_from([1.0, 0.5]))
def test_no_schedule_of_that_size_is_cheaper(data, total, seed, power) -> None:
    features = walk(total, seed)
    count = data.draw(st.integers(1, total))
    weights = data.draw(st.lists(st.floats(0.1, 10), min_size=total, max_size=total))
    found = propose_with_factors(features @ features.T, count, weights, power)
    assert found is not None
    assert len(found.computed) == count
    assert found.computed[0] == 0
    powers = [w**power for w in weights]
    least = min(
        best(features, (0, *rest), powers) for rest in itertools.combinations(range(1, total), count - 1)
    )
    scale = float(features.square().sum()) * max(powers) ** 2
    assert best(features, found.computed, powers) == pytest.approx(least, abs=1e-6 * scale)


@given(total=st.integers(4, 12), seed=seeds, power=st.sampled_from([1.0, 0.65]))
def test_the_proposal_does_not_depend_on_units(total: int, seed: int, power: float) -> None:
    gram = walk(total, seed) @ walk(total, seed).T
    weights = torch.rand(total, generator=torch.Generator().manual_seed(seed)).add(0.1).tolist()
    plain = propose_with_factors(gram, total // 2, weights, power)
    scaled = propose_with_factors(16.0 * gram, total // 2, [4.0 * w for w in weights], power)
    assert plain is not None
    assert scaled is not None
    assert plain.computed == scaled.computed
    assert factors_of(plain, total) == pytest.approx(factors_of(scaled, total), abs=1e-5)


def test_a_line_is_forecast_by_a_line() -> None:
    steps = torch.arange(12, dtype=torch.float64)
    features = torch.stack([steps, 3 - 2 * steps, torch.ones(12, dtype=torch.float64)], dim=1)
    computed, rows = (0, 1, 2, 6), free_gaps((0, 1, 2, 6), 12)
    reused = left(features, with_factors(computed, 12, rows, [0.0] * len(rows)), [1.0] * 12)
    found = list(GapCosts((features @ features.T).numpy(), np.ones(12)).gaps(computed))
    for (_, cost, (first, second)), nothing in zip(found, reused, strict=True):
        assert cost <= 1.1 * DAMPING**2 * nothing  # all that the damping leaves
        assert (first, second) == pytest.approx((1.0, 0.0), abs=2 * DAMPING)


def test_steps_without_effect_leave_factors_finite() -> None:
    weights = [1.0] * 8 + [0.0] * 4
    found = propose_with_factors(walk(12, 0) @ walk(12, 0).T, 4, weights)
    assert found is not None
    assert np.isfinite(factors_of(found, 12)).all()


def test_there_is_none_where_gaps_would_be_too_long() -> None:
    assert propose_with_factors(torch.eye(60, dtype=torch.float64), 2, [1.0] * 60) is None
