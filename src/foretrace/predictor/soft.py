"""Lagrange extrapolation whose higher increments are faded out where they do not shrink.

The published rule picks one order, the one of least increment, and so stops at order 1 wherever the second
increment is the larger one, even if both are small. Here every increment counts for as much as the series
seems to converge (`spread.py` has ``eps_n`` and its std):

    F(t) = phi_1(t) + sum_{n=2..o} k_n eps_n(t),    k_n = prod_{m=2..n} 1 / (1 + (caution r_m)^2),
    r_m  = std(eps_m(t)) / std(eps_{m-1}(t)).

``caution=0`` is `Lagrange` of order o. The ratio grows with the distance from the newest point, so over long
gaps the forecast falls back towards a straight line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.checks import between
from foretrace.history import Feature, Step, weighted_samples
from foretrace.predictor.lagrange import newton_weights
from foretrace.predictor.spread import SpreadPoints, SpreadPredictor, increments


@dataclass(frozen=True)
class SoftLagrange(SpreadPredictor):
    """Lagrange of order ``order`` with increments from the second on faded by ``caution``.

    With two points the order is 1, with one the point is reused.
    """

    order: int = 2
    caution: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        between("caution", self.caution, 0.0, math.inf)

    def predict(self, state: SpreadPoints, step: Step) -> Feature:
        """One weighted sum per sample, with the faded weights."""
        points, t = state.points, step.time
        parts = [newton_weights(points.times, t, n) for n in range(len(points.times))]
        forecast = []
        for i, dtype in enumerate(points.out_dtypes):
            stream = [feature[i] for feature in points.features]
            spreads = zip(*state.spreads[i].rows(), strict=True) if state.spreads else [()]
            rows = [fade(parts, increments(points.times, t, column), self.caution) for column in spreads]
            forecast.append(weighted_samples(rows, stream, dtype))
        return tuple(forecast)


def fade(parts: Sequence[tuple[float, ...]], sizes: Sequence[float], caution: float) -> tuple[float, ...]:
    """The weights of F(t), from those of phi_n in ``parts[n]`` and the sizes of eps_1, eps_2, ..."""
    total, kept = parts[min(1, len(parts) - 1)], 1.0
    for n in range(2, len(parts)):
        kept *= share(sizes[n - 1], sizes[n - 2], caution)
        increment = zip(total, parts[n], parts[n - 1], strict=True)
        total = tuple(w + kept * (above - below) for w, above, below in increment)
    return total


def share(size: float, before: float, caution: float) -> float:
    """How much of an increment of std ``size`` is kept after one of std ``before``."""
    scaled = caution * size
    return (before / math.hypot(before, scaled)) ** 2 if scaled else 1.0
