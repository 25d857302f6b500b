"""A forecast shrunk towards the newest computed feature F_1: ``F_1 + scale (p(t) - F_1)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from foretrace.checks import between
from foretrace.combinator.parts import Combined, require_linear, require_predictor
from foretrace.history import Step
from foretrace.predictor.base import LinearPredictor, Predictor


@dataclass(frozen=True)
class Damped(Combined):
    """``F_1 + scale (p(t) - F_1)`` of any predictor p.

    ``rate < 1`` shrinks further with the horizon: the factor is ``scale * rate**(t - t_1 - 1)``.
    """

    base: Predictor
    scale: float = 0.5
    rate: float = 1.0

    def __post_init__(self) -> None:
        require_predictor("base", self.base)
        between("scale", self.scale, 0.0, 2.0)
        between("rate", self.rate, 0.0, 1.0)

    @property
    def parts(self) -> tuple[Predictor, ...]:
        """The base."""
        return (self.base,)

    @property
    def exact(self) -> int:
        """The base's degree where nothing is shrunk, else constants at most."""
        return self.base.exact if self.scale == self.rate == 1.0 else min(self.base.exact, 0)

    @property
    def counts_steps(self) -> bool:
        """The rate is one per step; else as the base."""
        return self.rate < 1.0 or self.base.counts_steps

    def kept(self, horizon: float) -> float:
        """The share of the move that is kept, ``horizon`` after the newest point."""
        return self.scale * self.rate ** max(horizon - 1.0, 0.0)

    def join(
        self, forecasts: Sequence[Tensor], newest: Sequence[Tensor], times: Sequence[float], step: Step
    ) -> Tensor:
        """See the class."""
        last = newest[0].to(forecasts[0].dtype)
        return last + self.kept(step.time - times[0]) * (forecasts[0] - last)


@dataclass(frozen=True)
class LinearDamped(LinearPredictor, Damped):
    """`Damped` of a linear predictor: again a table of weights."""

    base: LinearPredictor

    def __post_init__(self) -> None:
        require_linear("base", self.base)
        super().__post_init__()

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """The base's, shrunk; what is missing to one goes to the newest point."""
        scale = self.kept(t - times[0])
        first, *others = (scale * w for w in self.base.weights(times, t))
        return (first + 1.0 - scale, *others)


Damped.linear_form = LinearDamped
