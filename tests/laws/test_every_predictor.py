"""Laws that hold for every predictor, on uneven grids: the claims beyond exactness, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import ClockError, NonFinite
from foretrace.history import Step
from laws.test_predictors import (
    ADAPTIVE,
    BIASED,
    LINEAR,
    PAIRS,
    PREDICTORS,
    ROLLING,
    at,
    forecast,
    grids,
)

TABLES = [*LINEAR, *BIASED]
FREE = [p for p in PREDICTORS if not p.counts_steps]
"""Predictors without a constant that is measured in steps."""
THROUGH_NEWEST = [
    p
    for p in LINEAR
    if not (isinstance(p, ft.Hermite) and p.order > 1)  # H_2(0) is not zero, as documented
    and not isinstance(p, (ft.Centered, ft.ChebyshevSums))  # a ridge fit passes by its points
]
SUPERPOSING = [*TABLES, *(p for p in ROLLING if not isinstance(p, ft.Corrected)), *PAIRS[:2], PAIRS[3]]
"""All but those that decide by the features: an order, a rate, a correction, a trust."""


def in_coordinate(predictor: ft.Predictor, times: list[float], t: float, values: list[torch.Tensor]):
    """The prediction at the coordinate ``t`` after committing ``values`` at the coordinates ``times``."""
    state = predictor.init()
    for index, (time, value) in enumerate(zip(times, values, strict=True)):
        state = predictor.commit(state, Step(index, coordinate=time), (value,))
    return predictor.predict(state, Step(len(times), coordinate=t))[0]


def noise(count: int, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return list(torch.randn(count, 2, 4, generator=generator, dtype=torch.float64))


@pytest.mark.parametrize("predictor", FREE, ids=str)
@given(
    data=st.data(),
    seed=st.integers(0, 99),
    scale=st.sampled_from([-20.0, -1.0, 0.02, 3.0]),
    shift=st.floats(-1000, 1000),
)
def test_what_counts_no_steps_does_not_depend_on_the_unit_of_time(
    predictor: ft.Predictor, data: st.DataObject, seed: int, scale: float, shift: float
) -> None:
    """A falling timestep or a sigma in place of the step index: the same forecast, if the map is affine."""
    indices, target = data.draw(grids(predictor.points + 1))
    values = noise(len(indices), seed)
    own = in_coordinate(predictor, [float(i) for i in indices], target, values)
    mapped = in_coordinate(predictor, [scale * i + shift for i in indices], scale * target + shift, values)
    torch.testing.assert_close(mapped, own, rtol=1e-5, atol=1e-5 * float(own.abs().max()))


@pytest.mark.parametrize("predictor", [p for p in PREDICTORS if p.counts_steps], ids=str)
def test_what_counts_steps_is_refused_elsewhere(predictor: ft.Predictor) -> None:
    with pytest.raises(ft.ForetraceError, match="measures in steps"):
        ft.Method(ft.Stride(3), predictor, time="sigma")


@pytest.mark.parametrize("predictor", SUPERPOSING, ids=str)
@given(data=st.data(), seed=st.integers(0, 99), a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_forecasts_superpose(
    predictor: ft.Predictor, data: st.DataObject, seed: int, a: float, b: float
) -> None:
    indices, target = data.draw(grids(predictor.points + 1))
    x, y = noise(len(indices), seed), noise(len(indices), seed + 100)
    mixed = forecast(predictor, indices, target, [a * u + b * v for u, v in zip(x, y, strict=True)])
    parts = a * forecast(predictor, indices, target, x) + b * forecast(predictor, indices, target, y)
    torch.testing.assert_close(mixed, parts, rtol=1e-8, atol=1e-8 * max(1.0, float(parts.abs().max())))


@pytest.mark.parametrize("predictor", THROUGH_NEWEST, ids=str)
@given(data=st.data())
def test_forecasts_pass_through_the_newest_point(predictor: ft.LinearPredictor, data: st.DataObject) -> None:
    indices, _ = data.draw(grids(predictor.points))
    times = [float(i) for i in reversed(indices)]
    weights = predictor.weights(times, times[0])
    assert weights == pytest.approx([1.0] + [0.0] * (len(times) - 1), abs=1e-9)


@pytest.mark.parametrize("predictor", [*PREDICTORS, *BIASED], ids=str)
def test_no_predictor_is_more_exact_than_claimed_on_uneven_grids(predictor: ft.Predictor) -> None:
    """Of a monic polynomial of one degree more, at most one grid in ten is met, by chance of the weights."""
    # An adaptive order may rise to its own, and on a polynomial it does
    degree = (predictor.order if isinstance(predictor, ft.AdaptiveLagrange) else predictor.exact) + 1
    curve = np.polynomial.Polynomial([0.0] * degree + [1.0])
    rng, missed = np.random.default_rng(0), 0
    for _ in range(20):
        indices = [0, 1, 2, *(2 + np.cumsum(rng.integers(1, 7, size=predictor.points + 3))).tolist()]
        target = indices[-1] + int(rng.integers(1, 7))
        got = forecast(predictor, indices, target, [at(curve, i) for i in indices])
        missed += float((got - at(curve, target)).abs().max()) > 1e-6 * max(1.0, target**degree)
    assert missed >= 18


@pytest.mark.parametrize("predictor", [*LINEAR, *ROLLING, *PAIRS, *ADAPTIVE], ids=str)
def test_convergence_on_a_linear_ode_is_of_the_claimed_order(predictor: ft.Predictor) -> None:
    """dF/dt = A F: the log error falls with the log interval at degree + 1, or faster where orders adapt."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(8, 8, generator=generator, dtype=torch.float64) / 2
    start = torch.randn(8, 2, generator=generator, dtype=torch.float64)
    indices = [0, 2, 5, 7, 10, 12, 15, 17][-predictor.points - 2 :]
    target, errors = indices[-1] + 2, []
    # Where the claim is low, so near that the leading term stands alone; where it is high, above rounding
    scales = (0.02, 0.01, 0.005) if predictor.exact > 1 or predictor in ADAPTIVE else (4e-4, 2e-4, 1e-4)

    def flow(t: float) -> torch.Tensor:
        return (torch.linalg.matrix_exp(matrix * t) @ start).T.reshape(4, 4)

    for scale in scales:
        got = forecast(predictor, indices, target, [flow(scale * i) for i in indices])
        errors.append(float((got - flow(scale * target)).norm()))
    slope = np.polyfit(np.log(scales), np.log(errors), 1)[0]
    claim = predictor.exact + 1
    assert slope > claim - 0.5
    if predictor not in ADAPTIVE:
        assert slope < claim + 0.5


@pytest.mark.parametrize("predictor", [p for p in PREDICTORS if p.points > 1], ids=str)
def test_two_points_at_one_time_are_refused(predictor: ft.Predictor) -> None:
    state = predictor.commit(predictor.init(), Step(3), (torch.ones(2, 4),))
    with pytest.raises(ClockError, match=r"two computed steps have the same .*; expected"):
        predictor.commit(state, Step(3), (torch.ones(2, 4),))


@pytest.mark.parametrize(
    "predictor", [ft.Lagrange(2), ft.Taylor(2), ft.Hermite(2), ft.AdamsBashforth(2), ft.AdamsMoulton(2),
                  ft.FlatBackward(), ft.MeanSlope(), ft.Damped(ft.Lagrange(1)), ft.Warped(ft.Lagrange(1))],
    ids=str,
)  # fmt: skip
def test_weights_at_equal_times_are_refused(predictor: ft.LinearPredictor) -> None:
    with pytest.raises(ClockError, match=r"times got .*equal; expected distinct"):
        predictor.weights([4.0, 4.0, 1.0][: predictor.points], 6.0)


class Wild(ft.Lagrange):
    """A table of weights that are none."""

    def weights(self, times, t: float) -> tuple[float, ...]:
        return (float("nan"),) * len(times)


@pytest.mark.parametrize(
    "predictor",
    [Wild(1), ft.Damped(Wild(1)), ft.Bands(ft.Reuse(), Wild(1)), ft.Trust(Wild(1), ft.Reuse()),
     ft.Channels((ft.Reuse(), Wild(1)), (0, 1, 1, 0)), ft.Blend(Wild(1), ft.FoCa()), ft.Corrected(Wild(1))],
    ids=lambda p: type(p).__name__,
)  # fmt: skip
def test_weights_that_are_not_finite_are_refused_by_whoever_uses_them(predictor: ft.Predictor) -> None:
    with pytest.raises(NonFinite, match=r"gives the weights .* at 5 for points at .*; expected"):
        forecast(predictor, [0, 3], 5, [torch.ones(2, 4)] * 2)
