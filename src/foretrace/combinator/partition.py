"""Different predictors for different parts of one feature, and two that check each other.

Unlike the combinators of `combinator/weights.py` these look at the features, so they are no weight tables;
what they wrap are, and each wrapped forecast stays one fused sum over shared points.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from foretrace.checks import between
from foretrace.combinator.weights import require_linear
from foretrace.history import Feature, Points, Step, weighted_sum
from foretrace.predictor.base import LinearPredictor, Predictor


@dataclass(frozen=True)
class _Pair(Predictor):
    """Two linear predictors over the same points."""

    first: LinearPredictor
    second: LinearPredictor

    def __post_init__(self) -> None:
        require_linear("first", self.first)
        require_linear("second", self.second)

    @property
    def counts_steps(self) -> bool:
        """If either does."""
        return self.first.counts_steps or self.second.counts_steps

    @property
    def points(self) -> int:
        """As many as the one that needs more."""
        return max(self.first.points, self.second.points)

    def init(self, dtype: torch.dtype | None = None) -> Points:
        """No points yet."""
        return Points(dtype=dtype)

    def commit(self, state: Points, step: Step, feature: Feature) -> Points:
        """Keep ``feature`` as the newest point."""
        return state.push(step.time, feature, self.points)

    def predict(self, state: Points, step: Step) -> Feature:
        """Stream by stream what `join` makes of the two forecasts."""
        weights = [p.weights(state.times[: p.points], step.time) for p in (self.first, self.second)]
        joined = []
        for stream, dtype in zip(zip(*state.features, strict=True), state.out_dtypes, strict=True):
            exact = torch.promote_types(dtype, torch.float32)
            one, two = (weighted_sum(w, stream, exact) for w in weights)
            joined.append(self.join(one, two, stream[0], step.time - state.times[0]).to(dtype))
        return tuple(joined)

    @abstractmethod
    def join(self, one: Tensor, two: Tensor, newest: Tensor, horizon: float) -> Tensor:
        """One forecast out of the two; ``newest`` is the newest point, ``horizon`` the time since then."""

    def nbytes(self, state: Points) -> int:
        """Bytes of the kept points."""
        return state.nbytes


@dataclass(frozen=True)
class Bands(_Pair):
    """``first`` for the low frequencies of a feature, ``second`` for the rest (FreqCa, arXiv:2510.08669).

    Frequencies run over the tokens of a (batch, tokens, channels) feature, and over the last two axes of one
    with more; ``share`` of them, from the lowest, are low. A feature with fewer axes is all low.
    """

    share: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        between("share", self.share, 0.0, 1.0)

    @property
    def exact(self) -> int:
        """The lower degree of the two."""
        return min(self.first.exact, self.second.exact)

    def join(self, one: Tensor, two: Tensor, newest: Tensor, horizon: float) -> Tensor:
        """The high-frequency forecast, its low band replaced."""
        return two + low_band(one - two, self.share)


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


@dataclass(frozen=True)
class Trust(_Pair):
    """``F_1 + trust (first(t) - F_1)``, with less trust where ``second`` disagrees (RACER, arXiv:2608.01740).

    Per sample, ``disagreement = |first - second| / |first|`` and
    ``trust = exp(-decay (horizon - 1)) * sigmoid(4 (tolerance - disagreement))``, on the device, without
    reading it. The published rule also moves computed steps; that is a schedule, not a forecast.
    """

    tolerance: float = 0.25
    decay: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        between("tolerance", self.tolerance, 0.0, 10.0)
        between("decay", self.decay, 0.0, 10.0)

    @property
    def exact(self) -> int:
        """Constants: full trust is never given."""
        return min(self.first.exact, 0)

    def join(self, one: Tensor, two: Tensor, newest: Tensor, horizon: float) -> Tensor:
        """The first forecast, drawn to the newest point by as much as the second disagrees."""
        axes = tuple(range(1, one.ndim)) or None
        size = torch.linalg.vector_norm(one, dim=axes, keepdim=axes is not None)
        apart = torch.linalg.vector_norm(one - two, dim=axes, keepdim=axes is not None)
        disagreement = apart / size.clamp_min(torch.finfo(one.dtype).tiny)
        fade = math.exp(-self.decay * max(horizon - 1.0, 0.0))
        trust = fade * torch.sigmoid(4 * (self.tolerance - disagreement))
        return newest.to(one.dtype) + trust * (one - newest.to(one.dtype))
