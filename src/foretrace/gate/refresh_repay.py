"""RACER's budget rule: compute where it is risky, and repay by skipping a step that was to be computed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

from foretrace.checks import at_least, between
from foretrace.errors import ClockError
from foretrace.gate.base import Gate, Signal
from foretrace.gate.differences import Differences, arrived, combined, push
from foretrace.gate.error_estimate import seen_by_sampler
from foretrace.granularity import Granularity
from foretrace.predictor.lagrange import newton_weights


@dataclass(frozen=True)
class Debt:
    """Differences of the outputs, and how many computed steps are owed."""

    known: Differences = field(default_factory=Differences)
    owed: int = 0


@dataclass(frozen=True)
class RefreshRepay(Gate):
    """A stride of ``interval`` from the first step, in which steps change places and their number stays.

    The risk at a step is the disagreement of two forecasts of the output, of order ``order`` and of order 1,

        rho = |phi_order - phi_1| / |phi_order|,

    from inner products taken at computed steps. A step to be skipped with ``rho > theta`` is computed, as
    long as the stride still has a later step to repay it with; a step to be computed is skipped where one is
    owed and
    ``rho <= theta``, or where as many are owed as there are left.
    """

    sees_sampler: ClassVar[bool] = True

    interval: int
    theta: float
    order: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("interval", self.interval, 1)
        between("theta", self.theta, 0.0, math.inf)
        at_least("order", self.order, 2)

    def check(self, total: int | None, granularity: Granularity) -> None:
        """To repay, the number of steps must be known."""
        if total is None:
            raise ClockError(
                "RefreshRepay got a run of unknown length; expected the number of steps. Pass steps=... to "
                "accelerate or attach."
            )

    def init(self) -> Debt:
        """Nothing known, nothing owed."""
        return Debt()

    def admits(self, state: Debt, signal: Signal) -> tuple[bool, Debt]:
        """See the class."""
        known = arrived(state.known)
        state = replace(state, known=known)
        index, total = signal.step.index, signal.step.total
        assert total is not None
        risky = not self.risk(known, signal.step.time) <= self.theta
        later = len(range(0, total, self.interval)) - 1 - index // self.interval
        if index % self.interval == 0:
            repays = state.owed > 0 and (not risky or state.owed > later)
            return repays, replace(state, owed=state.owed - repays)
        borrows = risky and state.owed < later
        return not borrows, replace(state, owed=state.owed + borrows)

    def risk(self, known: Differences, t: float) -> float:
        """Rho at ``t``; 0 while there are too few points for two forecasts."""
        times, n = known.points.times, min(self.order, len(known.points.times) - 1)
        if n < 2:
            return 0.0
        high = newton_weights(times[: n + 1], t, n)
        line = newton_weights(times[: n + 1], t, 1)
        apart = [a - b for a, b in zip(high, line, strict=True)]
        size = known.norm  # of the newest point: the forecast's own would need the products of points
        off = combined(known.gram, [-sum(apart[j:]) for j in range(1, n + 1)])
        return off / size if size else math.nan

    def computed(self, state: Debt, signal: Signal) -> Debt:
        """The output becomes the newest point."""
        output = seen_by_sampler(signal.output, signal.latent)
        return replace(state, known=push(state.known, signal.step.time, output, self.order + 1))
