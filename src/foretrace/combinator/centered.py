"""A predictor of differences to the newest computed feature: ``F_1 + p[F - F_1](t)``.

What a ridge needs before it may penalise the constant. A table of weights becomes one that sums to one. Any
other predictor is shown the differences of the points kept, anew after every computed step: twice the memory
and ``points`` commits a computed step, nothing more on skipped ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from foretrace.combinator.parts import Combined, Joined, require_linear, require_predictor
from foretrace.errors import InvalidSetting
from foretrace.history import Feature, Step
from foretrace.predictor.base import LinearPredictor, Predictor


@dataclass(frozen=True)
class Centered(Combined):
    """``F_1 + p[F - F_1](t)``: the base on the differences to the newest point.

    A base that remembers more than its points, such as `FoCa`, begins anew with the oldest point kept.
    """

    base: Predictor

    def __post_init__(self) -> None:
        require_predictor("base", self.base)
        if self.base.watches_probe:
            raise InvalidSetting(
                f"base got {self.base}, which looks at a probe once a step; expected a predictor that can be "
                "shown all kept points anew. Pass another base, or use it without Centered."
            )

    @property
    def parts(self) -> tuple[Predictor, ...]:
        """The base."""
        return (self.base,)

    @property
    def exact(self) -> int:
        """Constants at least."""
        return max(self.base.exact, 0)

    @property
    def shared(self) -> int:
        """All that the base needs, since their differences change with the newest."""
        return self.base.points

    def commit(self, state: Any, step: Step, feature: Feature) -> Any:
        """Keep ``feature``, and show the base the differences to it."""
        points = state.points.push(step.time, feature, self.shared)
        own = self.base.init(points.dtype)
        for time, kept in zip(reversed(points.times), reversed(points.features), strict=True):
            difference = tuple(
                (x - newest).to(dtype)
                for x, newest, dtype in zip(kept, points.features[0], points.out_dtypes, strict=True)
            )
            own = self.base.commit(own, replace(step, index=round(time), coordinate=time), difference)
        return Joined(points, (own,))

    def join(
        self, forecasts: Sequence[Tensor], newest: Sequence[Tensor], times: Sequence[float], step: Step
    ) -> Tensor:
        """The forecast difference, put onto the newest point."""
        return newest[0].to(forecasts[0].dtype) + forecasts[0]


@dataclass(frozen=True)
class LinearCentered(LinearPredictor, Centered):
    """`Centered` of a linear predictor: ``F_1 + sum_i w_i (F_i - F_1)``, a table of weights."""

    base: LinearPredictor

    def __post_init__(self) -> None:
        require_linear("base", self.base)

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """The base's for all but the newest point, which gets the rest to one."""
        others = self.base.weights(times, t)[1:]
        return (1.0 - sum(others), *others)


Centered.linear_form = LinearCentered
