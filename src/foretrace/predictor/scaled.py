"""Lagrange extrapolation whose increments are each scaled by a factor of their own step.

    F(t) = h_0 + sum_{k=1..o} a_k(t) prod_{q<k} (t - t_q) [h_0..h_k]

in the notation of `lagrange.py`. Factors of 1 are `Lagrange` of order o, of 0 `Reuse`. What lies between two
computed steps moves the sample along h_0 and the o increments only, so o factors a gap say all that any
weights on the same points could. `tune` finds them by runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.errors import InvalidSetting
from foretrace.predictor.base import LinearPredictor
from foretrace.predictor.lagrange import scaled_weights


@dataclass(frozen=True, repr=False)
class ScaledLagrange(LinearPredictor):
    """Increments of order 1, 2, ... scaled by ``factors[i]`` at step ``i``: (steps, order) numbers.

    Steps beyond the list take its last entry. Time must be the step index. With fewer points, as many
    increments as there are.
    """

    factors: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        orders = {len(row) for row in self.factors}
        if (
            len(orders) != 1
            or orders == {0}
            or not all(math.isfinite(a) for row in self.factors for a in row)
        ):
            raise InvalidSetting(
                f"factors got {self.factors}; expected for every step equally many finite numbers, at least "
                "one. Pass one for each increment."
            )

    def __repr__(self) -> str:
        """Short: there are as many factors as steps."""
        return f"ScaledLagrange(order {self.order})"

    @property
    def order(self) -> int:
        """How many increments are scaled."""
        return len(self.factors[0])

    @property
    def exact(self) -> int:
        """Constants, or the order where no factor differs from 1."""
        return self.order if all(a == 1.0 for row in self.factors for a in row) else 0

    @property
    def counts_steps(self) -> bool:
        """The factors are by step index."""
        return True

    @property
    def points(self) -> int:
        """``order + 1``."""
        return self.order + 1

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the module."""
        row = self.factors[min(round(t), len(self.factors) - 1)]
        return scaled_weights(times, t, [1.0, *row[: len(times) - 1]])
