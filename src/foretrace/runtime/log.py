"""What happened in the latest run, call by call, and what is needed to count its MACs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from foretrace.macs import CallMacs
from foretrace.runtime.invocation import Invocation

SMALL = 2**16
"""Integer arguments up to this many elements keep their values: models branch on masks and lengths."""


class Call(NamedTuple):
    """One call of a denoiser: step, (denoiser, branch), skipped or computed, begin and end in seconds.

    ``share`` is the share of its samples that was computed; it is between 0 and 1 only where a gate decides
    for each sample.
    """

    step: int
    key: tuple[str, int]
    skipped: bool
    begin: float
    end: float
    share: float = 1.0


class Example(NamedTuple):
    """The arguments of a computed call without their data, and the blocks a skipped call passes over."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    skipped: tuple[nn.Module, ...] | None


def example_of(call: Invocation) -> Example:
    """The shapes of a call, as tensors on the meta device; short integer tensors as they are."""

    def light(x: Any) -> Any:
        if not isinstance(x, Tensor) or (not x.is_floating_point() and x.numel() <= SMALL):
            return x
        return torch.empty_like(x, device="meta")

    return Example(pytree.tree_map(light, call.args), pytree.tree_map(light, call.kwargs), None)


@dataclass
class RunLog:
    """The record of the latest run."""

    denoisers: dict[str, nn.Module]
    total: int | None = None
    calls: list[Call] = field(default_factory=list)
    examples: dict[tuple[str, int], Example] = field(default_factory=dict)
    history_bytes: int = 0
    sites: dict[tuple[str, int], int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    short: set[int] = field(default_factory=set)
    macs: dict[tuple[str, int], CallMacs] = field(default_factory=dict)

    def clear(self, total: int | None) -> None:
        """Begin the record of a run of ``total`` steps."""
        self.total = total
        self.calls.clear()
        self.examples.clear()
        self.notes.clear()
        self.short.clear()
        self.macs = {}  # a new one: reports of the run before keep theirs
        self.history_bytes = 0
