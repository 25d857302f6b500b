"""How each peer is put on a pipeline: with its own defaults, changed by the settings of its row."""

from __future__ import annotations

import ast
import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from foretrace.bench.peers.context import (
    Clock,
    as_videos,
    denoisers_of,
    sets_context,
    watch_context,
)
from foretrace.bench.sampling import call_pipeline
from foretrace.offline.calls import Call

Settings = Mapping[str, Any]
BLOCK = r".*transformer_blocks\.\d+"
IDENTIFIERS = {
    "attn": BLOCK + r"\.attn\d?",
    "attn+ff": BLOCK + r"\.(attn\d?|ff|ff_context|proj_mlp|proj_out)",
    "block": BLOCK,
}
"""What ``identifiers=`` of diffusers-taylorseer means: its own default matches nothing on many models."""


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
            "the pipeline sets no cache context: the bench sets it by diffusers' private "
            "_set_cache_context, and resets the cache before each run"
        )
    _DIFFUSERS[name](host, settings)
    return None


def _apply(host: Host, config: str, function: str, settings: Settings) -> None:
    """By the model's own ``enable_cache``, or, where it has none, by the function that this calls."""
    from diffusers import hooks

    made = getattr(hooks, config)(**settings)
    denoiser: Any
    for denoiser in denoisers_of(host.pipe):
        if hasattr(denoiser, "enable_cache"):
            denoiser.enable_cache(made)
        else:
            getattr(hooks, function)(denoiser, made)


def _taylorseer(host: Host, settings: Settings) -> None:
    own = dict(settings)
    if own.get("identifiers") in IDENTIFIERS:
        own["cache_identifiers"] = [IDENTIFIERS[own.pop("identifiers")]]
    if isinstance(own.get("taylor_factors_dtype"), str):
        own["taylor_factors_dtype"] = getattr(torch, own["taylor_factors_dtype"])
    _apply(host, "TaylorSeerCacheConfig", "apply_taylorseer_cache", own)


def _first_block(host: Host, settings: Settings) -> None:
    _apply(host, "FirstBlockCacheConfig", "apply_first_block_cache", settings)


def _magcache(host: Host, settings: Settings) -> None:
    """Its ratios belong to a checkpoint, sampler and number of steps; it prints them after a run."""
    own = {"num_inference_steps": host.steps, **settings}
    if "mag_ratios" not in own:
        other = Host(host.load(), host.load, host.call, host.steps, host.batched)
        watch_context(other.pipe, other.clock, other.steps)
        _apply(other, "MagCacheConfig", "apply_mag_cache", {**own, "calibrate": True})
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            call_pipeline(other.pipe, host.call)
        lines = [line for line in printed.getvalue().splitlines() if line.startswith("[")]
        ratios = [line for line in lines if not line.startswith("[MagCache]")]
        own["mag_ratios"] = ast.literal_eval(ratios[0])
        host.notes.append("its ratios were calibrated on the first call")
    _apply(host, "MagCacheConfig", "apply_mag_cache", own)


def _seacache(host: Host, settings: Settings) -> None:
    _apply(host, "SeaCacheConfig", "apply_sea_cache", {"raw_vision_callback": as_videos, **settings})


def _pab(host: Host, settings: Settings) -> None:
    usual = {"spatial_attention_block_skip_range": 2, "current_timestep_callback": host.clock.now(host.pipe)}
    function = "apply_pyramid_attention_broadcast"
    _apply(host, "PyramidAttentionBroadcastConfig", function, {**usual, **settings})


def _fastercache(host: Host, settings: Settings) -> None:
    usual = {
        "current_timestep_callback": host.clock.now(host.pipe),
        "attention_weight_callback": lambda module: 0.5,
        "is_guidance_distilled": not host.batched,
        "tensor_format": "BCHW",
    }
    _apply(host, "FasterCacheConfig", "apply_faster_cache", {**usual, **settings})


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


_DIFFUSERS: dict[str, Callable[[Host, Settings], None]] = {
    "diffusers-taylorseer": _taylorseer,
    "diffusers-fbc": _first_block,
    "diffusers-magcache": _magcache,
    "diffusers-seacache": _seacache,
    "diffusers-pab": _pab,
    "diffusers-fastercache": _fastercache,
}
