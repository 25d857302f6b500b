"""Gates that add up a drift from step to step, and compute when the sum would reach a threshold."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

from foretrace.checks import between
from foretrace.gate.base import Gate, Signal
from foretrace.gate.measure import relative_l1
from foretrace.history import Feature


@dataclass(frozen=True)
class Drift:
    """What the newest step showed, and the drift added up since the last computed one."""

    before: Feature = ()
    spent: float = 0.0


@dataclass(frozen=True)
class Accumulated(Gate):
    """Admits while ``sum_j rise(d_j) < threshold`` over the steps since the last computed one.

    ``d_j = mean|m_j - m_{j-1}| / mean|m_{j-1}|`` between neighbouring steps, computed or not, of what
    `shown` takes from the signal.
    """

    threshold: float

    def __post_init__(self) -> None:
        super().__post_init__()
        between("threshold", self.threshold, 0.0, math.inf)

    @abstractmethod
    def shown(self, signal: Signal) -> Feature:
        """The tensors whose drift is added up."""

    @abstractmethod
    def rise(self, drift: float) -> float:
        """What a drift adds to the sum."""

    def init(self) -> Drift:
        """Nothing seen."""
        return Drift()

    def admits(self, state: Drift, signal: Signal) -> tuple[bool, Drift]:
        """See the class. Without a step to compare with, nothing is admitted."""
        shown = self.shown(signal)
        if not state.before:
            return False, Drift(_kept(shown), state.spent)
        spent = state.spent + self.rise(relative_l1(shown, state.before, signal.over))
        return spent < self.threshold or _unbounded(self.threshold, spent), Drift(_kept(shown), spent)

    def computed(self, state: Drift, signal: Signal) -> Drift:
        """The sum starts anew."""
        return Drift(_kept(self.shown(signal)), 0.0)


def _unbounded(threshold: float, spent: float) -> bool:
    """Whether there is no threshold, and the signal is one."""
    return math.isinf(threshold) and not math.isnan(spent)


def _kept(feature: Feature) -> Feature:
    """A copy, since the model may write to its own."""
    return tuple(x.detach().clone() for x in feature)
