"""What holds under every condition, and the tiny pipelines that runtime/test_pipelines.py does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxControlNetModel,
    FluxControlNetPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3ControlNetModel,
    SD3Transformer2DModel,
    StableDiffusion3ControlNetPipeline,
    StableDiffusion3Pipeline,
)
from torch import nn

import foretrace as ft
from runtime.test_laws import snapshot
from runtime.test_pipelines import wan
from tiny import FAMILIES, Family, randomise

Call = Callable[..., np.ndarray]
SITES = [ft.PerModel(), ft.PerStack(), ft.PerModule("attn", "ff")]
SKIPPED_AT_8 = [2, 4, 5, 7]
"""Which steps `skipping` passes over in a run of eight."""


def always(granularity: ft.Granularity) -> ft.Method:
    """Computes every step."""
    return ft.Method(ft.Stride(1), ft.Reuse(), granularity)


def skipping(granularity: ft.Granularity) -> ft.Method:
    """Computes steps 0, 1, 3 and 6 and forecasts the others along a line."""
    return ft.Method(ft.Mask([0, 1, 3, 6]), ft.Lagrange(1), granularity)


def check_laws(target: Any, call: Callable[[], Any], granularity: ft.Granularity) -> ft.Handle:
    """Computing all is exact, skipping does something, a second run equals the first, detaching restores."""
    denoiser = getattr(target, "transformer", target)
    reference = call()
    before = snapshot(denoiser)[
        :3
    ]  # after a call: diffusers' cache_context leaves an attribute at the first one
    with ft.accelerate(target, always(granularity)) as run:
        assert same(call(), reference), "computing every step changed the result"
    assert run.report.skipped == []
    with ft.accelerate(target, skipping(granularity)) as run:
        first = call()
        assert run.report.skipped == SKIPPED_AT_8
        assert same(call(), first), "the second run differs from the first"
        assert not same(first, reference), "a forecast of random weights cannot be exact"
    assert np.isfinite(np.asarray(first)).all()
    assert snapshot(denoiser)[:3] == before  # not the tensors, which offloading exchanges
    assert same(call(), reference), "detaching left its mark"
    return run


def same(a: Any, b: Any) -> bool:
    """Equal bit for bit."""
    return np.array_equal(np.asarray(a), np.asarray(b))


def quiet(pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe


def vae(channels: int = 4) -> AutoencoderKL:
    """Keeps height and width."""
    return randomise(
        AutoencoderKL(
            block_out_channels=(8,), norm_num_groups=4, latent_channels=channels, sample_size=8,
            shift_factor=0.0, scaling_factor=1.0,
        ),
        1,
    )  # fmt: skip


def _flux_model(family: Family, **config: Any) -> nn.Module:
    built = {name: x for name, x in family.build().config.items() if not name.startswith("_")}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return randomise(FluxTransformer2DModel.from_config({**built, **config}), 0)


def flux(**config: Any) -> tuple[Any, Call]:
    """FluxPipeline; calls take what the pipeline takes."""
    model = _flux_model(FAMILIES["flux"], **config)
    pipe = FluxPipeline(FlowMatchEulerDiscreteScheduler(shift=3.0), None, None, None, None, None, model)
    return quiet(pipe), caller(pipe)


def caller(pipe: Any) -> Call:
    """Calls of a pipeline of the FLUX line with random text."""

    def call(seed: int = 0, steps: int = 8, batch: int = 1, size: int = 64, **how: Any) -> np.ndarray:
        generator = torch.Generator().manual_seed(seed)
        return pipe(
            prompt_embeds=torch.randn(batch, 7, 12, generator=generator),
            pooled_prompt_embeds=torch.randn(batch, 10, generator=generator),
            **{"height": size, "width": size, "num_inference_steps": steps, "output_type": "latent", **how},
            generator=generator,
        ).images.numpy()  # fmt: skip

    return call


def flux_controlnet() -> tuple[Any, Call]:
    """A ControlNet that adds to both kinds of blocks."""
    model = FAMILIES["flux"].model()
    keep = (
        "patch_size", "in_channels", "attention_head_dim", "num_attention_heads", "joint_attention_dim",
        "pooled_projection_dim", "axes_dims_rope",
    )  # fmt: skip
    config = {name: model.config[name] for name in keep}
    net = randomise(FluxControlNetModel(**config, num_layers=1, num_single_layers=1), 5)
    pipe = FluxControlNetPipeline(
        FlowMatchEulerDiscreteScheduler(shift=3.0), vae(1), None, None, None, None, model, net
    )
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(9))
    call = caller(quiet(pipe))
    return pipe, lambda **how: call(**{"control_image": image, "size": 16, **how})


def sd3(controlnet: bool = False) -> tuple[Any, Call]:
    """Stable Diffusion 3, whose guidance is one batch."""
    family = FAMILIES["sd3"]
    model, autoencoder, scheduler = family.model(), vae(), FlowMatchEulerDiscreteScheduler(shift=3.0)
    nothing = (None,) * 6
    parts: Any = (model, scheduler, autoencoder, *nothing)
    extra: dict[str, Any] = {}
    if controlnet:
        config = {k: v for k, v in model.config.items() if not k.startswith("_")}
        config |= {"num_layers": 2, "pos_embed_max_size": 96}
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = randomise(SD3ControlNetModel.from_config(config), 5)
        pipe: Any = StableDiffusion3ControlNetPipeline(*parts, net)
        extra["control_image"] = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(9))
    else:
        pipe = StableDiffusion3Pipeline(*parts)
    assert isinstance(model, SD3Transformer2DModel)

    def call(seed: int = 0, steps: int = 8, batch: int = 1, **how: Any) -> np.ndarray:
        generator = torch.Generator().manual_seed(seed)
        text = torch.randn(2, batch, 7, 12, generator=generator)
        pooled = torch.randn(2, batch, 10, generator=generator)
        torch.manual_seed(seed)  # the ControlNet's image is encoded with noise of the global generator
        return pipe(
            prompt_embeds=text[0], negative_prompt_embeds=text[1], pooled_prompt_embeds=pooled[0],
            negative_pooled_prompt_embeds=pooled[1], height=8, width=8, num_inference_steps=steps,
            generator=generator, output_type="latent", **extra, **how,
        ).images.numpy()  # fmt: skip

    return quiet(pipe), call


def wan_pair() -> tuple[Any, Call]:
    """WanPipeline, whose guidance is two calls."""
    pipe, call = wan()
    return quiet(pipe), call
