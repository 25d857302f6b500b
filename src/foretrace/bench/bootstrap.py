"""Bootstrap intervals: how far a number would move with other samples."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from foretrace.bench.rows import Estimate
from foretrace.resampling import bounds, resampled

NORMAL = 1.96
"""Standard deviations to either side that hold 95 % of a normal distribution."""
RESAMPLES = 1000


def bootstrap(
    values: Sequence[float],
    statistic: Callable[[Sequence[float]], float] = statistics.fmean,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """``statistic`` of independent values, with the percentile interval of resampled ones.

    There is no interval for a single value or where a value is not finite (the PSNR of equal pictures).
    """
    value = float(statistic(values))
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return Estimate(value)
    picked = resampled(len(values), resamples, seed)
    if statistic is statistics.fmean:  # thousands of samples: not one by one
        found = torch.tensor(values, dtype=torch.float64)[picked].mean(dim=1)
    else:
        rows = [float(statistic([values[i] for i in row])) for row in picked.tolist()]
        found = torch.tensor(rows, dtype=torch.float64)
    return Estimate(value, *bounds(found))


def recentred(
    statistic: Callable[[Tensor], float], count: int, resamples: int = 100, least: float = -math.inf
) -> Estimate:
    """A number of a whole set, given the places of its samples, and 1.96 standard errors to both sides.

    Distances of distributions are biased upwards when samples occur twice, as they do in a resample: their
    spread tells how uncertain the number is, their place does not. ``least`` is the number's lowest value.
    """
    value = statistic(torch.arange(count))
    if count < 2 or resamples < 2 or not math.isfinite(value):
        return Estimate(value)
    rows = [statistic(row) for row in resampled(count, resamples, seed=0)]
    reach = NORMAL * float(torch.tensor(rows, dtype=torch.float64).std())
    return Estimate(value, max(least, value - reach), value + reach)
