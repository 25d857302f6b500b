"""shapes-video's transformer: its shape, and its start from shapes-t2i.

Latte puts a block over the frames behind each block over a picture's patches. The latter, and everything
around the blocks, are those of the picture model; the new blocks begin as the identity.
"""

from __future__ import annotations

import torch
from attention_text import use_small_attention
from diffusers import LatteTransformer3DModel, PixArtTransformer2DModel
from shapes.motion import FRAMES
from text.encoders import WIDTH
from torch import Tensor, nn

COPIED = ("pos_embed", "transformer_blocks", "adaln_single", "caption_projection")
CLOSED = -10_000.0  # added to the score of a token that is not there


def build_latte(layers: int = 10, heads: int = 4, head_dim: int = 32) -> LatteTransformer3DModel:
    """A stock model for 8 frames of 16x16x4 latents and text vectors of `WIDTH` numbers.

    The stock pipeline takes the first half of the channels, as if the second were a learned variance; so
    there are 8, of which 4 stay unused.
    """
    return LatteTransformer3DModel(
        num_attention_heads=heads,
        attention_head_dim=head_dim,
        in_channels=4,
        out_channels=8,
        num_layers=layers,
        cross_attention_dim=heads * head_dim,
        attention_bias=True,
        sample_size=16,
        patch_size=2,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
        norm_eps=1e-6,
        caption_channels=WIDTH,
        video_length=FRAMES,
    )


@torch.no_grad()
def start_from_t2i(model: LatteTransformer3DModel, t2i: PixArtTransformer2DModel) -> None:
    """Copies what the two have in common and lets the frames' blocks begin as the identity.

    Behind its first block the stock model adds the frame's number to each patch. Most of that is the same
    for all frames, as large as what is in the patches, and new to the picture model (its error at middle
    noise grows from 0.05 to 0.21). The only layer of that block without a gate takes it off again (0.07).
    """
    for name in COPIED:
        getattr(model, name).load_state_dict(getattr(t2i, name).state_dict())
    model.scale_shift_table.copy_(t2i.scale_shift_table)
    _spread_channels(model.proj_out, t2i.proj_out, patch=2)
    model.transformer_blocks[0].attn2.to_out[0].bias -= model.temp_pos_embed[0].mean(dim=0)
    for block in model.temporal_transformer_blocks:
        for layer in (block.attn1.to_out[0], block.ff.net[2]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        # Gates, rows 2 and 5: without this a block's first steps are scaled by noise around zero.
        block.scale_shift_table.zero_()
        block.scale_shift_table[[2, 5]] = 1.0


def _spread_channels(own: nn.Linear, source: nn.Linear, patch: int) -> None:
    """Copies an output layer over patches into one with twice the channels; the rest becomes zero."""
    for mine, theirs in ((own.weight, source.weight), (own.bias, source.bias)):
        channels = len(theirs) // patch**2
        mine.zero_()
        mine.view(patch**2, 2 * channels, -1)[:, :channels] = theirs.view(patch**2, channels, -1)


def freeze_pictures(model: LatteTransformer3DModel) -> None:
    """Leaves to training: the frames' blocks, and what reads the text, as only that tells of motion."""
    trained = ("temporal_transformer_blocks", "caption_projection")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(trained) or ".attn2." in name)


def use_fast_attention(model: LatteTransformer3DModel) -> None:
    """Plain products in all blocks, for training."""
    use_small_attention(model.transformer_blocks)
    use_small_attention(model.temporal_transformer_blocks)


def text_as_piped(text: Tensor, masks: Tensor, dropped: Tensor, totals: Tensor) -> tuple[Tensor, Tensor]:
    """What LattePipeline shows the transformer of text vectors: (batch, tokens, width) and a bias on them.

    The pipeline gives the transformer no mask, so it attends to all `totals` (batch,) tokens: a sentence's
    words, `masks` (batch, tokens), and filling. The filling is zeros behind a sentence and T5's vector of
    the padding behind the empty one, `dropped` (batch,). Equal tokens weigh as much as one of them with the
    logarithm of their number added to its score; so few tokens stand for all, and the bias, (batch, 1,
    tokens), is the same as 120 of them.
    """
    words = masks.sum(dim=1)
    filling = (totals - words)[:, None]
    first = torch.arange(masks.shape[1]) == words[:, None]
    filled = torch.where(first & (filling > 0), filling.clamp(min=1).log(), CLOSED)
    bias = torch.where(masks.bool(), 0.0, filled)
    seen = masks.bool() | dropped[:, None]
    return text * seen[..., None], bias[:, None]
