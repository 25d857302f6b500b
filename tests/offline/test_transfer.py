"""Schedules carried to another number of steps, and the spread of a gain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.offline.spread import gain_with_spread
from foretrace.offline.transfer import transfer_steps

masks = st.sets(st.integers(1, 49), max_size=20).map(lambda found: tuple(sorted({0, *found})))


def profile(computed: tuple[int, ...], steps: int, predictor: ft.Predictor | None = None) -> ft.Profile:
    method = ft.Method(ft.Mask(computed), predictor or ft.Lagrange(2))
    return ft.Profile(method, {"steps": steps, "sampler": "DDIMScheduler"}, {"held_out_error": 0.1})


@given(masks)
def test_the_same_length_changes_nothing(computed: tuple[int, ...]) -> None:
    moved = ft.transfer(profile(computed, 50), 50)
    assert moved.method.schedule == ft.Mask(computed)


@given(masks, st.integers(2, 120))
def test_steps_stay_in_order_inside_the_run_and_at_their_part_of_it(
    computed: tuple[int, ...], to: int
) -> None:
    scale = (to - 1) / 49
    found = transfer_steps(computed, scale, to)
    assert found[0] == 0 and list(found) == sorted(set(found)) and found[-1] < to
    if to >= 50:
        assert len(found) == len(computed)
        assert all(abs(new - old * scale) <= 0.5 for new, old in zip(found, computed, strict=True))


def test_what_was_measured_does_not_carry_over_and_choices_do() -> None:
    choices = (0,) * 25 + (1,) * 25
    chosen = ft.ByStep((ft.Lagrange(1), ft.Lagrange(2)), choices)
    moved = ft.transfer(profile((0, 10, 20, 30, 40), 50, chosen), 25)
    assert moved.measured == {"transferred_from_steps": 50}
    assert moved.made_for["steps"] == 25 and moved.made_for["sampler"] == "DDIMScheduler"
    assert isinstance(moved.method.predictor, ft.ByStep)
    assert moved.method.predictor.at(3) == ft.Lagrange(1)
    assert moved.method.predictor.at(24) == ft.Lagrange(2)


def test_only_lists_of_steps_carry_over() -> None:
    with pytest.raises(InvalidSetting, match="Tune or calibrate"):
        ft.transfer(ft.Profile(ft.Method(ft.Stride(3), ft.Reuse()), {"steps": 50}), 30)


errors = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=20)


@given(errors, st.floats(0.1, 10.0))
def test_a_gain_is_a_ratio_of_pairs(before: list[float], factor: float) -> None:
    found = gain_with_spread(before, [e / factor for e in before])
    for value in found.values():  # every pair has the same ratio, so nothing is left to vary
        assert value == pytest.approx(factor, rel=1e-9)


def test_the_interval_holds_the_value_and_narrows() -> None:
    before, after = [0.2, 0.1, 0.4, 0.3], [0.1, 0.1, 0.2, 0.1]
    few, many = gain_with_spread(before, after), gain_with_spread(before * 30, after * 30)
    assert few["low"] < few["value"] < few["high"]
    assert many["high"] - many["low"] < 0.5 * (few["high"] - few["low"])
