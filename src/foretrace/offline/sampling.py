"""Making a pipeline call for its final latents, quietly and without a trace left on the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from foretrace.errors import UnsupportedTarget
from foretrace.offline.calls import Call, fresh
from foretrace.offline.tiling import samples_of
from foretrace.runtime.scheduler_step import stepped, watch_step


class Latents:
    """The newest latents that the scheduler returned: after a run, the final ones."""

    def __init__(self) -> None:
        self.newest: Tensor | None = None

    def see(self, output: Any, given: Any = None) -> None:
        """Take the previous sample out of what ``scheduler.step`` returned for the model output ``given``."""
        sample = stepped(output)
        if sample is not None:
            self.newest = sample.detach()


class LatentPath(Latents):
    """All latents that the scheduler returned, on the host, in their own precision."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def see(self, output: Any, given: Any = None) -> None:
        """As `Latents`, and keep a copy."""
        super().see(output, given)
        if self.newest is not None:
            self.found.append(self.newest.cpu().clone())


@contextmanager
def watch_latents(scheduler: Any, latents: Latents | None = None) -> Iterator[Latents]:
    """See what ``scheduler.step`` returns for the length of a with block; its class is not touched."""
    latents = latents if latents is not None else Latents()
    undo = watch_step(scheduler, lambda given, sample, output, call: latents.see(output, given))
    try:
        yield latents
    finally:
        undo()


@contextmanager
def quiet(pipe: Any) -> Iterator[None]:
    """No progress bar of the pipeline's own inside: one bar over all calls is shown instead."""
    config = getattr(pipe, "_progress_bar_config", None)
    set_config = getattr(pipe, "set_progress_bar_config", None)
    if set_config is not None:
        set_config(**{**(config or {}), "disable": True})
    try:
        yield
    finally:
        if config is not None:
            pipe._progress_bar_config = config
        elif hasattr(pipe, "_progress_bar_config"):
            del pipe._progress_bar_config


def check_pipeline(pipe: Any) -> None:
    """Raise `UnsupportedTarget` unless ``pipe`` can be called and has a scheduler to read latents from."""
    if not callable(pipe) or not callable(getattr(getattr(pipe, "scheduler", None), "step", None)):
        raise UnsupportedTarget(
            f"got {type(pipe).__name__}; expected a diffusers pipeline with a scheduler, whose runs can be "
            "made again. Pass the pipeline, not its denoiser."
        )


def sample(pipe: Any, call: Call, latents: Latents | None = None) -> Tensor:
    """The final latents of one pipeline call, on the host, in fp32.

    Pass ``output_type="latent"`` in the call, where the pipeline knows it, to save the decoding. One row a
    sample: where the pipeline carries the same latents along for each row of its guidance, they come once.
    ``latents`` sees those of all steps.
    """
    with quiet(pipe), watch_latents(pipe.scheduler, latents) as latents:
        pipe(**fresh(call))
    if latents.newest is None:
        raise UnsupportedTarget(
            f"{type(pipe).__name__} made no scheduler step; expected one a sampling step. "
            "Use a pipeline that samples with its scheduler."
        )
    return once(latents.newest.float().cpu(), samples_of(call))


def once(latents: Tensor, samples: int | None) -> Tensor:
    """The first ``samples`` rows, or half of them if that is not known, where all that follow repeat them."""
    size = samples or len(latents) // 2
    if not size or len(latents) <= size or len(latents) % size:
        return latents
    first, *others = latents.split(size)
    return first if all(torch.equal(first, other) for other in others) else latents


def relative_error(latents: Tensor, reference: Tensor) -> Tensor:
    """``|a - b| / |b|`` of each sample: (samples,)."""
    a, b = latents.flatten(1).double(), reference.flatten(1).double()
    return (a - b).norm(dim=1) / b.norm(dim=1).clamp(min=1e-30)
