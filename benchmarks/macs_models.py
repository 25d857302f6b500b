"""The published architectures at their true size, without weights, and the counted MACs of their calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch
from diffusers import DiTTransformer2DModel, PixArtTransformer2DModel
from diffusers.models.embeddings import Timesteps
from torch import Tensor, nn

import foretrace as ft
from foretrace.macs import Macs
from foretrace.schedule import Anchor

BATCH = 2  # one prompt or class with classifier-free guidance
TEXT = 120


@dataclass(frozen=True)
class Architecture:
    """How to build a model and its inputs, and where strides are anchored on it."""

    name: str
    build: Callable[[], nn.Module]
    inputs: Callable[[], dict[str, Any]]
    anchor: Anchor
    kept: tuple[str, ...]
    """Modules of a block whose outputs the papers keep, so that a skipped step does not run them."""


class Counted(NamedTuple):
    """MACs of one call: computed, skipped at two sites, and what of both is the caption projection's."""

    computed: Macs
    skipped_stack: Macs
    skipped_paper: Macs
    caption: Macs


def _dit() -> nn.Module:
    return DiTTransformer2DModel(
        num_attention_heads=16, attention_head_dim=72, num_layers=28, patch_size=2, sample_size=32,
        in_channels=4, out_channels=8, num_embeds_ada_norm=1000,
    )  # fmt: skip


def _dit_inputs() -> dict[str, Any]:
    latent = torch.empty(BATCH, 4, 32, 32)
    return {"hidden_states": latent, "class_labels": torch.zeros(BATCH, dtype=torch.long)}


def _pixart(side: int) -> Callable[[], nn.Module]:
    return lambda: PixArtTransformer2DModel(
        num_attention_heads=16, attention_head_dim=72, num_layers=28, patch_size=2, sample_size=side,
        in_channels=4, out_channels=8, cross_attention_dim=1152, caption_channels=4096,
    )  # fmt: skip


def _pixart_inputs(side: int) -> Callable[[], dict[str, Any]]:
    return lambda: {
        "hidden_states": torch.empty(BATCH, 4, side, side),
        "encoder_hidden_states": torch.empty(BATCH, TEXT, 4096),
        "added_cond_kwargs": {"resolution": None, "aspect_ratio": None},
    }


ARCHITECTURES = {
    a.name: a
    for a in (
        Architecture("dit-xl-2-256", _dit, _dit_inputs, "last", ("attn1", "ff")),
        Architecture("pixart-256", _pixart(32), _pixart_inputs(32), "first", ("attn1", "attn2", "ff")),
        Architecture("pixart-512", _pixart(64), _pixart_inputs(64), "first", ("attn1", "attn2", "ff")),
    )
}


@cache
def model_of(name: str) -> nn.Module:
    """The model on the meta device, which still takes its time from the host."""
    with torch.device("meta"):
        model = ARCHITECTURES[name].build()
    for module in model.modules():
        if isinstance(module, Timesteps):  # times keep their values, since the clock reads them
            module.register_forward_hook(lambda _module, _args, output: output.to("meta"))
    return model.eval()


def call(model: nn.Module, inputs: dict[str, Any], index: int) -> Tensor:
    """Call the model as a sampler would at step ``index``."""
    times = torch.full((BATCH,), 1000 - index)
    return model(timestep=times, return_dict=False, **inputs)[0]


@cache
def count(name: str) -> Counted:
    """Count one computed call, and by subtraction what is left of it when modules are skipped."""
    architecture, model = ARCHITECTURES[name], model_of(name)
    with torch.device("meta"):
        inputs = architecture.inputs() | {"timestep": torch.empty(BATCH, dtype=torch.long)}
    blocks = list(model.transformer_blocks)
    kept = [block.get_submodule(path) for block in blocks for path in architecture.kept]
    caption = getattr(model, "caption_projection", None)
    stack = ft.count_call(model, (), inputs, blocks)
    paper = ft.count_call(model, (), inputs, kept)
    text = ft.count_call(model, (), inputs, [caption]).inside if caption is not None else Macs(0, 0)
    return Counted(stack.computed, stack.computed - stack.inside, paper.computed - paper.inside, text)


@torch.no_grad()
def attached_run(name: str, method: ft.Method, steps: int) -> tuple[list[int], Macs]:
    """The computed steps and the MACs that a real attached run reports.

    The forecast itself is no layer, so its predictor is replaced by one that needs no data.
    """
    model, method = model_of(name), dataclasses.replace(method, predictor=ft.Reuse())
    with torch.device("meta"):
        inputs = ARCHITECTURES[name].inputs()
    with ft.accelerate(model, method, steps=steps) as run:
        for index in range(steps):
            call(model, inputs, index)
    return run.report.computed, run.report.run_macs
