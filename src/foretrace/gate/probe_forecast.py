"""CG-Taylor's gate: the first blocks' output is forecast too, and their forecast's error is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from foretrace.checks import between
from foretrace.gate.base import Gate, Probe, Signal
from foretrace.gate.measure import relative_l1
from foretrace.predictor.base import Predictor
from foretrace.predictor.taylor import Taylor


@dataclass(frozen=True)
class ProbePast:
    """The probe's history, how many points it holds, and whether the newest step was admitted."""

    past: Any
    points: int = 0
    admitted: bool = False


@dataclass(frozen=True)
class ProbeForecast(Gate):
    """Admits where ``mean|p - p^| / mean|p| < threshold``, p what the blocks before the span return.

    ``p^`` is the forecast of p by ``predictor`` from the steps at which it was not admitted: a forecast that
    held needs no new point. 0 computes every step.

    Args:
        threshold: the confidence gate.
        predictor: of the probe, at ``PerStack(head=...)``.
    """

    probe: ClassVar[Probe] = "head"

    threshold: float
    predictor: Predictor = field(default_factory=lambda: Taylor(3))

    def __post_init__(self) -> None:
        super().__post_init__()
        between("threshold", self.threshold, 0.0, math.inf)

    def init(self) -> ProbePast:
        """No point."""
        return ProbePast(self.predictor.init())

    def admits(self, state: ProbePast, signal: Signal) -> tuple[bool, ProbePast]:
        """See the class."""
        if not state.points:
            return False, state
        forecast = self.predictor.predict(state.past, signal.step)
        error = relative_l1(forecast, signal.probe, signal.over)
        admitted = error < self.threshold or (math.isinf(self.threshold) and not math.isnan(error))
        return admitted, replace(state, admitted=admitted)

    def computed(self, state: ProbePast, signal: Signal) -> ProbePast:
        """A probe that was forecast badly becomes a point of its history."""
        if state.admitted:
            return replace(state, admitted=False)
        past = self.predictor.commit(state.past, signal.step, signal.probe)
        return ProbePast(past, state.points + 1)
