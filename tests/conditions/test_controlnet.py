"""A ControlNet adds to what leaves the blocks of the denoiser; it takes a time too, and is left alone."""

from __future__ import annotations

from typing import Any

import pytest

import foretrace as ft
from conditions.common import SITES, Call, check_laws, flux_controlnet, same, sd3, skipping
from runtime.test_laws import snapshot

PIPELINES = {"flux": flux_controlnet, "sd3": lambda: sd3(controlnet=True)}


@pytest.fixture(scope="module", params=PIPELINES)
def built(request: pytest.FixtureRequest) -> tuple[Any, Call]:
    return PIPELINES[request.param]()


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_the_laws_hold(built: tuple[Any, Call], granularity: ft.Granularity) -> None:
    pipe, call = built
    check_laws(pipe, call, granularity)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_the_controlnet_is_not_attached_and_runs_at_every_step(
    built: tuple[Any, Call], granularity: ft.Granularity
) -> None:
    pipe, call = built
    before, fired = snapshot(pipe.controlnet), []
    with ft.accelerate(pipe, skipping(granularity)) as run:
        assert snapshot(pipe.controlnet) == before
        hook = pipe.controlnet.register_forward_hook(lambda *_: fired.append(1))
        call()
        hook.remove()
    assert len(fired) == 8
    assert {name for name, _ in run.report.branches} == {"transformer"}


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_the_hint_counts(built: tuple[Any, Call], granularity: ft.Granularity) -> None:
    """Another strength is another picture, and switching the hint off within a run is no error."""
    pipe, call = built
    with ft.accelerate(pipe, skipping(granularity)):
        strong = call(controlnet_conditioning_scale=1.0)
        assert not same(call(controlnet_conditioning_scale=0.2), strong)
        half = call(controlnet_conditioning_scale=1.0, control_guidance_end=0.5)
        assert not same(half, strong)
        assert same(call(controlnet_conditioning_scale=1.0), strong)
