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
        functools.update_wrapper(self, self._step)

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
    """Show every step of ``scheduler`` to ``see``; returns the undo, to be called in reverse order."""
    own = vars(scheduler).get("step")
    scheduler.step = WatchedStep(scheduler, see)

    def undo() -> None:
        if own is None:
            vars(scheduler).pop("step", None)
        else:
            scheduler.step = own

    return undo


def is_feature(value: Any) -> bool:
    """Whether a model output or sample is one floating tensor, as nearly all are."""
    return isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 0
