"""Textbook ODE solvers as forecasts, where the only slopes there are come from the points themselves.

With ``g_j = (F_j - F_{j+1}) / (t_j - t_{j+1})`` the slope over a gap and F_1 the newest point, on even gaps h
and one gap ahead every two-slope solver is ``F_1 + h (a g_1 + (1 - a) g_2)``:

    a = 1/2  `MeanSlope` (RK2)      1      Lagrange(1) (TF)    31/24  `AdamsMoulton` (AM)
        3/2  AdamsBashforth(2)      2      Lagrange(2), the parabola

and `FlatBackward` (BDF2) is a third of the line's step. So a pool of them is a choice of how much slope to
trust. A solver that takes ``g_1`` for the slope at the target adds nothing to these: BDF2 then is Lagrange(1)
at any time, and a Heun step whose second slope is extrapolated is AdamsBashforth(2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.checks import at_least, distinct
from foretrace.predictor.base import LinearPredictor
from foretrace.predictor.multistep import AdamsBashforth, slope_integrals


@dataclass(frozen=True)
class AdamsMoulton(LinearPredictor):
    """Adams-Moulton whose slope at the target is that of an Adams-Bashforth forecast.

    ``P = AdamsBashforth(steps)(t)`` gives ``g* = (P - F_1) / (t - t_1)`` at the target. The polynomial
    through ``g*`` and the ``steps`` newest slopes, each at the newer end of its gap, is integrated from the
    newest point. On even gaps h and a horizon h, ``steps=2`` is ``F_1 + h (5/12 g* + 8/12 g_1 - 1/12 g_2)``.
    """

    steps: int = 2

    def __post_init__(self) -> None:
        at_least("steps", self.steps, 1)

    @property
    def exact(self) -> int:
        """Straight lines."""
        return 1

    @property
    def points(self) -> int:
        """``steps + 1``."""
        return self.steps + 1

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the class. With fewer points, as many slopes as there are."""
        distinct(times)
        slopes = min(self.steps, len(times) - 1)
        newest = (1.0, *(0.0,) * (len(times) - 1))
        if slopes == 0 or t == times[0]:
            return newest
        ahead, *shares = slope_integrals((t, *times[:slopes]), times[0], t)
        forecast = AdamsBashforth(self.steps).weights(times, t)
        per_unit = ahead / (t - times[0])
        weights = [own + per_unit * (p - own) for own, p in zip(newest, forecast, strict=True)]
        for j, share in enumerate(shares):
            per_unit = share / (times[j] - times[j + 1])
            weights[j] += per_unit
            weights[j + 1] -= per_unit
        return tuple(weights)


@dataclass(frozen=True)
class FlatBackward(LinearPredictor):
    """BDF2 with a vanishing slope at the target: the parabola through two points that is flat there.

    ``F(t) = F_1 + r^2 / (1 + 2 r) (F_1 - F_2)``, ``r = (t - t_1) / (t_1 - t_2)``; one gap ahead it is
    ``4/3 F_1 - 1/3 F_2``, the two feature terms of BDF2.
    """

    @property
    def exact(self) -> int:
        """Constants: a line is not flat."""
        return 0

    @property
    def points(self) -> int:
        """Two."""
        return 2

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the class. With one point, reuse."""
        distinct(times)
        if len(times) == 1:
            return (1.0,)
        ratio = (t - times[0]) / (times[0] - times[1])
        move = ratio**2 / (1 + 2 * ratio)
        return (1 + move, -move, *(0.0,) * (len(times) - 2))


@dataclass(frozen=True)
class MeanSlope(LinearPredictor):
    """``F_1 + (t - t_1) (g_1 + g_2) / 2``: the Runge-Kutta step of order 2, its two slopes those of two gaps.

    One gap ahead on even gaps it is ``3/2 F_1 - 1/2 F_3``. With two points, the line through them.
    """

    @property
    def exact(self) -> int:
        """Straight lines."""
        return 1

    @property
    def points(self) -> int:
        """Three."""
        return 3

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the class. With one point, reuse."""
        distinct(times)
        gaps = min(2, len(times) - 1)
        weights = [1.0] + [0.0] * (len(times) - 1)
        for j in range(gaps):
            per_unit = (t - times[0]) / (gaps * (times[j] - times[j + 1]))
            weights[j] += per_unit
            weights[j + 1] -= per_unit
        return tuple(weights)
