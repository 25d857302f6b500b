"""EasyCache's gate: how much the output changes per change of the input, as the run itself shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foretrace.checks import between
from foretrace.gate.base import Gate, Signal
from foretrace.gate.error_estimate import seen_by_sampler
from foretrace.gate.measure import Over


@dataclass(frozen=True)
class Rate:
    """What is known of one run.

    ``before`` is the latent of the newest step, ``latent`` and ``output`` those of the last computed one,
    ``rate`` the k of each sample between the last two computed ones, ``spent`` the error added up. Rates
    and sums are of shape (samples,), on the device.
    """

    before: Tensor | None = None
    latent: Tensor | None = None
    output: Tensor | None = None
    rate: Tensor | None = None
    spent: float = 0.0


@dataclass(frozen=True)
class EasyCache(Gate):
    """Admits while ``sum_j k mean|x_j - x_{j-1}| / mean|F_c| < threshold`` over the steps since c.

    c is the last computed step, x the latent, F the denoiser's output, and
    ``k = mean|F_c - F_b| / mean|x_c - x_b|`` with b the computed step before c. With fewer than two computed
    steps nothing is admitted. ``threshold`` is the paper's tau; 0 computes every step, ``inf`` skips all
    that may be.
    """

    threshold: float

    def __post_init__(self) -> None:
        super().__post_init__()
        between("threshold", self.threshold, 0.0, math.inf)

    def init(self) -> Rate:
        """Nothing seen."""
        return Rate()

    def admits(self, state: Rate, signal: Signal) -> tuple[bool, Rate]:
        """See the class."""
        now = signal.latent.detach().clone()
        if state.rate is None or state.before is None or state.output is None:
            known = state.before is not None and bool(now.isfinite().all())
            return math.isinf(self.threshold) and known, replace(state, before=now)
        rise = state.rate * _mean(now - state.before, signal.over) / _mean(state.output, signal.over)
        spent = state.spent + float(rise.max())
        admitted = spent < self.threshold or (math.isinf(self.threshold) and not math.isnan(spent))
        return admitted, replace(state, before=now, spent=spent)

    def computed(self, state: Rate, signal: Signal) -> Rate:
        """Output and latent are the newest known; their changes give the next rate."""
        latent = signal.latent.detach().clone()
        output = seen_by_sampler(signal.output, signal.latent)[0].detach().clone()
        rate = state.rate
        if state.output is not None and state.latent is not None:
            moved = _mean(latent - state.latent, signal.over)
            rate = _mean(output - state.output, signal.over) / moved
        return Rate(latent, latent, output, rate, 0.0)


def _mean(x: Tensor, over: Over) -> Tensor:
    """Mean absolute value of all samples, or of each: (1,) or (samples,)."""
    each = x.float().abs().reshape(len(x), -1).mean(dim=1)
    return each.mean(dim=0, keepdim=True) if over == "mean" else torch.atleast_1d(each)
