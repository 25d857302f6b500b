"""Who answers the blocks of a stack during one call: all run, the span is passed over, or run on some
samples.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from foretrace.granularity import PerStack
from foretrace.history import Feature, Step
from foretrace.runtime.layout import Layout, Record, copies
from foretrace.runtime.packing import fetch, tensor_slots, unpack
from foretrace.runtime.proof import check_replay, raise_other_block
from foretrace.runtime.rows import take
from foretrace.runtime.trace import Trace


class Watch:
    """A computed call after the first: every block runs, the span's output is kept as it passes."""

    def __init__(self, trace: Trace, step: Step) -> None:
        self.trace, self.step, self.layout = trace, step, trace.layout
        self.calls = 0
        self._entered: Feature = ()

    def __call__(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``block``, and keep what leaves the last of the span."""
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


class Pass:
    """A skipped call: head and tail run, the span is passed over, its last block answers ``feature``."""

    def __init__(self, layout: Layout, feature: Feature, name: str, step: Step) -> None:
        self.layout, self.feature, self.name, self.step = layout, feature, name, step
        self.calls = 0
        self._entered: Feature = ()

    def __call__(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``block`` outside of the span; inside it, answer."""
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


class Rows:
    """A call in which the span runs on some samples alone; head and tail run on all."""

    def __init__(self, trace: Trace, step: Step, rows: tuple[int, ...], name: str) -> None:
        self.trace, self.step, self.rows, self.name = trace, step, rows, name
        self.layout: Layout = trace.layout
        self.batch = step.batch or 1
        self.calls = 0
        self._entered: Feature = ()

    def __call__(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``block``, inside the span on the samples of this call alone."""
        call, layout = self.calls, self.layout
        self.calls += 1
        if call >= layout.count or block is not layout.blocks[call]:
            raise_other_block(self.name, self.step, call)
        if not layout.first <= call <= layout.last:
            return block(*args, **kwargs)
        if call == layout.first and layout.sources:
            self._entered = tuple(x.clone() for x in _sources(layout, args, kwargs))
        some, named = take(args, kwargs, self.rows, self.batch)
        feature, _ = unpack(block(*some, **named), type(block).__name__)
        if call == layout.last:
            joined = self.trace.join(self.step, feature, self.rows, self._entered)
            return layout.passages[call].template.pack(joined)
        around, template = unpack(layout.passages[call].answer(args, kwargs), type(block).__name__)
        index = torch.tensor(self.rows, device=feature[0].device)
        return template.pack(tuple(a.index_copy(0, index, x) for a, x in zip(around, feature, strict=True)))


class Replay:
    """A skipped call in which head and tail answer what they returned, and the tail's inputs are checked."""

    def __init__(self, skipping: Pass, record: Record, granularity: PerStack) -> None:
        self.skipping, self.record, self.granularity = skipping, record, granularity

    def __call__(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer for ``block`` what it returned; check what the tail is handed."""
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
