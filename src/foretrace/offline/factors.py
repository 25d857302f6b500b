"""The free numbers of a static schedule's forecasts: one factor for each increment and gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from foretrace.offline.judge import Candidate
from foretrace.predictor.scaled import ScaledLagrange

ORDER = 2
"""Increments that are scaled."""
STARTS = ((0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0))
"""Factors to begin with, the same in all gaps: reuse, half a line, a line, half a parabola, a parabola."""


@dataclass(frozen=True)
class Gap:
    """The skipped steps ``begin`` to ``end`` (exclusive), and which increment is scaled there, from 1."""

    begin: int
    end: int
    increment: int


def free_gaps(computed: Sequence[int], total: int, order: int = ORDER) -> tuple[Gap, ...]:
    """Where factors matter: in gaps with skipped steps, for increments that there are points for."""
    return tuple(
        Gap(newest + 1, following, k)
        for number, (newest, following) in enumerate(pairwise([*computed, total]))
        if following - newest > 1
        for k in range(1, min(order, number) + 1)
    )


def with_factors(
    computed: Sequence[int], total: int, gaps: Sequence[Gap], factors: Sequence[float], order: int = ORDER
) -> Candidate:
    """The schedule with ``factors[j]`` in ``gaps[j]``, to six digits, and a line where none is given.

    The computed step before a gap has its factors too: they say nothing there, but `transfer` to more steps
    may take them.
    """
    rows = [[1.0] + [0.0] * (order - 1) for _ in range(total)]
    for gap, factor in zip(gaps, factors, strict=True):
        for step in range(gap.begin - 1, gap.end):
            rows[step][gap.increment - 1] = round(factor, 6)
    return Candidate(tuple(computed), ScaledLagrange(tuple(map(tuple, rows))))


def forecaster(candidate: Candidate) -> ScaledLagrange:
    """The predictor that `with_factors` gave ``candidate``."""
    assert isinstance(candidate.predictor, ScaledLagrange)
    return candidate.predictor


def factors_of(candidate: Candidate, total: int) -> list[float]:
    """The factors that `with_factors` put into ``candidate``."""
    rows, order = forecaster(candidate).factors, forecaster(candidate).order
    return [rows[gap.begin - 1][gap.increment - 1] for gap in free_gaps(candidate.computed, total, order)]


def relaid(candidate: Candidate, computed: Sequence[int], total: int) -> Candidate:
    """Another schedule of as many steps, whose gaps have the factors of those of ``candidate``, in order."""
    rows = forecaster(candidate).factors
    laid = [
        rows[newest]
        for newest, (begin, end) in zip(candidate.computed, pairwise([*computed, total]), strict=True)
        for _ in range(begin, end)
    ]
    return Candidate(tuple(computed), ScaledLagrange(tuple(laid)))
