"""FoCa's forecast (BDF2 predictor, Heun corrector) in closed form: three tensors, no write on skipped steps.

Literally (arXiv:2508.16211, eq. 6 to 8), with a rolling history of computed *and* forecast features,

    F_{k+1} = F_k + 1/2 (D + (F_k - F_{k-1})),      D = (F_a - F_b) / (t_a - t_b),

a and b the two newest computed steps: the BDF2 forecast cancels when eq. 7 is put into eq. 6. j skipped steps
after step a this is

    F(t_a + j) = F_a + j D + (1 - 2^{-j}) (d_0 - D),      d_0 = F_a - (forecast of the step before a),

a straight line plus a bounded correction. What was forecast wrongly just before a comes back in d_0 with
the factor -(1 - 2^{-(interval-1)}), so literal FoCa barely damps its own errors; ``refresh_damping`` scales
``d_0 - D``: 1 is literal, 0 is the straight line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foretrace.checks import between, step_gap
from foretrace.history import Feature, Step, weighted_sum
from foretrace.predictor.base import Predictor


@dataclass(frozen=True)
class Rolling:
    """The newest computed feature F at ``time``, the anchor slope D and ``bend = d_0 - D``, per stream."""

    time: float = 0.0
    feature: Feature = ()
    slope: Feature = ()
    bend: Feature = ()
    dtype: torch.dtype | None = None
    out_dtypes: tuple[torch.dtype, ...] = ()


@dataclass(frozen=True)
class FoCa(Predictor):
    """FoCa in closed form. ``refresh_damping`` in [0, 1]: 1 literal, 0.5 robust, 0 Lagrange of order 1."""

    refresh_damping: float = 0.5

    def __post_init__(self) -> None:
        between("refresh_damping", self.refresh_damping, 0.0, 1.0)

    @property
    def exact(self) -> int:
        """Straight lines: on them d_0 = D."""
        return 1

    @property
    def counts_steps(self) -> bool:
        """The correction halves with every step."""
        return True

    @property
    def points(self) -> int:
        """Three tensors of the feature's size: F, D and d_0 - D."""
        return 3

    def init(self, dtype: torch.dtype | None = None) -> Rolling:
        """Nothing yet."""
        return Rolling(dtype=dtype)

    def commit(self, state: Rolling, step: Step, feature: Feature) -> Rolling:
        """Take slope and bend against the newest computed feature, then replace it."""
        time, out = float(step.index), tuple(x.dtype for x in feature)
        if not state.feature:
            stored = tuple(x.detach().to(state.dtype or x.dtype, copy=True) for x in feature)
            return replace(state, time=time, feature=stored, out_dtypes=out)
        gap = step_gap(time, state.time)
        slopes, bends = [], []
        for i, live in enumerate(feature):
            exact = torch.promote_types(live.dtype, torch.float32)
            slope = (live.detach().to(exact) - state.feature[i].to(exact)) / gap
            bends.append(self._bend(state, i, live.detach().to(exact), slope, gap))
            slopes.append(slope.to(state.dtype or live.dtype))
        for stored, live in zip(state.feature, feature, strict=True):
            stored.copy_(live.detach())
        return replace(state, time=time, slope=tuple(slopes), bend=tuple(bends), out_dtypes=out)

    def _bend(self, state: Rolling, i: int, live: Tensor, slope: Tensor, gap: float) -> Tensor:
        """``refresh_damping * (d_0 - D)``; zero while the interval before was plain reuse."""
        kept = state.dtype or state.out_dtypes[i]
        if gap == 1 or not state.slope or self.refresh_damping == 0:
            return torch.zeros_like(slope, dtype=kept)
        before = self._at(state, i, gap - 1, live.dtype)
        return (self.refresh_damping * (live - before - slope)).to(kept)

    def _at(self, state: Rolling, i: int, horizon: float, dtype: torch.dtype) -> Tensor:
        """The forecast of stream ``i``, ``horizon`` steps after the newest computed one."""
        parts = [state.feature[i], *((state.slope[i], state.bend[i]) if state.slope else ())]
        return weighted_sum((1.0, horizon, 1.0 - 2.0**-horizon)[: len(parts)], parts, dtype)

    def predict(self, state: Rolling, step: Step) -> Feature:
        """The closed form; reuse before a second feature is there."""
        horizon = float(step.index) - state.time
        return tuple(self._at(state, i, horizon, dtype) for i, dtype in enumerate(state.out_dtypes))

    def nbytes(self, state: Rolling) -> int:
        """Bytes of F, D and d_0 - D."""
        kept = (*state.feature, *state.slope, *state.bend)
        return sum(x.numel() * x.element_size() for x in kept)
