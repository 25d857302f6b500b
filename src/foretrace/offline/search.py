"""Closed-loop search: small moves of a schedule and its predictor, judged by cached runs.

What helps on the calls searched with may not help on others, so every improvement is judged on held-out
calls too, and the best there is what comes out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from foretrace.combinator.by_step import ByStep
from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.progress import Progress, silent
from foretrace.predictor import LinearPredictor, Predictor

SHIFTS = (-4, 4, -2, 2, -1, 1)
PATIENCE = 6
"""Improvements in a row that did not carry over to the held-out calls before the search ends."""

SHARE = 4
"""One in so many seeds is judged on all calls."""
KEPT = 3
"""So many predictors, the best with the first schedule, are tried with the others."""


@dataclass
class Found:
    """The best candidate so far, by its error on the held-out calls, and how it was come by."""

    candidate: Candidate
    error: float
    held_out: float
    runs: int = 0
    seconds: float = 0.0
    path: list[dict[str, float]] = field(default_factory=list)
    by_gaps: bool = False


def moves(
    candidate: Candidate, total: int, predictors: Sequence[Predictor], rng: np.random.Generator
) -> Iterator[Candidate]:
    """All neighbours in random order: one computed step moved, or another predictor."""
    steps = candidate.computed
    shifts = [(i, shift) for i in range(1, len(steps)) for shift in SHIFTS]
    others = [p for p in predictors if p != candidate.predictor]
    options: list[object] = [*shifts, *others]
    for number in rng.permutation(len(options)):
        option = options[number]
        if isinstance(option, Predictor):
            yield Candidate(steps, option)
            continue
        place, shift = shifts[number]
        moved = steps[place] + shift
        if 0 < moved < total and moved not in steps:
            yield Candidate(tuple(sorted({*steps, moved} - {steps[place]})), candidate.predictor)


def predictor_moves(
    candidate: Candidate, total: int, bases: Sequence[LinearPredictor]
) -> Iterator[Candidate]:
    """The same steps with another predictor in one gap between computed steps."""
    predictor = candidate.predictor
    if not isinstance(predictor, ByStep):
        if not isinstance(predictor, LinearPredictor):
            return
        bases = tuple(dict.fromkeys([predictor, *bases]))
        predictor = ByStep(tuple(bases), (0,) * total)
    edges = [*candidate.computed, total]
    for begin, end in pairwise(edges[1:]):
        if end - begin < 2:
            continue
        for other in range(len(predictor.bases)):
            if other != predictor.choices[begin + 1]:
                choices = list(predictor.choices)
                choices[begin:end] = [other] * (end - begin)
                yield Candidate(candidate.computed, ByStep(predictor.bases, tuple(choices)))


def search(
    seeds: Sequence[Candidate],
    total: int,
    predictors: Sequence[Predictor],
    judge: Judge,
    held_out: Judge,
    deadline: float,
    seed: int = 0,
    progress: Progress = silent,
) -> Found:
    """The best schedule and predictor that was found before ``deadline`` (of `time.monotonic`).

    ``judge`` and ``held_out`` have different calls. The number of computed steps is that of the seeds.
    """
    began, rng = time.monotonic(), np.random.default_rng(seed)
    left = max(1, int(min(deadline - began, 1e9)))
    with progress("searching (s)", left) as advance:
        clock = Clock(deadline, advance)
        best = best_seed(seeds, judge, held_out, clock)
        current, error, idle = best.candidate, best.error, 0
        improved = True
        while improved and idle < PATIENCE and not clock.over():
            improved = False
            neighbours = [*moves(current, total, predictors, rng)]
            if current == best.candidate and idle == 0:
                linear = [p for p in predictors if isinstance(p, LinearPredictor)]
                neighbours += [*predictor_moves(current, total, linear)]
            for group in groups(neighbours, judge.most):
                if clock.over():
                    break
                found, candidate = best_of(group, judge, current)
                if found < error:
                    current, error, improved = candidate, found, True
                    checked = held_out.error(candidate)
                    best.path.append({"error": found, "held_out": checked})
                    idle = idle + 1 if checked >= best.held_out else 0
                    if checked < best.held_out:
                        best.candidate, best.error, best.held_out = candidate, found, checked
                    break
    best.runs, best.seconds = judge.runs + held_out.runs, time.monotonic() - began
    return best


def groups(candidates: Sequence[Candidate], most: int) -> Iterator[Sequence[Candidate]]:
    """The candidates in order, as many at once as are run together."""
    for start in range(0, len(candidates), most):
        yield candidates[start : start + most]


def best_of(group: Sequence[Candidate], judge: Judge, rival: Candidate | None) -> tuple[float, Candidate]:
    """The candidate of least error, and that before it."""
    errors = judge.errors_of(group, rival)
    best = min(range(len(group)), key=errors.__getitem__)
    return errors[best], group[best]


def best_seed(seeds: Sequence[Candidate], judge: Judge, held_out: Judge, clock: Clock | None = None) -> Found:
    """The seed of least error: the best on one call are judged on all. The first is judged in any case."""
    clock = Clock(math.inf) if clock is None else clock
    ranked = _by_first_call(seeds, judge, clock)
    first, *others = ranked[: max(3, len(ranked) // SHARE)]
    best = Found(first, judge.error(first), 0.0)
    for group in groups(others, judge.most):
        if clock.over():
            break
        error, candidate = best_of(group, judge, best.candidate)
        if error < best.error:
            best.candidate, best.error = candidate, error
    best.held_out = held_out.error(best.candidate)
    best.path.append({"error": best.error, "held_out": best.held_out})
    return best


def _by_first_call(seeds: Sequence[Candidate], judge: Judge, clock: Clock) -> list[Candidate]:
    """The seeds by their error on the first call, without those whose predictor is far behind with the first
    schedule.
    """
    first = seeds[0].computed
    found = {seeds[0]: judge.error(seeds[0], calls=1)}
    with_first = [one for one in seeds[1:] if one.computed == first]
    _add_first_call(found, with_first, judge, clock)
    ahead = [one.predictor for one in sorted(found, key=found.__getitem__)[:KEPT]]
    rest = [one for one in seeds[1:] if one.computed != first and one.predictor in ahead]
    _add_first_call(found, rest, judge, clock)
    return sorted(found, key=found.__getitem__)


def _add_first_call(
    found: dict[Candidate, float], candidates: Sequence[Candidate], judge: Judge, clock: Clock
) -> None:
    """Their errors on the first call, while there is time."""
    for group in groups(candidates, judge.most):
        if clock.over():
            return
        found.update(zip(group, judge.errors_of(group, calls=1), strict=True))


class Clock:
    """Tells whether the time is over, and the progress bar how much of it is."""

    def __init__(self, deadline: float, advance: Callable[[int], object] = int) -> None:
        self.deadline, self._advance, self._told = deadline, advance, time.monotonic()
        self._whole: Clock | None = None

    def over(self) -> bool:
        """Whether ``deadline`` is past."""
        if self._whole is not None:
            self._whole.over()
        now = time.monotonic()
        whole = int(min(now, self.deadline) - self._told)
        if whole > 0:
            self._advance(whole)
            self._told += whole
        return now >= self.deadline

    def part(self, share: float) -> Clock:
        """One that is over when ``share`` of the time left is."""
        now = time.monotonic()
        part = Clock(now + share * max(self.deadline - now, 0.0))
        part._whole = self
        return part
