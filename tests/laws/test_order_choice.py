"""TraCache's order choice: the fast rule against a slow one written as the paper defines it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import foretrace as ft
from foretrace.history import Step
from foretrace.predictor.adaptive import least_spread
from laws.test_predictors import forecast, grids


def lagrange(points: list[tuple[int, Tensor]], t: int) -> Tensor:
    """Equation 6, term by term, in float64."""
    total = torch.zeros_like(points[0][1])
    for own, value in points:
        weight = 1.0
        for other, _ in points:
            if other != own:
                weight *= (t - other) / (own - other)
        total = total + weight * value
    return total


def literal_orders(points: list[tuple[int, Tensor]], t: int, order: int, per_sample: bool) -> list[int]:
    """Equation 7: the order n of least std(phi_n - phi_{n-1}); ``points`` newest first."""
    spreads = []
    for n in range(1, min(order, len(points) - 1) + 1):
        increment = lagrange(points[: n + 1], t) - lagrange(points[:n], t)
        rows = increment.flatten(1) if per_sample else increment.reshape(1, -1)
        spreads.append(rows.std(dim=1))
    return (1 + torch.stack(spreads).argmin(dim=0)).tolist()


def trajectory(count: int, seed: int, roughness: float) -> list[Tensor]:
    """A smooth path with noise whose size differs between samples, so that their best orders do."""
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    scale = torch.tensor([0.0, 0.1, 1.0], dtype=torch.float64).reshape(3, 1, 1) * roughness
    return [
        a * torch.sin(0.2 * i + b) + scale * torch.randn(3, 4, 5, generator=generator, dtype=torch.float64)
        for i in range(count)
    ]


@pytest.mark.parametrize("over", ["sample", "batch"])
@given(
    data=st.data(),
    order=st.integers(1, 5),
    seed=st.integers(0, 999),
    roughness=st.sampled_from([0.0, 0.05, 1.0]),
)
def test_the_fast_rule_is_the_literal_rule(over, data, order: int, seed: int, roughness: float) -> None:
    indices, target = data.draw(grids(order + 2))
    values = [trajectory(indices[-1] + 1, seed, roughness)[i] for i in indices]
    predictor = ft.AdaptiveLagrange(order, over)
    state = predictor.init()
    for index, value in zip(indices, values, strict=True):
        state = predictor.commit(state, Step(index), (value,))
    points = list(zip(indices, values, strict=True))[::-1][: order + 1]
    expected = literal_orders(points, target, order, over == "sample")
    (chosen,) = predictor.orders(state, Step(target))
    assert list(chosen) == (expected if order > 1 else expected[:1] * len(chosen))

    forecast = predictor.predict(state, Step(target))[0]
    for row in range(3):
        n = expected[row if over == "sample" else 0]
        slow = lagrange(points[: n + 1], target)[row]
        torch.testing.assert_close(forecast[row], slow, rtol=1e-9, atol=1e-9)


def test_samples_decide_for_themselves() -> None:
    """A rough batch mate must not change a smooth sample's order."""
    values = [trajectory(20, 3, 1.0)[i] for i in (0, 4, 8, 12, 16)]
    alone, together = ft.AdaptiveLagrange(4), ft.AdaptiveLagrange(4)
    s1, s3 = alone.init(), together.init()
    for index, value in zip((0, 4, 8, 12, 16), values, strict=True):
        s1 = alone.commit(s1, Step(index), (value[:1],))
        s3 = together.commit(s3, Step(index), (value,))
    assert len(set(together.orders(s3, Step(18))[0])) > 1, "the case must have samples that differ"
    torch.testing.assert_close(
        together.predict(s3, Step(18))[0][:1], alone.predict(s1, Step(18))[0], rtol=1e-12, atol=1e-12
    )


def test_ties_take_the_lowest_order() -> None:
    predictor, state = ft.AdaptiveLagrange(3), ft.AdaptiveLagrange(3).init()
    for index in range(4):
        state = predictor.commit(state, Step(index), (torch.ones(1, 4),))
    assert predictor.orders(state, Step(5)) == ((1,),)


def test_streams_choose_their_own_order() -> None:
    line = [torch.full((1, 4), 1.0 * i) * torch.arange(4.0) for i in range(5)]
    rough = [torch.randn(1, 4, generator=torch.Generator().manual_seed(i)) for i in range(5)]
    predictor, state = ft.AdaptiveLagrange(3), ft.AdaptiveLagrange(3).init()
    for index in range(5):
        state = predictor.commit(state, Step(index), (line[index], rough[index]))
    smooth, noisy = predictor.orders(state, Step(6))
    assert smooth[0] > 1
    assert noisy == (1,)


def test_a_stream_without_a_batch_dimension_takes_one_order() -> None:
    """Rows are samples only where there are as many as the call has samples."""
    values = [trajectory(20, 3, 1.0)[i] for i in (0, 4, 8, 12, 16)]
    orders = {}
    for batch in (None, 3, 1):
        predictor, state = ft.AdaptiveLagrange(4), ft.AdaptiveLagrange(4).init()
        for index, value in zip((0, 4, 8, 12, 16), values, strict=True):
            state = predictor.commit(state, Step(index, batch=batch), (value,))
        orders[batch] = predictor.orders(state, Step(18))[0]
    assert len(orders[1]) == 1
    assert orders[3] == orders[None]
    assert len(orders[3]) == 3


@given(data=st.data(), seed=st.integers(0, 999), penalty=st.floats(0, 4))
def test_a_penalty_on_the_gain_never_raises_the_gain(data, seed: int, penalty: float) -> None:
    """The order that is least with the penalty has no more gain than the one that is least without."""
    indices, target = data.draw(grids(5))
    times = [float(i) for i in reversed(indices)]
    spreads = torch.rand(4, generator=torch.Generator().manual_seed(seed)).tolist()
    gains = [ft.Lagrange(least_spread(times, target, spreads, p)).gain(times, target) for p in (penalty, 0.0)]
    assert gains[0] <= gains[1] * (1 + 1e-12)


def test_an_overwhelming_penalty_leaves_the_line() -> None:
    values = trajectory(20, 0, 0.0)
    steady = ft.AdaptiveLagrange(4, penalty=100.0)
    got = forecast(steady, [0, 3, 6, 9, 12], 14, [values[i] for i in (0, 3, 6, 9, 12)])
    line = forecast(ft.Lagrange(1), [9, 12], 14, [values[9], values[12]])
    torch.testing.assert_close(got, line)
