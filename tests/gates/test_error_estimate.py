"""The estimate, from inner products of differences, is the literal difference of two orders."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import ClockError, InvalidSetting
from foretrace.gate.differences import Differences, arrived, push
from foretrace.gate.error_estimate import estimate, missed
from foretrace.gate.refresh_repay import RefreshRepay
from foretrace.predictor.lagrange import newton_weights
from gates.common import gated
from tiny import FAMILIES, sample

times_of_a_run = st.lists(st.integers(1, 5), min_size=2, max_size=9).map(
    lambda gaps: [float(sum(gaps[: i + 1])) for i in range(len(gaps))]
)


def history(times, order, features) -> Differences:
    state = Differences()
    for time, feature in zip(times, features, strict=True):
        state = push(state, time, (feature,), order + 1)
    return arrived(state)


def forecast(times, features, t, order) -> torch.Tensor:
    """Literally, from all points, newest first."""
    times, features = times[::-1], features[::-1]
    weights = newton_weights(times[: order + 1], t, order)
    return sum(w * f for w, f in zip(weights, features, strict=False))


@settings(deadline=None)
@given(times_of_a_run, st.integers(0, 3), st.integers(1, 6), st.integers(0, 9))
def test_the_estimate_is_the_difference_of_two_orders(times, order, ahead, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = [torch.randn(2, 5, generator=generator) for _ in times]
    state = history(times, order, features)
    t = times[-1] + ahead
    p = min(order + 1, len(times) - 1)
    literal = forecast(times, features, t, p) - forecast(times, features, t, p - 1)
    assert estimate(state.times, t, order, state) == pytest.approx(float(literal.norm()), rel=1e-3)


@settings(deadline=None)
@given(times_of_a_run, st.integers(0, 3), st.integers(0, 9))
def test_what_the_newest_forecast_missed(times, order, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = [torch.randn(2, 5, generator=generator) for _ in times]
    n = min(order, len(times) - 2)
    literal = features[-1] - forecast(times[:-1], features[:-1], times[-1], n)
    found = missed(history(times, order, features).times, order, history(times, order, features))
    assert found == pytest.approx(float(literal.norm()), rel=1e-3)


@given(times_of_a_run.filter(lambda t: len(t) >= 5), st.integers(0, 2), st.integers(1, 6))
@settings(deadline=None)
def test_polynomials_of_the_order_have_no_error(times, order, ahead) -> None:
    """Exact up to ``order``; one degree beyond, the estimate is the true error of the forecast."""
    scaled = [t / 10 for t in times]
    t = scaled[-1] + ahead / 10
    for degree in (order, order + 1):
        features = [torch.tensor([[x**degree, 1.0]], dtype=torch.float64) for x in scaled]
        state = history(scaled, order, features)
        truth = torch.tensor([[t**degree, 1.0]], dtype=torch.float64)
        error = float((truth - forecast(scaled, features, t, order)).norm())
        assert estimate(state.times, t, order, state) == pytest.approx(error, rel=1e-2, abs=1e-4)


def test_one_point_says_nothing() -> None:
    state = history([0.0], 1, [torch.ones(1, 2)])
    assert estimate(state.times, 1.0, 1, state) is None
    assert missed(state.times, 1, state) is None


def test_more_tolerance_never_computes_more() -> None:
    for family in FAMILIES.values():
        model = family.model()
        counts = []
        for tolerance in (0.0, 0.001, 0.01, 0.1, 1.0, math.inf):
            with ft.accelerate(model, gated(ft.ErrorEstimate(tolerance)), steps=12) as run:
                sample(family, model, 12)
            counts.append(len(run.report.computed))
        assert counts == sorted(counts, reverse=True)
        assert counts[0] == 12
        assert counts[-1] == 1


def test_intervals_grow_by_no_more_than_the_limit() -> None:
    family = FAMILIES["dit"]
    model = family.model()
    gate = ft.ErrorEstimate(1e9, growth=2.0)
    with ft.accelerate(model, gated(gate), steps=40) as run:
        sample(family, model, 40)
    computed = run.report.computed
    assert computed == [0, 1, 3, 7, 15, 31]


def test_amplification_is_of_the_run() -> None:
    model = FAMILIES["dit"].model()
    with pytest.raises(InvalidSetting, match="amplification of 3 steps and got a run of 8"):
        ft.attach(model, gated(ft.ErrorEstimate(0.1, amplification=(1.0, 1.0, 1.0))), steps=8)
    with (
        ft.accelerate(model, gated(ft.ErrorEstimate(0.1))),
        pytest.raises(ClockError, match=r"unknown length.*Pass steps="),
    ):
        sample(FAMILIES["dit"], model, 8)


def test_amplified_steps_are_computed_sooner() -> None:
    family = FAMILIES["dit"]
    model = family.model()
    late = tuple([0.01] * 8 + [10.0] * 8)
    with ft.accelerate(model, gated(ft.ErrorEstimate(0.05, amplification=late)), steps=16) as run:
        sample(family, model, 16)
    computed = run.report.computed
    assert sum(i >= 8 for i in computed) > sum(i < 8 for i in computed)


@pytest.mark.parametrize("interval", [2, 3, 5, 7])
@pytest.mark.parametrize("theta", [0.0, 1e-3, 0.01, 0.1, math.inf])
def test_refresh_and_repay_keeps_the_number_of_computed_steps(interval, theta) -> None:
    family = FAMILIES["sd3"]
    model = family.model()
    with ft.accelerate(model, gated(RefreshRepay(interval, theta)), steps=20) as run:
        sample(family, model, 20)
    stride = ft.Stride(interval, "first").table(20)
    assert len(run.report.computed) == len(stride)
    if theta == math.inf:
        assert run.report.computed == stride
