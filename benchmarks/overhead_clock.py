"""Timing of single calls, and the summary of many."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Span(NamedTuple):
    """Seconds of one call, or a ratio of such, on the wall and on the processor."""

    wall: float
    cpu: float


def timed(call: Callable[[], Any]) -> tuple[Any, Span]:
    """What ``call`` returns, and how long it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    return result, Span(time.perf_counter() - wall, time.process_time() - cpu)


def medians(spans: Sequence[Span]) -> Span:
    """The median of each clock by itself."""
    return Span(statistics.median(s.wall for s in spans), statistics.median(s.cpu for s in spans))


def ratio(spans: Sequence[Span], other: Sequence[Span]) -> Span:
    """The ratio of the medians on each clock."""
    mine, theirs = medians(spans), medians(other)
    return Span(mine.wall / theirs.wall, mine.cpu / theirs.cpu)


def excesses(pairs: Sequence[tuple[Span, Span]]) -> list[Span]:
    """``attached / uncached - 1`` of each pair of neighbours."""
    return [Span(a.wall / u.wall - 1, a.cpu / u.cpu - 1) for a, u in pairs]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Minimum, quartiles and how many."""
    if len(values) == 1:
        return {"n": 1, "min": values[0], "q1": values[0], "median": values[0], "q3": values[0]}
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return {"n": len(values), "min": min(values), "q1": q1, "median": median, "q3": q3}


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % confidence interval of the median, from ranks: nothing is assumed about the noise."""
    ordered, reach = sorted(values), 0.98 * math.sqrt(len(values))
    low, high = math.floor(len(values) / 2 - reach) - 1, math.ceil(len(values) / 2 + reach)
    return ordered[max(low, 0)], ordered[min(high, len(values) - 1)]
