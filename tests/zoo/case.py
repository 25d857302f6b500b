"""What a zoo entry is: how to build one tiny denoiser, and the arguments of a call at a time.

Times run from 1 (noise) to 0 (data) here; ``unit`` scales them to what the class itself is given.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tiny import randomise


@dataclass(frozen=True)
class Case:
    """A class with a tiny configuration: ``call(t)`` is the same for every ``t`` but for the time."""

    name: str
    build: Callable[[], nn.Module]
    call: Callable[[float], dict[str, Any]]


class Draw:
    """Normal tensors, the same ones in every call, and the time of this call as a batch of two."""

    def __init__(self, t: float, unit: float) -> None:
        self.time = torch.full((2,), t * unit)
        self._generator = torch.Generator().manual_seed(0)

    def __call__(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator)

    def ints(self, high: int, *shape: int) -> Tensor:
        """Integers below ``high``: tokens, labels."""
        return torch.randint(high, shape, generator=self._generator)


Inputs = Callable[[Draw], dict[str, Any]]


def case(
    model: type[nn.Module],
    config: dict[str, Any],
    inputs: Inputs,
    *,
    unit: float = 1000.0,
    time: str | None = "timestep",
    tag: str = "",
) -> Case:
    """The entry of ``model``; ``time`` names its time argument, ``None`` where ``inputs`` gives it itself."""
    returns = {"return_dict": False} if "return_dict" in inspect.signature(model.forward).parameters else {}

    def build() -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)  # constructors draw biases and tables
            return randomise(model(**config), 0)

    def call(t: float) -> dict[str, Any]:
        draw = Draw(t, unit)
        return {**inputs(draw), **({time: draw.time} if time else {}), **returns}

    return Case(model.__name__ + tag, build, call)


def grid_ids(height: int, width: int, axes: int = 3) -> Tensor:
    """Position ids of an image's tokens, rows and columns in the last two axes."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    ids = torch.zeros(height * width, axes)
    ids[:, -2], ids[:, -1] = rows.flatten(), columns.flatten()
    return ids
