"""FirstBlockCache's gate: what the first block adds, against what it added at the last computed step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from foretrace.checks import between
from foretrace.gate.base import Gate, Probe, Signal
from foretrace.gate.measure import relative_l1
from foretrace.history import Feature


@dataclass(frozen=True)
class FirstBlock(Gate):
    """Admits while ``mean|r - r_c| / mean|r_c| < threshold``.

    ``r`` is what the blocks before the span (``PerStack(head=...)``) add to their input, ``r_c`` what they
    added at the last computed step. The state is ``r_c``.
    """

    probe: ClassVar[Probe] = "head"

    threshold: float

    def __post_init__(self) -> None:
        super().__post_init__()
        between("threshold", self.threshold, 0.0, math.inf)

    def init(self) -> Feature:
        """Nothing computed."""
        return ()

    def admits(self, state: Feature, signal: Signal) -> tuple[bool, Feature]:
        """See the class."""
        if not state:
            return False, state
        drift = relative_l1(added(signal), state, signal.over)
        return drift < self.threshold or (math.isinf(self.threshold) and not math.isnan(drift)), state

    def computed(self, state: Feature, signal: Signal) -> Feature:
        """What the head added at this step."""
        return added(signal)


def added(signal: Signal) -> Feature:
    """What the blocks before the span added to what entered them."""
    return tuple(x.detach() - e for x, e in zip(signal.probe, signal.entered, strict=True))
