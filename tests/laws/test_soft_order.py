"""Increments that fade: between a straight line and the full order, by how well they shrink."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import assume, given

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.history import Step
from foretrace.predictor.soft import share

CURVES = st.lists(st.floats(-3, 3, width=32), min_size=3, max_size=3)


def forecast(predictor: ft.Predictor, curves: list[list[float]], target: int) -> torch.Tensor:
    """Samples ``a u + b u^2 v + c u^3 w`` at steps 0, 3, 7, 12, forecast at ``target``."""
    basis = torch.randn(3, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    state = predictor.init()
    for index in (0, 3, 7, 12):
        u = index / 10
        rows = [a * u * basis[0] + b * u**2 * basis[1] + c * u**3 * basis[2] for a, b, c in curves]
        state = predictor.commit(state, Step(index), (torch.stack(rows),))
    return predictor.predict(state, Step(target))[0]


@given(CURVES, CURVES, st.integers(13, 20))
def test_without_caution_it_is_the_full_order(first: list[float], second: list[float], target: int) -> None:
    soft, full = ft.SoftLagrange(3, caution=0.0), ft.Lagrange(3)
    torch.testing.assert_close(
        forecast(soft, [first, second], target), forecast(full, [first, second], target), rtol=1e-9, atol=1e-9
    )


@given(CURVES, st.integers(13, 20), st.floats(0, 1e6))
def test_the_second_increment_counts_from_nothing_to_full(curve, target: int, caution: float) -> None:
    line, full = (forecast(ft.Lagrange(n), [curve], target) for n in (1, 2))
    soft = forecast(ft.SoftLagrange(2, caution=caution), [curve], target)
    step = full - line
    assume(step.norm() > 1e-3)
    kept = float((soft - line).flatten() @ step.flatten() / step.square().sum())
    assert -1e-6 <= kept <= 1 + 1e-6
    torch.testing.assert_close(soft, line + kept * step, rtol=1e-6, atol=1e-6)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e3))
def test_the_share_falls_with_size_and_caution(size: float, before: float, caution: float) -> None:
    kept = share(size, before, caution)
    assert 0 <= kept <= 1
    assert share(2 * size, before, caution) <= kept
    assert share(size, before, 2 * caution) <= kept
    assert share(0.0, before, caution) == 1


def test_samples_fade_by_themselves() -> None:
    smooth, rough = [1.0, 0.01, 0.0], [0.01, 3.0, 0.0]
    predictor = ft.SoftLagrange(2, caution=1.0)
    together, alone = forecast(predictor, [smooth, rough], 15), forecast(predictor, [smooth], 15)
    torch.testing.assert_close(together[:1], alone, rtol=1e-12, atol=1e-12)
    mixed = forecast(ft.SoftLagrange(2, "batch", 1.0), [smooth, rough], 15)
    assert not torch.allclose(mixed[:1], alone)


@pytest.mark.parametrize("make", [lambda: ft.SoftLagrange(0), lambda: ft.SoftLagrange(2, caution=-1.0)])
def test_bad_settings_are_refused(make) -> None:
    with pytest.raises(InvalidSetting, match=r"got .*expected"):
        make()
