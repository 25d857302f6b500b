"""A forecast damped as far as needed to keep its noise gain within a limit.

The gain of a table of weights is ``sum_i |w_i|``. A line through two points, ``F_1 + r (F_1 - F_2)``, has the
gain ``1 + 2 r``, so for it a limit on the gain is one on the move:

    |p(t) - F_1| <= (gain_limit - 1) / 2 |F_1 - F_2|.

That is what the limit means for a predictor without weights, sample by sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from foretrace.checks import between
from foretrace.combinator.parts import Combined, require_linear, require_predictor, sample_norm
from foretrace.history import Step
from foretrace.predictor.base import LinearPredictor, Predictor


@dataclass(frozen=True)
class ClampGain(Combined):
    """The base, damped as far as needed to keep its gain at most ``gain_limit``. See the module."""

    base: Predictor
    gain_limit: float = 4.0

    looks_at: ClassVar[int] = 2

    def __post_init__(self) -> None:
        require_predictor("base", self.base)
        between("gain_limit", self.gain_limit, 1.0, 1e6)

    @property
    def parts(self) -> tuple[Predictor, ...]:
        """The base."""
        return (self.base,)

    @property
    def exact(self) -> int:
        """Constants at most: where the clamp acts, slopes are shrunk."""
        return min(self.base.exact, 0)

    def join(
        self, forecasts: Sequence[Tensor], newest: Sequence[Tensor], times: Sequence[float], step: Step
    ) -> Tensor:
        """The move, cut to the limit where it is longer."""
        if len(newest) == 1:
            return forecasts[0]
        last, before = (x.to(forecasts[0].dtype) for x in newest[:2])
        move = forecasts[0] - last
        limit = (self.gain_limit - 1) / 2 * sample_norm(last - before, step)
        size = sample_norm(move, step).clamp_min(torch.finfo(move.dtype).tiny)
        return last + (limit / size).clamp_max(1.0) * move


@dataclass(frozen=True)
class LinearClampGain(LinearPredictor, ClampGain):
    """`ClampGain` of a linear predictor: again a table of weights."""

    base: LinearPredictor

    def __post_init__(self) -> None:
        require_linear("base", self.base)
        super().__post_init__()

    @property
    def points(self) -> int:
        """As the base."""
        return self.base.points

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """The base's, damped by the largest factor s <= 1 with ``|1 + s (w_1 - 1)| + s sum_{i>1} |w_i|``
        within the limit. That gain is 1 at s = 0 and convex, so it passes the limit once.
        """
        first, *others = self.base.weights(times, t)
        away, rest = first - 1.0, sum(map(abs, others))
        if abs(first) + rest <= self.gain_limit:
            return (first, *others)
        factor = (self.gain_limit - 1.0) / (away + rest) if away + rest > 0.0 else 1.0
        if 1.0 + factor * away < 0.0 or away + rest <= 0.0:  # the newest point's own weight turned negative
            factor = (self.gain_limit + 1.0) / (rest - away)
        return (1.0 + factor * away, *(factor * w for w in others))


ClampGain.linear_form = LinearClampGain
