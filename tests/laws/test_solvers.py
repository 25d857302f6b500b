"""The pool of ODE solvers: what each is on even gaps, and which textbook forms coincide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from laws.test_predictors import grids

EVEN = [8.0, 4.0, 0.0]


@pytest.mark.parametrize(
    ("predictor", "weights"),
    [
        (ft.Lagrange(1), (2, -1, 0)),
        (ft.FlatBackward(), (4 / 3, -1 / 3, 0)),
        (ft.MeanSlope(), (3 / 2, 0, -1 / 2)),
        (ft.AdamsBashforth(2), (5 / 2, -2, 1 / 2)),
        # F* = AB2, then F_1 + 5/12 (F* - F_1) + 2/3 (F_1 - F_2) - 1/12 (F_2 - F_3)
        (ft.AdamsMoulton(2), (7 / 12 + 2 / 3 + 25 / 24, -2 / 3 - 1 / 12 - 5 / 6, 1 / 12 + 5 / 24)),
    ],
    ids=str,
)
def test_the_published_pool_one_gap_ahead(predictor: ft.LinearPredictor, weights) -> None:
    got = predictor.weights(EVEN[: predictor.points], 12.0)
    assert (*got, *(0.0,) * (3 - len(got))) == pytest.approx(weights)


@pytest.mark.parametrize(
    ("predictor", "share"),
    [
        (ft.MeanSlope(), 1 / 2),
        (ft.Lagrange(1), 1),
        (ft.AdamsMoulton(2), 31 / 24),
        (ft.AdamsBashforth(2), 3 / 2),
        (ft.Lagrange(2), 2),
    ],
    ids=str,
)
def test_two_slope_solvers_differ_in_one_number(predictor: ft.LinearPredictor, share: float) -> None:
    """One gap ahead on even gaps: ``F_1 + h (a g_1 + (1 - a) g_2)``."""
    got = predictor.weights(EVEN[: predictor.points], 12.0)
    expected = (1 + share, 1 - 2 * share, share - 1)
    assert (*got, *(0.0,) * (3 - len(got))) == pytest.approx(expected)


@given(data=st.data())
def test_bdf2_with_the_newest_slope_is_the_line(data: st.DataObject) -> None:
    """Variable-step BDF2, ``(1 + 2r) F = (1 + r)^2 F_1 - r^2 F_2 + (1 + r) k g_1``, on uneven gaps."""
    indices, target = data.draw(grids(2))
    times = [float(i) for i in reversed(indices)]
    k, h = target - times[0], times[0] - times[1]
    r = k / h
    bdf2 = [((1 + r) ** 2 + (1 + r) * k / h) / (1 + 2 * r), (-(r**2) - (1 + r) * k / h) / (1 + 2 * r)]
    assert bdf2 == pytest.approx(ft.Lagrange(1).weights(times, target))


@given(data=st.data())
def test_bdf2_without_a_slope_is_the_flat_one(data: st.DataObject) -> None:
    indices, target = data.draw(grids(2))
    times = [float(i) for i in reversed(indices)]
    weights = ft.FlatBackward().weights(times, target)
    # the parabola through the two points and the forecast has no slope at the forecast
    for values in ((1.0, 0.0), (0.3, -0.9)):
        forecast = float(np.dot(weights, values))
        curve = np.polynomial.Polynomial.fit([*times, target], [*values, forecast], 2)
        assert float(curve.deriv()(target)) == pytest.approx(0.0, abs=1e-8)


@given(data=st.data())
def test_heun_with_an_extrapolated_slope_is_adams_bashforth(data: st.DataObject) -> None:
    """``F_1 + k/2 (g_1 + (g_1 + r (g_1 - g_2)))``, ``r`` the horizon over the newest gap, on uneven gaps."""
    indices, target = data.draw(grids(3))
    times = [float(i) for i in reversed(indices)]
    k, r = target - times[0], (target - times[0]) / (times[0] - times[1])
    slopes = np.array(
        [
            [1 / (times[0] - times[1]), -1 / (times[0] - times[1]), 0],
            [0, 1 / (times[1] - times[2]), -1 / (times[1] - times[2])],
        ]
    )
    heun = np.array([1.0, 0, 0]) + k / 2 * ((2 + r) * slopes[0] - r * slopes[1])
    assert ft.AdamsBashforth(2).weights(times, target) == pytest.approx(tuple(heun))


@pytest.mark.parametrize(
    "predictor", [ft.AdamsMoulton(1), ft.AdamsMoulton(3), ft.MeanSlope(), ft.FlatBackward()], ids=str
)
@given(data=st.data(), scale=st.floats(0.01, 100), shift=st.floats(-1000, 1000))
def test_weights_do_not_change_under_affine_maps_of_time(predictor, data, scale: float, shift: float) -> None:
    indices, target = data.draw(grids(predictor.points))
    times = [float(i) for i in reversed(indices)]
    mapped = predictor.weights([scale * t + shift for t in times], scale * target + shift)
    assert mapped == pytest.approx(predictor.weights(times, target), rel=1e-6, abs=1e-6)
    back = predictor.weights([-t for t in times], -target)  # times may fall
    assert back == pytest.approx(predictor.weights(times, target), rel=1e-9, abs=1e-9)


@given(data=st.data())
def test_few_points_use_those_there_are(data: st.DataObject) -> None:
    indices, target = data.draw(grids(2))
    times = [float(i) for i in reversed(indices)]
    line = pytest.approx(ft.Lagrange(1).weights(times, target))
    for predictor in (ft.AdamsMoulton(1), ft.AdamsMoulton(2), ft.MeanSlope()):
        assert predictor.weights(times, target) == line
        assert predictor.weights(times[:1], target) == (1.0,)
    assert ft.FlatBackward().weights(times[:1], target) == (1.0,)
    assert ft.AdamsMoulton(2).weights(times, times[0]) == (1.0, 0.0)


def test_bad_steps_are_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"got .*; expected .*\. Pass"):
        ft.AdamsMoulton(0)
