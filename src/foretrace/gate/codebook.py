"""Codebooks: from a rate of change to the number of steps until the next computed one (AdaCache)."""

from __future__ import annotations

import itertools
import math

from foretrace.errors import InvalidSetting

Codebook = tuple[tuple[float, int], ...]
"""Rows of (bound, interval), bounds rising: a rate below the bound is answered by the interval."""

CODEBOOKS: dict[str, Codebook] = {
    "fast": ((0.08, 6), (0.16, 5), (0.24, 4), (0.32, 3), (0.40, 2), (1.0, 1)),
    "slow": ((0.08, 3), (0.16, 2), (0.24, 1), (1.0, 1)),
    "fast-100": ((0.03, 12), (0.05, 10), (0.07, 8), (0.09, 6), (0.11, 4), (1.0, 3)),
}
"""As released: ``fast`` and ``slow`` for 30 steps, ``fast-100`` for 100 (Open-Sora)."""


def check_codebook(book: Codebook) -> None:
    """Raise `InvalidSetting` unless there is a row, the bounds rise from above 0, and intervals are >= 1."""
    bounds = [0.0, *(bound for bound, _ in book)]
    rising = all(a < b for a, b in itertools.pairwise(bounds))
    counts = all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for _, n in book)
    if not (book and rising and counts):
        raise InvalidSetting(
            f"codebook got {book}; expected rows (bound, interval) with rising bounds above 0 and intervals "
            "of at least 1. Sort them, or pass one of foretrace.gate.codebook.CODEBOOKS."
        )


def interval(book: Codebook, rate: float) -> int:
    """The interval of the first bound above ``rate``; beyond all of them the last one, for NaN 1."""
    if math.isnan(rate):
        return 1
    return next((steps for bound, steps in book if rate < bound), book[-1][1])
