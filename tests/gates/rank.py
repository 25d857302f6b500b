"""One of several processes with noise of its own, and so with wishes of its own."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

import foretrace as ft
from gates.common import Lottery, gated

STEPS = 12


class Denoiser(nn.Module):
    """Anything that changes with the time."""

    def forward(self, hidden_states: Tensor, timestep: Tensor) -> Tensor:
        return torch.tanh(hidden_states + timestep)


def run(method: ft.Method, seed: int) -> list[int]:
    """The steps computed in a run from the noise of this seed."""
    model, x = Denoiser(), torch.randn(2, 4, generator=torch.Generator().manual_seed(seed))
    with ft.accelerate(model, method, steps=STEPS) as handle:
        for i in range(STEPS):
            x = x - model(x, torch.tensor(1.0 - i / STEPS)) / STEPS
    return handle.report.computed


def work(rank: int, processes: int, folder: str) -> None:
    """Writes down what this rank computes alone and together, and how often it asked the others."""
    torch.set_num_threads(1)
    method = gated(Lottery())
    alone = run(method, rank)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{Path(folder) / 'meeting'}",
        rank=rank,
        world_size=processes,
        timeout=timedelta(seconds=60),
    )
    asked, plain = [0], dist.all_reduce

    def counting(*args, **kwargs):
        asked[0] += 1
        return plain(*args, **kwargs)

    dist.all_reduce = counting
    try:
        together, collectives = run(method, rank), asked[0]
        run(ft.Method(ft.Stride(3, "first"), ft.Lagrange(1)), rank)
        found = {
            "alone": alone,
            "together": together,
            "collectives": collectives,
            "static": asked[0] - collectives,
        }
        (Path(folder) / f"rank-{rank}.json").write_text(json.dumps(found))
    finally:
        dist.all_reduce = plain
        dist.destroy_process_group()
