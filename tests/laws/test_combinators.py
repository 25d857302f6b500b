"""Combinators of predictors that are no tables of weights, against the ones of those that are."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.history import Step
from foretrace.predictor.base import Predictor
from foretrace.profile.codec import decode, encode
from laws.test_every_predictor import noise
from laws.test_predictors import forecast, grids

GENERAL = [ft.FoCa(), ft.AdaptiveLagrange(3), ft.DynamicModes(3), ft.Corrected(ft.AdamsBashforth(2), 0.1)]


@dataclasses.dataclass(frozen=True)
class Opaque(Predictor):
    """A linear predictor that hides its weights."""

    inner: ft.LinearPredictor

    exact = property(lambda self: self.inner.exact)
    points = property(lambda self: self.inner.points)
    counts_steps = property(lambda self: self.inner.counts_steps)

    def init(self, dtype=None):
        return self.inner.init(dtype)

    def commit(self, state, step, feature):
        return self.inner.commit(state, step, feature)

    def predict(self, state, step):
        return self.inner.predict(state, step)

    def nbytes(self, state):
        return self.inner.nbytes(state)


LINE, PARABOLA, RIDGE = ft.Lagrange(1), ft.Lagrange(2), ft.Chebyshev(2, keep=3)
TWINS = [
    (ft.Damped(PARABOLA, 0.7, 0.9), ft.Damped(Opaque(PARABOLA), 0.7, 0.9)),
    (ft.Blend(PARABOLA, LINE, 0.3), ft.Blend(Opaque(PARABOLA), LINE, 0.3)),
    (ft.Blend(PARABOLA, LINE, 0.3), ft.Blend(Opaque(PARABOLA), Opaque(LINE), 0.3)),
    (ft.Centered(RIDGE), ft.Centered(Opaque(RIDGE))),
    (ft.ClampGain(LINE, 2.0), ft.ClampGain(Opaque(LINE), 2.0)),
    (ft.ClampGain(ft.Taylor(1), 6.0), ft.ClampGain(Opaque(ft.Taylor(1)), 6.0)),
    (ft.Bands(ft.Reuse(), PARABOLA), ft.Bands(ft.Reuse(), Opaque(PARABOLA))),
    (ft.Trust(PARABOLA, LINE), ft.Trust(PARABOLA, Opaque(LINE))),
    (ft.Channels((LINE, PARABOLA), (0, 1, 1, 0)), ft.Channels((Opaque(LINE), PARABOLA), (0, 1, 1, 0))),
]


@pytest.mark.parametrize(("table", "general"), TWINS, ids=lambda p: type(p).__name__)
@given(data=st.data(), seed=st.integers(0, 99))
def test_hiding_the_weights_changes_nothing(table, general, data: st.DataObject, seed: int) -> None:
    """From one point on: both forms fall back alike."""
    indices, target = data.draw(grids(data.draw(st.integers(1, 4))))
    values = noise(len(indices), seed)
    expected = forecast(table, indices, target, values)
    got = forecast(general, indices, target, values)
    torch.testing.assert_close(got, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("base", GENERAL, ids=str)
@given(data=st.data(), seed=st.integers(0, 99))
def test_neutral_settings_leave_any_predictor_as_it_is(base, data: st.DataObject, seed: int) -> None:
    indices, target = data.draw(grids(6))
    values = noise(6, seed)
    own = forecast(base, indices, target, values)
    for same in (
        ft.Damped(base, 1.0),
        ft.Blend(base, ft.Reuse(), 1.0),
        ft.Blend(base, base, 0.3),
        ft.ClampGain(base, 1e6),
        ft.Bands(base, base),
        ft.Channels((base, ft.Reuse()), (0, 0, 0, 0)),
    ):
        torch.testing.assert_close(forecast(same, indices, target, values), own, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("base", GENERAL, ids=str)
@given(data=st.data(), seed=st.integers(0, 99), limit=st.floats(1, 5))
def test_no_sample_moves_further_than_its_gain_allows(base, data, seed: int, limit: float) -> None:
    indices, target = data.draw(grids(6))
    values = noise(6, seed)
    move = forecast(ft.ClampGain(base, limit), indices, target, values) - values[-1]
    allowed = (limit - 1) / 2 * (values[-1] - values[-2]).norm(dim=1)
    assert bool((move.norm(dim=1) <= allowed * (1 + 1e-9) + 1e-12).all())


@given(data=st.data(), weights=st.lists(st.floats(-9, 9), min_size=2, max_size=4), limit=st.floats(1, 9))
def test_a_clamped_table_is_damped_no_more_than_it_must_be(data, weights: list[float], limit: float) -> None:
    class Given(ft.Lagrange):
        def weights(self, times, t):
            return tuple(weights)

    times = [float(-i) for i in range(len(weights))]
    clamped = ft.ClampGain(Given(len(weights) - 1), limit)
    got, own = clamped.weights(times, 1.0), sum(map(abs, weights))
    assert sum(map(abs, got)) == pytest.approx(min(own, limit), rel=1e-9)
    whole = [weights[0] - 1.0, *weights[1:]]
    moved = [got[0] - 1.0, *got[1:]]
    largest = max(range(len(whole)), key=lambda i: abs(whole[i]))
    factor = moved[largest] / whole[largest] if whole[largest] else 0.0
    assert 0.0 <= factor <= 1.0 + 1e-12
    assert moved == pytest.approx([factor * x for x in whole], abs=1e-9)


def test_linear_parts_share_points_and_others_keep_their_own() -> None:
    feature, size = torch.ones(2, 4), 2 * 4 * 4

    def kept(predictor: ft.Predictor) -> float:
        state = predictor.init()
        for index in range(6):
            state = predictor.commit(state, Step(index), (feature,))
        return predictor.nbytes(state) / size

    assert kept(ft.Bands(ft.Reuse(), PARABOLA)) == 3
    assert kept(ft.Channels((LINE, PARABOLA, ft.Lagrange(3)), (0, 1, 2, 0))) == 4
    assert kept(ft.Blend(ft.FoCa(), PARABOLA)) == 3 + 3
    assert kept(ft.Damped(ft.FoCa())) == 3 + 1
    assert kept(ft.Blend(ft.FoCa(), ft.FoCa(1.0))) == 3 + 3


@pytest.mark.parametrize("pair", TWINS[:2] + TWINS[4:5], ids=lambda p: type(p[0]).__name__)
def test_only_of_tables_of_weights_is_it_one(pair) -> None:
    table, general = pair
    assert isinstance(table, ft.LinearPredictor)
    assert not isinstance(general, ft.LinearPredictor)
    assert isinstance(general, type(table).__mro__[2])


@pytest.mark.parametrize(
    "predictor", [ft.Damped(LINE), ft.Damped(ft.FoCa()), ft.Blend(ft.FoCa(), LINE), ft.ClampGain(LINE)]
)
def test_copies_and_profiles_keep_the_form(predictor) -> None:
    for again in (copy.deepcopy(predictor), pickle.loads(pickle.dumps(predictor)), decode(encode(predictor))):
        assert again == predictor
        assert type(again) is type(predictor)
    assert hash(predictor) == hash(copy.copy(predictor))


def test_half_precision_features_come_back_in_half_precision() -> None:
    predictor = ft.Blend(ft.Damped(ft.FoCa()), ft.AdaptiveLagrange(2))
    got = forecast(predictor, [0, 2, 4], 6, [x.to(torch.bfloat16) for x in noise(3, 0)])
    assert got.dtype == torch.bfloat16


@pytest.mark.parametrize(
    "make",
    [
        lambda: ft.Damped(3),
        lambda: ft.Blend(ft.FoCa(), "reuse"),
        lambda: ft.Centered(None),
        lambda: ft.ClampGain(ft.FoCa(), 0.5),
        lambda: ft.Damped(ft.FoCa(), -1.0),
        lambda: dataclasses.replace(ft.Damped(LINE), base=ft.FoCa()),
    ],
)
def test_bad_settings_are_refused(make) -> None:
    with pytest.raises(InvalidSetting, match=r"got .*; expected .*\. Pass"):
        make()
