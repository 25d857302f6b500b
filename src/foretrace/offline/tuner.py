"""What every search of a schedule needs: the recording, the judges, and what an error at each step does."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foretrace.checks import at_least, between
from foretrace.combinator.damped import Damped
from foretrace.errors import InvalidSetting
from foretrace.granularity import Granularity, PerModel, parse_granularity
from foretrace.offline.amplification import amplification
from foretrace.offline.calls import Call, check_calls
from foretrace.offline.factors import free_gaps
from foretrace.offline.free_proposal import POWERS, propose_with_factors
from foretrace.offline.gap_fit import GapFitter
from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.polish import alternate, by_gaps
from foretrace.offline.progress import Progress, silent
from foretrace.offline.proposal import even_schedules, propose
from foretrace.offline.record import record
from foretrace.offline.recording import Recording
from foretrace.offline.search import Clock, Found, best_seed, search
from foretrace.offline.together import Together
from foretrace.predictor import (
    AdaptiveLagrange,
    FoCa,
    Lagrange,
    LinearPredictor,
    Predictor,
    Reuse,
    SoftLagrange,
)

PREDICTORS: tuple[Predictor, ...] = (
    Reuse(),
    Lagrange(1),
    Damped(Lagrange(1), 0.5),
    Lagrange(2),
    SoftLagrange(2),
    AdaptiveLagrange(4),
    FoCa(0.5),
)
"""What a search chooses from: one of these was the best in every setting measured so far. Reuse is among them
since under strong guidance and a second-order sampler of few steps whatever extrapolates is worse.
"""
SEARCHING = 0.2
"""The share of the time for the search, where factors are fitted in the rest."""
BY_GAPS = 0.7
"""The share of that rest for fits gap by gap; derivatives of whole runs have what is left."""
TOGETHER = 4
"""Candidates that are run at once."""
PROBES = 12
"""Runs that measure the amplification; the steps between are interpolated."""


@dataclass(frozen=True)
class Tuner:
    """Everything a search at one number of computed steps needs; made once, used for many."""

    recording: Recording
    judge: Judge
    held_out: Judge
    predictors: tuple[Predictor, ...]
    amplification: list[float]
    factors: bool = True

    @property
    def steps(self) -> int:
        """Steps of a run."""
        return self.recording.steps

    def proposals(self, count: int) -> list[tuple[int, ...]]:
        """The cheapest schedule by the recording alone, for each linear predictor."""
        linear = [p for p in self.predictors if isinstance(p, LinearPredictor)]
        gram = self.recording.gram()
        return [tuple(propose(gram, p, count, self.amplification)) for p in linear]

    def free_proposals(self, count: int) -> list[Candidate]:
        """The cheapest schedules by the recording alone, each with the factors that make it so."""
        gram = self.recording.gram()
        found = [propose_with_factors(gram, count, self.amplification, power) for power in POWERS]
        return list(dict.fromkeys(one for one in found if one is not None))

    def seeds(self, count: int) -> list[Candidate]:
        """Even schedules and proposals, with every predictor; `uniform` comes first."""
        masks = [*map(tuple, even_schedules(self.steps, count)), *self.proposals(count)]
        return [Candidate(mask, p) for mask in dict.fromkeys(masks) for p in self.predictors]

    def best_uniform(self, count: int) -> tuple[Candidate, float]:
        """The even schedule and predictor of least error on the search calls, and its held-out error."""
        masks = dict.fromkeys(tuple(mask) for mask in even_schedules(self.steps, count))
        seeds = [Candidate(mask, p) for mask in masks for p in self.predictors]
        best = best_seed(seeds, self.judge, self.held_out)
        return best.candidate, best.held_out

    def search(self, count: int, seconds: float, seed: int, progress: Progress) -> Found:
        """`search` from `seeds` with ``count`` computed steps, then `fit` of what it found."""
        began = time.monotonic()
        deadline = began + seconds * (SEARCHING if self.factors else 1.0)
        found = search(
            self.seeds(count),
            self.steps,
            self.predictors,
            self.judge,
            self.held_out,
            deadline,
            seed,
            progress,
        )
        return self.fit(found, began + seconds, progress) if self.factors else found

    def _fitted(self, computed: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """What to fit, in order; proposals are worked out once they are asked for."""
        yield computed
        yield from (mask for mask in dict.fromkeys(self.proposals(len(computed))) if mask != computed)

    def fit(self, found: Found, deadline: float, progress: Progress) -> Found:
        """What was found, or one of the schedules with fitted factors if that is better on held-out calls.

        First gap by gap, with steps moved, which costs few runs; then by derivatives of whole runs, from
        there, or where that is not possible from the schedule found and from proposals, while there is time.
        """
        began, best = time.monotonic(), found
        computed = found.candidate.computed
        with progress("fitting (s)", max(1, int(min(deadline - began, 1e9)))) as advance:
            clock = Clock(deadline, advance)
            first = self._by_gaps(computed, clock)
            if first is not None:
                best = _better(best, first)
            for mask in self._fitted(computed if first is None else first.candidate.computed):
                if clock.over() or not free_gaps(mask, self.steps):
                    break
                begin = first.candidate if first is not None and mask == first.candidate.computed else None
                fitted = alternate(mask, self.steps, self.judge, self.held_out, clock, begin)
                best = _better(best, fitted)
        runs = self.judge.runs + self.held_out.runs
        seconds = found.seconds + time.monotonic() - began
        return replace(best, runs=runs, seconds=seconds, by_gaps=first is not None)

    def _by_gaps(self, computed: tuple[int, ...], clock: Clock) -> Found | None:
        """`by_gaps` from proposals of both kinds and the schedule found, where paths were recorded."""
        fitter = GapFitter(self.judge, self.recording)
        if not fitter.possible or clock.over() or not free_gaps(computed, self.steps):
            return None
        count = len(computed)
        masks = dict.fromkeys([computed, *self.proposals(count)])
        starts = [*self.free_proposals(count), *(fitter.start(mask) for mask in masks)]
        return by_gaps(starts, fitter, self.held_out, clock.part(BY_GAPS))


def _better(best: Found, other: Found) -> Found:
    """The better one on held-out calls, with the paths of both."""
    return replace(other if other.held_out < best.held_out else best, path=best.path + other.path)


def prepare(
    pipe: Any,
    calls: Iterable[Call],
    *,
    held_out: int | None = None,
    granularity: str | Granularity = "model",
    predictors: Sequence[Predictor] = PREDICTORS,
    probes: int = PROBES,
    factors: bool = True,
    together: int = TOGETHER,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> Tuner:
    """Record the calls uncached, and measure what each step's error does to the final sample."""
    wanted, sites = check_calls(calls, 2), parse_granularity(granularity)
    at_least("together", together, 1)
    judging = max(1, len(wanted) // 3) if held_out is None else held_out
    between("held_out", judging, 1, len(wanted) - 1)
    if not predictors:
        raise InvalidSetting("predictors got none; expected at least one. Leave them out for the default.")
    root = None if folder is None else Path(folder)
    kept = ("gram", "path") if factors and sites == PerModel() else ("gram",)
    recording = record(pipe, wanted, sites=sites, keep=kept, folder=root, progress=progress)
    memory = None if root is None else root / "verdicts.jsonl"
    cut = len(wanted) - judging
    latents = recording.latents
    several = Together(pipe, sites, together, wanted)
    judge = Judge(pipe, sites, wanted[:cut], latents[:cut], memory, several)
    last = Judge(pipe, sites, wanted[cut:], latents[cut:], memory, several)
    linear = next((p for p in predictors if isinstance(p, LinearPredictor)), Lagrange(1))
    probed = [1.0] * recording.steps
    if probes > 0:
        first = Judge(pipe, sites, wanted[:1], latents[:1], memory)
        probed = amplification(first, recording.gram(), linear, probes, progress)
    return Tuner(recording.subset(range(cut)), judge, last, tuple(predictors), probed, factors)
