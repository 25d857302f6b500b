"""Limits to what a gate may decide: at most, at least so many computed steps, no run of skips beyond a
length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foretrace.checks import at_least
from foretrace.errors import ClockError, InvalidSetting


@dataclass(frozen=True)
class Budget:
    """Limits of the number of computed steps in a run, and of the steps skipped in a row.

    ``most`` is a promise about cost: once only as many computed steps are left as the schedule and
    ``longest`` will need, a gate's wish to compute is refused. ``least`` is one about quality, as is
    ``longest``, the number of skipped steps in a row. The first step and those that the schedule computes
    count.
    """

    most: int | None = None
    least: int | None = None
    longest: int | None = None

    def __post_init__(self) -> None:
        for name in ("most", "least", "longest"):
            if getattr(self, name) is not None:
                at_least(name, getattr(self, name), 1)
        if self.most is not None and self.least is not None and self.least > self.most:
            raise InvalidSetting(
                f"Budget got least={self.least} and most={self.most}; expected least <= most. Swap them."
            )

    def check(self, total: int | None, forced: Callable[[int], bool]) -> None:
        """Raise if no run of ``total`` steps keeps to the limits; ``forced``: the schedule computes the
        step.
        """
        if total is None:
            if self.most is not None or self.least is not None:
                raise ClockError(
                    f"{self} got a run of unknown length; expected the number of steps. Pass steps=... to "
                    "accelerate or attach."
                )
            return
        if self.most is not None and self.most < 1 + self._needed(0, total, forced):
            raise InvalidSetting(
                f"most={self.most} got a run of {total} steps, of which the schedule and "
                f"longest={self.longest} need {1 + self._needed(0, total, forced)}; expected at least that. "
                "Raise most or longest."
            )
        if self.least is not None and self.least > total:
            raise InvalidSetting(
                f"least={self.least} got a run of {total} steps; expected at most that. Lower least."
            )

    def settle(
        self,
        wish: bool,
        index: int,
        age: int,
        computed: int,
        total: int | None,
        forced: Callable[[int], bool],
    ) -> bool:
        """Whether the step ``index`` is computed, where gate and schedule together wish ``wish``.

        ``age`` is the number of steps since the last computed one, ``computed`` how many were so far.
        """
        if forced(index) or (self.longest is not None and age > self.longest):
            return True
        if total is None:
            return wish
        if self.least is not None and total - index <= self.least - computed:
            return True
        if wish and self.most is not None:
            return computed + 1 + self._needed(index, total, forced) <= self.most
        return wish

    def _needed(self, index: int, total: int, forced: Callable[[int], bool]) -> int:
        """How many of the steps after the computed step ``index`` must be computed."""
        last, count = index, 0
        for later in range(index + 1, total):
            if forced(later) or (self.longest is not None and later - last > self.longest):
                last, count = later, count + 1
        return count
