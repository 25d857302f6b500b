"""Stock pipelines with tiny random weights: batched guidance, separate calls, no guidance, two experts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLWan,
    DDIMScheduler,
    DiTPipeline,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    HeunDiscreteScheduler,
    UniPCMultistepScheduler,
    WanPipeline,
)

import foretrace as ft
from tiny import FAMILIES, randomise

Call = Callable[..., np.ndarray]


def _autoencoder() -> AutoencoderKL:
    with torch.random.fork_rng():
        torch.manual_seed(1)  # biases are drawn by the constructor
        vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, latent_channels=4, sample_size=8)
    return randomise(vae, 1)


def dit() -> tuple[Any, Call]:
    pipe = DiTPipeline(FAMILIES["dit"].model(), _autoencoder(), DDIMScheduler())
    # DiT's null class is 1000, one beyond the labels
    for block in pipe.transformer.transformer_blocks:
        table = block.norm1.emb.class_embedder.embedding_table
        assert table.num_embeddings == 1001

    def call(seed: int = 0, steps: int = 8, batch: int = 2, **how: Any) -> np.ndarray:
        generator = torch.Generator().manual_seed(seed)
        labels = list(range(batch))
        return pipe(labels, num_inference_steps=steps, generator=generator, output_type="np", **how).images

    return pipe, call


def flux() -> tuple[Any, Call]:
    model = FAMILIES["flux"].model()
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    pipe = FluxPipeline(scheduler, None, None, None, None, None, model)

    def call(seed: int = 0, steps: int = 8, batch: int = 2, **how: Any) -> np.ndarray:
        generator = torch.Generator().manual_seed(seed)
        return pipe(
            prompt_embeds=torch.randn(batch, 7, 12, generator=generator),
            pooled_prompt_embeds=torch.randn(batch, 10, generator=generator),
            height=64, width=64, num_inference_steps=steps, generator=generator, output_type="latent", **how,
        ).images.numpy()  # fmt: skip

    return pipe, call


def wan(experts: bool = False) -> tuple[Any, Call]:
    models = [FAMILIES["wan"].model(seed) for seed in (0, 1)]
    vae = AutoencoderKLWan(base_dim=3, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
                           temperal_downsample=[False, True, True],
                           latents_mean=[0.0] * 4, latents_std=[1.0] * 4)  # fmt: skip
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    pipe = WanPipeline(
        None, None, vae, scheduler, models[0], models[1] if experts else None,
        boundary_ratio=0.5 if experts else None,
    )  # fmt: skip

    def call(seed: int = 0, steps: int = 8, batch: int = 1, **how: Any) -> np.ndarray:
        generator = torch.Generator().manual_seed(seed)
        embeds = torch.randn(2, batch, 7, 12, generator=generator)
        return pipe(
            prompt_embeds=embeds[0], negative_prompt_embeds=embeds[1], height=64, width=64, num_frames=5,
            num_inference_steps=steps, generator=generator, output_type="latent", **how,
        ).frames.numpy()  # fmt: skip

    return pipe, call


PIPELINES = {"dit": dit, "flux": flux, "wan": wan, "wan-experts": lambda: wan(experts=True)}


@pytest.fixture(scope="module", params=PIPELINES)
def built(request: pytest.FixtureRequest) -> tuple[Any, Call]:
    pipe, call = PIPELINES[request.param]()
    pipe.set_progress_bar_config(disable=True)
    return pipe, call


@pytest.mark.parametrize("granularity", [ft.PerModel(), ft.PerStack()], ids=str)
def test_laws_on_pipelines(built: tuple[Any, Call], granularity: Any) -> None:
    pipe, call = built
    reference = call()
    with ft.accelerate(pipe, ft.Method(ft.Stride(1), ft.Reuse(), granularity)) as run:
        assert np.array_equal(call(), reference)
    assert len(run.report.computed) == 8
    with ft.accelerate(pipe, "tracache", interval=3, order=2, granularity=granularity) as run:
        first = call()
        assert np.array_equal(call(), first)
        assert not np.array_equal(first, reference)
        assert np.isfinite(first).all()
        shorter = call(steps=5)
    assert len(run.report.computed) + len(run.report.skipped) == 5
    with ft.accelerate(pipe, "tracache", interval=3, order=2, granularity=granularity):
        assert np.array_equal(call(steps=5), shorter), "a run right after another length equals a fresh one"
    assert np.array_equal(call(), reference)
    assert run.report.macs < run.report.macs_full


def test_the_family_sets_the_anchor() -> None:
    for make, expected in ((dit, ft.Stride(3, "last")), (flux, ft.Stride(3, "first"))):
        pipe, call = make()
        pipe.set_progress_bar_config(disable=True)
        with ft.accelerate(pipe, "fora", interval=3) as run:
            call()
        assert run.report.computed == expected.table(8)


def test_separate_guidance_calls_are_branches() -> None:
    pipe, call = wan()
    pipe.set_progress_bar_config(disable=True)
    with ft.accelerate(pipe, "fora", interval=2) as run:
        call()
        assert run.report.branches == {("transformer", 0): (4, 4), ("transformer", 1): (4, 4)}
        call(guidance_scale=1.0)  # guidance off: one call a step
        assert run.report.branches == {("transformer", 0): (4, 4)}


def test_a_second_expert_starts_computed_on_the_common_clock() -> None:
    pipe, call = wan(experts=True)
    pipe.set_progress_bar_config(disable=True)
    with ft.accelerate(pipe, ft.Method(ft.Mask([0]), ft.Reuse())) as run:
        call()
    boundary = 0.5 * pipe.scheduler.config.num_train_timesteps
    switch = int((pipe.scheduler.timesteps >= boundary).sum())
    assert 0 < switch < 8
    assert run.report.computed == [0, switch]


@pytest.mark.parametrize(
    "scheduler", [DPMSolverMultistepScheduler, UniPCMultistepScheduler, HeunDiscreteScheduler]
)
def test_another_scheduler_right_after_works(scheduler: Any) -> None:
    pipe, call = dit()
    pipe.set_progress_bar_config(disable=True)
    config = {"num_train_timesteps": 1000}

    def fresh() -> np.ndarray:
        pipe.scheduler = scheduler(**config)
        with ft.accelerate(pipe, "tracache", interval=3, order=2):
            return call(steps=6)

    expected = fresh()
    pipe.scheduler = DDIMScheduler()
    with ft.accelerate(pipe, "tracache", interval=3, order=2) as run:
        call(steps=6)
        pipe.scheduler = scheduler(**config)
        assert np.array_equal(call(steps=6), expected)
    stride = ft.Stride(3, "last").table(6)
    # Heun evaluates all times but the first twice; the second evaluation is a branch that starts at step 1
    assert run.report.computed == ([0, 1, *stride[1:]] if scheduler is HeunDiscreteScheduler else stride)


def test_a_run_cut_off_at_its_first_step_does_not_leak() -> None:
    pipe, call = flux()
    pipe.set_progress_bar_config(disable=True)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with ft.accelerate(pipe, "fora", interval=3) as run:
        fresh = call()
        with pytest.raises(KeyboardInterrupt):
            call(seed=3, callback_on_step_end=stop)
        assert np.array_equal(call(), fresh)
    assert set(run.report.branches) == {("transformer", 0)}


def test_single_step_runs_stay_apart() -> None:
    pipe, call = flux()
    pipe.set_progress_bar_config(disable=True)
    reference = call(steps=1)
    with ft.accelerate(pipe, "fora", interval=3) as run:
        for _ in range(3):
            assert np.array_equal(call(steps=1), reference)
    assert run.report.computed == [0]
