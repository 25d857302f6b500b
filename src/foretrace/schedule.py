"""Which steps may be skipped, decided before the run.

The papers use three conventions that are *not* interchangeable, hence three classes instead of one with
flags: `Stride` anchored at the last step (FORA and TraCache on DiT, where the step counter runs
down to 0), `Stride` anchored at the first step (PixArt-alpha, Open-Sora), and `Counter`
(TaylorSeer). The first step of a run is always computed: there is nothing to forecast from.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from foretrace.checks import at_least, between, one_of
from foretrace.errors import ClockError, InvalidSetting
from foretrace.history import Step

Anchor = Literal["first", "last"]


class Schedule(ABC):
    """Decides from the step alone whether it may be skipped; pure, so a run can be tabulated."""

    @property
    def needs_total(self) -> bool:
        """Whether the rule counts from the end of the run and so must know its length."""
        return False

    @abstractmethod
    def may_skip(self, step: Step, age: int) -> bool:
        """Whether ``step`` may be forecast; ``age`` is the distance to the last computed step, >= 1."""

    def resolve(self, anchor: Anchor) -> Schedule:
        """The schedule for a model family whose papers anchor strides at ``anchor``."""
        return self

    def check(self, total: int | None) -> None:
        """Raise `InvalidSetting` if the schedule cannot serve a run of ``total`` steps."""
        if total is None and self.needs_total:
            raise ClockError(
                f"{self} got a run of unknown length; expected the number of steps, which its rule needs. "
                "Pass steps=... to accelerate or attach."
            )

    def table(self, total: int) -> list[int]:
        """The computed step indices of a run of ``total`` steps."""
        at_least("total", total, 1)
        self.check(total)
        computed: list[int] = []
        for index in range(total):
            if not computed or not self.may_skip(Step(index, total=total), index - computed[-1]):
                computed.append(index)
        return computed


@dataclass(frozen=True)
class Stride(Schedule):
    """Compute every ``interval``-th step, counted from the first or from the last step of the run.

    ``anchor="last"``: computed iff ``(total - 1 - index) % interval == 0`` (FORA, arXiv:2407.01425, on
    DiT). ``anchor="first"``: computed iff ``index % interval == 0`` (PixArt-alpha, Open-Sora).
    """

    interval: int
    anchor: Anchor = "last"

    def __post_init__(self) -> None:
        at_least("interval", self.interval, 1)
        one_of("anchor", self.anchor, ("first", "last"))

    @property
    def needs_total(self) -> bool:
        """Only counting from the end needs the length of the run."""
        return self.anchor == "last" and self.interval > 1

    def may_skip(self, step: Step, age: int) -> bool:
        """See the class."""
        if self.interval == 1:
            return False
        if self.anchor == "first":
            return step.index % self.interval != 0
        self.check(step.total)
        assert step.total is not None
        return (step.total - 1 - step.index) % self.interval != 0


@dataclass(frozen=True)
class FamilyStride(Schedule):
    """A stride anchored as the papers anchored it on the model's family; recipes start from it.

    Attaching replaces it by the `Stride` of the family (``models/spec.py``). Tabulated before a
    model is known, it counts from the last step, as on DiT.
    """

    interval: int

    def __post_init__(self) -> None:
        at_least("interval", self.interval, 1)

    def resolve(self, anchor: Anchor) -> Stride:
        """The stride with the family's anchor."""
        return Stride(self.interval, anchor)

    def check(self, total: int | None) -> None:
        """As `Stride` anchored at the last step."""
        self.resolve("last").check(total)

    def may_skip(self, step: Step, age: int) -> bool:
        """As `Stride` anchored at the last step."""
        return self.resolve("last").may_skip(step, age)


@dataclass(frozen=True)
class Counter(Schedule):
    """Compute the first ``warmup`` steps, then every ``interval``-th (TaylorSeer, arXiv:2503.06923)."""

    interval: int
    warmup: int = 1

    def __post_init__(self) -> None:
        at_least("interval", self.interval, 1)
        at_least("warmup", self.warmup, 0)

    def may_skip(self, step: Step, age: int) -> bool:
        """See the class."""
        return step.index >= self.warmup and age < self.interval


@dataclass(frozen=True)
class Growing(Schedule):
    """Compute ``warmup`` steps, then leave gaps that grow (Spectrum, arXiv:2603.01623, as released).

    The gap starts at ``window`` and grows by ``flex`` with every computed step after the warm-up; its whole
    part counts.
    """

    warmup: int = 5
    window: float = 2.0
    flex: float = 0.75

    def __post_init__(self) -> None:
        at_least("warmup", self.warmup, 1)
        between("window", self.window, 1.0, 1e3)
        between("flex", self.flex, 0.0, 1e3)

    def may_skip(self, step: Step, age: int) -> bool:
        """See the class."""
        computed, gap = self.warmup - 1, self.window
        while computed < step.index:
            computed += math.floor(round(gap, 3))
            gap += self.flex
        return step.index >= self.warmup and computed != step.index


@dataclass(frozen=True)
class Window(Schedule):
    """Leave all steps but the first ``warmup`` and the last ``cooldown`` to a gate.

    Either is a number of steps, or a share of the run below 1 (MagCache keeps the first fifth): then so many
    steps, rounded down, and of the warm-up at least one.
    """

    warmup: int | float = 1
    cooldown: int | float = 0

    def __post_init__(self) -> None:
        for name in ("warmup", "cooldown"):
            value = getattr(self, name)
            if isinstance(value, float):
                between(name, value, 0.0, 0.999)
            else:
                at_least(name, value, 0)

    @property
    def needs_total(self) -> bool:
        """Shares, and the end of a run, need its length."""
        return isinstance(self.warmup, float) or bool(self.cooldown)

    def may_skip(self, step: Step, age: int) -> bool:
        """See the class."""
        if not self.needs_total:
            return step.index >= self.warmup
        self.check(step.total)
        assert step.total is not None
        warmup, cooldown = (
            int(x * step.total) if isinstance(x, float) else x for x in (self.warmup, self.cooldown)
        )
        return max(warmup, 1) <= step.index < step.total - cooldown


@dataclass(frozen=True)
class Mask(Schedule):
    """Compute exactly the steps whose indices are given; index 0 must be among them."""

    indices: tuple[int, ...]

    def __init__(self, indices: tuple[int, ...] | list[int] | range) -> None:
        object.__setattr__(self, "indices", tuple(sorted(set(indices))))
        if not self.indices:
            raise InvalidSetting("Mask got no step index; expected at least step 0. Pass Mask([0]).")
        if any(not isinstance(i, int) or isinstance(i, bool) for i in self.indices):
            raise InvalidSetting(
                f"Mask got {list(self.indices)}; expected integers. Pass computed step indices."
            )
        if self.indices[0] != 0:
            raise InvalidSetting(
                f"Mask starts at step {self.indices[0]}; expected step 0 first, since nothing can be "
                "forecast before a step was computed. Add 0, and use no negative index."
            )

    def check(self, total: int | None) -> None:
        """Raise if an index lies beyond the run."""
        if total is not None and self.indices[-1] >= total:
            raise InvalidSetting(
                f"Mask names step {self.indices[-1]}, but the run has {total} steps "
                f"(0 to {total - 1}). Drop the indices beyond, or run more steps."
            )

    def may_skip(self, step: Step, age: int) -> bool:
        """See the class."""
        return step.index not in self.indices
