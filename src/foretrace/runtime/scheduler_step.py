"""Watching what a pipeline's scheduler is given and returns, without touching its class."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any

from torch import Tensor

See = Callable[[Any, Any, Any], None]
"""Shown the model output, the sample, and what ``scheduler.step`` returned for them."""


class WatchedStep:
    """``scheduler.step``, watched. Pipelines ask for its signature, and some copy the scheduler with it."""

    def __init__(self, scheduler: Any, see: See) -> None:
        self._scheduler, self._step, self._see = scheduler, scheduler.step, see
        functools.update_wrapper(self, self._step, updated=())  # a watcher below has attributes of its own

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take the step, then show it."""
        output = self._step(*args, **kwargs)
        given = kwargs.get("model_output", args[0] if args else None)
        sample = kwargs.get("sample", args[2] if len(args) > 2 else None)
        self._see(given, sample, output)
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


def is_feature(value: Any) -> bool:
    """Whether a model output or sample is one floating tensor, as nearly all are."""
    return isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 0
