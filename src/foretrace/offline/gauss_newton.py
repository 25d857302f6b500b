"""Factors of the forecasts' increments, fitted to the final samples of the cached run itself.

With the factors ``a`` of all gaps (`factors.py`) and the residual of every sample relative to its uncached
one, ``r_s(a) = (x_s(a) - x_s) / |x_s|``, what is minimised is the mean of ``|r_s|``, by damped Gauss-Newton
steps with weights ``w_s = 1 / (|r_s| + floor)``, which turn squares into norms:

    (sum_s w_s J_s' J_s + damping D) da = - sum_s w_s J_s' r_s,    J_s = dr_s / da by differences, D diagonal.

One run of every call for each factor gives J. The feedback of a forecast on all later features is in it,
since whole runs are compared; fitting each forecast to the uncached feature leaves it out and drifts.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from foretrace.offline.factors import STARTS, Gap, factors_of, free_gaps, with_factors
from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.search import Clock, Found, best_of, groups

DIFFERENCE = 0.1
"""The change of a factor in the difference that stands for a derivative."""
DAMPINGS = (1e-3, 1e-2, 1e-1, 1.0)
"""Tried in turn; the runs choose."""
ROUNDS = 3
"""Steps at most."""
WORTH = 0.98
"""A step that leaves more of the error than this is the last: the first takes most of what there is."""
STEPPING = 0.3
"""The share of the time left that is kept for trying steps once the derivatives are known."""
SINGULAR = 1e-9
"""Added to the matrix, as a share of its largest entry: a factor may have no effect."""
FLOOR = 0.3
"""The weights' floor, in medians of the samples' errors."""


@dataclass(frozen=True)
class Problem:
    """A schedule whose factors are sought, and the calls they are sought on."""

    computed: tuple[int, ...]
    total: int
    judge: Judge

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """Where there is a factor."""
        return free_gaps(self.computed, self.total)

    def candidate(self, factors: Sequence[float]) -> Candidate:
        """The schedule with ``factors``, one a gap and increment."""
        return with_factors(self.computed, self.total, self.gaps, factors)


def fit_factors(problem: Problem, held_out: Judge, clock: Clock, first: Candidate | None = None) -> Found:
    """The factors that are best on the held-out calls, of a few steps from those of ``first`` or the best of
    `STARTS`.
    """
    factors, error = start(problem, clock) if first is None else taken(problem, first)
    best = Found(problem.candidate(factors), error, held_out.error(problem.candidate(factors)))
    for _ in range(ROUNDS if problem.gaps else 0):
        normal = normal_equations(problem, factors, clock.part(1.0 - STEPPING))
        if normal is None:
            break
        factors, stepped = line_search(problem, factors, error, *normal, clock)
        if stepped >= error:
            break
        worth, error = stepped < WORTH * error, stepped
        checked = held_out.error(problem.candidate(factors))
        best.path.append({"error": error, "held_out": checked})
        if checked < best.held_out:
            best.candidate, best.error, best.held_out = problem.candidate(factors), error, checked
        if not worth:
            break
    return best


def taken(problem: Problem, first: Candidate) -> tuple[list[float], float]:
    """The factors of ``first`` and its error."""
    return factors_of(first, problem.total), problem.judge.error(first)


def start(problem: Problem, clock: Clock) -> tuple[list[float], float]:
    """The best of `STARTS`, and its error."""
    best, lowest, rival = list[float](), math.inf, None
    for row in STARTS:
        if rival is not None and clock.over():
            break
        factors = [row[gap.increment - 1] for gap in problem.gaps]
        candidate = problem.candidate(factors)
        error = problem.judge.error(candidate, rival)
        if rival is None or error < lowest:
            best, lowest, rival = factors, error, candidate
    return best, lowest


def normal_equations(
    problem: Problem, factors: Sequence[float], clock: Clock
) -> tuple[np.ndarray, np.ndarray] | None:
    """``sum_s w_s J_s' J_s`` (P, P) and ``sum_s w_s J_s' r_s`` (P,), over the calls that there was time for;
    None if there was time for none.
    """
    judge, at = problem.judge, problem.candidate(factors)
    floor = FLOOR * statistics.median(judge.each(at))
    left, right, calls = np.zeros((len(factors),) * 2), np.zeros(len(factors)), 0
    for number, reference in enumerate(judge.references):
        if clock.over():
            break
        base = judge.latents([at], number)[0]
        jacobian = derivatives(problem, factors, number, base, clock)
        if jacobian is None:
            break
        residual = relative(base - reference, reference)
        known = residual.isfinite().all(dim=1) & jacobian.isfinite().flatten(1).all(dim=1)
        residual, jacobian = residual[known], jacobian[known]
        weights = 1.0 / (residual.norm(dim=1) + floor)
        left += torch.einsum("s,sdp,sdq->pq", weights, jacobian, jacobian).numpy()
        right += torch.einsum("s,sdp,sd->p", weights, jacobian, residual).numpy()
        calls += 1
    return (left, right) if calls else None


def derivatives(
    problem: Problem, factors: Sequence[float], number: int, base: Tensor, clock: Clock
) -> Tensor | None:
    """``J_s`` of the samples of one call by differences: (samples, elements, P). None if the time is over.

    ``base`` are the call's latents with ``factors``.
    """
    judge, columns = problem.judge, []
    rows = [[a + DIFFERENCE * (i == j) for i, a in enumerate(factors)] for j in range(len(factors))]
    for group in groups([problem.candidate(row) for row in rows], judge.most):
        if clock.over():
            return None
        for latents in judge.latents(group, number):
            columns.append(relative(latents - base, judge.references[number]) / DIFFERENCE)
    return torch.stack(columns, dim=-1)


def relative(difference: Tensor, reference: Tensor) -> Tensor:
    """``difference`` over the norm of each sample of ``reference``: (samples, elements), float64."""
    norms = reference.flatten(1).double().norm(dim=1, keepdim=True)
    return difference.flatten(1).double() / norms.clamp(min=1e-30)


def line_search(
    problem: Problem, factors: list[float], error: float, left: np.ndarray, right: np.ndarray, clock: Clock
) -> tuple[list[float], float]:
    """The step of least error over several dampings, whole and half; no step where none is better."""
    best, lowest, rival = factors, error, problem.candidate(factors)
    scale, floor = left.diagonal(), SINGULAR * max(float(left.max()), 1e-30)
    tried = {}
    for damping in DAMPINGS:
        step = -np.linalg.solve(left + np.diag(damping * scale + floor), right)
        for share in (1.0, 0.5):
            row = [a + share * float(d) for a, d in zip(factors, step, strict=True)]
            tried[problem.candidate(row)] = row
    for number, group in enumerate(groups(list(tried), problem.judge.most)):
        if number and clock.over():
            break
        found, candidate = best_of(group, problem.judge, rival)
        if found < lowest:
            best, lowest, rival = tried[candidate], found, candidate
    return best, lowest
