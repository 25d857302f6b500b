"""Video: the other makers, one or two lists of blocks."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AllegroTransformer3DModel,
    CogVideoXTransformer3DModel,
    ConsisIDTransformer3DModel,
    CosmosTransformer3DModel,
    EasyAnimateTransformer3DModel,
    LatteTransformer3DModel,
    LTXVideoTransformer3DModel,
    MochiTransformer3DModel,
    SanaVideoTransformer3DModel,
    SanaWMTransformer3DModel,
)
from diffusers.models.embeddings import get_3d_rotary_pos_embed_allegro

from zoo.case import Draw, case

HEADS = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 4, "in_channels": 4}
CHANNELS = {**HEADS, "out_channels": 4}
COGVIDEO = {
    **CHANNELS, "time_embed_dim": 8, "text_embed_dim": 12, "sample_width": 8, "sample_height": 8,
    "sample_frames": 5, "max_text_seq_length": 5,
}  # fmt: skip
FACE = {
    "is_train_face": True, "cross_attn_dim_head": 8, "cross_attn_num_heads": 2, "LFE_id_dim": 6,
    "LFE_vit_dim": 8, "LFE_depth": 2, "LFE_dim_head": 8, "LFE_num_heads": 2, "LFE_num_id_token": 2,
    "LFE_num_querie": 4, "LFE_output_dim": 21, "LFE_num_scale": 2,
}  # fmt: skip
COSMOS = {
    **CHANNELS, "attention_head_dim": 12, "text_embed_dim": 12, "adaln_lora_dim": 4, "max_size": (4, 8, 8),
    "concat_padding_mask": False,
}  # fmt: skip
CROSS = {
    **CHANNELS, "num_cross_attention_heads": 2, "cross_attention_head_dim": 16, "cross_attention_dim": 32,
    "caption_channels": 12,
}  # fmt: skip
RAGGED = torch.tensor([[1] * 5, [1] * 3 + [0] * 2])


def video(draw: Draw) -> dict[str, Any]:
    return {"hidden_states": draw(2, 4, 2, 8, 8), "encoder_hidden_states": draw(2, 5, 12)}


def masked(draw: Draw) -> dict[str, Any]:
    return {**video(draw), "encoder_attention_mask": RAGGED}


def frames_first(draw: Draw) -> dict[str, Any]:
    return {"hidden_states": draw(2, 2, 4, 8, 8), "encoder_hidden_states": draw(2, 5, 12)}


def face(draw: Draw) -> dict[str, Any]:
    return {**frames_first(draw), "id_cond": draw(2, 6), "id_vit_hidden": [draw(2, 3, 8), draw(2, 3, 8)]}


def allegro(draw: Draw) -> dict[str, Any]:
    tables = get_3d_rotary_pos_embed_allegro(12, ((0, 0), (4, 4)), (4, 4), 2)
    places = torch.cartesian_prod(*tables[3:]).long().T.reshape(3, 1, -1).contiguous()
    return {**masked(draw), "image_rotary_emb": (tables[:3], list(places))}


def world(draw: Draw) -> dict[str, Any]:
    return {
        "hidden_states": draw(2, 4, 3, 4, 4),
        "timestep": draw.time[:, None, None].expand(2, 1, 3),
        "encoder_hidden_states": draw(2, 1, 5, 12),
        "encoder_attention_mask": RAGGED,
        "chunk_plucker": draw(2, 6, 3, 4, 4),
    }


CASES = (
    case(
        AllegroTransformer3DModel,
        {
            **CHANNELS, "attention_head_dim": 12, "cross_attention_dim": 24, "sample_height": 8,
            "sample_width": 8, "sample_frames": 2, "caption_channels": 12,
        },
        allegro,
    ),
    case(CogVideoXTransformer3DModel, COGVIDEO, frames_first),
    case(ConsisIDTransformer3DModel, {**COGVIDEO, **FACE}, face),
    case(CosmosTransformer3DModel, COSMOS, lambda draw: {**video(draw), "fps": 30}, unit=1.0),
    case(
        CosmosTransformer3DModel,
        {**COSMOS, "controlnet_block_every_n": 2},
        lambda draw: {**video(draw), "fps": 30, "block_controlnet_hidden_states": list(draw(2, 2, 32, 24))},
        unit=1.0,
        tag="+control",
    ),
    case(
        EasyAnimateTransformer3DModel,
        {
            **CHANNELS, "patch_size": 2, "sample_width": 8, "sample_height": 8, "mmdit_layers": 2,
            "time_embed_dim": 8, "text_embed_dim": 12,
        },
        video,
    ),
    case(
        LatteTransformer3DModel,
        {
            **CHANNELS, "cross_attention_dim": 32, "sample_size": 8, "patch_size": 2, "caption_channels": 12,
            "norm_type": "ada_norm_single", "video_length": 2, "activation_fn": "gelu-approximate",
            "num_embeds_ada_norm": 1000, "norm_elementwise_affine": False, "attention_bias": True,
        },
        video,
    ),
    case(
        LTXVideoTransformer3DModel,
        {**CHANNELS, "cross_attention_dim": 32, "caption_channels": 12},
        lambda draw: {
            "hidden_states": draw(2, 32, 4),
            "encoder_hidden_states": draw(2, 5, 12),
            "encoder_attention_mask": RAGGED,
            "num_frames": 2,
            "height": 4,
            "width": 4,
        },
    ),
    case(
        MochiTransformer3DModel,
        {**HEADS, "pooled_projection_dim": 16, "text_embed_dim": 16, "time_embed_dim": 8},
        lambda draw: {
            "hidden_states": draw(2, 4, 2, 8, 8),
            "encoder_hidden_states": draw(2, 5, 16),
            "encoder_attention_mask": RAGGED.bool(),
        },
    ),
    case(SanaVideoTransformer3DModel, {**CROSS, "rope_max_seq_len": 32}, masked),
    case(
        SanaWMTransformer3DModel,
        {
            "in_channels": 4, "num_layers": 4, "hidden_size": 48, "num_attention_heads": 2,
            "softmax_every_n": 2, "linear_head_dim": 24, "chunk_plucker_channels": 6,
            "chunk_plucker_post_attn_blocks": 4, "caption_channels": 12,
        },
        world,
        time=None,
    ),
)  # fmt: skip
