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
        size = step.batch or 1
        if not self.units:
            self.units = [Unit(self.gate.init()) for _ in range(size if self.apart else 1)]
            return tuple(range(size))
        if signal is None:
            wishes = [True] * len(self.units)
        else:
            wishes = [self._wish(unit, step, self._view(signal, i)) for i, unit in enumerate(self.units)]
        wishes = agree(wishes)
        if self.gate.reduce != "sample":
            return tuple(range(size)) if any(wishes) else ()
        return tuple(i for i, wish in enumerate(wishes) if wish)

    def note(self, step: Step, signal: Signal, rows: Rows) -> None:
        """The samples ``rows`` were computed; ``signal.output`` is what the whole call returned."""
        for index in rows if self.gate.reduce == "sample" else range(len(self.units)):
            unit = self.units[index]
            seen = replace(self._view(signal, index), age=step.index - unit.last)
            unit.state = self.gate.computed(unit.state, seen)
            unit.last, unit.computed = step.index, unit.computed + 1

    def show(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """A feature was computed at ``site``, of the samples ``step.rows``."""
        rows = step.rows if step.rows is not None else tuple(range(step.batch or 1))
        for index, unit in enumerate(self.units):
            if not self.apart:
                unit.state = self.gate.site(unit.state, site, step, feature)
            elif index in rows:
                own = _rows(feature, rows.index(index), len(rows))
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
        size = signal.step.batch or 1
        return replace(
            signal,
            step=replace(signal.step, batch=1),
            latent=_rows((signal.latent,), index, size)[0],
            entered=_rows(signal.entered, index, size),
            probe=_rows(signal.probe, index, size),
            output=_rows(signal.output, index, size),
        )


def _rows(feature: Feature, index: int, size: int) -> Feature:
    """The sample ``index`` of ``size`` in every stream; frames folded into the batch stay with their
    sample.
    """
    return tuple(_of_sample(x, index, size) for x in feature)


def _of_sample(x: Any, index: int, size: int) -> Any:
    if not x.ndim or len(x) % size:
        raise UnsupportedModel(
            f"a gate with reduce='any' or 'sample' was shown a tensor of shape {tuple(x.shape)} in a call of "
            f"{size} samples; expected them along its first dimension. Use reduce='mean'."
        )
    span = len(x) // size
    return x[index * span : (index + 1) * span]
