"""Reading the time of a call and the length of a run, without waiting for the GPU where it can be avoided."""

from __future__ import annotations

import inspect
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from foretrace.errors import ClockError

TIME_ARGUMENTS = ("timestep", "timesteps", "t", "sigma", "sigmas")
"""Names under which denoisers take their time, in the order they are looked for."""


def time_argument(denoiser: nn.Module) -> tuple[str, int] | None:
    """Name and position of the time in the signature of the denoiser's ``forward``, or None."""
    written = getattr(denoiser, "_orig_mod", denoiser)  # torch.compile hides the signature
    names = list(inspect.signature(written.forward).parameters)
    return next(((name, names.index(name)) for name in TIME_ARGUMENTS if name in names), None)


def pick_time(where: tuple[str, int], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The time argument of one call."""
    name, position = where
    value = kwargs.get(name, args[position] if position < len(args) else None)
    if value is None:
        raise ClockError(
            f"the denoiser was called without its time argument {name!r}; expected a number or a tensor. "
            f"Pass {name}=... at every call."
        )
    return value


def run_length(scheduler: Any, first: Any) -> int | None:
    """The number of steps from the first call's time to the end of the scheduler's list.

    Equal neighbours in the list are evaluations of one step (Heun). A run that starts late (image to
    image) counts its own steps only: its start is what the pipeline told the scheduler, or else the place
    of the first time in the list.
    """
    times = getattr(scheduler, "timesteps", None)
    if not isinstance(times, Tensor) or times.ndim != 1 or len(times) == 0:
        return getattr(scheduler, "num_inference_steps", None)
    if times.device.type != "cpu":
        begin = getattr(scheduler, "begin_index", None) or 0
        return int((len(times) - begin) // getattr(scheduler, "order", 1)) or 1
    values = times.tolist()
    values = values[_start(scheduler, values, first) :]
    return 1 + sum(a != b for a, b in pairwise(values))


def _start(scheduler: Any, values: list[float], first: float) -> int:
    """Where in the list a run begins.

    Some models are fed a scaled time, t / 1000, whose first value 1.0 can equal the last entry of the
    list; so a place from which no second step is left is not taken for the start.
    """
    begin = getattr(scheduler, "begin_index", None)
    if isinstance(begin, int) and 0 <= begin < len(values):
        return begin
    place = values.index(first) if first in values else 0
    return place if len(set(values[place:])) > 1 else 0


class TimeReader:
    """Turns the time argument into a float. ``synchronisations`` counts the reads that waited for a GPU."""

    def __init__(self) -> None:
        self.synchronisations = 0
        self._list: Tensor | None = None
        self._values: list[float] = []

    def read(self, value: Any, scheduler: Any) -> float:
        """The time of a call; per-token or per-sample times count by their largest entry."""
        if not isinstance(value, Tensor):
            return float(value)
        if value.device.type in ("cpu", "meta"):
            return float(value.max()) if value.numel() > 1 else float(value)
        position = getattr(scheduler, "step_index", None) if scheduler is not None else None
        if scheduler is not None and hasattr(scheduler, "step_index"):
            values = self._host_list(scheduler.timesteps)
            begin = getattr(scheduler, "begin_index", None) or 0
            return values[min(begin if position is None else position, len(values) - 1)]
        self.synchronisations += 1
        return float(value.max())

    def _host_list(self, times: Tensor) -> list[float]:
        """The scheduler's list on the host, copied once per run."""
        if times is not self._list:
            if times.device.type != "cpu":
                self.synchronisations += 1
            self._list, self._values = times, times.tolist()
        return self._values
