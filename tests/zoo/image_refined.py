"""Images: text refined before it meets the image, cross-attention, U-shaped skips."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    BriaFibo2Transformer2DModel,
    HunyuanDiT2DModel,
    Lumina2Transformer2DModel,
    LuminaNextDiT2DModel,
    OmniGenTransformer2DModel,
    PRXTransformer2DModel,
    ZImageTransformer2DModel,
)
from diffusers.models.embeddings import get_2d_rotary_pos_embed_lumina

from zoo.case import Draw, case

PIXELS = {"patch_size": 2, "in_channels": 4}
AXES = {"axes_dims": (4, 6, 6), "axes_lens": (64, 16, 16)}
SINGLE = {**AXES, "in_channels": 4, "dim": 32, "n_layers": 4, "n_refiner_layers": 2, "n_heads": 2}
Z_IMAGE = {**SINGLE, "n_kv_heads": 2, "cap_feat_dim": 12}
LUMINA = {**PIXELS, "sample_size": 8, "hidden_size": 32, "num_layers": 4, "num_attention_heads": 2,
          "num_kv_heads": 1, "multiple_of": 16}  # fmt: skip
HUNYUAN = {
    **PIXELS, "num_attention_heads": 2, "attention_head_dim": 16, "sample_size": 8, "hidden_size": 32,
    "num_layers": 4, "cross_attention_dim": 12, "cross_attention_dim_t5": 16, "pooled_projection_dim": 12,
    "text_len": 5, "text_len_t5": 6,
}  # fmt: skip
ONES = torch.ones(2, 5, dtype=torch.long)
RAGGED = torch.tensor([[1] * 5, [1] * 3 + [0] * 2])


def image(draw: Draw, text: int = 12) -> dict[str, Any]:
    return {"hidden_states": draw(2, 4, 8, 8), "encoder_hidden_states": draw(2, 5, text)}


def z_image(draw: Draw) -> dict[str, Any]:
    pictures, captions = draw(2, 4, 1, 8, 8), draw(2, 7, 12)
    return {"x": list(pictures), "cap_feats": [captions[0], captions[1, :4]]}


def hunyuan(draw: Draw) -> dict[str, Any]:
    return {
        **image(draw),
        "text_embedding_mask": ONES,
        "encoder_hidden_states_t5": draw(2, 6, 16),
        "text_embedding_mask_t5": torch.ones(2, 6, dtype=torch.long),
        "image_meta_size": torch.tensor([[8.0, 8.0, 8.0, 8.0, 0.0, 0.0]] * 2),
        "style": torch.zeros(2, dtype=torch.long),
        "image_rotary_emb": (draw(16, 16).cos(), draw(16, 16).sin()),
    }


def omnigen(draw: Draw) -> dict[str, Any]:
    return {
        "hidden_states": draw(2, 4, 8, 8),
        "input_ids": draw.ints(32, 2, 6),
        "input_img_latents": list(draw(2, 1, 4, 4, 4)),
        "input_image_sizes": {0: [[1, 5]], 1: [[1, 5]]},
        "attention_mask": torch.ones(2, 23, 23),
        "position_ids": torch.arange(23).expand(2, -1),
    }


CASES = (
    case(ZImageTransformer2DModel, Z_IMAGE, z_image, unit=1.0, time="t"),
    case(
        ZImageTransformer2DModel,
        Z_IMAGE,
        lambda draw: {**z_image(draw), "controlnet_block_samples": {1: draw(2, 64, 32)}},
        unit=1.0,
        time="t",
        tag="+control",
    ),
    case(
        BriaFibo2Transformer2DModel,
        {
            **SINGLE, "patch_size": 2, "cap_feat_dim": 12, "injection_layer_ids": (1, 3),
            "perceiver_num_layers": 2, "min_num_gist_tokens": 4, "max_num_gist_tokens": 8, "gist_step": 2,
            "gist_min_text_len": 2, "gist_max_text_len": 16,
        },
        lambda draw: {
            "hidden_states": draw(2, 4, 8, 8),
            "encoder_hidden_states": draw(2, 3, 5, 12),
            "encoder_attention_mask": ONES.bool(),
        },
        unit=1.0,
    ),
    case(
        Lumina2Transformer2DModel,
        {**LUMINA, "num_refiner_layers": 2, "axes_dim_rope": (4, 6, 6), "axes_lens": (64, 16, 16),
         "cap_feat_dim": 12},
        lambda draw: {**image(draw), "encoder_attention_mask": RAGGED.bool()},
        unit=1.0,
    ),
    case(
        LuminaNextDiT2DModel,
        {**LUMINA, "cross_attention_dim": 12},
        lambda draw: {
            **image(draw),
            "encoder_mask": RAGGED,
            "cross_attention_kwargs": {},
            "image_rotary_emb": get_2d_rotary_pos_embed_lumina(16, 8, 8),
        },
        unit=1.0,
    ),
    case(
        OmniGenTransformer2DModel,
        {
            **PIXELS, "hidden_size": 32, "num_attention_heads": 2, "num_key_value_heads": 2,
            "intermediate_size": 32, "num_layers": 4, "pad_token_id": 0, "vocab_size": 32,
            "rope_scaling": {"short_factor": [1.0] * 8, "long_factor": [1.0] * 8}, "pos_embed_max_size": 8,
            "time_step_dim": 16,
        },
        omnigen,
        unit=1.0,
    ),
    case(
        PRXTransformer2DModel,
        {**PIXELS, "context_in_dim": 12, "hidden_size": 32, "num_heads": 2, "depth": 4, "axes_dim": [8, 8]},
        image,
        unit=1.0,
    ),
    case(HunyuanDiT2DModel, HUNYUAN, hunyuan),
    case(
        HunyuanDiT2DModel,
        HUNYUAN,
        lambda draw: {**hunyuan(draw), "controlnet_block_samples": [draw(2, 16, 32)]},
        tag="+control",
    ),
)  # fmt: skip
