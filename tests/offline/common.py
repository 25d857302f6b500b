"""Tiny pipelines whose calls can be made again, and what a run of them really does."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

import foretrace as ft
from runtime.test_pipelines import dit, flux, wan

STEPS = 8
MAKERS = {"dit": dit, "flux": flux, "wan": wan, "wan-experts": lambda: wan(experts=True)}


def tiny(name: str = "dit") -> Any:
    """A pipeline with random weights, always the same, without a progress bar."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pipe, _ = MAKERS[name]()
    pipe.set_progress_bar_config(disable=True)
    return pipe


@functools.cache
def shapes() -> Any:
    """The trained reference model."""
    pipe = ft.reference("shapes-dit")
    pipe.set_progress_bar_config(disable=True)
    return pipe


def calls(
    count: int, name: str = "dit", steps: int = STEPS, batch: int = 2, **how: Any
) -> list[dict[str, Any]]:
    """``count`` calls of the pipeline ``name``, each with its own noise."""
    return [_call(name, number, batch) | {"num_inference_steps": steps, **how} for number in range(count)]


def _call(name: str, number: int, batch: int) -> dict[str, Any]:
    seeded = torch.Generator().manual_seed(100 + number)
    call: dict[str, Any] = {"generator": torch.Generator().manual_seed(number)}
    if name == "dit":
        return call | {"class_labels": [number + i for i in range(batch)], "guidance_scale": 1.0,
                       "output_type": "np"}  # fmt: skip
    if name == "flux":
        return call | {
            "prompt_embeds": torch.randn(batch, 7, 12, generator=seeded),
            "pooled_prompt_embeds": torch.randn(batch, 10, generator=seeded),
            "height": 32, "width": 32, "output_type": "latent",
        }  # fmt: skip
    embeds = torch.randn(2, batch, 7, 12, generator=seeded)
    return call | {
        "prompt_embeds": embeds[0], "negative_prompt_embeds": embeds[1], "height": 32, "width": 32,
        "num_frames": 5, "output_type": "latent",
    }  # fmt: skip


@contextmanager
def counted(pipe: Any) -> Iterator[list[Tensor]]:
    """The outputs of the denoisers, one a call, as they come."""
    seen: list[Tensor] = []

    def keep(_module: Any, _args: Any, output: Any) -> None:
        seen.append((output[0] if isinstance(output, tuple) else output.sample).detach().clone())

    models = [part for part in (pipe.transformer, getattr(pipe, "transformer_2", None)) if part is not None]
    hooks = [model.register_forward_hook(keep) for model in models]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def latents(pipe: Any, call: dict[str, Any]) -> Tensor:
    """What FLUX and Wan return with ``output_type="latent"``, of the plain pipeline."""
    generator = call["generator"].clone_state()
    output = pipe(**{**call, "generator": generator})
    return output[0]
