"""Schedules proposed together with the factors of their forecasts, without running anything.

`proposal` takes a forecast's weights as given. Where its increments are scaled by factors that are fitted
anyway (`gap_fit.py`), the fit belongs into the cost. What the skipped steps of a gap miss moves the latent
one step after the other, so it is added as vectors, and a gap has the factors that leave least:

    cost = min_d | sum_j A_j (F_j - F_n - d_1 (j - n) I_1 - d_2 (j - n)(j - m) I_2) |^2,   j skipped,

with ``n`` and ``m`` the two newest computed steps, ``I_1`` and ``I_2`` the divided differences of the three
newest features, and ``A_j`` what an error at step ``j`` does to the final sample (`amplification`). A
schedule costs the sum over its gaps. All of it follows from the Gram matrix; dynamic programming over the
last three computed steps finds the least.

``A_j`` is measured with one step forecast and all others computed, and tells less where many are forecast.
No power of it is best everywhere, so there is one proposal for each of `POWERS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from torch import Tensor

from foretrace.offline.candidate import Candidate
from foretrace.offline.factors import free_gaps, with_factors
from foretrace.offline.proposal import LONGEST

POWERS = (1.0, 0.8, 0.65, 0.5)
"""Of the amplification, one for each proposal."""
DAMPING = 1e-3
"""Of the least squares, as a share of the diagonal: the increments are much alike."""
Weights = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of the newest three features, newest first."""


def propose_with_factors(
    gram: Tensor, count: int, amplification: Sequence[float], power: float = 1.0
) -> Candidate | None:
    """The cheapest schedule of ``count`` computed steps, the first among them, and its factors.

    ``gram`` is (T, T) and ``amplification`` has T numbers. None where every schedule has a gap of `LONGEST`
    steps or more.
    """
    costs = GapCosts(gram.double().numpy(), np.asarray(amplification, dtype=float) ** power)
    computed = _cheapest(costs, count, len(gram))
    if computed is None:
        return None
    found = {begin: factors for begin, _, factors in costs.gaps(computed)}
    gaps = free_gaps(computed, len(gram))
    factors = [found[gap.begin][gap.increment - 1] for gap in gaps]
    return with_factors(computed, len(gram), gaps, factors)


@dataclass(frozen=True)
class GapCosts:
    """What gaps cost, by inner products of features (T, T) and a weight of every step."""

    gram: np.ndarray
    scale: np.ndarray

    def gaps(self, computed: Sequence[int]) -> Iterator[tuple[int, float, tuple[float, float]]]:
        """Of every gap of a schedule the first skipped step, the cost and the factors."""
        for place, (newest, end) in enumerate(pairwise([*computed, len(self.gram)])):
            if end - newest > 1:
                before = computed[max(0, place - 2) : place + 1]
                one, two, *_ = [*(np.array(b - a) for a, b in pairwise(before))][::-1] + [np.array(0)] * 2
                cost, first, second = self.fitted(newest, end, one, two)
                yield newest + 1, float(cost), (float(first), float(second))

    def fitted(
        self, newest: int, end: int, one: np.ndarray, two: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The cost of skipping ``newest + 1 .. end - 1``, and both factors; elementwise.

        ``one`` are distances from the newest computed step to the one before it, ``two`` from there to the
        next; 0 where there is none.
        """
        k, steps = self.gram, np.arange(newest + 1, end)
        a, ahead = self.scale[steps], steps - newest
        # S = sum_j A_j (F_j - F_n), by its inner products with all features and with itself
        wanted = a @ k[steps] - a.sum() * k[newest]
        missed = a @ k[np.ix_(steps, steps)] @ a - a.sum() * (wanted[newest] + a @ k[steps, newest])
        points = (np.full_like(one, newest), newest - one, newest - one - two)
        x, y = _increments(float(a @ ahead), float(a @ ahead**2), one, two)
        b, c = _with_vector(x, points, wanted), _with_vector(y, points, wanted)
        xx, xy, yy = _inner(x, x, points, k), _inner(x, y, points, k), _inner(y, y, points, k)
        tiny = 1e-12 * abs(missed) + 1e-100
        p, q = xx * (1 + DAMPING) + tiny, yy * (1 + DAMPING) + tiny
        determinant = p * q - xy * xy
        first, second = (q * b - xy * c) / determinant, (p * c - xy * b) / determinant
        taken = 2 * (first * b + second * c) - first**2 * xx - 2 * first * second * xy - second**2 * yy
        return np.maximum(missed - taken, 0.0), first, second


def _increments(line: float, square: float, one: np.ndarray, two: np.ndarray) -> tuple[Weights, Weights]:
    """``sum_j A_j (j - n) I_1`` and ``sum_j A_j (j - n)(j - m) I_2`` as weights of the three features.

    ``line`` and ``square`` are ``sum_j A_j (j - n)`` and with its square; 0 without enough points.
    """
    near, far = 1.0 / np.maximum(one, 1), 1.0 / np.maximum(two, 1)
    u = np.where(one > 0, line, 0.0) * near
    v = np.where((one > 0) & (two > 0), square + one * line, 0.0) / np.maximum(one + two, 1)
    return (u, -u, np.zeros_like(u)), (v * near, -v * (near + far), v * far)


def _with_vector(x: Weights, points: Weights, products: np.ndarray) -> np.ndarray:
    """The inner products with a vector, whose own with all features are ``products``."""
    return np.sum([w * products[p] for w, p in zip(x, points, strict=True)], axis=0)


def _inner(x: Weights, y: Weights, points: Weights, k: np.ndarray) -> np.ndarray:
    """The inner products of two combinations of the features at ``points``."""
    pairs = [(a, p, b, q) for a, p in zip(x, points, strict=True) for b, q in zip(y, points, strict=True)]
    return np.sum([a * b * k[p, q] for a, p, b, q in pairs], axis=0)


def _cheapest(costs: GapCosts, count: int, total: int) -> tuple[int, ...] | None:
    """Dynamic programming: values are by the newest step, and (distance, distance) to the two before it."""
    size = LONGEST + 1
    spans = _Spans(costs, size)
    start = np.full((size, size), np.inf)
    start[0, 0] = 0.0
    values, origins = {0: start}, list[dict[int, np.ndarray]]()
    for _ in range(count - 1):
        following: dict[int, np.ndarray] = {}
        origin: dict[int, np.ndarray] = {}
        for newest, value in values.items():
            for gap in range(1, min(LONGEST, total - 1 - newest) + 1):
                step = newest + gap
                whole = value + spans(newest, step)
                following.setdefault(step, np.full((size, size), np.inf))[gap] = whole.min(axis=1)
                origin.setdefault(step, np.zeros((size, size), dtype=int))[gap] = whole.argmin(axis=1)
        values = following
        origins.append(origin)
    ends = {step: value + spans(step, total) for step, value in values.items() if total - step <= LONGEST}
    last = min(ends, key=lambda step: float(ends[step].min()), default=None)
    if last is None or not np.isfinite(ends[last].min()):
        return None
    place = np.unravel_index(int(ends[last].argmin()), (size, size))
    return _path(last, (int(place[0]), int(place[1])), origins)


def _path(newest: int, distances: tuple[int, int], origins: list[dict[int, np.ndarray]]) -> tuple[int, ...]:
    """The computed steps that led to ``newest``."""
    path, (one, two) = [newest], distances
    for origin in reversed(origins):
        one, two, newest = two, int(origin[newest][one, two]), newest - one
        path.append(newest)
    return tuple(reversed(path))


class _Spans:
    """The costs of gaps for all distances to the two computed steps before; inf where these do not exist."""

    def __init__(self, costs: GapCosts, size: int) -> None:
        self.costs = costs
        self.one, self.two = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
        self._known: dict[tuple[int, int], np.ndarray] = {}

    def __call__(self, newest: int, end: int) -> np.ndarray:
        if (newest, end) not in self._known:
            there = self.one + self.two <= newest
            one, two = np.where(there, self.one, 0), np.where(there, self.two, 0)
            cost = self.costs.fitted(newest, end, one, two)[0] if end - newest > 1 else 0.0
            self._known[newest, end] = np.where(there, cost, np.inf)
        return self._known[newest, end]
