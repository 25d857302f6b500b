"""SenCache's tables: how far the output moves per change of the latent alone, and of the time alone.

Along the trajectory of uncached runs, x' and t' being latent and time of the next step,

    J_x = |f(x', t) - f(x, t)| / |x' - x|        J_t = rms(f(x, t') - f(x, t)) / |t' - t|

which takes two more calls of the denoiser a step (arXiv:2602.24208). Of the first branch of every step.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from foretrace.errors import UnsupportedModel
from foretrace.gate.error_estimate import seen_by_sampler
from foretrace.gate.sen_cache import SenCache, root_mean_square
from foretrace.granularity import PerModel
from foretrace.history import Feature, SiteKey, Step
from foretrace.offline.calls import Call
from foretrace.offline.collect import never_skip
from foretrace.offline.explained import explained, spearman
from foretrace.offline.fitted import Fitted, Task
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.packing import unpack
from foretrace.runtime.signature import signature_of
from foretrace.runtime.target import find_target


@dataclass(frozen=True)
class Change:
    """From one step to the next: its time, both sensitivities, and what moved by how much."""

    time: float
    to_input: float
    to_time: float
    moved: float
    elapsed: float
    output: float


@dataclass(frozen=True)
class _Made:
    """One call of a denoiser, and what it returned."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    latent: Tensor
    time: Any
    t: float = 0.0
    output: Tensor | None = None

    def with_other(self, old: Any, new: Any) -> Tensor:
        """The output with one argument exchanged."""
        args = tuple(new if x is old else x for x in self.args)
        kwargs = {name: new if x is old else x for name, x in self.kwargs.items()}
        if not any(x is old for x in (*self.args, *self.kwargs.values())):
            raise UnsupportedModel(
                f"{type(self.module).__name__} is not given its latent as one tensor; expected one, to "
                "change it alone. Use a gate that needs no sensitivities, such as easycache."
            )
        output, _ = unpack(self.module.forward(*args, **kwargs), type(self.module).__name__)
        return seen_by_sampler(output, self.latent)[0]


class Sensitivities:
    """An observer, and a forward hook that hands it the call: the changes of the first branch's output."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._called: _Made | None = None
        self._before: _Made | None = None

    def called(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Keep the call, with a latent and a time of its own: samplers may write to theirs."""
        signature, call = signature_of(module), Invocation(module, args, kwargs)
        assert signature is not None
        old, time = signature.latent_of(call), signature.time_of(call)
        latent, kept = old.detach().clone(), time.clone() if isinstance(time, Tensor) else time
        own = {id(old): latent, id(time): kept}
        args = tuple(own.get(id(x), x) for x in args)
        self._called = _Made(module, args, {k: own.get(id(x), x) for k, x in kwargs.items()}, latent, kept)

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Measure from the step before to this one."""
        if site.branch or self._called is None:
            return
        output = seen_by_sampler(feature, self._called.latent)[0].detach().clone()
        now, before = replace(self._called, t=step.t, output=output), self._before
        if before is not None and before.module is now.module:
            self.changes.append(_change(before, now))
        self._before = now

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Nothing: an uncached run computes every step."""


def fit_sencache(task: Task) -> Fitted:
    """The gate with its tables; whether its score follows the change of the held-out output."""
    gate = task.method.gate
    assert isinstance(gate, SenCache)
    fits = [_changes(task, call) for call in task.fit_calls]
    judged = [change for call in task.held_out for change in _changes(task, call)]
    found = tabled(gate, fits)
    said = [found.change(c.time, c.moved, c.elapsed) for c in judged]
    truth = [c.output for c in judged]
    mean = statistics.fmean(math.log(c.output + 1e-30) for one in fits for c in one)
    logs = [[math.log(x + 1e-30) for x in values] for values in (truth, said)]
    # the score is a bound, so only its shape is judged
    offset = statistics.fmean(logs[0]) - statistics.fmean(logs[1])
    share = explained(logs[0], [x + offset for x in logs[1]], [mean] * len(truth))
    measured = {
        "spearman_before": spearman([c.moved for c in judged], truth),
        "spearman_after": spearman(said, truth),
        "bound_over_change": statistics.median(s / t for s, t in zip(said, truth, strict=True) if t > 0),
        "pairs": sum(map(len, fits)),
    }
    return Fitted(found, share, measured)


def tabled(gate: SenCache, runs: Sequence[Sequence[Change]]) -> SenCache:
    """The gate with the mean of every time's sensitivities over ``runs``."""
    at: dict[float, list[Change]] = {}
    for changes in runs:
        for change in changes:
            if math.isfinite(change.to_input) and math.isfinite(change.to_time):
                at.setdefault(change.time, []).append(change)
    times = tuple(at)
    to_input = tuple(statistics.fmean(c.to_input for c in at[t]) for t in times)
    to_time = tuple(statistics.fmean(c.to_time for c in at[t]) for t in times)
    return replace(gate, times=times, to_input=to_input, to_time=to_time)


def _changes(task: Task, call: Call) -> list[Change]:
    """Of one uncached run."""
    seen = Sensitivities()
    denoisers = find_target(task.pipe).denoisers.values()
    hooks = [one.register_forward_hook(seen.called, with_kwargs=True) for one in denoisers]
    try:
        task.run(call, never_skip(PerModel()), seen)
    finally:
        for hook in hooks:
            hook.remove()
    return seen.changes


@torch.no_grad()
def _change(before: _Made, now: _Made) -> Change:
    assert before.output is not None and now.output is not None
    moved = root_mean_square(now.latent - before.latent)
    elapsed = abs(now.t - before.t)
    by_input = root_mean_square(before.with_other(before.latent, now.latent) - before.output)
    by_time = root_mean_square(before.with_other(before.time, now.time) - before.output)
    whole = root_mean_square(now.output - before.output)
    return Change(before.t, by_input / moved if moved else 0.0, by_time / elapsed, moved, elapsed, whole)
