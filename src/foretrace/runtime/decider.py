"""Whether a step is computed or skipped, for methods with a gate: the gate's states, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from foretrace.errors import UnsupportedModel
from foretrace.gate import Budget, Signal
from foretrace.gate.base import Gate
from foretrace.history import Feature, SiteKey, Step
from foretrace.method import Method
from foretrace.runtime.agree import agree
from foretrace.schedule import Schedule

Rows = tuple[int, ...]
"""The samples of a call that are computed, in order."""


@dataclass
class Unit:
    """What decides as one: a whole batch, or one sample of it."""

    state: Any
    last: int = -1
    computed: int = 0


class Decider:
    """The decisions of one leader: a branch, or the first branch for all of them."""

    def __init__(self, method: Method, schedule: Schedule) -> None:
        assert method.gate is not None
        self.gate: Gate = method.gate
        self.budget: Budget | None = method.budget
        self.schedule = schedule
        self.units: list[Unit] = []
        self.started = False

    @property
    def apart(self) -> bool:
        """Whether samples have states of their own."""
        return self.gate.reduce in ("any", "sample")

    @property
    def depth(self) -> int | None:
        """How many sites are forecast at a step that is skipped; ``None``: all."""
        depths = [self.gate.depth(unit.state) for unit in self.units]
        return min((d for d in depths if d is not None), default=None)

    def choose(self, step: Step, signal: Signal | None) -> Rows:
        """The samples to compute at ``step``; all of them without a signal, where no forecast is possible."""
        everyone = tuple(range(step.batch or 1))
        if not self.units:
            self.started = True
            return everyone
        if signal is None:
            wishes = [True] * len(self.units)
        else:
            wishes = [self._wish(unit, step, self._view(signal, i)) for i, unit in enumerate(self.units)]
        wishes = agree(wishes)
        if self.gate.reduce != "sample":
            return everyone if any(wishes) else ()
        return tuple(row for row in everyone if wishes[row % len(self.units)])

    def note(self, step: Step, signal: Signal, rows: Rows, samples: int | None = None) -> None:
        """The rows ``rows`` of a call were computed; ``signal.output`` is what all of it returned.

        ``samples`` is how many samples the rows belong to, where a guidance makes several of each: the rows
        of a sample decide as one.
        """
        size = step.batch or 1
        if not self.units:
            count = samples if samples and size % samples == 0 else size
            self.units = [Unit(self.gate.init()) for _ in range(count if self.apart else 1)]
        computed = {row % len(self.units) for row in rows}
        for index, unit in enumerate(self.units):
            if self.gate.reduce == "sample" and index not in computed:
                continue
            seen = replace(self._view(signal, index), age=step.index - unit.last)
            unit.state = self.gate.computed(unit.state, seen)
            unit.last, unit.computed = step.index, unit.computed + 1

    def show(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """A feature was computed at ``site``, of the samples ``step.rows``."""
        if not self.units:  # at the run's first step, before it is known how many samples there are
            self.units = [Unit(self.gate.init()) for _ in range((step.batch or 1) if self.apart else 1)]
        rows = step.rows if step.rows is not None else tuple(range(step.batch or 1))
        for index, unit in enumerate(self.units):
            if not self.apart:
                unit.state = self.gate.site(unit.state, site, step, feature)
            elif index in rows:
                own = tuple(_of_sample(x, rows.index(index), len(rows), len(rows)) for x in feature)
                unit.state = self.gate.site(unit.state, site, replace(step, batch=1, rows=None), own)

    def _wish(self, unit: Unit, step: Step, signal: Signal) -> bool:
        """Whether the unit is to be computed; the gate looks in any case."""
        age = step.index - unit.last
        admitted, unit.state = self.gate.admits(unit.state, replace(signal, age=age))
        if not self.schedule.may_skip(step, age):
            return True
        if self.budget is None:
            return not admitted
        forced = self._forced(step.total)
        return self.budget.settle(not admitted, step.index, age, unit.computed, step.total, forced)

    def _forced(self, total: int | None) -> Callable[[int], bool]:
        return lambda index: not self.schedule.may_skip(Step(index, total=total), 1)

    def _view(self, signal: Signal, index: int) -> Signal:
        """The part of ``signal`` that the unit ``index`` sees."""
        if not self.apart:
            return signal
        size, count = signal.step.batch or 1, len(self.units)

        def own(feature: Feature) -> Feature:
            return tuple(_of_sample(x, index, count, size) for x in feature)

        return replace(
            signal,
            step=replace(signal.step, batch=size // count),
            latent=own((signal.latent,))[0],
            entered=own(signal.entered),
            probe=own(signal.probe),
            output=own(signal.output),
            sample=index,
        )


def _of_sample(x: Any, index: int, count: int, size: int) -> Any:
    """The rows of the sample ``index`` of ``count``, in a tensor of a call of ``size`` rows or of the
    sampler.

    Frames folded into the batch stay with their row.
    """
    rows = next((n for n in (size, count) if x.ndim and len(x) % n == 0), None)
    if rows is None:
        raise UnsupportedModel(
            f"a gate with reduce='any' or 'sample' was shown a tensor of shape {tuple(x.shape)} in a call of "
            f"{size} samples; expected them along its first dimension. Use reduce='mean'."
        )
    folded = len(x) // rows
    return x.reshape(rows, folded, *x.shape[1:])[index::count].flatten(0, 1)
