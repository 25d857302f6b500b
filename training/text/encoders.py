"""The shapes of the two text encoders: stock classes, small enough for a language of 31 words."""

from __future__ import annotations

from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from .vocabulary import LENGTH, clip_tokenizer, t5_tokenizer

WIDTH = 64


def build_t5() -> T5EncoderModel:
    """One vector of `WIDTH` numbers a word."""
    config = T5Config(
        vocab_size=len(t5_tokenizer()),
        d_model=WIDTH,
        d_kv=16,
        d_ff=160,
        num_layers=3,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        relative_attention_num_buckets=16,
        relative_attention_max_distance=20,
        use_cache=False,
    )
    return T5EncoderModel(config)


def build_clip() -> CLIPTextModel:
    """One pooled vector of `WIDTH` numbers a sentence."""
    tokenizer = clip_tokenizer()
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=160,
        projection_dim=WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)
