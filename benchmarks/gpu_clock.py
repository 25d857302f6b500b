"""Milliseconds of every call of a run, by the device's own events where there are such."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass
class Clock:
    """Marks the begin and end of calls; nothing is waited for until `read`."""

    device: torch.device
    marks: list[tuple[Any, Any]] = field(default_factory=list)

    def call(self, run: Callable[[], Any]) -> Any:
        """What ``run`` returns, marked before and after."""
        begin = self._mark()
        result = run()
        self.marks.append((begin, self._mark()))
        return result

    def read(self) -> tuple[list[float], float]:
        """Milliseconds of each call, and from the first begin to the last end."""
        if self.device.type != "cuda":
            first, last = self.marks[0][0], self.marks[-1][1]
            return [1e3 * (end - begin) for begin, end in self.marks], 1e3 * (last - first)
        torch.cuda.synchronize()
        first, last = self.marks[0][0], self.marks[-1][1]
        return [begin.elapsed_time(end) for begin, end in self.marks], first.elapsed_time(last)

    def _mark(self) -> Any:
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
