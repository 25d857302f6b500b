"""Several candidates as one method: every row of a batch has the schedule and predictor of its candidate.

Row r belongs to candidate ``(r // samples) % len(candidates)``, the order of `tiling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foretrace.combinator.per_sample import PerSample
from foretrace.gate import Gate, Signal
from foretrace.granularity import Granularity
from foretrace.method import Method
from foretrace.offline.candidate import Candidate
from foretrace.predictor import Predictor
from foretrace.schedule import Mask, Window


@dataclass(frozen=True)
class OwnPredictor(PerSample):
    """Each row's history with the predictor of its candidate. ``inner`` is the first one's."""

    predictors: tuple[Predictor, ...]
    samples: int

    def of(self, row: int) -> Predictor:
        """See the module."""
        return self.predictors[row // self.samples % len(self.predictors)]

    @property
    def counts_steps(self) -> bool:
        """Whether one of them does."""
        return any(one.counts_steps for one in self.predictors)

    @property
    def points(self) -> int:
        """The most of any."""
        return max(one.points for one in self.predictors)


@dataclass(frozen=True, kw_only=True)
class OwnSteps(Gate):
    """Each sample is computed at the steps of its candidate."""

    steps: tuple[tuple[int, ...], ...]
    samples: int

    def init(self) -> None:
        """Nothing is remembered."""

    def admits(self, state: Any, signal: Signal) -> tuple[bool, Any]:
        """See the class."""
        assert signal.sample is not None  # reduce="sample"
        own = self.steps[signal.sample // self.samples % len(self.steps)]
        return signal.step.index not in own, state


def side_by_side(candidates: Sequence[Candidate], samples: int, granularity: Granularity) -> Method:
    """The candidates as one method for a call of ``samples`` samples for each, one after the other."""
    first = candidates[0]
    predictors = tuple(one.predictor for one in candidates)
    own = OwnPredictor(first.predictor, predictors, samples)
    steps = tuple(one.computed for one in candidates)
    if len(set(steps)) == 1:
        return Method(Mask(first.computed), own, granularity, name="tuned")
    gate = OwnSteps(steps=steps, samples=samples, reduce="sample")
    return Method(Window(1), own, granularity, gate=gate, name="tuned")
