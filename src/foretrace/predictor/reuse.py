"""Reuse: the newest computed feature, unchanged. The predictor of FORA and of most early caches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.predictor.base import LinearPredictor


@dataclass(frozen=True)
class Reuse(LinearPredictor):
    """``F(t) = F(t_1)``, exact on constants."""

    @property
    def exact(self) -> int:
        """Constants."""
        return 0

    @property
    def points(self) -> int:
        """One."""
        return 1

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """One for the newest point, zero for the others."""
        return (1.0, *(0.0,) * (len(times) - 1))
