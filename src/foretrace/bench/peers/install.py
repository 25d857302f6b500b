"""How each peer is put on a pipeline: with its own defaults, changed by the settings of its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from foretrace.bench.peers.context import Clock, denoisers_of, sets_context, watch_context
from foretrace.bench.sampling import call_pipeline
from foretrace.offline.calls import Call

Settings = Mapping[str, Any]
BLOCK = r".*transformer_blocks\.\d+"
IDENTIFIERS = {
    "attn": BLOCK + r"\.attn\d?",
    "attn+ff": BLOCK + r"\.(attn\d?|ff|ff_context|proj_mlp|proj_out)",
    "block": BLOCK,
}
"""What ``identifiers=`` of diffusers-taylorseer stands for: its own default matches nothing on many models."""


@dataclass
class Host:
    """A pipeline for a peer to work on, and what its settings may have to know of it.

    ``load`` makes another such pipeline; ``batched`` says that guidance doubles the denoiser's batch. A peer
    leaves what a reader should know in ``notes``.
    """

    pipe: Any
    load: Callable[[], Any]
    call: Call
    steps: int
    batched: bool
    clock: Clock = field(default_factory=Clock)
    notes: list[str] = field(default_factory=list)


def install(name: str, host: Host, settings: Settings) -> None:
    """Put the peer ``name`` to work on ``host.pipe``. Whatever it raises is the row's reason."""
    if name == "cache-dit":
        return _cache_dit(host, settings)
    watch_context(host.pipe, host.clock, host.steps)
    if not sets_context(host.pipe):
        host.notes.append(
            "the pipeline sets no cache context: the bench sets it by diffusers' private _set_cache_context, and "
            "resets the cache before each run"
        )
    _DIFFUSERS[name](host, dict(settings))
    return None


def _apply(host: Host, config: Any, function: str) -> None:
    """By the model's own ``enable_cache``, or, where it has none, by the function that this calls."""
    from diffusers import hooks

    for denoiser in denoisers_of(host.pipe):
        if hasattr(denoiser, "enable_cache"):
            denoiser.enable_cache(config)
        else:
            getattr(hooks, function)(denoiser, config)


def _taylorseer(host: Host, settings: dict[str, Any]) -> None:
    from diffusers.hooks import TaylorSeerCacheConfig

    if settings.get("identifiers") in IDENTIFIERS:
        settings["cache_identifiers"] = [IDENTIFIERS[settings.pop("identifiers")]]
    if isinstance(settings.get("taylor_factors_dtype"), str):
        settings["taylor_factors_dtype"] = getattr(torch, settings["taylor_factors_dtype"])
    _apply(host, TaylorSeerCacheConfig(**settings), "apply_taylorseer_cache")


def _first_block(host: Host, settings: dict[str, Any]) -> None:
    from diffusers.hooks import FirstBlockCacheConfig

    _apply(host, FirstBlockCacheConfig(**settings), "apply_first_block_cache")


def _magcache(host: Host, settings: dict[str, Any]) -> None:
    """Its ratios belong to a checkpoint, sampler and number of steps; it prints them after a run."""
    import ast
    import contextlib
    import io

    from diffusers.hooks import MagCacheConfig

    if "mag_ratios" not in settings:
        other = Host(host.load(), host.load, host.call, host.steps, host.batched)
        watch_context(other.pipe, other.clock, other.steps)
        _apply(other, MagCacheConfig(calibrate=True, num_inference_steps=host.steps), "apply_mag_cache")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            call_pipeline(other.pipe, host.call)
        lines = [line for line in printed.getvalue().splitlines() if line.startswith("[")]
        ratios = [line for line in lines if not line.startswith("[MagCache]")]
        settings["mag_ratios"] = ast.literal_eval(ratios[0])
        host.notes.append("its ratios were calibrated on the first call")
    _apply(host, MagCacheConfig(**{"num_inference_steps": host.steps} | settings), "apply_mag_cache")


def _seacache(host: Host, settings: dict[str, Any]) -> None:
    from diffusers.hooks import SeaCacheConfig

    from foretrace.bench.peers.context import as_videos

    _apply(host, SeaCacheConfig(**{"raw_vision_callback": as_videos} | settings), "apply_sea_cache")


def _pab(host: Host, settings: dict[str, Any]) -> None:
    from diffusers.hooks import PyramidAttentionBroadcastConfig

    usual = {"spatial_attention_block_skip_range": 2, "current_timestep_callback": host.clock.now(host.pipe)}
    _apply(
        host, PyramidAttentionBroadcastConfig(**usual | settings), "apply_pyramid_attention_broadcast"
    )


def _fastercache(host: Host, settings: dict[str, Any]) -> None:
    from diffusers.hooks import FasterCacheConfig

    usual = {
        "current_timestep_callback": host.clock.now(host.pipe),
        "attention_weight_callback": lambda module: 0.5,
        "is_guidance_distilled": not host.batched,
        "tensor_format": "BCHW",
    }
    _apply(host, FasterCacheConfig(**usual | settings), "apply_faster_cache")


def _cache_dit(host: Host, settings: Settings) -> None:
    """``taylorseer_order`` asks for its calibrator; the other settings are those of `DBCacheConfig`."""
    import cache_dit

    own = dict(settings)
    order = own.pop("taylorseer_order", None)
    calibrator = None if order is None else cache_dit.TaylorSeerCalibratorConfig(taylorseer_order=order)
    if isinstance(own.get("steps_computation_mask"), tuple):
        own["steps_computation_mask"] = list(own["steps_computation_mask"])
    config = cache_dit.DBCacheConfig(**own)
    cache_dit.enable_cache(host.pipe, cache_config=config, calibrator_config=calibrator)


_DIFFUSERS: dict[str, Callable[[Host, dict[str, Any]], None]] = {
    "diffusers-taylorseer": _taylorseer,
    "diffusers-fbc": _first_block,
    "diffusers-magcache": _magcache,
    "diffusers-seacache": _seacache,
    "diffusers-pab": _pab,
    "diffusers-fastercache": _fastercache,
}
