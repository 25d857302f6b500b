"""BWCache's gate: once all blocks together have hardly changed, their outputs are reused for some steps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from foretrace.checks import at_least, between
from foretrace.errors import ClockError
from foretrace.gate.base import Gate, Signal
from foretrace.gate.measure import same_shapes, unread_relative_l1
from foretrace.granularity import Granularity
from foretrace.history import Feature, SiteKey, Step


@dataclass(frozen=True)
class Blocks:
    """Outputs of all sites at the newest computed step, and by how much each differs from the one before.

    ``due`` is the next step that must be computed, ``tail`` the first of those that are computed whatever
    the blocks show.
    """

    outputs: dict[int, Feature] = field(default_factory=dict)
    drifts: tuple[Tensor, ...] = ()
    due: int = 0
    tail: int | None = None


@dataclass(frozen=True)
class BWCache(Gate):
    """Skips ``reuse`` steps after a computed one with ``mean_l relL1(h_l, h_l') < threshold``.

    ``h_l`` is what is kept at site l, and ``h_l'`` what was kept at the computed step before. Reuse that
    begins with k steps left leaves the last ``tail k`` of them to be computed.

    Args:
        threshold: 0 computes every step.
        reuse: steps to skip, or a share of the run below 1, of which at least one step.
        tail: the share of the steps left at the first reuse that are computed at the end.
    """

    watches_sites: ClassVar[bool] = True

    threshold: float
    reuse: int | float = 0.1
    tail: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        between("threshold", self.threshold, 0.0, math.inf)
        if isinstance(self.reuse, float):
            between("reuse", self.reuse, 0.0, 0.999)
        else:
            at_least("reuse", self.reuse, 1)
        between("tail", self.tail, 0.0, 1.0)

    def check(self, total: int | None, granularity: Granularity) -> None:
        """The length of the run must be known."""
        if total is None:
            raise ClockError(
                "BWCache got a run of unknown length; expected the number of steps, as it leaves the last "
                "ones alone. Pass steps=... to accelerate or attach."
            )

    def init(self) -> Blocks:
        """Nothing seen."""
        return Blocks()

    def admits(self, state: Blocks, signal: Signal) -> tuple[bool, Blocks]:
        """Whether the outputs are still to be reused."""
        index = signal.step.index
        return index < state.due and (state.tail is None or index < state.tail), state

    def site(self, state: Blocks, site: SiteKey, step: Step, feature: Feature) -> Blocks:
        """The drift of one site, not read yet, and a copy of its feature."""
        before = state.outputs.get(site.number, ())
        drifts = state.drifts
        if before and same_shapes(feature, before):
            over = "max" if self.reduce == "max" else "mean"
            drifts = (*drifts, unread_relative_l1(feature, before, over))
        copied = tuple(x.detach().clone() for x in feature)
        return replace(state, outputs={**state.outputs, site.number: copied}, drifts=drifts)

    def computed(self, state: Blocks, signal: Signal) -> Blocks:
        """The mean of the drifts decides on the steps to come; this reads from the device once."""
        index, total = signal.step.index, signal.step.total
        assert total is not None  # see check
        state, drift = replace(state, drifts=(), due=index + 1), _mean(state.drifts)
        if not drift < self.threshold:
            return state
        steps = self.reuse if isinstance(self.reuse, int) else max(int(self.reuse * total), 1)
        left = total - 1 - index
        tail = total - int(self.tail * left) if state.tail is None else state.tail
        return replace(state, due=index + 1 + steps, tail=tail)


def _mean(drifts: tuple[Tensor, ...]) -> float:
    """NaN where there is nothing to compare with."""
    if not drifts:
        return math.nan
    return float(torch.stack([x.to(drifts[0].device) for x in drifts]).mean())
