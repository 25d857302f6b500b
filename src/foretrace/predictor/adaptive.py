"""Lagrange extrapolation whose order is chosen at each skipped step by the spread of its increments.

The published rule (TraCache, eq. 7) takes the order n in 1..o with the least ``std(eps_n)``, where
``eps_n = phi_n - phi_{n-1}`` (`spread.py`). Its std says how much an order changes the forecast, not how much
of that is noise; with ``penalty > 0`` it counts ``gain^penalty``-fold, ``gain`` being the sum of the sizes
of phi_n's weights, which multiplies noise. The published rule has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.checks import between
from foretrace.history import Feature, Step, weighted_samples
from foretrace.predictor.lagrange import newton_weights
from foretrace.predictor.spread import SpreadPoints, SpreadPredictor, increments


def least_spread(times: Sequence[float], t: float, spreads: Sequence[float], penalty: float = 0.0) -> int:
    """The order n >= 1 of the least increment times gain to the ``penalty``; the lowest one in a tie."""
    sizes = increments(times, t, spreads)
    if penalty:
        gains = [sum(map(abs, newton_weights(times, t, n))) for n in range(1, len(sizes) + 1)]
        sizes = [size * gain**penalty for size, gain in zip(sizes, gains, strict=True)]
    return 1 + min(range(len(sizes)), key=sizes.__getitem__)


@dataclass(frozen=True)
class AdaptiveLagrange(SpreadPredictor):
    """Lagrange of order 1..``order``, the order of least increment spread at every skipped step.

    With two points the order is 1, with one the point is reused. ``penalty`` is unpublished, see the module.
    """

    penalty: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        between("penalty", self.penalty, 0.0, 100.0)

    def orders(self, state: SpreadPoints, step: Step) -> tuple[tuple[int, ...], ...]:
        """The orders chosen at ``step``: per stream, per sample (one entry for a common choice)."""
        times, t = state.points.times, step.time
        if not state.spreads:
            return ((len(times) - 1,),) * len(state.points.out_dtypes)
        return tuple(
            tuple(least_spread(times, t, column, self.penalty) for column in zip(*copy.rows(), strict=True))
            for copy in state.spreads
        )

    def predict(self, state: SpreadPoints, step: Step) -> Feature:
        """The weighted sums with the chosen orders."""
        points = state.points
        chosen = self.orders(state, step)
        used = {n for orders in chosen for n in orders}
        weights = {n: newton_weights(points.times, step.time, n) for n in used}
        return tuple(
            weighted_samples([weights[n] for n in orders], stream, dtype)
            for stream, orders, dtype in zip(
                zip(*points.features, strict=True), chosen, points.out_dtypes, strict=True
            )
        )
