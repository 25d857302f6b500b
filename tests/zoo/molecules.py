"""Molecules: one model, of proteins."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.transformers import RFD4ProteinaTransformer

from zoo.case import Draw, case

TIMES = ("time_emb_bb_ca", "time_emb_local_latents")


def protein(draw: Draw) -> dict[str, Any]:
    known = torch.zeros(2, 6, dtype=torch.bool)
    return {
        "bb_ca": draw(2, 6, 3),
        "local_latents": draw(2, 6, 4),
        "bb_ca_time": draw.time,
        "local_latents_time": draw.time,
        "padding_mask": torch.tensor([[True] * 6, [True] * 5 + [False]]),
        "conditioning": {"is_in_context_conditioning": known, "supports_local_latent": ~known},
        "recycle_depth": 2,
    }


CASES = (
    case(
        RFD4ProteinaTransformer,
        {
            "nlayers": 4, "token_dim": 32, "nheads": 2, "dim_cond": 16, "pair_repr_dim": 8, "latent_dim": 4,
            "token_type_emb_dim": 4, "cath_emb_dim": 4, "t_emb_dim": 8, "seq_sep_dim": 4,
            "xt_pair_dist_dim": 6, "feats_seq": ("xt_bb_ca", "xt_local_latents"),
            "feats_cond_seq": (*TIMES, "recycle_remaining"),
            "feats_pair_repr": ("xt_bb_ca_pair_dists",), "feats_pair_cond": TIMES, "tri_mult_c": 8,
            "num_sequence_classes": 5, "num_token_types": 3,
        },
        protein,
        unit=1.0,
        time=None,
    ),
)  # fmt: skip
