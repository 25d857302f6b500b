"""How each peer is put on a denoiser: once so that it skips what it can, once so that it computes every step.

Settings are the most forgiving ones: no threshold keeps a skip away, and what a peer wants to be told (a
time, a context, a number of steps) it is told. Needs `cache-dit` beside diffusers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import diffusers.hooks as peers
import torch
from diffusers.hooks.hooks import CacheContext, _set_cache_context
from torch import nn

import foretrace as ft

STEPS = 8
ALWAYS, NEVER = 1e9, 0.0
"""Thresholds that every change stays below, and none does."""
ALL_TIMES, NO_TIMES = (-1, 800), (0, 0)
"""Ranges of timesteps to skip in: all but the first two of a run, which fill the caches, and none."""
now = [1000.0]
"""The timestep of the call that is made, as a pipeline would tell it."""


class Peer(NamedTuple):
    """``skip`` and ``compute`` put the method on a denoiser; ``context``: in diffusers' cache context."""

    skip: Callable[[nn.Module], Any]
    compute: Callable[[nn.Module], Any]
    context: bool = True


def _taylorseer(before: int) -> Callable[[nn.Module], Any]:
    config = peers.TaylorSeerCacheConfig(
        cache_interval=5, disable_cache_before_step=before, taylor_factors_dtype=torch.float32
    )
    return lambda model: peers.apply_taylorseer_cache(model, config)


def _first_block(threshold: float) -> Callable[[nn.Module], Any]:
    config = peers.FirstBlockCacheConfig(threshold=threshold)
    return lambda model: peers.apply_first_block_cache(model, config)


def _mag(retained: float) -> Callable[[nn.Module], Any]:
    config = peers.MagCacheConfig(
        mag_ratios=[1.0] * STEPS,
        num_inference_steps=STEPS,
        threshold=ALWAYS,
        max_skip_steps=3,
        retention_ratio=retained,
    )
    return lambda model: peers.apply_mag_cache(model, config)


def _vision(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """The latent of each sample as (channels, frames, height, width); packed tokens as one column."""
    latent = next(x for x in (*kwargs.values(), *args) if isinstance(x, torch.Tensor) and x.ndim >= 3)
    if latent.ndim == 3:
        return [x.transpose(0, 1)[:, None, :, None] for x in latent]
    return [x[:, None] if x.ndim == 3 else x for x in latent]


def _sea(threshold: float) -> Callable[[nn.Module], Any]:
    config = peers.SeaCacheConfig(threshold=threshold, raw_vision_callback=_vision)
    return lambda model: peers.apply_sea_cache(model, config)


def _pab(times: tuple[int, int]) -> Callable[[nn.Module], Any]:
    config = peers.PyramidAttentionBroadcastConfig(
        spatial_attention_block_skip_range=2,
        temporal_attention_block_skip_range=2,
        cross_attention_block_skip_range=2,
        spatial_attention_timestep_skip_range=times,
        temporal_attention_timestep_skip_range=times,
        cross_attention_timestep_skip_range=times,
        current_timestep_callback=lambda: now[0],
    )
    return lambda model: peers.apply_pyramid_attention_broadcast(model, config)


def _faster(times: tuple[int, int]) -> Callable[[nn.Module], Any]:
    config = peers.FasterCacheConfig(
        spatial_attention_timestep_skip_range=times,
        temporal_attention_timestep_skip_range=times,
        attention_weight_callback=lambda _: 0.5,
        tensor_format="BCHW",
        is_guidance_distilled=True,
        current_timestep_callback=lambda: now[0],
    )
    return lambda model: peers.apply_faster_cache(model, config)


def _cache_dit(mask: list[int] | None) -> Callable[[nn.Module], Any]:
    def enable(model: nn.Module) -> Any:
        import cache_dit

        fixed = {} if mask is None else {"steps_computation_mask": mask, "steps_computation_policy": "static"}
        config = cache_dit.DBCacheConfig(
            num_inference_steps=STEPS,
            Fn_compute_blocks=1,
            max_warmup_steps=1,
            residual_diff_threshold=ALWAYS,
            **fixed,
        )
        return cache_dit.enable_cache(model, cache_config=config)

    return enable


def _foretrace(schedule: ft.Schedule, granularity: ft.Granularity) -> Callable[[nn.Module], Any]:
    method = ft.Method(schedule, ft.Reuse(), granularity)
    return lambda model: ft.attach(model, method, steps=STEPS)


def _ours(granularity: ft.Granularity) -> Peer:
    return Peer(_foretrace(ft.Mask([0]), granularity), _foretrace(ft.Stride(1), granularity), context=False)


PEERS = {
    "diffusers TaylorSeer": Peer(_taylorseer(3), _taylorseer(10**6)),
    "diffusers FirstBlockCache": Peer(_first_block(ALWAYS), _first_block(-1.0)),
    "diffusers MagCache": Peer(_mag(0.2), _mag(1.0)),
    "diffusers SeaCache": Peer(_sea(ALWAYS), _sea(NEVER)),
    "diffusers PAB": Peer(_pab(ALL_TIMES), _pab(NO_TIMES)),
    "diffusers FasterCache": Peer(_faster(ALL_TIMES), _faster(NO_TIMES)),
    "cache-dit": Peer(_cache_dit(None), _cache_dit([1] * STEPS), context=False),
    "foretrace PerModel": _ours(ft.PerModel()),
    "foretrace PerStack": _ours(ft.PerStack()),
}


@contextlib.contextmanager
def opened(model: nn.Module, step: int, wanted: bool) -> Iterator[None]:
    """What a pipeline does around a call: the cache context, also on classes that have no way to open it."""
    now[0] = 1000.0 * (1.0 - step / STEPS)
    if not wanted:
        yield
        return
    _set_cache_context(model, CacheContext("cond", step, STEPS, sigma=1.0 - step / STEPS))
    try:
        yield
    finally:
        _set_cache_context(model, None)
