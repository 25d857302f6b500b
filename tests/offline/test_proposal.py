"""Schedules from a Gram matrix: the cheapest there is, and what it costs is what forecasts miss."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import foretrace as ft
from foretrace.history import Step
from foretrace.offline.amplification import amplification
from foretrace.offline.judge import Candidate
from foretrace.offline.proposal import (
    even_schedules,
    fill_amplification,
    propose,
    squared_error,
    stencil,
    uniform,
)

seeds = st.integers(0, 999)
predictors = st.sampled_from([ft.Reuse(), ft.Lagrange(1), ft.Lagrange(2), ft.Damped(ft.Lagrange(2))])


def walk(total: int, seed: int) -> Tensor:
    """Features (steps, 6) that drift and jitter."""
    noise = torch.randn(total, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return noise.cumsum(dim=0) + 0.3 * noise.flip(0)


def missed(features: Tensor, predictor: ft.LinearPredictor, computed: Sequence[int], step: int) -> float:
    """``|F - forecast|`` of a run that computed ``computed``, by the predictor itself."""
    state = predictor.init()
    for i in sorted(i for i in computed if i < step):
        state = predictor.commit(state, Step(i), (features[i],))
    return float((predictor.predict(state, Step(step))[0] - features[step]).norm())


def cost(
    features: Tensor,
    predictor: ft.LinearPredictor,
    computed: Sequence[int],
    weights: Sequence[float],
    power: float = 2.0,
) -> float:
    skipped = [i for i in range(len(features)) if i not in computed]
    return sum((weights[i] * missed(features, predictor, computed, i)) ** power for i in skipped)


@given(data=st.data(), total=st.integers(3, 9), seed=seeds, predictor=predictors)
def test_the_error_from_inner_products_is_that_of_the_forecast(data, total, seed, predictor) -> None:
    features = walk(total, seed)
    computed = [0, *sorted(data.draw(st.sets(st.integers(1, total - 2))))]
    points, weights = stencil(predictor, computed, total - 1)
    assert points == computed[::-1][: predictor.points]
    found = squared_error((features @ features.T).numpy(), points, weights, total - 1)
    assert math.sqrt(found) == pytest.approx(missed(features, predictor, computed, total - 1), abs=1e-6)


@settings(max_examples=40)
@given(data=st.data(), total=st.integers(3, 8), seed=seeds, predictor=predictors,
       power=st.sampled_from([1.0, 2.0]), forced=st.integers(1, 3))  # fmt: skip
def test_no_schedule_of_that_size_is_cheaper(data, total, seed, predictor, power, forced) -> None:
    features = walk(total, seed)
    count = data.draw(st.integers(1, total))
    weights = data.draw(st.lists(st.floats(0.1, 10), min_size=total, max_size=total))
    found = propose(features @ features.T, predictor, count, weights, power, forced)
    assert len(set(found)) == count
    assert found == sorted(found)
    assert found[-1] < total
    first = tuple(range(min(forced, count)))
    assert tuple(found[: len(first)]) == first
    least = min(
        cost(features, predictor, (*first, *rest), weights, power)
        for rest in itertools.combinations(range(len(first), total), count - len(first))
    )
    assert cost(features, predictor, found, weights, power) == pytest.approx(least, rel=1e-5, abs=1e-6)


@given(data=st.data(), total=st.integers(5, 12), seed=seeds, order=st.integers(0, 2))
def test_polynomials_cost_nothing_on_any_schedule(data, total: int, seed: int, order: int) -> None:
    """Once there are enough points; and the proposal begins with these."""
    axes = walk(order + 1, seed)
    features = sum(axes[n] * (torch.arange(total)[:, None] / total) ** n for n in range(order + 1))
    assert isinstance(features, Tensor)
    gram, predictor = features @ features.T, ft.Lagrange(order)
    later = data.draw(st.sets(st.integers(order + 1, total - 1)))
    computed = [*range(order + 1), *sorted(later)]
    for step in range(order + 1, total):
        error = squared_error(gram.numpy(), *stencil(predictor, computed, step), step)
        assert error <= 1e-9 * float(gram.diagonal().max())
    for count in range(order + 1, total):
        assert cost(features, predictor, propose(gram, predictor, count), [1.0] * total) <= 1e-9 * float(
            gram.diagonal().max()
        )


@given(total=st.integers(6, 14), seed=seeds, power=st.integers(-6, 6))
def test_proposals_do_not_depend_on_units(total: int, seed: int, power: int) -> None:
    features, predictor = walk(total, seed), ft.Lagrange(1)
    gram, weights = features @ features.T, [1.0 + i % 3 for i in range(total)]
    plain = propose(gram, predictor, total // 2, weights)
    scaled = propose(4.0**power * gram, predictor, total // 2, [2.0**power * w for w in weights])
    assert plain == scaled, "powers of two do not even round"


@given(total=st.integers(8, 14), seed=seeds, order=st.sampled_from([0, 1, 2]))
def test_steps_are_computed_where_errors_count(total: int, seed: int, order: int) -> None:
    features, half = walk(total, seed), total // 2
    gram, predictor = features @ features.T, ft.Lagrange(order)
    early = [1e3] * half + [1e-3] * (total - half)
    found, other = (propose(gram, predictor, half, w) for w in (early, early[::-1]))
    assert found == list(range(half)), "all steps that count can be computed"
    assert sum(i >= half for i in other) >= sum(i >= half for i in found) + half // 2


def test_what_is_too_long_for_the_programme_is_uniform() -> None:
    assert propose(torch.eye(60, dtype=torch.float64), ft.Reuse(), 2) == uniform(60, 2)


@given(data=st.data(), total=st.integers(1, 60), last=st.booleans())
def test_uniform_steps_are_as_even_as_they_go(data, total: int, last: bool) -> None:
    count = data.draw(st.integers(1, total))
    found = uniform(total, count, last)
    assert len(found) == count
    assert found[0] == 0
    if last and count > 1:
        assert found[-1] == total - 1
    ends = found if last and count > 1 else [*found, total]
    gaps = [b - a for a, b in itertools.pairwise(ends)]
    assert all(gap > 0 for gap in gaps)
    assert not gaps or max(gaps) - min(gaps) <= 1


@given(data=st.data(), total=st.integers(1, 30))
def test_filled_amplification_goes_through_what_was_probed(data, total: int) -> None:
    probed = data.draw(
        st.dictionaries(st.integers(0, total - 1), st.floats(1e-3, 1e3), min_size=1, max_size=5)
    )
    filled, places = fill_amplification(probed, total), sorted(probed)
    assert len(filled) == total
    for step, value in enumerate(filled):
        left = max((p for p in places if p <= step), default=places[0])
        right = min((p for p in places if p >= step), default=places[-1])
        share = (step - left) / (right - left) if right != left else 0.0
        between = probed[left] ** (1 - share) * probed[right] ** share
        assert value == pytest.approx(between, rel=1e-9)


def test_a_step_without_effect_says_nothing_of_its_neighbours() -> None:
    """As the last step of a DDIM run that ends at its own time."""
    filled = fill_amplification({0: 4.0, 4: 1.0, 8: 0.0}, 9)
    assert filled[:5] == pytest.approx([4.0, 8**0.5, 2.0, 2**0.5, 1.0])
    assert filled[5:] == [1.0, 1.0, 1.0, 0.0]


class Linear:
    """A judge to whom a forecast step costs its own error times ``by[step]``."""

    def __init__(self, features: Tensor, by: list[float]) -> None:
        self.features, self.by, self.asked = features, by, []

    def error(self, candidate: Candidate, limit: float = math.inf) -> float:
        (step,) = set(range(len(self.by))) - set(candidate.computed)
        self.asked.append(step)
        return self.by[step] * missed(self.features, candidate.predictor, candidate.computed, step)


@given(total=st.integers(3, 12), seed=seeds, probes=st.integers(1, 20))
def test_amplification_is_what_an_error_is_multiplied_by(total: int, seed: int, probes: int) -> None:
    features = walk(total, seed)
    judge = Linear(features, [math.exp(math.sin(3.0 * i)) for i in range(total)])
    found = amplification(judge, features @ features.T, ft.Lagrange(1), probes)  # type: ignore[arg-type]
    assert len(judge.asked) == min(probes, total - 1)
    assert 0 not in judge.asked, "the first step is always computed"
    for step in judge.asked:
        assert found[step] == pytest.approx(judge.by[step], rel=1e-4)
    if probes >= total - 1:
        assert judge.asked == list(range(1, total))


def test_features_that_stand_still_amplify_nothing() -> None:
    judge = Linear(torch.ones(5, 3, dtype=torch.float64), [1.0] * 5)
    assert amplification(judge, torch.ones(5, 5), ft.Reuse(), 9) == [1.0] * 5  # type: ignore[arg-type]
    assert judge.asked == []


@given(data=st.data(), total=st.integers(1, 60))
def test_all_even_schedules_have_the_number_of_steps_asked_for(data, total: int) -> None:
    count = data.draw(st.integers(1, total))
    found = even_schedules(total, count)
    assert all(len(set(one)) == count and one == sorted(one) for one in found)
    assert all(one[0] == 0 and one[-1] < total for one in found)
    assert found[0] == uniform(total, count)
