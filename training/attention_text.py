"""Attention over few tokens with a mask on the keys: plain batched products, as in `attention.py`."""

from __future__ import annotations

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn


class SmallCrossAttention:
    """Drop-in processor for self- and cross-attention, for training only."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **_: object,
    ) -> Tensor:
        """(batch, tokens, width) to the same shape; the mask is added, (batch, 1, keys)."""
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        batch, tokens, _ = hidden_states.shape
        heads = attn.heads

        def split(projected: Tensor) -> Tensor:
            size = projected.shape[-1] // heads
            return projected.view(batch, -1, heads, size).transpose(1, 2)

        query = split(attn.to_q(hidden_states)) * attn.scale
        key, value = split(attn.to_k(source)), split(attn.to_v(source))
        with torch.autocast("cpu", enabled=False):
            scores = query @ key.transpose(2, 3)
            if attention_mask is not None:
                scores = scores + attention_mask[:, None].to(scores.dtype)
            mixed = scores.softmax(dim=-1) @ value
        return attn.to_out[0](mixed.transpose(1, 2).reshape(batch, tokens, -1))


def use_small_attention(blocks: nn.ModuleList) -> None:
    for block in blocks:
        for name in ("attn1", "attn2"):
            attention = getattr(block, name, None)
            if isinstance(attention, Attention):
                attention.set_processor(SmallCrossAttention())
