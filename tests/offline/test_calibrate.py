"""`calibrate`: what it hands out helps on held-out calls, and fits what it was made for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

import foretrace as ft
from foretrace.errors import InvalidSetting, NoGain, ProfileMismatch
from foretrace.offline.collect import TokenMeans, observing
from foretrace.offline.sampling import relative_error, sample
from offline.common import calls, counted, tiny

STEPS = 6
METHOD = ft.Method(ft.Mask([0, 2, 5]), ft.Reuse())
SKIPPED = [1, 3, 4]
MADE = calls(3, batch=4, steps=STEPS)
CLASS: dict[str, Any] = {"variant": "full", "pool": "class", "alpha": 1.0}
"""Of the tiny model's 16 positions, all of which help it by more than a tenth."""


def held_out_error(pipe: Any, method: ft.Method, call: dict[str, Any]) -> float:
    reference = sample(pipe, call)
    with ft.accelerate(pipe, method):
        return float(relative_error(sample(pipe, call), reference).mean())


@pytest.mark.parametrize("variant", ["full", "scale_shift", "shift"])
@pytest.mark.parametrize("pool", ["token", "class", "mixed"])
def test_a_profile_helps_by_as_much_as_it_says(variant: Any, pool: Any) -> None:
    pipe = tiny()
    made = ft.calibrate(pipe, METHOD, MADE, variant=variant, pool=pool, window=(0, 1), alpha=(0.3, 1.0))
    measured = made.measured
    assert measured["targets"] == SKIPPED
    assert measured["calls"] == [2, 1]
    assert measured["uncorrected_error"] == pytest.approx(held_out_error(pipe, METHOD, MADE[-1]))
    assert measured["held_out_error"] == pytest.approx(held_out_error(pipe, made.method, MADE[-1]))
    assert measured["held_out_error"] == min(measured["errors_by_alpha"].values())
    assert measured["held_out_error"] < measured["uncorrected_error"]
    assert measured["errors_by_alpha"][f"{measured['alpha']:g}"] == measured["held_out_error"]
    assert replace(made.method, calibrator=None) == METHOD


def test_the_profile_applies_to_its_runs_and_no_others() -> None:
    pipe = tiny()
    made = ft.calibrate(pipe, METHOD, MADE, window=(0, 1), **CLASS)
    with ft.accelerate(pipe, profile=made):
        found = sample(pipe, MADE[-1])
    with ft.accelerate(pipe, made.method):
        assert torch.equal(sample(pipe, MADE[-1]), found)
    with ft.accelerate(pipe, profile=made), pytest.raises(ProfileMismatch, match="steps is 7, not 6"):
        sample(pipe, MADE[0] | {"num_inference_steps": 7})


@pytest.mark.parametrize(
    ("window", "targets"), [((0.0, 0.5), [1]), ((0.5, 4 / 6), [3]), ((0.5, 1.0), [3, 4])]
)
def test_only_skipped_steps_inside_the_window_are_corrected(window: Any, targets: list[int]) -> None:
    pipe = tiny()
    made = ft.calibrate(pipe, METHOD, MADE, window=window, force=True, **CLASS)
    assert made.measured["targets"] == targets
    assert made.method.calibrator.steps == tuple(targets)
    assert all(window[0] * STEPS <= step < window[1] * STEPS for step in targets)


@pytest.mark.parametrize("given", [None, False, True])
@pytest.mark.parametrize("predictor", [ft.Reuse(), ft.Damped(ft.Lagrange(1), 0.5)], ids=str)
def test_reuse_writes_back_unless_told(given: bool | None, predictor: ft.Predictor) -> None:
    method = replace(METHOD, predictor=predictor)
    made = ft.calibrate(tiny(), method, MADE, write_back=given, window=(0, 1), force=True, **CLASS)
    assert made.method.calibrator.write_back == (predictor == ft.Reuse() if given is None else given)


def test_one_shot_differs() -> None:
    errors = [
        ft.calibrate(tiny(), METHOD, MADE, one_shot=one_shot, window=(0, 1), force=True, **CLASS).measured[
            "held_out_error"
        ]
        for one_shot in (False, True)
    ]
    assert errors[0] != errors[1]


def test_every_granularity_has_its_priors() -> None:
    pipe, method = tiny(), replace(METHOD, granularity=ft.PerModule("attn"))
    made = ft.calibrate(pipe, method, MADE, window=(0, 1), force=True, variant="shift")
    observer = TokenMeans()
    with observing(pipe, method, observer):
        sample(pipe, MADE[0])
    places = {(place.step, place.site) for place in made.method.calibrator.maps}
    assert places == set(observer.of_forecast)
    assert len(places) == 3 * len(SKIPPED)


def test_what_does_not_help_is_not_handed_out() -> None:
    """At strength zero nothing changes, which is no gain."""
    with pytest.raises(NoGain, match=r"1 held-out calls the error is (\S+) without .* and \1 at alpha 0;"):
        ft.calibrate(tiny(), METHOD, MADE, variant="shift", alpha=0.0)
    with pytest.raises(NoGain, match="expected less than without"):
        ft.calibrate(tiny(), METHOD, MADE, variant="shift", pool="class", alpha=4.0, window=(0, 1))


def test_who_insists_gets_what_does_not_help() -> None:
    made = ft.calibrate(tiny(), METHOD, MADE, variant="shift", alpha=0.0, force=True)
    measured = made.measured
    assert measured["held_out_error"] == measured["uncorrected_error"]
    assert measured["gain"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert made.method.calibrator.steps == (1,)


def test_few_representatives_are_told() -> None:
    with pytest.warns(UserWarning, match="2 representatives for 4 channels leave 3 directions"):
        ft.calibrate(tiny(), METHOD, calls(2, batch=2), pool="token", window=(0, 1), alpha=0.25)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"method": ft.Method(ft.Stride(1), ft.Reuse())}, r"skips no step \(it skips \[\]\)"),
        ({"window": (0.0, 0.1)}, r"window got \(0.0, 0.1\), in which custom skips no step \(it skips \[1, 3"),
        ({"window": (0.5, 0.2)}, "window got 0.2; expected a number from 0.5 to 1"),
        ({"window": (-0.5, 0.2)}, "window got -0.5"),
        ({"method": replace(METHOD, calibrator=ft.TCC())}, "has a calibrator already"),
        ({"held_out": 3}, "held_out got 3; expected a number from 1 to 2"),
        ({"held_out": 0}, "held_out got 0"),
        ({"calls": MADE[:1]}, "calls got 1; expected at least 2"),
    ],
)
def test_bad_input_is_refused(how: dict[str, Any], told: str) -> None:
    arguments: dict[str, Any] = {"method": METHOD, "calls": MADE, "variant": "shift", **how}
    with pytest.raises(InvalidSetting, match=told):
        ft.calibrate(tiny(), **arguments)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"variant": "half"}, "variant got 'half'; expected one of 'full'"),
        ({"pool": "sum"}, "pool got 'sum'; expected one of 'token'"),
        ({"null_space": "qr"}, "null_space got 'qr'"),
        ({"alpha": 5.0}, "alpha got 5.0; expected a number from 0 to 4"),
        ({"alpha": (0.5, -1.0)}, "alpha got -1.0"),
        ({"alpha": ()}, "alpha got no strength"),
    ],
)
def test_bad_settings_are_refused_before_any_run(how: dict[str, Any], told: str) -> None:
    pipe = tiny()
    with counted(pipe) as seen, pytest.raises(InvalidSetting, match=told):
        ft.calibrate(pipe, METHOD, MADE, **how)
    assert seen == []
