"""Dynamic mode decomposition: exact on exponentials, and what it does where it cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.history import Step
from foretrace.predictor.dmd import even_points, recurrence
from foretrace.predictor.lagrange import newton_weights
from foretrace.predictor.power import fractional_row, power_differences
from laws.test_partition import features
from laws.test_predictors import forecast, grids


def modes(rates: list[complex], indices: list[int], shape=(2, 4, 6), seed: int = 0) -> list[torch.Tensor]:
    """``sum_i Re(v_i e^{rates_i t})`` at ``indices``, the v_i drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(len(rates), *shape, generator=generator, dtype=torch.complex128)
    return [sum((v * np.exp(a * i)).real for v, a in zip(vectors, rates, strict=True)) for i in indices]


def even(count: int, gap: int, horizon: int) -> list[int]:
    return [*(gap * i for i in range(count)), gap * (count - 1) + horizon]


@pytest.mark.parametrize(
    ("order", "rates"),
    [
        (2, [-0.1, 0.03]),
        (2, [0.0, -0.15]),
        (2, [-0.02 + 0.2j]),  # one swing is two exponentials
        (3, [0.0, -0.05 + 0.25j]),
        (3, [-0.4, -0.1, 0.02]),
        (4, [-0.03 + 0.3j, 0.01 + 0.12j]),
        (4, [-0.2]),  # fewer than the order: one determines what it can, the line does the rest
        (3, [-0.1 + 0.2j]),
    ],
)
@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_exact_on_as_many_exponentials_as_the_order(order: int, rates, horizon: int) -> None:
    indices = even(order + 1, 3, horizon)
    *values, truth = modes(rates, indices)
    got = forecast(ft.DynamicModes(order), indices[:-1], indices[-1], values)
    torch.testing.assert_close(got, truth, rtol=1e-7, atol=1e-7)
    line = forecast(ft.Lagrange(1), indices[:-1], indices[-1], values)
    assert float((line - truth).abs().max()) > 1e-3, "the case must tell"


def test_not_exact_on_more_exponentials_than_the_order() -> None:
    indices = even(3, 3, 2)
    *values, truth = modes([-0.4, -0.1, 0.05], indices)
    assert float((forecast(ft.DynamicModes(2), indices[:-1], indices[-1], values) - truth).abs().max()) > 1e-2


@given(seed=st.integers(0, 99), order=st.integers(2, 4), horizon=st.integers(1, 3))
def test_exact_on_lines_on_even_gaps(seed: int, order: int, horizon: int) -> None:
    """Of one direction and of two: a line is a double root, the hard case of a power."""
    indices = even(order + 1, 3, horizon)
    a, b = features(2, (2, 4, 6), seed)
    for slope in (b, 0.3 * a):
        *values, truth = [a + 0.1 * i * slope for i in indices]
        got = forecast(ft.DynamicModes(order), indices[:-1], indices[-1], values)
        torch.testing.assert_close(got, truth, rtol=1e-6, atol=1e-6)


@given(data=st.data(), seed=st.integers(0, 99))
def test_uneven_gaps_fall_back_to_the_line(data: st.DataObject, seed: int) -> None:
    indices, target = data.draw(grids(5))
    values = modes([-0.1, 0.02 + 0.1j], indices, seed=seed)
    got = forecast(ft.DynamicModes(3), indices, target, values)
    if even_points([float(i) for i in reversed(indices)]) < 3:
        torch.testing.assert_close(got, forecast(ft.Lagrange(1), indices, target, values))


def test_the_newest_even_points_are_used_where_older_gaps_differ() -> None:
    indices, target = [0, 1, 2, 5, 8, 11], 13
    values = modes([-0.1, 0.02], [*indices, target])
    got = forecast(ft.DynamicModes(4), indices, target, values[:-1])
    torch.testing.assert_close(got, values[-1], rtol=1e-7, atol=1e-7)
    assert even_points([11.0, 8.0, 5.0, 2.0, 1.0]) == 4
    assert even_points([3.0]) == 1
    assert even_points([0.1 * 3, 0.1 * 2, 0.1]) == 3, "gaps that differ by rounding are even"


@given(scale=st.sampled_from([1e-6, -3.0, 1e5]), seed=st.integers(0, 99))
def test_scaled_features_give_scaled_forecasts(scale: float, seed: int) -> None:
    indices = even(4, 2, 1)
    values = features(4, (2, 4, 6), seed)
    got = forecast(ft.DynamicModes(3), indices[:-1], indices[-1], [scale * x for x in values])
    expected = scale * forecast(ft.DynamicModes(3), indices[:-1], indices[-1], values)
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=abs(scale) * 1e-6)


@given(scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
def test_forecasts_do_not_change_under_affine_maps_of_time(scale: float, shift: float) -> None:
    values, predictor = modes([-0.1, 0.02 + 0.3j], [0, 2, 4, 6]), ft.DynamicModes(3)
    forecasts = []
    for a, b in ((1.0, 0.0), (scale, shift), (-scale, shift)):
        state = predictor.init()
        for index, value in zip((0, 2, 4, 6), values, strict=True):
            state = predictor.commit(state, Step(index, coordinate=a * index + b), (value,))
        forecasts.append(predictor.predict(state, Step(7, coordinate=a * 7 + b))[0])
    for other in forecasts[1:]:
        torch.testing.assert_close(other, forecasts[0], rtol=1e-5, atol=1e-5)


def test_samples_and_streams_are_fitted_by_themselves() -> None:
    indices = [0, 3, 6, 9]
    one, two = (modes([rate], [*indices, 11], shape=(1, 4, 6)) for rate in (-0.2 + 0.1j, 0.02 + 0.3j))
    both = [torch.cat(pair) for pair in zip(one, two, strict=True)]
    predictor, state = ft.DynamicModes(2), ft.DynamicModes(2).init()
    for index, x, y in zip(indices, both, one, strict=False):
        state = predictor.commit(state, Step(index), (x, y.flatten()))
    first, second = predictor.predict(state, Step(11))
    torch.testing.assert_close(first, both[-1], rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(second, one[-1].flatten(), rtol=1e-7, atol=1e-7)
    assert predictor.nbytes(state) == 3 * (48 + 24) * 8
    together = ft.DynamicModes(2, over="batch")
    got = forecast(together, indices, 11, both[:-1])
    assert float((got - both[-1]).abs().max()) > 1e-2


def test_a_fit_that_blows_up_is_not_trusted() -> None:
    """Alternating growth has weights beyond the limit; the line is taken."""
    indices = [0, 1, 2]
    values = [torch.tensor([[(-3.0) ** i, 1.0 * i, i**2]], dtype=torch.float64) for i in indices]
    got = forecast(ft.DynamicModes(2), indices, 3, values)
    line = forecast(ft.Lagrange(1), indices, 3, values)
    state, predictor = ft.DynamicModes(2).init(), ft.DynamicModes(2)
    for index, value in zip(indices, values, strict=True):
        state = predictor.commit(state, Step(index), (value,))
    (row,) = predictor.rows(state, Step(3))
    assert sum(abs(w) for w in row) <= 4.0
    still = forecast(ft.DynamicModes(3), [0, 1, 2, 3], 5, [torch.zeros(2, 3)] * 4)
    assert torch.equal(still, torch.zeros(2, 3))
    assert torch.isfinite(got).all() and torch.isfinite(line).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounding_is_not_taken_for_dynamics(dtype: torch.dtype) -> None:
    """A slow line in low precision: second differences are rounding, and the forecast stays near the line."""
    a, b = features(2, (2, 64, 32), 0)
    indices = even(5, 4, 3)
    *values, truth = [(a + 1e-3 * i * b) for i in indices]
    predictor = ft.DynamicModes(4)
    state = predictor.init(dtype)
    for index, value in zip(indices, values, strict=False):
        state = predictor.commit(state, Step(index), (value.float(),))
    got = predictor.predict(state, Step(indices[-1]))[0]
    assert float((got - truth).norm() / truth.norm()) < 10 * torch.finfo(dtype).eps


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@given(seed=st.integers(0, 99))
def test_whole_powers_of_companion_matrices(order: int, seed: int) -> None:
    coefficients = np.random.default_rng(seed).normal(size=order)
    companion = np.eye(order, k=-1)
    companion[0] = coefficients
    for power in (0, 1, 2, 3):
        expected = np.linalg.matrix_power(companion, power)[0]
        assert fractional_row(coefficients, power) == pytest.approx(expected, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("ratio", [0.2, 0.5, 1.5])
def test_powers_with_one_root_repeated_are_polynomials(order: int, ratio: float) -> None:
    """All roots at one: the recurrence of polynomials, so its fractional power is Lagrange's table."""
    coefficients = np.array([(-1.0) ** (j + 1) * math.comb(order, j) for j in range(1, order + 1)])
    expected = newton_weights([-float(i) for i in range(order)], ratio, order - 1)
    assert fractional_row(coefficients, ratio) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1e-5, 1e-3, 0.05, 0.3])
def test_divided_differences_of_near_and_far_nodes(spread: float) -> None:
    """Halves compose: the half power of the recurrence, twice, is the recurrence."""
    nodes = np.array([0.9, 0.9 + spread, 0.9 + 2 * spread, 0.2], dtype=np.complex128)
    companion = np.eye(4, k=-1)
    companion[0] = -np.poly(nodes).real[1:]
    differences = power_differences(nodes, 0.5)
    power, product = np.zeros((4, 4), dtype=np.complex128), np.eye(4, dtype=np.complex128)
    for difference, node in zip(differences, nodes, strict=True):
        power += difference * product
        product = product @ (companion - node * np.eye(4))
    assert (power @ power).real == pytest.approx(companion, abs=1e-8)


def test_missing_terms_and_numbers() -> None:
    assert fractional_row(np.array([2.0, -1.0, 0.0]), 0.3) == pytest.approx([1.3, -0.3, 0.0])
    assert fractional_row(np.zeros(3), 0.3) == pytest.approx(np.zeros(3))
    assert np.isnan(fractional_row(np.array([np.nan, 1.0]), 0.3)).all()
    assert fractional_row(np.array([-1.0]), 0.5) == pytest.approx([0.0], abs=1e-12)
    assert recurrence(np.zeros((4, 4)), 1e-6, 1e-12) == pytest.approx([2.0, -1.0, 0.0])


@pytest.mark.parametrize(
    "make",
    [lambda: ft.DynamicModes(1), lambda: ft.DynamicModes(2, 2.0), lambda: ft.DynamicModes(2, over="token")],
)
def test_bad_settings_are_refused(make) -> None:
    with pytest.raises(InvalidSetting, match=r"got .*; expected .*\. Pass"):
        make()
