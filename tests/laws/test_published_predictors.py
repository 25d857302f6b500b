"""Published predictors against their published formulas, literal recursions and other implementations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from diffusers.hooks.taylorseer_cache import TaylorSeerState
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.history import Step
from foretrace.predictor.taylor import hermite_values
from laws.test_predictors import forecast, grids

EVEN = [16.0, 12.0, 8.0, 4.0, 0.0]


@pytest.mark.parametrize(
    ("predictor", "weights", "gains"),
    [
        (ft.Taylor(1), (1.25, -0.25), (1.5, 2.5)),
        (ft.Taylor(2), (1.28125, -0.3125, 0.03125), (1.625, 3.625)),
        (ft.Hermite(2), (1.1172, -0.1094, -0.0078), (1.234, 1.97)),
        (ft.Lagrange(2), (1.40625, -0.5625, 0.15625), (2.125, 5.125)),
        (ft.Lagrange(4), (1.6187, -1.2949, 1.0791, -0.4980, 0.0952), (4.59, 18.96)),
        (ft.Chebyshev(4), (0.8119, 0.3298, -0.0774, -0.2254, 0.1148), (1.56, 1.96)),
    ],
    ids=lambda x: str(x)[:24],
)
def test_weights_and_gains_of_the_literature(predictor, weights, gains) -> None:
    """Computed at 0, 4, 8, 12, 16; the weights one step ahead, the gains one and three steps ahead."""
    times = EVEN[: predictor.points]
    assert predictor.weights(times, 17.0) == pytest.approx(weights, abs=6e-5)
    assert [predictor.gain(times, t) for t in (17.0, 19.0)] == pytest.approx(gains, abs=6e-3)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_taylor_equals_diffusers_taylorseer(order: int) -> None:
    indices = [0, 1, 2, 5, 8, 13, 14, 20]
    generator = torch.Generator().manual_seed(order)
    values = torch.randn(len(indices), 2, 3, generator=generator, dtype=torch.float64)
    theirs = TaylorSeerState(taylor_factors_dtype=torch.float64, max_order=order)
    ours, state = ft.Taylor(order), ft.Taylor(order).init()
    for index, value in zip(indices, values, strict=True):
        theirs.current_step = index
        theirs.update((value,))
        state = ours.commit(state, Step(index), (value,))
        theirs.current_step = index + 3
        torch.testing.assert_close(ours.predict(state, Step(index + 3))[0], theirs.predict()[0])


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("indices", [range(0, 24, 4), (0, 2, 3, 7, 12, 13, 20)], ids=["even", "uneven"])
def test_taylor_equals_cache_dits_calibrator(order: int, indices: Sequence[int]) -> None:
    """Both after the same release; theirs counts its own steps and takes no quotient at step 1."""
    from cache_dit.caching.cache_contexts.calibrators.taylorseer import TaylorSeerState as Theirs

    generator = torch.Generator().manual_seed(order)
    theirs, ours, state = Theirs(n_derivatives=order), ft.Taylor(order), ft.Taylor(order).init()
    for index in range(indices[-1] + 4):
        theirs.mark_step_begin()
        if index in indices:
            value = torch.randn(2, 3, generator=generator, dtype=torch.float64)
            theirs.update(value)
            state = ours.commit(state, Step(index), (value,))
        else:
            torch.testing.assert_close(ours.predict(state, Step(index))[0], theirs.approximate())


def test_hermite_polynomials() -> None:
    for x in (-1.3, 0.0, 0.7):
        series = [np.polynomial.hermite.Hermite.basis(n)(x) for n in range(6)]
        assert hermite_values(x, 5) == pytest.approx(series)


def test_hermite_at_half_sigma_is_a_straight_line_of_half_the_slope() -> None:
    half = ft.Damped(ft.Lagrange(1), 0.5)
    assert ft.Hermite(1, 0.5).weights([7.0, 2.0], 11.0) == pytest.approx(half.weights([7.0, 2.0], 11.0))


@pytest.mark.parametrize(("flex", "shortest", "mean"), [(0.75, 0.73, 0.906), (3.0, 0.65, 0.850)])
def test_spectrums_ridge_shrinks_constants_as_documented(flex: float, shortest: float, mean: float) -> None:
    table = ft.Growing(flex=flex).table(50)
    sums = []
    for t in sorted(set(range(50)) - set(table)):
        times = [float(i) for i in table if i < t][::-1]
        sums.append(sum(ft.ChebyshevSums(4).weights(times, t)))
        assert sum(ft.Centered(ft.Chebyshev(4)).weights(times, t)) == pytest.approx(1.0)
    assert min(sums) == pytest.approx(shortest, abs=0.005)
    assert max(sums) < 0.97
    assert float(np.mean(sums)) == pytest.approx(mean, abs=0.001)


def test_spectrums_released_schedules() -> None:
    assert ft.Growing(flex=0.75).table(50) == [0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 25, 31, 38, 46]
    assert ft.Growing(flex=3).table(50) == [0, 1, 2, 3, 4, 6, 11, 19, 30, 44]


@given(seed=st.integers(0, 99), ridge=st.sampled_from([0.01, 0.1, 1.0]))
def test_chebyshev_weights_are_the_ridge_fit(seed: int, ridge: float) -> None:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.choice(50, 8, replace=False))[::-1].astype(float)
    features, target = rng.normal(size=(8, 5)), 50.0 * rng.random()
    basis = np.polynomial.chebyshev.chebvander(2 * times / 50 - 1, 4)
    # ridge regression as least squares on stacked rows, a different route to the same fit
    stacked = np.vstack([basis, math.sqrt(ridge) * np.eye(5)])
    coefficients = np.linalg.lstsq(stacked, np.vstack([features, np.zeros((5, 5))]), rcond=None)[0]
    fitted = np.polynomial.chebyshev.chebvander(np.array([2 * target / 50 - 1]), 4)[0] @ coefficients
    weights = np.array(ft.Chebyshev(4, ridge).weights(list(times), target))
    assert weights @ features == pytest.approx(fitted, rel=1e-8, abs=1e-8)


@given(
    seed=st.integers(0, 99),
    count=st.integers(1, 12),
    share=st.sampled_from([0.0, 0.5, 1.0]),
    centered=st.booleans(),
)
def test_sums_give_the_fit_to_all_features(seed: int, count: int, share: float, centered: bool) -> None:
    """Without keeping them: the forecast is that of the table of weights, and so is the published table."""
    rng = np.random.default_rng(seed)
    indices, target = sorted(rng.choice(48, count, replace=False).tolist()), 50
    features = list(torch.randn(count, 2, 3, generator=torch.Generator().manual_seed(seed)).double())
    sums = ft.ChebyshevSums(4, 0.1, share=share, centered=centered)
    fit: ft.LinearPredictor = ft.Chebyshev(4, 0.1, keep=count)
    if centered:
        fit = ft.Centered(fit)  # pyright: ignore[reportAssignmentType]  (its linear form is one)
    table = ft.Blend(fit, ft.Lagrange(1), share)
    times = [float(i) for i in reversed(indices)]
    assert sums.weights(times, target) == pytest.approx(table.weights(times, target))  # pyright: ignore
    state = sums.init()
    for index, feature in zip(indices, features, strict=True):
        state = sums.commit(state, Step(index), (feature,))
    expected = sum(w * x for w, x in zip(sums.weights(times, target), reversed(features), strict=True))
    torch.testing.assert_close(sums.predict(state, Step(target))[0], expected)
    kept = 5 + (1 if share == 1.0 else min(2, count))
    assert sums.nbytes(state) == kept * features[0].nbytes


def test_sums_are_kept_in_single_precision() -> None:
    sums, features = ft.ChebyshevSums(2), torch.randn(6, 2, 3).bfloat16()
    state = sums.init(torch.float16)
    for index, feature in enumerate(features):
        state = sums.commit(state, Step(index), (feature,))
    assert {x.dtype for s in state.sums for x in s} == {torch.float32}
    weights = sums.weights(range(5, -1, -1), 7.0)
    exact = sum(w * x.double() for w, x in zip(weights, features.flip(0), strict=True))
    assert isinstance(exact, torch.Tensor)
    forecast = sums.predict(state, Step(7))[0]
    assert forecast.dtype == torch.bfloat16
    torch.testing.assert_close(forecast, exact.bfloat16())


def test_adams_bashforth_coefficients() -> None:
    """On even gaps and one gap ahead: Euler, 3/2 -1/2, 23/12 -16/12 5/12 on the slopes."""
    for steps, slopes in ((1, (1.0,)), (2, (3 / 2, -1 / 2)), (3, (23 / 12, -16 / 12, 5 / 12))):
        times = [-2.0 * i for i in range(steps + 1)]
        expected = [1.0] + [0.0] * steps
        for j, share in enumerate(slopes):
            expected[j] += share
            expected[j + 1] -= share
        assert ft.AdamsBashforth(steps).weights(times, 2.0) == pytest.approx(expected)


def random_features(count: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return list(torch.randn(count, 2, 3, generator=generator, dtype=torch.float64))


def literal_foca(indices: list[int], values: list[Tensor], target: int) -> Tensor:
    """Equations 6 to 8 with a rolling history of computed and forecast features, step by step."""
    computed = dict(zip(indices, values, strict=True))
    anchors: list[tuple[int, Tensor]] = []
    history: dict[int, Tensor] = {}
    slope: Tensor | None = None
    fresh = True  # the interval before was plain reuse: the local slope is the anchor slope
    for k in range(indices[0], target + 1):
        if k in computed:
            if anchors:
                old_index, old = anchors[-1]
                fresh = slope is None and k - old_index > 1
                slope = (computed[k] - old) / (k - old_index)
            anchors.append((k, computed[k]))
            history[k] = computed[k]
        elif slope is None:
            history[k] = anchors[-1][1]
        else:
            local = slope if fresh else history[k - 1] - history[k - 2]
            bdf2 = 4 / 3 * history[k - 1] - 1 / 3 * (history[k - 1] - local) + 2 / 3 * local
            end = (3 * bdf2 - 4 * history[k - 1] + (history[k - 1] - local)) / 2
            history[k] = history[k - 1] + 0.5 * (slope + end)
            fresh = False
    return history[target]


@given(data=st.data(), seed=st.integers(0, 99), count=st.integers(1, 6))
def test_foca_in_closed_form_is_the_literal_recursion(data: st.DataObject, seed: int, count: int) -> None:
    indices, target = data.draw(grids(count))
    values = random_features(count, seed)
    got = forecast(ft.FoCa(1.0), indices, target, values)
    torch.testing.assert_close(got, literal_foca(indices, values, target), rtol=1e-9, atol=1e-9)


def literal_foca_bdf2(indices: list[int], values: list[Tensor], target: int) -> Tensor:
    """Equations 6 to 8 with eq. 6 on the rolling history as slope; plain reuse is put onto the line."""
    computed = dict(zip(indices, values, strict=True))
    history: dict[int, Tensor] = {}
    slope: Tensor | None = None
    last = indices[0]
    for k in range(indices[0], target + 1):
        if k in computed:
            first = slope is None
            if k != last:
                slope = (computed[k] - computed[last]) / (k - last)
            history[k] = computed[k]
            if first and slope is not None:
                history[k - 1], history[k - 2] = computed[k] - slope, computed[k] - 2 * slope
            last = k
        elif slope is None:
            history[k] = computed[last]
        else:
            local = (3 * history[k - 1] - 4 * history[k - 2] + history[k - 3]) / 2
            bdf2 = 4 / 3 * history[k - 1] - 1 / 3 * history[k - 2] + 2 / 3 * local
            end = (3 * bdf2 - 4 * history[k - 1] + history[k - 2]) / 2
            history[k] = history[k - 1] + 0.5 * (slope + end)
    return history[target]


@given(data=st.data(), seed=st.integers(0, 99), count=st.integers(1, 5))
def test_foca_on_the_bdf2_slope_is_the_literal_recursion(data: st.DataObject, seed: int, count: int) -> None:
    indices, target = data.draw(grids(count))
    values = random_features(count, seed)
    got, expected = (
        forecast(ft.FoCaBDF2(), indices, target, values),
        literal_foca_bdf2(indices, values, target),
    )
    torch.testing.assert_close(got, expected, rtol=1e-8, atol=1e-8)


@given(data=st.data(), seed=st.integers(0, 99), count=st.integers(2, 6))
def test_undamped_identities(data: st.DataObject, seed: int, count: int) -> None:
    """FoCa without refresh, TraCache of order 1, Taylor of order 1 and Lagrange of order 1 are one line."""
    indices, target = data.draw(grids(count))
    values = random_features(count, seed)
    line = forecast(ft.Lagrange(1), indices, target, values)
    for same in (ft.FoCa(0.0), ft.Taylor(1), ft.AdaptiveLagrange(1), ft.AdamsBashforth(1)):
        torch.testing.assert_close(forecast(same, indices, target, values), line, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("interval", "factor"), [(4, 0.875), (5, 0.9375), (8, 0.9921875)])
def test_what_literal_foca_returns_of_an_error(interval: int, factor: float) -> None:
    """An error in the feature before a refresh comes back with the factor -(1 - 2^-(N-1)) in the next."""
    indices = [0, 1, 1 + interval, 1 + 2 * interval]
    base = [torch.zeros(1, 1, dtype=torch.float64) for _ in indices]
    bent = [x.clone() for x in base]
    bent[1] += 1.0  # kink: the step before the next refresh is forecast wrongly
    last, following = indices[2] - 1, indices[3] - 1
    error = forecast(ft.FoCa(1.0), indices[:2], last, bent[:2])
    after = forecast(ft.FoCa(1.0), indices[:3], following, bent[:3])
    slope = (bent[2] - bent[1]) / interval
    line = bent[2] + (interval - 1) * slope
    bend = bent[2] - error - slope
    assert float((after - line) / bend) == pytest.approx(factor)


@pytest.mark.parametrize("gain", [1.5, 3.0])
def test_a_clamped_gain_is_reached_where_it_must(gain: float) -> None:
    clamped = ft.ClampGain(ft.Lagrange(4), gain)
    assert clamped.gain(EVEN, 19.0) == pytest.approx(gain)
    assert ft.ClampGain(ft.Lagrange(1), 3.0).weights([4.0, 0.0], 5.0) == ft.Lagrange(1).weights(
        [4.0, 0.0], 5.0
    )


def test_convergence_order_on_a_linear_ode() -> None:
    """dF/dt = A F: the slope of log error against log interval is the degree plus one."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    start = torch.randn(6, 1, generator=generator, dtype=torch.float64)

    def flow(t: float) -> Tensor:
        return (torch.linalg.matrix_exp(matrix * t) @ start).reshape(1, 6)

    cases = [(ft.Lagrange(n), n + 1) for n in range(4)] + [(ft.Taylor(3), 2), (ft.AdamsBashforth(2), 2)]
    for predictor, order in cases:
        errors = []
        for scale in (0.01, 0.005, 0.0025):
            indices = list(itertools.accumulate([2, 3, 2, 3, 2], initial=0))[-predictor.points :]
            got = forecast(predictor, indices, indices[-1] + 2, [flow(scale * i) for i in indices])
            errors.append(float((got - flow(scale * (indices[-1] + 2))).norm()))
        slope = np.polyfit(np.log([4.0, 2.0, 1.0]), np.log(errors), 1)[0]
        assert abs(slope - order) < 0.5, predictor


@pytest.mark.parametrize(
    "make",
    [
        lambda: ft.Taylor(-1),
        lambda: ft.Hermite(2, 1.5),
        lambda: ft.AdamsBashforth(0),
        lambda: ft.Chebyshev(-1),
        lambda: ft.Chebyshev(ridge=0.0),
        lambda: ft.ChebyshevSums(ridge=0.0),
        lambda: ft.ChebyshevSums(share=1.5),
        lambda: ft.FoCa(1.5),
        lambda: ft.ByStep((ft.FoCa(),), (0,)),
        lambda: ft.Damped(3),
        lambda: ft.Damped(ft.Reuse(), -1.0),
        lambda: ft.Blend(ft.Reuse(), 2),
        lambda: ft.Blend(ft.Reuse(), ft.Reuse(), 2.0),
        lambda: ft.ClampGain(ft.Reuse(), 0.5),
        lambda: ft.Warped(ft.Reuse(), 0.0),
        lambda: ft.Growing(0),
        lambda: ft.Growing(window=0.5),
        lambda: ft.Centered("reuse"),
    ],
)
def test_bad_settings_are_refused(make) -> None:
    with pytest.raises(InvalidSetting, match=r"got .*; expected .*\. Pass"):
        make()
