"""Video: Wan and the models built from its block."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import torch
from diffusers import (
    AnyFlowFARTransformer3DModel,
    AnyFlowTransformer3DModel,
    ChronoEditTransformer3DModel,
    HeliosTransformer3DModel,
    SkyReelsV2Transformer3DModel,
    WanAnimate2Transformer3DModel,
    WanAnimateTransformer3DModel,
    WanTransformer3DModel,
    WanVACETransformer3DModel,
)
from diffusers.models.transformers import transformer_wan_animate_2 as animate_2
from torch import nn
from torch.nn.attention.flex_attention import create_block_mask

from zoo.case import Case, Draw, case

ANYFLOW = {
    "num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 4, "in_channels": 4, "out_channels": 4,
    "text_dim": 12, "freq_dim": 16, "ffn_dim": 32, "rope_max_seq_len": 32,
}  # fmt: skip
HELIOS = {name: value for name, value in ANYFLOW.items() if name != "rope_max_seq_len"}
WAN = {**ANYFLOW, "attention_head_dim": 12}


def video(draw: Draw, frames: int = 2) -> dict[str, Any]:
    return {"hidden_states": draw(2, 4, frames, 8, 8), "encoder_hidden_states": draw(2, 5, 12)}


def animate(draw: Draw) -> dict[str, Any]:
    return {
        "hidden_states": draw(2, 12, 3, 8, 8),
        "encoder_hidden_states": draw(2, 5, 12),
        "encoder_hidden_states_image": draw(2, 3, 10),
        "pose_hidden_states": draw(2, 4, 2, 8, 8),
        "face_pixel_values": draw(2, 3, 8, 16, 16),
    }


def animate_again(draw: Draw) -> dict[str, Any]:
    """The generation pass, over the keys and values of a reference of two frames."""
    cache = animate_2.WanAnimate2KVCache(4)
    for layer in cache.layer_caches:
        layer.store(draw(2, 8, 2, 12), draw(2, 8, 2, 12))
    return {
        "hidden_states": list(draw(2, 4, 3, 4, 4)),
        "condition_latents": list(draw(2, 4, 3, 4, 4)),
        "encoder_hidden_states": list(draw(2, 5, 12)),
        "kv_cache": cache,
        "kv_cache_mode": "cached",
        "seq_len": 12,
        "reference_grid_sizes": torch.tensor([[2, 2, 2]] * 2),
        "origin_len": 4,
        "origin_area": [32, 32],
    }


def masked(case: Case) -> Case:
    """With its attention mask made beforehand: the model would compile one, which takes long."""

    def eager(*args: Any, _compile: bool, **kwargs: Any) -> Any:
        return create_block_mask(*args, **kwargs)

    def build() -> nn.Module:
        model: Any = case.build()
        with patch.object(animate_2, "create_block_mask", eager):
            model.block_masks[2, 4] = model.create_mask(2, 4, torch.device("cpu"))
        return model

    return Case(case.name, build, case.call)


def per_frame(draw: Draw) -> dict[str, Any]:
    times = draw.time[:, None].expand(2, 2)
    latents = {"hidden_states": draw(2, 2, 4, 8, 8), "encoder_hidden_states": draw(2, 5, 12)}
    return {**latents, "timestep": times, "r_timestep": times / 2}


def after_a_chunk(draw: Draw) -> dict[str, Any]:
    """The second chunk of two frames, over the keys and values of a first one of one frame."""
    sizes = {"full_cache": 16, "compressed_cache": 4}
    cache = [{name: draw(2, 2, 2, tokens, 16) for name, tokens in sizes.items()} for _ in range(4)]
    flag = {"num_cached_chunks": 1, "is_cache_step": False}
    return {**per_frame(draw), "chunk_partition": [1, 2], "kv_cache": cache, "kv_cache_flag": flag}


def helios(draw: Draw) -> dict[str, Any]:
    frames = {"short": (1, 6), "mid": (2, 4), "long": (4, 0)}
    history = {f"latents_history_{name}": draw(2, 4, n, 8, 8) for name, (n, _) in frames.items()}
    places = {
        f"indices_latents_history_{name}": torch.arange(first, first + n).expand(2, -1)
        for name, (n, first) in frames.items()
    }
    return {**video(draw), **history, **places, "indices_hidden_states": torch.arange(7, 9).expand(2, -1)}


CASES = (
    case(WanTransformer3DModel, WAN, video),
    case(
        WanVACETransformer3DModel,
        {**WAN, "vace_layers": [0, 2], "vace_in_channels": 6},
        lambda draw: {**video(draw), "control_hidden_states": draw(2, 6, 2, 8, 8)},
    ),
    case(
        WanAnimateTransformer3DModel,
        {
            **WAN, "in_channels": 12, "latent_channels": 4, "image_dim": 10, "added_kv_proj_dim": 24,
            "motion_encoder_channel_sizes": {"4": 8, "8": 8, "16": 8}, "motion_encoder_size": 16,
            "motion_style_dim": 8, "motion_dim": 4, "motion_encoder_dim": 8, "face_encoder_hidden_dim": 8,
            "face_encoder_num_heads": 2, "inject_face_latents_blocks": 2,
        },
        animate,
    ),
    masked(
        case(
            WanAnimate2Transformer3DModel,
            {
                "text_len": 6, "in_dim": 8, "dim": 24, "ffn_dim": 32, "freq_dim": 16, "text_dim": 12,
                "out_dim": 4, "num_heads": 2, "num_layers": 4, "use_img_emb": False,
            },
            animate_again,
        )
    ),
    case(
        ChronoEditTransformer3DModel,
        {**WAN, "image_dim": 10, "added_kv_proj_dim": 24},
        lambda draw: {**video(draw), "encoder_hidden_states_image": draw(2, 3, 10)},
    ),
    case(SkyReelsV2Transformer3DModel, WAN, video),
    case(AnyFlowTransformer3DModel, ANYFLOW, per_frame, time=None),
    case(AnyFlowFARTransformer3DModel, {**ANYFLOW, "chunk_partition": (1, 2)}, after_a_chunk, time=None),
    case(HeliosTransformer3DModel, {**HELIOS, "rope_dim": (4, 6, 6)}, helios),
)  # fmt: skip
