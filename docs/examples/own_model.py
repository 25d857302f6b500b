"""A denoiser of one's own under foretrace: a spec that names its stack, and a sampling loop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import foretrace as ft
from foretrace.models import ModelSpec
from foretrace.models.spec import SPECS


class Stage(nn.Module):
    """A residual layer that sees the time; neither its name nor its list tells that it is a block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """(batch, tokens, width) to the same shape."""
        return hidden + self.outer(torch.tanh(self.inner(hidden) + embedding))


class MyDenoiser(nn.Module):
    """(batch, tokens, 8) and a time to the same shape."""

    def __init__(self, width: int = 32, depth: int = 6) -> None:
        super().__init__()
        self.enter, self.time, self.leave = nn.Linear(8, width), nn.Linear(1, width), nn.Linear(width, 8)
        self.trunk = nn.ModuleList(Stage(width) for _ in range(depth))

    def forward(self, latent: Tensor, timestep: Tensor) -> Tensor:
        """What a sampling loop calls."""
        hidden, embedding = self.enter(latent), self.time(timestep.reshape(1, 1))
        for stage in self.trunk:
            hidden = stage(hidden, embedding)
        return self.leave(hidden)


# The spec. "anchor" says where strides are counted from when the recipe leaves it open.
SPECS["MyDenoiser"] = ModelSpec(anchor="last", stacks=("trunk",))


@torch.no_grad()
def sample(denoiser: nn.Module, steps: int) -> Tensor:
    """Euler from time 1 to 0."""
    latent = torch.randn(2, 16, 8, generator=torch.Generator().manual_seed(0))
    for i in range(steps):
        latent = latent - denoiser(latent, torch.tensor(1.0 - i / steps)) / steps
    return latent


def main() -> tuple[list[int], list[int]]:
    """Sample with 20 steps, then with 12; the computed steps of both runs."""
    denoiser = MyDenoiser().eval()
    with ft.accelerate(denoiser, "tracache", interval=4, order=2, steps=20) as run:
        sample(denoiser, 20)
        first = run.report
        run.begin(steps=12)
        sample(denoiser, 12)
    return first.computed, run.report.computed


if __name__ == "__main__":
    assert main() == ([0, 3, 7, 11, 15, 19], [0, 3, 7, 11])
