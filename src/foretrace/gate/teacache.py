"""TeaCache's gate: a polynomial of the drift of the time-modulated input, added up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from foretrace.checks import between
from foretrace.errors import InvalidSetting
from foretrace.gate.accumulated import Accumulated
from foretrace.gate.base import Probe, Signal
from foretrace.history import Feature


@dataclass(frozen=True)
class TeaCache(Accumulated):
    """Adds up ``f(d)``, the change of the output that a change ``d`` of the modulated input stands for.

    ``f`` is a polynomial, ``coefficients`` highest power first, fitted on drifts within ``fitted``: a drift
    outside is taken for the nearest one inside, since a quartic says nothing beyond its data, and ``f`` never
    falls below 0. Without coefficients ``f(d) = d``.
    """

    probe: ClassVar[Probe] = "modulated"

    coefficients: tuple[float, ...] = ()
    fitted: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.coefficients) != (self.fitted is not None):
            raise InvalidSetting(
                f"TeaCache got coefficients={self.coefficients} and fitted={self.fitted}; expected both or "
                "neither. Pass the least and the greatest drift they were fitted on, as fitted=(0.01, 0.4)."
            )
        if not all(map(math.isfinite, self.coefficients)):
            raise InvalidSetting(
                f"TeaCache got coefficients={self.coefficients}; expected finite numbers. Fit them again."
            )
        if self.fitted is not None:
            between("fitted[0]", self.fitted[0], 0.0, self.fitted[1])

    def shown(self, signal: Signal) -> Feature:
        """The modulated input of the first block."""
        return signal.probe

    def rise(self, drift: float) -> float:
        """The polynomial at ``drift``."""
        if self.fitted is None or math.isnan(drift):
            return drift
        inside = min(max(drift, self.fitted[0]), self.fitted[1])
        return max(float(np.polyval(self.coefficients, inside)), 0.0)


def rising_range(coefficients: Sequence[float]) -> tuple[float, float]:
    """A range for coefficients published without one: from 0 to where the polynomial first turns down.

    At most to 1, a drift as large as the signal itself.
    """
    slope = np.polyder(np.asarray(coefficients, dtype=float))
    turns = sorted(x.real for x in np.roots(slope) if abs(x.imag) < 1e-9 and 0 < x.real < 1)
    down = (x for x in turns if np.polyval(np.polyder(slope), x) < 0)
    return 0.0, next(down, 1.0)
