"""The diffusion transformer's shape, its start values, and its label tables.

The stock DiT pipeline uses class id 1000 for "no class", and the stock model gives every block
a table of 1001 label vectors. Twelve classes need thirteen of those rows, so training keeps only
these (`shrink_labels`) and the export puts them back in place (`full_state`).
"""

from __future__ import annotations

import torch
from diffusers import DiTTransformer2DModel
from shapes import CLASS_NAMES
from torch import Tensor, nn

LABELS = len(CLASS_NAMES)
NULL_ROW = LABELS  # "no class" while training
NULL_ID = 1000  # "no class" as the stock pipeline writes it
TABLE_KEY = "norm1.emb.class_embedder.embedding_table.weight"


def build_dit(layers: int = 10, heads: int = 4, head_dim: int = 32) -> DiTTransformer2DModel:
    """A stock model for 16x16x4 latents: 64 tokens, two by two latent pixels each."""
    return DiTTransformer2DModel(
        num_attention_heads=heads,
        attention_head_dim=head_dim,
        in_channels=4,
        out_channels=4,
        num_layers=layers,
        sample_size=16,
        patch_size=2,
        num_embeds_ada_norm=1000,
    )


@torch.no_grad()
def init_dit(model: DiTTransformer2DModel) -> None:
    """Start values of the DiT paper, which the library leaves to its caller.

    Every block starts as the identity and the output as zero; with the library's own non-zero
    gates the first steps are noise that small budgets do not recover from.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    patches = model.pos_embed.proj
    nn.init.xavier_uniform_(patches.weight.flatten(1))
    nn.init.zeros_(patches.bias)
    for block in model.transformer_blocks:
        nn.init.zeros_(block.norm1.linear.weight)
        embedder = block.norm1.emb
        nn.init.normal_(embedder.class_embedder.embedding_table.weight, std=0.02)
        nn.init.normal_(embedder.timestep_embedder.linear_1.weight, std=0.02)
        nn.init.normal_(embedder.timestep_embedder.linear_2.weight, std=0.02)
    for layer in (model.proj_out_1, model.proj_out_2):
        nn.init.zeros_(layer.weight)


def shrink_labels(model: DiTTransformer2DModel) -> None:
    """Cuts every label table to the rows in use and leaves label dropout to the training loop."""
    for block in model.transformer_blocks:
        embedder = block.norm1.emb.class_embedder
        table = embedder.embedding_table.weight
        rows = torch.cat([table[:LABELS], table[NULL_ID:]]).detach().clone()
        embedder.embedding_table = nn.Embedding.from_pretrained(rows, freeze=False)
        embedder.dropout_prob = 0.0  # one draw for the whole model, not one per block


def full_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with label tables of 1001 rows again; rows nobody may ask for are zero."""
    full = {}
    for name, value in state.items():
        if name.endswith(TABLE_KEY):
            table = value.new_zeros(NULL_ID + 1, value.shape[1])
            table[:LABELS], table[NULL_ID] = value[:LABELS], value[NULL_ROW]
            value = table
        full[name] = value
    return full
