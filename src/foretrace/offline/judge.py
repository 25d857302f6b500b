"""Judging a candidate by the cached run itself, on recorded noises, and remembering every verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from foretrace.granularity import Granularity
from foretrace.offline.calls import Call, digest
from foretrace.offline.candidate import Candidate as Candidate
from foretrace.offline.sampling import relative_error
from foretrace.offline.together import Together, Watch


class Judge:
    """Mean relative L2 of final latents to the uncached ones, over calls; a run is never made twice.

    With ``memory``, a file, verdicts outlive the process, so a search that was cut off goes on where it was.
    ``together`` makes the runs, of several candidates at once if it may.
    """

    def __init__(
        self,
        pipe: Any,
        granularity: Granularity,
        calls: Sequence[Call],
        references: Sequence[Tensor],
        memory: Path | None = None,
        together: Together | None = None,
    ) -> None:
        self.pipe, self.granularity = pipe, granularity
        self.together = Together(pipe, granularity, 1) if together is None else together
        self.calls, self.references = list(calls), list(references)
        self.digests = [digest(call) for call in self.calls]
        self.memory, self.runs = memory, 0
        self._known = _read(memory) if memory is not None and memory.exists() else {}

    @property
    def most(self) -> int:
        """How many candidates are run at once."""
        return self.together.most

    def errors(self, candidate: Candidate, number: int) -> list[float]:
        """The relative error of every sample of one call."""
        key = self._key(candidate, number)
        if key not in self._known:
            self.latents([candidate], number)
        return self._known[key]

    def latents(
        self, candidates: Sequence[Candidate], number: int, watch: Watch | None = None
    ) -> list[Tensor]:
        """The final latents of one call under each candidate, by runs, whose errors are remembered."""
        reference = self.references[number]
        found = self.together.latents(candidates, self.calls[number], reference, watch)
        self.runs += len(candidates)
        for candidate, latents in zip(candidates, found, strict=True):
            key = self._key(candidate, number)
            if key not in self._known:
                self._known[key] = relative_error(latents, reference).tolist()
                if self.memory is not None:
                    with self.memory.open("a") as file:
                        file.write(json.dumps({"run": key, "errors": self._known[key]}) + "\n")
        return found

    def _key(self, candidate: Candidate, number: int) -> str:
        return f"{candidate.key}/{self.digests[number]}"

    def each(self, candidate: Candidate) -> list[float]:
        """The relative error of every sample of all calls."""
        return [e for number in range(len(self.calls)) for e in self.errors(candidate, number)]

    def error(self, candidate: Candidate, rival: Candidate | None = None, calls: int | None = None) -> float:
        """The mean over the first ``calls`` calls, or all; inf once it is clearly behind ``rival``.

        The comparison is on the same calls, so that noises which are hard for both do not count.
        """
        return self.errors_of([candidate], rival, calls)[0]

    def errors_of(
        self, candidates: Sequence[Candidate], rival: Candidate | None = None, calls: int | None = None
    ) -> list[float]:
        """`error` of each, their runs made together."""
        found: list[list[float]] = [[] for _ in candidates]
        other: list[float] = []
        live = list(range(len(candidates)))
        numbers = range(len(self.calls) if calls is None else min(calls, len(self.calls)))
        for number in numbers:
            new = {candidates[i]: None for i in live if self._key(candidates[i], number) not in self._known}
            if new:
                self.latents(list(new), number)
            for i in live:
                found[i] += [e if math.isfinite(e) else 1e9 for e in self.errors(candidates[i], number)]
            if rival is not None and number + 1 < len(numbers):
                other += self.errors(rival, number)
                live = [i for i in live if sum(found[i]) <= BEHIND * sum(other)]
                if not live:
                    break
        last = set(live)
        return [sum(e) / len(e) if i in last else math.inf for i, e in enumerate(found)]


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
