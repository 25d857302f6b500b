"""Schedules proposed from a Gram matrix of recorded features, without running anything.

The error of forecasting step ``i`` from computed steps ``H`` by any stencil ``w`` needs inner products only:

    e(i; H)^2 = K_ii - 2 w . K_Hi + w . K_HH w

weighted with how much an error at step ``i`` moves the final sample, ``A_i`` (`amplification`). The cost of
a schedule is ``sum (A_i e(i; H(i)))^2`` over its skipped steps; dynamic programming over the last computed
steps finds the least. It is a proposal: neighbouring errors add as vectors, and drift feeds back, so runs
must judge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from torch import Tensor

from foretrace.predictor import LinearPredictor

LONGEST = 16
"""The longest run of skipped steps that is considered, plus one."""
NO_EFFECT = 1e-6
"""An amplification this small beside the largest is none."""
MOST_POINTS = 3
"""The dynamic programme keeps this many computed steps apart; more points are left to the runs."""


def stencil(predictor: LinearPredictor, computed: Sequence[int], step: int) -> tuple[list[int], list[float]]:
    """The computed steps that a forecast at ``step`` uses, newest first, and their weights."""
    points = [i for i in reversed(computed) if i < step][: predictor.points]
    return points, list(predictor.weights([float(i) for i in points], float(step)))


def squared_error(gram: np.ndarray, points: Sequence[int], weights: Sequence[float], step: int) -> float:
    """``e(step; points)^2``, in the units of ``gram``."""
    w, rows = np.asarray(weights), list(points)
    value = gram[step, step] - 2 * w @ gram[rows, step] + w @ gram[np.ix_(rows, rows)] @ w
    return max(float(value), 0.0)


def propose(
    gram: Tensor,
    predictor: LinearPredictor,
    count: int,
    amplification: Sequence[float] | None = None,
    power: float = 2.0,
    forced: int = 1,
) -> list[int]:
    """The computed steps of the cheapest schedule with ``count`` of them, the first ``forced`` among them.

    ``power`` is that of the summand ``A_i e(i; H)``.
    """
    k = gram.double().numpy()
    total = len(k)
    scale = np.ones(total) if amplification is None else np.asarray(amplification)
    start = tuple(range(min(forced, count)))
    kept = min(predictor.points, MOST_POINTS)

    @cache
    def span(state: tuple[int, ...]) -> np.ndarray:
        """Cost of skipping 0, 1, 2, ... steps after the newest of ``state`` (newest first)."""
        costs, newest = [0.0], state[0]
        for step in range(newest + 1, min(newest + LONGEST, total)):
            weights = predictor.weights([float(i) for i in state], float(step))
            costs.append((scale[step] ** 2 * squared_error(k, state, weights, step)) ** (power / 2))
        return np.cumsum(costs)

    best: dict[tuple[int, ...], tuple[float, tuple[int, ...]]] = {start[::-1][:kept]: (0.0, start)}
    for _ in range(count - len(start)):
        following: dict[tuple[int, ...], tuple[float, tuple[int, ...]]] = {}
        for state, (cost, path) in best.items():
            costs = span(state)
            for gap, extra in enumerate(costs):
                step = state[0] + gap + 1
                if step >= total:
                    break
                after = (step, *state)[:kept]
                if after not in following or cost + extra < following[after][0]:
                    following[after] = cost + float(extra), (*path, step)
        best = following
    endings = [
        (cost + float(span(state)[total - 1 - state[0]]), path)
        for state, (cost, path) in best.items()
        if total - state[0] <= len(span(state))
    ]
    return list(min(endings)[1]) if endings else uniform(total, count)


def uniform(total: int, count: int, last: bool = False) -> list[int]:
    """``count`` steps as evenly as they go, from 0; with ``last`` the final step is one of them."""
    if count == 1:
        return [0]
    span = (total - 1) / (count - 1) if last else total / count
    return sorted({min(total - 1, math.floor(i * span + 0.5)) for i in range(count)})


def even_schedules(total: int, count: int) -> list[list[int]]:
    """Schedules of ``count`` steps whose gaps are as equal as they go, in several ways: `uniform`; with the
    last step among them; after two and after three computed steps; and at one stride, of whose steps what is
    left over of ``count`` is computed at the start.
    """
    found = [uniform(total, count), uniform(total, count, last=True)]
    for warm in (1, 2):
        if count > warm + 1:
            rest = uniform(total - warm, count - warm)
            found.append([*range(warm), *(warm + i for i in rest)])
    strided = range(0, total, math.ceil(total / count))
    others = [i for i in range(total) if i not in strided]
    found.append(sorted([*strided, *others[: count - len(strided)]]))
    return found


def fill_amplification(probed: dict[int, float], total: int) -> list[float]:
    """``A_i`` at all steps from some of them: linear in the logarithm between, constant beyond.

    A step without any effect (the last one of a DDIM run that ends at its own time has none) tells nothing of
    its neighbours: it is 0, and they are filled from the other probes.
    """
    least = NO_EFFECT * max(probed.values())
    known = sorted((i, math.log(a)) for i, a in probed.items() if a > least)
    filled = []
    for step in range(total):
        if not known or probed.get(step, math.inf) <= least:
            filled.append(-math.inf)
        elif step <= known[0][0]:
            filled.append(known[0][1])
        elif step >= known[-1][0]:
            filled.append(known[-1][1])
        else:
            left, right = next((a, b) for a, b in pairwise(known) if a[0] <= step <= b[0])
            share = (step - left[0]) / (right[0] - left[0])
            filled.append(left[1] + share * (right[1] - left[1]))
    return [math.exp(x) for x in filled]
