"""Sound: music and speech, tokens in a row."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import StableAudioDiTModel
from diffusers.models.transformers import (
    AceStepTransformer1DModel,
    LongCatAudioDiTTransformer,
    MiniMaxMusic3Transformer1DModel,
    StableAudio3DiTModel,
    T5FilmDecoder,
)

from zoo.case import Draw, case

RAGGED = torch.tensor([[1] * 5, [1] * 3 + [0] * 2])


def sound(draw: Draw) -> dict[str, Any]:
    return {"hidden_states": draw(2, 4, 10), "encoder_hidden_states": draw(2, 5, 12)}


def ace_step(draw: Draw) -> dict[str, Any]:
    latents = {"hidden_states": draw(2, 10, 4), "context_latents": draw(2, 10, 8)}
    return {**latents, "encoder_hidden_states": draw(2, 5, 12), "timestep_r": draw.time / 2}


def stable_audio(draw: Draw) -> dict[str, Any]:
    places = draw(11, 8)
    return {
        **sound(draw),
        "global_hidden_states": draw(2, 1, 6),
        "rotary_embedding": (places.cos(), places.sin()),
    }


CASES = (
    case(
        AceStepTransformer1DModel,
        {
            "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2,
            "num_key_value_heads": 1, "head_dim": 16, "in_channels": 12, "audio_acoustic_hidden_dim": 4,
            "sliding_window": 2, "encoder_hidden_size": 12,
        },
        ace_step,
        unit=1.0,
    ),
    case(
        StableAudioDiTModel,
        {
            "sample_size": 10, "in_channels": 4, "num_layers": 4, "attention_head_dim": 16,
            "num_attention_heads": 2, "num_key_value_attention_heads": 1, "out_channels": 4,
            "cross_attention_dim": 16, "time_proj_dim": 8, "global_states_input_dim": 6,
            "cross_attention_input_dim": 12,
        },
        stable_audio,
        unit=1.0,
    ),
    case(
        StableAudio3DiTModel,
        {
            "io_channels": 4, "embed_dim": 32, "depth": 4, "num_heads": 2, "cond_token_dim": 12,
            "global_cond_dim": 6, "local_add_cond_dim": 5, "timestep_features_dim": 8, "num_memory_tokens": 3,
        },
        lambda draw: {
            **sound(draw),
            "global_hidden_states": draw(2, 6),
            "encoder_attention_mask": RAGGED,
            "local_add_cond": draw(2, 5, 10),
        },
        unit=1.0,
    ),
    case(
        LongCatAudioDiTTransformer,
        {"dit_dim": 32, "dit_depth": 4, "dit_heads": 2, "dit_text_dim": 12, "latent_dim": 4},
        lambda draw: {
            "hidden_states": draw(2, 10, 4),
            "encoder_hidden_states": draw(2, 5, 12),
            "encoder_attention_mask": RAGGED.bool(),
            "attention_mask": torch.tensor([[True] * 10, [True] * 8 + [False] * 2]),
            "latent_cond": draw(2, 10, 4),
        },
        unit=1.0,
    ),
    case(
        MiniMaxMusic3Transformer1DModel,
        {
            "in_channels": 4, "condition_dim": 12, "num_layers": 4, "num_attention_heads": 2,
            "attention_head_dim": 16, "ff_inner_dim": 32, "rotary_dim": 8, "fourier_embedding_dim": 8,
        },
        lambda draw: {"hidden_states": draw(2, 4, 10), "encoder_hidden_states": draw(2, 10, 12)},
        unit=1.0,
    ),
    case(
        T5FilmDecoder,
        {
            "input_dims": 4, "targets_length": 10, "d_model": 32, "num_layers": 4, "num_heads": 2, "d_kv": 16,
            "d_ff": 32,
        },
        lambda draw: {
            "decoder_input_tokens": draw(2, 10, 4),
            "encodings_and_masks": [(draw(2, 5, 32), torch.ones(2, 5))],
        },
        unit=1.0,
        time="decoder_noise_time",
    ),
)  # fmt: skip
