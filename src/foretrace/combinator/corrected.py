"""Forecasts from a history that an Adams-Moulton corrector smooths where features change fast.

At a computed step the true F_0 gives the slope over the newest gap, ``g_0 = (F_0 - F_1) / h``, and with
``g_1 = (F_1 - F_2) / h_1`` the corrector of order 2 (the trapezoid) is

    C = F_1 + h/2 (g_0 + g_1) = 1/2 F_0 + 1/2 (F_1 + h g_1),

the mean of the truth and of the line through the two points before. C enters the history in place of F_0; the
step itself returns F_0. It is taken where the relative change per step,

    delta = |F_0 - F_1| / (h |F_1|),

passes a threshold, for each sample by itself and without reading delta on the host. What it buys is a
smoother history: noise of the newest point is halved. What it costs is half of every true bend.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from foretrace.checks import between
from foretrace.combinator.parts import require_linear
from foretrace.history import Feature, Points, Step, weighted_sum
from foretrace.predictor.base import LinearPredictor, Predictor
from foretrace.predictor.lagrange import newton_weights
from foretrace.predictor.multistep import AdamsBashforth


@dataclass(frozen=True)
class Corrected(Predictor):
    """``base`` over a history whose points are corrected where ``delta`` passes ``threshold``.

    See the module. ``threshold=0`` corrects every point from the third on.
    """

    base: LinearPredictor = field(default_factory=AdamsBashforth)
    threshold: float = 0.1

    def __post_init__(self) -> None:
        require_linear("base", self.base)
        between("threshold", self.threshold, 0.0, 1e6)

    @property
    def exact(self) -> int:
        """Straight lines at most: on them truth and line agree."""
        return min(self.base.exact, 1)

    @property
    def counts_steps(self) -> bool:
        """The change is one per step."""
        return True

    @property
    def points(self) -> int:
        """As the base, and the two that the corrector needs."""
        return max(self.base.points, 2)

    def init(self, dtype: torch.dtype | None = None) -> Points:
        """No points yet."""
        return Points(dtype=dtype)

    def commit(self, state: Points, step: Step, feature: Feature) -> Points:
        """Keep ``feature``, corrected where it changed fast, as the newest point."""
        kept = feature
        if len(state.times) >= 2:
            history = zip(*state.features, strict=True)
            kept = tuple(
                self._correct(live.detach(), stream, state.times, step)
                for live, stream in zip(feature, history, strict=True)
            )
        return state.push(step.time, kept, self.points)

    def _correct(
        self, live: Tensor, stream: tuple[Tensor, ...], times: tuple[float, ...], step: Step
    ) -> Tensor:
        """The corrector's value where the change is fast, else ``live``."""
        before = newton_weights(times[:2], step.time, 1)
        middle = weighted_sum((0.5, *(0.5 * w for w in before)), (live, *stream[:2]), live.dtype)
        own = step.has_rows(live)
        axes = tuple(range(1, live.ndim)) if own else None
        exact = torch.promote_types(live.dtype, torch.float32)
        change, size = (
            torch.linalg.vector_norm(x, dim=axes, keepdim=own, dtype=exact)
            for x in (live.to(exact) - stream[0].to(exact), stream[0].to(exact))
        )
        return torch.where(change > self.threshold * abs(step.time - times[0]) * size, middle, live)

    def predict(self, state: Points, step: Step) -> Feature:
        """The base's weighted sum over the kept points."""
        return self.base.predict(state, step)

    def nbytes(self, state: Points) -> int:
        """Bytes of the kept points."""
        return state.nbytes
