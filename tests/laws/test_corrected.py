"""Adams-Moulton on computed steps, and how far a forecast may reach."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.gate.step_modulation import EPS, reach
from foretrace.history import Step
from foretrace.offline.modulation import change_rate, modulated
from laws.test_partition import features
from laws.test_predictors import forecast, grids

AB2 = ft.AdamsBashforth(2)
shapes = st.sampled_from([(2, 5, 6), (3, 4), (6,), (2, 3, 4, 6)])


def literal(indices: list[int], values: list[torch.Tensor], threshold: float) -> list[torch.Tensor]:
    """The corrected history, point by point: the trapezoid over the slopes of two gaps."""
    history: list[torch.Tensor] = []
    for n, value in enumerate(values):
        corrected = value
        if n >= 2:
            h, h1 = indices[n] - indices[n - 1], indices[n - 1] - indices[n - 2]
            slopes = (value - history[-1]) / h, (history[-1] - history[-2]) / h1
            trapezoid = history[-1] + h / 2 * (slopes[0] + slopes[1])
            rows = range(len(value)) if value.ndim > 1 else [slice(None)]
            corrected = value.clone()
            for row in rows:
                if (value - history[-1])[row].norm() / (h * history[-1][row].norm()) > threshold:
                    corrected[row] = trapezoid[row]
        history.append(corrected)
    return history


@given(data=st.data(), shape=shapes, seed=st.integers(0, 99), threshold=st.sampled_from([0.0, 0.4, 0.6, 1e3]))
def test_forecasts_come_from_the_corrected_history(data, shape, seed: int, threshold: float) -> None:
    indices, target = data.draw(grids(6))
    values = features(6, shape, seed)
    got = forecast(ft.Corrected(AB2, threshold), indices, target, values)
    expected = forecast(AB2, indices, target, literal(indices, values, threshold))
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-8)


@given(data=st.data(), seed=st.integers(0, 99))
def test_slow_features_are_never_corrected(data: st.DataObject, seed: int) -> None:
    indices, target = data.draw(grids(5))
    values = features(5, (2, 5, 6), seed)
    got = forecast(ft.Corrected(AB2, 1e6), indices, target, values)
    assert torch.equal(got, forecast(AB2, indices, target, values))


def test_a_feature_that_was_zero_is_corrected_without_dividing_by_zero() -> None:
    values = [torch.zeros(2, 3), torch.zeros(2, 3), torch.ones(2, 3)]
    got = forecast(ft.Corrected(ft.Reuse(), 0.1), [0, 1, 2], 3, values)
    assert torch.equal(got, torch.full((2, 3), 0.5))


def test_the_computed_feature_itself_is_not_touched() -> None:
    predictor = ft.Corrected(AB2, 0.0)
    state, lives = predictor.init(), [x.float() for x in features(4, (2, 5), 0)]
    for index, live in enumerate(lives):
        before = live.clone()
        state = predictor.commit(state, Step(index), (live,))
        assert torch.equal(live, before)
    assert state.nbytes == predictor.nbytes(state) == 3 * 10 * 4


@given(change=st.floats(1e-6, 10), tolerance=st.floats(0.01, 5), order=st.integers(1, 4))
def test_the_reach_is_the_largest_within_the_tolerance(change: float, tolerance: float, order: int) -> None:
    steps = reach(change, tolerance, order)
    root = (change + EPS) ** (1 / (order + 1))
    assert steps * root <= tolerance * (1 + 1e-9)
    assert (steps + 1) * root > tolerance * (1 - 1e-9)


def test_change_rates() -> None:
    ones = torch.ones(4)
    assert change_rate(1.5 * ones, ones, 2) == pytest.approx(0.25)
    assert change_rate(ones, ones, 1) == 0.0
    assert change_rate(ones, 0 * ones, 1) == 1.0


def test_modulation_computes_where_features_turn_fast() -> None:
    """Slow, fast, slow: long reaches in the slow parts, none in the fast one."""
    path = torch.cumprod(torch.tensor([1.001] * 15 + [1.5] * 15 + [1.001] * 15), 0)
    table = modulated([torch.tensor([x, 1.0]) for x in path.tolist()], tolerance=0.5, longest=6)
    assert table[:3] == (0, 1, 2)
    gaps = [b - a for a, b in itertools.pairwise(table)]
    assert max(gaps) == gaps[2] == 6  # 0.5 / (0.001 / |(1, 1)|)^(1/3) = 5.6: 5 forecasts
    assert {gap for a, gap in zip(table, gaps, strict=False) if 20 <= a < 30} == {1}
    assert gaps[-1] > 1
    assert ft.Mask(table).table(45) == list(table)
    still = modulated([torch.ones(2)] * 20, tolerance=0.1, longest=6)
    assert still == (0, 1, 2, 9, 16)


def test_predit_has_the_parts_asked_for() -> None:
    assert ft.load_method("predit").predictor == AB2
    assert ft.load_method("predit", corrector="forecast").predictor == ft.AdamsMoulton(2)
    assert ft.load_method("predit", corrector="history", change=0.2).predictor == ft.Corrected(AB2, 0.2)
    assert ft.load_method("predit", computed=(0, 1, 5)).schedule == ft.Mask((0, 1, 5))
    method = ft.load_method("predit", tolerance=0.5, longest=4)
    assert (method.gate, method.schedule) == (ft.StepModulation(0.5), ft.Window(3))
    assert method.budget == ft.Budget(longest=4)
    with pytest.raises(InvalidSetting, match="expected one of them"):
        ft.load_method("predit", tolerance=0.5, computed=(0, 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ft.Corrected(ft.FoCa()),
        lambda: ft.Corrected(AB2, -1.0),
        lambda: ft.load_method("predit", corrector="both"),
        lambda: modulated([torch.ones(2)] * 9, -1.0),
        lambda: modulated([torch.ones(2)] * 9, 1.0, order=0),
        lambda: modulated([torch.ones(2)] * 9, 1.0, longest=-1),
        lambda: ft.StepModulation(-1.0),
        lambda: ft.StepModulation(1.0, order=0),
        lambda: modulated([torch.ones(2)], 1.0),
        lambda: modulated([torch.ones(2)] * 9, 1.0, warmup=1),
    ],
)
def test_bad_settings_are_refused(make) -> None:
    with pytest.raises(InvalidSetting, match=r"got .*; expected .*\. Pass"):
        make()
