"""Computed steps moved under fitted factors, and factors fitted again, in turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from foretrace.offline.factors import relaid
from foretrace.offline.gauss_newton import WORTH, Problem, fit_factors
from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.search import Clock, Found, best_of, groups, moves

MOVING = 0.5
"""The share of the time left for one series of moves; the fit has the rest."""


def alternate(computed: tuple[int, ...], total: int, judge: Judge, held_out: Judge, clock: Clock) -> Found:
    """Fit the factors of a schedule, move its steps, fit again, until that is not worth it or time is over.

    What comes out is the best on the held-out calls of all that was fitted.
    """
    best = fit_factors(Problem(computed, total, judge), held_out, clock)
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
    rng, improved = np.random.default_rng(0), True
    while improved and not clock.over():
        improved = False
        moved = [relaid(current, one.computed, total) for one in moves(current, total, (), rng)]
        for group in groups(moved, judge.most):
            if clock.over():
                break
            found, candidate = best_of(group, judge, current)
            if found < error:
                current, error, improved = candidate, found, True
                break
    return current
