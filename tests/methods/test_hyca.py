"""HyCa's site: with one map of channels for all blocks, the stack's residual stands for all of them."""

from __future__ import annotations

import torch

import foretrace as ft
from tiny import FAMILIES, sample


def test_the_residual_of_the_stack_stands_for_those_of_its_blocks() -> None:
    family = FAMILIES["dit"]
    model = family.model()
    seen: list[torch.Tensor] = []
    hook = model.transformer_blocks[-1].register_forward_hook(lambda *call: seen.append(call[2]))
    sample(family, model, 9)
    hook.remove()
    channels = seen[0].shape[-1]
    groups = tuple(c % 3 for c in range(channels))
    results, kept = [], []
    for granularity in (ft.PerStack(store="residual"), ft.PerBlock("residual")):
        with ft.accelerate(
            model, "hyca", interval=3, warmup=2, groups=groups, solvers=("am", "bdf2", "rk2"),
            granularity=granularity, steps=9,
        ) as run:  # fmt: skip
            results.append(sample(family, model, 9))
        kept.append(run.report.history_bytes)
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)
    assert kept[1] == len(model.transformer_blocks) * kept[0]
    assert ft.load_method("hyca").granularity == ft.PerStack(store="residual")
