"""MagCache's gate: how far the magnitude of the residual is known to drift, from a table of its ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.checks import at_least, between
from foretrace.errors import InvalidSetting
from foretrace.gate.base import Gate, Signal
from foretrace.granularity import Granularity

Ratios = tuple[tuple[float, ...], ...]
"""A table per branch: ``gamma_i = |r_i| / |r_{i-1}|`` for every step; that of the first is 1."""


@dataclass(frozen=True)
class Magnitude:
    """Since the last computed step: the product of the ratios, and the error added up."""

    ratio: float = 1.0
    error: float = 0.0


@dataclass(frozen=True)
class MagCache(Gate):
    """Admits while ``sum_j |1 - prod_{k <= j} gamma_k| < threshold`` over the steps since the last computed.

    The residual is taken to keep its direction, so that only its magnitude can be wrong. Nothing of the run
    itself is looked at: the gate decides the same in every run.

    Args:
        threshold: of the error added up; 0 computes every step, ``inf`` skips all that may be.
        ratios: a table per branch (``ft.fit`` measures them). Branches beyond the last table follow it.

    Raises:
        InvalidSetting: a ratio is no positive number; or, when a run begins, there is no table, or it is of
            another length than the run.
    """

    threshold: float
    ratios: Ratios = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        between("threshold", self.threshold, 0.0, math.inf)
        for table in self.ratios:
            if not table or not all(math.isfinite(gamma) and gamma > 0 for gamma in table):
                raise InvalidSetting(
                    f"MagCache got the ratios {table}; expected positive numbers, one a step. Measure them "
                    "with foretrace.fit."
                )

    def check(self, total: int | None, granularity: Granularity) -> None:
        """The tables must be of a run of this length."""
        if not self.ratios:
            raise InvalidSetting(
                "MagCache got no ratios; expected a table for this model and number of steps. Measure one "
                "with foretrace.fit(pipe, 'magcache', calls), or pass model= for a published one."
            )
        for table in self.ratios:
            if total is not None and len(table) != total:
                raise InvalidSetting(
                    f"MagCache has ratios of {len(table)} steps and got a run of {total}; expected as many. "
                    f"Fit them for this number of steps, or resample them: the recipe's total={total}."
                )

    def init(self) -> Magnitude:
        """Nothing added up."""
        return Magnitude()

    def admits(self, state: Magnitude, signal: Signal) -> tuple[bool, Magnitude]:
        """See the class."""
        table = self.ratios[min(signal.branch, len(self.ratios) - 1)]
        ratio = state.ratio * (table[signal.step.index] if signal.step.index < len(table) else 1.0)
        error = state.error + abs(1.0 - ratio)
        return error < self.threshold or math.isinf(self.threshold), Magnitude(ratio, error)

    def computed(self, state: Magnitude, signal: Signal) -> Magnitude:
        """The product and the sum start anew."""
        return Magnitude()


def resampled(table: Sequence[float], total: int) -> tuple[float, ...]:
    """A table for runs of ``total`` steps, each with the ratio of the nearest step, as released."""
    at_least("total", total, 2)
    scale = (len(table) - 1) / (total - 1)
    return tuple(float(table[round(i * scale)]) for i in range(total))
