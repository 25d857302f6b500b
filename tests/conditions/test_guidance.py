"""Guidance: one batch, separate calls, distilled, skipped layers, and switched off within a run."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import foretrace as ft
from conditions.common import SITES, check_laws, flux, same, sd3, skipping
from foretrace.errors import ShapeChanged
from tiny import FAMILIES

SD3 = FAMILIES["sd3"]


def negative(seed: int = 4) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "negative_prompt_embeds": torch.randn(1, 7, 12, generator=generator),
        "negative_pooled_prompt_embeds": torch.randn(1, 10, generator=generator),
    }


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_both_halves_in_one_batch_are_one_branch(granularity: ft.Granularity) -> None:
    pipe, call = sd3()
    run = check_laws(pipe, call, granularity)
    assert run.report.branches == {("transformer", 0): (4, 4)}


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_true_guidance_of_flux_is_two_branches(granularity: ft.Granularity) -> None:
    pipe, call = flux()
    run = check_laws(pipe, lambda: call(true_cfg_scale=3.0, **negative()), granularity)
    assert run.report.branches == {("transformer", 0): (4, 4), ("transformer", 1): (4, 4)}


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_distilled_guidance_is_an_input_as_others(granularity: ft.Granularity) -> None:
    pipe, call = flux(guidance_embeds=True)
    run = check_laws(pipe, lambda: call(guidance_scale=3.5), granularity)
    assert run.report.branches == {("transformer", 0): (4, 4)}
    with ft.accelerate(pipe, skipping(granularity)):
        weak = call(guidance_scale=1.0)
        assert not same(call(guidance_scale=7.0), weak)
        assert same(call(guidance_scale=1.0), weak)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_guidance_by_skipped_layers_of_sd3(granularity: ft.Granularity) -> None:
    """A second call in some steps only, that leaves blocks out and has half the batch."""
    pipe, call = sd3()
    run = check_laws(
        pipe,
        lambda: call(skip_guidance_layers=[1], skip_layer_guidance_start=0.3, skip_layer_guidance_stop=0.8),
        granularity,
    )
    assert run.report.branches[("transformer", 0)] == (4, 4)
    computed, skipped = run.report.branches[("transformer", 1)]
    assert 0 < computed < computed + skipped < 8


def sample_until(model: Any, off_at: int, *, separate: bool, begin: Any = None) -> torch.Tensor:
    """An Euler loop over eight steps whose guidance ends before step ``off_at``."""
    generator = torch.Generator().manual_seed(0)
    latent, cond = SD3.inputs(1, generator)
    _, uncond = SD3.inputs(1, generator)
    both = {name: torch.cat([uncond[name], cond[name]]) for name in cond}
    for i in range(8):
        time = torch.tensor([900.0 - 100 * i])
        if i == off_at and begin is not None:
            begin()
        if i >= off_at:
            out = model(hidden_states=latent, timestep=time, return_dict=False, **cond)[0]
        elif separate:
            a, b = (
                model(hidden_states=latent, timestep=time, return_dict=False, **c)[0] for c in (cond, uncond)
            )
            out = b + 3.0 * (a - b)
        else:
            twice = torch.cat([latent] * 2)
            b, a = model(hidden_states=twice, timestep=time.expand(2), return_dict=False, **both)[0].chunk(2)
            out = b + 3.0 * (a - b)
        latent = latent - out / 8
    return latent


@torch.no_grad()
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_separate_guidance_may_end_within_a_run(granularity: ft.Granularity) -> None:
    """The conditional call is branch 0 before and after, so its features go on."""
    model = SD3.model()
    run = check_laws(model, lambda: sample_until(model, 4, separate=True), granularity)
    assert run.report.branches == {("denoiser", 0): (4, 4), ("denoiser", 1): (3, 1)}


@torch.no_grad()
@pytest.mark.parametrize("off_at", [2, 3])
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_batched_guidance_that_ends_within_a_run(granularity: ft.Granularity, off_at: int) -> None:
    """At a skipped step (2) as at a computed one (3) it is told; with run.begin() there, it works."""
    model = SD3.model()
    with ft.accelerate(model, skipping(granularity), steps=8) as run:
        with pytest.raises(ShapeChanged, match=r"shape \(1, .*step \d.*run\.begin\(\)"):
            sample_until(model, off_at, separate=False)
    reference = sample_until(model, off_at, separate=False)
    halves = ft.Method(ft.Mask([0, 1]), ft.Lagrange(1), granularity)
    with ft.accelerate(model, halves, steps=8) as run:
        first = sample_until(model, off_at, separate=False, begin=run.begin)
        assert same(sample_until(model, off_at, separate=False, begin=run.begin), first)
        assert run.report.computed == [0, 1], "the latest run is the one that began there"
        assert run.report.skipped == list(range(2, 8 - off_at))
    assert not same(first, reference)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_guidance_that_a_callback_of_a_pipeline_ends(granularity: ft.Granularity) -> None:
    """The way of diffusers' documentation; `begin` in the callback makes the rest a run of its own."""
    pipe, call = sd3()

    def end_at(step: int, begin: Any) -> Any:
        def callback(pipe: Any, i: int, t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            if i == step:
                pipe._guidance_scale = 1.0
                tensors = {name: x.chunk(2)[-1] for name, x in tensors.items()}
                begin()
            return tensors

        names = ["prompt_embeds", "pooled_prompt_embeds"]
        return {"callback_on_step_end": callback, "callback_on_step_end_tensor_inputs": names}

    reference = call(**end_at(3, lambda: None))
    method = ft.Method(ft.Mask([0, 1]), ft.Lagrange(1), granularity)
    with ft.accelerate(pipe, ft.Method(ft.Stride(1), ft.Reuse(), granularity)) as run:
        assert same(call(**end_at(3, run.begin)), reference)
    with ft.accelerate(pipe, method) as run:
        fresh = call()
        with pytest.raises(ShapeChanged, match=r"run\.begin\(\)"):
            call(**end_at(3, lambda: None))
        first = call(**end_at(3, run.begin))
        assert (run.report.computed, run.report.skipped) == ([0, 1], [2, 3])
        assert same(call(**end_at(3, run.begin)), first)
        assert not same(first, reference)
        assert same(call(), fresh)
