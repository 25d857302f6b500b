"""The site of ``PerStack``: what leaves the span of blocks between ``head`` and ``tail``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from foretrace.gate.base import Probe
from foretrace.granularity import PerStack
from foretrace.history import Feature, Step
from foretrace.models import block_places, check_uncompiled, first_attention
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.layout import Layout, Learner, copies
from foretrace.runtime.packing import unpack
from foretrace.runtime.probe import Probing
from foretrace.runtime.proof import check_count, check_replay
from foretrace.runtime.span import Pass, Replay, Rows, Watch
from foretrace.runtime.tap import BlockHandler, Switch, install_taps
from foretrace.runtime.trace import Trace

Choose = Callable[[Feature, Feature], tuple[int, ...]]
"""From what entered the first block and what the probe shows: the samples to compute."""


class StackSite:
    """Computes or forecasts the span of blocks; the rest of the denoiser runs either way."""

    def __init__(self, denoiser: nn.Module, granularity: PerStack, probe: Probe = "none") -> None:
        self.name, self.granularity = type(denoiser).__name__, granularity
        self.probe: Probe = probe
        self.places = block_places(denoiser)
        if probe == "modulated":
            check_uncompiled(denoiser)
        self.attention_places = first_attention(denoiser) if probe == "modulated" else []
        self.switch, self.attention = Switch(), Switch()
        self._proven: set[tuple[Any, ...]] = set()

    def install(self) -> Callable[[], None]:
        """Put taps in place of all blocks, and of the first one's attention where a gate looks there."""
        undo_probe = install_taps(self.attention_places, self.attention)
        undo_blocks = install_taps(self.places, self.switch)

        def undo() -> None:
            undo_blocks()
            undo_probe()

        return undo

    def skipped_blocks(self, trace: Trace) -> tuple[nn.Module, ...] | None:
        """The blocks that a skipped call passes over."""
        layout: Layout = trace.layout
        return layout.blocks[layout.first : layout.last + 1]

    def compute(self, trace: Trace, step: Step, call: Invocation) -> Any:
        """Run the denoiser and keep what leaves the span; the run's first call also learns the layout."""
        if trace.layout is None:
            return self._learn(trace, step, call)
        watch = Watch(trace, step)
        output = self.switch.run(self._probing(watch, trace), call)
        check_count(self.name, step, watch.calls, trace.layout.count)
        return output

    def fork(self, trace: Trace, step: Step, call: Invocation, choose: Choose) -> Any:
        """Run the head, let ``choose`` say from the probe which samples are computed, and go on accordingly.

        The head runs once.
        """
        watch = Watch(trace, step)
        chosen: list[Watch | Pass | Rows] = [watch]

        def at_entry(entered: Feature, shown: Feature) -> BlockHandler:
            trace.entered, trace.shown = entered, shown
            rows = choose(entered, shown)
            if not rows:
                chosen[0] = Pass(trace.layout, trace.forecast(step), self.name, step)
            elif len(rows) < (step.batch or 1):
                chosen[0] = Rows(trace, step, rows, self.name)
            chosen[0].calls = watch.calls
            return chosen[0]

        probing = Probing(self.probe, self.granularity.head, self.attention, watch, at_entry)
        output = self.switch.run(probing, call)
        check_count(self.name, step, chosen[0].calls, trace.layout.count)
        return output

    def partly(self, trace: Trace, step: Step, call: Invocation, rows: tuple[int, ...]) -> Any:
        """Run the denoiser with the span run on the samples ``rows`` alone, and the others' output
        forecast.
        """
        handler = Rows(trace, step, rows, self.name)
        output = self.switch.run(handler, call)
        check_count(self.name, step, handler.calls, trace.layout.count)
        return output

    def _probing(self, handler: BlockHandler, trace: Trace) -> BlockHandler:
        """``handler``, with the probe read on the way where a gate wants it."""
        if self.probe == "none":
            return handler

        def at_entry(entered: Feature, shown: Feature) -> None:
            trace.entered, trace.shown = entered, shown

        return Probing(self.probe, self.granularity.head, self.attention, handler, at_entry)

    def forecast(self, trace: Trace, step: Step, call: Invocation) -> Any:
        """Run the denoiser with the span passed over and its output forecast."""
        if trace.method.predictor.watches_probe:  # the forecast needs what the head shows in this very call
            return self.fork(trace, step, call, lambda entered, shown: ())
        skipping = Pass(trace.layout, trace.forecast(step), self.name, step)
        output = self.switch.run(skipping, call)
        check_count(self.name, step, skipping.calls, trace.layout.count)
        return output

    def _learn(self, trace: Trace, step: Step, call: Invocation) -> Any:
        """The first computed call of a run: learn its layout, and once prove that it may be skipped."""
        again = call.fresh()
        learner = Learner(self.name, self.granularity)
        output = self.switch.run(self._probing(learner, trace), call)
        trace.layout, feature = learner.finish()
        trace.commit(step, feature)
        if trace.layout.shape not in self._proven:
            returned = copies(unpack(output, self.name)[0])
            replay = Replay(Pass(trace.layout, feature, self.name, step), learner.record(), self.granularity)
            replayed = self.switch.run(replay, again)
            check_replay(self.name, self.granularity, unpack(replayed, self.name)[0], returned)
            self._proven.add(trace.layout.shape)
        return output
