"""Inner products of successive differences of computed features: what error estimates are made from.

With points F_0 (newest), F_1, ... and D_j = F_{j-1} - F_j, any combination of points whose weights sum to
zero is one of differences, and its norm follows from the products <D_i, D_j> alone:

    sum_i d_i F_i = sum_j c_j D_j,   c_j = -sum_{i >= j} d_i,   |.|^2 = c' G c

A new point adds one row to G: as many inner products as there are kept points. Products of raw points
would cancel where features are alike; products of differences do not. They are taken in float64, since the
norm is a root of sums that cancel: half of the digits are lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from foretrace.history import Feature, Points
from foretrace.hostcopy import HostCopy

Gram = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Differences:
    """The newest points, the products of their differences (newest first), and the newest point's norm.

    ``older`` holds the times of points that are gone but whose differences still count.
    """

    points: Points = field(default_factory=Points)
    gram: Gram = ()
    norm: float = math.nan
    older: tuple[float, ...] = ()
    _coming: HostCopy | None = None

    @property
    def times(self) -> tuple[float, ...]:
        """The times of the points that the products speak of, newest first."""
        return (*self.points.times, *self.older)


def push(state: Differences, time: float, feature: Feature, keep: int) -> Differences:
    """The state with one more point, of which ``keep`` are kept; the products are on their way to the
    host.
    """
    state = arrived(state)
    old = state.points
    newest = [x.detach() for x in feature]
    rows = [_dot(newest, newest)]
    if old.features:
        step = [wide(a) - wide(b) for a, b in zip(newest, old.features[0], strict=True)]
        rows.append(_dot(step, step))
        for near, far in zip(old.features, old.features[1:], strict=False):
            rows.append(_dot(step, [wide(a) - wide(b) for a, b in zip(near, far, strict=True)]))
    coming = HostCopy(torch.stack(rows)[None])
    gone = old.times[keep - 1 :] + state.older
    return Differences(old.push(time, feature, keep), state.gram, state.norm, gone[:1], coming)


def arrived(state: Differences) -> Differences:
    """The state with all products read; waits for them if it must."""
    if state._coming is None:
        return state
    squared, *row = state._coming.rows()[0]
    return replace(state, gram=_grown(state.gram, row), norm=math.sqrt(max(squared, 0.0)), _coming=None)


def combined(gram: Gram, c: Sequence[float]) -> float:
    """``|sum_j c_j D_j|``."""
    pairs = ((a * b * gram[i][j]) for i, a in enumerate(c) for j, b in enumerate(c))
    return math.sqrt(max(sum(pairs), 0.0))


def _grown(gram: Gram, row: list[float]) -> Gram:
    """``gram`` with the products of a new difference in front; those of differences too old are dropped."""
    if not row:
        return gram
    old = [list(r[: len(row) - 1]) for r in gram[: len(row) - 1]]
    return (tuple(row), *((first, *rest) for first, rest in zip(row[1:], old, strict=True)))


def _dot(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    parts = (torch.linalg.vecdot(wide(x).flatten(), wide(y).flatten()) for x, y in zip(a, b, strict=True))
    return torch.stack(tuple(parts)).sum()


def wide(x: Tensor) -> Tensor:
    """``x`` in the highest precision of its device."""
    return x.float() if x.device.type == "mps" else x.double()  # Apple's GPUs have no float64
