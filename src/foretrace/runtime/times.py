"""Reading the time of a call and the length of a run, without waiting for the GPU where it can be avoided."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from torch import Tensor


class Reading(NamedTuple):
    """The time of a call: the scheduler's own entry for it, and what the denoiser was given.

    Both are compared, since each can fail to tell two steps apart: a time given in bf16 may round to that of
    its neighbour, and a scheduler that is not stepped stays at its first entry.
    """

    scheduled: float
    given: float
    position: int | None = None

    @property
    def key(self) -> tuple[float, float]:
        """What the clock compares. Not the position: Heun has two at one time."""
        return self.scheduled, self.given


def idle(scheduler: Any) -> bool:
    """Whether the scheduler says that it is in no run: it was given no steps yet, or has taken them all.

    A call that comes then is none of its run: it warms up, fills a cache, or belongs to another pipeline.
    """
    times = getattr(scheduler, "timesteps", None)
    if not isinstance(times, Tensor):
        return False
    position = getattr(scheduler, "step_index", None)
    if position is not None:
        return position >= len(times)
    trained = getattr(getattr(scheduler, "config", None), "num_train_timesteps", None)
    return getattr(scheduler, "num_inference_steps", None) is None and len(times) == trained


def run_length(scheduler: Any, values: list[float], first: float) -> int | None:
    """The number of steps from the first call's time to the end of the scheduler's list ``values``.

    Equal neighbours in the list are evaluations of one step (Heun). A run that starts late (image to
    image) counts its own steps only: its start is what the pipeline told the scheduler, or else the place
    of the first time in the list.
    """
    if not values:
        return getattr(scheduler, "num_inference_steps", None)
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
    """Reads the times of calls; ``synchronisations`` counts the reads that waited for a GPU."""

    PATIENCE = 6
    """On a GPU, after so many calls at one position of the scheduler its time is read from the tensor."""

    def __init__(self) -> None:
        self.synchronisations = 0
        self._copies: dict[str, tuple[Tensor, list[float]]] = {}
        self._position: int | None = None
        self._calls_there = 0

    def read(self, value: Any, scheduler: Any) -> Reading:
        """The time of a call; per-token or per-sample times count by their largest entry."""
        values = self.host_list(scheduler)
        position = self._place(scheduler, values)
        scheduled = 0.0 if position is None else values[position]
        if not isinstance(value, Tensor):
            return Reading(scheduled, float(value), position)
        on_host = value.device.type in ("cpu", "meta")
        if not on_host and position is not None and self._patient(position):
            return Reading(scheduled, scheduled, position)
        self.synchronisations += not on_host
        given = float(value.max()) if value.numel() > 1 else float(value)
        return Reading(scheduled, given, position)

    def host_list(self, scheduler: Any, name: str = "timesteps") -> list[float]:
        """The scheduler's list of this name on the host, copied once per run; empty without one."""
        tensor = getattr(scheduler, name, None)
        if not isinstance(tensor, Tensor) or tensor.ndim != 1:
            return []
        copied = self._copies.get(name)
        if copied is None or copied[0] is not tensor:
            self.synchronisations += tensor.device.type != "cpu"
            copied = self._copies[name] = (tensor, tensor.tolist())
        return copied[1]

    def _place(self, scheduler: Any, values: list[float]) -> int | None:
        """The position that the scheduler itself counts, where it counts one."""
        if not values or not hasattr(scheduler, "step_index"):
            return None
        position = scheduler.step_index
        begin = getattr(scheduler, "begin_index", None) or 0
        return min(begin if position is None else position, len(values) - 1)

    def _patient(self, position: int) -> bool:
        """Whether the position may still be trusted: a scheduler nobody steps would hide all steps."""
        self._calls_there = self._calls_there + 1 if position == self._position else 1
        self._position = position
        return self._calls_there <= self.PATIENCE
