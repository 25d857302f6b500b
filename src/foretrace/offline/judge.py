"""Judging a candidate by the cached run itself, on recorded noises, and remembering every verdict."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from foretrace.granularity import Granularity
from foretrace.method import Method
from foretrace.offline.calls import Call, digest
from foretrace.offline.collect import observing
from foretrace.offline.sampling import relative_error, sample
from foretrace.predictor import Predictor
from foretrace.profile.codec import encode
from foretrace.schedule import Mask


@dataclass(frozen=True)
class Candidate:
    """Which steps are computed, and what forecasts the others."""

    computed: tuple[int, ...]
    predictor: Predictor

    def method(self, granularity: Granularity) -> Method:
        """As a method."""
        return Method(Mask(self.computed), self.predictor, granularity, name="tuned")

    @property
    def key(self) -> str:
        """The same for the same candidate, also in another process."""
        text = json.dumps([list(self.computed), encode(self.predictor)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Judge:
    """Mean relative L2 of final latents to the uncached ones, over calls; a run is never made twice.

    With ``memory``, a file, verdicts outlive the process, so a search that was cut off goes on where it was.
    """

    def __init__(
        self,
        pipe: Any,
        granularity: Granularity,
        calls: Sequence[Call],
        references: Sequence[Tensor],
        memory: Path | None = None,
    ) -> None:
        self.pipe, self.granularity = pipe, granularity
        self.calls, self.references = list(calls), list(references)
        self.digests = [digest(call) for call in self.calls]
        self.memory, self.runs = memory, 0
        self._known = _read(memory) if memory is not None and memory.exists() else {}

    def errors(self, candidate: Candidate, number: int) -> list[float]:
        """The relative error of every sample of one call."""
        key = self._key(candidate, number)
        if key not in self._known:
            self.latents(candidate, number)
        return self._known[key]

    def latents(self, candidate: Candidate, number: int) -> Tensor:
        """The final latents of one call, by a run, whose errors are remembered."""
        key = self._key(candidate, number)
        with observing(self.pipe, candidate.method(self.granularity), None):
            latents = sample(self.pipe, self.calls[number])
        self.runs += 1
        if key not in self._known:
            self._known[key] = relative_error(latents, self.references[number]).tolist()
            if self.memory is not None:
                with self.memory.open("a") as file:
                    file.write(json.dumps({"run": key, "errors": self._known[key]}) + "\n")
        return latents

    def _key(self, candidate: Candidate, number: int) -> str:
        return f"{candidate.key}/{self.digests[number]}"

    def each(self, candidate: Candidate) -> list[float]:
        """The relative error of every sample of all calls."""
        return [e for number in range(len(self.calls)) for e in self.errors(candidate, number)]

    def error(self, candidate: Candidate, rival: Candidate | None = None, calls: int | None = None) -> float:
        """The mean over the first ``calls`` calls, or all; inf once it is clearly behind ``rival``.

        The comparison is on the same calls, so that noises which are hard for both do not count.
        """
        found, other = [], []
        numbers = range(len(self.calls) if calls is None else min(calls, len(self.calls)))
        for number in numbers:
            found += [e if math.isfinite(e) else 1e9 for e in self.errors(candidate, number)]
            if rival is not None and number + 1 < len(numbers):
                other += self.errors(rival, number)
                if sum(found) > BEHIND * sum(other):
                    return math.inf
        return sum(found) / len(found)


def _read(memory: Path) -> dict[str, list[float]]:
    """The verdicts of a file. A line that was cut off as it was written is a run that is made again."""
    found: dict[str, list[float]] = {}
    for line in memory.read_text().splitlines():
        try:
            row = json.loads(line)
            found[row["run"]] = row["errors"]
        except (ValueError, KeyError, TypeError):
            continue
    return found


BEHIND = 1.03
"""A candidate this much worse than its rival on the first calls is given up before the others."""
