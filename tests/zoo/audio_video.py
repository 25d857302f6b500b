"""Sound with video, and packed sequences: two or three kinds of tokens at once."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    Cosmos3OmniTransformer,
    Kandinsky5Transformer3DModel,
    LTX2VideoTransformer3DModel,
)
from diffusers.models.transformers import (
    Kandinsky6SRTransformer3DModel,
    Kandinsky6Transformer3DModel,
    MiniMaxH3Transformer3DModel,
    SanaWMLTX2RefinerTransformer3DModel,
)

from zoo.case import Draw, case

LTX2 = {
    "in_channels": 4, "out_channels": 4, "num_attention_heads": 2, "attention_head_dim": 16,
    "cross_attention_dim": 32, "num_layers": 4, "caption_channels": 12, "audio_in_channels": 4,
    "audio_out_channels": 4, "audio_num_attention_heads": 2, "audio_attention_head_dim": 8,
    "audio_cross_attention_dim": 16,
}  # fmt: skip
KANDINSKY = {
    "in_visual_dim": 4, "out_visual_dim": 4, "in_text_dim": 12, "in_text_dim2": 6, "time_dim": 16,
    "patch_size": (1, 2, 2), "model_dim": 32, "ff_dim": 32, "num_text_blocks": 2, "num_visual_blocks": 4,
    "axes_dims": (4, 6, 6),
}  # fmt: skip


def ltx2(draw: Draw) -> dict[str, Any]:
    return {
        "hidden_states": draw(2, 32, 4),
        "audio_hidden_states": draw(2, 6, 4),
        "encoder_hidden_states": draw(2, 5, 12),
        "audio_encoder_hidden_states": draw(2, 5, 12),
        "num_frames": 2,
        "height": 4,
        "width": 4,
        "audio_num_frames": 6,
    }


def refiner(draw: Draw) -> dict[str, Any]:
    places = draw(2, 32, 32)
    video = {"hidden_states": draw(2, 32, 4), "encoder_hidden_states": draw(2, 5, 12)}
    return {**video, "video_rotary_emb": (places.cos(), places.sin())}


def kandinsky5(draw: Draw) -> dict[str, Any]:
    return {
        "hidden_states": draw(2, 2, 8, 8, 4),
        "encoder_hidden_states": draw(2, 5, 12),
        "pooled_projections": draw(2, 6),
        "visual_rope_pos": tuple(torch.arange(n) for n in (2, 4, 4)),
        "text_rope_pos": torch.arange(5),
    }


def kandinsky6(draw: Draw) -> dict[str, Any]:
    return {
        "hidden_states": draw(2, 2, 8, 8, 9),
        "encoder_hidden_states": draw(2, 5, 12),
        "pooled_projections": draw(2, 6),
        "audio_hidden_states": draw(2, 7, 5),
    }


def minimax(draw: Draw) -> dict[str, Any]:
    """A packed sequence of 5 text, 8 video and 6 audio tokens; the text's time is the second one."""
    video, audio, text = torch.arange(5, 13), torch.arange(13, 19), torch.arange(5)
    return {
        "hidden_states": draw(2, 8, 16),
        "audio_hidden_states": draw(2, 6, 3),
        "encoder_hidden_states": draw(2, 5, 12),
        "timestep_indices": torch.tensor([1] * 5 + [0] * 14),
        "token_tags": torch.tensor([2] * 5 + [0] * 8 + [1] * 6),
        "position_ids": torch.arange(19)[:, None].expand(19, 3),
        "video_indices": video,
        "audio_indices": audio,
        "text_indices": text,
    }


def cosmos3(draw: Draw) -> dict[str, Any]:
    """5 text tokens, then a video of 2 frames of 2 x 2 tokens, all of them noisy."""
    return {
        "input_ids": draw.ints(32, 5),
        "text_indexes": torch.arange(5),
        "position_ids": torch.arange(13).expand(3, -1),
        "und_len": 5,
        "sequence_length": 13,
        "vision_tokens": [draw(1, 4, 2, 4, 4)],
        "vision_token_shapes": [(2, 2, 2)],
        "vision_sequence_indexes": torch.arange(5, 13),
        "vision_mse_loss_indexes": torch.arange(5, 13),
        "vision_timesteps": draw.time[:1].expand(8),
        "vision_noisy_frame_indexes": [torch.arange(2)],
    }


CASES = (
    case(LTX2VideoTransformer3DModel, LTX2, ltx2),
    case(SanaWMLTX2RefinerTransformer3DModel, LTX2, refiner),
    case(Kandinsky5Transformer3DModel, KANDINSKY, kandinsky5),
    case(Kandinsky6Transformer3DModel, {**KANDINSKY, "in_audio_dim": 5, "out_audio_dim": 5}, kandinsky6),
    case(
        Kandinsky6SRTransformer3DModel,
        {
            "in_visual_dim": 4, "out_visual_dim": 4, "time_dim": 16, "model_dim": 32, "ff_dim": 32,
            "num_visual_blocks": 4, "axes_dims": (4, 6, 6), "nabla_window": (3, 1, 1),
        },
        lambda draw: {"hidden_states": draw(2, 2, 8, 16, 9)},
    ),
    case(
        MiniMaxH3Transformer3DModel,
        {
            "num_attention_heads": 2, "attention_head_dim": 16, "hidden_size": 32, "num_layers": 4,
            "num_refiner_layers": 2, "ffn_dim": 32, "in_channels": 4, "audio_in_channels": 3, "text_dim": 12,
            "freq_dim": 16, "time_embed_hidden_dim": 16, "time_embed_dim": 16, "rope_freq_dim": 2,
        },
        minimax,
    ),
    case(
        Cosmos3OmniTransformer,
        {
            "head_dim": 16, "hidden_size": 32, "intermediate_size": 32, "latent_channel": 4,
            "num_attention_heads": 2, "num_hidden_layers": 4, "num_key_value_heads": 1,
            "patch_latent_dim": 16, "vocab_size": 32, "rope_axes_dim": (4, 2, 2),
        },
        cosmos3,
        time=None,
    ),
)  # fmt: skip
