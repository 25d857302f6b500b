"""DiCache's gate: the drift of what the first blocks return, added up from step to step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from foretrace.checks import between, one_of
from foretrace.gate.base import Gate, Probe, Signal
from foretrace.gate.measure import relative_l1, same_shapes
from foretrace.history import Feature

ProbeError = Literal["output", "difference"]


@dataclass(frozen=True)
class Probed:
    """What entered and left the probe at the newest step, and the error since the last computed one."""

    entered: Feature = ()
    probe: Feature = ()
    spent: float = 0.0


@dataclass(frozen=True)
class DiCache(Gate):
    """Admits while the errors since the last computed step add up to less than ``threshold``.

    ``error="output"``: the relative L1 change dy of what leaves the blocks before the span
    (``PerStack(head=...)``) between neighbouring steps, computed or not. ``error="difference"``: ``|dy -
    dx|``, dx the change of what enters them. 0 computes every step.
    """

    probe: ClassVar[Probe] = "head"

    threshold: float
    error: ProbeError = "output"

    def __post_init__(self) -> None:
        super().__post_init__()
        between("threshold", self.threshold, 0.0, math.inf)
        one_of("error", self.error, ("output", "difference"))

    def init(self) -> Probed:
        """Nothing seen."""
        return Probed()

    def admits(self, state: Probed, signal: Signal) -> tuple[bool, Probed]:
        """See the class. Without a step to compare with, nothing is admitted."""
        if not same_shapes(signal.probe, state.probe):
            return False, _seen(signal, 0.0)
        error = relative_l1(signal.probe, state.probe, signal.over)
        if self.error == "difference":
            error = abs(error - relative_l1(signal.entered, state.entered, signal.over))
        spent = state.spent + error
        unbounded = math.isinf(self.threshold) and not math.isnan(spent)
        return spent < self.threshold or unbounded, _seen(signal, spent)

    def computed(self, state: Probed, signal: Signal) -> Probed:
        """The sum starts anew."""
        return _seen(signal, 0.0)


def _seen(signal: Signal, spent: float) -> Probed:
    """Copies, since the model may write to its own."""
    entered, probe = (tuple(x.detach().clone() for x in f) for f in (signal.entered, signal.probe))
    return Probed(entered, probe, spent)
