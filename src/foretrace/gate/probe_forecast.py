"""CG-Taylor's gate: the first blocks' output is forecast too, and their forecast's error is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from foretrace.checks import between
from foretrace.gate.base import Gate, Probe, Signal
from foretrace.gate.measure import relative_l1
from foretrace.predictor.base import Predictor
from foretrace.predictor.taylor import Taylor


class ProbePast(NamedTuple):
    """The probe's history, and how many points were put into it."""

    past: Any
    points: int


@dataclass(frozen=True)
class ProbeForecast(Gate):
    """Admits where ``mean|p - p^| / mean|p| < threshold``, p what the blocks before the span return.

    ``p^`` is the forecast of p by ``predictor`` from the computed steps; so a probe that was forecast well
    enough becomes no point of its own history. 0 computes every step.

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
        return ProbePast(self.predictor.init(), 0)

    def admits(self, state: ProbePast, signal: Signal) -> tuple[bool, ProbePast]:
        """See the class."""
        if not state.points:
            return False, state
        forecast = self.predictor.predict(state.past, signal.step)
        error = relative_l1(forecast, signal.probe, signal.over)
        return error < self.threshold or (math.isinf(self.threshold) and not math.isnan(error)), state

    def computed(self, state: ProbePast, signal: Signal) -> ProbePast:
        """The probe becomes the newest point."""
        return ProbePast(self.predictor.commit(state.past, signal.step, signal.probe), state.points + 1)
