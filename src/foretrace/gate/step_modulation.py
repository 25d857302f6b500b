"""PrediT's step modulation: how far a forecast may reach, from how fast the computed output changes.

A multistep forecast of order p has a local error of order p + 1 in the horizon, so the reach that keeps it
within a tolerance falls with the (p + 1)-th root of the change rate (arXiv:2602.18093; secondary source):

    J = floor(tolerance / (delta + eps)^{1/(p+1)}),      delta = |F_1 - F_2| / (|F_2| (t_1 - t_2)).

F_1 and F_2 are the outputs of the two newest computed steps. Not public, and read so: J counts forecasts, and
the step after them is computed; the norm is Euclidean over the whole output; distances are steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foretrace.checks import at_least, between
from foretrace.gate.base import Gate, Signal
from foretrace.gate.differences import wide
from foretrace.gate.error_estimate import seen_by_sampler
from foretrace.gate.measure import Over
from foretrace.hostcopy import HostCopy

EPS = 1e-8
"""Keeps the reach of an output that stands still finite; a budget bounds it long before."""


def reach(change: float, tolerance: float, order: int = 2) -> float:
    """J, the number of steps that may be forecast after one with the change rate ``change``.

    A whole number, or inf; -1 for a rate that is NaN.
    """
    if math.isnan(change):
        return -1
    far = tolerance / (change + EPS) ** (1 / (order + 1))
    return far if math.isinf(far) else math.floor(far)


@dataclass(frozen=True)
class Pace:
    """The newest computed output, its step, and the squares ``|F_1 - F_2|^2`` and ``|F_2|^2`` per step^2."""

    output: Tensor | None = None
    index: int = 0
    squares: HostCopy | None = None


@dataclass(frozen=True)
class StepModulation(Gate):
    """Admits J forecasts in a row, J from the change rate between the two newest computed steps.

    With fewer than two computed steps nothing is admitted. Nothing is looked at on skipped steps.

    Args:
        tolerance: of the formula; 0 computes every step, ``inf`` skips all that may be.
        order: the p of the formula: the number of slopes in the forecast.
    """

    tolerance: float
    order: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        between("tolerance", self.tolerance, 0.0, math.inf)
        at_least("order", self.order, 1)

    def init(self) -> Pace:
        """Nothing known."""
        return Pace()

    def admits(self, state: Pace, signal: Signal) -> tuple[bool, Pace]:
        """See the class."""
        if state.squares is None:
            return math.isinf(self.tolerance) and state.output is not None, state
        return signal.age <= reach(change_rate(state.squares), self.tolerance, self.order), state

    def computed(self, state: Pace, signal: Signal) -> Pace:
        """The output is the newest; its distance to the one before it is on its way to the host."""
        output = seen_by_sampler(signal.output, signal.latent)[0].detach().clone()
        newest = Pace(output, signal.step.index)
        if state.output is None:
            return newest
        gap = signal.step.index - state.index
        moved = _squares(output - state.output, signal.over) / gap**2
        return replace(newest, squares=HostCopy(torch.stack((moved, _squares(state.output, signal.over)))))


def change_rate(squares: HostCopy) -> float:
    """delta: the relative change per step, the largest of the samples'; 1 for a change from nothing."""
    pairs = zip(*squares.rows(), strict=True)
    rates = [math.sqrt(moved / size) if size else float(moved != 0) for moved, size in pairs]
    return math.nan if any(map(math.isnan, rates)) else max(rates)


def _squares(x: Tensor, over: Over) -> Tensor:
    """Of all samples together, shape (1,), or of each, (samples,)."""
    each = torch.linalg.vector_norm(wide(x).reshape(len(x), -1), dim=1).square()
    return each.sum(dim=0, keepdim=True) if over == "mean" else each
