"""Predictors of parts of a feature, and two predictors that check each other."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.combinator.bands import low_band
from foretrace.errors import InvalidSetting
from laws.test_predictors import forecast, grids


def features(count: int, shape: tuple[int, ...], seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return list(torch.randn(count, *shape, generator=generator, dtype=torch.float64))


shapes = st.sampled_from([(2, 16, 3), (2, 15, 3), (2, 4, 8, 8), (2, 3, 7, 6), (2, 5), (3,)])


@given(shape=shapes, seed=st.integers(0, 99), share=st.floats(0, 1))
def test_the_low_band_is_a_projection(shape: tuple[int, ...], seed: int, share: float) -> None:
    (x,) = features(1, shape, seed)
    low = low_band(x, share)
    torch.testing.assert_close(low_band(low, share), low, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(low_band(x, 1.0), x, rtol=1e-9, atol=1e-9)
    if len(shape) > 2:
        axes = (-2,) if len(shape) == 3 else (-2, -1)
        mean = x.mean(dim=axes, keepdim=True).expand_as(x)
        torch.testing.assert_close(low_band(x, 0.0), mean, rtol=1e-9, atol=1e-9)


@given(data=st.data(), shape=shapes, seed=st.integers(0, 99), share=st.floats(0, 1))
def test_bands_of_one_predictor_are_that_predictor(data, shape, seed: int, share: float) -> None:
    indices, target = data.draw(grids(3))
    values = features(3, shape, seed)
    same = ft.Bands(ft.Lagrange(2), ft.Lagrange(2), share)
    expected = forecast(ft.Lagrange(2), indices, target, values)
    torch.testing.assert_close(forecast(same, indices, target, values), expected, rtol=1e-8, atol=1e-8)


@given(data=st.data(), seed=st.integers(0, 99), share=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_each_band_is_forecast_by_its_own(data: st.DataObject, seed: int, share: float) -> None:
    indices, target = data.draw(grids(3))
    values = features(3, (2, 16, 3), seed)
    got = forecast(ft.Bands(ft.Reuse(), ft.Lagrange(2), share), indices, target, values)
    low, high = (forecast(p, indices, target, values) for p in (ft.Reuse(), ft.Lagrange(2)))
    torch.testing.assert_close(low_band(got, share), low_band(low, share), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(got - low_band(got, share), high - low_band(high, share), rtol=1e-8, atol=1e-8)


@given(data=st.data(), seed=st.integers(0, 99), shape=shapes)
def test_agreement_trusts_up_to_the_horizons_decay(data: st.DataObject, seed: int, shape) -> None:
    indices, target = data.draw(grids(2))
    values = features(2, shape, seed)
    trust = ft.Trust(ft.Lagrange(1), ft.Lagrange(1), tolerance=0.25, decay=0.3)
    horizon = target - indices[-1]
    share = math.exp(-0.3 * (horizon - 1)) / (1 + math.exp(-4 * 0.25))
    damped = ft.Damped(ft.Lagrange(1), share)
    expected = forecast(damped, indices, target, values)
    torch.testing.assert_close(forecast(trust, indices, target, values), expected, rtol=1e-9, atol=1e-9)


def test_disagreement_draws_each_sample_to_its_newest_point() -> None:
    """The first sample is a line, on which both agree; the second jumps, and they do not."""
    line = [torch.full((1, 4), 1.0 + i) for i in range(3)]
    jump = [torch.full((1, 4), v) for v in (1.0, 9.0, 1.0)]
    values = [torch.cat([a, b]) for a, b in zip(line, jump, strict=True)]
    trust = ft.Trust(ft.Lagrange(2), ft.Lagrange(1), tolerance=0.25, decay=0.0)
    got = forecast(trust, [0, 1, 2], 3, values)
    parabola = forecast(ft.Lagrange(2), [0, 1, 2], 3, values)
    moved = (got - values[-1])[:, 0] / (parabola - values[-1])[:, 0]
    assert float(moved[0]) == pytest.approx(1 / (1 + math.exp(-1.0)), abs=1e-6)
    assert 0 < float(moved[1]) < 0.5 * float(moved[0])


@pytest.mark.parametrize(
    "make",
    [
        lambda: ft.Bands(3, ft.Reuse()),
        lambda: ft.Bands(ft.Reuse(), ft.Reuse(), 1.5),
        lambda: ft.Trust(ft.Reuse(), None),
        lambda: ft.Trust(ft.Reuse(), ft.Reuse(), tolerance=-1.0),
    ],
)
def test_bad_settings_are_refused(make) -> None:
    with pytest.raises(InvalidSetting, match=r"got .*; expected .*\. Pass"):
        make()
