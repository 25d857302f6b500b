"""A forecast that is believed as far as a second one agrees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foretrace.checks import between
from foretrace.combinator.parts import Combined, require_predictor, sample_norm
from foretrace.history import Step
from foretrace.predictor.base import Predictor


@dataclass(frozen=True)
class Trust(Combined):
    """``F_1 + trust (first(t) - F_1)``, with less trust where ``second`` disagrees (RACER, arXiv:2608.01740).

    Per sample, ``disagreement = |first - second| / |first|`` and
    ``trust = exp(-decay (horizon - 1)) * sigmoid(4 (tolerance - disagreement))``, on the device, without
    reading it; the horizon counts steps. Read from the abstract and a re-implementation: the published rule
    also moves computed steps, which is a schedule and no forecast.
    """

    first: Predictor
    second: Predictor
    tolerance: float = 0.25
    decay: float = 0.3

    def __post_init__(self) -> None:
        require_predictor("first", self.first)
        require_predictor("second", self.second)
        between("tolerance", self.tolerance, 0.0, 10.0)
        between("decay", self.decay, 0.0, 10.0)

    @property
    def parts(self) -> tuple[Predictor, ...]:
        """Both."""
        return (self.first, self.second)

    @property
    def exact(self) -> int:
        """Constants: full trust is never given."""
        return min(self.first.exact, 0)

    @property
    def counts_steps(self) -> bool:
        """The decay is one per step; else as the parts."""
        return self.decay > 0 or super().counts_steps

    def join(
        self, forecasts: Sequence[Tensor], newest: Sequence[Tensor], times: Sequence[float], step: Step
    ) -> Tensor:
        """The first forecast, drawn to the newest point by as much as the second disagrees."""
        one, two = forecasts
        size = sample_norm(one, step).clamp_min(torch.finfo(one.dtype).tiny)
        disagreement = sample_norm(one - two, step) / size
        fade = math.exp(-self.decay * max(step.time - times[0] - 1.0, 0.0))
        last = newest[0].to(one.dtype)
        return last + fade * torch.sigmoid(4 * (self.tolerance - disagreement)) * (one - last)
