"""Scales of a chart: numbers to pixels, linear or logarithmic, with round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LOG_FROM = 6.0
"""Values are spread logarithmically where the largest is so many times the least."""


@dataclass(frozen=True)
class Axis:
    """Values from ``low`` to ``high`` lie on pixels from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value, held inside of the axis."""
        low, high, value = (self._bend(x) for x in (self.low, self.high, value))
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return self.start + share * (self.end - self.start)

    def _bend(self, value: float) -> float:
        return math.log(max(value, 1e-300)) if self.log else value

    def ticks(self, most: int = 6) -> list[float]:
        """Round values on the axis, at most so many."""
        return _log_ticks(self.low, self.high, most) if self.log else _linear_ticks(self.low, self.high, most)


def fit_axis(values: Sequence[float], start: float, end: float, log: bool | None = None) -> Axis:
    """An axis that holds all values with a margin; logarithmic where their ratio asks for it.

    A linear axis of positive values does not begin below zero.
    """
    low, high = min(values), max(values)
    if log is None:
        log = low > 0 and high / low >= LOG_FROM
    if log:
        margin = max((high / low) ** 0.07, 1.1)
        return Axis(low / margin, high * margin, start, end, True)
    margin = 0.07 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(max(low - margin, 0.0) if low >= 0 else low - margin, high + margin, start, end)


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    power, found = 10.0 ** math.floor(math.log10((high - low) / most)), []
    for multiple in (1, 2, 2.5, 5, 10, 20):
        step = power * multiple
        round_values = (i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1))
        found = [x for x in (float(f"{x:.12g}") for x in round_values) if low <= x <= high]
        if len(found) <= most:
            break
    return found


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    for digits in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = [float(f"{m * 10.0**p:.6g}") for p in powers for m in digits]
        found = [value for value in found if low <= value <= high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]
