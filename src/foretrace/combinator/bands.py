"""Different predictors for the low and the high frequencies of one feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from foretrace.checks import between
from foretrace.combinator.parts import Combined, require_predictor
from foretrace.history import Step
from foretrace.predictor.base import Predictor


@dataclass(frozen=True)
class Bands(Combined):
    """``first`` for the low frequencies of a feature, ``second`` for the rest (FreqCa, arXiv:2510.08669).

    Frequencies run over the tokens of a (batch, tokens, channels) feature, and over the last two axes of one
    with more; ``share`` of them, from the lowest, are low. A feature with fewer axes is all low.
    """

    first: Predictor
    second: Predictor
    share: float = 0.1

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
        """The lower degree of the two."""
        return min(self.first.exact, self.second.exact)

    def join(
        self, forecasts: Sequence[Tensor], newest: Sequence[Tensor], times: Sequence[float], step: Step
    ) -> Tensor:
        """The high-frequency forecast, its low band replaced."""
        low, high = forecasts
        return high + low_band(low - high, self.share)


def low_band(x: Tensor, share: float) -> Tensor:
    """The lowest ``share`` of the frequencies of ``x``; the constant always belongs to it."""
    if x.ndim < 3:
        return x
    axes = (-2,) if x.ndim == 3 else (-2, -1)
    spectrum = torch.fft.rfftn(x, dim=axes)
    for axis in axes:
        size = x.shape[axis]
        frequencies = torch.fft.rfftfreq(size) if axis == axes[-1] else torch.fft.fftfreq(size).abs()
        kept = (frequencies <= 0.5 * share).to(x.device)
        spectrum = spectrum * kept.reshape(-1, *(1,) * (-axis - 1))
    return torch.fft.irfftn(spectrum, s=[x.shape[axis] for axis in axes], dim=axes)
