"""Linear multistep forecasts: the feature as the state of an ODE whose slopes are differences of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.checks import at_least, distinct
from foretrace.predictor.base import LinearPredictor
from foretrace.predictor.lagrange import newton_weights


@dataclass(frozen=True)
class AdamsBashforth(LinearPredictor):
    """Adams-Bashforth with slopes taken from the gaps between points, right for uneven gaps.

    The slope over a gap, ``g_j = (F_j - F_{j+1}) / (t_j - t_{j+1})``, is attributed to its newer end ``t_j``,
    extrapolated by the polynomial through ``steps`` of them, and integrated from the newest point:

        F(t) = F(t_1) + integral_{t_1}^{t} g(s) ds.

    ``steps=1`` is Euler (Lagrange of order 1); on even gaps h and a horizon h, ``steps=2`` is
    ``F_1 + h (3/2 g_1 - 1/2 g_2)``. Slopes over a gap lag half a gap behind, so straight lines are reproduced
    and parabolas are not (PrediT, arXiv:2602.18093, uses this form on the model output).
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
        """See the class."""
        distinct(times)
        slopes = min(self.steps, len(times) - 1)
        weights = [1.0] + [0.0] * (len(times) - 1)
        for j, share in enumerate(slope_integrals(times[:slopes], times[0], t)):
            per_unit = share / (times[j] - times[j + 1])
            weights[j] += per_unit
            weights[j + 1] -= per_unit
        return tuple(weights)


def slope_integrals(nodes: Sequence[float], start: float, stop: float) -> list[float]:
    """``integral_{start}^{stop} l_j(s) ds`` of the Lagrange basis over ``nodes``, by Gauss-Legendre.

    Four points are exact to degree 7, more than any order of use here.
    """
    places = (-0.8611363115940526, -0.3399810435848563, 0.3399810435848563, 0.8611363115940526)
    shares = (0.3478548451374538, 0.6521451548625461, 0.6521451548625461, 0.3478548451374538)
    half = (stop - start) / 2
    sums = [0.0] * len(nodes)
    for place, share in zip(places, shares, strict=True):
        at = start + half * (1 + place)
        for j, value in enumerate(newton_weights(nodes, at, len(nodes) - 1) if nodes else ()):
            sums[j] += half * share * value
    return sums
