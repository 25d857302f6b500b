"""Image-edit transformers whose first call fills a cache of keys and values: what follows is another mode.

The call that fills is computed, and so is the first call that reads, whatever the schedule says: its shapes
and what it runs are others. From there on steps are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers.models.transformers.transformer_glm_image import GlmImageKVCache
from diffusers.models.transformers.transformer_qwenimage21 import QwenImage21KVCache
from torch import Tensor, nn

import foretrace as ft
from foretrace.errors import ShapeChanged
from zoo import CASES
from zoo.case import grid_ids
from zoo.laws import NEARLY_ZERO, ROUNDING

Begin = Callable[[], None]
Loop = Callable[[nn.Module, tuple[float, ...], Begin], list[Tensor]]
SITES = [
    ft.PerModel(),
    ft.PerStack(),
    ft.PerBlock(),
    ft.PerModule("attn", "ff"),
    ft.PerModule("attn", "ff", store="gated"),
]
MOVING = (0.9, 0.7, 0.5, 0.3, 0.1)
STANDSTILL = (4e-30, *NEARLY_ZERO)


def flux2(model: nn.Module, times: tuple[float, ...], _: Begin) -> list[Tensor]:
    """Flux2 Klein: reference tokens stand in front of the latent in the first call only."""
    found, cache = [], None
    reference = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(1))
    for i, t in enumerate(times):
        call: dict[str, Any] = CASES["Flux2Transformer2DModel"].call(t)
        if i == 0:
            call["hidden_states"] = torch.cat([reference, call["hidden_states"]], 1)
            call["img_ids"] = torch.cat([grid_ids(2, 2, 4), call["img_ids"]])
            output, cache = model(**call, kv_cache_mode="extract", num_ref_tokens=4)
        else:
            (output,) = model(**call, kv_cache=cache, kv_cache_mode="cached")
        found.append(output.clone())
    return found


def qwen(model: nn.Module, times: tuple[float, ...], _: Begin) -> list[Tensor]:
    """Qwen-Image 2.1: the prefix of text and condition image is kept, the later calls run the target only."""
    cache, found = QwenImage21KVCache(len(model.transformer_blocks)), []  # type: ignore[arg-type]
    for i, t in enumerate(times):
        call = CASES["QwenImage21Transformer2DModel"].call(t)
        mode = "cached" if i else "extract"
        found.append(model(**call, kv_cache=cache, kv_cache_mode=mode)[0].clone())
    return found


def glm(model: nn.Module, times: tuple[float, ...], begin: Begin) -> list[Tensor]:
    """GLM-Image: a condition image is written to the cache at time 0 before the loop, then only read."""
    cache = GlmImageKVCache(num_layers=len(model.transformer_blocks))  # type: ignore[arg-type]
    cache.set_mode("write")
    call = CASES["GlmImageTransformer2DModel"].call(0.0)
    call["encoder_hidden_states"] = call["encoder_hidden_states"][:, :0]
    model(**call, kv_caches=cache)
    cache.next_sample()
    cache.set_mode("read")
    begin()
    return [model(**CASES["GlmImageTransformer2DModel"].call(t), kv_caches=cache)[0].clone() for t in times]


LOOPS: dict[str, tuple[str, dict[str, Any], Loop]] = {
    "flux2": ("Flux2Transformer2DModel", {}, flux2),
    "qwen": ("QwenImage21Transformer2DModel", {"causal_condition": True}, qwen),
    "glm": ("GlmImageTransformer2DModel", {}, glm),
}


def build(name: str) -> tuple[nn.Module, Loop]:
    case, change, loop = LOOPS[name]
    model = CASES[case].build()
    if change:
        model.register_to_config(**change)  # type: ignore[operator]
    return model, loop


@pytest.mark.parametrize("granularity", SITES, ids=str)
@pytest.mark.parametrize("name", LOOPS)
@torch.no_grad()
def test_computing_every_step_is_the_uncached_run(name: str, granularity: ft.Granularity) -> None:
    model, loop = build(name)
    expected = loop(model, MOVING, lambda: None)
    with ft.accelerate(model, ft.Method(ft.Stride(1), ft.Reuse(), granularity), steps=5) as run:
        got = loop(model, MOVING, run.begin)
    assert run.report.computed == [0, 1, 2, 3, 4]
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("granularity", SITES, ids=str)
@pytest.mark.parametrize("name", LOOPS)
@torch.no_grad()
def test_skips_follow_the_first_call_that_reads(name: str, granularity: ft.Granularity) -> None:
    """With equal inputs a skip repeats what the call before it computed from the filled cache."""
    model, loop = build(name)
    with ft.accelerate(model, ft.Method(ft.Mask([0]), ft.Reuse(), granularity), steps=4) as run:
        _, computed, *later = loop(model, STANDSTILL, run.begin)
    assert run.report.computed == ([0] if name == "glm" else [0, 1])
    for output in later:
        assert float((output - computed).norm() / computed.norm()) <= ROUNDING


@pytest.mark.parametrize("granularity", SITES, ids=str)
@torch.no_grad()
def test_a_filling_call_that_looks_like_a_step_is_told_from_one(granularity: ft.Granularity) -> None:
    """GLM's cache alone knows its mode; in one's own loop the shapes give it away."""
    model, loop = build("glm")
    with ft.accelerate(model, ft.Method(ft.Mask([0]), ft.Reuse(), granularity), steps=5):
        with pytest.raises(ShapeChanged, match=r"GlmImageTransformer2DModel: argument 'encoder_.*run\.begin"):
            loop(model, MOVING, lambda: None)
