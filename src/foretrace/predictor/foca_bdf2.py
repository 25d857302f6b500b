"""FoCa with the local slope by BDF2: the literal reading of eq. 6 on a history that rolls over forecasts.

    F_{k+1} = F_k + 1/2 (D + s_k),      s_k = (3 F_k - 4 F_{k-1} + F_{k-2}) / 2,

with ``D`` the slope between the two newest computed steps and ``F_k`` the newest feature, computed or not
(arXiv:2508.16211, eq. 6 to 8, after the BDF2 forecast has cancelled). After a computed step all forecasts are
linear in four tensors, so the recursion runs over four numbers on the host and nothing is written on skipped
steps. An error at the end of an interval comes back from the next with a factor of at least 1 in size up to
interval 6, so this variant is here for comparison; `FoCa` takes the difference as slope and is stable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foretrace.checks import step_gap
from foretrace.history import Feature, Step, weighted_sum
from foretrace.predictor.base import Predictor

Row = tuple[float, ...]
"""Four weights: those of F_a, of the rolling history one and two steps before it, and of D."""


def rolled(horizon: int) -> Row:
    """The weights of the feature ``horizon`` steps after the newest computed one; down to two before."""
    rows = [[0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]  # oldest first
    for _ in range(max(horizon, 0)):
        earlier, before, now = rows[-3:]
        slope = [(3 * n - 4 * b + e) / 2 for n, b, e in zip(now, before, earlier, strict=True)]
        slope[3] += 1.0
        rows.append([n + s / 2 for n, s in zip(now, slope, strict=True)])
    return tuple(rows[min(horizon, 0) - 1])


@dataclass(frozen=True)
class Rolling:
    """The newest computed feature at ``time``, then the rolling history before it and ``D``, per stream."""

    time: int = 0
    kept: tuple[Feature, ...] = ()
    dtype: torch.dtype | None = None
    out_dtypes: tuple[torch.dtype, ...] = ()


@dataclass(frozen=True)
class FoCaBDF2(Predictor):
    """FoCa on the literal BDF2 slope. Reuse until two features are computed."""

    @property
    def exact(self) -> int:
        """Straight lines: on them the history lies on the line, and both slopes are its own."""
        return 1

    @property
    def counts_steps(self) -> bool:
        """The recursion goes step by step."""
        return True

    @property
    def points(self) -> int:
        """Four tensors of the feature's size."""
        return 4

    def init(self, dtype: torch.dtype | None = None) -> Rolling:
        """Nothing yet."""
        return Rolling(dtype=dtype)

    def commit(self, state: Rolling, step: Step, feature: Feature) -> Rolling:
        """Roll the history on to ``step``, and take the slope from the computed feature before."""
        out = tuple(x.dtype for x in feature)
        if not state.kept:
            stored = tuple(x.detach().to(state.dtype or x.dtype, copy=True) for x in feature)
            return replace(state, time=step.index, kept=(stored,), out_dtypes=out)
        gap = int(step_gap(step.index, state.time))
        streams = [self._roll(state, i, live.detach(), gap) for i, live in enumerate(feature)]
        return replace(state, time=step.index, kept=tuple(zip(*streams, strict=True)), out_dtypes=out)

    def _roll(self, state: Rolling, i: int, live: Tensor, gap: int) -> tuple[Tensor, ...]:
        """F_a, the two before it and D of one stream. A history of plain reuse is put onto the line."""
        exact = torch.promote_types(live.dtype, torch.float32)
        newest = live.to(exact)
        slope = (newest - state.kept[0][i].to(exact)) / gap
        if len(state.kept) == 1:
            before, earlier = newest - slope, newest - 2 * slope
        else:
            before = self._at(state, i, gap - 1, exact)
            earlier = self._at(state, i, gap - 2, exact)
        kept = state.dtype or live.dtype
        return (
            newest.to(kept, copy=True),
            before.to(kept, copy=True),
            earlier.to(kept, copy=True),
            slope.to(kept),
        )

    def _at(self, state: Rolling, i: int, horizon: int, dtype: torch.dtype) -> Tensor:
        """Stream ``i``, ``horizon`` steps after the newest computed one."""
        parts = [feature[i] for feature in state.kept]
        if len(parts) == 1:
            return weighted_sum((1.0,), parts, dtype)
        return weighted_sum(rolled(horizon), parts, dtype)

    def predict(self, state: Rolling, step: Step) -> Feature:
        """The recursion's feature at ``step``."""
        horizon = step.index - state.time
        return tuple(self._at(state, i, horizon, dtype) for i, dtype in enumerate(state.out_dtypes))

    def nbytes(self, state: Rolling) -> int:
        """Bytes of the four tensors."""
        return sum(x.numel() * x.element_size() for feature in state.kept for x in feature)
