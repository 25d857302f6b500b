"""What every fit of a gate is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from foretrace.gate import Gate
from foretrace.method import Method
from foretrace.offline.calls import Call
from foretrace.offline.collect import RunFacts, observing
from foretrace.offline.progress import Advance
from foretrace.offline.sampling import sample
from foretrace.runtime.session import Session


@dataclass(frozen=True)
class Task:
    """A method whose gate is to be fitted on some calls and judged on others.

    ``probes`` is the number of steps that are looked at where each costs a run; ``facts`` learns what the
    runs were made with; ``advance`` is told of every run.
    """

    pipe: Any
    method: Method
    fit_calls: Sequence[Call]
    held_out: Sequence[Call]
    probes: int
    facts: RunFacts
    advance: Advance

    def run(self, call: Call, method: Method, observer: Any = None) -> Tensor:
        """The final latents of ``call`` under ``method``, every feature shown to ``observer``."""
        with self.watching(method, observer):
            latents = sample(self.pipe, call)
        self.advance(1)
        return latents

    @contextmanager
    def watching(self, method: Method, observer: Any) -> Iterator[Session]:
        """``method`` at work on the pipeline."""
        with observing(self.pipe, method, observer, self.facts) as session:
            yield session


@dataclass(frozen=True)
class Fitted:
    """A gate with what it needs, and what it says about the held-out calls.

    ``explained`` is as in `explained.explained`; ``measured`` goes into the profile.
    """

    gate: Gate
    explained: float
    measured: dict[str, Any]
