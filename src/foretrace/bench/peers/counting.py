"""What a pipeline really executes and keeps, step by step, whatever skips it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from foretrace.bench.memory import live_bytes
from foretrace.bench.sampling import Sampled, Steps, call_pipeline, trace_pipeline
from foretrace.macs import Macs, flop_counter, macs_so_far
from foretrace.offline.calls import Call
from foretrace.offline.sampling import Latents, watch_latents

WHOLE = 0.999
"""A step that executes this share of an uncached step's MACs or more was computed."""


class CountedSteps(Steps):
    """Steps with the MACs that the denoisers executed in each."""

    def __init__(self, counter: FlopCounterMode) -> None:
        super().__init__()
        self.macs: list[Macs] = []
        self._counter, self._spent, self._before = counter, Macs(0, 0), Macs(0, 0)

    def enter(self, *_: Any) -> None:
        """A denoiser is called."""
        self._before = macs_so_far(self._counter)

    def leave(self, *_: Any) -> None:
        """A denoiser returned."""
        self._spent += macs_so_far(self._counter) - self._before

    def see(self, output: Any, given: Any = None) -> None:
        """A step is over."""
        super().see(output, given)
        self.macs.append(self._spent)
        self._spent = Macs(0, 0)


def trace_counted(pipe: Any, denoisers: Sequence[nn.Module], call: Call) -> tuple[Sampled, list[Macs]]:
    """A call with every step kept, and the MACs that ``denoisers`` executed in each step."""
    counter = flop_counter()
    steps = CountedSteps(counter)
    with ExitStack() as stack:
        for denoiser in denoisers:
            stack.callback(denoiser.register_forward_pre_hook(steps.enter).remove)
            stack.callback(denoiser.register_forward_hook(steps.leave).remove)
        stack.enter_context(counter)
        sampled = trace_pipeline(pipe, call, steps)
    return sampled, steps.macs


def computed_steps(own: Sequence[Macs], full: Sequence[Macs]) -> list[int]:
    """The steps that executed all that an uncached step executes."""
    pairs = zip(own, full, strict=True)
    return [i for i, (mine, whole) in enumerate(pairs) if mine.total >= WHOLE * whole.total]


class Held(Latents):
    """Bytes of live tensors after some steps."""

    def __init__(self, device: str, steps: int) -> None:
        super().__init__()
        self.device, self.at, self.found = device, {steps // 2, steps - 2}, list[int]()
        self._index = 0

    def see(self, output: Any, given: Any = None) -> None:
        """Look in the middle and near the end: a cache is full there. It may be gone after the last step."""
        super().see(output, given)
        if self._index in self.at:
            self.found.append(live_bytes(self.device))
        self._index += 1


def held_bytes(pipe: Any, call: Call, steps: int) -> list[int]:
    """Bytes of all live tensors in the middle and near the end of a call."""
    held = Held(str(getattr(pipe, "device", "cpu")), steps)
    with watch_latents(pipe.scheduler, held):
        call_pipeline(pipe, call)
    return held.found
