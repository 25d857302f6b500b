"""DiCache's trajectory alignment: how far to go along the newest two residuals, read off a live probe.

    F = R_2 + gamma (R_1 - R_2),    gamma = clip(mean|p - p_2| / mean|p_1 - p_2|, 1, 1.5)

R_1, R_2 are the newest two computed features, p_1, p_2 what the probe blocks added at those steps, and p
what they add now (DCTA, arXiv:2508.17356). gamma stays on the device: the forecast waits for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from foretrace.checks import between
from foretrace.errors import InvalidSetting
from foretrace.history import Feature, Points, Step
from foretrace.predictor.base import Predictor


@dataclass(frozen=True)
class ProbedPoints:
    """The newest two features and what the probe added at each; ``live`` is what it adds now."""

    points: Points
    added: Points = field(default_factory=Points)
    live: Feature = ()


@dataclass(frozen=True)
class Aligned(Predictor):
    """``R_2 + gamma (R_1 - R_2)``; one point is reused. ``longest`` is the upper end of gamma."""

    longest: float = 1.5

    def __post_init__(self) -> None:
        between("longest", self.longest, 1.0, 100.0)

    @property
    def watches_probe(self) -> bool:
        """Yes."""
        return True

    @property
    def exact(self) -> int:
        """Constants: how far a straight line is followed is up to the probe."""
        return 0

    @property
    def points(self) -> int:
        """Two."""
        return 2

    def init(self, dtype: torch.dtype | None = None) -> ProbedPoints:
        """No points yet."""
        return ProbedPoints(Points(dtype=dtype))

    def look(self, state: ProbedPoints, added: Feature) -> ProbedPoints:
        """The state with what the probe adds in the call that is on its way."""
        return replace(state, live=added)

    def commit(self, state: ProbedPoints, step: Step, feature: Feature) -> ProbedPoints:
        """Keep ``feature`` and what the probe added as the newest point."""
        live = self._live(state)
        return ProbedPoints(
            state.points.push(step.time, feature, 2), state.added.push(step.time, live, 2), live
        )

    def predict(self, state: ProbedPoints, step: Step) -> Feature:
        """See the module."""
        points, live = state.points, self._live(state)
        newest, older = points.features[0], points.features[-1]
        gamma = reach(live, state.added.features[0], state.added.features[-1], self.longest)
        return tuple(
            torch.lerp(old.float(), new.float(), gamma.to(old.device)).to(dtype)
            for new, old, dtype in zip(newest, older, points.out_dtypes, strict=True)
        )

    def nbytes(self, state: ProbedPoints) -> int:
        """Bytes of the kept features, and of what the probe added."""
        return state.points.nbytes + state.added.nbytes

    def _live(self, state: ProbedPoints) -> Feature:
        if not state.live:
            raise InvalidSetting(
                f"{self} was shown no probe; expected one before every forecast. Use it with a gate that "
                "looks behind the first blocks, such as DiCache, at PerStack(head=1, store='residual')."
            )
        return state.live


def reach(now: Sequence[Tensor], newest: Sequence[Tensor], older: Sequence[Tensor], longest: float) -> Tensor:
    """``gamma`` as a scalar tensor; 1, plain reuse, where the probe did not move between the points."""
    moved, apart = (
        sum((a.float() - b.float()).abs().sum() for a, b in zip(x, older, strict=True)) for x in (now, newest)
    )
    assert isinstance(moved, Tensor) and isinstance(apart, Tensor)
    return torch.where(apart > 0, moved / apart, torch.ones_like(apart)).clamp(1.0, longest)
