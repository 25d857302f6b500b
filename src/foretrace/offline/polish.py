"""Computed steps moved under fitted factors, and factors fitted again, in turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from foretrace.offline.factors import relaid
from foretrace.offline.gap_fit import GapFitter
from foretrace.offline.gauss_newton import WORTH, Problem, fit_factors
from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.search import Clock, Found, best_of, groups, moves

MOVING = 0.5
"""The share of the time left for one series of moves; the fit has the rest."""
RANKING = 4
"""One in so many calls ranks the schedules to begin with."""
KEPT = 3
"""So many of them are fitted on all calls."""
CORRECTING = 2
"""One in so many calls corrects the factors of a schedule whose step was moved; all of them judge it."""
Corrected = Callable[[Sequence[Candidate]], Sequence[Candidate]]


def alternate(
    computed: tuple[int, ...],
    total: int,
    judge: Judge,
    held_out: Judge,
    clock: Clock,
    first: Candidate | None = None,
) -> Found:
    """Fit the factors of a schedule, move its steps, fit again, until that is not worth it or time is over.

    The factors begin with those of ``first``, if it is given. What comes out is the best on the held-out
    calls of all that was fitted.
    """
    best = fit_factors(Problem(computed, total, judge), held_out, clock, first)
    current, error = best.candidate, best.error
    while not clock.over():
        moved = move(current, error, total, judge, clock.part(MOVING))
        if moved == current:
            break
        fitted = fit_factors(Problem(moved.computed, total, judge), held_out, clock, moved)
        path = best.path + fitted.path
        best = replace(fitted if fitted.held_out < best.held_out else best, path=path)
        if fitted.error > WORTH * error:
            break
        current, error = fitted.candidate, fitted.error
    return best


def move(current: Candidate, error: float, total: int, judge: Judge, clock: Clock) -> Candidate:
    """Single computed steps moved while that lowers the error, every gap keeping its factors."""
    for _, candidate in descent(current, error, total, judge, clock):
        current = candidate
    return current


def descent(
    current: Candidate,
    error: float,
    total: int,
    judge: Judge,
    clock: Clock,
    corrected: Corrected = list,
) -> Iterator[tuple[float, Candidate]]:
    """Schedules of ever smaller error, and those, each by moving one computed step of the one before.

    Gaps keep their factors, until ``corrected`` changes those of a group.
    """
    rng, improved = np.random.default_rng(0), True
    while improved and not clock.over():
        improved = False
        moved = [relaid(current, one.computed, total) for one in moves(current, total, (), rng)]
        for group in groups(moved, judge.most):
            tried = [] if clock.over() else corrected(group)
            if not tried:
                break
            found, candidate = best_of(tried, judge, current)
            if found < error:
                current, error, improved = candidate, found, True
                yield error, current
                break


def by_gaps(starts: Sequence[Candidate], fitter: GapFitter, held_out: Judge, clock: Clock) -> Found | None:
    """The best on the held-out calls of schedules whose factors are fitted gap by gap, from ``starts`` on.

    None where that is not possible, or there was no time for one fit.
    """
    judge = fitter.judge
    fitted = fitter.fit(_ranked(starts, fitter, clock)[:KEPT], clock)
    error, current = min(fitted, key=lambda one: one[0], default=(math.inf, None))
    if not fitter.possible or current is None or math.isinf(error):
        return None
    best = Found(current, error, held_out.error(current))
    best.path.append({"error": error, "held_out": best.held_out})
    calls = max(1, len(judge.calls) // CORRECTING)

    def corrected(group: Sequence[Candidate]) -> Sequence[Candidate]:
        return fitter.corrected(group, clock, calls)

    for found, candidate in descent(current, error, fitter.total, judge, clock, corrected):
        checked = held_out.error(candidate)
        best.path.append({"error": found, "held_out": checked})
        if checked < best.held_out:
            best.candidate, best.error, best.held_out = candidate, found, checked
    return best


def _ranked(starts: Sequence[Candidate], fitter: GapFitter, clock: Clock) -> list[Candidate]:
    """The schedules with factors corrected on a few calls, by their error on those."""
    begun, calls = list(starts), max(1, len(fitter.judge.calls) // RANKING)
    for _ in range(2 if len(begun) > 1 else 0):
        begun = fitter.corrected(begun, clock, calls) or begun
        if not fitter.possible:
            return begun
    errors = {one: fitter.judge.error(one, calls=calls) for one in begun} if not clock.over() else {}
    return sorted(begun, key=lambda one: errors.get(one, math.inf))
