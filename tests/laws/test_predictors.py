"""Predictors: laws over uneven grids, in float64 where rounding would hide them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting, NonFinite
from foretrace.history import Step
from foretrace.predictor.lagrange import divided_difference, newton_weights

INTERPOLATING = [ft.Reuse(), *(ft.Lagrange(n) for n in range(6))]
LINEAR = [
    *INTERPOLATING,
    *(ft.Taylor(n) for n in range(5)),
    *(ft.Hermite(n, sigma) for n in (1, 2, 3) for sigma in (0.3, 0.5)),
    *(ft.AdamsBashforth(n) for n in (1, 2, 3)),
    *(ft.AdamsMoulton(n) for n in (1, 2, 3)),
    ft.FlatBackward(),
    ft.MeanSlope(),
    ft.Centered(ft.Chebyshev(4, keep=5)),
    ft.ChebyshevSums(2, share=0.7, centered=True),
    ft.Damped(ft.Lagrange(2), 0.5),
    ft.Damped(ft.Taylor(2), 0.9, rate=0.8),
    ft.Damped(ft.Lagrange(2), 1.0),
    ft.Blend(ft.Lagrange(1), ft.Taylor(3), 0.3),
    ft.Blend(ft.Lagrange(3), ft.Reuse(), 1.0),
    ft.ClampGain(ft.Lagrange(3), 3.0),
    ft.Warped(ft.Lagrange(2)),
    ft.ByStep((ft.Lagrange(1), ft.Lagrange(3)), (0, 1, 1, 0)),
    ft.ScaledLagrange(((1.0, 1.0), (0.5, -2.0), (3.0, 0.0))),
]
BIASED = [
    ft.Chebyshev(4, keep=5),
    ft.Blend(ft.Chebyshev(2, keep=4), ft.Lagrange(1), 0.5),
    ft.ChebyshevSums(2),
]
ROLLING = [
    *(ft.FoCa(lam) for lam in (0.0, 0.5, 1.0)),
    ft.FoCaBDF2(),
    *(ft.Corrected(ft.AdamsBashforth(2), threshold) for threshold in (0.0, 0.1)),
]
PAIRS = [
    ft.Bands(ft.Reuse(), ft.Lagrange(2)),
    ft.Bands(ft.Lagrange(1), ft.Lagrange(2), 0.3),
    ft.Trust(ft.Lagrange(2), ft.Lagrange(1)),
    ft.Channels((ft.Lagrange(1), ft.Lagrange(2)), (0, 1, 1, 0)),
    ft.Damped(ft.FoCa(), 0.5),
    ft.Blend(ft.FoCa(), ft.AdaptiveLagrange(2), 0.3),
    ft.Centered(ft.FoCa()),
    ft.ClampGain(ft.AdaptiveLagrange(2), 1.1),  # so tight that it always acts
    ft.Channels((ft.FoCa(), ft.Lagrange(2)), (0, 1, 1, 0)),
]
ADAPTIVE = [
    *(ft.AdaptiveLagrange(n) for n in (1, 2, 4)),
    ft.SoftLagrange(),
    ft.SoftLagrange(3, caution=1.0),
    ft.DynamicModes(2),
    ft.DynamicModes(4),
]
PREDICTORS = [*LINEAR, *ROLLING, *PAIRS, *ADAPTIVE]


@st.composite
def grids(draw: st.DrawFn, points: int) -> tuple[list[int], int]:
    """Uneven computed step indices, ascending, and a later index to forecast."""
    gaps = draw(st.lists(st.integers(1, 6), min_size=points, max_size=points))
    indices = list(itertools.accumulate(gaps, initial=draw(st.integers(0, 5))))[:points]
    return indices, indices[-1] + draw(st.integers(1, 6))


def forecast(predictor: ft.Predictor, indices: list[int], target: int, values: list[torch.Tensor]):
    """The prediction at ``target`` after committing ``values`` at ``indices``."""
    state = predictor.init()
    for index, value in zip(indices, values, strict=True):
        state = predictor.commit(state, Step(index), (value,))
    return predictor.predict(state, Step(target))[0]


def polynomial(degree: int, seed: int) -> np.polynomial.Polynomial:
    coefficients = np.random.default_rng(seed).normal(size=degree + 1)
    coefficients[-1] = 1.0
    return np.polynomial.Polynomial(coefficients)


def at(poly: np.polynomial.Polynomial, index: int) -> torch.Tensor:
    # two samples of four elements, each a multiple of the polynomial: one degree, several scales
    return torch.full((2, 4), float(poly(index)), dtype=torch.float64) * torch.arange(1.0, 5.0)


@pytest.mark.parametrize("predictor", PREDICTORS, ids=str)
@given(data=st.data(), seed=st.integers(0, 99))
def test_exact_to_the_degree_claimed(predictor: ft.Predictor, data: st.DataObject, seed: int) -> None:
    indices, target = data.draw(grids(predictor.points + 2))
    poly = polynomial(predictor.exact, seed)
    got = forecast(predictor, indices, target, [at(poly, i) for i in indices])
    scale = max(abs(float(poly(i))) for i in [*indices, target])
    torch.testing.assert_close(got, at(poly, target), rtol=1e-7, atol=1e-7 * scale)


@pytest.mark.parametrize("predictor", INTERPOLATING, ids=str)
@given(data=st.data(), seed=st.integers(0, 99))
def test_the_error_beyond_the_degree_is_the_node_polynomial(
    predictor: ft.Predictor, data: st.DataObject, seed: int
) -> None:
    indices, target = data.draw(grids(predictor.points + 1))
    poly = polynomial(predictor.exact + 1, seed)
    got = forecast(predictor, indices, target, [at(poly, i) for i in indices])
    # the error of degree-n interpolation on a monic polynomial of degree n+1 is the node polynomial
    node = np.prod([float(target - i) for i in indices[-predictor.points :]])
    torch.testing.assert_close(at(poly, target) - got, node * torch.arange(1.0, 5.0).double().expand(2, 4))


@pytest.mark.parametrize("predictor", LINEAR, ids=str)
@given(data=st.data())
def test_weights_are_a_partition_of_unity(predictor: ft.LinearPredictor, data: st.DataObject) -> None:
    indices, target = data.draw(grids(predictor.points))
    weights = predictor.weights([float(i) for i in reversed(indices)], target)
    assert sum(weights) == pytest.approx(1.0, abs=1e-9 * max(1.0, predictor.gain(indices[::-1], target)))


@given(data=st.data(), scale=st.floats(0.01, 100), shift=st.floats(-1000, 1000), order=st.integers(0, 4))
def test_weights_do_not_change_under_affine_maps_of_time(
    data: st.DataObject, scale: float, shift: float, order: int
) -> None:
    indices, target = data.draw(grids(order + 1))
    times = [float(i) for i in reversed(indices)]
    plain = ft.Lagrange(order).weights(times, target)
    mapped = ft.Lagrange(order).weights([scale * t + shift for t in times], scale * target + shift)
    assert mapped == pytest.approx(plain, rel=1e-6, abs=1e-6)


@given(data=st.data(), order=st.integers(0, 5))
def test_newton_weights_are_lagrange_weights(data: st.DataObject, order: int) -> None:
    indices, target = data.draw(grids(order + 1))
    times = [float(i) for i in reversed(indices)]
    lagrange = [np.prod([(target - q) / (own - q) for q in times if q != own] or [1.0]) for own in times]
    assert newton_weights(times, target, order) == pytest.approx(lagrange, rel=1e-9, abs=1e-9)


@given(data=st.data(), order=st.integers(0, 4))
def test_interpolation_at_the_nodes(data: st.DataObject, order: int) -> None:
    indices, _ = data.draw(grids(order + 1))
    times = [float(i) for i in reversed(indices)]
    for j, node in enumerate(times):
        expected = [float(i == j) for i in range(len(times))]
        assert ft.Lagrange(order).weights(times, node) == pytest.approx(expected, abs=1e-9)


@given(data=st.data(), order=st.integers(1, 5))
def test_divided_differences_kill_lower_degrees_and_give_the_leading_coefficient(
    data: st.DataObject, order: int
) -> None:
    indices, _ = data.draw(grids(order + 1))
    times = np.array(indices[::-1], dtype=float)
    coefficients = np.array(divided_difference(list(times)))
    size = np.abs(coefficients).sum() * np.abs(times).max() ** order
    for degree in range(order):
        assert coefficients @ times**degree == pytest.approx(0.0, abs=1e-9 * max(size, 1.0))
    assert coefficients @ times**order == pytest.approx(1.0, abs=1e-9 * max(size, 1.0))


@pytest.mark.parametrize(
    ("horizon", "weights"),
    [
        (1 / 3, [(4 / 3, -1 / 3), (14 / 9, -7 / 9, 2 / 9), (140 / 81, -35 / 27, 20 / 27, -14 / 81)]),
        (1 / 2, [(3 / 2, -1 / 2), (15 / 8, -5 / 4, 3 / 8), (35 / 16, -35 / 16, 21 / 16, -5 / 16)]),
        (4 / 5, [(9 / 5, -4 / 5), (63 / 25, -56 / 25, 18 / 25)]),
    ],
)
def test_published_weights_on_even_gaps(horizon: float, weights: list[tuple[float, ...]]) -> None:
    for order, expected in enumerate(weights, start=1):
        times = [-float(i) for i in range(order + 1)]
        assert ft.Lagrange(order).weights(times, horizon) == pytest.approx(expected)


def test_published_weights_on_the_uneven_start_of_dit() -> None:
    # steps 49, 48, 44, 40 counted down; as indices 0, 1, 5, 9
    weights = ft.Lagrange(3).weights([9.0, 5.0, 1.0, 0.0], 10.0)
    assert weights == pytest.approx((25 / 16, -9 / 8, 25 / 16, -1.0))
    weights = ft.Lagrange(3).weights([9.0, 5.0, 1.0, 0.0], 12.0)
    assert weights == pytest.approx((77 / 24, -99 / 20, 63 / 8, -77 / 15))


@given(data=st.data(), order=st.integers(0, 4), a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_forecasts_are_linear_in_the_features(data: st.DataObject, order: int, a: float, b: float) -> None:
    indices, target = data.draw(grids(order + 1))
    generator = torch.Generator().manual_seed(order)
    x, y = torch.randn(2, order + 1, 2, 3, generator=generator, dtype=torch.float64)
    mixed = forecast(ft.Lagrange(order), indices, target, list(a * x + b * y))
    parts = [forecast(ft.Lagrange(order), indices, target, list(v)) for v in (x, y)]
    torch.testing.assert_close(mixed, a * parts[0] + b * parts[1], rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("predictor", [*LINEAR, *BIASED], ids=str)
@given(data=st.data(), seed=st.integers(0, 99))
def test_storage_rounding_is_bounded_by_the_gain(
    predictor: ft.LinearPredictor, dtype: torch.dtype, data: st.DataObject, seed: int
) -> None:
    indices, target = data.draw(grids(predictor.points))
    values = list(torch.randn(predictor.points, 2, 16, generator=torch.Generator().manual_seed(seed)))
    state = predictor.init(dtype)
    for index, value in zip(indices, values, strict=True):
        state = predictor.commit(state, Step(index), (value,))
    stored = predictor.predict(state, Step(target))[0]
    assert stored.dtype == torch.float32
    exact = forecast(predictor, indices, target, [v.double() for v in values])
    gain = predictor.gain([float(i) for i in reversed(indices)], target)
    largest = max(float(v.abs().max()) for v in values)
    assert float((stored - exact).abs().max()) <= gain * largest * torch.finfo(dtype).eps


@given(data=st.data(), order=st.integers(1, 4), count=st.integers(1, 3))
def test_too_few_points_use_those_there_are(data: st.DataObject, order: int, count: int) -> None:
    assume(count <= order)
    indices, target = data.draw(grids(count))
    values = list(torch.randn(count, 2, 3, dtype=torch.float64))
    for predictor in (ft.Lagrange(order), ft.AdaptiveLagrange(order)):
        got = forecast(predictor, indices, target, values)
        if count <= 2:  # with two points the adaptive rule has one candidate
            torch.testing.assert_close(got, forecast(ft.Lagrange(count - 1), indices, target, values))


def test_the_kept_points_are_bounded_and_their_storage_is_reused() -> None:
    predictor, generator = ft.Lagrange(2), torch.Generator().manual_seed(0)
    state, addresses = predictor.init(), set()
    for index in range(9):
        feature = (torch.randn(2, 5, generator=generator), torch.randn(2, 3, generator=generator))
        state = predictor.commit(state, Step(index), feature)
        addresses.update(x.data_ptr() for f in state.features for x in f)
        assert state.nbytes == min(index + 1, 3) * (2 * 5 + 2 * 3) * 4
        assert torch.equal(state.features[0][0], feature[0])
        assert state.features[0][0].data_ptr() != feature[0].data_ptr()
    assert len(addresses) == 6


def test_a_forecast_never_shares_memory_with_a_point() -> None:
    state = ft.Reuse().commit(ft.Reuse().init(), Step(0), (torch.ones(2, 2),))
    forecast_ = ft.Reuse().predict(state, Step(1))[0]
    forecast_.zero_()
    assert torch.equal(ft.Reuse().predict(state, Step(1))[0], torch.ones(2, 2))


@pytest.mark.parametrize(
    "make",
    [lambda: ft.Lagrange(-1), lambda: ft.Lagrange(1.5), lambda: ft.AdaptiveLagrange(0),
     lambda: ft.AdaptiveLagrange(2, over="token")],
)  # fmt: skip
def test_bad_orders_are_refused(make) -> None:
    with pytest.raises(InvalidSetting, match=r"got .*; expected .*\. Pass"):
        make()


def test_weights_that_are_not_finite_are_refused() -> None:
    class Wild(ft.Lagrange):
        def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
            return (math.inf, -math.inf)

    state = Wild(1).init()
    for index in (0, 3):
        state = Wild(1).commit(state, Step(index), (torch.ones(2),))
    with pytest.raises(NonFinite, match=r"weights \(inf, -inf\) at 5 for points at \(3.0, 0.0\)"):
        Wild(1).predict(state, Step(5))
