"""Predictors made of predictors. Each is again a table of weights, so the forecast stays one fused sum.

They take any `LinearPredictor`; ``base`` is the wrapped one. F_1 is the newest point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.checks import between
from foretrace.errors import InvalidSetting
from foretrace.predictor.base import LinearPredictor


def require_linear(name: str, value: object) -> None:
    """Raise `InvalidSetting` unless ``value`` is a `LinearPredictor`."""
    if not isinstance(value, LinearPredictor):
        raise InvalidSetting(
            f"{name} got {value!r}; expected a linear predictor. Pass e.g. Lagrange(2) or Taylor(1)."
        )


@dataclass(frozen=True)
class Damped(LinearPredictor):
    """``F_1 + scale (p(t) - F_1)``: the extrapolation shrunk towards the newest point.

    ``rate < 1`` shrinks further with the horizon: the factor is ``scale * rate**(t - t_1 - 1)``.
    """

    base: LinearPredictor
    scale: float = 0.5
    rate: float = 1.0

    def __post_init__(self) -> None:
        require_linear("base", self.base)
        between("scale", self.scale, 0.0, 2.0)
        between("rate", self.rate, 0.0, 1.0)

    @property
    def exact(self) -> int:
        """The base's degree where nothing is shrunk, else constants at most."""
        return self.base.exact if self.scale == self.rate == 1.0 else min(self.base.exact, 0)

    @property
    def counts_steps(self) -> bool:
        """The rate is one per step; else as the base."""
        return self.rate < 1.0 or self.base.counts_steps

    @property
    def points(self) -> int:
        """As the base."""
        return self.base.points

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the class."""
        scale = self.scale * self.rate ** max(t - times[0] - 1.0, 0.0)
        first, *others = (scale * w for w in self.base.weights(times, t))
        return (first + 1.0 - scale, *others)


@dataclass(frozen=True)
class Blend(LinearPredictor):
    """``share * first(t) + (1 - share) * second(t)``."""

    first: LinearPredictor
    second: LinearPredictor
    share: float = 0.5

    def __post_init__(self) -> None:
        require_linear("first", self.first)
        require_linear("second", self.second)
        between("share", self.share, 0.0, 1.0)

    @property
    def exact(self) -> int:
        """The lower degree of the two, of those that have a share."""
        parts = ((self.first, self.share), (self.second, 1.0 - self.share))
        return min(part.exact for part, share in parts if share)

    @property
    def counts_steps(self) -> bool:
        """If either part does."""
        return self.first.counts_steps or self.second.counts_steps

    @property
    def points(self) -> int:
        """As many as the one that needs more."""
        return max(self.first.points, self.second.points)

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the class. Each part sees as many points as it would keep by itself."""
        total = [0.0] * len(times)
        for part, share in ((self.first, self.share), (self.second, 1.0 - self.share)):
            for i, w in enumerate(part.weights(times[: part.points], t)):
                total[i] += share * w
        return tuple(total)


@dataclass(frozen=True)
class Centered(LinearPredictor):
    """The base applied to the differences to the newest point: ``F_1 + sum_i w_i (F_i - F_1)``.

    Gives any stencil weights that sum to one; what a ridge needs before it may penalise the constant.
    """

    base: LinearPredictor

    def __post_init__(self) -> None:
        require_linear("base", self.base)

    @property
    def exact(self) -> int:
        """Constants at least."""
        return max(self.base.exact, 0)

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
        others = self.base.weights(times, t)[1:]
        return (1.0 - sum(others), *others)


@dataclass(frozen=True)
class ClampGain(LinearPredictor):
    """The base, damped as far as needed to keep ``sum_i |w_i|`` at most ``gain``."""

    base: LinearPredictor
    gain_limit: float = 4.0

    def __post_init__(self) -> None:
        require_linear("base", self.base)
        between("gain_limit", self.gain_limit, 1.0, 1e6)

    @property
    def exact(self) -> int:
        """Constants at most: where the clamp acts, slopes are shrunk."""
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
        """See the class. The gain is convex in the damping, so a bisection finds the largest factor."""
        if self.base.gain(times, t) <= self.gain_limit:
            return self.base.weights(times, t)
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            inside = Damped(self.base, middle).gain(times, t) <= self.gain_limit
            low, high = (middle, high) if inside else (low, middle)
        return Damped(self.base, low).weights(times, t)


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
