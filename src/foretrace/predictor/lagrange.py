"""Lagrange extrapolation through the newest points, in Newton form, right for uneven gaps.

With points newest first and ``[h_0..h_n]`` the n-th divided difference,

    phi_n(t) = sum_{k=0..n} prod_{q<k} (t - t_q) * [h_0..h_k],

which is the polynomial of degree n through n + 1 points (TraCache, eq. 5 and 6). Two successive orders
differ by one term, so raising the order never changes the terms before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.checks import at_least, distinct
from foretrace.predictor.base import LinearPredictor


def divided_difference(times: Sequence[float]) -> tuple[float, ...]:
    """The coefficients of the features at ``times`` in their divided difference ``[h_0..h_n]``.

    ``[h_0..h_n] = sum_j h_j / prod_{q != j} (t_j - t_q)``, for distinct times.

    Raises:
        ClockError: two times are equal.
    """
    distinct(times)
    coefficients = []
    for j, own in enumerate(times):
        product = 1.0
        for q, other in enumerate(times):
            if q != j:
                product *= own - other
        coefficients.append(1.0 / product)
    return tuple(coefficients)


def newton_factor(times: Sequence[float], t: float, order: int) -> float:
    """``prod_{q < order} (t - t_q)``: what the ``order``-th divided difference is multiplied by."""
    product = 1.0
    for own in times[:order]:
        product *= t - own
    return product


def newton_weights(times: Sequence[float], t: float, order: int) -> tuple[float, ...]:
    """The weights of ``phi_order(t)``; points beyond ``order + 1`` get weight zero."""
    return scaled_weights(times, t, [1.0] * (order + 1))


def scaled_weights(times: Sequence[float], t: float, scales: Sequence[float]) -> tuple[float, ...]:
    """The weights of the Newton form with its terms 0, 1, .. times ``scales``, one a term."""
    weights = [0.0] * len(times)
    for n, scale in enumerate(scales):
        factor = scale * newton_factor(times, t, n)
        for j, coefficient in enumerate(divided_difference(times[: n + 1])):
            weights[j] += factor * coefficient
    return tuple(weights)


@dataclass(frozen=True)
class Lagrange(LinearPredictor):
    """The polynomial of degree ``order`` through the ``order + 1`` newest points.

    With fewer points, the polynomial through those there are; with one, reuse.
    """

    order: int = 2

    def __post_init__(self) -> None:
        at_least("order", self.order, 0)

    @property
    def exact(self) -> int:
        """Exact on polynomials of degree ``order`` in the step index."""
        return self.order

    @property
    def points(self) -> int:
        """``order + 1``."""
        return self.order + 1

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the module."""
        return newton_weights(times, t, min(self.order, len(times) - 1))
