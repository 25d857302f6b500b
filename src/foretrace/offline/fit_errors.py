"""ErrorEstimate's amplification: how far an error of the output at one step moves the final sample.

    A_i = (|final sample with only step i forecast - uncached| / |uncached|) / (r_i |e_i| / |x_i|)

with the error e_i of the forecast output, the sampler's reach r_i and the latent x_i, as the gate itself
relates an error to the latent. With it what the gate adds up estimates the relative error of the final
sample, and so does its tolerance. ``probes`` steps are measured, by a run each and call; those between are
interpolated in the logarithm.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from foretrace.gate.base import Gate, Signal
from foretrace.gate.error_estimate import ErrorEstimate, seen_by_sampler
from foretrace.granularity import PerModel
from foretrace.offline.amplification import spread
from foretrace.offline.calls import Call
from foretrace.offline.collect import never_skip
from foretrace.offline.explained import explained, spearman
from foretrace.offline.fitted import Fitted, Task
from foretrace.offline.proposal import fill_amplification
from foretrace.offline.sampling import relative_error
from foretrace.runtime.scheduler_step import watch_step
from foretrace.schedule import Mask

Effects = dict[int, tuple[float, float]]
"""Step -> (error relative to the latent as the gate carries it, relative change of the final sample)."""


@dataclass(frozen=True)
class _Known:
    """Of one uncached step: the output as the sampler sees it, and what an error of size 1 does."""

    output: Tensor
    carried: float


@dataclass(frozen=True)
class _Outputs(Gate):
    """Notes the output and the unit of error of every step, and admits nothing."""

    sees_sampler: ClassVar[bool] = True

    seen: dict[int, _Known] = field(default_factory=dict)

    def init(self) -> None:
        """Nothing is remembered from step to step."""
        return None

    def admits(self, state: None, signal: Signal) -> tuple[bool, None]:
        """Never."""
        return False, None

    def computed(self, state: None, signal: Signal) -> None:
        """Note the step."""
        output = seen_by_sampler(signal.output, signal.latent)[0].detach().clone()
        norm = float(torch.linalg.vector_norm(signal.latent.detach().float()))
        reach = signal.reach if signal.reach is not None else 1.0 / (signal.step.total or 1)
        self.seen[signal.step.index] = _Known(output, reach / norm if norm > 0 else math.nan)


def fit_errors(task: Task) -> Fitted:
    """The gate with its amplification; how much of the held-out effects' spread that explains."""
    gate = task.method.gate
    assert isinstance(gate, ErrorEstimate)
    fits = [_effects(task, call) for call in task.fit_calls]
    judged = [_effects(task, call) for call in task.held_out]
    steps = task.facts.seen["steps"]
    factors = amplified(fits, steps)
    moving = {i for i, factor in enumerate(factors) if factor > 0}  # a step without effect explains nothing
    pairs = [(i, own, final) for one in judged for i, (own, final) in one.items() if i in moving]
    truth = [math.log(final) for _, _, final in pairs]
    plain = [math.log(own) for _, own, _ in pairs]
    said = [math.log(factors[i] * own) for i, own, _ in pairs]
    same = statistics.fmean(math.log(one[i][1] / one[i][0]) for one in fits for i in one if i in moving)
    measured = {
        "spearman_before": spearman(plain, truth),
        "spearman_after": spearman(said, truth),
        "mean_amplification": math.exp(same),
        "factor_left": math.exp(statistics.median(abs(t - s) for t, s in zip(truth, said, strict=True))),
        "pairs": sum(map(len, fits)),
    }
    share = explained(truth, said, [x + same for x in plain])
    return Fitted(replace(gate, amplification=factors), share, measured)


def amplified(runs: Sequence[Effects], steps: int) -> tuple[float, ...]:
    """The factor of every step: the geometric mean over ``runs``, interpolated between the measured ones."""
    at: dict[int, list[float]] = {}
    for effects in runs:
        for step, (own, final) in effects.items():
            at.setdefault(step, []).append(math.log(final / own))
    means = {step: math.exp(statistics.fmean(found)) for step, found in at.items()}
    return tuple(fill_amplification(means, steps)) if means else (1.0,) * steps


def _effects(task: Task, call: Call) -> Effects:
    """Of one call: an uncached run, and one for every probed step."""
    outputs = _Outputs()
    reference = task.run(call, replace(never_skip(PerModel()), gate=outputs))
    steps = task.facts.seen["steps"]
    found: Effects = {}
    for step in spread(steps, task.probes):
        alone = Mask([i for i in range(steps) if i != step])
        method = replace(
            task.method, schedule=alone, gate=None, budget=None, granularity=PerModel(), calibrator=None
        )
        given: list[Tensor] = []
        undo = watch_step(task.pipe.scheduler, lambda output, *_, seen=given: seen.append(output.detach()))
        try:
            latents = task.run(call, method)
        finally:
            undo()
        own = _missed(outputs.seen[step], given[step])
        final = float(relative_error(latents, reference).mean())
        if math.isfinite(own) and own > 0 and math.isfinite(final) and final > 0:
            found[step] = own, final
    return found


def _missed(known: _Known, given: Tensor) -> float:
    """How far what the sampler was given is off, carried into the latent; both runs were the same up to
    here.
    """
    own = seen_by_sampler((given,), known.output)[0]
    return float(torch.linalg.vector_norm(own.float() - known.output.float())) * known.carried
