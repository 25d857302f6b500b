"""Expansions in recursive difference quotients: Taylor as TaylorSeer released it, Hermite as HiCache has it.

The released recursion (arXiv:2503.06923, code) keeps at the newest point

    d_0 = F(t_1),    d_{i+1} = (d_i(t_1) - d_i(t_2)) / (t_1 - t_2),

where ``d_i(t_2)`` is the same quantity one computed step earlier. ``d_1`` is the slope half a gap in the
past, and Newton's factors are missing, so the forecast ``sum_i d_i x^i / i!`` is exact on straight lines
only, whatever its order. `Lagrange` is the expansion with the right factors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.checks import at_least, between, distinct
from foretrace.predictor.base import LinearPredictor


def quotient_coefficients(times: Sequence[float], order: int) -> list[list[float]]:
    """Row i: the coefficients of the points (newest first) in the quotient ``d_i``, i = 0..order."""
    distinct(times)
    count = len(times)
    column = [[float(i == j) for i in range(count)] for j in range(count)]  # d_0 at every point
    rows = [column[0]]
    for _ in range(order):
        column = [
            [(a - b) / (times[j] - times[j + 1]) for a, b in zip(column[j], column[j + 1], strict=True)]
            for j in range(len(column) - 1)
        ]
        rows.append(column[0])
    return rows


def expansion(times: Sequence[float], factors: Sequence[float]) -> tuple[float, ...]:
    """The weights of ``sum_i factors[i] d_i``."""
    rows = quotient_coefficients(times, len(factors) - 1)
    return tuple(sum(f * row[j] for f, row in zip(factors, rows, strict=True)) for j in range(len(times)))


@dataclass(frozen=True)
class Taylor(LinearPredictor):
    """``sum_{i<=order} d_i x^i / i!`` with ``x = t - t_1``: TaylorSeer as released."""

    order: int = 2

    def __post_init__(self) -> None:
        at_least("order", self.order, 0)

    @property
    def exact(self) -> int:
        """One, or zero at order zero."""
        return min(self.order, 1)

    @property
    def points(self) -> int:
        """``order + 1``."""
        return self.order + 1

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the module."""
        order = min(self.order, len(times) - 1)
        return expansion(times, [(t - times[0]) ** i / math.factorial(i) for i in range(order + 1)])


@dataclass(frozen=True)
class Hermite(LinearPredictor):
    """``sum_i d_i s^i H_i(s x) / i!`` with physicists' Hermite polynomials, ``s = sigma`` (HiCache).

    (arXiv:2508.16984.) At ``sigma=0.5`` this halves the slope. From order 2 on the forecast does not pass
    through the newest point, since ``H_2(0) != 0``.
    """

    order: int = 2
    sigma: float = 0.5

    def __post_init__(self) -> None:
        at_least("order", self.order, 0)
        between("sigma", self.sigma, 0.0, 1.0)

    @property
    def exact(self) -> int:
        """Constants: the slope is scaled by ``2 sigma^2``."""
        return 0

    @property
    def counts_steps(self) -> bool:
        """``sigma`` is one per step: on another scale of time the polynomials are others."""
        return True

    @property
    def points(self) -> int:
        """``order + 1``."""
        return self.order + 1

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the class."""
        order = min(self.order, len(times) - 1)
        values = hermite_values(self.sigma * (t - times[0]), order)
        return expansion(times, [self.sigma**i * h / math.factorial(i) for i, h in enumerate(values)])


def hermite_values(x: float, order: int) -> list[float]:
    """``H_0(x)..H_order(x)`` by ``H_{n+1} = 2x H_n - 2n H_{n-1}``."""
    values = [1.0, 2 * x]
    for n in range(1, order):
        values.append(2 * x * values[n] - 2 * n * values[n - 1])
    return values[: order + 1]
