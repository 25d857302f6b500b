"""Factors fitted gap by gap: each gap's so that the cached run ends it near the uncached one.

With ``M_s`` and ``r_s`` of a sample at the end of a gap (`gap_response.py`), each gap minimises

    sum_s |r_s - M_s d|,    by weighted least squares with weights 1 / (|r_s - M_s d| + floor),

and ``d`` is added to its factors. All gaps are corrected at once out of one cached run, whose later gaps
begin at latents that the earlier ones left; so a few runs in a row settle. Each costs as much as judging the
schedule, where derivatives of whole runs (`gauss_newton.py`) cost a run for every factor.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foretrace.offline.factors import STARTS, factors_of, forecaster, free_gaps, with_factors
from foretrace.offline.gap_response import GapWatch
from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.recording import Recording
from foretrace.offline.search import Clock, groups

ROUNDS = 3
"""Runs of each schedule; after two corrections there is nothing left to gain."""
REWEIGHTED = 8
"""Least-squares solutions in a row."""
FLOOR = 0.3
"""The weights' floor, in medians of what is left of the samples."""
DAMPING = 1e-3
"""Added to the diagonal, as a share of it: increments of neighbouring orders are much alike."""
WITHOUT_EFFECT = 1e-10
"""Added too, in squares of relative moves of the latent: the last step of some samplers moves nothing."""
START = STARTS[1]
"""Half a line, since a parabola may be far off where gaps are long."""


@dataclass
class GapFitter:
    """Fits factors to the uncached paths of ``recording``, whose calls ``judge`` has.

    ``possible`` turns false when a run shows that the sampler alone does not explain it.
    """

    judge: Judge
    recording: Recording
    possible: bool = True

    def __post_init__(self) -> None:
        """Without the latents of every step it is not."""
        self.possible = self.possible and self.recording.path_length == self.total

    @property
    def total(self) -> int:
        """Steps of a run."""
        return self.recording.steps

    def start(self, computed: Sequence[int]) -> Candidate:
        """A schedule with factors to begin with."""
        gaps = free_gaps(computed, self.total)
        return with_factors(computed, self.total, gaps, [START[gap.increment - 1] for gap in gaps])

    def fit(self, candidates: Sequence[Candidate], clock: Clock) -> list[tuple[float, Candidate]]:
        """Each with its best factors of `ROUNDS` rounds, and its error."""
        best = [(math.inf, one) for one in candidates]
        now = list(candidates)
        for number in range(ROUNDS):
            following = self.corrected(now, clock) if number < ROUNDS - 1 else now
            judged = self.errors(now, clock) if following else []  # no run where it was corrected
            if not judged:
                break
            best = [min(a, b, key=_error) for a, b in zip(best, zip(judged, now, strict=True), strict=True)]
            now = following
            if not self.possible:
                break
        return best

    def errors(self, candidates: Sequence[Candidate], clock: Clock) -> list[float]:
        """The error of each; none if the time is over before all are judged."""
        found: list[float] = []
        for group in groups(candidates, self.judge.most):
            if clock.over():
                return []
            found += self.judge.errors_of(group)
        return found

    def corrected(
        self, candidates: Sequence[Candidate], clock: Clock, calls: int | None = None
    ) -> list[Candidate]:
        """Each with its factors corrected by one run of the first ``calls`` calls, or all. None left without
        time.
        """
        found: list[Candidate] = []
        for group in groups(candidates, self.judge.most):
            if clock.over():
                return []
            found += self._corrected(group, calls)
        return found

    def _corrected(self, group: Sequence[Candidate], calls: int | None) -> list[Candidate]:
        seen: dict[Candidate, dict[int, list[Tensor]]] = {one: {} for one in group}
        for number in range(len(self.judge.calls) if calls is None else min(calls, len(self.judge.calls))):
            watch = GapWatch(
                self.judge.pipe.scheduler,
                self.total,
                len(self.judge.references[number]),
                functools.partial(self.recording.path, number),
            )
            self.judge.latents(list(seen), number, watch)
            self.possible = self.possible and watch.explained
            for one, responses in watch.found.items():
                for begin, gram in responses.items():
                    seen[one].setdefault(begin, []).append(gram)
        return [self._moved(one, seen[one]) for one in group] if self.possible else list(group)

    def _moved(self, candidate: Candidate, seen: dict[int, list[Tensor]]) -> Candidate:
        gaps = free_gaps(candidate.computed, self.total, forecaster(candidate).order)
        factors = factors_of(candidate, self.total)
        steps = {begin: solve(torch.cat(grams)) for begin, grams in seen.items()}
        changed = [
            factor + (steps[gap.begin][gap.increment - 1] if gap.begin in steps else 0.0)
            for factor, gap in zip(factors, gaps, strict=True)
        ]
        return with_factors(candidate.computed, self.total, gaps, changed)


def solve(grams: Tensor) -> list[float]:
    """The ``d`` of the module for Gram matrices (samples, P + 1, P + 1); those not finite say nothing."""
    grams = grams[grams.isfinite().flatten(1).all(dim=1)]
    own, mixed, missed = grams[:, :-1, :-1], grams[:, :-1, -1], grams[:, -1, -1]
    found = torch.zeros(own.shape[-1], dtype=torch.float64)
    for _ in range(REWEIGHTED if len(grams) else 0):
        left = (
            (missed - 2 * mixed @ found + torch.einsum("spq,p,q->s", own, found, found)).clamp(min=0).sqrt()
        )
        weights = 1.0 / (left + FLOOR * statistics.median(left.tolist()) + 1e-30)
        matrix, right = torch.einsum("s,spq->pq", weights, own), weights @ mixed
        damping = DAMPING * matrix.diagonal() + WITHOUT_EFFECT * weights.sum()
        found = torch.linalg.solve(matrix + torch.diag(damping), right)
    return found.tolist() if found.isfinite().all() else [0.0] * len(found)


def _error(judged: tuple[float, Candidate]) -> float:
    return judged[0]
