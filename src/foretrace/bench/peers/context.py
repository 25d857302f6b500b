"""What diffusers' caches must be told of the sampling loop, where the pipeline does not tell them."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from foretrace.runtime.invocation import Invocation
from foretrace.runtime.signature import signature_of
from foretrace.runtime.target import find_target


class Clock:
    """The time that the denoiser was last called with."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self, pipe: Any) -> Callable[[], Any]:
        """The current timestep: the pipeline's own word, or that of its denoiser's calls."""
        if hasattr(type(pipe), "current_timestep"):
            return lambda: pipe.current_timestep
        return lambda: self.time


def denoisers_of(pipe: Any) -> list[nn.Module]:
    """The denoisers of a pipeline."""
    return list(find_target(pipe).denoisers.values())


def sets_context(pipe: Any) -> bool:
    """Whether the pipeline tells its model which branch it is calling, as diffusers' caches need."""
    return "cache_context(" in inspect.getsource(sys.modules[type(pipe).__module__])


def watch_context(pipe: Any, clock: Clock, steps: int) -> None:
    """Keep ``clock`` going, and set and reset the cache context where the pipeline does not."""
    for denoiser in denoisers_of(pipe):
        if sets_context(pipe):
            denoiser.register_forward_pre_hook(_ticking(clock, denoiser), with_kwargs=True)
        else:
            before, after = _with_context(pipe, denoiser, clock, steps)
            denoiser.register_forward_pre_hook(before, with_kwargs=True)
            denoiser.register_forward_hook(after, always_call=True)


def _ticking(clock: Clock, denoiser: nn.Module) -> Callable[..., None]:
    signature = signature_of(denoiser)
    assert signature is not None  # find_target has seen it

    def before(module: nn.Module, args: Any, kwargs: Any) -> None:
        value = signature.time_of(Invocation(module, args, kwargs))
        clock.time = float(value.flatten()[0]) if isinstance(value, Tensor) else float(value)

    return before


def _with_context(
    pipe: Any, denoiser: nn.Module, clock: Clock, steps: int
) -> tuple[Callable[..., None], Callable[..., None]]:
    """One context, "cond", since these pipelines call the model once a step."""
    from diffusers.hooks.hooks import CacheContext, HookRegistry, _set_cache_context

    tick = _ticking(clock, denoiser)

    def before(module: nn.Module, args: Any, kwargs: Any) -> None:
        tick(module, args, kwargs)
        index = _index(pipe.scheduler.timesteps, clock.time)
        if index == 0:
            HookRegistry.check_if_exists_or_initialize(module).reset_stateful_hooks()
        sigma = min(1.0, max(0.0, clock.time / pipe.scheduler.config.num_train_timesteps))
        _set_cache_context(module, CacheContext("cond", index, steps, clock.time, sigma))

    def after(module: nn.Module, given: Any, found: Any) -> None:
        _set_cache_context(module, None)

    return before, after


def _index(timesteps: Tensor, time: float) -> int:
    return int((timesteps.float().cpu() - time).abs().argmin())


def as_videos(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """The latents of each sample as (channels, frames, height, width), for models SeaCache does not know."""
    latents = kwargs.get("hidden_states", args[0] if args else None)
    assert isinstance(latents, Tensor)
    if latents.ndim == 3:  # packed tokens: a square of them, or a line
        side = math.isqrt(latents.shape[1])
        shape = (side, side) if side**2 == latents.shape[1] else (1, latents.shape[1])
        latents = latents.transpose(1, 2).unflatten(2, shape)
    return list(latents if latents.ndim == 5 else latents.unsqueeze(2))
