"""A mixture of two forecasts: ``share * first(t) + (1 - share) * second(t)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from foretrace.checks import between
from foretrace.combinator.parts import Combined, require_linear, require_predictor
from foretrace.history import Step
from foretrace.predictor.base import LinearPredictor, Predictor


@dataclass(frozen=True)
class Blend(Combined):
    """``share * first(t) + (1 - share) * second(t)`` of any two predictors."""

    first: Predictor
    second: Predictor
    share: float = 0.5

    looks_at: ClassVar[int] = 0

    def __post_init__(self) -> None:
        require_predictor("first", self.first)
        require_predictor("second", self.second)
        between("share", self.share, 0.0, 1.0)

    @property
    def parts(self) -> tuple[Predictor, ...]:
        """Both."""
        return (self.first, self.second)

    @property
    def exact(self) -> int:
        """The lower degree of the two, of those that have a share."""
        shares = (self.share, 1.0 - self.share)
        return min(part.exact for part, share in zip(self.parts, shares, strict=True) if share)

    def join(
        self, forecasts: Sequence[Tensor], newest: Sequence[Tensor], times: Sequence[float], step: Step
    ) -> Tensor:
        """See the class."""
        return self.share * forecasts[0] + (1.0 - self.share) * forecasts[1]


@dataclass(frozen=True)
class LinearBlend(LinearPredictor, Blend):
    """`Blend` of linear predictors: again a table of weights."""

    first: LinearPredictor
    second: LinearPredictor

    def __post_init__(self) -> None:
        require_linear("first", self.first)
        require_linear("second", self.second)
        super().__post_init__()

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """The mixture of both. Each part sees as many points as it would keep by itself."""
        total = [0.0] * len(times)
        for part, share in ((self.first, self.share), (self.second, 1.0 - self.share)):
            for i, w in enumerate(part.weights(times[: part.points], t)):
                total[i] += share * w
        return tuple(total)


Blend.linear_form = LinearBlend
