"""A table of weights on a warped time axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.checks import between
from foretrace.combinator.parts import require_linear
from foretrace.predictor.base import LinearPredictor


@dataclass(frozen=True)
class Warped(LinearPredictor):
    """The base on the time axis ``tanh(strength (t - m) / r)``: m the mean of the points' times, r the reach.

    Beyond the points the axis flattens, which limits how far a polynomial runs away (ResilPhase,
    arXiv:2606.26769, "balanced").
    """

    base: LinearPredictor
    strength: float = 0.55

    def __post_init__(self) -> None:
        require_linear("base", self.base)
        between("strength", self.strength, 1e-6, 10.0)

    @property
    def exact(self) -> int:
        """Constants: a line in t is none in the warped time."""
        return min(self.base.exact, 0)

    @property
    def counts_steps(self) -> bool:
        """As the base."""
        return self.base.counts_steps

    @property
    def points(self) -> int:
        """As the base."""
        return self.base.points

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the class."""
        mean = sum(times) / len(times)
        reach = max(abs(time - mean) for time in times) or 1.0
        warped = [math.tanh(self.strength * (time - mean) / reach) for time in (*times, t)]
        return self.base.weights(warped[:-1], warped[-1])
