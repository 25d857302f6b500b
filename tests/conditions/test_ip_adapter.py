"""Image prompts: attention processors with weights of their own, embeds handed on in a dictionary.

The models take the embeds out of the dictionary and put other things in, so a call may not find it as the
one before left it. FLUX and SD3 differ in what they put in: SD3's part depends on the time.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.embeddings import (
    ImageProjection,
    IPAdapterTimeImageProjection,
    MultiIPAdapterImageProjection,
)
from diffusers.models.transformers.transformer_flux import FluxIPAdapterAttnProcessor

import foretrace as ft
from conditions.common import SITES, Call, check_laws, flux, same, sd3, skipping
from tiny import randomise


def flux_with_image() -> tuple[Any, Call]:
    pipe, call = flux()
    model = pipe.transformer
    for block in model.transformer_blocks:
        block.attn.set_processor(randomise(FluxIPAdapterAttnProcessor(32, 32, num_tokens=(4,)), 3))
    projection = ImageProjection(image_embed_dim=6, cross_attention_dim=32, num_image_text_embeds=4)
    model.encoder_hid_proj = MultiIPAdapterImageProjection([randomise(projection, 4)])
    images = torch.randn(2, 1, 1, 6, generator=torch.Generator().manual_seed(9))

    def with_image(picture: int = 0, **how: Any) -> Any:
        zero = [torch.zeros_like(images[0])]
        embeds = {"ip_adapter_image_embeds": [images[picture]], "negative_ip_adapter_image_embeds": zero}
        return call(**embeds, **how)

    return pipe, with_image


def sd3_with_image() -> tuple[Any, Call]:
    pipe, call = sd3()
    model = pipe.transformer
    for block in model.transformer_blocks:
        processor = SD3IPAdapterJointAttnProcessor2_0(16, 16, 8, timesteps_emb_dim=16)
        block.attn.set_processor(randomise(processor, 3))
    model.image_proj = randomise(
        IPAdapterTimeImageProjection(6, 16, 16, depth=1, dim_head=8, heads=2, num_queries=4, ffn_ratio=2), 4
    )
    images = torch.randn(2, 1, 5, 6, generator=torch.Generator().manual_seed(9))

    def with_image(picture: int = 0, **how: Any) -> Any:
        both = torch.cat([torch.zeros_like(images[0]), images[picture]])
        return call(ip_adapter_image_embeds=both, **how)

    return pipe, with_image


PIPELINES = {"flux": flux_with_image, "sd3": sd3_with_image}


@pytest.fixture(scope="module", params=PIPELINES)
def built(request: pytest.FixtureRequest) -> tuple[Any, Call]:
    return PIPELINES[request.param]()


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_the_laws_hold(built: tuple[Any, Call], granularity: ft.Granularity) -> None:
    pipe, call = built
    check_laws(pipe, call, granularity)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_another_picture_in_the_next_run(built: tuple[Any, Call], granularity: ft.Granularity) -> None:
    pipe, call = built
    with ft.accelerate(pipe, skipping(granularity)):
        fresh = call(picture=1)
    with ft.accelerate(pipe, skipping(granularity)):
        assert not same(call(picture=0), fresh)
        assert same(call(picture=1), fresh)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_image_prompts_with_true_guidance(granularity: ft.Granularity) -> None:
    """Two calls a step share one dictionary, into which each puts its own picture."""
    pipe, call = flux_with_image()
    generator = torch.Generator().manual_seed(4)
    text, pooled = torch.randn(1, 7, 12, generator=generator), torch.randn(1, 10, generator=generator)
    negative = {"negative_prompt_embeds": text, "negative_pooled_prompt_embeds": pooled}
    run = check_laws(pipe, lambda: call(true_cfg_scale=3.0, **negative), granularity)
    assert run.report.branches == {("transformer", 0): (4, 4), ("transformer", 1): (4, 4)}
