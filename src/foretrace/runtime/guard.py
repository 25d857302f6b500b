"""Comparing a profile with what can only be seen in a run: steps, guidance and resolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from foretrace.profile import Profile
from foretrace.runtime.target import Target

GUIDANCE = ("true_cfg_scale", "guidance_scale")
"""Names of a guidance strength, as arguments of a pipeline's call, in the order they are looked for."""


def run_guard(profile: Profile) -> Callable[[Target, int | None, dict[str, Any]], None]:
    """The guard that a session asks at the first call of every run."""

    def guard(target: Target, total: int | None, shapes: dict[str, Any]) -> None:
        profile.check_run(total, live_guidance(target.pipeline), latent_shape(shapes))

    return guard


def live_guidance(pipeline: Any) -> float | None:
    """The guidance that a pipeline is sampling with, where it keeps it (as most do, under a private name)."""
    for name in GUIDANCE:
        value = getattr(pipeline, f"_{name}", None)
        if isinstance(value, (int, float)):
            return float(value)
    return None


def latent_shape(shapes: dict[str, Any]) -> list[int] | None:
    """The shape of the denoiser's latent input without its batch: that of ``hidden_states`` or ``sample``."""
    for name in ("hidden_states", "sample", "x"):
        shape = shapes.get(name)
        if shape is not None and len(shape) > 1:
            return [int(n) for n in shape[1:]]
    return None
