"""Increments scaled by factors of their step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from laws.test_partition import features
from laws.test_predictors import forecast, grids

factors = st.floats(-5, 5)
orders = st.integers(1, 3)


def everywhere(*row: float) -> ft.ScaledLagrange:
    return ft.ScaledLagrange((row,))


@given(data=st.data(), order=orders, kept=st.integers(0, 3), seed=st.integers(0, 99))
def test_ones_and_zeros_are_lower_orders(data: st.DataObject, order: int, kept: int, seed: int) -> None:
    kept = min(kept, order)
    indices, target = data.draw(grids(data.draw(st.integers(1, 5))))
    values = features(len(indices), (2, 3), seed)
    scaled = everywhere(*[1.0] * kept, *[0.0] * (order - kept))
    expected = forecast(ft.Lagrange(kept), indices, target, values)
    assert (forecast(scaled, indices, target, values) - expected).abs().max() <= 1e-4 * expected.abs().max()


@given(data=st.data(), rows=st.lists(st.tuples(factors, factors), min_size=1, max_size=30))
def test_weights_add_up_to_one_and_are_of_their_step(
    data: st.DataObject, rows: list[tuple[float, float]]
) -> None:
    indices, target = data.draw(grids(data.draw(st.integers(1, 4))))
    times = [float(i) for i in reversed(indices)]
    found = ft.ScaledLagrange(tuple(rows)).weights(times, float(target))
    assert sum(found) == pytest.approx(1.0, abs=1e-6 * (1 + sum(map(abs, found))))
    assert found == everywhere(*rows[min(target, len(rows) - 1)]).weights(times, float(target))


@given(data=st.data(), a=factors, b=factors)
def test_the_forecast_is_linear_in_the_factors(data: st.DataObject, a: float, b: float) -> None:
    indices, target = data.draw(grids(3))
    times, t = [float(i) for i in reversed(indices)], float(target)
    reuse, line, both = (everywhere(*row).weights(times, t) for row in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
    expected = [r + a * (n - r) + b * (m - n) for r, n, m in zip(reuse, line, both, strict=True)]
    assert everywhere(a, b).weights(times, t) == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_points_degree_and_name() -> None:
    predictor = ft.ScaledLagrange(((1.0, 0.5), (1.0, 1.0)))
    assert (predictor.points, predictor.order, predictor.exact) == (3, 2, 0)
    assert everywhere(1.0, 1.0).exact == 2
    assert str(predictor) == "ScaledLagrange(order 2)"
    with pytest.raises(InvalidSetting, match="measures in steps"):
        ft.Method(ft.Mask([0]), predictor, time="sigma")


@pytest.mark.parametrize(
    "rows", [(), ((),), ((1.0,), (1.0, 0.5)), ((float("nan"),),), ((1.0, float("inf")),)]
)
def test_bad_factors_are_refused(rows: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(InvalidSetting, match=r"factors got .*; expected .*\. Pass"):
        ft.ScaledLagrange(rows)
