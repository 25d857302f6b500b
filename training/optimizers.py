"""AdamW, or Muon for the transformer's matrices with AdamW for everything else."""

from __future__ import annotations

import torch
from schedule import set_lr
from torch import nn


class Optimizers:
    """One or two optimisers stepped as one, with one learning rate and gradient clipping."""

    def __init__(self, model: nn.Module, kind: str, lr: float) -> None:
        self.lr = lr
        self.parameters = list(model.parameters())
        matrices, others = [], []
        for name, parameter in model.named_parameters():
            muon = kind == "muon" and parameter.ndim == 2 and _is_hidden_matrix(name)
            (matrices if muon else others).append(parameter)
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        ]
        if matrices:
            # "match_rms_adamw" scales the update so that AdamW's learning rate fits both.
            self.optimizers.append(
                torch.optim.Muon(matrices, lr=lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
            )

    def step(self, factor: float) -> None:
        """Updates with `factor` times the base learning rate, then clears the gradients."""
        nn.utils.clip_grad_norm_(self.parameters, 1.0, foreach=True)
        for optimizer in self.optimizers:
            set_lr(optimizer, self.lr, factor)
            optimizer.step()
            optimizer.zero_grad()

    def state(self) -> list[dict]:
        """What a checkpoint keeps of the optimisers."""
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def load_state(self, states: list[dict]) -> None:
        """Takes over what `state` returned."""
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)


def _is_hidden_matrix(name: str) -> bool:
    """Attention, feed-forward and modulation weights; not embeddings or tables, not input or output."""
    return "transformer_blocks." in name and ".emb." not in name and "table" not in name
