"""Watching what a pipeline's scheduler is given and returns, without touching its class."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any, NamedTuple

import torch
from torch import Tensor

STEPPED = ("model_output", "timestep", "sample")
"""What every ``scheduler.step`` takes, in this order."""


class StepCall(NamedTuple):
    """The arguments of one call of ``scheduler.step``."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def get(self, name: str) -> Any:
        """One of `STEPPED`."""
        place = STEPPED.index(name)
        return self.args[place] if place < len(self.args) else self.kwargs.get(name)

    def again(self, scheduler: Any, model_output: Tensor, timestep: Any, sample: Tensor) -> Any:
        """The call made of ``scheduler`` for others of `STEPPED`, and copies of the generators."""
        given = (model_output, timestep, sample)
        args = (*given[: len(self.args)], *map(_fresh, self.args[len(given) :]))
        named = {name: _fresh(value) for name, value in self.kwargs.items()}
        named |= dict(zip(STEPPED[len(self.args) :], given[len(self.args) :], strict=True))
        return scheduler.step(*args, **named)


See = Callable[[Any, Any, Any, StepCall], None]
"""Shown the model output, the sample, what ``scheduler.step`` returned for them, and how it was called."""


class WatchedStep:
    """``scheduler.step``, watched. Pipelines ask for its signature, and some copy the scheduler with it."""

    def __init__(self, scheduler: Any, see: See) -> None:
        self._scheduler, self._step, self._see = scheduler, scheduler.step, see
        functools.update_wrapper(self, self._step, updated=())  # a watcher below has attributes of its own

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take the step, then show it."""
        output = self._step(*args, **kwargs)
        call = StepCall(args, kwargs)
        self._see(call.get("model_output"), call.get("sample"), output, call)
        return output

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """The step of the scheduler's copy: it must not move this one."""
        copied = memo.get(id(self._scheduler), self._scheduler)
        return MethodType(type(copied).step, copied)


def watch_step(scheduler: Any, see: See) -> Callable[[], None]:
    """Show every step of ``scheduler`` to ``see``; returns the undo.

    Where somebody else has put the step back or replaced it meanwhile, the undo leaves it alone.
    """
    own = vars(scheduler).get("step")
    watched = scheduler.step = WatchedStep(scheduler, see)

    def undo() -> None:
        if vars(scheduler).get("step") is not watched:
            return
        if own is None:
            del scheduler.step
        else:
            scheduler.step = own

    return undo


def watches(scheduler: Any, see: See) -> bool:
    """Whether steps of ``scheduler`` are shown to ``see``, directly or below other watchers."""
    step = vars(scheduler).get("step")
    while isinstance(step, WatchedStep):
        if step._see == see:
            return True
        step = step._step
    return False


def stepped(output: Any) -> Tensor | None:
    """The sample in what ``scheduler.step`` returned."""
    sample = output[0] if isinstance(output, tuple) else getattr(output, "prev_sample", None)
    return sample if isinstance(sample, Tensor) else None


def _fresh(value: Any) -> Any:
    if isinstance(value, torch.Generator):
        return value.clone_state()
    return [_fresh(x) for x in value] if isinstance(value, (list, tuple)) else value


def is_feature(value: Any) -> bool:
    """Whether a model output or sample is one floating tensor, as nearly all are."""
    return isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 0
