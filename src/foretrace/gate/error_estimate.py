"""Error-controlled sampling: a tolerance in place of a stride. Ours.

As in an embedded pair of an ODE solver, the difference between two orders at the point to be skipped
estimates the error of the lower one. Of the denoiser's output F, kept at computed steps,

    E_i = |phi_p(t_i) - phi_{p-1}(t_i)| = |prod_{q<p} (t_i - t_q)| |[h_0..h_p]|,      p = order + 1,

where the norm follows from inner products that were taken when the points were computed (`differences.py`): a
skipped step costs scalar arithmetic. The sampler carries it into the latent x with its own coefficient r_i
(`runtime/reach.py`), so that

    spent_i = sum of s A_j r_j E_j / |x|  over the steps j skipped since the last computed one, and i

is the accumulated local error relative to the latent. The step is computed once ``spent_i`` would reach
``tolerance``. Since the r_j of an interval of time add up to the same however finely it is cut, so does
``spent``.

The controller: a run of skipped steps may be at most ``growth`` times as long as the one before, as an
estimate made over short steps says little about long ones. At a computed step the error that the forecast
would have had is known, from the same inner products. The scale s follows its ratio to the estimate, in
steps of half its logarithm, within ``limits``.
A_j is 1, or a measured amplification (`amplification`), which says how far an error at step j moves the
final sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from foretrace.checks import at_least, between
from foretrace.errors import ClockError, InvalidSetting
from foretrace.gate.base import Gate, Signal
from foretrace.gate.differences import Differences, arrived, combined, push
from foretrace.granularity import Granularity
from foretrace.history import Feature
from foretrace.hostcopy import HostCopy
from foretrace.predictor.lagrange import divided_difference, newton_factor, newton_weights


@dataclass(frozen=True)
class Account:
    """What is known of one run.

    Differences of the output, the latent's norm, what is spent, the scale, how many steps lie between the two
    newest computed ones, and the error expected of the newest point, until it is compared with the truth.
    """

    known: Differences = field(default_factory=Differences)
    latent: HostCopy | None = None
    spent: float = 0.0
    scale: float = 1.0
    interval: int = 1
    expected: float | None = None


def estimate(times: Sequence[float], t: float, order: int, state: Differences) -> float | None:
    """``|phi_p(t) - phi_{p-1}(t)|`` of the highest ``p <= order + 1`` that the points allow, or ``None``."""
    p = min(order + 1, len(state.gram), len(times) - 1)
    if p < 1:
        return None
    factor = newton_factor(times, t, p)
    weights = [factor * w for w in divided_difference(times[: p + 1])]
    return combined(state.gram, [-sum(weights[j:]) for j in range(1, p + 1)])


def missed(times: Sequence[float], order: int, state: Differences) -> float | None:
    """``|F - phi(t)|``: by how much the forecast of the newest point from those before it would have
    missed.
    """
    n = min(order, len(state.gram) - 1, len(times) - 2)
    if n < 0:
        return None
    weights = newton_weights(times[1 : n + 2], times[0], n)
    return combined(state.gram, [1.0] + [sum(weights[j:]) for j in range(1, n + 1)])


@dataclass(frozen=True)
class ErrorEstimate(Gate):
    """Computes a step when the accumulated estimate of the error would reach ``tolerance``.

    Args:
        tolerance: of the local error that a run of skipped steps may add up to, relative to the latent; 0
            computes every step, ``inf`` skips all that the schedule allows.
        order: whose error is estimated: that of the predictor, or one less where the predictor is the better
            of the pair.
        safety: the share of the tolerance that is spent.
        growth: how many times longer than the interval before it an interval may be, or one step longer.
        limits: between which the scale of the estimate stays.
        amplification: per step, how far an error there moves the final sample; from a profile.
    """

    sees_sampler: ClassVar[bool] = True

    tolerance: float
    order: int = 1
    safety: float = 1.0
    growth: float = 1.25
    limits: tuple[float, float] = (0.25, 4.0)
    amplification: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        between("tolerance", self.tolerance, 0.0, math.inf)
        at_least("order", self.order, 0)
        between("safety", self.safety, 0.01, 1.0)
        between("growth", self.growth, 1.0, math.inf)
        between("limits[0]", self.limits[0], 0.0, 1.0)
        between("limits[1]", self.limits[1], 1.0, math.inf)

    def check(self, total: int | None, granularity: Granularity) -> None:
        """The amplification must be that of a run of this length."""
        if self.amplification and len(self.amplification) != total:
            raise InvalidSetting(
                f"ErrorEstimate has the amplification of {len(self.amplification)} steps and got a run of "
                f"{total}; expected as many. Fit it for this number of steps, or leave amplification out."
            )

    def init(self) -> Account:
        """Nothing known."""
        return Account()

    def admits(self, state: Account, signal: Signal) -> tuple[bool, Account]:
        """Whether what is spent stays below the tolerance, and the account if the step is skipped."""
        state = self._settled(state)
        own = estimate(state.known.times, signal.step.time, self.order, state.known)
        if own is None:  # one point: nothing is known of how it changes
            return math.isinf(self.tolerance), state
        spent = state.spent + state.scale * self._carried(own, state, signal)
        state = replace(state, spent=spent)
        if math.isinf(self.tolerance):
            return not math.isnan(spent), state
        near = signal.age + 1 <= max(self.growth * state.interval, state.interval + 1)
        return near and spent < self.tolerance * self.safety, state

    def computed(self, state: Account, signal: Signal) -> Account:
        """The output becomes the newest point, and what was spent is repaid. Nothing new is read here."""
        output = seen_by_sampler(signal.output, signal.latent)
        before = self._settled(state)
        expected = estimate(before.known.times, signal.step.time, self.order, before.known)
        known = push(before.known, signal.step.time, output, self.order + 1)
        norm = HostCopy(torch.linalg.vector_norm(signal.latent.detach().float()).reshape(1, 1))
        return Account(known, norm, 0.0, before.scale, signal.age, expected)

    def _settled(self, state: Account) -> Account:
        """The state with what was on its way to the host.

        The scale goes half way, in logarithms, to the ratio of the newest point's true error to the expected
        one.
        """
        known = arrived(state.known)
        truth = missed(known.times, self.order, known) if state.expected else None
        scale = state.scale
        if truth and state.expected:
            lowest, highest = self.limits
            ratio = min(max(truth / state.expected, lowest), highest)
            scale = min(max(math.sqrt(scale * ratio), lowest), highest)
        return replace(state, known=known, scale=scale, expected=None)

    def _carried(self, error: float, state: Account, signal: Signal) -> float:
        """The error's effect on the latent, relative to its norm."""
        assert state.latent is not None
        norm = state.latent.rows()[0][0]
        reach = signal.reach
        if reach is None:
            if signal.step.total is None:
                raise ClockError(
                    "ErrorEstimate got a run of unknown length without a scheduler; expected the number of "
                    "steps. Pass steps=... to accelerate or attach."
                )
            reach = 1.0 / signal.step.total
        amplified = self.amplification[signal.step.index] if self.amplification else 1.0
        return amplified * reach * error / norm if norm > 0 else math.nan


def seen_by_sampler(output: Feature, latent: Tensor) -> Feature:
    """The part of the output that moves the latent: of channels twice the latent's, the first half.

    (Models that learn their variance, such as DiT, return it below the noise.)
    """
    first = output[0]
    if first.ndim > 1 and first.ndim == latent.ndim and first.shape[1] == 2 * latent.shape[1]:
        return (first[:, : latent.shape[1]],)
    return (first,)
