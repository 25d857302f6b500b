"""Another predictor at every step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from laws.test_partition import features
from laws.test_predictors import forecast, grids

BASES = (
    ft.Lagrange(1),
    ft.Reuse(),
    ft.Lagrange(3),
    ft.Damped(ft.Lagrange(2), 0.7),
    ft.Warped(ft.Lagrange(1)),
)
"""The last one's weights depend on every point that it is shown."""
choices = st.lists(st.integers(0, len(BASES) - 1), min_size=1, max_size=40).map(tuple)


def chosen(picks: tuple[int, ...], step: int) -> ft.LinearPredictor:
    """The base of a step; steps beyond the list take its last."""
    return BASES[picks[step] if step < len(picks) else picks[-1]]


@given(data=st.data(), picks=choices, count=st.integers(1, 5))
def test_the_weights_are_those_of_the_chosen_base(data: st.DataObject, picks, count: int) -> None:
    indices, target = data.draw(grids(count))
    times = [float(i) for i in reversed(indices)]
    base = chosen(picks, target)
    own = base.weights(times[: base.points], float(target))
    found = ft.ByStep(BASES, picks).weights(times, float(target))
    assert found == (*own, *(0.0,) * (len(times) - len(own)))


@given(data=st.data(), picks=choices, seed=st.integers(0, 99))
def test_the_forecast_is_that_of_the_chosen_base(data: st.DataObject, picks, seed: int) -> None:
    """Also where another base keeps more points than the chosen one asks for."""
    indices, target = data.draw(grids(5))
    values = features(5, (2, 3), seed)
    found = forecast(ft.ByStep(BASES, picks), indices, target, values)
    assert found.equal(forecast(chosen(picks, target), indices, target, values))


@given(picks=choices)
def test_points_and_degree_are_those_of_the_bases_in_use(picks: tuple[int, ...]) -> None:
    used, predictor = [BASES[i] for i in set(picks)], ft.ByStep(BASES, picks)
    assert predictor.points == max(base.points for base in used)
    assert predictor.exact == min(base.exact for base in used)
    assert predictor.counts_steps
    with pytest.raises(InvalidSetting, match="measures in steps"):
        ft.Method(ft.Mask([0]), predictor, time="sigma")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ft.ByStep(BASES, ()),
        lambda: ft.ByStep(BASES, (0, 5)),
        lambda: ft.ByStep(BASES, (0, -1)),
        lambda: ft.ByStep((), (0,)),
        lambda: ft.ByStep((ft.Reuse(), ft.FoCa()), (0,)),  # type: ignore[arg-type]
    ],
)
def test_bad_choices_are_refused(make) -> None:
    with pytest.raises(InvalidSetting, match=r"got .*; expected.*\. Pass"):
        make()
