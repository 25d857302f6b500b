"""Trend: the straight line of least squares through the newest points.

    F(t) = sum_i w_i F(t_i),    w_i = 1 / k + (t - m) (t_i - m) / s

with k points, m the mean of their times and s the sum of the squared distances to it.

An example for the page "Extending"; no paper stands behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.checks import at_least
from foretrace.granularity import PerModel
from foretrace.method import Method
from foretrace.predictor import LinearPredictor
from foretrace.schedule import FamilyStride

CITATION = """
@misc{foretrace2026trend,
  title = {Trend: the example of foretrace's documentation},
  note  = {no paper},
  year  = {2026}
}
"""


@dataclass(frozen=True)
class Trend(LinearPredictor):
    """A regression line: straight lines are exact, noise is averaged."""

    keep: int = 3

    def __post_init__(self) -> None:
        at_least("keep", self.keep, 2)

    @property
    def exact(self) -> int:
        """Straight lines."""
        return 1

    @property
    def points(self) -> int:
        """``keep``."""
        return self.keep

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the module; with one point, reuse."""
        count, mean = len(times), sum(times) / len(times)
        spread = sum((own - mean) ** 2 for own in times)
        slope = (t - mean) / spread if spread else 0.0
        return tuple(1.0 / count + slope * (own - mean) for own in times)


def trend(interval: int = 3, keep: int = 3) -> Method:
    """The line through ``keep`` points, at the output of the denoiser."""
    return Method(FamilyStride(interval), Trend(keep), PerModel())
