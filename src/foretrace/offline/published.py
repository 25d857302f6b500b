"""Schedule searches of papers, on the same recording as ours, so that they can be compared.

All return the computed steps of a schedule with a given number of them. From a Gram matrix
(`Recording.gram`):

- `dpcache` (CVPR 2026): the forecast error of each skipped step from the last two computed ones, added up
  along the path; the first three steps are computed. The paper sums L1 norms; a Gram matrix gives L2.
- `cem` (ICLR 2026): the mean cosine distance between the outputs of a step and of the computed step before,
  added up; dynamic programming over the gaps. Read from a secondary source.
- `smoothcache` (arXiv:2411.10510; Block Caching, arXiv:2312.03209, has the same rule): the relative change
  since the last computed step against a threshold, here the one that gives the number asked for.

From runs:

- `lemica` (NeurIPS 2025, arXiv:2511.00090): each gap is weighted with the error of the final sample when only
  that gap is cached; the path whose largest weight is least, then the second largest, and so on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.progress import Progress, silent
from foretrace.offline.proposal import propose
from foretrace.predictor import LinearPredictor, Predictor

Gap = Callable[[int, int], float]
"""The weight of computing step ``begin`` and then ``end``, with all steps between skipped."""


def dpcache(gram: Tensor, predictor: LinearPredictor, count: int) -> list[int]:
    """See the module. ``predictor`` with up to three points; the paper's is a Taylor forecast."""
    return propose(gram, predictor, count, power=1.0, forced=3)


def cem(gram: Tensor, count: int) -> list[int]:
    """See the module."""
    k = gram.double().numpy()
    norms = np.sqrt(np.diag(k))
    distance = 1.0 - k / np.outer(norms, norms).clip(1e-30)

    def gap(begin: int, end: int) -> float:
        return float(distance[begin, begin + 1 : end].sum())

    return _least_sum(len(k), count, gap)


def smoothcache(gram: Tensor, count: int) -> list[int]:
    """See the module. The number of steps falls with the threshold, so bisection finds it; where two
    thresholds leap over ``count``, the schedule with the next fewer steps comes out.
    """
    k = gram.double().numpy()
    low, high, best = 0.0, 2.0, [0]
    for _ in range(60):
        threshold = (low + high) / 2
        found = _threshold_schedule(k, threshold)
        if len(found) > count:
            low = threshold
        else:
            high, best = threshold, found
    return best


def _threshold_schedule(k: np.ndarray, threshold: float) -> list[int]:
    computed = [0]
    for step in range(1, len(k)):
        last = computed[-1]
        change = max(k[step, step] - 2 * k[step, last] + k[last, last], 0.0)
        if change > threshold**2 * k[last, last]:
            computed.append(step)
    return computed


def lemica(
    judge: Judge,
    predictor: Predictor,
    total: int,
    count: int,
    longest: int,
    progress: Progress = silent,
) -> list[int]:
    """See the module. Makes a run for each gap of two to ``longest`` steps: about ``total * longest``."""
    weights: dict[tuple[int, int], float] = {}
    gaps = [(b, e) for b in range(total) for e in range(b + 2, min(b + longest, total) + 1)]
    with progress("gaps", len(gaps)) as advance:
        for begin, end in gaps:
            computed = tuple(i for i in range(total) if not begin < i < end)
            weights[begin, end] = judge.error(Candidate(computed, predictor))
            advance(1)
    return _least_greatest(total, count, lambda b, e: weights.get((b, e), 0.0 if e == b + 1 else np.inf))


def _least_sum(total: int, count: int, gap: Gap) -> list[int]:
    """The path of ``count`` steps from 0 to the end with the least sum of weights."""
    cost = {0: (0.0, (0,))}
    for _ in range(count - 1):
        following: dict[int, tuple[float, tuple[int, ...]]] = {}
        for last, (spent, path) in cost.items():
            for step in range(last + 1, total):
                candidate = spent + gap(last, step), (*path, step)
                if step not in following or candidate < following[step]:
                    following[step] = candidate
        cost = following
    return list(min((spent + gap(last, total), path) for last, (spent, path) in cost.items())[1])


def _least_greatest(total: int, count: int, gap: Gap) -> list[int]:
    """The path of ``count`` steps whose weights, greatest first, are least in the order of a dictionary.

    Adding the same weight to two lists keeps their order, so dynamic programming is exact.
    """
    cost: dict[int, tuple[tuple[float, ...], tuple[int, ...]]] = {0: ((), (0,))}
    for _ in range(count - 1):
        following: dict[int, tuple[tuple[float, ...], tuple[int, ...]]] = {}
        for last, (spent, path) in cost.items():
            for step in range(last + 1, total):
                candidate = _descending(spent, gap(last, step)), (*path, step)
                if step not in following or candidate < following[step]:
                    following[step] = candidate
        cost = following
    ends = [(_descending(spent, gap(last, total)), path) for last, (spent, path) in cost.items()]
    return list(min(ends)[1])


def _descending(weights: tuple[float, ...], more: float) -> tuple[float, ...]:
    return tuple(sorted((*weights, more), reverse=True))
