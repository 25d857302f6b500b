"""From the times of successive denoiser calls to steps, branches and runs. Pure: state in, state out.

A changed time is the next step, an equal time the next branch of the same step, a time that moves
against the direction of the run starts a new run. Most models are given falling times; some (Lumina,
Z-Image) rising ones: the first two distinct times of a run tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from foretrace.history import Step

Time: TypeAlias = float | tuple[float, float]
"""A time, or the pair of the scheduler's own time and the given one, ordered by the first that differs."""


@dataclass(frozen=True)
class Clock:
    """Where a run stands. ``direction`` is -1 for falling times, +1 for rising ones, 0 while unknown."""

    total: int | None = None
    index: int = -1
    branch: int = 0
    time: Time = 0.0
    direction: int = 0

    @property
    def step(self) -> Step:
        """The step of the newest call."""
        given = self.time[-1] if isinstance(self.time, tuple) else self.time
        return Step(self.index, given, self.total)

    @property
    def started(self) -> bool:
        """Whether the run has seen a call."""
        return self.index >= 0


def begin(total: int | None) -> Clock:
    """A run of ``total`` steps that has seen no call yet.

    It learns its direction anew: a wrong one, learned from a call outside of any loop, would otherwise make
    every later call a run of its own.
    """
    return Clock(total=total)


def restarts(clock: Clock, time: Time) -> bool:
    """Whether a call at ``time`` belongs to a new run."""
    if not clock.started or time == clock.time or clock.direction == 0:
        return False
    return _later(clock, time) != (clock.direction > 0)


def tick(clock: Clock, time: Time) -> Clock:
    """The clock after a call at ``time`` that belongs to the current run."""
    if not clock.started:
        return replace(clock, index=0, branch=0, time=time)
    if time == clock.time:
        return replace(clock, branch=clock.branch + 1)
    direction = clock.direction or (1 if _later(clock, time) else -1)
    return replace(clock, index=clock.index + 1, branch=0, time=time, direction=direction)


def _later(clock: Clock, time: Time) -> bool:
    """Whether ``time`` is the larger one; both are of one kind within a run."""
    return time > clock.time  # type: ignore[operator]
