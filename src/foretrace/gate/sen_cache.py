"""SenCache's gate: how far the output can have moved, from its measured sensitivities to input and time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foretrace.checks import between
from foretrace.errors import ClockError, InvalidSetting
from foretrace.gate.base import Gate, Signal
from foretrace.gate.measure import Over
from foretrace.granularity import Granularity


@dataclass(frozen=True)
class Reference:
    """The latent and the time of the last computed step."""

    latent: Tensor
    time: float


@dataclass(frozen=True)
class SenCache(Gate):
    """Admits while ``J_x rms(x - x_c) + J_t |t - t_c| < threshold``, c being the last computed step.

    J_x and J_t are those measured at the time nearest to t_c (``ft.fit`` measures them):
    ``J_x = |f(x', t) - f(x, t)| / |x' - x|`` and ``J_t = rms(f(x, t') - f(x, t)) / |t' - t|`` between
    neighbouring steps. Times are what the denoiser is given, in its own unit. Nothing is added up.

    Args:
        threshold: of the root mean square change of an entry of the output; 0 computes every step, ``inf``
            skips all that may be.
        early: the threshold in the first fifth of the run; ``None``: the same.
        times, to_input, to_time: the tables, an entry a measured time.

    Raises:
        InvalidSetting: the tables differ in length or hold no positive numbers; or, when a run begins, there
            are none.
    """

    threshold: float
    early: float | None = None
    times: tuple[float, ...] = ()
    to_input: tuple[float, ...] = ()
    to_time: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        between("threshold", self.threshold, 0.0, math.inf)
        if self.early is not None:
            between("early", self.early, 0.0, math.inf)
        lengths = len(self.times), len(self.to_input), len(self.to_time)
        if len(set(lengths)) > 1:
            raise InvalidSetting(
                f"SenCache got tables of {', '.join(map(str, lengths))} entries for times, to_input and "
                "to_time; expected as many in each. Measure them with foretrace.fit."
            )
        if not all(math.isfinite(x) and x >= 0 for x in (*self.to_input, *self.to_time)):
            raise InvalidSetting(
                f"SenCache got the sensitivities {self.to_input} and {self.to_time}; expected numbers >= 0. "
                "Measure them again with foretrace.fit."
            )

    def check(self, total: int | None, granularity: Granularity) -> None:
        """There must be tables, and a known length where the beginning has its own threshold."""
        if not self.times:
            raise InvalidSetting(
                "SenCache got no sensitivities; expected tables for this model and sampler. Measure them "
                "with foretrace.fit(pipe, 'sencache', calls)."
            )
        if self.early is not None and total is None:
            raise ClockError(
                "SenCache(early=...) got a run of unknown length; expected the number of steps. Pass "
                "steps=... to accelerate or attach, or early=None."
            )

    def init(self) -> None:
        """No reference."""
        return None

    def admits(self, state: Reference | None, signal: Signal) -> tuple[bool, Reference | None]:
        """See the class."""
        if state is None:
            return False, state
        threshold = self.threshold_at(signal.step.index, signal.step.total)
        moved = root_mean_square(signal.latent - state.latent, signal.over)
        change = self.change(state.time, moved, abs(signal.step.t - state.time))
        return change < threshold or (math.isinf(threshold) and not math.isnan(change)), state

    def computed(self, state: Reference | None, signal: Signal) -> Reference:
        """This step is the reference."""
        return Reference(signal.latent.detach().clone(), signal.step.t)

    def change(self, since: float, moved: float, elapsed: float) -> float:
        """The score: what the output can have changed by, from the reference at the time ``since``."""
        nearest = min(range(len(self.times)), key=lambda i: abs(self.times[i] - since))
        return self.to_input[nearest] * moved + self.to_time[nearest] * elapsed

    def threshold_at(self, index: int, total: int | None) -> float:
        """``early`` in the first fifth of the run (rounded), ``threshold`` after it."""
        if self.early is None or total is None:
            return self.threshold
        return self.early if index < round(0.2 * total) else self.threshold


def root_mean_square(x: Tensor, over: Over = "mean") -> float:
    """Of an entry: the mean over samples, or the largest of theirs."""
    each = x.detach().float().square().reshape(len(x), -1).mean(dim=1).sqrt()
    return float(each.mean() if over == "mean" else torch.max(each))
