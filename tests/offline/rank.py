"""One of several processes. Its sampler is written here, since importing diffusers takes seconds in each."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

import foretrace as ft
from foretrace.errors import InvalidSetting

COUNT, PROCESSES, STEPS = 3, 2, 5


class Denoiser(nn.Module):
    """A matrix for the latent and one for the time, whose calls are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(2, 3, 3, generator=generator), requires_grad=False)

    def forward(self, sample: Tensor, timestep: Tensor) -> Tensor:
        self.calls += 1
        return torch.tanh(sample @ self.weight[0] + timestep * self.weight[1].sum(dim=0))


class Scheduler:
    """Euler's."""

    config: dict[str, Any] = {}  # noqa: RUF012

    def step(self, output: Tensor, _time: Tensor, sample: Tensor) -> tuple[Tensor]:
        return (sample - output / STEPS,)


class Pipeline:
    """All that foretrace asks of one: its parts, and to be called."""

    def __init__(self) -> None:
        self.transformer, self.scheduler = Denoiser(), Scheduler()
        self.components = vars(self)

    def __call__(self, generator: torch.Generator) -> Tensor:
        x = torch.randn(2, 4, 3, generator=generator)
        self.scheduler.timesteps = torch.linspace(1.0, 0.2, STEPS)
        for time in self.scheduler.timesteps:
            (x,) = self.scheduler.step(self.transformer(x, time), time, x)
        return x


def calls() -> list[dict[str, Any]]:
    return [{"generator": torch.Generator().manual_seed(number)} for number in range(COUNT)]


def prints(recording: ft.Recording) -> list[str]:
    """A digest of every tensor of every call, in order."""
    return [
        hashlib.sha256(shard.get(name).numpy().tobytes()).hexdigest()
        for shard in recording.shards
        for name in shard.names()
    ]


def work(rank: int, folder: str) -> None:
    """Writes down how many calls this process made, what it ended with, and what it was refused."""
    torch.set_num_threads(1)
    root, refused = Path(folder), ""
    meeting = f"file://{root / 'meeting'}"
    dist.init_process_group(
        "gloo", init_method=meeting, rank=rank, world_size=PROCESSES, timeout=timedelta(seconds=60)
    )
    try:
        pipe = Pipeline()
        try:
            ft.record(pipe, calls())
        except InvalidSetting as error:
            refused = str(error)
        found = ft.record(pipe, calls(), folder=root / "shared")
        (root / f"rank-{rank}.json").write_text(json.dumps([pipe.transformer.calls, prints(found), refused]))
    finally:
        dist.destroy_process_group()
