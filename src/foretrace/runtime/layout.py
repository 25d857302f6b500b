"""What a stack looks like, learned from one observed call: how many blocks run, and what each returns.

Nothing is assumed about the order of streams. Where a block's output goes is seen by identity: the very
tensor that one block returned is an argument of the next.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from foretrace.errors import UnsupportedModel
from foretrace.granularity import PerStack
from foretrace.history import Feature
from foretrace.runtime.packing import Slot, Template, fetch, tensor_slots, unpack


@dataclass(frozen=True)
class Passage:
    """How a block that is passed over answers: each stream is an argument of the same shape, or zeros.

    The values must not be used, since the forecast replaces all streams at the end of the span (`proof.py`
    sees to it); the shapes are, by whatever the model does between its blocks.
    """

    template: Template
    slots: tuple[Slot | None, ...]
    like: tuple[tuple[torch.Size, torch.dtype, torch.device], ...]

    def answer(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The block's return value without running it."""
        streams = tuple(
            fetch(slot, args, kwargs) if slot is not None else _zeros(*like)
            for slot, like in zip(self.slots, self.like, strict=True)
        )
        return self.template.pack(streams)

    def zeros(self) -> Any:
        """Zeros in place of the return value, for a block that calculates with it before it is replaced."""
        return self.template.pack(tuple(torch.zeros(s, dtype=t, device=d) for s, t, d in self.like))


@dataclass(frozen=True)
class Layout:
    """The span of blocks that a skipped step passes over: calls ``first`` to ``last`` of ``count``."""

    blocks: tuple[nn.Module, ...]
    passages: tuple[Passage, ...]
    first: int
    last: int
    sources: tuple[Slot, ...] = ()

    @property
    def count(self) -> int:
        """Block calls per computed denoiser call."""
        return len(self.blocks)

    @property
    def shape(self) -> tuple[object, ...]:
        """What a proof that the span may be passed over holds for: these blocks, these streams."""
        streams = tuple(len(passage.like) for passage in self.passages)
        return (self.first, self.last, streams, tuple(id(block) for block in self.blocks))


@dataclass(frozen=True)
class Record:
    """Of one call: what head blocks returned, what tail blocks were handed and returned."""

    head: tuple[Feature, ...]
    handed: tuple[Feature, ...]
    tail: tuple[Feature, ...]


class Learner:
    """Watches one computed call block by block; `finish` gives the layout and the span's feature."""

    def __init__(self, name: str, granularity: PerStack) -> None:
        self.name, self.granularity = name, granularity
        self.blocks: list[nn.Module] = []
        self.passages: list[Passage] = []
        self._links: list[dict[int, str]] = []
        self._returned: Feature = ()
        self._entered: dict[str, tuple[Slot, Tensor]] = {}
        # The last block of the span is only known at the end, so the newest calls are copied.
        self._newest: deque[Feature] = deque(maxlen=granularity.tail + 1)
        self._handed: deque[Feature] = deque(maxlen=granularity.tail)
        self._head: list[Feature] = []

    def __call__(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``block`` and note what it takes and returns."""
        named = _named_tensors(block, args, kwargs)
        self._links.append(
            {i: name for i, x in enumerate(self._returned) for name, (_, a) in named.items() if a is x}
        )
        if len(self.blocks) == self.granularity.head and self.granularity.store == "residual":
            self._entered = {name: (slot, x.clone()) for name, (slot, x) in named.items()}
        self._handed.append(copies(tensor_slots(args, kwargs).values()))
        output = block(*args, **kwargs)
        feature, template = unpack(output, type(block).__name__)
        if len(self._head) < self.granularity.head:
            self._head.append(copies(feature))
        self.blocks.append(block)
        self.passages.append(passage_of(feature, template, args, kwargs))
        self._newest.append(copies(feature))
        self._returned = feature
        return output

    def record(self) -> Record:
        """What blocks outside of the span returned, and what those behind it were handed."""
        return Record(tuple(self._head), tuple(self._handed), tuple(self._newest)[1:])

    def finish(self) -> tuple[Layout, Feature]:
        """The layout, and the feature at the end of the span (a residual where that is stored)."""
        first, last = self.granularity.head, len(self.blocks) - 1 - self.granularity.tail
        if last < first:
            raise UnsupportedModel(
                f"{self.name} runs {len(self.blocks)} blocks; head={self.granularity.head} and "
                f"tail={self.granularity.tail} leave none to skip. Lower head or tail."
            )
        feature = self._newest[0]
        blocks, passages = tuple(self.blocks), tuple(self.passages)
        if self.granularity.store == "output":
            return Layout(blocks, passages, first, last), feature
        entries = [self._entry(i, x, last) for i, x in enumerate(feature)]
        residual = tuple(x - entered for x, (_, entered) in zip(feature, entries, strict=True))
        sources = tuple(slot for slot, _ in entries)
        return Layout(blocks, passages, first, last, sources), residual

    def _entry(self, stream: int, output: Tensor, last: int) -> tuple[Slot, Tensor]:
        """Where the span's ``stream`` entered: the argument it was linked to, else the one of its shape."""
        kind = (type(self.blocks[last]), len(self._newest[0]))
        for k in range(last, -1, -1):
            same_kind = (type(self.blocks[k]), len(self.passages[k].slots)) == kind
            name = self._links[k + 1].get(stream) if k + 1 < len(self._links) else None
            if same_kind and name in self._entered:
                entry = self._entered[name]
                if entry[1].shape == output.shape:
                    return entry
        fitting = [e for e in self._entered.values() if e[1].shape == output.shape]
        if len(fitting) == 1:
            return fitting[0]
        raise UnsupportedModel(
            f"{self.name}: {len(fitting)} inputs of block {self.granularity.head} have the shape "
            f"{tuple(output.shape)} of stream {stream}; expected one, to take the residual from. "
            "Use store='output'."
        )


def copies(tensors: Iterable[Tensor]) -> Feature:
    """Copies of tensors that the model may yet write to."""
    return tuple(x.clone() for x in tensors)


def _named_tensors(
    block: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, tuple[Slot, Tensor]]:
    """The tensor arguments by parameter name, each with its slot."""
    names = list(inspect.signature(block.forward).parameters)
    slots = tensor_slots(args, dict(kwargs))
    return {(names[s] if isinstance(s, int) and s < len(names) else str(s)): (s, x) for s, x in slots.items()}


def passage_of(
    feature: Feature, template: Template, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Passage:
    """How to answer in place of a module that returned ``feature`` for these arguments."""
    free = tensor_slots(args, kwargs)
    slots: list[Slot | None] = []
    for x in feature:
        fit = (s for s, a in free.items() if (a.shape, a.dtype, a.device) == _like(x))
        slot = next(fit, None)
        free.pop(slot, None)  # type: ignore[arg-type]
        slots.append(slot)
    return Passage(template, tuple(slots), tuple(_like(x) for x in feature))


def constant(value: Tensor) -> Passage:
    """How to answer for a module that returned an empty tensor, such as that of a text of no tokens."""
    return Passage(Template((value,), pytree.tree_structure(value), None, ()), (), ())


def _like(x: Tensor) -> tuple[torch.Size, torch.dtype, torch.device]:
    return x.shape, x.dtype, x.device


def _zeros(shape: torch.Size, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.zeros((), dtype=dtype, device=device).expand(shape)
