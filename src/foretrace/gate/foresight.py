"""Foresight's gate: between computed steps, the blocks up to the last steady one are reused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from foretrace.checks import at_least, between
from foretrace.errors import InvalidSetting
from foretrace.gate.base import Gate, Signal
from foretrace.gate.measure import Over, same_shapes
from foretrace.history import Feature, SiteKey, Step


@dataclass(frozen=True)
class Layers:
    """Outputs of all sites at the newest computed step, how each changed there, and what it may change.

    ``coming`` are changes of the step that is being computed, not read yet; ``prefix`` is the number of
    sites that are reused at the newest step.
    """

    outputs: dict[int, Feature] = field(default_factory=dict)
    coming: tuple[Tensor, ...] = ()
    changes: tuple[float, ...] = ()
    limits: tuple[float, ...] = ()
    prefix: int = 0


@dataclass(frozen=True)
class Foresight(Gate):
    """Reuses the sites up to the last one with ``MSE_l <= strength MSE_l(warm-up)``; deeper ones run.

    ``MSE_l`` is the mean squared change of site l between the newest two computed steps, and its limit is set
    at the last step of the warm-up. Every ``interval``-th step after that is computed; as one at which no
    site is steady is, too.

    Args:
        strength: 0 computes every step, ``inf`` reuses all sites at every step that is not due.
        interval: 2 reuses every other step.
        warmup: steps computed first, at least two.
    """

    watches_sites: ClassVar[bool] = True

    strength: float = 0.5
    interval: int = 2
    warmup: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        between("strength", self.strength, 0.0, math.inf)
        at_least("interval", self.interval, 1)
        at_least("warmup", self.warmup, 2)
        if self.reduce == "sample":
            raise InvalidSetting(
                "Foresight got reduce='sample'; expected all samples to be reused up to the same site. Pass "
                "reduce='mean', 'max' or 'any'."
            )

    def init(self) -> Layers:
        """Nothing seen."""
        return Layers()

    def admits(self, state: Layers, signal: Signal) -> tuple[bool, Layers]:
        """Whether the step is not due and a site is steady."""
        past = signal.step.index - self.warmup
        free = past >= 0 and past % self.interval != self.interval - 1
        prefix = steady(state.changes, state.limits) if free else 0
        return prefix > 0, replace(state, prefix=prefix)

    def depth(self, state: Layers) -> int:
        """The sites up to the last steady one."""
        return state.prefix

    def site(self, state: Layers, site: SiteKey, step: Step, feature: Feature) -> Layers:
        """The change of one site, not read yet, and a copy of its feature."""
        before, coming = state.outputs.get(site.number, ()), state.coming
        if before and same_shapes(feature, before):
            over = "max" if self.reduce == "max" else "mean"
            coming = (*coming, mean_square(feature, before, over))
        copied = tuple(x.detach().clone() for x in feature)
        return replace(state, outputs={**state.outputs, site.number: copied}, coming=coming)

    def computed(self, state: Layers, signal: Signal) -> Layers:
        """The changes of all sites, read from the device at once."""
        changes: Any = ()
        if state.coming and len(state.coming) == len(state.outputs):
            changes = torch.stack([x.to(state.coming[0].device) for x in state.coming]).tolist()
        limits = state.limits
        if not limits and signal.step.index >= self.warmup - 1:
            limits = tuple(self.strength * x for x in changes)
        return replace(state, coming=(), changes=tuple(changes), limits=limits)


def steady(changes: tuple[float, ...], limits: tuple[float, ...]) -> int:
    """The number of sites up to the last whose change is within its limit; 0 if a number is not finite."""
    if not all(map(math.isfinite, changes)) or any(map(math.isnan, limits)):
        return 0
    within = [x <= limit for x, limit in zip(changes, limits, strict=False)]
    return max((number + 1 for number, fine in enumerate(within) if fine), default=0)


def mean_square(now: Feature, before: Feature, over: Over) -> Tensor:
    """The mean squared change over all streams, of the whole batch or of the sample with the largest."""
    rows = [(a.float() - b.float()).square().flatten(1).sum(1) for a, b in zip(now, before, strict=True)]
    each = torch.stack([x.mean() if over == "mean" else x.max() for x in rows])
    return each.sum() / sum(x[0].numel() for x in now)
