"""A pipeline call made for several copies of its samples at once, and its latents taken apart again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from foretrace.offline.calls import Call, fresh

SHARED = ("sigmas", "timesteps")
"""Lists that are of the steps, whatever their length."""


def samples_of(call: Call) -> int | None:
    """How many samples the call makes; ``None`` where that, or the noise of each, cannot be told from it.

    One generator for several samples draws for all of them in turn, so that a copy would have other noise.
    """
    generator, latents = call.get("generator"), call.get("latents")
    if isinstance(generator, (list, tuple)):
        return len(generator)
    if generator is None:
        return len(latents) if isinstance(latents, Tensor) else None
    several = [v for name, v in call.items() if isinstance(v, (list, tuple, Tensor)) and name not in SHARED]
    return 1 if all(len(v) == 1 for v in several) else None


def tiled(call: Call, copies: int) -> dict[str, Any] | None:
    """The call of ``copies`` times its samples, sample s of copy k at place ``k S + s``.

    Lists and tensors of one entry a sample, and prompts, are repeated; everything else is shared. ``None``
    where `samples_of` says so.
    """
    samples = samples_of(call)
    if samples is None:
        return None
    made = [fresh(call) for _ in range(copies)]  # each with generators of its own
    return {name: _tiled(name, [one[name] for one in made], samples) for name in call}


def _tiled(name: str, values: list[Any], samples: int) -> Any:
    first = values[0]
    if isinstance(first, torch.Generator) or (isinstance(first, str) and name.startswith("prompt")):
        return values
    own = "prompt" in name or (name not in SHARED and _length(first) == samples)
    if isinstance(first, (list, tuple)) and own:
        return type(first)(x for value in values for x in value)
    return torch.cat(values) if isinstance(first, Tensor) and first.ndim and own else first


def _length(value: Any) -> int | None:
    sized = isinstance(value, (list, tuple)) or (isinstance(value, Tensor) and value.ndim > 0)
    return len(value) if sized else None


def copies_of(latents: Tensor, samples: int, copies: int) -> list[Tensor]:
    """The latents of each copy, as its own call returns them.

    A pipeline that carries both rows of a guidance along has them one after the other, each for all samples.
    """
    parts = latents.reshape(-1, copies, samples, *latents.shape[1:])
    return [parts[:, k].flatten(0, 1) for k in range(copies)]
