"""Spectrum's ridge fit to all computed features, in as many tensors as the fit has coefficients.

The fit of `chebyshev.py` needs the features only through the sums

    S_j = sum_i T_j(tau_i) F_i,   j = 0..M,        F(t) = phi(t) (Phi^T Phi + ridge I)^{-1} S,

so that no feature need be kept for it, however many were computed: a computed step adds to M + 1 sums, a
skipped one reads M + 1 tensors. The release keeps every feature (arXiv:2603.01623). The straight line that it
blends in, and the newest point that a centred fit goes through, take the two newest ones beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from foretrace.checks import between
from foretrace.history import Feature, Points, Step, weighted_sum
from foretrace.predictor.base import LinearPredictor
from foretrace.predictor.chebyshev import Chebyshev, polynomials, ridge_fit
from foretrace.predictor.lagrange import Lagrange


@dataclass(frozen=True)
class Sums:
    """The times of all computed features (newest first), ``S_0..S_M``, and the newest one or two features.

    ``add`` writes into the sums that were passed in, so the old state must not be used again.
    """

    points: Points = field(default_factory=Points)
    times: tuple[float, ...] = ()
    sums: tuple[Feature, ...] = ()

    def add(self, time: float, feature: Feature, basis: Sequence[float], keep: int) -> Sums:
        """The state with one more feature; ``basis`` are the polynomials at ``time``."""
        points = self.points.push(time, feature, keep)  # first: it refuses what does not fit
        sums = self.sums
        if not sums:
            with torch.inference_mode(False):  # tensors of inference mode cannot be written outside of it
                sums = tuple(tuple(_zeros(x) for x in feature) for _ in basis)
        for stored, value in zip(sums, basis, strict=True):
            for total, x in zip(stored, feature, strict=True):
                total.add_(x.detach(), alpha=value)
        return Sums(points, (time, *self.times), sums)

    @property
    def nbytes(self) -> int:
        """Bytes of all stored tensors."""
        return self.points.nbytes + sum(x.numel() * x.element_size() for s in self.sums for x in s)


def _zeros(x: torch.Tensor) -> torch.Tensor:
    """In single precision at least: sums of many features have more digits than one."""
    return torch.zeros(x.shape, dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)


@dataclass(frozen=True)
class ChebyshevSums(LinearPredictor):
    """``share`` of the Chebyshev ridge over all computed features, the rest a line through the newest two.

    ``centered``: of the differences to the newest feature, which keeps constants. ``degree``, ``ridge`` and
    ``span`` are those of `Chebyshev`. Sums are kept in single precision or better whatever the storage
    precision. Inside another predictor it is the fit to the newest ``points`` features.
    """

    degree: int = 4
    ridge: float = 0.1
    span: float = 50.0
    share: float = 1.0
    centered: bool = False

    def __post_init__(self) -> None:
        Chebyshev(self.degree, self.ridge, span=self.span)  # refuses what it refuses
        between("share", self.share, 0.0, 1.0)

    @property
    def exact(self) -> int:
        """Nothing (-1); constants if ``centered``; lines where only the line has a share."""
        if not self.share:
            return 1
        return 0 if self.centered else -1

    @property
    def counts_steps(self) -> bool:
        """``span`` is a number of steps."""
        return True

    @property
    def points(self) -> int:
        """As many as determine the polynomial."""
        return self.degree + 1

    def weighed(self, times: Sequence[float]) -> tuple[float, ...]:
        """All."""
        return tuple(times)

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """Those of the fit and of the line, by their shares."""
        nodes, solved = ridge_fit(times, t, self.degree, self.ridge, self.span)
        fit = (nodes @ solved).tolist()
        newest = self._newest(times, t, sum(fit))
        total = [self.share * w for w in fit]
        return (*(a + b for a, b in zip(total, newest, strict=False)), *total[len(newest) :])

    def init(self, dtype: torch.dtype | None = None) -> Any:
        """No features yet."""
        return Sums(Points(dtype=dtype))

    def commit(self, state: Any, step: Step, feature: Feature) -> Any:
        """Add ``feature`` to the sums."""
        basis = polynomials([step.time], self.degree, self.span)[0].tolist()
        return state.add(step.time, feature, basis, keep=1 if self.share == 1.0 else 2)

    def predict(self, state: Any, step: Step) -> Feature:
        """One weighted sum over the sums and the newest features."""
        weights = _weights_of_sums(self, state.times, step.time)
        kept = (*state.sums, *state.points.features)
        return tuple(
            weighted_sum(weights, stream, dtype)
            for stream, dtype in zip(zip(*kept, strict=True), state.points.out_dtypes, strict=True)
        )

    def _newest(self, times: Sequence[float], t: float, fitted: float) -> list[float]:
        """What the (at most) two newest features get beside the fit, whose weights sum to ``fitted``."""
        two = times[: 1 if self.share == 1.0 else 2]
        line = [(1.0 - self.share) * w for w in Lagrange(1).weights(two, t)]
        line[0] += self.share * (1.0 - fitted) if self.centered else 0.0
        return line


@lru_cache(maxsize=64)  # a step has one time, and a model many branches and streams
def _weights_of_sums(fit: ChebyshevSums, times: tuple[float, ...], t: float) -> tuple[float, ...]:
    """The weights of ``S_0..S_M`` and of the newest features. Raises `NonFinite` as the others do."""
    nodes, solved = ridge_fit(times, t, fit.degree, fit.ridge, fit.span)
    if not np.isfinite(solved).all():
        fit.finite_weights(times, t)
    newest = fit._newest(times, t, float((nodes @ solved).sum()))
    return (*(fit.share * solved).tolist(), *newest)
