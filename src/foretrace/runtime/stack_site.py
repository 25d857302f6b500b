"""The site of ``PerStack``: what leaves the span of blocks between ``head`` and ``tail``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from foretrace.granularity import PerStack
from foretrace.history import Feature, Step
from foretrace.models import block_places
from foretrace.runtime.layout import Layout, Learner, Record, copies
from foretrace.runtime.packing import fetch, fresh_containers, tensor_slots, unpack
from foretrace.runtime.proof import check_count, check_replay, raise_other_block
from foretrace.runtime.tap import Switch, install_taps
from foretrace.runtime.trace import Trace


class StackSite:
    """Computes or forecasts the span of blocks; the rest of the denoiser runs either way."""

    def __init__(self, denoiser: nn.Module, granularity: PerStack) -> None:
        self.name, self.granularity = type(denoiser).__name__, granularity
        self.places = block_places(denoiser)
        self.switch = Switch()
        self._proven: set[tuple[Any, ...]] = set()

    def install(self) -> Callable[[], None]:
        """Put taps in place of all blocks."""
        return install_taps(self.places, self.switch)

    def skipped_blocks(self, trace: Trace) -> tuple[nn.Module, ...] | None:
        """The blocks that a skipped call passes over."""
        layout: Layout = trace.layout
        return layout.blocks[layout.first : layout.last + 1]

    def compute(
        self,
        trace: Trace,
        step: Step,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run the denoiser and keep what leaves the span; the run's first call also learns the layout."""
        if trace.layout is None:
            return self._learn(trace, step, forward, args, kwargs)
        watch = _Watch(trace, step)
        output = self.switch.run(watch, forward, args, kwargs)
        check_count(self.name, step, watch.calls, trace.layout.count)
        return output

    def forecast(
        self,
        trace: Trace,
        step: Step,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run the denoiser with the span passed over and its output forecast."""
        skipping = _Pass(trace.layout, trace.forecast(step), self.name, step)
        output = self.switch.run(skipping, forward, args, kwargs)
        check_count(self.name, step, skipping.calls, trace.layout.count)
        return output

    def _learn(
        self,
        trace: Trace,
        step: Step,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """The first computed call of a run: learn its layout, and once prove that it may be skipped."""
        again = fresh_containers(kwargs)
        learner = Learner(self.name, self.granularity)
        output = self.switch.run(learner, forward, args, kwargs)
        trace.layout, feature = learner.finish()
        trace.commit(step, feature)
        if trace.layout.shape not in self._proven:
            returned = copies(unpack(output, self.name)[0])
            replay = _Replay(
                _Pass(trace.layout, feature, self.name, step), learner.record(), self.granularity
            )
            replayed = self.switch.run(replay, forward, args, again)
            check_replay(self.name, self.granularity, unpack(replayed, self.name)[0], returned)
            self._proven.add(trace.layout.shape)
        return output


class _Watch:
    """A computed call after the first: every block runs, the span's output is kept as it passes."""

    def __init__(self, trace: Trace, step: Step) -> None:
        self.trace, self.step, self.layout = trace, step, trace.layout
        self.calls = 0
        self._entered: Feature = ()

    def __call__(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call, layout = self.calls, self.layout
        self.calls += 1
        if call == layout.first and layout.sources:
            self._entered = tuple(x.clone() for x in _sources(layout, args, kwargs))
        output = block(*args, **kwargs)
        if call == layout.last:
            feature, _ = unpack(output, type(block).__name__)
            if layout.sources:
                feature = tuple(x - e for x, e in zip(feature, self._entered, strict=True))
            self.trace.commit(self.step, feature)
        return output


class _Pass:
    """A skipped call: head and tail run, the span is passed over, its last block answers ``feature``."""

    def __init__(self, layout: Layout, feature: Feature, name: str, step: Step) -> None:
        self.layout, self.feature, self.name, self.step = layout, feature, name, step
        self.calls = 0
        self._entered: Feature = ()

    def __call__(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call, layout = self.calls, self.layout
        self.calls += 1
        if call >= layout.count or block is not layout.blocks[call]:
            raise_other_block(self.name, self.step, call)
        if not layout.first <= call <= layout.last:
            return block(*args, **kwargs)
        if call == layout.first:
            self._entered = _sources(layout, args, kwargs)
        if call < layout.last:
            return layout.passages[call].answer(args, kwargs)
        feature = self.feature
        if layout.sources:
            feature = tuple(x + e for x, e in zip(feature, self._entered, strict=True))
        return layout.passages[call].template.pack(feature)


class _Replay:
    """A skipped call in which head and tail answer what they returned, and the tail's inputs are checked."""

    def __init__(self, skipping: _Pass, record: Record, granularity: PerStack) -> None:
        self.skipping, self.record, self.granularity = skipping, record, granularity

    def __call__(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        skipping, layout, record = self.skipping, self.skipping.layout, self.record
        call = skipping.calls
        if layout.first <= call <= layout.last:
            return skipping(block, args, kwargs)
        skipping.calls += 1
        if call < layout.first:
            feature = record.head[call]
        else:
            place = call - layout.last - 1
            handed = tuple(tensor_slots(args, kwargs).values())
            check_replay(skipping.name, self.granularity, handed, record.handed[place])
            feature = record.tail[place]
        return layout.passages[call].template.pack(copies(feature))


def _sources(layout: Layout, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, ...]:
    return tuple(fetch(slot, args, kwargs) for slot in layout.sources)
