"""One pipeline call, timed or traced: its pictures, and what its scheduler saw step by step."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foretrace.errors import UnsupportedTarget
from foretrace.offline.calls import Call, fresh
from foretrace.offline.sampling import Latents, quiet, watch_latents


class Steps(Latents):
    """Every step's latents and the model output that led to them, on the host."""

    def __init__(self) -> None:
        super().__init__()
        self.latents: list[Tensor] = []
        self.outputs: list[Tensor] = []

    def see(self, output: Any, given: Any = None) -> None:
        """Keep copies in fp32."""
        super().see(output)
        if self.newest is not None:
            self.latents.append(self.newest.float().cpu().clone())
        if isinstance(given, Tensor):
            self.outputs.append(given.detach().float().cpu().clone())


@dataclass
class Sampled:
    """What a call gave. ``images`` is (samples, frames, 3, height, width) in [0, 1], fp32 on the host, one
    frame for pictures; the latents themselves, (samples, 1, ...), where the call asks for latents.
    """

    images: Tensor
    seconds: float
    steps: Steps = field(default_factory=Steps)


def call_pipeline(pipe: Any, call: Call) -> Sampled:
    """Make a call with its own copies of generators and latents; the seconds are those of the whole call."""
    with quiet(pipe):
        settle(pipe)
        began = time.perf_counter()
        output = pipe(**_as_tensors(pipe, fresh(call)))
        settle(pipe)
        seconds = time.perf_counter() - began
    return Sampled(to_pictures(output), seconds)


def trace_pipeline(pipe: Any, call: Call, steps: Steps | None = None) -> Sampled:
    """As `call_pipeline`, with every step kept in ``steps``."""
    steps = Steps() if steps is None else steps
    with watch_latents(pipe.scheduler, steps):
        sampled = call_pipeline(pipe, call)
    if not steps.latents:
        raise UnsupportedTarget(
            f"{type(pipe).__name__} made no scheduler step; expected one a sampling step. Use a pipeline "
            "that samples with its scheduler."
        )
    sampled.steps = steps
    return sampled


def settle(pipe: Any) -> None:
    """Wait until the device is done."""
    if str(getattr(pipe, "device", "cpu")).startswith("cuda"):
        torch.cuda.synchronize()


def decodes(call: Call) -> bool:
    """Whether the call gives pictures, not latents."""
    return call.get("output_type") != "latent"


def _as_tensors(pipe: Any, call: dict[str, Any]) -> dict[str, Any]:
    known = inspect.signature(type(pipe).__call__).parameters
    return {"output_type": "pt"} | call if "output_type" in known else call


def to_pictures(output: Any) -> Tensor:
    """A pipeline's output as (samples, frames, ...), see `Sampled`."""
    found = getattr(output, "images", None)
    found = getattr(output, "frames", None) if found is None else found
    if isinstance(found, np.ndarray):
        found = torch.from_numpy(found).movedim(-1, -3)
    if not isinstance(found, Tensor):
        raise UnsupportedTarget(
            f"the pipeline returned {type(found).__name__}; expected tensors of pictures or videos. "
            "Use a pipeline that knows output_type='pt', or pass output_type=latent."
        )
    found = found.detach().float().cpu()
    return found if found.ndim == 5 else found.unsqueeze(1)
