"""Runs that start late (image to image, inpainting), repeat evaluations (Heun), or are interrupted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    FluxImg2ImgPipeline,
    FluxInpaintPipeline,
)

import foretrace as ft
from conditions.common import SITES, Call, always, caller, check_laws, flux, quiet, same, skipping, vae
from tiny import FAMILIES


def from_image(inpaint: bool) -> tuple[Any, Call]:
    model, make = FAMILIES["flux"].model(), FluxInpaintPipeline if inpaint else FluxImg2ImgPipeline
    nothing = (None,) * 4
    pipe = quiet(make(FlowMatchEulerDiscreteScheduler(shift=3.0), vae(1), *nothing, model))
    generator = torch.Generator().manual_seed(9)
    image = torch.rand(1, 3, 16, 16, generator=generator)
    mask = (torch.rand(1, 1, 16, 16, generator=generator) > 0.5).float()
    call = caller(pipe)
    extra = {"image": image, "size": 16, **({"mask_image": mask} if inpaint else {})}
    return pipe, lambda **how: call(**extra, **how)


@pytest.mark.parametrize("inpaint", [False, True], ids=["img2img", "inpaint"])
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_a_late_start_counts_its_own_steps(inpaint: bool, granularity: ft.Granularity) -> None:
    """Half the strength of sixteen steps is a run of eight, whose first is computed."""
    pipe, call = from_image(inpaint)
    run = check_laws(pipe, lambda: call(strength=0.5, steps=16), granularity)
    assert run.report.computed == [0, 1, 3, 6]


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_a_schedule_from_the_end_knows_where_a_late_start_ends(granularity: ft.Granularity) -> None:
    pipe, call = from_image(False)
    method = ft.Method(ft.Stride(3, "last"), ft.Reuse(), granularity)
    with ft.accelerate(pipe, method) as run:
        whole = call(strength=1.0, steps=8)
        for strength, length in ((0.5, 4), (0.75, 6), (1.0, 8)):
            last = call(strength=strength, steps=8)
            assert run.report.computed == ft.Stride(3, "last").table(length)
        assert same(last, whole)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_the_flow_form_of_heun(granularity: ft.Granularity) -> None:
    """Its list of times has every time but the first twice; the second evaluation is a branch."""
    pipe, _ = flux()
    pipe.scheduler = FlowMatchHeunDiscreteScheduler()
    pipe.scheduler.set_timesteps(8)

    def own_loop() -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        latent, conditions = FAMILIES["flux"].inputs(1, generator)
        pipe.scheduler.set_timesteps(8)
        for t in pipe.scheduler.timesteps:
            with torch.no_grad():
                out = pipe.transformer(
                    hidden_states=latent, timestep=t[None] / 1000, return_dict=False, **conditions
                )[0]
            latent = pipe.scheduler.step(out, t, latent, return_dict=False)[0]
        return latent

    reference = own_loop()
    with ft.accelerate(pipe, always(granularity)):
        assert same(own_loop(), reference)
    with ft.accelerate(pipe, skipping(granularity)) as run:
        first = own_loop()
        assert same(own_loop(), first)
        assert not same(first, reference)
    assert len(run.report.computed) + len(run.report.skipped) == 8
    assert set(run.report.branches) == {("transformer", 0), ("transformer", 1)}


def interrupt_at(step: int) -> Any:
    def callback(pipe: Any, i: int, t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        pipe._interrupt = i >= step
        return tensors

    return callback


@pytest.mark.parametrize("at", [0, 3, 7])
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_an_interrupted_run_leaves_nothing_to_the_next(granularity: ft.Granularity, at: int) -> None:
    pipe, call = flux()
    reference = call(seed=3, callback_on_step_end=interrupt_at(at))
    with ft.accelerate(pipe, always(granularity)):
        assert same(call(seed=3, callback_on_step_end=interrupt_at(at)), reference)
    with ft.accelerate(pipe, skipping(granularity)) as run:
        fresh = call()
        call(seed=3, callback_on_step_end=interrupt_at(at))
        assert len(run.report.computed) + len(run.report.skipped) == at + 1
        assert same(call(), fresh)
        assert run.report.computed == [0, 1, 3, 6]


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_a_callback_may_change_the_latents(granularity: ft.Granularity) -> None:
    pipe, call = flux()

    def double(pipe: Any, i: int, t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        return {"latents": tensors["latents"] * 1.1}

    check_laws(pipe, lambda: call(callback_on_step_end=double), granularity)
