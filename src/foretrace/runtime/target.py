"""Finding the denoisers of whatever the user passed: a diffusers pipeline or the module itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from foretrace.errors import UnsupportedTarget
from foretrace.runtime.signature import signature_of


@dataclass(frozen=True)
class Target:
    """The denoisers by component name, and the pipeline they belong to, if any."""

    denoisers: dict[str, nn.Module]
    pipeline: Any = None

    @property
    def scheduler(self) -> Any:
        """The pipeline's scheduler as it is now; users may swap it between runs."""
        return getattr(self.pipeline, "scheduler", None)


def find_target(target: object) -> Target:
    """Recognise a pipeline by its components, a denoiser by the time argument of its ``forward``."""
    if isinstance(target, nn.Module):
        if signature_of(target) is None:
            raise UnsupportedTarget(
                f"{type(target).__name__} is no denoiser: its forward takes no time argument; expected one "
                "called timestep, t or sigma. Pass the pipeline or its transformer."
            )
        return Target({"denoiser": target})
    components = getattr(target, "components", None)
    if not isinstance(components, Mapping):
        raise UnsupportedTarget(
            f"got {type(target).__name__}; expected a diffusers pipeline or a denoiser module. "
            "Pass pipe or pipe.transformer."
        )
    denoisers = {
        name: part
        for name, part in components.items()
        if isinstance(part, nn.Module)
        and not name.startswith("controlnet")
        and signature_of(part) is not None
    }
    if not denoisers:
        raise UnsupportedTarget(
            f"{type(target).__name__} has no component that takes a time ({', '.join(components)}); "
            "expected a transformer or unet. Pass the denoiser module itself."
        )
    return Target(denoisers, target)
